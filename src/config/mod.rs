//! The configuration: an optional TOML file, and what the command line gives in its place.
//!
//! [`Raw::read`] reads the text and notes every fault with its place, [`Raw::check`] adds what only the grammars and the
//! command line can tell and makes a [`Config`] of it, and [`load`] does both with the files of this machine. A fault never
//! hides another one: all are shown in one run.

mod args;
mod check;
mod error;
mod listener;
mod load;
mod model;
mod name;
mod read;
mod read_output;
mod system_zone;
mod value;

#[cfg(test)]
mod tests;

pub use args::{ConfigArgs, LogArg};
pub use error::ConfigError;
pub use listener::{ListenerConfig, RuleError};
pub use load::{DEFAULT_FILE, DEFAULT_GRAMMARS, Disk, Files, Loaded, load};
pub use model::{Config, DEFAULT_DATABASE, DEFAULT_MAX_LINE, Level, LogFormat, SourceConfig, Start, default_listen};
pub use read::Raw;
pub(crate) use system_zone::system_zone;
pub(crate) use value::name_fault;
pub use value::{listen, retention, zone};
