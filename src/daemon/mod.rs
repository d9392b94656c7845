//! The daemon: one thread reads the logs and writes the store, another serves the API.
//!
//! `log` is one log from bytes to attempts, `source` all logs of one source, `ingest` the loop over the sources with its
//! commits, `change` what becomes of them when the configuration changes, `status` what the API shows of them.

mod change;
mod ingest;
mod join;
mod log;
mod rest;
mod source;
mod status;

pub use change::{Change, Changed, Changer};
pub use ingest::{Finder, Ingest, IngestError};
pub use source::SourceConfig;
pub use status::Shared;
