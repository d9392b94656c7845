//! Tells others of refused attempts: a line each to standard output, a file or syslog, a command or a webhook for each.
//!
//! Events are written to the store with the rows (`store/sqlite/outbox.rs`) and told from there, by one thread for each output,
//! which notes how far it got. So each is told at least once, also over crashes, and one that is told twice has the same id. An
//! event settles for two seconds first: what the log says just after often makes an address certain, or takes a forged one back.

mod command;
mod deliver;
mod file;
mod format;
mod hook;
mod notice;
mod syslog;
mod webhook;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

pub use deliver::{Deliver, Delivered};
pub use format::Format;
pub use notice::Notice;
pub use worker::Outputs;

use crate::model::Millis;

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputConfig {
    /// Its name: its place in the queue is kept under it.
    pub name: String,
    /// What it is.
    pub target: Target,
}

/// What takes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A line for each on standard output.
    Stdout(Format),
    /// The same to the local syslog socket, which rsyslog or journald serves.
    Syslog(Format),
    /// The same at the end of a file, which is opened anew when it was moved away.
    File(PathBuf, Format),
    /// A command or a request for each attempt whose address is certain.
    Hook(HookConfig),
}

/// What is done about each refused attempt whose address is certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookConfig {
    /// What is done.
    pub action: Action,
    /// At most so often; the others wait.
    pub per_minute: u32,
    /// It is ended after this.
    pub timeout: Duration,
    /// Attempts older than this are passed over: they are of a log that is read for the first time, or were held up.
    pub max_age: Millis,
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Runs a program, without a shell: its path and arguments.
    Command(Vec<String>),
    /// Posts to an address, `http://HOST[:PORT]/PATH`.
    Post(hyper::Uri),
}
