//! Makes a [`Grammar`] of a file's text, or says all that is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::RegexBuilder;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Faults;
use super::fact::Fact;
use super::index::Index;
use super::install::install;
use super::literal;
use super::load_record::{colours, endings, framing, keys, lists, secret, structure, tells, with_ending};
use super::matcher::Matcher;
use super::pattern::{Element, MOST_OPTIONAL, Pattern, PatternError, near, spelled_out};
use super::reader::{Reader, Table, Text};
use super::rule::{Because, EchoForm, FieldPattern, Grammar, Header, How, MadeUp, Maker, Multiline, Outcome, Rule, Sample, Way};
use super::texts::Texts;
use crate::model::{Field, Reason};
use crate::record::time::TimeFormat;

/// The format of grammar files that this program reads.
pub const FORMAT: usize = 1;

/// Reads a grammar file.
///
/// # Errors
/// All faults of the file, each with its place. Warnings alone are no error.
pub fn load(file: &str, source: &str, texts: &Arc<Texts>) -> Result<(Grammar, Faults), Faults> {
    let (mut reader, document) = Reader::document(source);
    let grammar = grammar(&mut reader, document.get_ref(), document.span(), texts);
    let mut faults = reader.faults;
    faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
    faults.dedup();
    let broken = faults.iter().any(|fault| !fault.warning);
    let faults = Faults { file: file.to_owned(), text: source.to_owned(), found: faults };
    match grammar {
        Some(grammar) if !broken => Ok((grammar, faults)),
        _ => Err(faults),
    }
}

fn grammar<'s>(reader: &mut Reader<'s>, document: &DeTable<'s>, span: Range<usize>, texts: &Arc<Texts>) -> Option<Grammar> {
    let mut top = reader.table(document, span.start..span.start, "a grammar");
    match top.number(reader, "format", FORMAT..=FORMAT) {
        Some(_) => {}
        None if reader.faults.iter().any(|fault| fault.message.starts_with("\"format\"")) => {}
        None => reader.fault(0..0, "a grammar has no \"format\"", "expected a line format = 1"),
    }
    let name = top.needed(reader, "name");
    if let Some(name) = &name
        && (name.value.is_empty() || !name.value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
    {
        reader.fault(name.span.clone(), "a grammar's name is made of small letters, digits and hyphens", "for example \"mosquitto\"");
    }
    let title = top.needed(reader, "title");
    let versions = top.text(reader, "versions");
    reader.lists = lists(reader, &mut top);
    let detect = top.texts(reader, "detect");
    let detect: Vec<Matcher> = detect.iter().filter_map(|text| pattern(reader, text)).map(|pattern| Matcher::new(&pattern)).collect();
    if detect.is_empty() {
        reader.warn(
            span.start..span.start,
            "nothing tells an unknown log of this product",
            "expected detect = [\"a record that only it writes\"]",
        );
    }
    let headers = top.texts(reader, "header");
    let mut headers: Vec<Header> = headers.iter().filter_map(|text| header(reader, text)).collect();
    if headers.is_empty() {
        headers.extend(Pattern::parse_header("{message}").ok().map(|pattern| Header { pattern }));
    }
    let nobody = top.texts(reader, "nobody").into_iter().map(|text| text.value.into_bytes()).collect();
    let bytes = |texts: Vec<Text>| texts.into_iter().map(|text| text.value.into_bytes());
    let made_up = top.tables(reader, "made_up").into_iter().filter_map(|(table, span)| made_up(reader, table, span)).collect();
    let no_username = bytes(top.texts(reader, "no_username")).collect();
    let tls = bytes(top.texts(reader, "tls_transports")).map(|text| (text, true)).collect::<Vec<_>>();
    let transports = tls.into_iter().chain(bytes(top.texts(reader, "plain_transports")).map(|text| (text, false))).collect();
    let keys = keys(reader, &mut top);
    let cut_at = top.number(reader, "cut_at", 64..=1 << 20).unwrap_or(usize::MAX);
    let colours = colours(reader, &mut top);
    let framing = framing(reader, &mut top);
    let structures: Vec<_> = top.tables(reader, "fields").into_iter().filter_map(|(table, span)| structure(reader, table, span)).collect();
    let secrets = top.tables(reader, "secret").into_iter().filter_map(|(table, span)| secret(reader, table, span)).collect();
    let tells = top.tables(reader, "tells").into_iter().filter_map(|(table, span)| tells(reader, table, span)).collect();
    let install = install(reader, &mut top);
    let own_texts = Texts { entries: top.tables(reader, "text").into_iter().map(|(table, span)| text(reader, table, span)).collect() };
    let multiline: Vec<Multiline> =
        top.tables(reader, "multiline").into_iter().filter_map(|(table, span)| multiline(reader, table, span, framing.is_some())).collect();
    let echoes = top.tables(reader, "echo").into_iter().filter_map(|(table, span)| echo(reader, table, span)).collect();
    let endings = endings(reader, &mut top);
    let logs = top.texts(reader, "logs").into_iter().map(|text| text.value).collect();
    let mut rules: Vec<Rule> = Vec::new();
    let mut places: Vec<(String, Range<usize>)> = Vec::new();
    let mut named = Named::default();
    let tables = top.tables(reader, "rule");
    let has_rules = !tables.is_empty();
    for (table, span) in tables {
        if let Some((rule, place)) = rule(reader, table, span, &endings, &mut named) {
            if places.iter().any(|(name, _)| *name == rule.name) {
                reader.fault(place.clone(), format!("another rule is called \"{}\"", rule.name), "every rule has a name of its own");
            }
            places.push((rule.name.clone(), place));
            rules.push(rule);
        }
    }
    named.judge(reader, &rules);
    for text in named.refusals {
        rules.iter_mut().filter(|rule| rule.name == text.value).for_each(|rule| rule.has_twin = true);
    }
    if !has_rules {
        reader.fault(span.start..span.start, "a grammar without rules finds nothing", "expected [[rule]]");
    }
    // Rules with the best ways come first.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.ways.iter().map(|way| way.rank).max()));
    let tables = top.tables(reader, "sample");
    let has_samples = !tables.is_empty();
    let samples: Vec<Sample> = tables.into_iter().filter_map(|(table, span)| sample(reader, table, span)).collect();
    if !has_samples {
        reader.fault(span.start..span.start, "a grammar without samples is not tried", "expected [[sample]] with log and rows");
    }
    top.finish(reader);
    Some(Grammar {
        name: name?.value,
        title: title?.value,
        versions: versions.map(|text| text.value).unwrap_or_default(),
        detect,
        headers,
        nobody,
        made_up,
        no_username,
        transports,
        keys,
        cut_at,
        colours,
        framing,
        structures,
        multiline,
        echoes,
        index: Index::new(&rules),
        rules,
        samples,
        texts: Arc::clone(texts),
        own_texts,
        secrets,
        tells,
        install,
        logs,
    })
}

