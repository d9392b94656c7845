//! The pattern language: `New connection from {client_ip:ip}:{client_port} on port {server_port}.`
//!
//! ```text
//! pattern = { literal | capture | ahead }
//! capture = "{" [ name ] [ ":" kind ] "}"
//! ahead   = "{=" list "}"
//! literal = any text; "{{" and "}}" stand for braces
//! ```
//!
//! A rule's `match` may also hold `{?part?}`: a part that may be missing. It is spelled out before it is read.
//!
//! This file reads patterns (with nom) and prints them; [`super::matcher`] runs them over bytes. For every pattern,
//! reading what was printed gives the pattern back.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{map, opt, value};
use nom::multi::{fold_many1, many0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::captures::Captures;
use super::fact::{Fact, Kind};

/// A pattern: literals and captures in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What it is made of. Two literals never stand side by side, and no literal is empty.
    pub elements: Vec<Element>,
}

/// One element of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// This text, byte for byte.
    Literal(String),
    /// A captured value.
    Capture {
        /// What it is.
        fact: Fact,
        /// What it accepts.
        kind: Kind,
    },
    /// What follows begins with one of the texts of this list of the grammar; it takes nothing.
    Ahead {
        /// The list's name.
        name: String,
        /// Its texts, once the list was looked up.
        texts: Vec<String>,
    },
    /// The record's time stamp (headers only), with its format where one is named.
    Time(Option<String>),
    /// The record's message (headers only): all that is left.
    Message,
}

/// Why a pattern could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Byte offset in the pattern.
    pub at: usize,
    /// How many bytes are at fault.
    pub len: usize,
    /// What is wrong there.
    pub message: String,
    /// What was expected, or what to do.
    pub help: String,
}

impl Pattern {
    /// Reads a rule's pattern. Finds every fault, not only the first.
    pub fn parse(text: &str) -> Result<Pattern, Vec<PatternError>> {
        let (pattern, mut faults) = read(text);
        for (element, at) in pattern.elements.iter().zip(&faults.1) {
            if matches!(element, Element::Time(_) | Element::Message) {
                faults.0.push(PatternError {
                    at: *at,
                    len: element.to_string().len(),
                    message: "only a header has {time} and {message}".into(),
                    help: "a rule is matched against the message, after the header".into(),
                });
            }
        }
        faults.0.extend(adjacent_captures(&pattern, &faults.1));
        faults.0.extend(too_many(&pattern, text));
        if faults.0.is_empty() { Ok(pattern) } else { Err(faults.0) }
    }

    /// Reads a header's pattern: it ends in `{message}` and may hold one `{time}`.
    pub fn parse_header(text: &str) -> Result<Pattern, Vec<PatternError>> {
        let (pattern, (mut faults, places)) = read(text);
        faults.extend(adjacent_captures(&pattern, &places));
        faults.extend(too_many(&pattern, text));
        for (element, at) in pattern.elements.iter().zip(&places) {
            if matches!(element, Element::Ahead { .. }) {
                let help = "write the text itself".into();
                faults.push(PatternError { at: *at, len: element.to_string().len(), message: "a header has no {=list}".into(), help });
            }
        }
        let messages = pattern.elements.iter().filter(|element| **element == Element::Message).count();
        if faults.is_empty() && (messages != 1 || pattern.elements.last() != Some(&Element::Message)) {
            faults.push(PatternError {
                at: 0,
                len: text.len(),
                message: "a header ends in {message}".into(),
                help: "for example \"{time:epoch}: {message}\"".into(),
            });
        }
        if pattern.elements.iter().filter(|element| matches!(element, Element::Time(_))).count() > 1 {
            faults.push(PatternError {
                at: 0,
                len: text.len(),
                message: "a header has one {time} at most".into(),
                help: "capture the other as {_}".into(),
            });
        }
        if faults.is_empty() { Ok(pattern) } else { Err(faults) }
    }

    /// How many bytes of it are literal.
    pub fn literal_len(&self) -> usize {
        let literal = |element: &Element| match element {
            Element::Literal(text) => text.len(),
            Element::Ahead { texts, .. } => texts.iter().map(String::len).min().unwrap_or_default(),
            _ => 0,
        };
        self.elements.iter().map(literal).sum()
    }

    /// The facts that it captures.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        self.elements.iter().filter_map(|element| if let Element::Capture { fact, .. } = element { Some(*fact) } else { None })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.iter().try_for_each(|element| element.fmt(f))
    }
}

