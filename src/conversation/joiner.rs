//! Decides what a record does to the conversations of one stream: one broker process writing one log.

mod applies;
mod by_key;
mod ends;
mod merge;
mod said;
mod strangers;
mod waiting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::merge::*;
pub use self::said::{Effect, Said};
use super::facts::Facts;
use super::keyed::{Conversation, Keyed};
use super::open::{Found, Hindsight, Open, Opened};
use super::refusal::{Context, Settings, Why};
use super::sessions::Sessions;
use crate::grammar::{Fact, Grammar, Heard, Outcome, Rule};
use crate::model::{Attempt, ClientKey, Ending, Field, Identity, Millis, Row, Twin};

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
/// Lines of evidence for which there is room from the beginning.
const USUAL_EVIDENCE: usize = 4;
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
    inferred: Vec<Field>,
}

/// The conversations of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Joiner {
    open: Open,
    /// Records that wait for the one that follows, by their writer: the empty name where the log names none.
    #[serde(default)]
    lanes: BTreeMap<String, Box<Context>>,
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
    #[serde(default)]
    told: Vec<(String, Box<Row>)>,
    /// The conversation that was named last.
    #[serde(default)]
    named: Option<String>,
    /// The client that the last record accepted.
    accepted: Option<Box<Context>>,
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
}

