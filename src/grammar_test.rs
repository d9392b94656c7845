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
