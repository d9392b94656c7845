//! Makes a [`Grammar`] of a file's text, or says all that is wrong with it.

mod forms;
mod record;
mod rule;
mod sample;
mod text;
mod way;
mod words;

use std::ops::Range;
use std::sync::Arc;

use toml::de::DeTable;

use super::diagnostic::Faults;
use super::form::{EchoForm, Header, Multiline};
use super::index::Index;
use super::install::install;
use super::matcher::Matcher;
use super::pattern::{Pattern, near};
use super::product::Grammar;
use super::reader::{Reader, Text};
use super::rule::{Outcome, Rule, Sample};
use super::texts::Texts;
use forms::{echo, header, made_up, multiline, pattern};
use record::{colours, endings, framing, keys, lists, secret, structure, tells};
use rule::rule;
use sample::sample;
use text::text;

pub use text::load_texts;

/// The format of grammar files that this program reads.
pub const FORMAT: usize = 1;

/// Reads a grammar file.
///
/// # Errors
/// All faults of the file, each with its place. Warnings alone are no error.
pub fn load(file: &str, source: &str, texts: &Arc<Texts>) -> Result<(Grammar, Faults), Faults> {
    load_parts(file, source, texts, true)
}

/// The same without its samples, which only `grammar test` and `grammar list` look at: they are two thirds of a file, and come last.
pub(super) fn load_rules(file: &str, source: &str, texts: &Arc<Texts>) -> Result<(Grammar, Faults), Faults> {
    load_parts(file, source.find("\n[[sample]]").map_or(source, |end| &source[..=end]), texts, false)
}

fn load_parts(file: &str, source: &str, texts: &Arc<Texts>, samples: bool) -> Result<(Grammar, Faults), Faults> {
    let (mut reader, document) = Reader::document(source);
    let grammar = grammar(&mut reader, document.get_ref(), document.span(), texts, samples);
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

fn grammar<'s>(reader: &mut Reader<'s>, document: &DeTable<'s>, span: Range<usize>, texts: &Arc<Texts>, samples: bool) -> Option<Grammar> {
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
    let own_texts = Texts::new(top.tables(reader, "text").into_iter().map(|(table, span)| text(reader, table, span)).collect());
    let multiline: Vec<Multiline> =
        top.tables(reader, "multiline").into_iter().filter_map(|(table, span)| multiline(reader, table, span, framing.is_some())).collect();
    let echoes: Vec<EchoForm> = top.tables(reader, "echo").into_iter().filter_map(|(table, span)| echo(reader, table, span)).collect();
    let begun = multiline.iter().map(|form| (form.first.ends, form.ends.clone()));
    let openers = begun.chain(echoes.iter().flat_map(|form| form.after.iter().map(|matcher| (matcher.ends, None)))).collect();
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
    let awaited: Vec<String> = rules.iter().flat_map(|rule| rule.after.iter().cloned()).collect();
    let recalls = rules.iter().any(|rule| rule.after_accepted);
    for rule in &mut rules {
        rule.is_awaited = awaited.contains(&rule.name);
        rule.is_recalled = recalls && rule.outcome == Outcome::Accepted;
    }
    for text in named.refusals {
        rules.iter_mut().filter(|rule| rule.name == text.value).for_each(|rule| rule.has_twin = true);
    }
    if !has_rules {
        reader.fault(span.start..span.start, "a grammar without rules finds nothing", "expected [[rule]]");
    }
    // What a record's message is called, where it always has one name.
    let message =
        structures.first().filter(|first| first.message.len() == 1 && structures.iter().all(|form| form.message == first.message));
    let message = message.map(|form| form.message[0].clone());
    // Rules with the best ways come first.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.ways.iter().map(|way| way.rank).max()));
    let tables = top.tables(reader, "sample");
    let lacks_samples = samples && tables.is_empty();
    let samples: Vec<Sample> = tables.into_iter().filter_map(|(table, span)| sample(reader, table, span)).collect();
    if lacks_samples {
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
        index: Index::new(&rules, message.as_deref()),
        openers,
        follows: rules.iter().any(|rule| rule.follows),
        rules,
        samples,
        texts: Arc::clone(texts),
        own_texts,
        secrets,
        tells,
        install,
        logs,
        prefilter: std::sync::OnceLock::new(),
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
