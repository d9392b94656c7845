//! Decides what a record does to the conversations of one stream: one broker process writing one log.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::open::{Found, Hindsight, Open, Opened};
use super::refusal::{Context, Settings, Why};
use super::sessions::Sessions;
use crate::grammar::{Captures, Fact, Grammar, Outcome, Rule};
use crate::model::{Attempt, ClientKey, Field, Identity, Millis};

/// How long a record that says more about the next one waits for it. The broker writes both in one breath.
const BREATH: Millis = 500;
/// More guessed refusals are not kept in mind.
const MAX_GUESSED: usize = 64;

/// One record, understood.
#[derive(Debug)]
pub struct Said<'a> {
    /// The rule that fits.
    pub rule: &'a Rule,
    /// What it captured.
    pub captures: Captures,
    /// The message, after the header.
    pub message: &'a [u8],
    /// The record's time.
    pub ts: Millis,
    /// That time is the time of reading, or was deduced.
    pub ts_inferred: bool,
    /// When it was read.
    pub read_at: Millis,
    /// The raw line, fit to be shown.
    pub line: String,
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
    /// The state began anew.
    Restart,
    /// Connections or lines are missing: nothing is found by elimination with certainty from here on.
    Incomplete,
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
    /// Records that wait for the one that follows.
    pending: Option<Context>,
    /// The client that the last record accepted.
    accepted: Option<Context>,
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
    pub fn applies(&self, grammar: &Grammar, rule: &Rule, captures: &Captures, message: &[u8]) -> bool {
        if rule.after_accepted {
            let client = captures.get(Fact::ClientId, message).or_else(|| captures.get(Fact::ClientName, message));
            return self.accepted.as_ref().is_some_and(|accepted| {
                client.is_some_and(|client| accepted.facts.client_id.as_deref().map(str::as_bytes) == Some(client))
            });
        }
        if rule.never_accepted {
            return captures.get(Fact::ClientId, message).is_some_and(|client| self.sessions.never_accepted(client));
        }
        !rule.needs_open || Facts::is_nameless(grammar, captures, message) || self.open.has(&Facts::of(grammar, rule, captures, message))
    }

    /// Takes a record in.
    pub fn take(&mut self, grammar: &Grammar, settings: &Settings, said: Said<'_>, out: &mut Vec<Attempt>) -> Effect {
        let mut facts = Facts::of(grammar, said.rule, &said.captures, said.message);
        let (why, handshake) = Why::of(grammar, said.rule, said.captures.get(Fact::Words, said.message), &mut facts);
        let record = Context {
            made_up: facts.client_id.as_ref().is_some_and(|id| grammar.is_made_up(id.as_bytes())),
            facts,
            why,
            evidence: vec![said.line],
            ts: said.ts,
            ts_inferred: said.ts_inferred,
            alone: said.rule.alone || handshake,
            stack: said.rule.stack,
            forgeable: is_forgeable(said.rule, &said.captures, said.message),
            read_at: said.read_at,
        };
        let accepted = if said.rule.outcome == Outcome::Nothing { None } else { self.accepted.take() };
        match said.rule.outcome {
            Outcome::Nothing => Effect::Nothing,
            Outcome::Context => {
                self.context(settings, said.rule, record, out);
                self.accepted = accepted;
                Effect::Held
            }
            Outcome::Opened => {
                self.flush(settings, out);
                let line = record.evidence.into_iter().next().unwrap_or_default();
                if self.open.opened(record.facts, record.ts, line) {
                    // The end of one of the candidates was not seen: who is left proves nothing.
                    self.guessed.clear();
                }
                self.open.settle();
                Effect::Opened
            }
            Outcome::Restart => {
                self.flush(settings, out);
                *self = Joiner::default();
                self.open.start();
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
                self.flush(settings, out);
                self.gap();
                Effect::Incomplete
            }
            Outcome::Accepted => self.accept(grammar, settings, said.captures, said.message, record, out),
            Outcome::Ended => {
                self.pending = None;
                Effect::Session
            }
            Outcome::Closed => self.close(settings, said.rule, record, out),
            Outcome::Refused => self.refuse(settings, said.rule, accepted, record, out),
        }
    }

    /// Time passed: what waits for a record that did not come is finished.
    pub fn tick(&mut self, settings: &Settings, now: Millis, out: &mut Vec<Attempt>) {
        if self.pending.as_ref().is_some_and(|pending| now - pending.read_at >= BREATH) {
            self.flush(settings, out);
        }
    }

    /// Whether time alone can still change something.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Nothing will follow: what waits is finished.
    pub fn flush(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        let Some(mut pending) = self.pending.take() else { return };
        if !pending.alone {
            return;
        }
        let mut inferred = if pending.forgeable { vec![Field::ClientId, Field::IpAddress] } else { Vec::new() };
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
        out.push(Attempt::Refused(Box::new(pending.into_row(settings, inferred))));
        self.known_now(settings, out);
    }

    /// Lines of the log were lost.
    pub fn gap(&mut self) {
        self.pending = None;
        self.accepted = None;
        self.sessions.lost();
        self.guessed.clear();
        self.open.incomplete();
    }

    fn context(&mut self, settings: &Settings, rule: &Rule, record: Context, out: &mut Vec<Attempt>) {
        let fits = self.pending.as_ref().is_some_and(|pending| {
            let repeated = record.why.words.first().is_some_and(|words| pending.why.words.contains(words));
            let complete = pending.stack || rule.stack || (rule.begins && pending.alone);
            let goes_on = pending.stack && rule.stack && !repeated;
            (goes_on || !complete) && pending.facts.agree(&record.facts)
        });
        if !fits {
            self.flush(settings, out);
        }
        match &mut self.pending {
            None => self.pending = Some(record),
            Some(pending) => {
                pending.alone |= record.alone;
                merge(pending, record);
            }
        }
    }

    fn accept(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        captures: Captures,
        message: &[u8],
        mut record: Context,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        // What waits belongs to this connection when both name it; otherwise it was complete.
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| !pending.alone || pending.facts.agree(&record.facts) && pending.facts.client_ip.is_some())
        {
            self.pending = None;
        }
        self.flush(settings, out);
        // 1.x prints no source port: then it is one of its address.
        let by_address = record.facts.client_port.is_none() && record.facts.connection.is_none() && record.facts.client_ip.is_some();
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
        let name = captures.get(Fact::ClientId, message).unwrap_or_default();
        if name.is_empty() {
            self.sessions.lost()
        } else {
            self.sessions.accepted(name)
        }
        if grammar.is_nobody(name) {
            self.nobody_taken = true;
            self.open.incomplete();
        }
        let client_id = record.facts.client_id.clone();
        let ts = record.ts;
        self.accepted = Some(record);
        match client_id {
            Some(_) if captures.ambiguous => Effect::AcceptedUnclear,
            Some(client_id) => {
                self.forget_guess(Some(&client_id));
                out.push(Attempt::Accepted(ClientKey { broker: settings.broker.clone(), identity: Identity::ClientId, client_id }, ts));
                Effect::Accepted
            }
            None => Effect::AcceptedUnclear,
        }
    }

    /// A connection ended before its client said who it was. What waits before it makes it a refusal after all.
    fn close(&mut self, settings: &Settings, rule: &Rule, record: Context, out: &mut Vec<Attempt>) -> Effect {
        if self.pending.as_ref().is_some_and(|pending| pending.alone && agree(pending, &record)) {
            return self.refuse(settings, rule, None, record, out);
        }
        self.flush(settings, out);
        let by_key = self.open.take(&record.facts).is_some() || record.facts.client_port.is_some();
        // Beside an unlisted listener it may have been a connection that is not listed: taking a listed one away would be a guess.
        let nobodys_session = self.nobody_taken && self.open.is_empty();
        if !(by_key || self.unlisted || nobodys_session) {
            self.open.eliminate(record.facts.client_ip, record.ts, |_| None);
        }
        self.known_now(settings, out);
        Effect::Probe
    }

    fn refuse(
        &mut self,
        settings: &Settings,
        rule: &Rule,
        accepted: Option<Context>,
        mut record: Context,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        if let Some(mut pending) = self.pending.take() {
            if !pending.stack && agree(&pending, &record) {
                pending.facts.settle_name(&record.facts);
                merge(&mut pending, record);
                record = pending;
            } else {
                self.pending = Some(pending);
                self.flush(settings, out);
            }
        }
        // A name that may be the address, in a record that stands for itself, is the ID: no other name is there.
        if let Some(name) = record.facts.client_name.take()
            && record.facts.client_id.is_none()
        {
            record.facts.client_id = Some(name);
        }
        self.forget_guess(record.facts.client_id.as_deref());
        let mut inferred = rule.doubt.clone();
        let mut how = "named by the record";
        let mut by_key = true;
        if rule.after_accepted
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
        if record.forgeable && !by_key {
            // The broker may not have written it. A connection that it names by address and port was open, at least.
            inferred.extend([Field::ClientId, Field::IpAddress]);
        }
        out.push(Attempt::Refused(Box::new(record.into_row(settings, inferred))));
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
                    out.push(Attempt::Revised(Box::new(record.into_row(settings, inferred))));
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

/// Whether an accepted client could have written this record: the parts that stand for its ID or the broker's words hold what
/// the broker puts between the client's own.
fn is_forgeable(rule: &Rule, captures: &Captures, message: &[u8]) -> bool {
    let parts = [Fact::ClientId, Fact::ClientName, Fact::Words].into_iter().filter_map(|fact| captures.get(fact, message));
    parts.into_iter().any(|part| rule.forgeable.iter().any(|text| memchr::memmem::find(part, text).is_some()))
}

/// Whether what waits can belong to this record.
fn agree(pending: &Context, record: &Context) -> bool {
    pending.facts.agree(&record.facts)
}

/// Puts a later record of the same connection behind an earlier one.
fn merge(earlier: &mut Context, later: Context) {
    let mut facts = later.facts;
    facts.add(&earlier.facts);
    earlier.facts = facts;
    earlier.why.add(later.why);
    earlier.forgeable |= later.forgeable;
    earlier.made_up |= later.made_up;
    earlier.ts = later.ts;
    earlier.ts_inferred = later.ts_inferred;
    earlier.read_at = later.read_at;
    for line in later.evidence {
        earlier.push_line(line);
    }
}
