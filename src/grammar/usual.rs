//! What most clients do: a connection is opened, and its client accepted. The records that open connections differ in the client's address and
//! port only; where no other rule can take a record of such a form, the form alone tells what it is.

use super::captures::Captures;
use super::fact::{Fact, Kind};
use super::form::Colours;
use super::product::Grammar;
use super::rule::{Because, Outcome, Rule};
use super::shape::{Class, Part, Shape};
use super::step::{Capture, Step};
use super::values::accepts;
use super::way::{How, Message, Way};

/// An IPv6 address in text with an IPv4 one in it, and a port.
const LONGEST_PEER: usize = 45 + 1 + 5;

/// No broker writes longer numbers of what it negotiated with a client.
const LONGEST_NUMBER: usize = 9;

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
        if !is_usual(grammar, rule, Outcome::Opened) {
            return None;
        }
        let (peer, kind) = peer(captures, message, &[Fact::ServerPort])?;
        let form = OpeningForm { before: message[..peer.start].to_vec(), after: message[peer.end..].to_vec(), kind };
        // Nothing of what stands around them may be taken for a part of address or port.
        let apart = |byte: Option<&u8>| byte.is_some_and(|byte| !Class::Peer.has(*byte));
        let divides = apart(form.before.last()) && apart(form.after.first()) && form.peer(message).is_some();
        let shape = Shape::of(&[Part::Text(form.before.clone()), Part::Run(Class::Peer), Part::Text(form.after.clone())]);
        (divides && grammar.leaves(&shape?, way_of(grammar, rule, message, captures)?, &form.after)).then_some(form)
    }

    /// The client's address and port, with what stands between them, in a record that has this form if they are that: if an address of this kind,
    /// a colon and a port can be read in them.
    #[inline]
    pub fn peer<'a>(&self, message: &'a [u8]) -> Option<&'a [u8]> {
        let peer = message.strip_prefix(self.before.as_slice())?.strip_suffix(self.after.as_slice())?;
        (peer.len() <= LONGEST_PEER && Class::Peer.run(peer) == peer.len()).then_some(peer)
    }
}

/// The form of the records that accept clients whose names are plain: all that have it are taken by the same way of the same rule, and can be
/// divided in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceForm {
    /// The rule's place in the grammar.
    pub rule: usize,
    /// What stands before the client's address.
    before: Vec<u8>,
    /// As what the address is captured.
    pub kind: Kind,
    /// What stands behind its port.
    first: Vec<u8>,
    runs: Vec<Run>,
}

/// A capture and the text behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    class: Class,
    /// It is the client's ID.
    is_client: bool,
    text: Vec<u8>,
    /// So many bytes at the text's beginning are of the class.
    back: usize,
}

impl AcceptanceForm {
    /// The form of a record that this rule took. None: the rule does more than to say who was accepted, its records may be divided in several
    /// ways, or other rules may take them.
    pub fn of(grammar: &Grammar, rule: &Rule, message: &[u8], captures: &Captures) -> Option<AcceptanceForm> {
        // Nobody's name, or what an accepted client needs to forge a record.
        let strange = grammar.nobody.iter().chain(&rule.forgeable).all(|text| Class::Name.lacks(text));
        if !is_usual(grammar, rule, Outcome::Accepted) || !strange {
            return None;
        }
        let (place, mine) = way_of(grammar, rule, message, captures)?;
        let How::Pattern(matcher) = &mine.how else { return None };
        let [Step::Literal(before), Step::Capture(address), Step::Literal(colon), Step::Capture(port), Step::Literal(first), rest @ ..] =
            matcher.only()?
        else {
            return None;
        };
        let peer = address.fact == Fact::ClientIp && *colon.text == *b":" && port.fact == Fact::ClientPort && port.kind == Kind::Port;
        let runs = rest.chunks(2).map(Run::of).collect::<Option<Vec<Run>>>()?;
        let form = AcceptanceForm { rule: place, before: before.text.to_vec(), kind: address.kind, first: first.text.to_vec(), runs };
        let shape = form.shape()?;
        let end = &form.runs.last()?.text;
        (peer && form.is_divided_once(&shape) && grammar.leaves(&shape, (place, mine), end)).then_some(form)
    }

