//! Rows as JSON.

use std::borrow::{Borrow, Cow};
use std::io::{self, Write};

use crate::model::{ClientKey, Row};
use crate::text::is_unsafe;

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
pub(super) fn lines<R: Borrow<Row>>(out: &mut dyn Write, rows: impl Iterator<Item = R>) -> io::Result<()> {
    let mut line = Vec::new();
    for row in rows {
        line.clear();
        serde_json::to_writer(&mut line, row.borrow())?;
        // JSON is UTF-8, and mostly nothing in it needs to be escaped once more.
        let text = str::from_utf8(&line).map_err(io::Error::other)?;
        out.write_all(armoured(text).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A row that went: what it was found by, and `removed`.
pub(super) fn gone(out: &mut dyn Write, key: &ClientKey) -> io::Result<()> {
    let gone = serde_json::json!({ "clientId": key.client_id, "identity": key.identity, "broker": key.broker, "removed": true });
    writeln!(out, "{}", armoured(&gone.to_string()))
}

/// The same JSON, with what a terminal would act upon written as escapes. Outside of strings only line ends can be such.
fn armoured(json: &str) -> Cow<'_, str> {
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
