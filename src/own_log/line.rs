//! One event as a line.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use tracing::Event;
use tracing::field::{Field, Visit};

use super::limit::Kind;
use crate::model::Millis;
use crate::text::{display, escaped};

/// The longest value in bytes; what is longer is cut, with a mark.
const LONGEST: usize = 2_000;

/// What an event says; everything in it is fit to be shown.
#[derive(Debug)]
pub(super) struct Line {
    level: tracing::Level,
    pub(super) message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    pub(super) fn of(event: &Event<'_>) -> Line {
        let mut line = Line { level: *event.metadata().level(), message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        line
    }

    /// How often a message was left out.
    pub(super) fn left_out(kind: &Kind, count: u64) -> Line {
        let mut fields = vec![("count", Value::from(count)), ("like", Value::from(kind.message.clone()))];
        fields.extend(kind.source.clone().map(|source| ("source", Value::from(source))));
        Line { level: kind.level, message: "more messages of one kind were left out".to_owned(), fields }
    }

    /// The source that it is about.
    pub(super) fn source(&self) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == "source")?.1.as_str()
    }

    /// `STAMP LEVEL message name=value …`, in the journal `<N>message name=value …`.
    pub(super) fn text(&self, now: Millis, journal: bool) -> String {
        let mut text = match journal {
            true => self.priority(),
            false => format!("{} {:>5} ", stamp(now), self.level.as_str()),
        };
        text.push_str(&self.message);
        for (name, value) in &self.fields {
            // Writing to a string cannot fail.
            let _ = match value {
                Value::String(value) if is_word(value) => write!(text, " {name}={value}"),
                value => write!(text, " {name}={value}"),
            };
        }
        text.push('\n');
        text
    }

    /// One object.
    pub(super) fn json(&self, now: Millis, journal: bool) -> String {
        let mut object = Map::new();
        object.insert("time".to_owned(), stamp(now).into());
        object.insert("level".to_owned(), self.level.as_str().to_lowercase().into());
        object.insert("message".to_owned(), self.message.clone().into());
        for (name, value) in &self.fields {
            // What has a name of ours keeps its own beside it.
            let name = if object.contains_key(*name) { format!("{name}_") } else { (*name).to_owned() };
            object.insert(name, value.clone());
        }
        let priority = if journal { self.priority() } else { String::new() };
        format!("{priority}{}\n", Value::Object(object))
    }

    /// As sd-daemon(3) has it.
    fn priority(&self) -> String {
        let priority = match self.level {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            _ => 7,
        };
        format!("<{priority}>")
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match (name, value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, escaped(value.as_bytes(), LONGEST).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, escaped(format!("{value:?}").as_bytes(), LONGEST).into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, escaped(value.to_string().as_bytes(), LONGEST).into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

/// Whether a value needs no quotes.
fn is_word(value: &str) -> bool {
    !value.is_empty() && display(value) == value && !value.contains([' ', '"', '=', '\\'])
}

fn stamp(now: Millis) -> String {
    jiff::Timestamp::from_millisecond(now).map_or_else(|_| now.to_string(), |time| format!("{time:.3}"))
}
