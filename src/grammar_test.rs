//! Runs the samples that a grammar carries.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::conversation::Settings;
use crate::engine::{Engine, Options};
use crate::grammar::{Grammar, Sample};
use crate::model::Row;
use crate::store::Table;
use crate::text::escaped;

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
    let settings = Settings { broker: grammar.name.clone(), tls_ports: sample.tls_ports.clone(), ..Settings::default() };
    let mut engine = Engine::new(Arc::clone(grammar), Options { settings, zone, time_format: None, proxies: Vec::new() });
    let mut out = Vec::new();
    let mut table = Table::default();
    // A line feed after the opening quotes is TOML's, not the log's.
    engine.feed(sample.log.trim_start_matches('\n').as_bytes(), READ_AT, &mut out);
    engine.finish(&mut out);
    for attempt in out {
        table.push(attempt, true);
    }
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

    #[test]
    fn a_torn_record_is_mended_and_nothing_of_it_is_certain() {
        let grammar = crate::grammar::load("example.toml", TEARABLE, &Arc::default()).map(|(grammar, _)| Arc::new(grammar));
        let grammar = grammar.unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(test(&grammar), []);
    }
}
