//! The commands: each takes its arguments and a [`Console`], and ends well or with a [`CliError`] that knows its exit code.
//!
//! Exit codes: 0 fine, 1 a failure of the work, 2 wrong usage or configuration.

pub mod check;
pub mod client;
pub mod console;
pub mod delete;
mod error;
pub mod list;
mod probe;
pub mod table;
pub mod token;

pub use console::Console;
pub use error::CliError;
