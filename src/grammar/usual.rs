//! What most clients do: a connection is opened, and its client accepted. The records that open connections differ in the client's address and
//! port only; where no other rule can take a record of such a form, the form alone tells what it is.

use super::captures::Captures;
use super::fact::{Fact, Kind};
use super::form::Colours;
use super::product::Grammar;
use super::rule::{Because, Outcome, Rule};
use super::way::{Message, Way};

/// An IPv6 address in text with an IPv4 one in it, and a port.
const LONGEST_PEER: usize = 45 + 1 + 5;

/// The form of the records that open connections: all that have it are taken by the same way of the same rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningForm {
    /// What stands before the client's address.
    before: Vec<u8>,
    /// What stands behind its port.
    after: Vec<u8>,
    /// As what the address is captured.
    pub kind: Kind,
}

impl OpeningForm {
    /// The form of a record that this rule took. None: the rule does more than to say who opened a connection, or another one may take a record
    /// that differs only in the client's address and port.
    pub fn of(grammar: &Grammar, rule: &Rule, message: &[u8], captures: &Captures) -> Option<OpeningForm> {
        let lines = grammar.framing.is_none() && grammar.structures.is_empty() && grammar.colours == Colours::Kept;
        if !lines || grammar.is_keyed() || rule.outcome != Outcome::Opened || !rule.is_plain() || !rule.doubt.is_empty() {
            return None;
        }
        let (peer, kind) = peer(captures, message, &[Fact::ServerPort])?;
        let form = OpeningForm { before: message[..peer.start].to_vec(), after: message[peer.end..].to_vec(), kind };
        // Nothing of what stands around them may be taken for a part of address or port.
        let apart = |byte: Option<&u8>| byte.is_some_and(|byte| !is_of_peer(*byte));
        let divides = apart(form.before.last()) && apart(form.after.first()) && form.peer(message).is_some();
        let mut ways: Vec<&Way> = rule.ways.iter().collect();
        ways.sort_by_key(|way| std::cmp::Reverse(way.rank));
        let mine = *ways.iter().find(|way| way.run(Message::plain(message)).is_some_and(|found| found == *captures))?;
        let mut others = grammar.rules.iter().flat_map(|rule| &rule.ways).filter(|way| way.rank >= mine.rank && !std::ptr::eq(*way, mine));
        (divides && others.all(|way| form.lacks(way))).then_some(form)
    }

    /// The client's address and port, with what stands between them, in a record that has this form if they are that: if an address of this kind,
    /// a colon and a port can be read in them.
    #[inline]
    pub fn peer<'a>(&self, message: &'a [u8]) -> Option<&'a [u8]> {
        let peer = message.strip_prefix(self.before.as_slice())?.strip_suffix(self.after.as_slice())?;
        (peer.len() <= LONGEST_PEER && peer.iter().all(|byte| is_of_peer(*byte))).then_some(peer)
    }

    /// Whether no record of this form holds what this way looks for.
    fn lacks(&self, way: &Way) -> bool {
        way.others.iter().chain([&way.literal]).any(|text| !text.is_empty() && !self.may_hold(text))
    }

    /// Whether some record of this form holds a text.
    fn may_hold(&self, text: &[u8]) -> bool {
        let holds = |part: &[u8]| memchr::memmem::find(part, text).is_some();
        let across = |start: usize, end: usize| {
            let (before, (peer, after)) = (&text[..start], text[start..].split_at(end - start));
            self.before.ends_with(before) && peer.iter().all(|byte| is_of_peer(*byte)) && self.after.starts_with(after)
        };
        holds(&self.before) || holds(&self.after) || (0..=text.len()).any(|start| (start..=text.len()).any(|end| across(start, end)))
    }
}

/// What an address and a port are written with.
fn is_of_peer(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
}

