//! The form of a line: what is left of it when the client ID, the address and the values are taken out. A value is digits, and what
//! stands between the digits of a time or an address; a digit that stands alone is a letter like others.

use std::ops::Range;

use super::bytes::{copy_bytes, put, put_first};

/// In the form of a line: here stands the client ID.
const CLIENT: u8 = 1;
/// Here stands a value.
const VALUE: u8 = 2;
/// Here stands the address.
const ADDRESS: u8 = 3;
/// At its beginning: as many bytes as the next byte says are those of the line before.
const SAME: u8 = 4;
/// Behind a part: more of the same text, or nothing.
const NOTHING: u8 = 0;
/// A line with more values has no form.
const MOST_MARKS: usize = 32;
/// The stamps of two lines are no longer.
const STAMP: usize = 40;
/// Longer texts are several parts, so that each is copied quickly.
const PART: usize = 32;
/// So many bytes are compared at once.
const FEW: usize = 16;

/// A text, and where in it something else stands if it is the form of a line.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(super) bytes: Box<[u8]>,
    /// How much of the line before it begins with.
    same: usize,
    parts: Box<[Part]>,
}

/// A piece of text, and what stands behind it.
#[derive(Debug, Clone, Copy)]
struct Part {
    text: [u8; PART],
    length: u8,
    mark: u8,
    /// The bits of its bytes, where they are few enough to be compared at once.
    bits: u128,
}

impl Part {
    fn new(text: &[u8], mark: u8) -> Part {
        let bits = if text.len() < FEW { (1 << (8 * text.len())) - 1 } else { u128::MAX };
        let mut part = Part { text: [0; PART], length: text.len() as u8, mark, bits };
        part.text[..text.len()].copy_from_slice(text);
        part
    }

    #[inline]
    fn text(&self) -> &[u8] {
        &self.text[..usize::from(self.length).min(PART)]
    }

    /// What stands behind it in a text that begins with it.
    #[inline]
    fn strip_from<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let length = usize::from(self.length);
        match (text.first_chunk::<FEW>(), self.text.first_chunk::<FEW>()) {
            (Some(begins), Some(own)) if length <= FEW => {
                let differs = (u128::from_le_bytes(*begins) ^ u128::from_le_bytes(*own)) & self.bits;
                if differs == 0 { text.get(length..) } else { None }
            }
            _ => text.strip_prefix(self.text()),
        }
    }
}

/// What a line of a row is packed with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) client: &'a [u8],
    pub(super) address: &'a [u8],
    /// The line before; empty: none.
    pub(super) before: &'a [u8],
}

/// Where that stands in the text to which a line is added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) client: Range<usize>,
    pub(crate) address: Range<usize>,
    /// Where the line before begins.
    pub(crate) before: usize,
}

impl Form {
    pub(super) fn new(text: &[u8]) -> Form {
        Form::with(text, |part| part.to_vec())
    }

    /// The same form with its own text written in another way, by which no value and nothing of what [`is_same_everywhere`] changes.
    pub(crate) fn written(&self, mut write: impl FnMut(&mut Vec<u8>, &[u8])) -> Form {
        Form::with(&self.bytes, |part| {
            let mut written = Vec::new();
            write(&mut written, part);
            written
        })
    }

    fn with(text: &[u8], mut write: impl FnMut(&[u8]) -> Vec<u8>) -> Form {
        let (same, words) = match text {
            [SAME, same, words @ ..] => (usize::from(*same), words),
            _ => (0, text),
        };
        let mut parts = Vec::new();
        for piece in words.split_inclusive(|byte| is_mark(*byte)) {
            let (part, mark) = match piece.split_last() {
                Some((mark, part)) if is_mark(*mark) => (part, *mark),
                _ => (piece, NOTHING),
            };
            let written = write(part);
            let (whole, last) = written.as_chunks::<PART>();
            parts.extend(whole.iter().map(|text| Part::new(text, NOTHING)));
            parts.push(Part::new(last, mark));
        }
        Form { bytes: text.into(), same, parts: parts.into() }
    }

    /// Whether a line has this form; if so, its values are added.
    pub(super) fn fits(&self, line: &[u8], around: &Around<'_>, values: &mut Vec<u8>) -> bool {
        let Some((same, mut rest)) = line.split_at_checked(self.same) else { return false };
        if self.same > 0 && around.before.get(..self.same) != Some(same) {
            return false;
        }
        for part in &self.parts {
            let Some(after) = part.strip_from(rest) else { return false };
            rest = match part.mark {
                NOTHING => after,
                VALUE => {
                    let length = value(after);
                    if length == 0 {
                        return false;
                    }
                    put(values, length as u64);
                    put_first(values, after, length);
                    &after[length..]
                }
                mark => {
                    let name = if mark == CLIENT { around.client } else { around.address };
                    let Some(after) = after.strip_prefix(name) else { return false };
                    after
                }
            };
        }
        rest.is_empty()
    }

