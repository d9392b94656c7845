//! The form of a line: what is left of it when the client ID and the numbers are taken out.

use super::bytes::put;

/// In the form of a line: here stands the client ID.
pub(super) const CLIENT: u8 = 1;
/// In the form of a line: here stands a number.
pub(super) const NUMBER: u8 = 2;
/// Longer numbers do not fit.
const DIGITS: usize = 18;

/// A text, and where in it something else stands if it is the form of a line.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) bytes: Box<[u8]>,
    marks: Box<[u16]>,
}

impl Text {
    pub(super) fn new(text: &[u8]) -> Text {
        let marks = (0..).zip(text).filter(|(_, byte)| **byte <= NUMBER).map(|(at, _)| at).collect();
        Text { bytes: text.into(), marks }
    }

    /// The parts between the marks, each with the mark behind it; and what follows the last one.
    pub(super) fn parts(&self) -> (impl Iterator<Item = (&[u8], u8)>, &[u8]) {
        let mut begin = 0;
        let parts = self.marks.iter().map(move |mark| {
            let (from, mark) = (begin, usize::from(*mark));
            begin = mark + 1;
            (&self.bytes[from..mark], self.bytes[mark])
        });
        (parts, &self.bytes[self.marks.last().map_or(0, |mark| usize::from(*mark) + 1)..])
    }

    /// Whether a line has this form, with its numbers if so.
    pub(super) fn is_form_of(&self, mut line: &[u8], client: &[u8], numbers: &mut Vec<u8>) -> bool {
        let (parts, last) = self.parts();
        for (part, mark) in parts {
            let Some(rest) = line.strip_prefix(part) else { return false };
            let after = if mark == CLIENT { rest.strip_prefix(client) } else { put_number(rest, numbers) };
            let Some(after) = after else { return false };
            line = after;
        }
        line == last
    }
}

/// Divides a line into its form and its numbers. False: it holds bytes that a form cannot have.
pub(super) fn split(line: &[u8], client: &[u8], form: &mut Vec<u8>, numbers: &mut Vec<u8>) -> bool {
    // The client ID is looked for where its first byte stands; a digit stands for the first byte of an empty one.
    let first = client.first().copied().unwrap_or(b'0');
    let (mut done, mut at) = (0, 0);
    while let Some(&byte) = line.get(at) {
        if byte == first && !client.is_empty() && line[at..].starts_with(client) {
            form.extend_from_slice(&line[done..at]);
            form.push(CLIENT);
            at += client.len();
        } else if byte.is_ascii_digit() {
            form.extend_from_slice(&line[done..at]);
            form.push(NUMBER);
            let Some(after) = put_number(&line[at..], numbers) else { return false };
            at = line.len() - after.len();
        } else if byte <= NUMBER {
            return false;
        } else {
            at += 1;
            continue;
        }
        done = at;
    }
    form.extend_from_slice(&line[done..]);
    true
}

/// Puts down the number with which a text begins: its value, and its length if it begins with noughts. What follows it; none: it
/// does not begin with one.
fn put_number<'t>(text: &'t [u8], numbers: &mut Vec<u8>) -> Option<&'t [u8]> {
    let (mut value, mut length) = (0, 0);
    while let Some(digit) = text.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        && length < DIGITS
    {
        value = value * 10 + u64::from(digit);
        length += 1;
    }
    let padded = text.first() == Some(&b'0') && length > 1;
    put(numbers, value << 1 | u64::from(padded));
    if padded {
        put(numbers, length as u64);
    }
    (length > 0).then(|| &text[length..])
}
