//! What a caller may take.

use std::time::Duration;

/// The limits of the server. Everything has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's line and headers.
    pub header_bytes: usize,
    /// Bytes of the path and query.
    pub uri_bytes: usize,
    /// Bytes of a body; none is used, this much is read and thrown away.
    pub body_bytes: usize,
    /// Bytes of one text filter.
    pub filter_bytes: usize,
    /// Connections at a time for each listener.
    pub connections: usize,
    /// Event streams at a time for each listener; each takes a connection.
    pub streams: usize,
    /// Rows on a page.
    pub page_size: u32,
    /// Time for a whole header to come; also how long a connection may stay idle.
    pub header_read: Duration,
    /// Time for a body to come.
    pub body_read: Duration,
    /// How long a caller may leave an answer unread.
    pub write_stall: Duration,
    /// How long after an event the next one may come: what changes in between is told together.
    pub event_pause: Duration,
    /// After how long without a change an event stream says that it is there.
    pub heartbeat: Duration,
    /// Time for open requests to end when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            header_bytes: 16 * 1024,
            uri_bytes: 12 * 1024,
            body_bytes: 64 * 1024,
            filter_bytes: 1024,
            connections: 64,
            streams: 32,
            page_size: 1_000,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            event_pause: Duration::from_millis(200),
            heartbeat: Duration::from_secs(15),
            drain: Duration::from_secs(5),
        }
    }
}