    /// The client's ID in a record that has this form, and this address and port.
    pub fn client<'a>(&self, message: &'a [u8], peer: &[u8]) -> Option<&'a [u8]> {
        let rest = message.strip_prefix(self.before.as_slice())?.strip_prefix(peer)?;
        let (mut rest, mut client) = (rest.strip_prefix(self.first.as_slice())?, None);
        for run in &self.runs {
            let length = run.class.run(rest).checked_sub(run.back)?;
            if length == 0 || run.class == Class::Digits && length > LONGEST_NUMBER {
                return None;
            }
            client = if run.is_client { rest.get(..length) } else { client };
            rest = rest.get(length..)?.strip_prefix(run.text.as_slice())?;
        }
        client.filter(|_| rest.is_empty() && self.is_peer(peer))
    }

    /// Whether these are an address of the form's kind, a colon and a port.
    fn is_peer(&self, peer: &[u8]) -> bool {
        let whole = |kind, text: &[u8]| accepts(kind, text) == Some((0, text.len()));
        let colon = peer.iter().rposition(|byte| *byte == b':');
        colon.is_some_and(|colon| whole(self.kind, &peer[..colon]) && whole(Kind::Port, &peer[colon + 1..]))
    }

    fn shape(&self) -> Option<Shape> {
        let text = |text: &Vec<u8>| Part::Text(text.clone());
        let runs = self.runs.iter().flat_map(|run| [Part::Run(run.class), text(&run.text)]);
        Shape::of(&[text(&self.before), Part::Run(Class::Peer), text(&self.first)].into_iter().chain(runs).collect::<Vec<_>>())
    }

    /// Whether the pattern can divide such a record in no other way: the text behind each run has a byte that is not of the run, so that it
    /// stands where the first such byte is and not before, and it stands nowhere behind that, so that no free text ends there.
    fn is_divided_once(&self, shape: &Shape) -> bool {
        let mut place = self.before.len() + 1 + self.first.len();
        let once = |run: &Run| {
            place += 1;
            let again = run.class == Class::Name && shape.may_hold(&run.text, place + 1);
            place += run.text.len();
            !again
        };
        self.first.first().is_some_and(|byte| !Class::Peer.has(*byte))
            && self.runs.iter().filter(|run| run.is_client).count() == 1
            && self.runs.iter().all(once)
    }
}

impl Run {
    /// What these two steps of a pattern are in a record of a form.
    fn of(steps: &[Step]) -> Option<Run> {
        let [Step::Capture(Capture { again: false, fact, kind, .. }), Step::Literal(literal)] = steps else { return None };
        let class = match (fact, kind) {
            (Fact::ClientId | Fact::Username, Kind::Text) => Class::Name,
            (Fact::Ignored, Kind::Int) => Class::Digits,
            _ => return None,
        };
        let (text, back) = (literal.text.to_vec(), class.run(&literal.text));
        // A number ends where its digits do.
        let ends = back < text.len() && (class == Class::Name || back == 0);
        ends.then_some(Run { class, is_client: *fact == Fact::ClientId, text, back })
    }
}

/// Whether the records of this rule stand in lines for themselves, and do nothing but this.
fn is_usual(grammar: &Grammar, rule: &Rule, outcome: Outcome) -> bool {
    let lines = grammar.framing.is_none() && grammar.structures.is_empty() && grammar.colours == Colours::Kept;
    lines && !grammar.is_keyed() && rule.outcome == outcome && rule.is_plain() && rule.doubt.is_empty()
}

