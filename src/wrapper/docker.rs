//! Docker's json-file driver: `{"log":"text\n","stream":"stdout","time":"2026-11-23T15:05:52.712830123Z"}`. Text of more than 16 KiB
//! is split; only the last part ends with a line feed.

use super::Layer;
use super::json::{Value, members};
use super::piece::StreamId;
use super::recognise::{Body, End, Head, Split};
use super::stamps::Reader;

/// A broker that logs JSON of its own has other members, or more.
pub(super) fn head<'a>(text: &'a [u8], reader: &Reader<'_>) -> Option<Head<'a>> {
    let (mut log, mut channel, mut time) = (None, None, None);
    let mut foreign = false;
    let whole = members(text, |key, value| match (key, value) {
        (b"log", Value::Quoted(inside)) if log.is_none() => log = Some(inside),
        (b"stream", Value::Quoted(inside)) if channel.is_none() => channel = Some(inside),
        (b"time", Value::Quoted(inside)) if time.is_none() => time = Some(inside),
        (b"attrs", Value::Other(_)) => {}
        _ => foreign = true,
    });
    let (Some(log), Some(time), true, false) = (log, time, whole, foreign) else {
        return None;
    };
    let (stamp, _) = reader.iso(time).filter(|(_, rest)| rest.is_empty())?;
    let split = Some(Split { channel: channel.unwrap_or_default(), end: End::LineFeed });
    Some(Head { layer: Layer::DockerJson, stamp: Some(stamp), stream: StreamId::default(), body: Body::Quoted(log), split })
}