/// Where the client's address and port stand, one behind the other with a colon between them, and as what the address is captured. Only
/// in a record that says nothing else but these facts: which port follows which address, then, is certain from the text alone.
pub fn peer(captures: &Captures, message: &[u8], beside: &[Fact]) -> Option<(std::ops::Range<usize>, Kind)> {
    let (address, port) = (captures.range(Fact::ClientIp)?, captures.range(Fact::ClientPort)?);
    let known = |fact: Fact| matches!(fact, Fact::ClientIp | Fact::ClientPort) || beside.contains(&fact);
    let divided = message.get(address.end..port.start) == Some(b":") && captures.kind(Fact::ClientPort) == Kind::Port;
    (divided && captures.facts().all(known)).then_some((address.start..port.end, captures.kind(Fact::ClientIp)))
}

impl Rule {
    /// Whether a record of this rule opens a connection or accepts its client, and nothing else: it depends on no state, and its words and
    /// what it says of reasons are not asked for.
    pub fn is_plain(&self) -> bool {
        let conditions = self.needs_open
            || self.never_accepted
            || self.after_accepted
            || self.needs_context
            || self.after_closed
            || self.session.is_some()
            || !self.after.is_empty()
            || !self.only.is_empty();
        let torn = self.tears || self.torn_begins || self.torn_ends || self.look_back;
        let more = self.bare || self.behind_proxy || self.claims || self.follows || self.waits || self.is_awaited;
        matches!(self.outcome, Outcome::Opened | Outcome::Accepted) && self.reason == Because::Unsaid && !(conditions || torn || more)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::grammar::{Library, Texts, load};

    fn form(grammar: &Grammar, message: &str) -> Option<OpeningForm> {
        let (rule, captures) = grammar.find(Message::plain(message.as_bytes()), |_, _| true)?;
        OpeningForm::of(grammar, rule, message.as_bytes(), &captures)
    }

    #[test]
    fn a_mosquitto_opens_connections_in_one_form() {
        let library = Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let mosquitto = library.get("mosquitto").unwrap_or_else(|| panic!("no grammar"));
        let Some(known) = form(mosquitto, "New connection from 192.0.2.7:40101 on port 1883.") else { panic!("no form") };
        let peer = |message: &'static str| known.peer(message.as_bytes()).and_then(|peer| std::str::from_utf8(peer).ok());
        assert_eq!(peer("New connection from 2001:db8::7:40101 on port 1883."), Some("2001:db8::7:40101"));
        for other in [
            "New connection from 192.0.2.7:40101 on port 8883.",
            "New connection from 192.0.2.7 on port 1883.:40101 on port 1883.",
            "New connection from /run/mosquitto.sock:1 on port 1883.",
            "New connection from  on port 1883",
        ] {
            assert_eq!(peer(other), None, "{other}");
        }
        assert_eq!(form(mosquitto, "New connection from 192.0.2.7 on port 1883."), None);
        assert_eq!(form(mosquitto, "New client connected from 192.0.2.7:40101 as a (p2, c1, k60)."), None);
    }

    /// A rule that may take records which differ in the client's address only leaves no form for them.
    #[test]
    fn no_form_is_learned_beside_a_rule_that_may_take_its_records() {
        let source = |other: &str| {
            format!(
                r#"
                format = 1
                name = "x"
                title = "X"
                detect = ["Hello {{_}}"]
                header = ["{{time}} {{message}}"]
                [[rule]]
                name = "opened"
                match = "Hello {{client_ip}}:{{client_port}} here"
                outcome = "opened"
                [[rule]]
                name = "other"
                match = "{other}"
                outcome = "refused"
                words = "denied"
                [[sample]]
                why = "x"
                log = "2026-11-23 15:50:14 Hello 192.0.2.7:1 here"
                rows = []
                "#
            )
        };
        for (other, learned) in [
            ("Hello 192.0.2.9:{client_port} here", false),
            ("{client_id}:1234567 here", false),
            ("{client_id}ello 2001:db8:{_}", false),
            ("Hello {client_ip}:{client_port} here again", true),
            ("Goodbye from {client_id}, who was here", true),
            ("{client_id} here", true),
        ] {
            let (grammar, _) = load("x.toml", &source(other), &Arc::new(Texts { entries: Vec::new() }))
                .unwrap_or_else(|faults| panic!("{other}: {faults}"));
            assert_eq!(form(&grammar, "Hello 192.0.2.7:1 here").is_some(), learned, "{other}");
        }
    }
}
