//! Records of named values, as rules see them.

use super::*;

/// Whether the whole line is a record of named values.
pub(super) fn is_structured(grammar: &Grammar, text: &[u8]) -> bool {
    grammar.structures.iter().any(|form| form.format == StructureFormat::Json && text.trim_ascii_start().starts_with(b"{"))
}

/// How a record of named values is seen by rules.
#[derive(Clone, Copy)]
pub(super) struct Named<'g>(&'g crate::grammar::Structure);

impl Named<'_> {
    pub(super) fn of<'v>(&self, values: &'v Values) -> Message<'v> {
        values.message(self.0)
    }
}

/// A line that is a record of named values as a whole: the values, the stamp, how it is seen, what names the connection.
pub(super) fn structured<'g>(
    grammar: &'g Grammar,
    text: &[u8],
    context: &TimeContext<'_>,
) -> Option<(Values, Option<Stamp>, Named<'g>, Captures)> {
    let whole = |form: &&crate::grammar::Structure| matches!(form.format, StructureFormat::Json | StructureFormat::Logfmt);
    grammar.structures.iter().filter(whole).find_map(|form| {
        if form.format == StructureFormat::Json && !is_structured(grammar, text) {
            return None;
        }
        let values = Values::read(form, text)?;
        let stamp = values.get(&form.time).and_then(|text| match &form.time_format {
            Some(format) => format.read(text, context).or_else(|| TimeFormat::derive(text)?.read(text, context)),
            None => TimeFormat::derive(text)?.read(text, context),
        });
        let stamp = stamp.map(|(stamp, _)| stamp);
        let mut header = Captures::default();
        if let Some(range) = values.place(&form.connection) {
            header.set(Fact::Connection, Kind::Word, range.start, range.end);
        }
        Some((values, stamp, Named(form), header))
    })
}

/// A message that is a record of named values.
pub(super) fn inner(grammar: &Grammar, message: &[u8]) -> Option<Values> {
    let inside = |form: &&crate::grammar::Structure| matches!(form.format, StructureFormat::Pairs | StructureFormat::Erlang);
    grammar.structures.iter().filter(inside).find_map(|form| Values::read_in(form, message))
}

/// Named values in one line, to be shown.
pub(super) fn render(values: &Values) -> Vec<u8> {
    let mut line = Vec::new();
    for (name, value) in values.iter() {
        if !line.is_empty() {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b": ");
        line.extend_from_slice(value);
    }
    line
}