/// The rules that other rules speak of.
#[derive(Default)]
struct Named {
    contexts: Vec<Text>,
    refusals: Vec<Text>,
}

impl Named {
    /// Are there such rules?
    fn judge(&self, reader: &mut Reader<'_>, rules: &[Rule]) {
        let kinds = [(&self.contexts, Outcome::Context, "context"), (&self.refusals, Outcome::Refused, "refusal")];
        for (texts, outcome, word) in kinds {
            for text in texts {
                let fitting = rules.iter().filter(|rule| rule.outcome == outcome).map(|rule| rule.name.as_str());
                if !fitting.clone().any(|name| name == text.value) {
                    let help = near(&text.value, fitting, &format!("the {word}s are"));
                    reader.fault(text.span.clone(), format!("no {word} rule is called \"{}\"", text.value), help);
                }
            }
        }
    }
}

pub(super) fn pattern(reader: &mut Reader<'_>, text: &Text) -> Option<Pattern> {
    let mut pattern = noted(reader, text, Pattern::parse(&text.value))?;
    look_ahead(reader, text, &mut pattern);
    Some(pattern)
}

/// Puts the lists in which the pattern looks ahead into it.
fn look_ahead(reader: &mut Reader<'_>, text: &Text, pattern: &mut Pattern) {
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

fn header(reader: &mut Reader<'_>, text: &Text) -> Option<Header> {
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
fn made_up<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<MadeUp> {
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

fn multiline<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>, framed: bool) -> Option<Multiline> {
    let mut table = reader.table(table, span.clone(), "[[multiline]]");
    let first = table.needed(reader, "first");
    let first = first.and_then(|text| pattern(reader, &text));
    let matchers = |reader: &mut Reader<'s>, texts: Vec<Text>| -> Vec<Matcher> {
        texts.iter().filter_map(|text| pattern(reader, text)).map(|pattern| Matcher::new(&pattern)).collect()
    };
    let whole = table.texts(reader, "whole");
    let whole = matchers(reader, whole);
    let unless = table.texts(reader, "unless");
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
    Some(Multiline { literal: literal::longest(&first), first: Matcher::new(&first), ends, whole, unless, max_lines, cut_at })
}

fn echo<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<EchoForm> {
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

/// `named` collects the rules that this one speaks of.
fn rule<'s>(
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
    let words = table.text(reader, "words").map(|text| text.value);
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

/// `match`: a pattern, perhaps with parts that may be missing.
fn pattern_way(reader: &mut Reader<'_>, text: &Text) -> Option<Way> {
    let parts = text.value.matches("{?").count();
    if parts == 0 {
        let pattern = pattern(reader, text)?;
        let rank = (pattern.literal_len(), typed(&pattern), false);
        let how = How::Pattern(Box::new(Matcher::new(&pattern)));
        let way = Way::new(how, text.value.clone(), rank, literal::longest(&pattern));
        return Some(Way { others: literal::runs(&pattern), ..way });
    }
    if parts > MOST_OPTIONAL || text.value.matches("?}").count() != parts {
        reader.fault(
            text.span.clone(),
            "the parts that may be missing cannot be told",
            format!("expected {{?part?}}, not inside each other, {MOST_OPTIONAL} at the most"),
        );
        return None;
    }
    let spelled = spelled_out(&text.value);
    let mut patterns = Vec::new();
    for one in &spelled {
        match Pattern::parse(one) {
            Ok(mut pattern) => {
                look_ahead(reader, text, &mut pattern);
                patterns.push(pattern);
            }
            Err(errors) => {
                for error in errors {
                    let message = format!("read as \"{one}\": {}", error.message);
                    reader.fault(text.span.clone(), message, error.help);
                }
                return None;
            }
        }
    }
    let least = |count: &dyn Fn(&Pattern) -> usize| patterns.iter().map(count).min().unwrap_or_default();
    let literal = literal::longest_of_all(&patterns);
    let rank = (least(&Pattern::literal_len), least(&typed), false);
    Some(Way::new(How::Pattern(Box::new(Matcher::any(&patterns, &literal))), text.value.clone(), rank, literal))
}

/// `[rule.fields]`: a pattern, or several, for each named value; a name that ends in `?` may be missing.
fn fields_way<'s>(reader: &mut Reader<'s>, value: &toml::Spanned<DeValue<'s>>) -> Option<Way> {
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"fields\" is no table", "expected [rule.fields] with a pattern for each value");
        return None;
    };
    let (mut fields, mut written, mut rank, mut best) = (Vec::new(), Vec::new(), (0, 0, false), Vec::new());
    for (key, value) in table.iter() {
        let (name, optional) = key.get_ref().strip_suffix('?').map_or((key.get_ref().as_ref(), false), |name| (name, true));
        let texts = reader.texts(value);
        let patterns: Vec<Pattern> = texts.iter().filter_map(|text| pattern(reader, text)).collect();
        let least = |count: &dyn Fn(&Pattern) -> usize| patterns.iter().map(count).min().unwrap_or_default();
        if !optional {
            // The name itself is a condition, too.
            rank.0 += least(&Pattern::literal_len) + 1;
            rank.1 += least(&typed);
            let literal = literal::longest_of_all(&patterns);
            // The name stands there as well; that of a value inside another value at least with its last part.
            let by_name = literal::safe_run(name.rsplit('.').next().unwrap_or_default().as_bytes());
            for literal in [literal.as_slice(), by_name] {
                if literal.len() > best.len() && (best.len() < literal::GOOD || !std::ptr::eq(literal, by_name)) {
                    best = literal.to_vec();
                }
            }
        }
        written.extend(texts.iter().map(|text| format!("{}: {}", key.get_ref(), text.value)));
        let facts = patterns.iter().flat_map(|pattern| pattern.facts()).collect();
        fields.push(FieldPattern { name: name.to_owned(), optional, matchers: patterns.iter().map(Matcher::new).collect(), facts });
    }
    Some(Way::new(How::Fields(fields), written.join(", "), rank, best))
}

