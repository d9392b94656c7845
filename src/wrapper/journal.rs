//! `journalctl -o json`: one object per record, each field a string, or an array of byte numbers when it isn't UTF-8, or null when
//! it is too long.

use super::Layer;
use super::json::{Value, members};
use super::piece::StreamId;
use super::recognise::{Body, End, Head, Split};
use crate::record::time::Stamp;

/// What is read of a record. Names are taken as they stand in the line: one with an escape still tells writers apart.
#[derive(Default)]
struct Record<'a> {
    message: Option<Body<'a>>,
    received: Option<&'a [u8]>,
    written: Option<&'a [u8]>,
    host: &'a [u8],
    ident: &'a [u8],
    command: &'a [u8],
    pid: &'a [u8],
    container: &'a [u8],
    split: bool,
}

impl<'a> Record<'a> {
    fn set(&mut self, key: &[u8], value: Value<'a>) {
        if key == b"MESSAGE" {
            self.message.get_or_insert(match value {
                Value::Quoted(inside) => Body::Quoted(inside),
                Value::Array(array) => Body::Numbers(array),
                Value::Other(_) => Body::Missing,
            });
        }
        let Value::Quoted(inside) = value else {
            return;
        };
        match key {
            b"__REALTIME_TIMESTAMP" => self.received = Some(inside),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.written = Some(inside),
            b"_HOSTNAME" => self.host = inside,
            b"SYSLOG_IDENTIFIER" => self.ident = inside,
            b"_COMM" => self.command = inside,
            b"_PID" => self.pid = inside,
            b"CONTAINER_NAME" => self.container = inside,
            // Docker's journald driver and systemd each mark a part that isn't the last.
            b"CONTAINER_PARTIAL_MESSAGE" => self.split |= inside == b"true",
            b"_LINE_BREAK" => self.split |= inside == b"line-max",
            _ => {}
        }
    }
}

/// Docker also marks the last part as one: `CONTAINER_PARTIAL_LAST`, without `CONTAINER_PARTIAL_MESSAGE`.
pub(super) fn head(text: &[u8]) -> Option<Head<'_>> {
    let mut record = Record::default();
    if !members(text, |key, value| record.set(key, value)) {
        return None;
    }
    let received = record.received.and_then(stamp)?;
    let stamp = record.written.and_then(stamp).unwrap_or(received);
    let ident = if record.ident.is_empty() { record.command } else { record.ident };
    let stream = StreamId { container: record.container, host: record.host, ident, pid: record.pid };
    let split = Some(Split { channel: b"", end: if record.split { End::Later } else { End::Here } });
    Some(Head { layer: Layer::JournalJson, stamp: Some(stamp), stream, body: record.message?, split })
}

/// Microseconds since the epoch.
fn stamp(digits: &[u8]) -> Option<Stamp> {
    let micros = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    Some(Stamp { millis: i64::try_from(micros / 1000).ok()?, zoned: true, precise: true, guessed: false })
}