impl Joiner {
    /// How much was forgotten since the start because there was too much of it.
    pub fn evicted(&self) -> u64 {
        self.open.evicted + self.keyed.evicted
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

    fn record(&mut self, grammar: &Grammar, settings: &Settings, mut said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        let mut facts = Facts::of(grammar, said.rule, &said.heard);
        if said.written_at && facts.ends_after.is_some() {
            // A session's line is written when it is over.
            facts.lasted = facts.ends_after.take();
        }
        let words = said.heard.raw(Fact::Words).map(|words| crate::record::scrubbed(grammar, words));
        let (why, handshake) = Why::of(grammar, said.rule, words.as_deref(), &mut facts);
        let holds = |text: &Option<String>| {
            text.as_ref().is_some_and(|text| said.rule.blurred.iter().any(|blur| memchr::memmem::find(text.as_bytes(), blur).is_some()))
        };
        let own = [(Field::ClientId, Fact::ClientId, &facts.client_id), (Field::Username, Fact::Username, &facts.username)];
        let unsure = own.into_iter().filter(|(_, fact, text)| holds(text) || said.heard.is_doubtful(*fact));
        let blurred: Vec<Field> = unsure.map(|(field, ..)| field).collect();
        self.open.set_behind(settings.behind);
        self.age(settings, said.ts, out);
        let strangers = self.strangers > 0;
        facts.tls_likely |= said.rule.doubt.contains(&Field::TlsUsed) && facts.tls.is_some();
        let accepted = if said.rule.outcome == Outcome::Nothing { None } else { self.accepted.take() };
        let mut key = self.key(grammar, &facts);
        if said.rule.follows {
            key = key.or_else(|| self.followed(&facts));
            if key.is_none() {
                return Effect::Nothing;
            }
        } else if let Some(key) = &key
            && (said.rule.outcome != Outcome::Opened || said.rule.elimination)
        {
            self.named = (!said.rule.waits || self.keyed.get(key).is_some()).then(|| key.clone());
        }
        if said.rule.tears {
            self.torn();
        }
        self.closed &= said.rule.outcome == Outcome::Nothing;
        self.behind_proxy |= said.rule.behind_proxy;
        let claimed = self.claims && !said.rule.claims && facts.client_ip.is_some();
        self.claims |= said.rule.claims;
        if said.rule.outcome == Outcome::Opened && key.is_none() {
            self.flush_lane(lane(&facts), settings, out);
            if self.open.opened(facts, said.ts, std::mem::take(&mut said.line)) {
                // The end of one of the candidates was not seen: who is left proves nothing.
                self.guessed.clear();
            }
            self.open.settle();
            return Effect::Opened;
        }
        let mut evidence = Vec::with_capacity(USUAL_EVIDENCE);
        evidence.push(std::mem::take(&mut said.line));
        let mut record = Box::new(Context {
            made_up: facts.client_id.as_ref().is_some_and(|id| grammar.is_made_up(id.as_bytes())),
            random_id: facts.client_id.as_ref().is_some_and(|id| grammar.is_nobodys(id.as_bytes())),
            facts,
            why,
            evidence,
            ts: said.ts,
            ts_inferred: said.ts_inferred,
            alone: said.rule.alone || handshake && said.rule.outcome == Outcome::Context,
            stack: said.rule.stack,
            doubt: said.rule.doubt.clone(),
            misread: misread(&said.heard).into_iter().chain(Facts::doubts(&said.heard)).chain(blurred).collect(),
            doubt_tls: said.rule.doubt_tls.clone(),
            password_if_plain: said.rule.password_if_plain,
            forgeable: is_forgeable(said.rule, &said.heard) || strangers || said.doubtful,
            unclear: said.heard.captures.ambiguous,
            rules: if said.rule.is_awaited && said.rule.outcome == Outcome::Context { vec![said.rule.name.clone()] } else { Vec::new() },
            read_at: said.read_at,
            twin: said
                .rule
                .has_twin
                .then(|| Box::new(Twin { rule: said.rule.name.clone(), same_as: said.rule.same_as.clone(), ..Twin::default() })),
        });
        if claimed {
            record.misread.push(Field::IpAddress);
        }
        match said.rule.outcome {
            Outcome::Nothing => Effect::Nothing,
            Outcome::Torn => {
                if said.rule.look_back {
                    self.doubt_told(None, out);
                }
                if record.facts.upstream_port.is_some() {
                    self.proxied(settings, key, record, out);
                }
                Effect::Torn
            }
            // A stranger does not start the broker, nor does he open its listeners.
            Outcome::Restart | Outcome::Listener | Outcome::Unlisted if strangers => Effect::Nothing,
            Outcome::Listener => {
                if let (Some(port), Some(tls)) = (record.facts.server_port, record.facts.tls.or(record.facts.listener_tls)) {
                    self.listeners.insert(port, tls);
                }
                Effect::Nothing
            }
            Outcome::Details => self.details(settings, key, record, out),
            Outcome::Suspected => self.suspect(settings, record, out),
            Outcome::Proxied => self.proxied(settings, key, record, out),
            Outcome::Context => {
                self.context(grammar, settings, said.rule, key, record, out);
                self.accepted = accepted;
                Effect::Held
            }
            Outcome::Opened => self.opened_by_key(settings, said.rule, key.unwrap_or_default(), record, out),
            Outcome::Restart => {
                let again = said.rule.repeats && self.started.is_some_and(|started| (0..=BREATH).contains(&(said.ts - started)));
                if !again {
                    self.flush(settings, out);
                    *self = Joiner::default();
                    self.open.start();
                }
                self.started = Some(said.ts);
                Effect::Restart
            }
            Outcome::Unlisted => {
                self.flush(settings, out);
                if self.open.is_complete() {
                    self.sessions.keep();
                }
                self.unlisted = true;
                Effect::Incomplete
            }
            Outcome::Gap => {
                self.flush_lanes(settings, out);
                self.gap();
                Effect::Missing
            }
            Outcome::Accepted => self.accept(grammar, settings, &said, key, record, out),
            Outcome::Ended => {
                self.lanes.remove(lane(&record.facts));
                if let Some(parked) = key.and_then(|key| self.keyed.take(&key)).filter(|conversation| conversation.parked) {
                    self.tell(settings, parked, out);
                }
                Effect::Session
            }
            Outcome::Closed => self.close(grammar, settings, said.rule, record, out),
            Outcome::Refused => {
                let (message, torn) = (said.heard.bytes, said.rule.look_back && record.forgeable);
                if torn {
                    self.doubt_told(Some(message), out);
                }
                let before = out.len();
                let effect = self.refuse(grammar, settings, said.rule, accepted, record, out);
                if said.rule.look_back && !torn {
                    self.remember(message, &out[before..]);
                }
                effect
            }
        }
    }

    /// Whether a record of this rule does nothing but show that the log went on.
    pub fn passes_over(&self, grammar: &Grammar, rule: &Rule) -> bool {
        rule.outcome == Outcome::Nothing && !grammar.is_keyed() && !rule.tears && !rule.behind_proxy
    }

    /// The row of a refusal. What may be a stranger's words is never certain.
    fn row(&self, mut context: Box<Context>, settings: &Settings, mut inferred: Vec<Field>) -> Box<Row> {
        inferred.append(&mut context.doubts());
        if settings.listener_tls(context.facts.server_port).is_none() && context.facts.listener_tls.is_none() {
            context.facts.listener_tls = context.facts.server_port.and_then(|port| self.listeners.get(&port).copied());
        }
        Box::new(context.into_row(settings, inferred))
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
