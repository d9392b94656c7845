//! Runs the samples that a grammar carries.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::conversation::Settings;
use crate::engine::{Engine, Options};
use crate::grammar::{Grammar, Sample};
use crate::model::Row;
use crate::store::Table;
use crate::text::escaped;
use crate::twin::{Twins, log_id};

/// When samples are "read": lines without a stamp get this time.
const READ_AT: i64 = 1_800_000_000_000;

/// A sample that gives other rows than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFailure {
    /// Which sample, counted from 1.
    pub number: usize,
    /// What it was to show.
    pub why: String,
    /// Where it stands in the file, in bytes.
    pub span: std::ops::Range<usize>,
    /// What differs, line by line.
    pub differs: String,
}

/// Runs all samples of a grammar.
pub fn test(grammar: &Arc<Grammar>) -> Vec<SampleFailure> {
    let tried = grammar.samples.iter().enumerate().map(|(index, sample)| (index, sample, one(grammar, sample)));
    tried
        .filter_map(|(index, sample, differs)| {
            differs.map(|differs| SampleFailure { number: index + 1, why: sample.why.clone(), span: sample.span.clone(), differs })
        })
        .collect()
}

/// The rows of a sample's log.
pub fn rows(grammar: &Arc<Grammar>, sample: &Sample) -> Result<Vec<Row>, String> {
    let zone = TimeZone::get(&sample.timezone).map_err(|_| format!("there is no time zone \"{}\"", sample.timezone))?;
    let settings = Settings { broker: grammar.name.as_str().into(), tls_ports: sample.tls_ports.clone(), ..Settings::default() };
    let mut engine = Engine::new(Arc::clone(grammar), Options { settings, zone, time_format: None, proxies: Vec::new() });
    let mut out = Vec::new();
    let mut table = Table::default();
    // A line feed after the opening quotes is TOML's, not the log's.
    engine.feed(sample.log.trim_start_matches('\n').as_bytes(), READ_AT, &mut out);
    engine.finish(&mut out);
    // As in the daemon: records that tell the same attempt are one.
    let (mut twins, log) = (Twins::default(), log_id("sample", Path::new("")));
    for attempt in out {
        twins.push(&grammar.name, log, attempt, false, READ_AT, &mut |attempt, _| table.push(attempt, true));
    }
    twins.finish(&mut |attempt, _| table.push(attempt, true));
    Ok(table.into_rows())
}

fn one(grammar: &Arc<Grammar>, sample: &Sample) -> Option<String> {
    let rows = match rows(grammar, sample) {
        Ok(rows) => rows,
        Err(error) => return Some(error),
    };
    let mut left: Vec<Value> = rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect();
    let mut differs = String::new();
    for wanted in &sample.rows {
        let best = left.iter().enumerate().map(|(index, row)| (faults(wanted, row), index)).min_by_key(|(faults, _)| faults.len());
        match best {
            Some((faults, index)) if faults.is_empty() || same_client(wanted, &left[index]) => {
                left.remove(index);
                for fault in faults {
                    let _ = writeln!(differs, "  {}: {fault}", name(&Value::Object(wanted.clone())));
                }
            }
            _ => {
                let _ = writeln!(differs, "  missing: {}", shown(&Value::Object(wanted.clone())));
            }
        }
    }
    for row in &left {
        let _ = writeln!(differs, "  not wanted: {}", shown(row));
    }
    (!differs.is_empty()).then_some(differs)
}

fn same_client(wanted: &serde_json::Map<String, Value>, row: &Value) -> bool {
    wanted.get("clientId").is_none_or(|id| Some(id) == row.get("clientId"))
}

fn faults(wanted: &serde_json::Map<String, Value>, row: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (field, value) in wanted {
        if field == "absent" {
            for absent in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if row.get(absent).is_some_and(|value| !value.is_null()) {
                    faults.push(format!("{absent} is {}, should be null", row[absent]));
                }
            }
        } else if row.get(field) != Some(value) {
            faults.push(format!("{field} is {}, should be {value}", row.get(field).unwrap_or(&Value::Null)));
        }
    }
    faults
}

