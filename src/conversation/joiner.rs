//! Decides what a record does to the conversations of one stream: one broker process writing one log.

mod by_key;
mod ends;
mod merge;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::merge::*;
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

/// One record, understood.
#[derive(Debug)]
pub struct Said<'a> {
    /// The rule that fits.
    pub rule: &'a Rule,
    /// What it and the header captured.
    pub heard: Heard<'a>,
    /// The record's time.
    pub ts: Millis,
    /// That time is the time of reading, or was deduced.
    pub ts_inferred: bool,
    /// That time is the collector's: when the record was written, whatever it says of the time itself.
    pub written_at: bool,
    /// When it was read.
    pub read_at: Millis,
    /// The raw line, fit to be shown.
    pub line: String,
    /// Where it begins is not certain: it may be a part of the record before it, which a stranger wrote.
    pub doubtful: bool,
}

/// What a record did, for `explain` and the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A connection is listed as open.
    Opened,
    /// It waits for the record that follows.
    Held,
    /// An attempt was refused; how its connection was found.
    Refused(&'static str),
    /// The client connected.
    Accepted,
    /// The client connected, but its name can be read in two ways: no row is cleared.
    AcceptedUnclear,
    /// A connection ended without a word.
    Probe,
    /// A session that was accepted ended: no failed connect.
    Session,
    /// It says more about an attempt that was told.
    Known,
    /// A terminator handed the connection on to the broker.
    Proxied,
    /// What follows may be written by a stranger.
    Torn,
    /// The state began anew.
    Restart,
    /// Connections are missing: nothing is found by elimination with certainty from here on.
    Incomplete,
    /// Lines are missing, refusals among them perhaps; what names its connection is as certain as before.
    Missing,
    /// Nothing.
    Nothing,
}

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

    /// Whether a rule that fits the text applies in this state.
    pub fn applies(&self, grammar: &Grammar, rule: &Rule, heard: &Heard<'_>) -> bool {
        if !rule.only.is_empty() && !heard.raw(Fact::Words).is_some_and(|words| rule.only.iter().any(|only| only == words)) {
            return false;
        }
        if rule.needs_context {
            let facts = Facts::of(grammar, rule, heard);
            return self.lanes.get(lane(&facts)).is_some_and(|waiting| waiting.facts.agree(&facts));
        }
        if !rule.after.is_empty() {
            let facts = Facts::of(grammar, rule, heard);
            let fits = |waiting: &Context| waiting.rules.iter().any(|name| rule.after.contains(name)) && waiting.facts.agree(&facts);
            // What an attempt that was told had before it matters only for what adds to it.
            let adds = |conversation: &Conversation| conversation.told.is_none() || rule.outcome == Outcome::Details;
            let keyed = || facts.key(&grammar.keys).and_then(|key| self.keyed.get(&key)).filter(|conversation| adds(conversation));
            return self.lanes.get(lane(&facts)).is_some_and(|waiting| fits(waiting))
                || keyed().is_some_and(|conversation| fits(&conversation.context));
        }
        if rule.after_accepted {
            let client = heard.raw(Fact::ClientId).or_else(|| heard.raw(Fact::ClientName));
            return self.accepted.as_ref().is_some_and(|accepted| {
                client.is_some_and(|client| accepted.facts.client_id.as_deref().map(str::as_bytes) == Some(client))
            });
        }
        if rule.after_closed {
            return self.closed;
        }
        if rule.never_accepted && grammar.is_keyed() {
            let key = self.key(grammar, &Facts::of(grammar, rule, heard));
            return !key.and_then(|key| self.keyed.get(&key)).is_some_and(|conversation| conversation.accepted);
        }
        if rule.never_accepted {
            return heard.raw(Fact::ClientId).is_some_and(|client| self.sessions.never_accepted(client));
        }
        if let Some(session) = rule.session {
            let facts = Facts::of(grammar, rule, heard);
            let connected = self.key(grammar, &facts).and_then(|key| self.keyed.get(&key)).is_some_and(|known| known.accepted);
            return connected == session;
        }
        if !rule.needs_open {
            return true;
        }
        let facts = Facts::of(grammar, rule, heard);
        match self.key(grammar, &facts) {
            Some(key) => self.keyed.get(&key).is_some_and(|conversation| {
                conversation.opened && !conversation.accepted && !is_anothers(rule, &conversation.context.facts, &facts)
            }),
            None => Facts::is_nameless(grammar, heard) || self.open.has(&facts),
        }
    }

    /// The username that a record names which waits in this lane.
    pub fn waiting_username(&self, lane: Option<&[u8]>) -> Option<&[u8]> {
        let lane = std::str::from_utf8(lane.unwrap_or_default()).ok()?;
        Some(self.lanes.get(lane)?.facts.username.as_ref()?.as_bytes())
    }

    /// What names the conversation that these facts belong to.
    fn key(&self, grammar: &Grammar, facts: &Facts) -> Option<String> {
        facts.key(&grammar.keys).map(|key| self.keyed.resolve(key))
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

    /// Keeps what was told, in case that it turns out to be a stranger's words.
    fn remember(&mut self, message: &[u8], told: &[Attempt]) {
        let Some(Attempt::Refused(row)) = told.last() else { return };
        if self.told.len() >= MAX_TOLD {
            self.told.remove(0);
        }
        self.told.push((String::from_utf8_lossy(&message[..message.len().min(MAX_QUOTED)]).into_owned(), row.clone()));
    }

    /// A record was torn, and this is its end: what was told just before may be a part of it. Where the end repeats the client's
    /// words, only what stands in them is.
    fn doubt_told(&mut self, quoting: Option<&[u8]>, out: &mut Vec<Attempt>) {
        let quoting = quoting.map(String::from_utf8_lossy);
        let (forged, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.told)
            .into_iter()
            .partition(|(message, _)| quoting.as_ref().is_none_or(|text| text.contains(message.as_str())));
        self.told = others;
        for (_, mut row) in forged {
            row.inferred.extend([Field::ClientId, Field::IpAddress]);
            row.inferred.extend(row.username.is_some().then_some(Field::Username));
            row.inferred.retain(|field| *field != Field::IpAddress || row.ip_address.is_some());
            row.inferred.sort_unstable();
            row.inferred.dedup();
            out.push(Attempt::Revised(row));
        }
    }

    /// Whether a record of this rule does nothing but show that the log went on.
    pub fn passes_over(&self, grammar: &Grammar, rule: &Rule) -> bool {
        rule.outcome == Outcome::Nothing && !grammar.is_keyed() && !rule.tears && !rule.behind_proxy
    }

    /// The log went on to this time: what waited long enough is finished.
    pub fn age(&mut self, settings: &Settings, ts: Millis, out: &mut Vec<Attempt>) {
        for conversation in self.keyed.due(ts) {
            self.tell(settings, conversation, out);
        }
        if self.lanes.len() > 1 || !self.lanes.contains_key("") {
            let stale = self.lanes.iter().filter(|(lane, waiting)| !lane.is_empty() && ts - waiting.ts > LANE_BREATH);
            let stale: Vec<String> = stale.map(|(lane, _)| lane.clone()).collect();
            stale.iter().for_each(|lane| self.flush_lane(lane, settings, out));
        }
    }

    /// Whether what comes may be a stranger's words, and how much of it still is counts.
    pub fn is_doubting(&self) -> bool {
        self.strangers > 0
    }

    /// The log went on by this many bytes.
    pub fn passed(&mut self, bytes: usize) {
        self.strangers = self.strangers.saturating_sub(bytes);
    }

    /// What comes now may be a stranger's words.
    pub fn torn(&mut self) {
        self.strangers = TORN_BYTES;
        // He may open and end connections that never were.
        self.open.incomplete();
        self.guessed.clear();
    }

    /// Time passed: what waits for a record that did not come is finished.
    pub fn tick(&mut self, settings: &Settings, now: Millis, out: &mut Vec<Attempt>) {
        let late = self.lanes.iter().filter(|(_, waiting)| now - waiting.read_at >= BREATH);
        let late: Vec<String> = late.map(|(lane, _)| lane.clone()).collect();
        late.iter().for_each(|lane| self.flush_lane(lane, settings, out));
        for conversation in self.keyed.due_now(now) {
            self.tell(settings, conversation, out);
        }
    }

    /// Whether time alone can still change something.
    pub fn is_waiting(&self) -> bool {
        !self.lanes.is_empty() || self.keyed.is_waiting()
    }

    /// Nothing will follow: what waits is finished.
    pub fn flush(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        self.flush_lanes(settings, out);
        for conversation in self.keyed.due_all() {
            self.tell(settings, conversation, out);
        }
    }

    fn flush_lanes(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        while let Some(lane) = self.lanes.keys().next().cloned() {
            self.flush_lane(&lane, settings, out);
        }
    }

    /// What waits in one lane is finished.
    fn flush_lane(&mut self, lane: &str, settings: &Settings, out: &mut Vec<Attempt>) {
        let Some(mut pending) = self.lanes.remove(lane) else { return };
        if !pending.alone {
            return;
        }
        let mut inferred = Vec::new();
        if let Some(name) = pending.facts.client_name.take() {
            // It is the address or the ID of a client that calls itself so; nothing says which.
            pending.facts.client_ip = crate::grammar::ip(name.as_bytes());
            inferred.extend([Field::ClientId, Field::IpAddress]);
        }
        if pending.facts.client_ip.is_some()
            && !self.unlisted
            && let Found::Certain(opened) = self.find(&pending, settings)
        {
            pending.joined(opened);
        }
        self.forget_guess(pending.facts.client_id.as_deref());
        let row = self.row(pending, settings, inferred);
        out.push(Attempt::Refused(row));
        self.known_now(settings, out);
    }

    /// A conversation's refusal that stood alone is told.
    fn tell(&mut self, settings: &Settings, mut conversation: Conversation, out: &mut Vec<Attempt>) {
        if conversation.parked {
            self.seek(settings, &mut conversation);
        }
        if conversation.suspected && !conversation.context.alone {
            // It was only suspected.
            conversation.inferred.extend([Field::ClientId, Field::IpAddress, Field::Username, Field::Reason]);
        }
        let last = conversation.last;
        let row = self.row(conversation.context, settings, conversation.inferred);
        // It waited: the client's later attempt may have been told already.
        if !self.keyed.is_superseded(&row, last) {
            out.push(Attempt::Refused(row));
        }
    }

    /// What waits of this client was before what is told of it now.
    fn tell_earlier(&mut self, settings: &Settings, facts: &Facts, out: &mut Vec<Attempt>) {
        if self.keyed.is_waiting() {
            for conversation in self.keyed.due_of(facts.client_id.as_deref(), facts.client_ip) {
                self.tell(settings, conversation, out);
            }
        }
    }

    /// Nothing came that opens the connection of a refusal: it is one of those that are open, if the refusal names none; otherwise
    /// another process serves it, and only its address leads to the listener.
    fn seek(&mut self, settings: &Settings, conversation: &mut Conversation) {
        if self.behind_proxy {
            conversation.inferred.extend([Field::ClientId, Field::IpAddress]);
        } else if conversation.context.facts.connection.is_none() {
            self.eliminate(settings, &mut conversation.context, &mut conversation.inferred);
            self.open.settle();
        } else if let Some(address) = conversation.context.facts.client_ip
            && let Some(port) = self.open.listener_of(address)
        {
            conversation.context.facts.server_port = Some(port);
            conversation.inferred.push(Field::TlsUsed);
        }
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

    fn context(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        key: Option<String>,
        record: Box<Context>,
        out: &mut Vec<Attempt>,
    ) {
        let lane = lane(&record.facts).to_owned();
        // A client's ID names many attempts; the order of one writer's records tells them apart.
        let named = record.facts.names_connection(&grammar.keys);
        if let Some(key) = key
            && (lane.is_empty() && !rule.waits || (named || lane.is_empty()) && self.keyed.get(&key).is_some())
        {
            return self.context_by_key(settings, rule, key, record, out);
        }
        let fits = self.lanes.get(&lane).is_some_and(|pending| {
            let repeated = record.why.words.first().is_some_and(|words| pending.why.words.contains(words));
            let complete = pending.stack || rule.stack || (rule.begins && (pending.alone || !lane.is_empty()));
            let goes_on = pending.stack && rule.stack && !repeated && !rule.begins;
            (goes_on || !complete) && pending.facts.agree(&record.facts)
        });
        if !fits {
            self.flush_lane(&lane, settings, out);
        }
        match self.lanes.get_mut(&lane) {
            None => {
                if self.lanes.len() >= MAX_LANES
                    && let Some(oldest) = self.lanes.iter().min_by_key(|(_, waiting)| waiting.ts).map(|(lane, _)| lane.clone())
                {
                    self.flush_lane(&oldest, settings, out);
                }
                self.lanes.insert(lane, record);
            }
            Some(pending) => {
                pending.alone |= record.alone;
                merge(pending, record);
            }
        }
    }
}
