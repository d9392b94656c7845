//! Loads `[[rule]]`: what a record means.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::Named;
use super::record::with_ending;
use super::way::{fields_way, pattern_way, regex_way};
use super::words::{one_field, one_outcome, one_reason, reason};
use crate::grammar::captures::Captures;
use crate::grammar::fact::Fact;
use crate::grammar::literal;
use crate::grammar::pattern::{Pattern, different, spelled_out};
use crate::grammar::reader::{Reader, Text};
use crate::grammar::rule::{Because, Outcome, Rule};
use crate::grammar::way::How;

/// `named` collects the rules that this one speaks of.
pub(super) fn rule<'s>(
    reader: &mut Reader<'s>,
    table: &DeTable<'s>,
    span: Range<usize>,
    endings: &BTreeMap<String, Vec<Text>>,
    named: &mut Named,
) -> Option<(Rule, Range<usize>)> {
    let mut table = reader.table(table, span.clone(), "a rule");
    let name = table.needed(reader, "name");
    let outcome = table.needed(reader, "outcome").and_then(|text| one_outcome(reader, &text));
    let mut ways = Vec::new();
    let patterns = table.texts(reader, "match");
    let patterns = match table.text(reader, "ending") {
        Some(ending) => with_ending(reader, &patterns, &ending, endings),
        None => patterns,
    };
    for text in &patterns {
        ways.extend(pattern_way(reader, text));
    }
    let regexes = table.texts(reader, "match_regex");
    let regex_literal = table.text(reader, "literal");
    for text in &regexes {
        ways.extend(regex_way(reader, text, regex_literal.as_ref()));
    }
    let fields = table.take("fields");
    if let Some(value) = fields {
        ways.extend(fields_way(reader, value));
    }
    if patterns.is_empty() && regexes.is_empty() && fields.is_none() {
        reader.fault(span.clone(), "this rule matches nothing", "expected match = \"…\", or [rule.fields]");
    }
    let reason = reason(reader, &mut table);
    let reason_tls = table.texts(reader, "reason_tls").iter().filter_map(|text| one_reason(reader, text)).collect();
    let words = table.text(reader, "words").map(|text| text.value.into());
    let after = table.texts(reader, "after");
    named.contexts.extend(after.iter().cloned());
    let same_as = table.texts(reader, "same_as");
    named.refusals.extend(same_as.iter().cloned());
    let mut rule = Rule {
        name: name.as_ref().map(|text| text.value.clone()).unwrap_or_default(),
        outcome: outcome.unwrap_or(Outcome::Nothing),
        reason_tls,
        words,
        tls: table.flag(reader, "tls"),
        password_provided: table.flag(reader, "password_provided"),
        password_if_plain: table.flag(reader, "password_if_plain").unwrap_or(false),
        connect: table.flag(reader, "connect").unwrap_or(false),
        begins: table.flag(reader, "begins").unwrap_or(false),
        stack: table.flag(reader, "stack").unwrap_or(false),
        alone: table.flag(reader, "alone").unwrap_or(false),
        bare: table.flag(reader, "bare").unwrap_or(false),
        needs_open: table.flag(reader, "needs_open").unwrap_or(false),
        never_accepted: table.flag(reader, "never_accepted").unwrap_or(false),
        after_accepted: table.flag(reader, "after_accepted").unwrap_or(false),
        needs_context: table.flag(reader, "needs_context").unwrap_or(false),
        after: after.into_iter().map(|text| text.value).collect(),
        repeats: table.flag(reader, "repeats").unwrap_or(false),
        behind_proxy: table.flag(reader, "behind_proxy").unwrap_or(false),
        claims: table.flag(reader, "claims").unwrap_or(false),
        opened_later: table.flag(reader, "opened_later").unwrap_or(false),
        torn_begins: table.flag(reader, "torn_begins").unwrap_or(false),
        torn_ends: table.flag(reader, "torn_ends").unwrap_or(false),
        tears: table.flag(reader, "tears").unwrap_or(outcome == Some(Outcome::Torn)),
        waits: table.flag(reader, "waits").unwrap_or(false),
        follows: table.flag(reader, "follows").unwrap_or(false),
        whole: table.flag(reader, "whole").unwrap_or(false),
        frees: table.flag(reader, "frees").unwrap_or(false),
        corrects: table.flag(reader, "corrects").unwrap_or(false),
        after_closed: table.flag(reader, "after_closed").unwrap_or(false),
        session: table.flag(reader, "session"),
        also: table.text(reader, "also").is_some_and(|text| also(reader, &text)),
        weight: table.number(reader, "weight", 0..=9).unwrap_or(4),
        admitted: table.flag(reader, "admitted").unwrap_or(false),
        general: table.flag(reader, "general").unwrap_or(false),
        elimination: table.flag(reader, "elimination").unwrap_or(false),
        listed_only: table.flag(reader, "listed_only").unwrap_or(false),
        doubt: table.texts(reader, "doubt").iter().filter_map(|text| one_field(reader, text)).collect(),
        doubt_tls: table.texts(reader, "doubt_tls").iter().filter_map(|text| one_field(reader, text)).collect(),
        only: table.texts(reader, "only").into_iter().map(|text| text.value.into_bytes()).collect(),
        reason_anonymous: table.texts(reader, "reason_anonymous").iter().filter_map(|text| one_reason(reader, text)).collect(),
        blurred: table.texts(reader, "blurred").into_iter().map(|text| text.value.into_bytes()).collect(),
        look_back: table.flag(reader, "look_back").unwrap_or(false),
        forgeable: table.texts(reader, "forgeable").into_iter().map(|text| text.value.into_bytes()).collect(),
        has_twin: !same_as.is_empty(),
        is_awaited: false,
        is_recalled: false,
        same_as: same_as.into_iter().map(|text| text.value).collect(),
        reason,
        ways,
    };
    let prevails = table.flag(reader, "prevails").unwrap_or(false);
    table.finish(reader);
    let conditional = rule.needs_open
        || rule.after_accepted
        || rule.after_closed
        || rule.never_accepted
        || rule.needs_context
        || !rule.after.is_empty()
        || !rule.only.is_empty()
        || rule.session.is_some();
    // What it says first counts, whatever a stranger put behind it.
    let ahead = if prevails { 1 << 20 } else { 0 };
    rule.ways.iter_mut().for_each(|way| (way.rank.0, way.rank.2) = (way.rank.0 + ahead, conditional));
    let place = name.map_or(span, |text| text.span);
    judge(reader, &rule, &place);
    outcome.map(|_| (rule, place))
}

