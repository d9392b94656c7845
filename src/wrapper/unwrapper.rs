//! Takes lines out of their wrappers.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::held::{Held, Owner, Parts};
use super::layer::Family;
use super::learned::{LOG, Learned, writer};
use super::recognise::{Body, End, Head, recognise};
use super::stamps::{Reader, Stamps};
use super::{HeldCounts, Kind, Piece, Unwrapped, json, octal};
use crate::model::Millis;

/// A buffer that a long line made larger than this is given back.
const KEPT_CAPACITY: usize = 64 * 1024;

/// Docker splits texts of 16 KiB, and none that is shorter.
const SHORTEST_SPLIT: usize = 8 << 10;

/// Kubernetes' runtimes mark the parts of a text, which may be of any length.
pub const SPLIT_MARKS: [&[u8]; 2] = [b"stdout P", b"stderr P"];

/// How a log's wrappers hide texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hides {
    /// A line of so many bytes may be a part of a text that the wrapper split: none that long may be left out. Others that are parts
    /// hold one of [`SPLIT_MARKS`].
    pub long: Option<usize>,
    /// journalctl's JSON writes what is not printable as a list of numbers, an escape in it may stand for any character, and it has marks of
    /// its own for parts.
    pub journal: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines that journalctl adds.
const BANNERS: [&[u8]; 5] = [b"-- Boot ", b"-- Reboot --", b"-- Logs begin at ", b"-- Journal begins at ", b"-- No entries --"];

/// Takes the lines of one log out of their wrappers, whatever these are.
///
/// A wrapper must show itself within the first eight lines that [`Unwrapper::line`] is given: give it the first lines of a log even
/// when they are of no interest, and those of a log that is not [`Unwrapper::searchable`] always. The same goes for a wrapper within a
/// wrapper, for each program on its own. What was learned is part of the [`Snapshot`] and outlives a rotation;
/// [`Unwrapper::forget`] is for a log that may have another wrapper from now on.
#[derive(Debug)]
pub struct Unwrapper {
    stamps: Stamps,
    learned: Learned,
    /// Of that, what is asked for at each line: the log's lines are known to be in no wrapper.
    bare: bool,
    parts: Parts,
    ended: Held,
    buffers: [Vec<u8>; Kind::DEEPEST + 1],
}

/// What an [`Unwrapper`] must remember across a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    learned: Learned,
    parts: Parts,
}

impl Unwrapper {
    /// For a log whose stamps, where they don't say their zone, are of this one.
    pub fn new(zone: TimeZone) -> Unwrapper {
        Unwrapper::restore(zone, Snapshot::default())
    }

    /// Goes on where [`Unwrapper::snapshot`] was taken.
    pub fn restore(zone: TimeZone, snapshot: Snapshot) -> Unwrapper {
        Unwrapper {
            stamps: Stamps::new(zone),
            bare: snapshot.learned.bare(),
            learned: snapshot.learned,
            parts: snapshot.parts.restored(),
            ended: Held::default(),
            buffers: Default::default(),
        }
    }

    /// What to give to [`Unwrapper::restore`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { learned: self.learned.clone(), parts: self.parts.clone() }
    }

    /// Takes one line, without its line feed, out of its wrappers.
    ///
    /// `reference` is when the log was last written, or else when the line is read, in milliseconds since the epoch: for stamps without year.
    pub fn line<'a>(&'a mut self, line: &'a [u8], reference: Millis) -> Piece<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        self.bare = self.is_bare();
        if self.bare {
            return if is_blob(line) { Piece::Unreadable } else { Piece::Whole(Unwrapped { text: line, ..Unwrapped::default() }) };
        }
        if line.starts_with(b"-- ")
            && self.learned.allowed(LOG).has(Family::Syslog)
            && BANNERS.iter().any(|banner| line.starts_with(banner))
        {
            return Piece::Foreign;
        }
        let reader = Reader { stamps: &self.stamps, reference };
        let mut work = Work { reader, learned: &mut self.learned, parts: &mut self.parts };
        work.peel(line, &mut self.buffers, Unwrapped::default())
    }

    /// The next beginning of a split line whose end did not come, the oldest first; none when there are no more. For the end of a log.
    pub fn flush(&mut self, reference: Millis) -> Option<Piece<'_>> {
        self.ended = self.parts.pop()?;
        let Held { text, stamp, kind, writer, .. } = &self.ended;
        let outer = Unwrapped { stamp: *stamp, kind: *kind, stream: writer.stream(), ..Unwrapped::default() };
        let reader = Reader { stamps: &self.stamps, reference };
        let mut work = Work { reader, learned: &mut self.learned, parts: &mut self.parts };
        Some(work.peel(text, &mut self.buffers, outer))
    }

    /// Learns the log's wrappers anew. Parts of split lines are kept.
    pub fn forget(&mut self) {
        (self.learned, self.bare) = (Learned::default(), false);
    }

    /// The log's wrappers are known: the raw bytes may be searched for what is of interest, and the other lines left out, but for those
    /// that [`Unwrapper::hides`] tells. Otherwise every line is needed, because a part of a text is held.
    pub fn searchable(&self) -> bool {
        (self.bare || self.learned.settled() && self.learned.nameless_settled()) && !self.parts.any()
    }

    /// The log's lines are known to be in no wrapper.
    pub fn is_bare(&self) -> bool {
        self.bare || self.learned.bare()
    }

    /// Whether this line, without its line end, is in no wrapper, and stands for itself as it is.
    pub fn is_plain(&self, line: &[u8]) -> bool {
        self.is_bare() && !line.ends_with(b"\r") && !line.starts_with(BYTE_ORDER_MARK) && !is_blob(line)
    }

    /// All lines are one writer's, as far as the wrappers tell, and which wrappers there are is settled.
    pub fn is_one_writers(&self) -> bool {
        self.is_bare() || self.learned.one_writer()
    }

    /// Which lines may hold a text that does not stand in them in plain words.
    pub fn hides(&self) -> Hides {
        if self.is_bare() {
            return Hides::default();
        }
        Hides { long: self.learned.splitting().then_some(SHORTEST_SPLIT), journal: self.learned.journal() }
    }

    /// What did not fit since the log was begun.
    pub fn counts(&self) -> HeldCounts {
        self.parts.counts
    }
}

