//! Grammars: declarative files that say how one product's records look and what they mean.
//!
//! `pattern` reads the pattern language, `matcher` runs it (`walk` over a record; `values` knows what each kind accepts). `reader` and `load/` turn a file into a checked [`Grammar`]
//! (`product`; its parts are in `rule`, `way` and `form`) or into [`Faults`] with their places. `library` knows all grammars.

mod captures;
pub(crate) mod decode;
mod diagnostic;
mod ends;
mod fact;
mod form;
mod index;
mod install;
mod library;
pub mod literal;
mod load;
mod matcher;
mod pattern;
mod product;
mod reader;
mod rule;
mod shape;
mod step;
mod texts;
mod usual;
mod values;
mod walk;
mod way;

pub use captures::Captures;
pub use diagnostic::{Diagnostic, Faults, render};
pub use fact::{Fact, Kind};
pub use form::{Colours, Continues, EchoForm, Framing, Header, Key, Multiline, SecretForm, Structure, StructureFormat, Tells, Until};
pub use install::Install;
pub use library::{Library, LibraryError, Origin};
pub use load::{FORMAT, load, load_texts};
pub use matcher::Matcher;
pub(crate) use pattern::near;
pub use pattern::{Element, Pattern, PatternError};
pub use product::Grammar;
pub(crate) use reader::{Reader, Table, Text};
pub use rule::{Because, Outcome, Rule, Sample};
pub use texts::{Texts, TlsText};
pub use usual::{AcceptanceForm, OpeningForm, peer};
pub use values::ip;
pub(crate) use values::{accepts, longest};
pub use walk::Reached;
pub use way::{FieldPattern, Heard, How, Message, Named, Way};
