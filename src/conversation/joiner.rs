//! Decides what a record does to the conversations of one stream: one broker process writing one log.

mod accepted;
mod applies;
mod by_key;
mod ends;
#[cfg(test)]
mod kept_tests;
mod merge;
mod refused;
mod said;
mod strangers;
mod usual;
mod waiting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use self::accepted::{Accepted, AsHeard, Connect};
use self::merge::*;
pub use self::said::{Effect, Said};
pub use self::usual::{Client, Connected};
use super::facts::Facts;
use super::keyed::{Conversation, Keyed};
use super::lanes::Lanes;
use super::open::{Found, Hindsight, Open, Opened};
use super::quote::Quote;
use super::reason::Latest;
use super::refusal::{Context, Settings, Why};
use super::sessions::Sessions;
use crate::grammar::{Because, Fact, Grammar, Heard, Outcome, Rule};
use crate::model::{Attempt, ClientKey, Ending, Field, Fields, Identity, Millis, Row, Twin};

/// How long a record that says more about the next one waits for it. The broker writes both in one breath.
const BREATH: Millis = 500;
/// The same between records of one named writer, in the log's time.
const LANE_BREATH: Millis = 2_000;
/// More writers than this are not told apart.
const MAX_LANES: usize = 256;
/// After a record that was torn by a stranger's line feed, this many bytes may be his: no client ID and no username is longer than
/// 65,535 bytes. Neither the number of records nor their stamps bound it, because he writes those, too.
pub const TORN_BYTES: usize = 132 << 10;
/// More refusals that may turn out to be a stranger's words are not kept in mind, and no more of each record's text.
const MAX_TOLD: usize = 64;
const MAX_QUOTED: usize = 1_024;
/// More guessed refusals are not kept in mind.
const MAX_GUESSED: usize = 64;

/// A refusal that was told with a guessed address.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Guessed {
    /// Connections up to this one were open.
    mark: u64,
    /// What was known before the guess.
    record: Box<Context>,
    /// What was not certain before the guess.
    inferred: Fields,
}

/// The conversations of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Joiner {
    open: Open,
    /// Records that wait for the one that follows, by their writer: the empty name where the log names none.
    #[serde(default)]
    lanes: Lanes,
    /// Conversations whose records name them.
    #[serde(default)]
    keyed: Keyed,
    /// Which listeners use TLS, where the log says so.
    #[serde(default)]
    listeners: BTreeMap<u16, bool>,
    /// Connections come from a proxy, whose address refusals name.
    #[serde(default)]
    behind_proxy: bool,
    /// Clients' addresses are what a PROXY header claims, which anybody who reaches the listener may write.
    #[serde(default)]
    claims: bool,
    /// Refusals that wait for the records that open their connections have numbers, where nothing names them.
    #[serde(default)]
    parked: u64,
    /// When the broker started.
    #[serde(default)]
    started: Option<Millis>,
    /// How many more bytes may be a stranger's.
    #[serde(default)]
    strangers: usize,
    /// The last refusals that a stranger could have written, with their text.
    #[serde(default, with = "crate::model::kept::rows")]
    told: Vec<(String, Box<Row>)>,
    /// The conversation that was named last.
    #[serde(default)]
    named: Option<String>,
    /// The client that was accepted just now: since then nothing was said but that sessions ended.
    accepted: Option<Accepted>,
    /// The time of the record that is looked at.
    #[serde(skip)]
    now: Millis,
    /// The memory of an acceptance that is over.
    #[serde(skip)]
    spare: Option<Box<AsHeard>>,
    /// The last record ended a connection without a word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    /// Refusals whose connection was guessed, of which more may become known.
    guessed: Vec<Guessed>,
    /// There is a listener whose connections are not listed when they open.
    unlisted: bool,
    /// An accepted client calls itself what the broker calls those it does not know: such lines are not certain any more.
    nobody_taken: bool,
    /// Who was accepted since the broker's start; kept only where connections are not listed, because only there does it tell
    /// a refusal from the end of a session.
    sessions: Sessions,
    /// Why the last clients were refused.
    #[serde(skip)]
    latest: Latest,
}

impl Joiner {
    /// How much was forgotten since the start because there was too much of it.
    pub fn evicted(&self) -> u64 {
        self.open.evicted + self.keyed.evicted
    }

    /// The same, as it can be kept over a restart.
    pub fn kept(&self, grammar: &Grammar) -> Joiner {
        Joiner { accepted: self.accepted.as_ref().and_then(|accepted| accepted.kept(grammar)), ..self.clone() }
    }

    /// The open connections.
    pub fn open(&self) -> &Open {
        &self.open
    }

    /// Takes a record in.
    pub fn take(&mut self, grammar: &Grammar, settings: &Settings, said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        let ts = said.ts;
        let effect = self.record(grammar, settings, said, out);
        if settings.behind {
            // A terminator's log has a line for each of these: what is counted in both tells which is which.
            match effect {
                Effect::Session => out.push(Attempt::Ended(ts, Ending::Session)),
                Effect::Probe => out.push(Attempt::Ended(ts, Ending::Silent)),
                _ => {}
            }
        }
        effect
    }

