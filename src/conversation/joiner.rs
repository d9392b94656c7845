//! Decides what a record does to the conversations of one stream: one broker process writing one log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::keyed::{Conversation, Keyed};
use super::open::{Found, Hindsight, Open, Opened};
use super::refusal::{Context, Settings, Why};
use super::sessions::Sessions;
use crate::grammar::{Fact, Grammar, Heard, Outcome, Rule};
use crate::model::{Attempt, ClientKey, Field, Identity, Millis, Row};

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
    record: Context,
    /// What was not certain before the guess.
    inferred: Vec<Field>,
}

/// The conversations of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Joiner {
    open: Open,
    /// Records that wait for the one that follows, by their writer: the empty name where the log names none.
    #[serde(default)]
    lanes: BTreeMap<String, Context>,
    /// Conversations whose records name them.
    #[serde(default)]
    keyed: Keyed,
    /// Which listeners use TLS, where the log says so.
    #[serde(default)]
    listeners: BTreeMap<u16, bool>,
    /// Connections come from a proxy, whose address refusals name.
    #[serde(default)]
    behind_proxy: bool,
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
    accepted: Option<Context>,
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
            return self.lanes.get(lane(&facts)).is_some_and(fits) || keyed().is_some_and(|conversation| fits(&conversation.context));
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
    pub fn take(&mut self, grammar: &Grammar, settings: &Settings, mut said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        let mut facts = Facts::of(grammar, said.rule, &said.heard);
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
        let mut record = Context {
            made_up: facts.client_id.as_ref().is_some_and(|id| grammar.is_made_up(id.as_bytes())),
            random_id: facts.client_id.as_ref().is_some_and(|id| grammar.is_random(id.as_bytes())),
            facts,
            why,
            evidence: vec![std::mem::take(&mut said.line)],
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
            rules: if said.rule.outcome == Outcome::Context { vec![said.rule.name.clone()] } else { Vec::new() },
            read_at: said.read_at,
        };
        record.facts.tls_likely |= said.rule.doubt.contains(&Field::TlsUsed) && record.facts.tls.is_some();
        let accepted = if said.rule.outcome == Outcome::Nothing { None } else { self.accepted.take() };
        let mut key = self.key(grammar, &record.facts);
        if said.rule.follows {
            key = key.or_else(|| self.followed(&record.facts));
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
            Outcome::Opened if key.is_some() => self.opened_by_key(settings, said.rule, key.unwrap_or_default(), record, out),
            Outcome::Opened => {
                self.flush_lane(lane(&record.facts), settings, out);
                let line = record.evidence.into_iter().next().unwrap_or_default();
                if self.open.opened(record.facts, record.ts, line) {
                    // The end of one of the candidates was not seen: who is left proves nothing.
                    self.guessed.clear();
                }
                self.open.settle();
                Effect::Opened
            }
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

    /// The log went on to this time: what waited long enough is finished.
    fn age(&mut self, settings: &Settings, ts: Millis, out: &mut Vec<Attempt>) {
        for conversation in self.keyed.due(ts) {
            self.tell(settings, conversation, out);
        }
        let stale = |(lane, waiting): (&String, &Context)| (!lane.is_empty() && ts - waiting.ts > LANE_BREATH).then(|| lane.clone());
        if self.lanes.len() > 1 || !self.lanes.contains_key("") {
            let stale: Vec<String> = self.lanes.iter().filter_map(stale).collect();
            stale.iter().for_each(|lane| self.flush_lane(lane, settings, out));
        }
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
        let late = |(lane, waiting): (&String, &Context)| (now - waiting.read_at >= BREATH).then(|| lane.clone());
        let late: Vec<String> = self.lanes.iter().filter_map(late).collect();
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
            pending.joined(&opened);
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
    fn row(&self, mut context: Context, settings: &Settings, mut inferred: Vec<Field>) -> Box<Row> {
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
        record: Context,
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

    fn context_by_key(&mut self, settings: &Settings, rule: &Rule, key: String, record: Context, out: &mut Vec<Attempt>) {
        let mut conversation = self.keyed.take(&key).unwrap_or_default();
        if conversation.told.is_some() && !rule.begins && conversation.may_repeat(record.ts) {
            self.say_more(settings, &mut conversation, record, out);
        } else {
            if conversation.told.is_some() || (rule.begins && conversation.context.alone) {
                let earlier = std::mem::take(&mut conversation);
                if earlier.told.is_none() {
                    self.tell(settings, earlier, out);
                }
            }
            conversation.last = record.ts;
            conversation.context.alone |= record.alone;
            corrected(rule, &mut conversation.context, &record);
            add(&mut conversation.context, record);
        }
        self.put(settings, key, conversation, out);
    }

    fn put(&mut self, settings: &Settings, key: String, conversation: Conversation, out: &mut Vec<Attempt>) {
        if let Some(waited) = self.keyed.put(key, conversation) {
            self.tell(settings, waited, out);
        }
    }

    /// A record says that a connection was opened, and names it. Some products write it after the refusal.
    fn opened_by_key(&mut self, settings: &Settings, rule: &Rule, key: String, record: Context, out: &mut Vec<Attempt>) -> Effect {
        if rule.elimination {
            return self.opened_before(settings, key, record, out);
        }
        let mut conversation = Conversation { opened: true, last: record.ts, ..Conversation::default() };
        if let Some(mut earlier) = self.keyed.take(&key) {
            let late = !earlier.opened && !earlier.accepted && (record.ts - earlier.last).abs() <= LANE_BREATH;
            if late && earlier.told.is_some() {
                earlier.opened = true;
                // This record names the other end itself; the refusal may have named a proxy.
                let mut facts = record.facts.clone();
                facts.add(&earlier.context.facts);
                earlier.context.facts = facts;
                self.say_more(settings, &mut earlier, record, out);
                self.put(settings, key, earlier, out);
                return Effect::Known;
            }
            if late && earlier.parked {
                let (ts, ts_inferred) = (earlier.context.ts, earlier.context.ts_inferred);
                let mut facts = record.facts.clone();
                facts.add(&earlier.context.facts);
                add(&mut earlier.context, record);
                (earlier.context.facts, earlier.context.ts, earlier.context.ts_inferred) = (facts, ts, ts_inferred);
                self.tell_earlier(settings, &earlier.context.facts, out);
                let row = self.row(earlier.context.clone(), settings, earlier.inferred.clone());
                out.push(Attempt::Refused(row.clone()));
                let told = Conversation { opened: true, parked: false, told: Some(row), ..earlier };
                self.put(settings, key, told, out);
                return Effect::Refused("by what names the connection, whose opening came after it");
            }
            if late {
                conversation.context = earlier.context;
                conversation.inferred = earlier.inferred;
            } else if earlier.context.alone && earlier.told.is_none() && !earlier.accepted {
                self.tell(settings, earlier, out);
            }
        }
        let mut facts = record.facts.clone();
        facts.add(&conversation.context.facts);
        add(&mut conversation.context, record.clone());
        conversation.context.facts = facts;
        self.put(settings, key, conversation, out);
        self.open.opened(record.facts, record.ts, record.evidence.into_iter().next().unwrap_or_default());
        self.open.settle();
        Effect::Opened
    }

    /// A record names a conversation whose connection was opened before, under another name: the one that was opened last, most likely.
    fn opened_before(&mut self, settings: &Settings, key: String, mut record: Context, out: &mut Vec<Attempt>) -> Effect {
        if let Some(earlier) = self.keyed.take(&key).filter(|earlier| earlier.context.alone && earlier.told.is_none() && !earlier.accepted)
        {
            self.tell(settings, earlier, out);
        }
        if let Some((opened, certain)) = self.open.take_newest() {
            record.joined(&opened);
            if !certain || self.unlisted {
                record.doubt.extend([Field::IpAddress, Field::TlsUsed]);
            }
        }
        let conversation = Conversation { opened: true, last: record.ts, context: record, ..Conversation::default() };
        self.put(settings, key, conversation, out);
        Effect::Opened
    }

    /// The conversation that the last record named, if this one can belong to it.
    fn followed(&self, facts: &Facts) -> Option<String> {
        let key = self.named.as_ref()?;
        let others = self.keyed.get(key)?.context.facts.username.as_ref().zip(facts.username.as_ref());
        others.is_none_or(|(one, two)| one == two).then(|| key.clone())
    }

    /// Adds to a conversation that is known, and begins none. A record that can be divided in two ways adds nothing.
    fn details(&mut self, settings: &Settings, key: Option<String>, mut record: Context, out: &mut Vec<Attempt>) -> Effect {
        let Some(key) = key.filter(|_| !record.unclear) else { return Effect::Nothing };
        let Some(mut conversation) = self.keyed.take(&key) else { return Effect::Nothing };
        // What is known already is not doubted for being said again.
        let new = |field: &Field| !conversation.context.facts.has(*field) && record.facts.has(*field);
        record.doubt.retain(new);
        if conversation.told.is_some() {
            if !conversation.may_repeat(record.ts) {
                return Effect::Nothing;
            }
            self.say_more(settings, &mut conversation, record, out);
        } else {
            conversation.last = record.ts;
            add(&mut conversation.context, record);
        }
        self.put(settings, key, conversation, out);
        Effect::Known
    }

    /// A login of this username failed. Which one, other records say; where they are missing, it was likely this one.
    fn suspect(&mut self, settings: &Settings, record: Context, out: &mut Vec<Attempt>) -> Effect {
        let undecided = record.facts.username.as_ref().and_then(|username| self.keyed.undecided(username, record.ts));
        let Some((key, mut conversation)) = undecided.and_then(|key| self.keyed.take(&key).map(|conversation| (key, conversation))) else {
            return Effect::Nothing;
        };
        conversation.suspected = true;
        conversation.context.why.add(record.why);
        self.put(settings, key, conversation, out);
        Effect::Known
    }

    /// A terminator handed its connection on: from here on the broker's log tells what became of it.
    fn proxied(&mut self, settings: &Settings, key: Option<String>, record: Context, out: &mut Vec<Attempt>) -> Effect {
        let mut conversation = key.as_ref().and_then(|key| self.keyed.take(key)).unwrap_or_default();
        // The terminator accepted it: what goes wrong later is the end of a session.
        conversation.accepted = true;
        conversation.last = record.ts;
        add(&mut conversation.context, record);
        out.push(Attempt::Proxied(Box::new(conversation.context.link(settings))));
        if let Some(key) = key {
            self.put(settings, key, conversation, out);
        }
        Effect::Proxied
    }

    /// A refusal that was told is known better. Nothing is counted, and its name does not change: what named it is certain.
    fn say_more(&self, settings: &Settings, conversation: &mut Conversation, record: Context, out: &mut Vec<Attempt>) {
        let Some(told) = &conversation.told else { return };
        if record.forgeable && !conversation.context.forgeable {
            // What may be a stranger's words changes nothing of what is certain.
            return;
        }
        let (ts, ts_inferred) = (told.ts, conversation.context.ts_inferred);
        conversation.last = record.ts;
        add(&mut conversation.context, record);
        (conversation.context.ts, conversation.context.ts_inferred) = (ts, ts_inferred);
        let row = self.row(conversation.context.clone(), settings, conversation.inferred.clone());
        if row.key() == told.key() && row != *told {
            out.push(Attempt::Revised(row.clone()));
            conversation.told = Some(row);
        }
    }

    fn accept(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        said: &Said<'_>,
        key: Option<String>,
        mut record: Context,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let lane = lane(&record.facts).to_owned();
        // What waits belongs to this connection when both name it; otherwise it was complete.
        if self
            .lanes
            .get(&lane)
            .is_some_and(|pending| !pending.alone || pending.facts.agree(&record.facts) && pending.facts.client_ip.is_some())
        {
            self.lanes.remove(&lane);
        }
        self.flush_lane(&lane, settings, out);
        if let Some(key) = key {
            let mut conversation = self.keyed.take(&key).unwrap_or_default();
            if std::mem::take(&mut conversation.admitted) && record.ts - conversation.last <= LANE_BREATH {
                self.put(settings, key, conversation, out);
                return Effect::Known;
            }
            conversation = Conversation { opened: conversation.opened, accepted: true, last: record.ts, ..Conversation::default() };
            conversation.context.facts.client_id.clone_from(&record.facts.client_id);
            self.put(settings, key, conversation, out);
        }
        // 1.x prints no source port: then it is one of its address.
        let nameless = record.facts.client_port.is_none() && record.facts.connection.is_none();
        let by_address = nameless && (record.facts.client_ip.is_some() || said.rule.elimination);
        let found = if by_address {
            self.find(&record, settings)
        } else {
            self.open.take(&record.facts).map_or(Found::Nobody, |opened| Found::Certain(Box::new(opened)))
        };
        if let Found::Certain(opened) = &found {
            record.joined(opened);
        } else if found == Found::Nobody && self.open.is_complete() && !self.unlisted {
            // Accepted without ever having been listed: there are listeners whose connections the log does not show.
            self.open.incomplete();
        }
        self.known_now(settings, out);
        let name = said.heard.raw(Fact::ClientId).unwrap_or_default();
        if name.is_empty() {
            self.sessions.lost()
        } else {
            self.sessions.accepted(name)
        }
        if grammar.is_nobody(name) {
            self.nobody_taken = true;
            self.open.incomplete();
        }
        self.tell_earlier(settings, &record.facts, out);
        let client_id = record.facts.client_id.clone();
        let ts = record.ts;
        let doubtful = said.heard.captures.ambiguous || record.forgeable;
        self.accepted = Some(record);
        match client_id {
            Some(_) if doubtful => Effect::AcceptedUnclear,
            Some(client_id) => {
                self.forget_guess(Some(&client_id));
                out.push(Attempt::Accepted(ClientKey { broker: settings.broker.clone(), identity: Identity::ClientId, client_id }, ts));
                Effect::Accepted
            }
            None => Effect::AcceptedUnclear,
        }
    }

    /// A connection ended before its client said who it was. What waits before it makes it a refusal after all.
    fn close(&mut self, grammar: &Grammar, settings: &Settings, rule: &Rule, record: Context, out: &mut Vec<Attempt>) -> Effect {
        let lane = lane(&record.facts).to_owned();
        if self.lanes.get(&lane).is_some_and(|pending| pending.alone && agree(pending, &record)) {
            return self.refuse(grammar, settings, rule, None, record, out);
        }
        if let Some(conversation) = self.key(grammar, &record.facts).and_then(|key| self.keyed.take(&key)) {
            self.open.take(&conversation.context.facts);
            self.open.settle();
            if conversation.told.is_some() || conversation.accepted {
                return Effect::Session;
            }
            if conversation.context.alone {
                self.tell(settings, conversation, out);
            }
            return Effect::Probe;
        }
        self.flush_lane(&lane, settings, out);
        let by_key = self.open.take(&record.facts).is_some() || record.facts.client_port.is_some();
        // Beside an unlisted listener it may have been a connection that is not listed: taking a listed one away would be a guess.
        let nobodys_session = self.nobody_taken && self.open.is_empty();
        if !(by_key || self.unlisted || nobodys_session) {
            self.open.eliminate(record.facts.client_ip, record.ts, |_| None);
        }
        self.known_now(settings, out);
        self.closed = true;
        Effect::Probe
    }

    fn refuse(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        accepted: Option<Context>,
        mut record: Context,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let lane = lane(&record.facts).to_owned();
        if rule.whole {
            self.flush_lane(&lane, settings, out);
        }
        let mut inferred = Vec::new();
        if let Some(mut pending) = self.lanes.remove(&lane) {
            if !pending.stack && agree(&pending, &record) {
                if grammar.is_keyed() && lane.is_empty() {
                    // Several connections write at once, and neither record names the one that both are of.
                    pending.misread.extend(only_in(&pending.facts, &record.facts));
                }
                if lane.is_empty() && grammar.names_writers() {
                    // It may have been another writer's.
                    inferred.extend([Field::ClientId, Field::IpAddress, Field::Username, Field::PasswordProvided]);
                }
                pending.facts.settle_name(&record.facts);
                merge(&mut pending, record);
                record = pending;
            } else {
                self.lanes.insert(lane.clone(), pending);
                self.flush_lane(&lane, settings, out);
            }
        }
        let key = self.key(grammar, &record.facts);
        let known = key.as_ref().and_then(|key| self.keyed.take(key));
        let known = known.filter(|known| !is_anothers(rule, &known.context.facts, &record.facts));
        let mut opened_before = false;
        if let (Some(key), Some(mut conversation)) = (&key, known) {
            if rule.repeats && conversation.accepted && record.facts.names_connection(&grammar.keys) {
                // Its client had connected: this is how the session ends.
                return Effect::Session;
            }
            // A client's ID names many attempts: of them, none is told twice by the same rule.
            let another = !record.facts.names_connection(&grammar.keys) && conversation.said_by.contains(&rule.name);
            if rule.repeats && conversation.may_repeat(record.ts) && !another {
                conversation.said_by.push(rule.name.clone());
                // What is known already is not doubted by a record that says less, and certain by one that says more.
                let known = conversation.context.facts.client_id.is_some();
                record.doubt.retain(|field| !known || *field != Field::ClientId);
                if rule.doubt.is_empty() && !record.forgeable && !record.unclear {
                    conversation.context.doubt.retain(|field| *field != Field::ClientId);
                }
                // An address that this record names without doubt is certain now.
                if record.facts.client_ip.is_some() && !record.doubt.contains(&Field::IpAddress) {
                    conversation.inferred.retain(|field| *field != Field::IpAddress);
                    conversation.context.doubt.retain(|field| *field != Field::IpAddress);
                }
                self.say_more(settings, &mut conversation, record, out);
                if rule.frees {
                    self.open.take(&conversation.context.facts);
                } else {
                    self.put(settings, key.clone(), conversation, out);
                }
                return Effect::Known;
            }
            if conversation.told.is_none() && !conversation.accepted {
                opened_before = conversation.opened;
                corrected(rule, &mut conversation.context, &record);
                add(&mut conversation.context, record);
                record = conversation.context;
            }
        }
        // A name that may be the address, in a record that stands for itself, is the ID: no other name is there.
        if let Some(name) = record.facts.client_name.take()
            && record.facts.client_id.is_none()
        {
            record.facts.client_id = Some(name);
        }
        self.forget_guess(record.facts.client_id.as_deref());
        if rule.opened_later && !opened_before {
            self.parked += 1;
            let key = key.unwrap_or_else(|| format!("p:{}", self.parked));
            record.alone = true;
            let parked = Conversation { last: record.ts, context: record, parked: true, ..Conversation::default() };
            self.put(settings, key, parked, out);
            return Effect::Refused("waits for the record that opens its connection");
        }
        let mut how = "named by the record";
        let mut by_key = true;
        if opened_before {
            self.open.take(&record.facts);
            how = "by what names the connection";
        } else if rule.after_accepted
            && let Some(accepted) = accepted
        {
            record.facts.add(&accepted.facts);
            record.evidence.splice(0..0, accepted.evidence);
            how = "the client that was accepted just before";
        } else if let Some(opened) = self.open.take(&record.facts) {
            record.joined(&opened);
            how = "by address and port";
        } else if record.facts.client_port.is_none()
            && record.facts.connection.is_none()
            && (rule.elimination || record.facts.client_ip.is_some())
        {
            if self.nobody_taken && record.facts.client_id.is_none() && self.open.is_empty() {
                // The end of the session of a client that calls itself what the broker calls nobody.
                return Effect::Session;
            }
            how = if self.unlisted && !rule.listed_only {
                self.guess(&mut record, &mut inferred)
            } else {
                self.eliminate(settings, &mut record, &mut inferred)
            };
            by_key = false;
        } else {
            by_key = false;
        }
        // The broker may not have written it. A connection that it names by address and port was open, at least.
        record.forgeable &= !by_key || grammar.is_keyed();
        // The broker makes another one up each time: the address names such a client better, if it is certain.
        if record.facts.client_ip.is_some()
            && !inferred.contains(&Field::IpAddress)
            && record.facts.client_id.as_ref().is_some_and(|id| grammar.is_surely_made_up(id.as_bytes()))
        {
            record.facts.client_id = None;
        }
        self.tell_earlier(settings, &record.facts, out);
        let row = self.row(record.clone(), settings, inferred.clone());
        if let Some(key) = key.filter(|_| !rule.frees) {
            let told = Conversation {
                last: record.ts,
                context: record,
                opened: opened_before,
                told: Some(row.clone()),
                said_by: vec![rule.name.clone()],
                admitted: rule.admitted,
                inferred,
                ..Conversation::default()
            };
            self.put(settings, key, told, out);
        }
        out.push(Attempt::Refused(row));
        self.known_now(settings, out);
        Effect::Refused(how)
    }

    /// It may have been a connection that is not listed: the likeliest of the listed ones is a guess, and none is taken away.
    fn guess(&self, record: &mut Context, inferred: &mut Vec<Field>) -> &'static str {
        if record.facts.client_ip.is_some() {
            return "by the address that it names";
        }
        match self.open.likeliest_now(record.ts) {
            Some(opened) => {
                record.joined(opened);
                inferred.extend([Field::IpAddress, Field::TlsUsed]);
                "guessed: it may also have come in by a listener whose connections are not logged"
            }
            None => "no open connection is known",
        }
    }

    fn eliminate(&mut self, settings: &Settings, record: &mut Context, inferred: &mut Vec<Field>) -> &'static str {
        let named = record.facts.client_ip.is_some();
        match self.find(record, settings) {
            Found::Certain(opened) => {
                record.joined(&opened);
                "the only connection that it can be"
            }
            Found::Address(opened) => {
                record.joined(&opened);
                inferred.push(Field::TlsUsed);
                "one of several of this address"
            }
            Found::Guess(opened, one_listener) => {
                if record.facts.client_id.is_some() && self.open.is_complete() && self.guessed.len() < MAX_GUESSED {
                    self.guessed.push(Guessed { mark: self.open.mark(), record: record.clone(), inferred: inferred.clone() });
                }
                record.joined(&opened);
                inferred.push(Field::IpAddress);
                if !one_listener {
                    inferred.push(Field::TlsUsed);
                }
                "guessed: several connections were open, or some are not listed"
            }
            Found::Nobody if named => "by the address that it names",
            Found::Nobody => "no open connection is known",
        }
    }

    /// A connection got an outcome: the refusals that were guessed among it and others may be known now. Only those of a known
    /// client are told again, because the others are named after the guess.
    fn known_now(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        let mut at = 0;
        while at < self.guessed.len() {
            match self.open.hindsight(self.guessed[at].mark) {
                Hindsight::Several => at += 1,
                Hindsight::Never => {
                    self.guessed.remove(at);
                }
                Hindsight::Certain(opened, one_listener) => {
                    let Guessed { mut record, mut inferred, .. } = self.guessed.remove(at);
                    record.joined(&opened);
                    if !one_listener {
                        inferred.push(Field::TlsUsed);
                    }
                    let row = self.row(record, settings, inferred);
                    out.push(Attempt::Revised(row));
                    // One connection less: look at the others again.
                    at = 0;
                }
            }
        }
        self.open.settle();
    }

    /// A later attempt of this client is told: an earlier one is of no more interest.
    fn forget_guess(&mut self, client_id: Option<&str>) {
        if client_id.is_some() {
            self.guessed.retain(|guessed| guessed.record.facts.client_id.as_deref() != client_id);
        }
    }

    fn find(&mut self, record: &Context, settings: &Settings) -> Found {
        let spoke_tls = record.facts.tls.filter(|_| !record.facts.tls_likely);
        let listener = |opened: &Opened| {
            let port = opened.facts.server_port?;
            (!settings.tls_ports.is_empty())
                .then(|| Some(settings.tls_ports.contains(&port)) == spoke_tls.or(Some(settings.tls_ports.contains(&port))))
        };
        self.open.eliminate(record.facts.client_ip, record.ts, listener)
    }
}

/// The lane of a record: what follows in another one says nothing about it.
fn lane(facts: &Facts) -> &str {
    facts.thread.as_deref().unwrap_or_default()
}

/// Whether an accepted client could have written this record: the parts that stand for its ID or the broker's words hold what
/// the broker puts between the client's own.
fn is_forgeable(rule: &Rule, heard: &Heard<'_>) -> bool {
    let parts = [Fact::ClientId, Fact::ClientName, Fact::Username, Fact::Words].into_iter().filter_map(|fact| heard.raw(fact));
    parts.into_iter().any(|part| rule.forgeable.iter().any(|text| memchr::memmem::find(part, text).is_some()))
}

/// Whether a name that is used again meant another connection in an earlier record, whose end was not seen.
fn is_anothers(rule: &Rule, earlier: &Facts, facts: &Facts) -> bool {
    let listeners = earlier.listener_tls.zip(facts.listener_tls);
    rule.frees && (!earlier.agree(facts) || listeners.is_some_and(|(one, two)| one != two))
}

/// The fields that an earlier record knows and this one does not.
fn only_in(earlier: &Facts, later: &Facts) -> Vec<Field> {
    let fields = [
        (Field::ClientId, earlier.client_id.is_some() && later.client_id.is_none()),
        (Field::Username, earlier.username.is_some() && later.username.is_none()),
        (Field::PasswordProvided, earlier.password_provided.is_some() && later.password_provided.is_none()),
        (Field::IpAddress, earlier.client_ip.is_some() && later.client_ip.is_none()),
    ];
    fields.into_iter().filter_map(|(field, only)| only.then_some(field)).collect()
}

/// The names of which it is not certain how they were encoded.
fn misread(heard: &Heard<'_>) -> Vec<Field> {
    let names = [(Fact::ClientId, Field::ClientId), (Fact::Username, Field::Username)];
    names.into_iter().filter(|(fact, _)| heard.captures.is_doubtful(*fact, heard.bytes)).map(|(_, field)| field).collect()
}

/// Whether what waits can belong to this record.
fn agree(pending: &Context, record: &Context) -> bool {
    pending.facts.agree(&record.facts)
}

/// What opened the connection was not the client but something before it: the record names the client itself.
fn corrected(rule: &Rule, earlier: &mut Context, record: &Context) {
    let facts = &mut earlier.facts;
    if rule.corrects && record.facts.client_ip.is_some() && facts.client_ip != record.facts.client_ip {
        (facts.client_ip, facts.client_port) = (record.facts.client_ip, record.facts.client_port);
    }
}

/// Puts a later record of the same connection behind an earlier one; what the later says of it counts.
fn merge(earlier: &mut Context, mut later: Context) {
    settle_username(earlier, &mut later);
    let mut facts = later.facts.clone();
    facts.add(&earlier.facts);
    add(earlier, later);
    earlier.facts = facts;
}

/// A later record may name a user that the client did not: the one of its certificate, or the broker's own. Where an earlier one says
/// what the client sent, that counts, and is not doubted.
fn settle_username(earlier: &Context, later: &mut Context) {
    let doubted = later.doubt.contains(&Field::Username) || later.doubt_tls.contains(&Field::Username);
    if doubted && earlier.facts.no_username {
        later.facts.username = None;
        later.password_if_plain = false;
    }
    if doubted && (earlier.facts.no_username || earlier.facts.username.is_some()) {
        later.doubt.retain(|field| *field != Field::Username);
        later.doubt_tls.retain(|field| *field != Field::Username);
    }
}

/// Adds a later record of the same connection; what the earlier ones said of it counts.
fn add(earlier: &mut Context, mut later: Context) {
    settle_username(earlier, &mut later);
    let lists = [(&mut earlier.doubt, later.doubt), (&mut earlier.doubt_tls, later.doubt_tls), (&mut earlier.misread, later.misread)];
    for (own, others) in lists {
        own.extend(others);
        own.sort_unstable();
        own.dedup();
    }
    earlier.password_if_plain |= later.password_if_plain;
    earlier.facts.add(&later.facts);
    earlier.why.add(later.why);
    earlier.forgeable |= later.forgeable;
    earlier.unclear |= later.unclear;
    earlier.made_up |= later.made_up;
    earlier.random_id |= later.random_id;
    earlier.ts = later.ts;
    earlier.ts_inferred = later.ts_inferred;
    earlier.read_at = later.read_at;
    for rule in later.rules {
        if !earlier.rules.contains(&rule) {
            earlier.rules.push(rule);
        }
    }
    for line in later.evidence {
        if !earlier.evidence.contains(&line) {
            earlier.push_line(line);
        }
    }
}
