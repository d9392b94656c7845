//! Loads patterns, and the forms that a grammar describes by them: headers, made-up IDs, records of several lines, echoes.

use std::ops::Range;

use regex::bytes::RegexBuilder;
use toml::de::DeTable;

use crate::grammar::fact::{Fact, Kind};
use crate::grammar::form::{EchoForm, Header, Multiline};
use crate::grammar::literal;
use crate::grammar::matcher::Matcher;
use crate::grammar::pattern::{Element, Pattern, PatternError};
use crate::grammar::product::{MadeUp, Maker};
use crate::grammar::reader::{Reader, Text};
use crate::record::time::TimeFormat;

pub(super) fn pattern(reader: &mut Reader<'_>, text: &Text) -> Option<Pattern> {
    let mut pattern = noted(reader, text, Pattern::parse(&text.value))?;
    look_ahead(reader, text, &mut pattern);
    Some(pattern)
}

/// Puts the lists in which the pattern looks ahead into it.
pub(super) fn look_ahead(reader: &mut Reader<'_>, text: &Text, pattern: &mut Pattern) {
    for element in &mut pattern.elements {
        if let Element::Ahead { name, texts } = element {
            match reader.lists.iter().find(|(known, _)| known == name) {
                Some((_, list)) => texts.clone_from(list),
                None => {
                    let span = reader.inside(text, text.value.find(&format!("{{={name}}}")).unwrap_or_default(), name.len() + 3);
                    reader.fault(span, format!("no list is called \"{name}\""), format!("expected [lists] with {name} = [\"…\"]"));
                }
            }
        }
    }
}

pub(super) fn header(reader: &mut Reader<'_>, text: &Text) -> Option<Header> {
    let pattern = noted(reader, text, Pattern::parse_header(&text.value))?;
    for element in &pattern.elements {
        if let Element::Time(Some(format)) = element
            && let Err(error) = TimeFormat::parse_format(format)
        {
            let at = text.value.find(format.as_str()).unwrap_or_default();
            let span = reader.inside(text, at, format.len());
            reader.fault(
                span,
                format!("\"{format}\" is no time format: {error}"),
                "expected epoch, epoch-ms, epoch-us, iso, rfc3164 or an strftime format",
            );
        }
    }
    Some(Header { pattern })
}

fn noted<T>(reader: &mut Reader<'_>, text: &Text, result: Result<T, Vec<PatternError>>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(errors) => {
            for error in errors {
                let span = reader.inside(text, error.at, error.len);
                reader.fault(span, error.message, error.help);
            }
            None
        }
    }
}

/// `[[made_up]]`: how the IDs look that the broker makes up.
pub(super) fn made_up<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<MadeUp> {
    let mut table = reader.table(table, span.clone(), "[[made_up]]");
    let like = table.texts(reader, "like");
    let like: Vec<Matcher> = like.iter().filter_map(|text| pattern(reader, text)).map(|pattern| Matcher::new(&pattern)).collect();
    let texts = table.texts(reader, "all");
    let by = if table.flag(reader, "only_broker").unwrap_or(false) { Maker::Broker } else { Maker::Perhaps };
    let random_bits = table.flag(reader, "random_bits").unwrap_or(false);
    table.finish(reader);
    if texts.is_empty() && like.is_empty() {
        let help = "expected like = [\"a pattern of it\"], or all = [\"regular expressions, all of which are found in it\"]";
        reader.fault(span, "nothing says how such an ID looks", help);
        return None;
    }
    let regexes = texts.iter().map(|text| match RegexBuilder::new(&text.value).unicode(false).size_limit(1 << 20).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let message = format!("this is no regular expression: {error}");
            reader.fault(text.span.clone(), message, "expected what the Rust crate regex reads");
            None
        }
    });
    Some(MadeUp { all: regexes.collect::<Option<_>>()?, like, by, random_bits })
}

pub(super) fn multiline<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>, framed: bool) -> Option<Multiline> {
    let mut table = reader.table(table, span.clone(), "[[multiline]]");
    let first = table.needed(reader, "first");
    let first = first.and_then(|text| pattern(reader, &text));
    let matchers = |reader: &mut Reader<'s>, texts: Vec<Text>| -> Vec<Matcher> {
        texts.iter().filter_map(|text| pattern(reader, text)).map(|pattern| Matcher::new(&pattern)).collect()
    };
    let whole = table.texts(reader, "whole");
    let whole = matchers(reader, whole);
    let unless = table.texts(reader, "unless");
    let bracket = first.as_ref().and_then(|first| unless.iter().find_map(|text| brackets(first, &Pattern::parse(&text.value).ok()?)));
    let unless = matchers(reader, unless);
    let ends = if whole.is_empty() { table.needed(reader, "ends") } else { table.text(reader, "ends") };
    if !whole.is_empty() && !framed {
        reader.fault(span, "\"whole\" is for grammars whose records have a [record]", "expected ends = \"…\"");
    }
    let max_lines = table.number(reader, "max_lines", 2..=64).unwrap_or(8);
    let cut_at = table.number(reader, "cut_at", 1..=1 << 20).unwrap_or(usize::MAX);
    table.finish(reader);
    let first = first?;
    let ends = ends.map(|text| text.value.into_bytes());
    let literal = literal::longest(&first);
    Some(Multiline { literal, bracket, first: Matcher::new(&first), ends, whole, unless, max_lines, cut_at })
}

/// With which texts a record begins and goes on that is whole by itself, where any record that begins so and does not go on so is none
/// (`[{_}` unless `[{_}]{_}`).
fn brackets(first: &Pattern, unless: &Pattern) -> Option<(Vec<u8>, Vec<u8>)> {
    let free = |element: &Element| matches!(element, Element::Capture { fact: Fact::Ignored, kind: Kind::Text });
    let [Element::Literal(begin), rest] = first.elements.as_slice() else { return None };
    let [Element::Literal(open), inside, Element::Literal(close), after] = unless.elements.as_slice() else { return None };
    let fits = begin == open && [rest, inside, after].into_iter().all(free);
    fits.then(|| (open.clone().into_bytes(), close.clone().into_bytes()))
}

pub(super) fn echo<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<EchoForm> {
    let mut table = reader.table(table, span.clone(), "[[echo]]");
    let texts = table.texts(reader, "after");
    let patterns: Vec<Pattern> = texts.iter().filter_map(|text| pattern(reader, text)).collect();
    if texts.is_empty() || patterns.iter().any(|pattern| !pattern.facts().any(|fact| fact == Fact::ClientId)) {
        reader.fault(span, "\"after\" names the records after which a client's words are repeated", "expected patterns with {client_id}");
    }
    let between = table.needed(reader, "between");
    table.finish(reader);
    let literals = patterns.iter().map(literal::longest).collect();
    Some(EchoForm { after: patterns.iter().map(Matcher::new).collect(), literals, between: between?.value.into_bytes() })
}
