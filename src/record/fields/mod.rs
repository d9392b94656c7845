//! Records of named values: JSON, logfmt, pairs without quotes, Erlang records.
//!
//! The values are decoded and stand one behind the other in one buffer, so that captures are ranges of it as they are of a
//! plain message.

mod erlang;
mod json;
mod logfmt;
mod pairs;

use std::borrow::Cow;
use std::ops::Range;

use crate::grammar::{Message, Named, Structure, StructureFormat};

/// More values than this no product writes in one record.
const MOST: usize = 256;

/// The values of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// All names and values, decoded.
    bytes: Vec<u8>,
    /// Where they stand.
    fields: Vec<Named>,
    /// A name stood there twice, or could have: a stranger may have written one of them.
    unclear: bool,
}

impl Values {
    /// Reads a record's text; none when it is not written so.
    pub fn read(form: &Structure, text: &[u8]) -> Option<Values> {
        match form.format {
            StructureFormat::Json => json::read(text),
            StructureFormat::Logfmt => logfmt::read(text),
            StructureFormat::Pairs => pairs::read(&form.names, text),
            StructureFormat::Erlang => erlang::read(text),
        }
    }

    /// Reads a message that is written so, and keeps it before its values: patterns see all of it.
    pub fn read_in(form: &Structure, message: &[u8]) -> Option<Values> {
        let mut values = Values::read(form, message)?;
        values.bytes.splice(0..0, message.iter().copied());
        let moved = |range: &Range<usize>| range.start + message.len()..range.end + message.len();
        values.fields.iter_mut().for_each(|field| *field = Named { name: moved(&field.name), value: moved(&field.value) });
        Some(values)
    }

    /// The same as rules see it.
    pub fn message_in(&self, message: &[u8]) -> Message<'_> {
        Message { bytes: &self.bytes, range: (0, message.len()), fields: &self.fields, unclear: self.unclear }
    }

    /// Where the first of these names that is there has its value.
    pub fn place(&self, names: &[String]) -> Option<Range<usize>> {
        self.range(names)
    }

    /// The value of the first of these names that is there.
    pub fn get(&self, names: &[String]) -> Option<&[u8]> {
        self.range(names).map(|range| &self.bytes[range])
    }

    /// The record as rules see it; without a message of its own, `match` patterns see nothing.
    pub fn message(&self, form: &Structure) -> Message<'_> {
        let range = self.range(&form.message).map_or((0, 0), |range| (range.start, range.end));
        Message { bytes: &self.bytes, range, fields: &self.fields, unclear: self.unclear }
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, &[u8])> {
        self.fields.iter().map(|field| (String::from_utf8_lossy(&self.bytes[field.name.clone()]), &self.bytes[field.value.clone()]))
    }

    fn range(&self, names: &[String]) -> Option<Range<usize>> {
        names
            .iter()
            .find_map(|name| self.fields.iter().find(|field| self.bytes[field.name.clone()] == *name.as_bytes()))
            .map(|field| field.value.clone())
    }

    /// Adds a value. One of a name that is known already takes its place, and makes the record unclear.
    fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let value = start..self.bytes.len();
        if let Some(field) = self.fields.iter_mut().find(|field| self.bytes[field.name.clone()] == *name) {
            field.value = value;
            self.unclear = true;
        } else if self.fields.len() < MOST {
            self.bytes.extend_from_slice(name);
            self.fields.push(Named { name: value.end..self.bytes.len(), value });
        }
    }
}
