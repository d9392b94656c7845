//! What most clients do, taken in at once: a connection is opened, and the next record that counts accepts its client. Of the first, then, only
//! that it has the form of such records is looked at.

use super::*;
use crate::grammar::{OpeningForm, peer};

/// A broker has few listeners, and its records of one differ in the client's address only.
const MOST_FORMS: usize = 4;
/// So many openings that were read in full are looked at to learn their forms; then fewer and fewer of them.
const LOOKS: usize = 16;

/// The forms of such records in this log, learned from those that were read in full.
#[derive(Debug, Default)]
pub(super) struct Usual {
    openings: Vec<OpeningForm>,
    /// How many openings were read in full.
    read: usize,
    /// What stands before the client's address in the last acceptance.
    accepted: Vec<u8>,
}

/// A connection that was opened, if the next record shows the same address and port.
pub(in crate::engine) struct Opening<'a> {
    line: &'a [u8],
    message: &'a [u8],
    /// Address and port, and as what the address is captured.
    peer: &'a [u8],
    kind: Kind,
    ts: Millis,
}

impl Usual {
    /// A record was read in full.
    pub(super) fn learn(&mut self, grammar: &Grammar, rule: &Rule, message: &[u8], captures: &Captures) {
        match rule.outcome {
            Outcome::Opened => {
                self.read += 1;
                let looks = self.openings.len() < MOST_FORMS && (self.read <= LOOKS || self.read.is_power_of_two());
                if looks && !self.openings.iter().any(|form| form.peer(message).is_some()) {
                    self.openings.extend(OpeningForm::of(grammar, rule, message, captures));
                }
            }
            Outcome::Accepted if !self.openings.is_empty() => {
                if let Some((peer, _)) = accepted(rule, message, captures)
                    && self.accepted != message[..peer.start]
                {
                    self.accepted = message[..peer.start].to_vec();
                }
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
    pub(in crate::engine) fn opening<'a>(
        &mut self,
        grammar: &Grammar,
        line: &'a [u8],
        (zone, near, read_at): (&TimeZone, Option<Millis>, Millis),
    ) -> Option<Opening<'a>> {
        if self.needs_every_line() || !self.joiner.is_quiet() {
            return None;
        }
        let context = TimeContext { zone, reference: self.last_ts.or(near).unwrap_or(read_at) };
        let parts = self.headers.as_before(grammar, line, &context)?;
        let message = parts.message;
        let (peer, kind) = self.usual.openings.iter().find_map(|form| Some((form.peer(message)?, form.kind)))?;
        let ts = parts.stamp?.millis;
        (!grammar.opens(message)).then_some(Opening { line, message, peer, kind, ts })
    }

    /// Whether this line may accept the client of this connection: if its header is as long as the opening's.
    pub(in crate::engine) fn may_answer(&self, opening: &Opening<'_>, line: &[u8]) -> bool {
        let message = line.get(opening.line.len() - opening.message.len()..);
        let peer = message.and_then(|message| message.strip_prefix(self.usual.accepted.as_slice()));
        peer.is_some_and(|peer| peer.starts_with(opening.peer))
    }

    /// Takes in a connection's opening and its client's acceptance, if this line is that. None: it is not, or more comes of it; nothing was taken in.
    pub(in crate::engine) fn accepted(
        &mut self,
        opening: &Opening<'_>,
        line: &[u8],
        read_at: Millis,
        around: &mut Surroundings<'_>,
    ) -> Option<()> {
        let grammar = around.grammar;
        let parts = self.headers.as_before(grammar, line, &TimeContext { zone: around.zone, reference: opening.ts })?;
        let message = parts.message;
        if !message.strip_prefix(self.usual.accepted.as_slice())?.starts_with(opening.peer) || grammar.opens(message) {
            return None;
        }
        let (rule, mut captures) = grammar.find(Message::plain(message), |_, _| true)?;
        let (peer, kind) = accepted(rule, message, &captures)?;
        if message[peer] != *opening.peer || kind != opening.kind {
            return None;
        }
        captures.ambiguous |= line.len() >= grammar.cut_at;
        let quoted = |line, message, captures: &_| {
            let line = Line { text: line, raw: line, returns: false, stamp: None, read_at, doubtful: false };
            evidence(grammar, line, Message::plain(message), None, captures)
        };
        let (ts, ts_inferred) = when(parts.stamp, None, read_at);
        let said = Said {
            rule,
            heard: Heard { captures: &captures, bytes: message, header: NOTHING },
            ts,
            ts_inferred,
            written_at: false,
            read_at,
            line: quoted(line, message, &captures),
            doubtful: false,
        };
        let opening = (opening.message, quoted(opening.line, opening.message, &Captures::NONE));
        let effect = self.joiner.connected(grammar, around.settings, opening, &said, around.out)?;
        self.joiner.reached(ts);
        self.last_ts = Some(ts);
        *around.near = Some(ts);
        around.stats.matched += 2;
        around.stats.accepted += u64::from(matches!(effect, Effect::Accepted | Effect::AcceptedUnclear));
        Some(())
    }
}
