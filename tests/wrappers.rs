//! What a collector puts around a broker's lines changes no row: every fixture of plain lines, in every wrapper, gives the rows of the plain log.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

#[path = "support/logs.rs"]
mod logs;

use std::path::Path;
use std::sync::Arc;

use logs::{READ_AT, is_bare, logs};
use serde_json::json;
use turnaway::engine::{Engine, Options};
use turnaway::grammar::{Grammar, Library};
use turnaway::store::Table;

/// A line as a collector keeps it, a millisecond after the one before it.
type Wrap = fn(&str, usize) -> String;

const WRAPPERS: [(&str, Wrap); 6] = [
    ("docker", |text, at| json!({ "log": format!("{text}\n"), "stream": "stdout", "time": format!("{}830123Z", time(at)) }).to_string()),
    ("kubernetes", |text, at| format!("{}830123+00:00 stdout F {text}", time(at))),
    ("journalctl", |text, at| {
        let micros = (READ_AT + i64::try_from(at).unwrap()) * 1_000;
        json!({ "__REALTIME_TIMESTAMP": micros.to_string(), "SYSLOG_IDENTIFIER": "broker", "_PID": "7", "MESSAGE": text }).to_string()
    }),
    ("rsyslog", |text, at| format!("{}712+00:00 host broker[7]: {text}", time(at))),
    ("syslog", |text, at| format!("<30>1 {}Z host broker 7 - - {text}", time(at))),
    ("compose", |text, _| format!("broker-1  | {text}")),
];

fn time(at: usize) -> String {
    let at = jiff::Timestamp::from_millisecond(READ_AT + i64::try_from(at).unwrap()).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()
}

/// Who was refused, from where and why. Not when, nor how often in one breath: where the broker's stamps name no zone, the wrapper's count.
fn rows(grammar: &Arc<Grammar>, log: &str) -> Vec<String> {
    let (mut table, mut engine, mut out) = (Table::default(), Engine::new(Arc::clone(grammar), Options::default()), Vec::new());
    engine.feed(log.as_bytes(), READ_AT, &mut out);
    engine.finish(&mut out);
    out.into_iter().for_each(|attempt| table.push(attempt, true));
    let rows = table.into_rows().into_iter().map(|mut row| {
        row.inferred.retain(|field| *field != turnaway::model::Field::Ts);
        let (client, facts) = ((row.client_id, row.username), (row.ip_address, row.password_provided, row.tls_used));
        format!("{client:?} {facts:?} {:?} {:?}", row.reason_code, row.inferred)
    });
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

#[test]
fn every_fixture_gives_its_rows_in_every_wrapper() {
    let library = Library::load(None).unwrap();
    let mut tried = 0;
    for (grammar, _) in library.all() {
        let mut found = Vec::new();
        logs(&Path::new("fixtures").join(&grammar.name), &mut found);
        // Those in `wrapped` are in one already.
        for path in found.into_iter().filter(|path| !path.iter().any(|part| part == "wrapped")) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(&text).split('\n').collect();
            if !lines.iter().take(50).all(|line| is_bare(line.as_bytes())) {
                continue;
            }
            tried += 1;
            let want = rows(grammar, &text);
            for (name, wrap) in WRAPPERS {
                let log: String = lines.iter().enumerate().map(|(at, line)| wrap(line, at) + "\n").collect();
                assert_eq!(rows(grammar, &log), want, "{} in {name}", path.display());
            }
        }
    }
    assert!(tried > 100, "{tried}");
}
