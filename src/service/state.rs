//! How the daemon stands, in one line and in full.

use serde_json::Value;

use crate::daemon::Shared;
use crate::own_log::ASKED_FOR;

/// One line: sources, rows, lag, and what is wrong.
pub(super) fn status(shared: &Shared, rows: Option<u64>, now: crate::model::Millis) -> String {
    let sources = shared.sources();
    let logs = sources.as_array().map(Vec::as_slice).unwrap_or_default();
    let state = |code: &str| logs.iter().filter(|log| log["state"] == code).count();
    let mut names: Vec<&str> = logs.iter().filter_map(|log| log["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let lag: u64 = logs.iter().filter_map(|log| log["lag"].as_u64()).sum();
    let mut parts = vec![
        counted(names.len() as u64, "source"),
        counted(logs.len() as u64, "log"),
        rows.map_or_else(|| "rows cannot be counted".to_owned(), |rows| counted(rows, "row")),
        match logs.iter().filter(|log| log["lag"].as_u64().is_some_and(|lag| lag > 0)).filter_map(|log| log["lastChange"].as_i64()).min() {
            Some(since) if lag > 0 => format!("{} behind, last read {} s ago", counted(lag, "byte"), (now - since).max(0) / 1000),
            _ => "up to date".to_owned(),
        },
    ];
    for (code, words) in [("waiting", "not there"), ("failing", "cannot be read")] {
        match state(code) {
            0 => {}
            count => parts.push(format!("{} {words}", counted(count as u64, "log"))),
        }
    }
    if let Some(why) = shared.stuck() {
        parts.push(why);
    }
    if let Some(why) = shared.reload_failure() {
        parts.push(format!("the old configuration is in use: {why}"));
    }
    parts.join("; ")
}

/// Everything, to the log.
pub(super) fn tell(shared: &Shared, rows: Option<u64>, places: &[String], turns: u64) {
    tracing::info!(target: ASKED_FOR, version = env!("CARGO_PKG_VERSION"), rows, places = places.join(", "), turns, "state");
    if let Some(why) = shared.reload_failure() {
        tracing::info!(target: ASKED_FOR, why, "state: the old configuration is in use");
    }
    for log in shared.sources().as_array().into_iter().flatten() {
        let field = |name: &str| match &log[name] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            value => value.to_string(),
        };
        tracing::info!(
            target: ASKED_FOR,
            source = field("name"),
            log = field("path"),
            grammar = field("grammar"),
            state = field("state"),
            position = field("position"),
            lag = field("lag"),
            lines = field("lines"),
            matched = field("matched"),
            refused = field("refused"),
            accepted = field("accepted"),
            gaps = field("gaps"),
            error = field("lastError"),
            "state of a log"
        );
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
