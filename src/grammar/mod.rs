//! Grammars: declarative files that say how one product's records look and what they mean.
//!
//! `pattern` reads the pattern language, `matcher` runs it, `reader` and `load` turn a file into a checked [`Grammar`] or
//! into [`Faults`] with their places, `library` knows all grammars.

mod captures;
pub(crate) mod decode;
mod diagnostic;
mod ends;
mod fact;
mod index;
mod install;
mod library;
pub mod literal;
mod load;
mod load_record;
mod matcher;
mod pattern;
mod reader;
mod rule;
mod texts;

pub use captures::Captures;
pub use diagnostic::{Diagnostic, Faults, render};
pub use fact::{Fact, Kind};
pub use install::Install;
pub use library::{Library, LibraryError, Origin};
pub use load::{FORMAT, load, load_texts};
pub use matcher::{Matcher, Reached, ip};
pub(crate) use matcher::{accepts, longest};
pub(crate) use pattern::near;
pub use pattern::{Element, Pattern, PatternError};
pub(crate) use reader::{Reader, Table, Text};
pub use rule::{
    Because, Colours, Continues, EchoForm, FieldPattern, Framing, Grammar, Header, Heard, How, Key, Message, Multiline, Outcome, Rule,
    Sample, SecretForm, Structure, StructureFormat, Tells, Until, Way,
};
pub use texts::{Texts, TlsText};
