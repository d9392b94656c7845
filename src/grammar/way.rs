//! One way in which a rule's record reads, and a record as rules see it.

use regex::bytes::Regex;

use super::captures::Captures;
use super::ends::Sample;
use super::fact::{Fact, Kind};
use super::matcher::Matcher;

/// One way in which a rule's record reads.
#[derive(Debug)]
pub struct Way {
    /// How it is matched.
    pub how: How,
    /// As written in the file.
    pub written: String,
    /// Bytes of literal text, number of typed captures, whether the rule has conditions: the most specific way wins.
    pub rank: (usize, usize, bool),
    /// What a pattern captures, in order, but for codes.
    pub facts: Vec<Fact>,
    /// It has several free texts, which can divide a record in several ways.
    pub free: bool,
    /// The text that any such record holds; empty when there is none worth looking for.
    pub literal: Vec<u8>,
    /// Other texts that any such record holds.
    pub others: Vec<Vec<u8>>,
}

/// A pattern, or a regular expression where a pattern cannot say it.
#[derive(Debug)]
pub enum How {
    /// A pattern.
    Pattern(Box<Matcher>),
    /// A regular expression, anchored at both ends, with facts as group names.
    Regex(Box<Regex>, Vec<(Fact, usize)>),
    /// Patterns of named values, all of which must fit.
    Fields(Vec<FieldPattern>),
}

/// A pattern of one named value.
#[derive(Debug)]
pub struct FieldPattern {
    /// The value's name.
    pub name: String,
    /// It may be missing.
    pub optional: bool,
    /// Any of these may fit.
    pub matchers: Vec<Matcher>,
    /// What they capture.
    pub facts: Vec<Fact>,
}

impl Way {
    /// A way of being matched.
    pub(super) fn new(how: How, written: String, rank: (usize, usize, bool), literal: Vec<u8>) -> Way {
        let facts = match &how {
            How::Pattern(matcher) => matcher.facts().filter(|fact| *fact != Fact::Code).collect(),
            How::Regex(..) | How::Fields(_) => Vec::new(),
        };
        let free = matches!(&how, How::Pattern(matcher) if matcher.free_texts() > 1);
        Way { how, written, rank, facts, free, literal, others: Vec::new() }
    }

    /// Matches the whole message, divided so that this fact has this value; only patterns can be divided anew.
    pub fn run_where(&self, text: &[u8], given: (Fact, &[u8])) -> Option<Captures> {
        if let How::Pattern(matcher) = &self.how { matcher.run_where(text, given) } else { None }
    }

    /// Matches the whole message. That its ends may fit is best asked first: see [`Index::find_map`](super::index::Index::find_map). What
    /// stands in `captures` if it does not fit means nothing.
    #[inline]
    pub(super) fn run(&self, message: Message<'_>, captures: &mut Captures) -> bool {
        // Most patterns do not fit most messages: nothing is made ready for them.
        if let How::Pattern(matcher) = &self.how
            && message.fields.is_empty()
        {
            return matcher.run_inside(message.text(), captures);
        }
        self.run_in(message, captures).is_some()
    }

    /// The same where captures have to be put together.
    fn run_in(&self, message: Message<'_>, captures: &mut Captures) -> Option<()> {
        let text = message.text();
        if let How::Fields(patterns) = &self.how
            && !patterns.iter().all(|pattern| pattern.may_fit(&message))
        {
            return None;
        }
        captures.clear();
        match &self.how {
            How::Pattern(matcher) => captures.take_in(&matcher.run(text)?, message.range.0),
            How::Regex(regex, groups) => {
                let found = regex.captures(text)?;
                for (fact, group) in groups {
                    if let Some(part) = found.get(*group) {
                        let at = message.range.0;
                        captures.set(*fact, fact.default_kind(), part.start() + at, part.end() + at);
                    }
                }
            }
            How::Fields(patterns) => {
                for pattern in patterns {
                    let Some(range) = message.field(&pattern.name) else {
                        if pattern.optional {
                            continue;
                        }
                        return None;
                    };
                    let value = &message.bytes[range.clone()];
                    captures.take_in(&pattern.matchers.iter().find_map(|matcher| matcher.run(value))?, range.start);
                }
                captures.ambiguous |= message.unclear;
            }
        }
        Some(())
    }
}

