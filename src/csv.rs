//! Rows as CSV (RFC 4180), safe to open in a spreadsheet: for the command line and for the API's export.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Millis, Row};
use crate::text::display;

/// The first line. The names are those of the JSON; `time` is `ts` for people, in UTC.
pub const HEADER: &str = "clientId,ipAddress,ts,time,username,passwordProvided,tlsUsed,reason,reasonCode,alternatives,inferred,\
                          identity,broker,attempts,firstTs,evidence\r\n";

/// What stands in one line. Texts are as they were written by whoever wrote them; [`Cells::write`] makes them safe.
#[derive(Debug)]
pub struct Cells<'r> {
    /// The client ID.
    pub client_id: &'r str,
    /// The address; empty: not known.
    pub ip_address: Cow<'r, str>,
    /// Time of the last attempt.
    pub ts: Millis,
    /// The username; empty: not known.
    pub username: &'r str,
    /// Whether a password was sent.
    pub password_provided: Option<bool>,
    /// Whether TLS was used.
    pub tls_used: Option<bool>,
    /// The reason.
    pub reason: &'r str,
    /// Its code.
    pub reason_code: &'r str,
    /// Codes with spaces between them.
    pub alternatives: Cow<'r, str>,
    /// Field names with spaces between them.
    pub inferred: Cow<'r, str>,
    /// What the client ID was taken from.
    pub identity: &'r str,
    /// The source.
    pub broker: &'r str,
    /// Attempts.
    pub attempts: u64,
    /// Time of the first of them.
    pub first_ts: Millis,
    /// The lines, with ` | ` between them.
    pub evidence: Cow<'r, str>,
}

impl<'r> From<&'r Row> for Cells<'r> {
    fn from(row: &'r Row) -> Cells<'r> {
        Cells {
            client_id: &row.client_id,
            ip_address: row.ip_address.map_or_else(|| "".into(), |address| address.to_string().into()),
            ts: row.ts,
            username: row.username.as_deref().unwrap_or_default(),
            password_provided: row.password_provided,
            tls_used: row.tls_used,
            reason: &row.reason,
            reason_code: row.reason_code.code(),
            alternatives: row.alternatives.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" ").into(),
            inferred: words(&row.inferred).into(),
            identity: row.identity.code(),
            broker: &row.broker,
            attempts: row.attempts,
            first_ts: row.first_ts,
            evidence: row.evidence.join(" | ").into(),
        }
    }
}

impl Cells<'_> {
    /// Adds the line, with its end.
    pub fn write(&self, out: &mut String) {
        cell(out, self.client_id);
        plain(out, &self.ip_address);
        number(out, self.ts);
        match Timestamp::from_millisecond(self.ts) {
            Ok(time) => plain(out, time),
            Err(_) => out.push(','),
        }
        cell(out, self.username);
        flag(out, self.password_provided);
        flag(out, self.tls_used);
        cell(out, self.reason);
        plain(out, self.reason_code);
        cell(out, &self.alternatives);
        cell(out, &self.inferred);
        plain(out, self.identity);
        cell(out, self.broker);
        number(out, self.attempts);
        number(out, self.first_ts);
        cell(out, &self.evidence);
        out.pop();
        out.push_str("\r\n");
    }
}

/// The JSON names of a list, with spaces between them.
fn words<T: Serialize>(list: &[T]) -> String {
    let names: Vec<String> = list.iter().filter_map(|item| serde_json::to_value(item).ok()?.as_str().map(str::to_owned)).collect();
    names.join(" ")
}

/// What cannot hold anything that matters to CSV.
fn plain(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value},");
}

fn number(out: &mut String, value: impl std::fmt::Display) {
    plain(out, value);
}

fn flag(out: &mut String, flag: Option<bool>) {
    match flag {
        Some(flag) => plain(out, flag),
        None => out.push(','),
    }
}

/// A text as a cell. What a spreadsheet would run as a formula gets a ' before it, as people write such text there.
fn cell(out: &mut String, text: &str) {
    // The wide forms are formulas to spreadsheets that are set to Japanese or Chinese.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let shown = display(text);
    let quoted = shown.contains([',', '"']) || shown.starts_with(' ') || shown.ends_with(' ');
    if quoted {
        out.push('"');
    }
    if formula {
        out.push('\'');
    }
    let mut rest = &*shown;
    while let Some(at) = rest.find('"').filter(|_| quoted) {
        out.push_str(&rest[..at]);
        out.push_str("\"\"");
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    if quoted {
        out.push('"');
    }
    out.push(',');
}
