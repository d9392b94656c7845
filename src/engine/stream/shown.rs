//! What is shown of a record: its line as evidence, and what `explain` says.

use std::borrow::Cow;

use super::*;

pub(super) fn set(trace: &mut Option<&mut Trace>, write: impl FnOnce(&mut Trace)) {
    if let Some(trace) = trace {
        told(trace, write);
    }
}

/// Only `explain` asks: kept out of the way of what all records take.
#[cold]
#[inline(never)]
fn told(trace: &mut Trace, write: impl FnOnce(&mut Trace)) {
    write(trace);
}

/// The line as evidence: without secrets.
pub(super) fn evidence<'a>(
    grammar: &Grammar,
    line: Line<'a>,
    message: Message<'_>,
    shown: Option<&[u8]>,
    captures: &Captures,
) -> Quote<'a> {
    // The raw line may be wrapped in another encoding, in which the secret's place is not known: then the unwrapped text, or the
    // named values, are shown in its stead.
    let text = shown.unwrap_or(line.text);
    let mut clean = scrubbed(grammar, text);
    for fact in [Fact::Secret, Fact::ConnectPacket, Fact::ConnectHead] {
        if let Some(secret) = captures.get(fact, message.bytes).filter(|secret| !secret.is_empty()) {
            clean = replaced(&clean, secret).into();
        }
    }
    let same = matches!(clean, Cow::Borrowed(_)) || *clean == *text;
    Quote::new(if same { line.raw.into() } else { Cow::Owned(clean.into_owned()) })
}

/// The text with a mark in the place of each occurrence of a secret.
fn replaced(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(MARK);
        rest = &rest[at + secret.len()..];
    }
    out.extend_from_slice(rest);
    out
}

pub(super) fn facts_shown(grammar: &Grammar, heard: &Heard<'_>) -> Vec<(Fact, String)> {
    let facts = Fact::ALL.iter().copied().filter(|fact| *fact != Fact::Ignored);
    facts
        .filter_map(|fact| {
            let value = heard.value(fact)?;
            let hidden = matches!(fact, Fact::Secret | Fact::ConnectPacket | Fact::ConnectHead);
            let value = if hidden { MARK.to_vec() } else { scrubbed(grammar, &value).into_owned() };
            Some((fact, escaped(&value, 256)))
        })
        .collect()
}

/// The rule that got furthest into a message that none matches.
pub(super) fn nearest(grammar: &Grammar, message: &[u8]) -> Option<(String, usize, String)> {
    let reach = |rule: &Rule| {
        let ways = rule.ways.iter().filter_map(|way| match &way.how {
            How::Pattern(matcher) => Some((matcher.reach(message), way.written.clone())),
            How::Regex(..) | How::Fields(_) => None,
        });
        ways.max_by(|one, two| one.0.cmp(&two.0))
    };
    let best = grammar.rules.iter().filter_map(|rule| reach(rule).map(|(reached, written)| (reached, rule.name.clone(), written)));
    let (reached, name, written) = best.max_by(|one, two| one.0.cmp(&two.0))?;
    (reached.at > 0).then_some((name, reached.at, written))
}