fn typed(pattern: &Pattern) -> usize {
    pattern.elements.iter().filter(|element| matches!(element, Element::Capture { kind, .. } if !kind.is_free())).count()
}

fn regex_way(reader: &mut Reader<'_>, text: &Text, literal: Option<&Text>) -> Option<Way> {
    let Some(literal) = literal else {
        reader.fault(
            text.span.clone(),
            "a regular expression needs a \"literal\"",
            "expected literal = \"a text that every such record holds\"",
        );
        return None;
    };
    let built = RegexBuilder::new(&format!("^(?:{})$", text.value)).unicode(false).dot_matches_new_line(true).size_limit(1 << 20).build();
    let regex = match built {
        Ok(regex) => regex,
        Err(error) => {
            let error = error.to_string();
            let line = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            reader.fault(text.span.clone(), "not a regular expression", line);
            return None;
        }
    };
    let mut groups = Vec::new();
    for (index, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        match Fact::from_name(name) {
            Some(fact) => groups.push((fact, index)),
            None => reader.fault(
                text.span.clone(),
                format!("no fact is called \"{name}\""),
                near(name, Fact::ALL.iter().map(|fact| fact.name()), "the facts are"),
            ),
        }
    }
    let rank = (literal.value.len(), 0, false);
    let literal = literal::safe_run(literal.value.as_bytes()).to_vec();
    Some(Way::new(How::Regex(Box::new(regex), groups), text.value.clone(), rank, literal))
}

