//! Which wrapper a line is in.

use super::layer::{Families, Family};
use super::piece::StreamId;
use super::stamps::Reader;
use super::{Layer, container, docker, journal, prefix, syslog};
use crate::record::time::Stamp;

/// A wrapper taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) layer: Layer,
    pub(super) stamp: Option<Stamp>,
    pub(super) stream: StreamId<'a>,
    pub(super) body: Body<'a>,
    /// The wrapper splits lines.
    pub(super) split: Option<Split<'a>>,
}

/// What was inside.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    /// Text as it is.
    Text(&'a [u8]),
    /// What stands between the quotes of a JSON string.
    Quoted(&'a [u8]),
    /// A JSON array of byte numbers.
    Numbers(&'a [u8]),
    /// The collector left it out.
    Missing,
}

/// How the wrapper splits lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<'a> {
    /// stdout or stderr: their parts mix.
    pub(super) channel: &'a [u8],
    pub(super) end: End,
}

/// Whether a line ends with this part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It does.
    Here,
    /// It doesn't.
    Later,
    /// It does if the text ends with a line feed.
    LineFeed,
}

impl<'a> Head<'a> {
    /// A wrapper around plain text.
    pub(super) fn plain(layer: Layer, stamp: Option<Stamp>, stream: StreamId<'a>, text: &'a [u8]) -> Head<'a> {
        Head { layer, stamp, stream, body: Body::Text(text), split: None }
    }
}

/// Takes the outermost wrapper apart, if it is one of these. The first byte decides which are worth a try.
pub(super) fn recognise<'a>(text: &'a [u8], allowed: Families, reader: &Reader<'_>) -> Option<Head<'a>> {
    let family = |family, parse: &dyn Fn() -> Option<Head<'a>>| if allowed.has(family) { parse() } else { None };
    let syslog = || family(Family::Syslog, &|| syslog::head(text, reader));
    match text.first()? {
        b'{' => family(Family::DockerJson, &|| docker::head(text, reader)).or_else(|| family(Family::JournalJson, &|| journal::head(text))),
        // json-seq puts a record separator first.
        0x1e => family(Family::JournalJson, &|| journal::head(text.get(1..)?)),
        b'<' => syslog().or_else(|| family(Family::Priority, &|| syslog::priority(text))),
        b'0'..=b'9' => family(Family::Cri, &|| container::cri(text, reader))
            .or_else(syslog)
            .or_else(|| family(Family::DockerStamp, &|| container::docker_stamp(text, reader)))
            .or_else(|| family(Family::Prefix, &|| prefix::compose(text))),
        b'[' | 0x1b | b'A'..=b'Z' | b'a'..=b'z' => syslog().or_else(|| family(Family::Prefix, &|| prefix::head(text))),
        _ => None,
    }
}
