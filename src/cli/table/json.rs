//! Rows as JSON.

use std::borrow::{Borrow, Cow};
use std::io::{self, Write};

use super::lines::Lines;
use crate::model::{ClientKey, Row};
use crate::store::Packer;
use crate::text::{all, is_unsafe};

/// One array, one field per line.
pub(super) fn array<R: Borrow<Row>>(out: &mut dyn Write, rows: impl Iterator<Item = R>) -> io::Result<()> {
    let (mut before, mut after) = ("[\n  ", "[]");
    for row in rows {
        let object = serde_json::to_string_pretty(row.borrow())?.replace('\n', "\n  ");
        write!(out, "{before}{}", armoured(&object))?;
        (before, after) = (",\n  ", "\n]");
    }
    writeln!(out, "{after}")
}

/// One object per line.
pub(super) fn lines<R: Borrow<Row>>(out: &mut dyn Write, mut rows: impl Iterator<Item = R>) -> io::Result<()> {
    let (mut lines, mut packer) = (Lines::default(), Packer::default());
    rows.try_for_each(|row| lines.write(out, &packer.packed(row.borrow())))?;
    lines.finish(out)
}

/// Adds a text as it stands between quotes.
pub(super) fn put_text(line: &mut Vec<u8>, text: &[u8]) {
    // Without branches, sixteen at once.
    let plain = |byte: u8| (byte.wrapping_sub(0x20) < 0x5f) & (byte != b'"') & (byte != b'\\');
    if all(text, plain) {
        return line.extend_from_slice(text);
    }
    let text = String::from_utf8_lossy(text);
    let mut rest = &*text;
    while let Some(at) = rest.bytes().position(|byte| !plain(byte)) {
        let (before, from) = rest.split_at(at);
        line.extend_from_slice(before.as_bytes());
        let mut chars = from.chars();
        chars.next().into_iter().for_each(|c| escape(line, c));
        rest = chars.as_str();
    }
    line.extend_from_slice(rest.as_bytes());
}

/// A character that JSON or a terminal may act upon.
fn escape(line: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        c if is_unsafe(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                line.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
            ""
        }
        c => return line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    line.extend_from_slice(short.as_bytes());
}

/// A row that went: what it was found by, and `removed`.
pub(super) fn gone(out: &mut dyn Write, key: &ClientKey) -> io::Result<()> {
    let gone = serde_json::json!({ "clientId": key.client_id, "identity": key.identity, "broker": key.broker, "removed": true });
    writeln!(out, "{}", armoured(&gone.to_string()))
}

/// The same JSON, with what a terminal would act upon written as escapes. Outside of strings only line ends can be such.
pub(super) fn armoured(json: &str) -> Cow<'_, str> {
    let Some(first) = unsafe_from(json, 0) else { return json.into() };
    let mut text = String::with_capacity(json.len() + 16);
    let (mut done, mut next) = (0, Some(first));
    while let Some(at) = next {
        text.push_str(&json[done..at]);
        done = at;
        if let Some(c) = json[at..].chars().next() {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
            done += c.len_utf8();
        }
        next = unsafe_from(json, done);
    }
    text.push_str(&json[done..]);
    text.into()
}

/// Where the first character at or after `from` stands that a terminal would act upon.
fn unsafe_from(json: &str, mut from: usize) -> Option<usize> {
    loop {
        // Nearly all of it is plain.
        from += json.as_bytes()[from..].iter().position(|byte| !(0x20..0x7f).contains(byte))?;
        let c = json[from..].chars().next()?;
        if c != '\n' && is_unsafe(c) {
            return Some(from);
        }
        from += c.len_utf8();
    }
}