fn reason<'s>(reader: &mut Reader<'s>, table: &mut Table<'_, 's>) -> Because {
    let Some(value) = table.take("reason") else { return Because::Unsaid };
    match value.get_ref() {
        DeValue::String(text) if text == "tls" => return Because::Tls,
        DeValue::String(text) if text == "texts" => return Because::Texts,
        _ => {}
    }
    let texts = reader.texts(value);
    Because::Given(texts.iter().filter_map(|text| one_reason(reader, text)).collect())
}

fn one_reason(reader: &mut Reader<'_>, text: &Text) -> Option<Reason> {
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

fn one_outcome(reader: &mut Reader<'_>, text: &Text) -> Option<Outcome> {
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
    let names = ["clientId", "ipAddress", "ts", "username", "passwordProvided", "tlsUsed", "reason"];
    let fields = [Field::ClientId, Field::IpAddress, Field::Ts, Field::Username, Field::PasswordProvided, Field::TlsUsed, Field::Reason];
    let found = names.iter().position(|name| *name == text.value).map(|index| fields[index]);
    if found.is_none() {
        reader.fault(
            text.span.clone(),
            format!("no field is called \"{}\"", text.value),
            near(&text.value, names.into_iter(), "the fields are"),
        );
    }
    found
}

fn sample<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> Option<Sample> {
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

/// Reads the file of TLS texts.
///
/// # Errors
/// All faults of the file.
pub fn load_texts(file: &str, source: &str) -> Result<Texts, Faults> {
    let (mut reader, document) = Reader::document(source);
    let mut top = reader.table(document.get_ref(), document.span(), "a file of texts");
    let mut texts = Texts::default();
    for (table, span) in top.tables(&mut reader, "text") {
        let mut entry = text(&mut reader, table, span);
        entry.tls = entry.tls.or(Some(true));
        texts.entries.push(entry);
    }
    top.finish(&mut reader);
    if reader.faults.is_empty() { Ok(texts) } else { Err(Faults { file: file.to_owned(), text: source.to_owned(), found: reader.faults }) }
}

/// One `[[text]]`.
fn text<'s>(reader: &mut Reader<'s>, table: &DeTable<'s>, span: Range<usize>) -> super::texts::TlsText {
    let mut table = reader.table(table, span.clone(), "a text");
    let contains: Vec<Vec<u8>> = table.texts(reader, "contains").into_iter().map(|text| text.value.into_bytes()).collect();
    if contains.is_empty() || contains.iter().any(Vec::is_empty) {
        reader.fault(span, "this text contains nothing", "expected contains = [\"…\"]");
    }
    let tls = table.flag(reader, "tls");
    let text = super::texts::TlsText {
        contains,
        reasons: table.texts(reader, "reason").iter().filter_map(|text| one_reason(reader, text)).collect(),
        handshake: table.flag(reader, "handshake").unwrap_or(true),
        weight: table.number(reader, "weight", 0..=9).unwrap_or(5),
        tls,
        tls_likely: table.flag(reader, "tls_likely").unwrap_or(false),
        password_provided: table.flag(reader, "password_provided"),
    };
    table.finish(reader);
    text
}