impl Element {
    /// The byte with which a literal begins.
    pub(super) fn first_byte(&self) -> Option<u8> {
        if let Element::Literal(text) = self { text.bytes().next() } else { None }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Element::Capture { fact, kind } if *kind == fact.default_kind() => write!(f, "{{{}}}", fact.name()),
            Element::Capture { fact, kind } => write!(f, "{{{}:{}}}", fact.name(), kind.name()),
            Element::Ahead { name, .. } => write!(f, "{{={name}}}"),
            Element::Time(None) => f.write_str("{time}"),
            Element::Time(Some(format)) => write!(f, "{{time:{format}}}"),
            Element::Message => f.write_str("{message}"),
        }
    }
}

/// More parts than this may not be missing in one pattern: each doubles the number of its readings.
pub(super) const MOST_OPTIONAL: usize = 6;

/// The pattern with and without each part that may be missing (`{?part?}`), those with the most parts first.
pub(super) fn spelled_out(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once("{?") else { return vec![text.to_owned()] };
    let Some((part, after)) = rest.split_once("?}") else { return vec![text.to_owned()] };
    let tails = spelled_out(after);
    let with = tails.iter().map(|tail| format!("{before}{part}{tail}"));
    with.chain(tails.iter().map(|tail| format!("{before}{tail}"))).collect()
}

/// What the nom parsers see: a capture's words are not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Raw<'a> {
    Literal(String),
    Capture { name: &'a str, kind: Option<&'a str> },
    Ahead(&'a str),
}

fn literal(input: &str) -> IResult<&str, Raw<'_>> {
    let run = alt((value("{", tag("{{")), value("}", tag("}}")), take_while1(|c| c != '{' && c != '}')));
    map(
        fold_many1(run, String::new, |mut text, part| {
            text.push_str(part);
            text
        }),
        Raw::Literal,
    )
    .parse(input)
}

fn capture(input: &str) -> IResult<&str, Raw<'_>> {
    let name = take_while(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let kind = preceded(char(':'), take_while(|c| c != '{' && c != '}'));
    map(delimited(char('{'), (name, opt(kind)), char('}')), |(name, kind)| Raw::Capture { name, kind }).parse(input)
}

fn ahead(input: &str) -> IResult<&str, Raw<'_>> {
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    map(delimited(tag("{="), name, char('}')), Raw::Ahead).parse(input)
}

type Faults = (Vec<PatternError>, Vec<usize>);

/// Reads as much as can be read: the elements, the faults, and where each element starts.
fn read(text: &str) -> (Pattern, Faults) {
    let mut elements = Vec::new();
    let mut places = Vec::new();
    let mut faults = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let Ok((after, found)) = many0(alt((literal, ahead, capture))).parse(rest) else { break };
        let mut here = at;
        for raw in &found {
            let len = raw_len(raw, &text[here..]);
            match judge(raw, here, len) {
                Ok(element) => {
                    elements.push(element);
                    places.push(here);
                }
                Err(fault) => faults.push(fault),
            }
            here += len;
        }
        if after.is_empty() {
            break;
        }
        let at = text.len() - after.len();
        let open = after.starts_with('{');
        faults.push(PatternError {
            at,
            len: 1,
            message: if open { "this brace opens a capture that does not close".into() } else { "this brace closes nothing".into() },
            help: if open { "a capture reads {name} or {name:kind}; a literal brace is {{".into() } else { "a literal brace is }}".into() },
        });
        rest = &after[1..];
    }
    (Pattern { elements }, (faults, places))
}

fn raw_len(raw: &Raw<'_>, source: &str) -> usize {
    match raw {
        Raw::Literal(text) => text.len() + text.matches(['{', '}']).count(),
        Raw::Capture { .. } | Raw::Ahead(_) => source.find('}').map_or(source.len(), |end| end + 1),
    }
}

fn judge(raw: &Raw<'_>, at: usize, len: usize) -> Result<Element, PatternError> {
    let fault = |message: String, help: String| PatternError { at, len, message, help };
    match raw {
        Raw::Literal(text) => Ok(Element::Literal(text.clone())),
        Raw::Ahead(name) => Ok(Element::Ahead { name: (*name).to_owned(), texts: Vec::new() }),
        Raw::Capture { name: "time", kind } => Ok(Element::Time(kind.map(str::to_owned))),
        Raw::Capture { name: "message", kind: None } => Ok(Element::Message),
        Raw::Capture { name, kind } => {
            let name = if name.is_empty() { "_" } else { name };
            let fact = Fact::from_name(name).ok_or_else(|| {
                fault(format!("no fact is called \"{name}\""), near(name, Fact::ALL.iter().map(|fact| fact.name()), "the facts are"))
            })?;
            let kind = match kind {
                None => fact.default_kind(),
                Some(kind) => Kind::from_name(kind).ok_or_else(|| {
                    fault(format!("no kind is called \"{kind}\""), near(kind, Kind::ALL.iter().map(|kind| kind.name()), "the kinds are"))
                })?,
            };
            Ok(Element::Capture { fact, kind })
        }
    }
}

