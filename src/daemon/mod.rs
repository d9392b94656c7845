//! The daemon: one thread reads the logs and writes the store, another serves the API.
//!
//! `log` is one log from bytes to attempts, `source` all logs of one source, `ingest` the loop over the sources with its
//! commits, `status` what the API shows of them.

mod ingest;
mod join;
mod log;
mod rest;
mod source;
mod status;

pub use ingest::{Finder, Ingest, IngestError};
pub use source::SourceConfig;
pub use status::Shared;
