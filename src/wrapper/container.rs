//! What container runtimes put before each line.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till1};

use super::Layer;
use super::piece::StreamId;
use super::recognise::{Body, End, Head, Split};
use super::stamps::Reader;

/// `docker logs -t` always writes nanoseconds and `Z`: bytes of the stamp. A broker's own header of that form would be taken for
/// it; none is known.
const NANOSECOND_STAMP: usize = 30;

/// `2026-11-23T15:05:52.123456789+00:00 stdout F text`; `P` in place of `F` when the line goes on.
pub(super) fn cri<'a>(text: &'a [u8], reader: &Reader<'_>) -> Option<Head<'a>> {
    let (stamp, rest) = reader.iso(text)?;
    let rest = rest.strip_prefix(b" ")?;
    let channel = alt((tag::<_, _, ()>(&b"stdout"[..]), tag(&b"stderr"[..])));
    let (rest, (channel, _, tags)) = (channel, tag(&b" "[..]), take_till1(|byte| byte == b' ')).parse(rest).ok()?;
    let end = match tags {
        [b'F'] | [b'F', b':', ..] => End::Here,
        [b'P'] | [b'P', b':', ..] => End::Later,
        _ => return None,
    };
    let text = rest.strip_prefix(b" ").unwrap_or(rest);
    let split = Some(Split { channel, end });
    Some(Head { layer: Layer::Cri, stamp: Some(stamp), stream: StreamId::default(), body: Body::Text(text), split })
}

/// `2026-11-23T15:05:52.712830123Z text`
pub(super) fn docker_stamp<'a>(text: &'a [u8], reader: &Reader<'_>) -> Option<Head<'a>> {
    let (stamp, rest) = reader.iso(text)?;
    let written = text.get(..text.len() - rest.len()).filter(|stamp| stamp.len() == NANOSECOND_STAMP && stamp.ends_with(b"Z"))?;
    let text = rest.strip_prefix(b" ").filter(|_| written.get(19) == Some(&b'.'))?;
    Some(Head::plain(Layer::DockerStamp, Some(stamp), StreamId::default(), text))
}