/// All that the way of a line needs, but for the buffers that hold its text.
struct Work<'w> {
    reader: Reader<'w>,
    learned: &'w mut Learned,
    parts: &'w mut Parts,
}

impl Work<'_> {
    /// Takes `text` out of the wrappers that are left around it. Each wrapper that rewrites the text does so in a buffer of its own.
    fn peel<'a>(&mut self, text: &'a [u8], buffers: &'a mut [Vec<u8>], outer: Unwrapped<'a>) -> Piece<'a> {
        let depth = outer.kind.depth();
        if depth >= Kind::DEEPEST || text.is_empty() {
            return finish(text, buffers, outer);
        }
        let writer = writer(depth, &outer.stream);
        let allowed = self.learned.allowed(writer);
        let head = if allowed.is_empty() { None } else { recognise(text, allowed, &self.reader) };
        self.learned.note(writer, head.map(|head| head.layer.family()));
        let Some(head) = head else {
            return finish(text, buffers, outer);
        };
        let Some((buffer, buffers)) = buffers.split_first_mut() else {
            return Piece::Whole(Unwrapped { text, ..outer });
        };
        match self.open(&head, buffer, &outer) {
            Opened::Text(text, inner) => self.peel(text, buffers, inner),
            Opened::Held => Piece::Held,
            Opened::Missing => Piece::Unreadable,
            Opened::NoWrapper => finish(text, buffers, outer),
        }
    }

    /// The text inside one wrapper, put together if it was split.
    fn open<'a>(&mut self, head: &Head<'a>, buffer: &'a mut Vec<u8>, outer: &Unwrapped<'a>) -> Opened<'a> {
        let mut inner = *outer;
        inner.kind = outer.kind.with(head.layer);
        inner.stream = outer.stream.with(head.stream);
        if head.stamp.is_some_and(|stamp| stamp.zoned || !outer.stamp.is_some_and(|outer| outer.zoned)) {
            inner.stamp = head.stamp;
        }
        clear(buffer);
        let read = match head.body {
            Body::Text(_) => true,
            Body::Quoted(inside) => json::unquote(inside, buffer),
            Body::Numbers(array) => json::numbers(array, buffer),
            Body::Missing => return Opened::Missing,
        };
        if !read {
            return Opened::NoWrapper;
        }
        let Some(split) = head.split else {
            return match head.body {
                Body::Text(text) => Opened::Text(text, inner),
                _ => Opened::Text(buffer, inner),
            };
        };
        let owner = Owner { stream: inner.stream, channel: split.channel, kind: inner.kind, stamp: inner.stamp };
        let part = if let Body::Text(text) = head.body { text } else { buffer.as_slice() };
        let here = split.end == End::Here || split.end == End::LineFeed && part.ends_with(b"\n");
        if !here {
            self.parts.keep(&owner, part);
            return Opened::Held;
        }
        match (self.parts.complete(&owner, part), head.body) {
            (Some(whole), _) => {
                inner.stamp = whole.stamp.or(inner.stamp);
                *buffer = whole.text;
                without_line_end(buffer, inner)
            }
            (None, Body::Text(text)) => without_line_end(text, inner),
            (None, _) => without_line_end(buffer, inner),
        }
    }
}

enum Opened<'a> {
    Text(&'a [u8], Unwrapped<'a>),
    Held,
    Missing,
    /// It looked like one and is none.
    NoWrapper,
}

/// The broker's text, as it stands when no wrapper is left.
fn finish<'a>(text: &'a [u8], buffers: &'a mut [Vec<u8>], outer: Unwrapped<'a>) -> Piece<'a> {
    if is_blob(text) {
        return Piece::Unreadable;
    }
    let (text, outer) = without_return(text, outer);
    let plain = Piece::Whole(Unwrapped { text, ..outer });
    let syslog = outer.kind.layers().any(|layer| layer.family() == Family::Syslog);
    let Some(buffer) = buffers.first_mut().filter(|_| syslog) else {
        return plain;
    };
    clear(buffer);
    if octal::unescape(text, buffer) { Piece::Whole(Unwrapped { text: buffer, raw: Some(text), ..outer }) } else { plain }
}

/// `[64B blob data]`: journalctl's words for what isn't printable.
fn is_blob(text: &[u8]) -> bool {
    let size = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b" blob data]"));
    let digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'B' | b'K' | b'M' | b'G');
    size.is_some_and(|size| size.first().is_some_and(u8::is_ascii_digit) && size.len() <= 8 && size.iter().all(digit))
}

fn without_line_end<'a>(text: &'a [u8], inner: Unwrapped<'a>) -> Opened<'a> {
    let (text, inner) = without_return(text.strip_suffix(b"\n").unwrap_or(text), inner);
    Opened::Text(text, inner)
}

/// A carriage return may be a part of the line's end, or of a client's words: who takes the line in is told of it.
fn without_return<'a>(text: &'a [u8], inner: Unwrapped<'a>) -> (&'a [u8], Unwrapped<'a>) {
    match text.strip_suffix(b"\r") {
        Some(text) => (text, Unwrapped { returns: true, ..inner }),
        None => (text, inner),
    }
}

fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_CAPACITY);
}