    fn record(&mut self, grammar: &Grammar, settings: &Settings, said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        let rule = said.rule;
        // Where records do not name their conversation, nothing else of a session's end is asked for.
        let only_writer = rule.outcome == Outcome::Ended && !grammar.is_keyed() && !rule.follows;
        let mut facts = match rule.outcome {
            Outcome::Ended if only_writer => Facts::of_writer(&said.heard),
            Outcome::Accepted => Facts::of_accepted(grammar, rule, &said.heard),
            _ => Facts::of(grammar, rule, &said.heard),
        };
        if said.written_at && facts.ends_after.is_some() {
            // A session's line is written when it is over.
            facts.lasted = facts.ends_after.take();
        }
        let words = said.heard.raw(Fact::Words).map(|words| crate::record::scrubbed(grammar, words));
        let why = (rule.reason != Because::Unsaid).then(|| Why::of(grammar, rule, words.as_deref(), &mut facts));
        self.open.set_behind(settings.behind);
        self.age(settings, said.ts, out);
        let strangers = self.strangers > 0;
        facts.tls_likely |= rule.doubt.has(Field::TlsUsed) && facts.tls.is_some();
        let accepted = if matches!(rule.outcome, Outcome::Nothing | Outcome::Ended) { None } else { self.accepted.take() };
        let mut key = self.key(grammar, &facts);
        if rule.follows {
            key = key.or_else(|| self.followed(&facts));
            if key.is_none() {
                return Effect::Nothing;
            }
        } else if let Some(key) = &key
            && (rule.outcome != Outcome::Opened || rule.elimination)
        {
            self.named = (!rule.waits || self.keyed.get(key).is_some()).then(|| key.clone());
        }
        if rule.tears {
            self.torn();
        }
        self.closed &= rule.outcome == Outcome::Nothing;
        self.behind_proxy |= rule.behind_proxy;
        let claimed = self.claims && !rule.claims && facts.client_ip.is_some();
        self.claims |= rule.claims;
        let forgeable = || strangers || said.doubtful || is_forgeable(rule, &said.heard);
        match rule.outcome {
            Outcome::Nothing => return Effect::Nothing,
            // A stranger does not start the broker, nor does he open its listeners.
            Outcome::Restart | Outcome::Listener | Outcome::Unlisted if strangers => return Effect::Nothing,
            Outcome::Restart => return self.restart(settings, rule, said.ts, out),
            Outcome::Listener => {
                if let (Some(port), Some(tls)) = (facts.server_port, facts.tls.or(facts.listener_tls)) {
                    self.listeners.insert(port, tls);
                }
                return Effect::Nothing;
            }
            Outcome::Unlisted => {
                self.flush(settings, out);
                if self.open.is_complete() {
                    self.sessions.keep();
                }
                self.unlisted = true;
                return Effect::Incomplete;
            }
            Outcome::Gap => {
                self.flush_lanes(settings, out);
                self.gap();
                return Effect::Missing;
            }
            Outcome::Opened if key.is_none() => {
                self.is_over(accepted);
                return self.opened(settings, facts, said, out);
            }
            Outcome::Accepted => {
                self.is_over(accepted);
                return self.accept(grammar, settings, &said, key, facts, forgeable(), out);
            }
            Outcome::Ended => return self.end(settings, key, &facts, out),
            _ => {}
        }
        // What these say is put together with what others say, and may be shown.
        let (why, handshake) = why.unwrap_or_else(|| Why::of(grammar, rule, words.as_deref(), &mut facts));
        let mut remarks = said.remarks(grammar, &facts, forgeable());
        remarks.misread.insert_if(claimed, Field::IpAddress);
        if rule.outcome == Outcome::Refused {
            return self.refused(grammar, settings, &said, accepted, (facts, why, remarks), out);
        }
        let mut record = said.context(facts, why, remarks);
        record.alone |= handshake && rule.outcome == Outcome::Context;
        match rule.outcome {
            Outcome::Torn => {
                if rule.look_back {
                    self.doubt_told(None, out);
                }
                if record.facts.upstream_port.is_some() {
                    self.proxied(settings, key, record, out);
                }
                Effect::Torn
            }
            Outcome::Details => self.details(settings, key, record, out),
            Outcome::Suspected => self.suspect(settings, record, out),
            Outcome::Proxied => self.proxied(settings, key, record, out),
            Outcome::Context => {
                self.context(grammar, settings, rule, key, record, out);
                self.accepted = accepted;
                Effect::Held
            }
            Outcome::Opened => self.opened_by_key(settings, rule, key.unwrap_or_default(), record, out),
            Outcome::Closed => self.close(grammar, settings, rule, record, out),
            _ => Effect::Nothing,
        }
    }

    /// The broker started: what was known is over.
    fn restart(&mut self, settings: &Settings, rule: &Rule, ts: Millis, out: &mut Vec<Attempt>) -> Effect {
        let again = rule.repeats && self.started.is_some_and(|started| (0..=BREATH).contains(&(ts - started)));
        if !again {
            self.flush(settings, out);
            *self = Joiner::default();
            self.open.start();
        }
        self.started = Some(ts);
        Effect::Restart
    }

    /// A connection was opened that nothing else names.
    fn opened(&mut self, settings: &Settings, facts: Facts, said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        self.flush_lane(lane(&facts), settings, out);
        if self.open.opened(facts, said.ts, said.line) {
            // The end of one of the candidates was not seen: who is left proves nothing.
            self.guessed.clear();
        }
        self.open.settle();
        Effect::Opened
    }

    /// The row of a refusal. What may be a stranger's words is never certain.
    fn row(&mut self, mut context: Box<Context>, settings: &Settings, mut inferred: Fields) -> Box<Row> {
        inferred |= context.doubts();
        if settings.listener_tls(context.facts.server_port).is_none() && context.facts.listener_tls.is_none() {
            context.facts.listener_tls = context.facts.server_port.and_then(|port| self.listeners.get(&port).copied());
        }
        Box::new(context.into_row(settings, inferred, &mut self.latest))
    }

    /// Lines of the log were lost.
    pub fn gap(&mut self) {
        self.lanes.clear();
        self.keyed.lost();
        // The next record about one of these clients may be about another attempt.
        self.keyed.forget_told_clients();
        self.accepted = None;
        self.sessions.lost();
        self.guessed.clear();
        self.open.incomplete();
    }
}