/// The rule's place in the grammar, and its way that took this message.
fn way_of<'g>(grammar: &'g Grammar, rule: &Rule, message: &[u8], captures: &Captures) -> Option<(usize, &'g Way)> {
    let place = grammar.rules.iter().position(|other| std::ptr::eq(other, rule))?;
    let mut ways: Vec<&Way> = grammar.rules.get(place)?.ways.iter().collect();
    ways.sort_by_key(|way| std::cmp::Reverse(way.rank));
    let mut found = Captures::NONE;
    let way = ways.into_iter().find(|way| way.run(Message::plain(message), &mut found) && found == *captures)?;
    Some((place, way))
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

    use proptest::prelude::*;

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

    #[test]
    fn a_mosquitto_accepts_clients_in_two_forms() {
        let library = Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let mosquitto = library.get("mosquitto").unwrap_or_else(|| panic!("no grammar"));
        let form = |message: &str| {
            let (rule, captures) = mosquitto.find(Message::plain(message.as_bytes()), |_, _| true)?;
            AcceptanceForm::of(mosquitto, rule, message.as_bytes(), &captures)
        };
        let named = form("New client connected from 192.0.2.7:40101 as pump 4 (p2, c1, k60, u'ops').").unwrap();
        let nameless = form("New client connected from 192.0.2.7:40101 as pump-4 (p2, c1, k60).").unwrap();
        let peers: [&str; 3] = ["192.0.2.7:40101", "2001:db8::7:1", "::1:1"];
        for peer in peers {
            for id in ["pump-4", "a", "plant/9:x_y.z", "disconnected.", "c1", "pump 4", " x  "] {
                let message = |peer: &str, end: &str| format!("New client connected from {peer} as {id} (p2, c1, k60{end}");
                for (form, message) in [(&named, message(peer, ", u'a.b').")), (&nameless, message(peer, ")."))] {
                    assert_eq!(form.client(message.as_bytes(), peer.as_bytes()), Some(id.as_bytes()), "{message}");
                    let (rule, captures) = mosquitto.find(Message::plain(message.as_bytes()), |_, _| true).unwrap();
                    assert!(std::ptr::eq(rule, &mosquitto.rules[form.rule]) && !captures.ambiguous);
                    assert_eq!(captures.get(Fact::ClientId, message.as_bytes()), Some(id.as_bytes()));
                    assert_eq!(form.client(message.as_bytes(), b"192.0.2.7:4010"), None);
                }
            }
        }
        for (peer, end) in [
            ("192.0.2.7:1", "as pump (4) (p2, c1, k60, u'ops')."),
            ("192.0.2.7:1", "as  (p2, c1, k60, u'ops')."),
            ("192.0.2.7:1", "as a (p2, c1, k60, u'ops (p2, c1, k60, u'ops')."),
            ("192.0.2.7:1", "as a (p2, c1, k60, u'o'ps')."),
            ("192.0.2.7:1", "as a (p2, c1, k60, u'ops') "),
            ("192.0.2.7:1", "as a (p2, c1, k, u'ops')."),
            ("192.0.2.7:1", "as a (p2, c1, k1234567890, u'ops')."),
            ("192.0.2.7:1", "as \u{e9} (p2, c1, k60, u'ops')."),
            ("192.0.2.7:1", "as <unknown> (p2, c1, k60, u'ops')."),
            ("192.0.2:1", "as a (p2, c1, k60, u'ops')."),
            ("192.0.2.7:70000", "as a (p2, c1, k60, u'ops')."),
            ("192.0.2.7:", "as a (p2, c1, k60, u'ops')."),
            ("192", "as a (p2, c1, k60, u'ops')."),
        ] {
            let message = format!("New client connected from {peer} {end}");
            assert_eq!(named.client(message.as_bytes(), peer.as_bytes()), None, "{message}");
        }
        assert_eq!(form("New client connected from 192.0.2.7 as pump-4 (p2, c1, k60)."), None);
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
            let (grammar, _) =
                load("x.toml", &source(other), &Arc::new(Texts::default())).unwrap_or_else(|faults| panic!("{other}: {faults}"));
            assert_eq!(form(&grammar, "Hello 192.0.2.7:1 here").is_some(), learned, "{other}");
        }
    }

    proptest! {
        /// What a form reads in a record is what the rules do.
        #[test]
        fn a_form_reads_what_the_rules_do(
            peer in "192\\.0\\.2\\.[0-9]{1,4}:[0-9]{1,6}|[0-9a-f:]{2,12}|[0-9.:]{3,12}|/run/x:1",
            parts in prop::collection::vec("[a-z]{0,3}| as | \\(p2, c1, k60|, u'|'\\)\\.|\\)\\.|:1| |-?[0-9]{1,3}| \\(p", 1..12),
            usual in any::<bool>(),
            id in "[a-z:./ ]{0,6}",
        ) {
            let library = Library::load(None).unwrap_or_else(|_| panic!("broken"));
            let mosquitto = library.get("mosquitto").unwrap_or_else(|| panic!("no grammar"));
            let parts = if usual { format!(" as {id} (p2, c1, k60, u'{}')", parts.concat()) } else { parts.concat() };
            let message = format!("New client connected from {peer}{parts}.").into_bytes();
            for known in ["New client connected from 192.0.2.7:1 as a (p2, c1, k60, u'b').", "New client connected from 192.0.2.7:1 as a (p2, c1, k60)."] {
                let (rule, captures) = mosquitto.find(Message::plain(known.as_bytes()), |_, _| true).unwrap();
                let form = AcceptanceForm::of(mosquitto, rule, known.as_bytes(), &captures).unwrap();
                if let Some(client) = form.client(&message, peer.as_bytes()) {
                    let (rule, captures) = mosquitto.find(Message::plain(&message), |_, _| true).unwrap();
                    prop_assert!(std::ptr::eq(rule, &mosquitto.rules[form.rule]));
                    prop_assert_eq!(captures.get(Fact::ClientId, &message), Some(client));
                    let (range, kind) = super::peer(&captures, &message, &[Fact::ClientId, Fact::Username]).unwrap();
                    prop_assert_eq!((&message[range], kind), (peer.as_bytes(), form.kind));
                    prop_assert!(!captures.ambiguous && mosquitto.torn(&message).is_none());
                }
            }
        }
    }
}