/// "did you mean …", or the whole list.
pub(crate) fn near<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone, list: &str) -> String {
    let close = names.clone().map(|name| (distance(word, name), name)).min();
    match close {
        Some((distance, name)) if distance <= 2 && distance < name.len() => format!("did you mean \"{name}\"?"),
        _ => format!("{list} {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// Edit distance, for "did you mean". The words are names from a grammar file; long ones are not worth the table.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 40 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let next = (corner + usize::from(from != *to)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

/// Two captures side by side have no border between them.
fn adjacent_captures(pattern: &Pattern, places: &[usize]) -> Vec<PatternError> {
    let pairs = pattern.elements.windows(2).zip(places.windows(2));
    pairs
        // What is looked for ahead may touch the capture that takes it, but needs a text before it.
        .filter(|(pair, _)| !matches!(pair[0], Element::Literal(_) | Element::Ahead { .. }) && !matches!(pair[1], Element::Literal(_)))
        .map(|(pair, place)| PatternError {
            at: place[1],
            len: pair[1].to_string().len(),
            message: "nothing separates this capture from the one before it".into(),
            help: "put the text that stands between them into the pattern".into(),
        })
        .collect()
}

/// More than one record can have.
fn too_many(pattern: &Pattern, text: &str) -> Option<PatternError> {
    let count = different(pattern.facts());
    (count > Captures::MOST).then(|| PatternError {
        at: 0,
        len: text.len(),
        message: format!("this captures {count} facts"),
        help: format!("{} at the most: capture others as {{_}}", Captures::MOST),
    })
}

/// How many different facts these are, besides texts that mean nothing.
pub(super) fn different(facts: impl Iterator<Item = Fact>) -> usize {
    facts.filter(|fact| *fact != Fact::Ignored).collect::<std::collections::BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            "[ -~äµ{}]{1,12}".prop_map(Element::Literal),
            "[a-z][a-z0-9_-]{0,8}".prop_map(|name| Element::Ahead { name, texts: Vec::new() }),
            (0..Fact::COUNT, 0..Kind::ALL.len()).prop_map(|(fact, kind)| Element::Capture { fact: Fact::ALL[fact], kind: Kind::ALL[kind] }),
        ]
    }

    proptest! {
        #[test]
        fn reading_what_was_printed_gives_the_pattern_back(parts in prop::collection::vec(element(), 0..8)) {
            let mut elements: Vec<Element> = Vec::new();
            for part in parts {
                match (elements.last_mut(), part) {
                    (Some(Element::Literal(text)), Element::Literal(more)) => text.push_str(&more),
                    (Some(Element::Capture { .. }), part @ (Element::Capture { .. } | Element::Ahead { .. })) => {
                        elements.push(Element::Literal(" ".into()));
                        elements.push(part);
                    }
                    (_, part) => elements.push(part),
                }
            }
            let pattern = Pattern { elements };
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }

        #[test]
        fn any_text_is_read_or_refused_with_places_inside_it(text in "[ -~{}:é]{0,40}") {
            if let Err(faults) = Pattern::parse(&text) {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(fault.at < text.len().max(1) && fault.at + fault.len <= text.len().max(1));
                }
            }
        }
    }

    #[test]
    fn all_faults_are_found_in_one_run() {
        let faults = Pattern::parse("a {clint_id} b {client_ip:ipp} {time} {username}{words} }").unwrap_err();
        let mut said: Vec<_> = faults.iter().map(|fault| (fault.at, fault.message.as_str(), fault.help.as_str())).collect();
        said.sort_unstable();
        assert_eq!(said.len(), 5, "{said:?}");
        assert_eq!(said[0], (2, "no fact is called \"clint_id\"", "did you mean \"client_id\"?"));
        assert_eq!(said[1].1, "no kind is called \"ipp\"");
        assert_eq!(said[2].1, "only a header has {time} and {message}");
        assert_eq!(said[3].1, "nothing separates this capture from the one before it");
        assert_eq!(said[4].1, "this brace closes nothing");
    }
}
