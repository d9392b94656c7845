//! The client that was accepted last, as far as a record that follows may ask. Hardly any does: so it is kept as it was heard, and read when it is
//! asked for.

use serde::{Deserializer, Serializer};

use super::*;
use crate::grammar::{Captures, Message};
use crate::record::scrubbed;

/// A client that was accepted.
#[derive(Debug, Clone)]
pub(super) enum Accepted {
    Heard(Box<AsHeard>),
    /// At once when it opened its connection.
    Usual(Box<Connect>),
    Known(Box<Known>),
}

/// What is known of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Known {
    /// When.
    #[serde(default)]
    ts: Millis,
    pub(super) facts: Facts,
    /// The lines that said so.
    pub(super) evidence: SmallVec<[Quote<'static>; 2]>,
}

/// The two lines of a connection that was opened and accepted at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Connect {
    ts: Millis,
    /// One behind the other, where the second begins, and where in each the message does.
    lines: Vec<u8>,
    second: usize,
    messages: [usize; 2],
}

impl Connect {
    /// In the memory of one before it.
    pub(super) fn set(&mut self, ts: Millis, [opening, acceptance]: [(&[u8], usize); 2]) {
        keep(&mut self.lines, opening.0);
        self.lines.extend_from_slice(acceptance.0);
        (self.ts, self.second, self.messages) = (ts, opening.0.len(), [opening.1, acceptance.1]);
    }

    fn known(&self, grammar: &Grammar) -> Known {
        let (opening, acceptance) = self.lines.split_at(self.second.min(self.lines.len()));
        let facts = |line: &[u8], message: usize| {
            let message = line.get(message..).unwrap_or_default();
            let found = grammar.find(Message::plain(message), |_, _| true);
            found.map(|(rule, captures)| {
                let heard = Heard { captures: &captures, bytes: message, header: (&Captures::NONE, b"") };
                Facts::of(grammar, rule, &heard)
            })
        };
        let mut all = facts(acceptance, self.messages[1]).unwrap_or_default();
        if let Some(facts) = facts(opening, self.messages[0]) {
            all.add(facts);
        }
        let line = |line| Quote::new(scrubbed(grammar, line)).kept();
        Known { ts: self.ts, facts: all, evidence: [line(opening), line(acceptance)].into_iter().collect() }
    }
}

/// What its record said, and that of its opening.
#[derive(Debug, Clone, Default)]
pub(super) struct AsHeard {
    ts: Millis,
    /// The rule's place in the grammar.
    rule: usize,
    captures: Captures,
    message: Vec<u8>,
    header: (Captures, Vec<u8>),
    opening: Option<Box<Opened>>,
    line: Option<Quote<'static>>,
}

impl Accepted {
    /// In the memory of one before it, if there is some. `opened` is its connection, if that was listed.
    pub(super) fn new(grammar: &Grammar, said: &Said<'_>, opened: Option<Box<Opened>>, spare: Option<Box<AsHeard>>) -> Option<Accepted> {
        let rule = grammar.rules.iter().position(|rule| std::ptr::eq(rule, said.rule))?;
        let Heard { captures, bytes, header: (header, whole) } = said.heard;
        let mut heard = spare.unwrap_or_default();
        (heard.ts, heard.rule, heard.captures, heard.header.0, heard.opening) = (said.ts, rule, *captures, *header, opened);
        keep(&mut heard.message, bytes);
        heard.header.1.clear();
        if header.facts().next().is_some() {
            heard.header.1.extend_from_slice(whole);
        }
        keep_line(&mut heard.line, Some(said.line.clone()));
        Some(Accepted::Heard(heard))
    }

    pub(super) fn ts(&self) -> Millis {
        match self {
            Accepted::Heard(heard) => heard.ts,
            Accepted::Usual(connect) => connect.ts,
            Accepted::Known(known) => known.ts,
        }
    }

    /// What is known of it. The grammar is the one that it was heard with.
    pub(super) fn known(&self, grammar: &Grammar) -> Option<Box<Known>> {
        let AsHeard { ts, rule, captures, message, header, opening, line } = match self {
            Accepted::Heard(heard) => &**heard,
            Accepted::Usual(connect) => return Some(Box::new(connect.known(grammar))),
            Accepted::Known(known) => return Some(known.clone()),
        };
        let heard = Heard { captures, bytes: message, header: (&header.0, &header.1) };
        let mut facts = Facts::of(grammar, grammar.rules.get(*rule)?, &heard);
        let opening = opening.clone().map(|opened| {
            facts.add(opened.facts);
            opened.line
        });
        Some(Box::new(Known { ts: *ts, facts, evidence: opening.into_iter().chain(line.clone()).collect() }))
    }

    /// The same, as it can be kept over a restart.
    pub(super) fn kept(&self, grammar: &Grammar) -> Option<Accepted> {
        self.known(grammar).map(Accepted::Known)
    }
}

/// In the memory of what was there before.
fn keep(memory: &mut Vec<u8>, text: &[u8]) {
    memory.clear();
    memory.extend_from_slice(text);
}

fn keep_line(kept: &mut Option<Quote<'static>>, line: Option<Quote<'_>>) {
    let memory = kept.take().map(Quote::into_memory);
    *kept = line.map(|line| line.kept_in(memory.unwrap_or_default()));
}

impl Joiner {
    /// Nobody asks for it any more: what comes next takes its memory.
    pub(super) fn is_over(&mut self, accepted: Option<Accepted>) {
        if let Some(Accepted::Heard(mut heard)) = accepted {
            if let Some(opened) = heard.opening.take() {
                self.open.is_over(opened);
            }
            self.spare = Some(heard);
        }
    }
}

impl Serialize for Accepted {
    /// Only what is known is kept: [`Joiner::kept`] sees to it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Accepted::Known(known) => known.serialize(serializer),
            Accepted::Heard(_) | Accepted::Usual(_) => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Accepted, D::Error> {
        Ok(Accepted::Known(Deserialize::deserialize(deserializer)?))
    }
}
