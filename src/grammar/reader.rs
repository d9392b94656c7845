//! Reads TOML tables by hand, so that every fault of a file is found in one run and has its place. A derived deserialiser
//! would stop at the first.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::pattern::near;

/// A string of the file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Range<usize>,
}

/// The faults found so far.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    pub(crate) source: &'s str,
    pub(crate) faults: Vec<Diagnostic>,
    /// The lists that patterns may name.
    pub(crate) lists: Vec<(String, Vec<String>)>,
}

impl<'s> Reader<'s> {
    /// Reads the file; syntax faults are noted and what could be read is given.
    pub(crate) fn document(source: &'s str) -> (Reader<'s>, Spanned<DeTable<'s>>) {
        let (table, errors) = DeTable::parse_recoverable(source);
        let mut reader = Reader { source, faults: Vec::new(), lists: Vec::new() };
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.fault(span, error.message().to_owned(), "not valid TOML here");
        }
        (reader, table)
    }

    pub(crate) fn fault(&mut self, span: Range<usize>, message: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(Diagnostic { span, message: message.into(), expected: expected.into(), warning: false });
    }

    pub(crate) fn warn(&mut self, span: Range<usize>, message: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(Diagnostic { span, message: message.into(), expected: expected.into(), warning: true });
    }

    /// A table whose keys are taken one by one; what is left at the end is unknown.
    pub(crate) fn table<'t>(&self, table: &'t DeTable<'s>, span: Range<usize>, what: &'static str) -> Table<'t, 's> {
        Table { entries: table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key, value))).collect(), span, what, known: Vec::new() }
    }

    /// The place of a byte inside a string of the file: exact unless the string is written with escapes.
    pub(crate) fn inside(&self, text: &Text, at: usize, len: usize) -> Range<usize> {
        let raw = self.source.get(text.span.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        let inner = raw.get(quotes..raw.len().saturating_sub(quotes)).unwrap_or_default();
        if inner == text.value {
            let start = (text.span.start + quotes + at).min(text.span.end);
            start..(start + len.max(1)).min(text.span.end)
        } else {
            text.span.clone()
        }
    }

    pub(crate) fn text(&mut self, value: &Spanned<DeValue<'s>>) -> Option<Text> {
        match value.get_ref() {
            DeValue::String(text) => Some(Text { value: text.to_string(), span: value.span() }),
            other => {
                self.fault(value.span(), format!("this is {}", article(other.type_str())), "expected a string in quotes");
                None
            }
        }
    }

    /// A string, or a list of strings.
    pub(crate) fn texts(&mut self, value: &Spanned<DeValue<'s>>) -> Vec<Text> {
        match value.get_ref() {
            DeValue::Array(array) => array.iter().filter_map(|item| self.text(item)).collect(),
            _ => self.text(value).into_iter().collect(),
        }
    }
}

/// The keys of one table that were not taken yet.
pub(crate) struct Table<'t, 's> {
    entries: BTreeMap<&'t str, (&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>)>,
    pub(crate) span: Range<usize>,
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'t, 's> Table<'t, 's> {
    /// Takes a key.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'s>>> {
        self.known.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    pub(crate) fn text(&mut self, reader: &mut Reader<'s>, key: &'static str) -> Option<Text> {
        let value = self.take(key)?;
        reader.text(value)
    }

    /// A string that has to be there.
    pub(crate) fn needed(&mut self, reader: &mut Reader<'s>, key: &'static str) -> Option<Text> {
        if let Some(value) = self.take(key) {
            return reader.text(value);
        }
        reader.fault(self.span.clone(), format!("{} has no \"{key}\"", self.what), format!("expected a line {key} = \"…\""));
        None
    }

    pub(crate) fn texts(&mut self, reader: &mut Reader<'s>, key: &'static str) -> Vec<Text> {
        self.take(key).map(|value| reader.texts(value)).unwrap_or_default()
    }

    pub(crate) fn flag(&mut self, reader: &mut Reader<'s>, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            reader.fault(value.span(), format!("\"{key}\" is {}", article(value.get_ref().type_str())), "expected true or false");
        }
        flag
    }

    pub(crate) fn number(&mut self, reader: &mut Reader<'s>, key: &'static str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
        let value = self.take(key)?;
        let number = value.get_ref().as_integer().and_then(|integer| usize::from_str_radix(integer.as_str(), integer.radix()).ok());
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(number);
        }
        reader.fault(
            value.span(),
            format!("\"{key}\" is out of range"),
            format!("expected a whole number from {} to {}", range.start(), range.end()),
        );
        None
    }

    /// A list of tables (`[[key]]`).
    pub(crate) fn tables(&mut self, reader: &mut Reader<'s>, key: &'static str) -> Vec<(&'t DeTable<'s>, Range<usize>)> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            reader.fault(value.span(), format!("\"{key}\" is {}", article(value.get_ref().type_str())), format!("expected [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                other => reader.fault(item.span(), format!("this is {}", article(other.type_str())), "expected a table"),
            }
        }
        tables
    }

    /// Every key that nobody took is unknown.
    pub(crate) fn finish(self, reader: &mut Reader<'s>) {
        for (name, (key, _)) in &self.entries {
            reader.fault(
                key.span(),
                format!("{} has no key \"{name}\"", self.what),
                near(name, self.known.iter().copied(), "the keys are"),
            );
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
