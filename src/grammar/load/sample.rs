//! Loads `[[sample]]`: a log and the rows that must come out of it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::grammar::pattern::near;
use crate::grammar::reader::Reader;
use crate::grammar::rule::Sample;

pub(super) fn sample<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<Sample> {
    let mut table = reader.table(table, span.clone(), "a sample");
    let why = table.text(reader, "why").map(|text| text.value).unwrap_or_default();
    let log = table.needed(reader, "log");
    let timezone = table.text(reader, "timezone").map_or_else(|| "UTC".to_owned(), |text| text.value);
    let tls_ports = match table.take("tls_ports").map(|value| (value.get_ref(), value.span())) {
        None => Vec::new(),
        Some((DeValue::Array(ports), _)) => {
            ports.iter().filter_map(|port| port.get_ref().as_integer().and_then(|port| port.as_str().parse().ok())).collect()
        }
        Some((_, span)) => {
            reader.fault(span, "\"tls_ports\" is no list", "expected tls_ports = [8883]");
            Vec::new()
        }
    };
    let mut rows = Vec::new();
    match table.take("rows").map(|value| (value.get_ref(), value.span())) {
        Some((DeValue::Array(items), _)) => {
            for item in items.iter() {
                rows.extend(sample_row(reader, item));
            }
        }
        Some((_, span)) => reader.fault(span, "\"rows\" is no list", "expected rows = [{ clientId = \"…\" }]"),
        None => reader.fault(span.clone(), "a sample has no \"rows\"", "expected rows = [{ … }], or rows = [] when nothing must come out"),
    }
    table.finish(reader);
    Some(Sample { why, log: log?.value, tls_ports, timezone, rows, span })
}

/// A row of a sample: any fields of the API's row. TOML has no null: `absent = ["ipAddress"]` says it.
fn sample_row(reader: &mut Reader<'_>, item: &toml::Spanned<DeValue<'_>>) -> Option<serde_json::Map<String, serde_json::Value>> {
    const FIELDS: [&str; 15] = [
        "clientId",
        "ipAddress",
        "ts",
        "username",
        "passwordProvided",
        "tlsUsed",
        "reason",
        "reasonCode",
        "alternatives",
        "inferred",
        "identity",
        "broker",
        "attempts",
        "firstTs",
        "absent",
    ];
    let DeValue::Table(table) = item.get_ref() else {
        reader.fault(item.span(), "this is no row", "expected { clientId = \"…\", … }");
        return None;
    };
    let mut row = serde_json::Map::new();
    for (key, value) in table.iter() {
        if FIELDS.contains(&key.get_ref().as_ref()) {
            row.insert(key.get_ref().to_string(), json(value.get_ref()));
        } else {
            reader.fault(
                key.span(),
                format!("a row has no field \"{}\"", key.get_ref()),
                near(key.get_ref(), FIELDS.into_iter(), "the fields are"),
            );
        }
    }
    Some(row)
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).map_or(serde_json::Value::Null, Into::into),
        DeValue::Float(float) => float.as_str().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect(),
    }
}
