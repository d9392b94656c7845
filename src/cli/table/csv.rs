//! Rows as CSV (RFC 4180), safe to open in a spreadsheet.

use std::borrow::Borrow;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Row;
use crate::text::display;

/// The names are those of the JSON; `time` is `ts` for people, in UTC.
const HEADER: &str = "clientId,ipAddress,ts,time,username,passwordProvided,tlsUsed,reason,reasonCode,alternatives,inferred,\
                      identity,broker,attempts,firstTs,evidence";

pub(super) fn write<R: Borrow<Row>>(out: &mut dyn Write, mut rows: impl Iterator<Item = R>) -> io::Result<()> {
    head(out)?;
    rows.try_for_each(|each| row(out, each.borrow()))
}

pub(super) fn head(out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")
}

pub(super) fn row(out: &mut dyn Write, row: &Row) -> io::Result<()> {
    write!(out, "{}\r\n", line(row))
}

fn line(row: &Row) -> String {
    let flag = |flag: Option<bool>| flag.map_or_else(String::new, |flag| flag.to_string());
    let cells = [
        cell(&row.client_id),
        row.ip_address.map_or_else(String::new, |address| address.to_string()),
        row.ts.to_string(),
        Timestamp::from_millisecond(row.ts).map_or_else(|_| String::new(), |time| time.to_string()),
        cell(row.username.as_deref().unwrap_or_default()),
        flag(row.password_provided),
        flag(row.tls_used),
        cell(&row.reason),
        row.reason_code.code().to_owned(),
        cell(&row.alternatives.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" ")),
        cell(&words(&row.inferred)),
        row.identity.code().to_owned(),
        cell(&row.broker),
        row.attempts.to_string(),
        row.first_ts.to_string(),
        cell(&row.evidence.join(" | ")),
    ];
    cells.join(",")
}

/// The JSON names of a list, with spaces between them.
fn words<T: Serialize>(list: &[T]) -> String {
    let names: Vec<String> = list.iter().filter_map(|item| serde_json::to_value(item).ok()?.as_str().map(str::to_owned)).collect();
    names.join(" ")
}

/// A text as a cell. What a spreadsheet would run as a formula gets a ' before it, as people write such text there.
fn cell(text: &str) -> String {
    // The wide forms are formulas to spreadsheets that are set to Japanese or Chinese.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let shown = display(text);
    let shown = if formula { format!("'{shown}") } else { shown.into_owned() };
    if shown.contains([',', '"']) || shown.starts_with(' ') || shown.ends_with(' ') {
        format!("\"{}\"", shown.replace('"', "\"\""))
    } else {
        shown
    }
}