fn name(row: &Value) -> String {
    row.get("clientId").or_else(|| row.get("ipAddress")).map_or_else(|| "a row".to_owned(), |name| escaped(name.to_string().as_bytes(), 80))
}

fn shown(row: &Value) -> String {
    let mut row = row.clone();
    if let Some(fields) = row.as_object_mut() {
        fields.remove("evidence");
    }
    row.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A product that escapes nothing and ends its records with the address, which the client cannot write.
    const TEARABLE: &str = r#"
format = 1
name   = "example"
title  = "Example broker"
detect = ["example {_:word} starting"]
header = ["{time:epoch}: {message}"]
keys   = ["address"]

[record]
continues = "unstamped"

[endings]
own = [" | {client_ip}:{client_port}"]

[[rule]]
name    = "refused"
match   = "Client {client_id} refused"
ending  = "own"
outcome = "refused"
reason  = ["other"]
words   = "refused"

[[rule]]
name    = "torn"
match   = "Client {_}"
outcome = "torn"
torn_begins = true

[[rule]]
name    = "starting"
match   = "example {_:word} starting | {_:ip}:{_:port}"
outcome = "restart"

[[rule]]
name    = "other"
match   = "{_} | {_:ip}:{_:port}"
outcome = "nothing"
torn_ends = true

[[sample]]
why = "a record is one with what its client ID makes of it, and what stands between is doubted"
log = """
1795446252: Client x
1795446252: Client victim-9 refused | 198.51.100.9:4000
1795446252: y refused | 192.0.2.66:4242
1795446253: Client pump-4 refused | 192.0.2.7:4001
"""
rows = [
  { clientId = "x\n1795446252: Client victim-9 refused | 198.51.100.9:4000\n1795446252: y", ipAddress = "192.0.2.66", inferred = ["clientId", "ipAddress"] },
  { clientId = "victim-9", ipAddress = "198.51.100.9", inferred = ["clientId", "ipAddress"] },
  { clientId = "pump-4", ipAddress = "192.0.2.7", inferred = ["clientId", "ipAddress"] },
]

[[sample]]
why = "whose end does not come: a later stamp and a start of the broker end no doubt, because a stranger writes them as well"
log = """
1795446252: Client x
1795446252: example 1 starting | 192.0.2.66:4242
1795449999: Client victim-9 refused | 198.51.100.9:4000
"""
rows = [{ clientId = "victim-9", ipAddress = "198.51.100.9", ts = 1795449999000, inferred = ["clientId", "ipAddress"] }]

[[sample]]
why = "what was certain before stays so"
log = """
1795446251: Client pump-4 refused | 192.0.2.7:4001
1795446252: Client x
1795446252: y refused | 192.0.2.66:4242
"""
rows = [
  { clientId = "pump-4", ipAddress = "192.0.2.7", inferred = [] },
  { clientId = "x\n1795446252: y", ipAddress = "192.0.2.66", inferred = ["clientId", "ipAddress"] },
]
"#;

    /// A product that repeats an ID with commas for its line feeds, makes IDs up, and tells one refusal in several records.
    const REPEATING: &str = r#"
format = 1
name   = "example"
title  = "Example broker"
detect = ["example {_:word} starting"]
header = ["{time:epoch}: {message}"]
keys   = ["address"]

[[made_up]]
all = ["^made-[0-9]+$", "7"]
only_broker = true

[[rule]]
name    = "failed"
match   = "{client_id_end}@{client_ip}:{client_port} Client {client_id} port {_:int}{? user {username}?} failed"
outcome = "refused"
bare    = true
doubt   = ["ipAddress"]
reason  = ["password-does-not-match", "no-password-provided"]
reason_anonymous = ["no-password-provided", "password-does-not-match"]
words   = "failed"
look_back = true
forgeable = ["Client "]
blurred = [", "]

[[rule]]
name    = "closed"
match   = "{client_ip}:{client_port} Client {client_id} closed: {words:word}"
outcome = "refused"
repeats = true
only    = ["banned", "failed"]
reason  = ["other"]

[[rule]]
name    = "accepted"
match   = "{client_ip}:{client_port} Client {client_id} accepted"
outcome = "accepted"

[[rule]]
name    = "bytes"
match   = "{client_ip}:{client_port} received {connect_head}"
outcome = "context"

[[rule]]
name    = "left-out"
match   = "{_:int} lines left out"
outcome = "gap"

[[rule]]
name    = "tail"
match   = "@{_:ip}:{_:port} Client left"
outcome = "torn"
bare    = true
look_back = true

[[sample]]
why = "told twice, counted once, also over lines that are left out; the second record is sure of the address; other words are no refusal"
log = """
1795446252: pump-4@192.0.2.7:4000 Client pump-4 port 1 user ops failed
1795446252: 12 lines left out
1795446252: 192.0.2.7:4000 Client pump-4 closed: failed
1795446252: 192.0.2.8:4001 Client pump-5 closed: normally
1795446252: pump-6@192.0.2.9:4000 Client pump-6 port 1 failed
"""
rows = [
  { clientId = "pump-4", username = "ops", attempts = 1, inferred = [], reasonCode = "password-does-not-match" },
  { clientId = "pump-6", inferred = ["ipAddress"], reasonCode = "no-password-provided" },
]

[[sample]]
why = "the end of a session is no failed connect, whatever its words"
log = """
1795446252: 192.0.2.7:4000 Client pump-4 accepted
1795446253: 192.0.2.7:4000 Client pump-4 closed: banned
"""
rows = []

[[sample]]
why = "a line feed in an ID; commas that may have been one; an ID that is made up"
log = """
1795446252: pump
four@192.0.2.7:4000 Client pump, four port 1 failed
1795446252: a, b@192.0.2.8:4000 Client a, b port 1 failed
1795446252: made-17@192.0.2.9:4000 Client made-17 port 1 failed
1795446252: made-18@192.0.2.10:4000 Client made-18 port 1 failed
"""
rows = [
  { clientId = "pump\nfour", inferred = ["ipAddress", "ts"] },
  { clientId = "a, b", inferred = ["clientId", "ipAddress"] },
  { identity = "address", ipAddress = "192.0.2.9" },
  { clientId = "made-18" },
]

[[sample]]
why = "the bytes of the CONNECT tell of the password and how the ID is spelt, and rule a reason out; they name nobody by themselves"
log = """
1795446252: 192.0.2.7:4000 received 101c00044d51545404c2003c0003610a6200036f7073000673656372657421
1795446252: a, b@192.0.2.7:4000 Client a, b port 1 user ops failed
1795446252: 192.0.2.8:4000 received 101c00044d51545404c2003c0003610a6200036f7073000673656372657421
"""
rows = [{ clientId = "a\nb", passwordProvided = true, reasonCode = "password-does-not-match", alternatives = [] }]

[[sample]]
why = "an end that repeats what stood before it, or that has no header, makes that doubtful"
log = """
1795446252: pump-4@192.0.2.7:4000 Client pump-4 port 1 failed
1795446252: victim-8@198.51.100.8:1 Client victim-8 port 1 user bob failed
@192.0.2.66:4242 Client y, 1795446252: victim-8@198.51.100.8:1 Client victim-8 port 1 user bob failed,  port 1 user u failed
1795446253: victim-9@198.51.100.9:1 Client victim-9 port 1 user bob failed
@192.0.2.66:4243 Client left
"""
rows = [
  { clientId = "pump-4", inferred = ["clientId", "ipAddress"] },
  { clientId = "victim-8", inferred = ["clientId", "ipAddress", "username"] },
  { username = "u" },
  { clientId = "victim-9", inferred = ["clientId", "ipAddress", "username"] },
]
"#;

    #[test]
    fn what_names_its_connection_is_told_once_and_doubted_where_a_stranger_may_have_written_it() {
        let grammar = crate::grammar::load("example.toml", REPEATING, &Arc::default()).map(|(grammar, _)| Arc::new(grammar));
        let grammar = grammar.unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(test(&grammar), []);
    }

    #[test]
    fn a_torn_record_is_mended_and_nothing_of_it_is_certain() {
        let grammar = crate::grammar::load("example.toml", TEARABLE, &Arc::default()).map(|(grammar, _)| Arc::new(grammar));
        let grammar = grammar.unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(test(&grammar), []);
    }
}
