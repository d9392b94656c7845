//! What comes out of a wrapper.

use std::fmt::{Display, Formatter, Result};

use super::Kind;
use crate::record::time::Stamp;

/// One line out of its wrappers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unwrapped<'a> {
    /// What the broker wrote, without line end.
    pub text: &'a [u8],
    /// A carriage return stood at its end, inside the wrappers.
    pub returns: bool,
    /// The text before rsyslog's escapes (`#012` and the like) were undone; none when it had no escapes.
    ///
    /// rsyslog doesn't escape its own mark, so a client ID that holds the characters `#012` looks the same as one that holds
    /// a line feed: what is captured from such a line is not certain, and a line feed in `text` is never the end of a record that
    /// the broker wrote.
    pub raw: Option<&'a [u8]>,
    /// When the collector says that it was written: of several wrappers the innermost that states a zone, else the innermost.
    pub stamp: Option<Stamp>,
    /// Who wrote it.
    pub stream: StreamId<'a>,
    /// The wrappers that it was in.
    pub kind: Kind,
}

/// Who wrote a line, as far as the wrapper says; all of it empty when there was none. Brokers that share a log differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId<'a> {
    /// Name of the container, service or task.
    pub container: &'a [u8],
    /// Name of the host.
    pub host: &'a [u8],
    /// Name of the program.
    pub ident: &'a [u8],
    /// Its process, in digits mostly.
    pub pid: &'a [u8],
}

impl<'a> StreamId<'a> {
    /// No wrapper named anybody.
    pub fn is_empty(&self) -> bool {
        [self.container, self.host, self.ident, self.pid].iter().all(|part| part.is_empty())
    }

    /// This, seen through what an inner wrapper says.
    pub(super) fn with(self, inner: StreamId<'a>) -> StreamId<'a> {
        let container = if inner.container.is_empty() { self.container } else { inner.container };
        let process = if inner.host.is_empty() && inner.ident.is_empty() { self } else { inner };
        StreamId { container, ..process }
    }
}

impl Display for StreamId<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let parts = [(self.container, ""), (self.host, " "), (self.ident, " "), (self.pid, "/")];
        let mut first = true;
        for (part, mark) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
            write!(f, "{}{}", if first { "" } else { mark }, part.escape_ascii())?;
            first = false;
        }
        Ok(())
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The broker's line, put together if it was split.
    Whole(Unwrapped<'a>),
    /// Part of a split line, kept until the rest comes.
    Held,
    /// The collector's own words (`-- Boot …`).
    Foreign,
    /// A line whose text the collector left out (`[64B blob data]`).
    Unreadable,
}
