//! What every output does.

use super::file::FileOutput;
use super::hook::Hook;
use super::syslog::Syslog;
use super::{Format, OutputConfig, Target};
use crate::store::StoredEvent;

/// What came of handing events to an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// So many from the first on are done with.
    pub done: usize,
    /// Of these, so many were passed over: there was nothing to be done about them.
    pub skipped: usize,
    /// Of these, so many were given up.
    pub failed: usize,
}

/// Takes events.
pub trait Deliver: Send {
    /// Tells these events, or the first of them.
    ///
    /// # Errors
    /// Nothing of them is told for certain; why, for the log. They are handed in again later.
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String>;

    /// How many it is handed at once.
    fn at_once(&self) -> usize {
        500
    }

    /// How long to wait before it is handed more.
    fn rest(&mut self) -> Option<std::time::Duration> {
        None
    }
}

/// What is behind a target.
pub(super) fn open(config: &OutputConfig, clock: std::sync::Arc<dyn crate::clock::Clock>) -> Box<dyn Deliver> {
    match &config.target {
        Target::Stdout(format) => Box::new(Stdout { format: *format }),
        Target::Syslog(format) => Box::new(Syslog::new(*format, clock)),
        Target::File(path, format) => Box::new(FileOutput::new(path.clone(), *format)),
        Target::Hook(hook) => Box::new(Hook::new(config.name.clone(), hook.clone(), clock)),
    }
}

/// Lines of all these events.
pub(super) fn lines(format: Format, events: &[StoredEvent]) -> Vec<u8> {
    let mut text = Vec::with_capacity(events.len() * 384);
    for event in events {
        text.extend_from_slice(format.line(event).as_bytes());
        text.push(b'\n');
    }
    text
}

struct Stdout {
    format: Format,
}

impl Deliver for Stdout {
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String> {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        out.write_all(&lines(self.format, events))
            .and_then(|()| out.flush())
            .map_err(|error| format!("cannot write to standard output: {error}"))?;
        Ok(Delivered { done: events.len(), ..Delivered::default() })
    }
}
