//! The commands, one file each. Those that talk to people or to the daemon take a [`Console`], so that tests can stand in for both,
//! and fail with a [`CliError`] that knows its exit code.
//!
//! Exit codes: 0 fine, 1 a failure of the work, 2 wrong usage or configuration.

pub mod arguments;
pub mod check;
pub mod client;
mod client_error;
pub mod common;
pub mod console;
pub mod delete;
mod error;
mod events;
pub mod explain;
mod filter_args;
mod found;
pub mod grammar;
mod grammar_list;
pub mod list;
mod probe;
mod progress;
pub mod replay;
pub mod run;
mod server;
pub mod table;
pub mod token;
mod trust;
mod watch;

pub use console::Console;
pub use error::CliError;