    /// Adds the line that has this form and these values.
    pub(crate) fn write(&self, out: &mut Vec<u8>, places: &Places, values: &mut &[u8]) {
        let copy = |out: &mut Vec<u8>, from: Range<usize>| {
            if from.start <= from.end && from.end <= out.len() {
                out.extend_from_within(from);
            }
        };
        if self.same > 0 {
            copy(out, places.before..places.before + self.same);
        }
        for part in &self.parts {
            let end = out.len() + usize::from(part.length);
            out.extend_from_slice(&part.text);
            out.truncate(end);
            match part.mark {
                NOTHING => {}
                VALUE => copy_bytes(out, values),
                CLIENT => copy(out, places.client.clone()),
                _ => copy(out, places.address.clone()),
            }
        }
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, CLIENT..=ADDRESS)
}

/// Divides a line into its form and its values. False: it holds bytes that a form cannot have, or too many values.
pub(super) fn split(line: &[u8], around: &Around<'_>, form: &mut Vec<u8>, values: &mut Vec<u8>) -> bool {
    let names = |at: usize| {
        let stands = |name: &[u8]| !name.is_empty() && line[at..].starts_with(name);
        let client = stands(around.client).then_some((CLIENT, around.client.len()));
        client.or_else(|| stands(around.address).then_some((ADDRESS, around.address.len())))
    };
    let same = stamp(line, around.before, |at| names(at).is_some());
    if same > 0 {
        form.extend([SAME, u8::try_from(same).unwrap_or(0)]);
    }
    let (mut done, mut at, mut marks) = (same, same, 0);
    while let Some(&byte) = line.get(at) {
        let length = if byte.is_ascii_digit() { value(&line[at..]) } else { 0 };
        let (mark, length) = match names(at) {
            Some(name) => name,
            None if length > 1 => {
                put(values, length as u64);
                put_first(values, &line[at..], length);
                (VALUE, length)
            }
            None if byte <= SAME => return false,
            None => {
                at += 1;
                continue;
            }
        };
        form.extend_from_slice(&line[done..at]);
        form.push(mark);
        marks += 1;
        if marks > MOST_MARKS {
            return false;
        }
        at += length;
        done = at;
    }
    form.extend_from_slice(&line[done..]);
    true
}

/// How many bytes, with whole values in them, two lines of one row begin with alike, before any name: mostly the time.
fn stamp(line: &[u8], before: &[u8], is_name: impl Fn(usize) -> bool) -> usize {
    let alike = line.iter().zip(before).take(STAMP).enumerate();
    let mut same = alike.take_while(|(at, (one, other))| one == other && is_same_everywhere(**one) && !is_name(*at)).count();
    let digit = |text: &[u8], at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    while same > 0 && digit(line, same - 1) && (digit(line, same) || digit(before, same)) {
        same -= 1;
    }
    if line[..same].iter().any(u8::is_ascii_digit) { same } else { 0 }
}

/// Whether a byte is never escaped, however a text is written.
fn is_same_everywhere(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\' | b'&' | b'<' | b'>')
}

/// How long the value is with which a text begins: 0: it does not begin with one.
#[inline]
fn value(text: &[u8]) -> usize {
    let mut length = digits(text);
    while let Some([between, next]) = text.get(length..).and_then(|rest| rest.first_chunk())
        && length > 0
        && matches!(between, b'.' | b':' | b'-' | b'T')
        && next.is_ascii_digit()
    {
        length += 1;
        length += digits(text.get(length..).unwrap_or_default());
    }
    length
}

/// With how many digits a text begins.
#[inline]
fn digits(text: &[u8]) -> usize {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let mut count = 0;
    while let Some(bytes) = text.get(count..).and_then(<[u8]>::first_chunk) {
        // Eight bytes at once: those of digits become numbers, the highest bit of what is no number below ten is set.
        let numbers = u64::from_le_bytes(*bytes) ^ (u64::from(b'0') * EACH);
        let others = (((numbers & (0x7f * EACH)) + 0x76 * EACH) | numbers) & (0x80 * EACH);
        if others > 0 {
            return count + others.trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    count + text[count..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}
