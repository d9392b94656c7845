//! Loads the parts of a grammar that say how records are told apart, named and shown.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::words::one_field;
use crate::grammar::fact::Kind;
use crate::grammar::form::{Colours, Continues, Framing, Key, SecretForm, Structure, StructureFormat, Tells, Until};
use crate::grammar::pattern::near;
use crate::grammar::reader::{Reader, Table, Text};
use crate::record::time::TimeFormat;

/// The word's value among named ones, or a fault.
fn named<T: Copy>(reader: &mut Reader<'_>, text: &Text, what: &str, known: &[(&'static str, T)]) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == text.value).map(|(_, value)| *value);
    if found.is_none() {
        let help = near(&text.value, known.iter().map(|(name, _)| *name), "expected one of");
        reader.fault(text.span.clone(), format!("no {what} is called \"{}\"", text.value), help);
    }
    found
}

pub(super) fn keys<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> Vec<Key> {
    let texts = top.texts(reader, "keys");
    texts.iter().filter_map(|text| named(reader, text, "key", &Key::ALL)).collect()
}

pub(super) fn colours<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> Colours {
    let known = [("ends", Colours::Ends), ("all", Colours::All)];
    top.text(reader, "colours").and_then(|text| named(reader, &text, "place of colours", &known)).unwrap_or_default()
}

/// `[endings]`: what a product puts behind its messages, for rules to name.
pub(super) fn endings<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> BTreeMap<String, Vec<Text>> {
    let Some(value) = top.take("endings") else { return BTreeMap::new() };
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"endings\" is no table", "expected [endings] with patterns for each name");
        return BTreeMap::new();
    };
    table.iter().map(|(key, value)| (key.get_ref().to_string(), reader.texts(value))).collect()
}

/// Each pattern with each of the endings of this name.
pub(super) fn with_ending(reader: &mut Reader<'_>, patterns: &[Text], ending: &Text, endings: &BTreeMap<String, Vec<Text>>) -> Vec<Text> {
    let Some(known) = endings.get(&ending.value) else {
        let help = near(&ending.value, endings.keys().map(String::as_str), "the endings are");
        reader.fault(ending.span.clone(), format!("no ending is called \"{}\"", ending.value), help);
        return patterns.to_vec();
    };
    let with = |text: &Text, end: &Text| Text { value: format!("{}{}", text.value, end.value), span: text.span.clone() };
    patterns.iter().flat_map(|text| known.iter().map(move |end| with(text, end))).collect()
}

/// `[lists]`
pub(super) fn lists<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> Vec<(String, Vec<String>)> {
    let Some(value) = top.take("lists") else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"lists\" is no table", "expected [lists] with name = [\"…\"]");
        return Vec::new();
    };
    let values = |texts: Vec<Text>| texts.into_iter().map(|text| text.value).collect::<Vec<_>>();
    table.iter().map(|(name, value)| (name.get_ref().to_string(), values(reader.texts(value)))).collect()
}

/// `[record]`
pub(super) fn framing<'s>(reader: &mut Reader<'s>, top: &mut Table<'_, 's>) -> Option<Framing> {
    let value = top.take("record")?;
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"record\" is no table", "expected [record]");
        return None;
    };
    let mut table = reader.table(table, value.span(), "[record]");
    let known = [("unstamped", Continues::Unstamped), ("same-header", Continues::SameHeader)];
    let texts = table.texts(reader, "continues");
    if texts.is_empty() {
        reader.fault(value.span(), "[record] has no \"continues\"", "expected continues = \"unstamped\", \"same-header\" or both");
    }
    let continues: Vec<_> = texts.iter().filter_map(|text| named(reader, text, "way of going on", &known)).collect();
    let ends = table.text(reader, "ends").map(|text| text.value.into_bytes());
    let max_lines = table.number(reader, "max_lines", 2..=(1 << 20)).unwrap_or(256);
    let max_bytes = table.number(reader, "max_bytes", 1024..=(1 << 20)).unwrap_or(256 << 10);
    table.finish(reader);
    (!continues.is_empty()).then_some(Framing { continues, ends, max_lines, max_bytes })
}

/// `[[fields]]`
pub(super) fn structure<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<Structure> {
    let mut table = reader.table(table, span.clone(), "[[fields]]");
    let format = table.needed(reader, "format").and_then(|text| named(reader, &text, "syntax", &StructureFormat::ALL));
    let values = |texts: Vec<Text>| texts.into_iter().map(|text| text.value).collect::<Vec<_>>();
    let time = values(table.texts(reader, "time"));
    let time_format = table.text(reader, "time_format").and_then(|text| match TimeFormat::parse_format(&text.value) {
        Ok(format) => Some(format),
        Err(error) => {
            reader.fault(text.span, error.to_string(), "expected epoch, epoch-ms, epoch-us, iso, rfc3164 or an strftime format");
            None
        }
    });
    let structure = Structure {
        format: format.unwrap_or(StructureFormat::Json),
        time,
        time_format,
        message: values(table.texts(reader, "message")),
        connection: values(table.texts(reader, "connection")),
        names: values(table.texts(reader, "names")),
    };
    if format == Some(StructureFormat::Pairs) && structure.names.is_empty() {
        reader.fault(span, "values without quotes end where the next name stands", "expected names = [\"…\"]");
    }
    table.finish(reader);
    format.map(|_| structure)
}

/// `[[secret]]`
pub(super) fn secret<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<SecretForm> {
    let mut table = reader.table(table, span.clone(), "[[secret]]");
    let after = table.needed(reader, "after");
    let until: Vec<Vec<u8>> = table.texts(reader, "until").into_iter().map(|text| text.value.into_bytes()).collect();
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| (kind.name(), *kind)).collect();
    let kind = table.text(reader, "kind").and_then(|text| named(reader, &text, "kind", &kinds));
    table.finish(reader);
    let after = after?.value.into_bytes();
    if after.is_empty() {
        reader.fault(span, "nothing says where the secret begins", "expected after = \"password=\"");
    }
    let until = match kind {
        Some(kind) => Until::Kind(kind),
        None if until.is_empty() => Until::End,
        None => Until::Texts(until),
    };
    Some(SecretForm { finder: memchr::memmem::Finder::new(&after).into_owned(), after, until })
}

/// `[[tells]]`
pub(super) fn tells<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<Tells> {
    let mut table = reader.table(table, span, "[[tells]]");
    let at = table.needed(reader, "at");
    let fields = table.texts(reader, "fields").iter().filter_map(|text| one_field(reader, text)).collect();
    let more = table.text(reader, "more").map(|text| text.value);
    table.finish(reader);
    Some(Tells { at: at?.value, fields, more })
}
