//! Rows as JSON.

use std::borrow::{Borrow, Cow};
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use crate::model::{ClientKey, Row};
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
    let mut lines = Lines::default();
    rows.try_for_each(|row| lines.write(out, row.borrow()))
}

/// The memory of a line.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Writes one object and the end of its line.
    pub(super) fn write(&mut self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        let line = &mut self.0;
        line.clear();
        object(line, row)?;
        line.push(b'\n');
        out.write_all(line)
    }
}

/// The row as serde writes it, armoured: a flood has hundreds of thousands of them, nearly all of plain text, which is copied whole.
fn object(line: &mut Vec<u8>, row: &Row) -> io::Result<()> {
    let Row { client_id, username, reason, broker, .. } = row;
    string(line, "{\"clientId\":", client_id);
    match row.ip_address {
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            number(line, ",\"ipAddress\":\"", a)?;
            [b, c, d].into_iter().try_for_each(|octet| number(line, ".", octet))?;
            line.push(b'"');
        }
        Some(IpAddr::V6(address)) => write!(line, ",\"ipAddress\":\"{address}\"")?,
        None => line.extend_from_slice(b",\"ipAddress\":null"),
    }
    number(line, ",\"ts\":", row.ts)?;
    match username {
        Some(username) => string(line, ",\"username\":", username),
        None => line.extend_from_slice(b",\"username\":null"),
    }
    word(line, ",\"passwordProvided\":", flag(row.password_provided));
    word(line, ",\"tlsUsed\":", flag(row.tls_used));
    string(line, ",\"reason\":", reason);
    string(line, ",\"reasonCode\":", row.reason_code.code());
    list(line, ",\"alternatives\":[", &row.alternatives, |line, reason| {
        string(line, "", reason.code());
        Ok(())
    })?;
    list(line, "],\"inferred\":[", &row.inferred, |line, field| Ok(serde_json::to_writer(line, field)?))?;
    string(line, "],\"identity\":", row.identity.code());
    string(line, ",\"broker\":", broker);
    number(line, ",\"attempts\":", row.attempts)?;
    number(line, ",\"firstTs\":", row.first_ts)?;
    list(line, ",\"evidence\":[", &row.evidence, |line, text| {
        string(line, "", text);
        Ok(())
    })?;
    line.extend_from_slice(b"]}");
    Ok(())
}

fn word(line: &mut Vec<u8>, before: &str, word: &str) {
    line.extend_from_slice(before.as_bytes());
    line.extend_from_slice(word.as_bytes());
}

fn flag(flag: Option<bool>) -> &'static str {
    flag.map_or("null", |flag| if flag { "true" } else { "false" })
}

fn number(line: &mut Vec<u8>, before: &str, number: impl Serialize) -> io::Result<()> {
    line.extend_from_slice(before.as_bytes());
    Ok(serde_json::to_writer(line, &number)?)
}

fn string(line: &mut Vec<u8>, before: &str, text: &str) {
    // Without branches, sixteen at once.
    let plain = |byte: u8| (byte.wrapping_sub(0x20) < 0x5f) & (byte != b'"') & (byte != b'\\');
    line.extend_from_slice(before.as_bytes());
    line.push(b'"');
    let mut rest = text;
    while !all(rest.as_bytes(), plain)
        && let Some(at) = rest.bytes().position(|byte| !plain(byte))
    {
        let (before, from) = rest.split_at(at);
        line.extend_from_slice(before.as_bytes());
        let mut chars = from.chars();
        chars.next().into_iter().for_each(|c| escape(line, c));
        rest = chars.as_str();
    }
    line.extend_from_slice(rest.as_bytes());
    line.push(b'"');
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

fn list<T>(line: &mut Vec<u8>, before: &str, all: &[T], put: impl Fn(&mut Vec<u8>, &T) -> io::Result<()>) -> io::Result<()> {
    line.extend_from_slice(before.as_bytes());
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        put(line, one)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Field, Identity, Reason};

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,24}", "\\PC{0,12}", "[\\x00-\\x1f\"\\\\\x7fé\u{9b}\u{202e}\u{e0041}]{0,12}"]
    }

    proptest! {
        #[test]
        fn a_line_is_what_serde_writes_armoured(
            texts in (text(), text(), text()), username in proptest::option::of(text()),
            ip_address in proptest::option::of(any::<std::net::IpAddr>()), numbers in any::<(i64, u64, i64)>(),
            flags in any::<(Option<bool>, Option<bool>)>(), reasons in proptest::sample::subsequence(Reason::ALL.to_vec(), 1..5),
            inferred in proptest::sample::subsequence(vec![Field::ClientId, Field::IpAddress, Field::Ts, Field::TlsUsed], 0..4),
            identity in proptest::sample::select(vec![Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address]),
            evidence in proptest::collection::vec(text(), 0..4),
        ) {
            let (client_id, reason, broker) = texts;
            let row = Row {
                client_id, ip_address, ts: numbers.0, username, password_provided: flags.0, tls_used: flags.1, reason,
                reason_code: reasons[0], alternatives: reasons[1..].to_vec(), inferred, identity, broker, attempts: numbers.1,
                first_ts: numbers.2, evidence, peer: None, upstream: None, twin: None,
            };
            let mut line = Vec::new();
            object(&mut line, &row)?;
            let serdes = serde_json::to_string(&row)?;
            prop_assert_eq!(String::from_utf8_lossy(&line), armoured(&serdes));
            prop_assert_eq!(serde_json::from_slice::<Row>(&line)?, row);
        }
    }
}
