//! What most clients do, taken in at once: a connection is opened, and the next record that counts accepts its client. Of both, then, only
//! that they have the form of such records is looked at.

use super::*;
use crate::conversation::{Client, Connected};
use crate::grammar::{AcceptanceForm, OpeningForm, peer};
use crate::model::Names;

/// A broker has few listeners, and its records of one differ in the client's address only; it accepts clients with and without a username.
const MOST_FORMS: usize = 4;
/// So many records that were read in full are looked at to learn their forms; then fewer and fewer of them.
const LOOKS: usize = 16;
/// No usual line is longer.
const LONGEST: usize = 4_096;

/// The forms of such records in this log, learned from those that were read in full.
#[derive(Debug, Default)]
pub(super) struct Usual {
    openings: Forms<OpeningForm>,
    acceptances: Forms<AcceptanceForm>,
    /// What stands before the client's address in the last acceptance.
    accepted: Vec<u8>,
}

#[derive(Debug)]
struct Forms<T> {
    list: Vec<T>,
    /// How many records were looked at.
    read: usize,
}

impl<T> Default for Forms<T> {
    fn default() -> Forms<T> {
        Forms { list: Vec::new(), read: 0 }
    }
}

impl<T: PartialEq> Forms<T> {
    /// Learns the form of one more record, if no known one fits.
    fn learn(&mut self, fits: impl Fn(&T) -> bool, form: impl FnOnce() -> Option<T>) {
        self.read += 1;
        let looks = self.list.len() < MOST_FORMS && (self.read <= LOOKS || self.read.is_power_of_two());
        if looks && !self.list.iter().any(fits) {
            self.list.extend(form().filter(|form| !self.list.contains(form)));
        }
    }
}

/// A connection that was opened, if the next record shows the same address and port.
pub(in crate::engine) struct Opening<'a> {
    line: &'a [u8],
    message: &'a [u8],
    /// Address and port, and as what the address is captured.
    peer: &'a [u8],
    kind: Kind,
}

impl Usual {
    /// A record was read in full.
    pub(super) fn learn(&mut self, grammar: &Grammar, rule: &Rule, message: &[u8], captures: &Captures) {
        match rule.outcome {
            Outcome::Opened => {
                self.openings.learn(|form| form.peer(message).is_some(), || OpeningForm::of(grammar, rule, message, captures));
            }
            Outcome::Accepted if !self.openings.list.is_empty() => {
                let Some((peer, _)) = accepted(rule, message, captures) else { return };
                if self.accepted != message[..peer.start] {
                    self.accepted = message[..peer.start].to_vec();
                }
                let fits = |form: &AcceptanceForm| form.client(message, &message[peer.clone()]).is_some();
                self.acceptances.learn(fits, || AcceptanceForm::of(grammar, rule, message, captures));
            }
            _ => {}
        }
    }
}

/// Where an acceptance shows address and port, if it says nothing else but who was accepted.
fn accepted(rule: &Rule, message: &[u8], captures: &Captures) -> Option<(std::ops::Range<usize>, Kind)> {
    if rule.outcome != Outcome::Accepted || !rule.is_plain() {
        return None;
    }
    peer(captures, message, &[Fact::ClientId, Fact::Username])
}

impl Stream {
    /// Whether usual connects were seen in this log.
    pub(in crate::engine) fn knows_usual(&self) -> bool {
        !self.usual.accepted.is_empty()
    }

    /// The connection that this line opens, if it concerns nobody but the client that is accepted next.
    pub(in crate::engine) fn opening<'a>(&mut self, grammar: &Grammar, line: &'a [u8], context: &TimeContext<'_>) -> Option<Opening<'a>> {
        if line.len() > LONGEST || self.needs_every_line() || !self.joiner.is_quiet() {
            return None;
        }
        let message = self.headers.as_before(grammar, line, context)?.message;
        let (peer, kind) = self.usual.openings.list.iter().find_map(|form| Some((form.peer(message)?, form.kind)))?;
        Some(Opening { line, message, peer, kind })
    }

    /// Whether this line may accept the client of this connection: if its header is as long as the opening's.
    pub(in crate::engine) fn may_answer(&self, opening: &Opening<'_>, line: &[u8]) -> bool {
        let message = line.get(opening.line.len() - opening.message.len()..);
        let peer = message.and_then(|message| message.strip_prefix(self.usual.accepted.as_slice()));
        peer.is_some_and(|peer| peer.starts_with(opening.peer))
    }

    /// Takes in a connection's opening and its client's acceptance, if this line is that. None: it is not, or more comes of it; nothing was taken in.
    /// `rows` are the clients of whom somebody wants to know that they connected; none: all are.
    pub(in crate::engine) fn accepted(
        &mut self,
        opening: &Opening<'_>,
        line: &[u8],
        rows: Option<&Names>,
        around: &mut Surroundings<'_>,
    ) -> Option<()> {
        let grammar = around.grammar;
        let Parts { stamp, message } = self.headers.as_before(grammar, line, &around.time()).filter(|_| line.len() <= LONGEST)?;
        let ts = stamp?.millis;
        let lines = [(opening.line, opening.line.len() - opening.message.len()), (line, line.len() - message.len())];
        let forms = self.usual.acceptances.list.iter().filter(|form| form.kind == opening.kind && line.len() < grammar.cut_at);
        let known = forms.into_iter().find_map(|form| Some((grammar.rules.get(form.rule)?, form.client(message, opening.peer)?)));
        let found = if known.is_none() { self.read_acceptance(grammar, (message, lines[1].1), opening) } else { None };
        let (rule, client) = match (known, &found) {
            (Some((rule, name)), _) => (rule, Client::Named(name, rows.is_none_or(|rows| rows.may_hold(name)))),
            (None, Some((rule, captures))) => (*rule, Client::Heard(Heard { captures, bytes: message, header: NOTHING })),
            (None, None) => return None,
        };
        let connected = Connected { lines, peer: opening.peer, rule, ts };
        let effect = self.joiner.connected(grammar, around.settings, &connected, &client, around.out)?;
        self.joiner.reached(ts);
        self.last_ts = Some(ts);
        around.stats.matched += 2;
        around.stats.accepted += u64::from(matches!(effect, Effect::Accepted | Effect::AcceptedUnclear));
        Some(())
    }

    /// Reads an acceptance that has none of the known forms.
    fn read_acceptance<'g>(
        &mut self,
        grammar: &'g Grammar,
        (message, header): (&[u8], usize),
        opening: &Opening<'_>,
    ) -> Option<(&'g Rule, Captures)> {
        if !message.strip_prefix(self.usual.accepted.as_slice())?.starts_with(opening.peer) || grammar.opens(message) {
            return None;
        }
        let mut captures = Captures::NONE;
        let rule = grammar.find_into(Message::plain(message), &mut captures, |_, _| true)?;
        let (peer, kind) = accepted(rule, message, &captures)?;
        if message[peer] != *opening.peer || kind != opening.kind {
            return None;
        }
        self.usual.learn(grammar, rule, message, &captures);
        captures.ambiguous |= header + message.len() >= grammar.cut_at;
        Some((rule, captures))
    }
}
