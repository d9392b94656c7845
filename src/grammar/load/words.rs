//! Loads single words of a grammar: reasons, outcomes, fields of a row.

use toml::de::DeValue;

use crate::grammar::pattern::near;
use crate::grammar::reader::{Reader, Table, Text};
use crate::grammar::rule::{Because, Outcome};
use crate::model::{Field, Reason};

pub(super) fn reason<'s>(reader: &mut Reader<'s>, table: &mut Table<'_, 's>) -> Because {
    let Some(value) = table.take("reason") else { return Because::Unsaid };
    match value.get_ref() {
        DeValue::String(text) if text == "tls" => return Because::Tls,
        DeValue::String(text) if text == "texts" => return Because::Texts,
        _ => {}
    }
    let texts = reader.texts(value);
    Because::Given(texts.iter().filter_map(|text| one_reason(reader, text)).collect())
}

pub(super) fn one_reason(reader: &mut Reader<'_>, text: &Text) -> Option<Reason> {
    let found = Reason::from_code(&text.value);
    if found.is_none() {
        reader.fault(
            text.span.clone(),
            format!("no reason is called \"{}\"", text.value),
            near(&text.value, Reason::ALL.iter().map(|reason| reason.code()), "the reasons are"),
        );
    }
    found
}

pub(super) fn one_outcome(reader: &mut Reader<'_>, text: &Text) -> Option<Outcome> {
    let found = Outcome::ALL.iter().find(|(name, ..)| *name == text.value).map(|(_, outcome, _)| *outcome);
    if found.is_none() {
        reader.fault(
            text.span.clone(),
            format!("no outcome is called \"{}\"", text.value),
            near(&text.value, Outcome::ALL.iter().map(|(name, ..)| *name), "the outcomes are"),
        );
    }
    found
}

pub(super) fn one_field(reader: &mut Reader<'_>, text: &Text) -> Option<Field> {
    let found = Field::ALL.iter().copied().find(|field| field.name() == text.value);
    if found.is_none() {
        reader.fault(
            text.span.clone(),
            format!("no field is called \"{}\"", text.value),
            near(&text.value, Field::ALL.iter().map(|field| field.name()), "the fields are"),
        );
    }
    found
}