fn also(reader: &mut Reader<'_>, text: &Text) -> bool {
    let known = text.value == "texts";
    if !known {
        reader.fault(text.span.clone(), format!("\"also\" cannot be \"{}\"", text.value), "expected also = \"texts\"");
    }
    known
}

/// What no single key can know: do the rule's parts fit together?
fn judge(reader: &mut Reader<'_>, rule: &Rule, place: &Range<usize>) {
    if rule.outcome == Outcome::Refused && rule.reason == Because::Unsaid && rule.words.is_none() && !captures(rule, Fact::Words) {
        reader.fault(place.clone(), "this refusal gives no reason", "expected reason = [\"…\"], or words for the reason \"other\"");
    }
    if matches!(rule.reason, Because::Tls | Because::Texts) && !captures(rule, Fact::Words) {
        let because = if rule.reason == Because::Tls { "tls" } else { "texts" };
        let message = format!("reason = \"{because}\" looks the reason up by the record's {{words}}");
        reader.fault(place.clone(), message, "expected a {words} capture in match");
    }
    if rule.also && (!captures(rule, Fact::Words) || !matches!(rule.reason, Because::Given(_))) {
        let message = "also = \"texts\" looks further reasons up by the record's {words}";
        reader.fault(place.clone(), message, "expected a {words} capture in match, and reason = [\"…\"]");
    }
    if rule.outcome == Outcome::Listener && (!captures(rule, Fact::ServerPort) || (rule.tls.is_none() && !captures(rule, Fact::Transport)))
    {
        reader.fault(
            place.clone(),
            "a listener is a port, with TLS or without",
            "expected {server_port} in match, and tls = true or false or {transport}",
        );
    }
    if (rule.alone || rule.begins || rule.stack) && rule.outcome != Outcome::Context {
        reader.fault(
            place.clone(),
            "\"alone\", \"begins\" and \"stack\" are for outcome = \"context\"",
            "expected them on a context rule only",
        );
    }
    let named_anew = rule.elimination && captures(rule, Fact::ClientId);
    if rule.outcome == Outcome::Opened && !named_anew && !captures(rule, Fact::ClientIp) && !captures(rule, Fact::Connection) {
        reader.fault(place.clone(), "an opened connection has nothing to be known by", "expected {client_ip} or {connection} in match");
    }
    if !rule.only.is_empty() && !captures(rule, Fact::Words) {
        reader.fault(place.clone(), "\"only\" says which words there may be", "expected {words} in match");
    }
    if rule.look_back && !matches!(rule.outcome, Outcome::Torn | Outcome::Refused) {
        reader.fault(place.clone(), "\"look_back\" is for the end of a record that was torn", "expected outcome = \"torn\" or \"refused\"");
    }
    if !rule.same_as.is_empty() && rule.outcome != Outcome::Refused {
        reader.fault(place.clone(), "\"same_as\" names the records that tell the same refusal", "expected outcome = \"refused\"");
    }
    for way in &rule.ways {
        let count = match &way.how {
            // Said where the pattern is read.
            How::Pattern(_) => 0,
            How::Regex(_, groups) => different(groups.iter().map(|(fact, _)| *fact)),
            How::Fields(patterns) => different(patterns.iter().flat_map(|pattern| pattern.facts.iter().copied())),
        };
        if count > Captures::MOST {
            let expected = format!("expected {} at the most: capture others as {{_}}", Captures::MOST);
            reader.fault(place.clone(), format!("this rule captures {count} facts"), expected);
        }
        if !matches!(rule.outcome, Outcome::Nothing | Outcome::Torn) && way.literal.len() < literal::GOOD {
            reader.warn(
                place.clone(),
                format!("\"{}\" has no literal text of {} bytes or more to look for", way.written, literal::GOOD),
                "scanning is slow for this rule",
            );
        }
    }
}

fn captures(rule: &Rule, fact: Fact) -> bool {
    rule.ways.iter().all(|way| match &way.how {
        How::Pattern(_) => {
            spelled_out(&way.written).iter().all(|text| Pattern::parse(text).is_ok_and(|pattern| pattern.facts().any(|has| has == fact)))
        }
        How::Regex(_, groups) => groups.iter().any(|(has, _)| *has == fact),
        How::Fields(patterns) => patterns.iter().any(|pattern| pattern.facts.contains(&fact)),
    })
}