impl FieldPattern {
    /// Whether a record may have a value that fits: told by what is cheap to look at.
    fn may_fit(&self, message: &Message<'_>) -> bool {
        match message.field(&self.name) {
            Some(range) => self.matchers.iter().any(|matcher| matcher.ends.fit(Sample::of(&message.bytes[range.clone()]))),
            None => self.optional,
        }
    }
}

/// Where a named value stands in a record's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: std::ops::Range<usize>,
    /// Its value.
    pub value: std::ops::Range<usize>,
}

/// A record's message, as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// All bytes that captures are ranges of.
    pub bytes: &'a [u8],
    /// Where the message that `match` patterns see stands in them.
    pub range: (usize, usize),
    /// The named values.
    pub fields: &'a [Named],
    /// The values can be told apart in more than one way.
    pub unclear: bool,
}

impl<'a> Message<'a> {
    /// A message of plain text.
    pub fn plain(text: &'a [u8]) -> Message<'a> {
        Message { bytes: text, range: (0, text.len()), fields: &[], unclear: false }
    }

    /// What `match` patterns see.
    pub fn text(&self) -> &'a [u8] {
        &self.bytes[self.range.0..self.range.1]
    }

    /// Where a named value stands.
    pub fn field(&self, name: &str) -> Option<std::ops::Range<usize>> {
        self.fields.iter().find(|field| self.bytes[field.name.clone()] == *name.as_bytes()).map(|field| field.value.clone())
    }
}

/// What one record says: what its rule captured, and what its header did.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// What the rule captured.
    pub captures: &'a Captures,
    /// What those are ranges of.
    pub bytes: &'a [u8],
    /// What the header captured, and what those are ranges of.
    pub header: (&'a Captures, &'a [u8]),
}

impl<'a> Heard<'a> {
    /// The bytes of a fact as they stand in the record; the rule's come before the header's.
    #[inline(always)]
    pub fn raw(&self, fact: Fact) -> Option<&'a [u8]> {
        // Most are asked for in vain.
        if self.has(fact) { self.held(fact) } else { None }
    }

    fn held(&self, fact: Fact) -> Option<&'a [u8]> {
        self.captures.get(fact, self.bytes).or_else(|| self.header.0.get(fact, self.header.1))
    }

    /// Whether the encoding of a fact cannot be told: it may stand for another text.
    pub fn is_doubtful(&self, fact: Fact) -> bool {
        let kind = self.captures.kind(fact);
        let Some(raw) = self.captures.get(fact, self.bytes).filter(|raw| !raw.is_ascii()) else { return false };
        let Some(value) = self.captures.value(fact, self.bytes) else { return false };
        let encoded_again = |text: &[u8]| *super::decode::latin1(text) != *text;
        match kind {
            Kind::Latin1 => !encoded_again(raw) || encoded_again(&value),
            Kind::Printed => encoded_again(&value),
            _ => false,
        }
    }

    /// Tells each fact that was captured, once, with its kind and its bytes.
    #[inline]
    pub fn each(&self, mut tell: impl FnMut(Fact, Kind, &'a [u8])) {
        self.captures.each(self.bytes, &mut tell);
        let (header, bytes) = self.header;
        header.each(bytes, |fact, kind, raw| {
            if !self.captures.has(fact) {
                tell(fact, kind, raw);
            }
        });
    }

    /// Whether a fact was captured: most are not.
    #[inline]
    pub fn has(&self, fact: Fact) -> bool {
        self.captures.has(fact) || self.header.0.has(fact)
    }

    /// The value of a fact, decoded.
    #[inline]
    pub fn value(&self, fact: Fact) -> Option<std::borrow::Cow<'a, [u8]>> {
        if !self.has(fact) {
            return None;
        }
        match self.captures.get(fact, self.bytes) {
            Some(_) => self.captures.value(fact, self.bytes),
            None => self.header.0.value(fact, self.header.1),
        }
    }
}
