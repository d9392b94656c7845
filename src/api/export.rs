//! The whole filtered table as a file, made while it is sent.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use hyper::Response;
use hyper::body::Bytes;

use super::answer;
use super::body::{Body, Pieces};
use super::error::ApiError;
use super::params::{Params, shorten};
use super::rows;
use super::server::{Api, Place};
use crate::csv::{self, Cells};
use crate::store::{Cursor, Filter, Stored};

/// Rows that are read in one transaction: some milliseconds.
const STEP: u32 = 2_000;

/// Bytes after which a piece is sent, however few rows they are.
const PIECE: usize = 512 * 1024;

/// What the file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

/// `GET /api/unauthorized/client/export`.
pub(super) async fn serve(api: &Arc<Api>, place: &Arc<Place>, params: &Params, is_head: bool) -> Result<Response<Body>, ApiError> {
    let format = match params.one("format")?.unwrap_or("csv") {
        "csv" => Format::Csv,
        "ndjson" => Format::Ndjson,
        other => {
            return Err(ApiError::bad_request(format!("Unknown format '{}'! It is csv or ndjson.", shorten(other))));
        }
    };
    let filter = rows::filter(params, api.limits.filter_bytes)?;
    let slot = Arc::clone(&place.streams)
        .try_acquire_owned()
        .map_err(|_| ApiError::not_ready(format!("There are {} streams already; try again when one has ended.", api.limits.streams)))?;
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"turnaway.csv\""),
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"turnaway.ndjson\""),
    };
    // What can fail before the first byte still gets a status.
    let cursor = api.blocking(|store, _| store.cursor()).await?;
    let (pieces, body) = Body::pieces();
    if !is_head {
        let api = Arc::clone(api);
        tokio::spawn(async move {
            send(&api, format, &Arc::new(filter), cursor, &pieces).await;
            drop(slot);
        });
    }
    Ok(answer::stream(kind, Some(name), body))
}

async fn send(api: &Api, format: Format, filter: &Arc<Filter>, cursor: Cursor, pieces: &Pieces) {
    let mut next = Some(cursor);
    let mut text = String::new();
    if format == Format::Csv {
        text.push_str(csv::HEADER);
    }
    while let Some(cursor) = next {
        let filter = Arc::clone(filter);
        let made = api.blocking(move |store, _| {
            let mut rows = 0;
            let next = store.walk(&filter, cursor, &mut |row| {
                match format {
                    Format::Csv => as_csv(row, &mut text),
                    Format::Ndjson => as_json(row, &mut text),
                }
                rows += 1;
                rows < STEP && text.len() < PIECE
            })?;
            Ok((next, text))
        });
        let piece = match made.await {
            Ok((after, made)) => {
                next = after;
                Ok(Bytes::from(made))
            }
            // It has been logged; the caller sees a broken connection instead of a file that looks whole.
            Err(_) => Err(io::Error::other("the export failed")),
        };
        let broken = piece.is_err();
        if piece.as_ref().is_ok_and(Bytes::is_empty) {
            text = String::new();
            continue;
        }
        if pieces.send(piece).await.is_err() || broken {
            return;
        }
        text = String::new();
    }
}

fn as_csv(row: &Stored<'_>, out: &mut String) {
    let list = |json: &str, between: &str| match json {
        "[]" => String::new(),
        json => serde_json::from_str::<Vec<String>>(json).unwrap_or_default().join(between),
    };
    Cells {
        client_id: row.client_id,
        ip_address: row.ip_address.unwrap_or_default().into(),
        ts: row.ts,
        username: row.username.unwrap_or_default(),
        password_provided: row.password_provided,
        tls_used: row.tls_used,
        reason: row.reason,
        reason_code: row.reason_code,
        alternatives: list(row.alternatives, " ").into(),
        inferred: list(row.inferred, " ").into(),
        identity: row.identity,
        broker: row.broker,
        attempts: row.attempts,
        first_ts: row.first_ts,
        evidence: list(row.evidence, " | ").into(),
    }
    .write(out);
}

/// As a page has it, in one line. The arrays are JSON already.
fn as_json(row: &Stored<'_>, out: &mut String) {
    let flag = |flag: Option<bool>| flag.map_or("null", |flag| if flag { "true" } else { "false" });
    let text = |out: &mut String, name: &str, text: Option<&str>| {
        out.push_str(name);
        match text {
            Some(text) => out.push_str(&serde_json::to_string(text).unwrap_or_default()),
            None => out.push_str("null"),
        }
    };
    text(out, "{\"clientId\":", Some(row.client_id));
    text(out, ",\"ipAddress\":", row.ip_address);
    // Writing to a string cannot fail.
    let _ = write!(out, ",\"ts\":{}", row.ts);
    text(out, ",\"username\":", row.username);
    let _ = write!(out, ",\"passwordProvided\":{},\"tlsUsed\":{}", flag(row.password_provided), flag(row.tls_used));
    text(out, ",\"reason\":", Some(row.reason));
    text(out, ",\"reasonCode\":", Some(row.reason_code));
    let _ = write!(out, ",\"alternatives\":{},\"inferred\":{}", row.alternatives, row.inferred);
    text(out, ",\"identity\":", Some(row.identity));
    text(out, ",\"broker\":", Some(row.broker));
    let _ = write!(out, ",\"attempts\":{},\"firstTs\":{},\"evidence\":{}}}", row.attempts, row.first_ts, row.evidence);
    out.push('\n');
}
