//! Takes the attempts of all sources, and joins those of brokers to what terminators handed on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::align::End;
use super::ends::Ends;
use super::held::Held;
use super::merge::{Proof, joined, unjoined};
use super::passages::{Passage, Passages};
use crate::model::{Attempt, Identity, Link, Millis, Reason, Row};

/// How long a refusal waits for the other log, in real time.
const WAITS: Millis = 1_500;
/// More refusals than this do not wait.
const MOST_HELD: usize = 5_000;
/// The newest connections that are stored: what a broker's next lines can be about.
const STORED: usize = 500;

/// Where an attempt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The log of a terminator.
    Terminator,
    /// The log of a broker.
    Broker,
}

/// Joins the attempts of several sources.
#[derive(Debug, Default)]
pub struct Linker {
    passages: Passages,
    held: Vec<Held>,
    /// The newest ends of connections in the brokers' logs, where only order and time can join.
    ends: Ends,
    /// How many refusals were held.
    count: u64,
    /// The newest time in a broker's log.
    heard: Option<Millis>,
    /// A terminator is among the sources.
    active: bool,
    /// The terminators' logs have been read to their ends: nothing has to wait for them.
    complete: bool,
    /// Addresses of terminators, as the operator names them.
    proxies: Vec<IpAddr>,
    /// What changed since it was stored.
    dirty: bool,
}

/// What of it outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LinkerState {
    passages: Passages,
    held: Vec<Held>,
    #[serde(default)]
    ends: Ends,
    #[serde(default)]
    count: u64,
}

type Out<'a> = dyn FnMut(Attempt, bool) + 'a;

impl Linker {
    /// Attempts go through it unchanged until a terminator is among the sources; `proxies` are terminators' own addresses.
    pub fn new(proxies: Vec<IpAddr>) -> Linker {
        Linker { active: !proxies.is_empty(), proxies, ..Linker::default() }
    }

    /// Other terminators' addresses from now on.
    pub fn set_proxies(&mut self, proxies: Vec<IpAddr>) {
        self.active |= !proxies.is_empty();
        self.proxies = proxies;
    }

    /// A terminator was found among the sources.
    pub fn activate(&mut self) {
        self.active = true;
    }

    /// Whether attempts may have to wait for a terminator's log.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The terminators' logs have been read to their ends.
    pub fn complete(&mut self) {
        self.complete = true;
    }

    /// Takes one attempt in. `reread` goes with it.
    pub fn push(&mut self, side: Side, attempt: Attempt, reread: bool, now: Millis, out: &mut Out<'_>) {
        if !self.active {
            if !matches!(attempt, Attempt::Proxied(_) | Attempt::Ended(..)) {
                out(attempt, reread);
            }
            return;
        }
        if side == Side::Broker
            && let Attempt::Accepted(_, ts) | Attempt::Ended(ts, _) = &attempt
        {
            self.heard = self.heard.max(Some(*ts));
        }
        match (side, attempt) {
            (Side::Terminator, Attempt::Proxied(link)) => drop(self.handed_on(*link, None, now, out)),
            (Side::Broker, Attempt::Ended(ts, ending)) => self.ended(End::Ended(ending), ts, None, now, out),
            (Side::Terminator, Attempt::Refused(row)) if row.upstream.is_some() => self.verdict(row, reread, now, out),
            (Side::Broker, Attempt::Refused(row)) => self.refused(row, reread, now, out),
            (Side::Broker, Attempt::Revised(row)) => self.revised(row, reread, out),
            (_, Attempt::Accepted(key, ts)) => {
                // What is held of this client is older: it is told first, and cleared.
                let (verdicts, rows): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held)
                    .into_iter()
                    .partition(|held| held.passage.is_some() && held.row.client_id == key.client_id && held.row.ts <= ts);
                self.held = rows;
                for held in verdicts {
                    let own = held.row.key();
                    self.give_up(held, None, out);
                    out(Attempt::Accepted(own, ts), reread);
                }
                let same = |held: &Held| held.row.client_id == key.client_id && held.row.ts <= ts;
                if self.passages.any_by_time()
                    && let Some(held) = self.held.iter_mut().rev().find(|held| same(held))
                {
                    // Which session was the refused one is told better when more is known.
                    (held.accepted, self.dirty) = (Some((key, ts)), true);
                    return;
                }
                self.release(same, out);
                out(Attempt::Accepted(key, ts), reread);
            }
            (Side::Terminator, Attempt::Refused(row)) => {
                // What is held of this client is older: the row must end as this one.
                let key = row.key();
                self.release(|held| held.passage.is_some() && held.row.ts <= row.ts && held.row.key() == key, out);
                out(Attempt::Refused(row), reread);
            }
            (_, Attempt::Proxied(_) | Attempt::Ended(..)) => {}
            (_, attempt) => out(attempt, reread),
        }
    }

    /// Time passed: what waited long enough is told as it is.
    pub fn tick(&mut self, now: Millis, out: &mut Out<'_>) {
        self.release(|held| now - held.since >= WAITS || now < held.since, out);
        if !self.complete {
            self.ends.forget(now);
        }
    }

    /// Whether time alone can still change something.
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// A broker's log has been read to its end: that of another one has an order of its own.
    pub fn next_broker(&mut self, out: &mut Out<'_>) {
        self.release(|held| held.passage.is_none(), out);
        self.ends = Ends::default();
    }

    /// Nothing will follow.
    pub fn finish(&mut self, out: &mut Out<'_>) {
        self.release(|_| true, out);
    }

    /// What to store, if it changed.
    pub fn state(&mut self) -> Option<LinkerState> {
        std::mem::take(&mut self.dirty).then(|| LinkerState {
            passages: self.passages.newest(STORED),
            held: self.held.clone(),
            ends: self.ends.clone(),
            count: self.count,
        })
    }

    /// Goes on from what was stored.
    pub fn restore(&mut self, state: LinkerState) {
        self.passages = state.passages;
        self.held = state.held;
        (self.ends, self.count) = (state.ends, state.count);
        for held in &mut self.held {
            held.row.peer = held.peer;
        }
    }

    /// A terminator handed a connection on: a broker's refusal may wait for it.
    fn handed_on(&mut self, link: Link, row: Option<Box<Row>>, now: Millis, out: &mut Out<'_>) -> Option<u64> {
        self.dirty = true;
        // The broker's log may lag behind this one, by days where finished logs are read one after the other.
        self.passages.forget_before(self.heard.map(|heard| heard.min(link.ts)), now);
        if link.upstream_port.is_none() && self.passages.is_told(&link) {
            return None;
        }
        let number = self.passages.push(Passage { link, row, used: false, since: now });
        let waiting = self.held.iter().position(|held| held.passage.is_none() && self.proven(&held.row) == Some(number));
        let Some(index) = waiting else { return Some(number) };
        let held = self.held.remove(index);
        self.ends.told(held.number);
        self.tell(held.row, number, Proof::Port, held.reread, out);
        if let Some((key, ts)) = held.accepted {
            out(Attempt::Accepted(key, ts), held.reread);
        }
        None
    }

    /// A terminator's own refusal of a connection that it handed on: the broker's word on it may come.
    fn verdict(&mut self, row: Box<Row>, reread: bool, now: Millis, out: &mut Out<'_>) {
        let (upstream_ip, port) = row.upstream.unwrap_or_default();
        let link = Link {
            terminator: row.broker.clone(),
            upstream_ip,
            upstream_port: Some(port),
            client_ip: row.ip_address,
            client_port: row.peer.map(|peer| peer.port()),
            subject: None,
            tls_used: row.tls_used,
            client_id: Some(row.client_id.clone()).filter(|_| row.identity == Identity::ClientId),
            username: row.username.clone(),
            password_provided: row.password_provided,
            inferred: row.inferred.clone(),
            ts: row.ts,
            ended: None,
            lasted: None,
            sent_bytes: None,
            evidence: row.evidence.clone(),
        };
        if let Some(number) = self.handed_on(link, Some(row.clone()), now, out) {
            self.hold(Held { peer: row.peer, row, passage: Some(number), reread, since: now, number: 0, accepted: None }, out);
        }
    }

    /// A broker's refusal.
    fn refused(&mut self, row: Box<Row>, reread: bool, now: Millis, out: &mut Out<'_>) {
        self.heard = self.heard.max(Some(row.ts));
        let proven = self.proven(&row);
        let nobodys = row.ip_address.is_none_or(|ip| self.is_terminators(ip));
        if proven.is_some() || !nobodys {
            // What waits of this client is older.
            let key = row.key();
            self.release(|held| held.passage.is_none() && held.row.key() == key, out);
            return match proven {
                Some(number) => self.tell(row, number, Proof::Port, reread, out),
                None => out(Attempt::Refused(row), reread),
            };
        }
        self.count += 1;
        let (ts, end) = (row.ts, End::Refused(row.reason_code != Reason::Other));
        let held = Held { peer: row.peer, row, passage: None, reread, since: now, number: self.count, accepted: None };
        if self.complete && !self.passages.any_by_time() {
            return self.give_up(held, None, out);
        }
        self.hold(held, out);
        self.ended(end, ts, Some(self.count), now, out);
    }

    /// A connection ended in a broker's log.
    fn ended(&mut self, end: End, ts: Millis, held: Option<u64>, now: Millis, out: &mut Out<'_>) {
        if !self.passages.any_by_time() && (self.complete || held.is_none() && !self.passages.is_empty()) {
            return;
        }
        self.dirty = true;
        self.ends.push(end, ts, held, now);
        if !self.ends.is_full(self.complete) {
            return;
        }
        let (refusals, sessions) = self.ends.settle(&self.passages);
        let (due, left) = std::mem::take(&mut self.held).into_iter().partition(|held| refusals.contains_key(&held.number));
        self.held = left;
        for held in due {
            let number = refusals.get(&held.number).copied().flatten();
            self.give_up(held, number, out);
        }
        for number in sessions {
            if let Some(passage) = self.passages.get_mut(number) {
                passage.used = true;
            }
        }
    }

    /// A broker's refusal is known better.
    fn revised(&mut self, row: Box<Row>, reread: bool, out: &mut Out<'_>) {
        if let Some(held) = self.held.iter_mut().find(|held| held.row.ts == row.ts && held.row.key() == row.key()) {
            (held.peer, held.row) = (row.peer, row);
            self.dirty = true;
            return;
        }
        let row = match self.proven(&row) {
            Some(number) => Box::new(self.join(*row, number, Proof::Port)),
            None if row.ip_address.is_some_and(|ip| self.is_terminators(ip)) => Box::new(unjoined(*row)),
            None => row,
        };
        out(Attempt::Revised(row), reread);
    }

    /// The connection that both logs prove a row to be about.
    fn proven(&self, row: &Row) -> Option<u64> {
        let peer = row.peer?;
        self.passages.by_peer(peer, row.ts).filter(|_| self.is_terminators(peer.ip())).or_else(|| self.passages.by_client(peer, row.ts))
    }

    /// Whether this is a terminator's own address: one that is named, one that its log shows, or that of the machine itself.
    fn is_terminators(&self, ip: IpAddr) -> bool {
        ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || self.proxies.contains(&ip) || self.passages.upstream.contains(&ip)
    }

    fn join(&mut self, row: Row, number: u64, proof: Proof) -> Row {
        self.dirty = true;
        let Some(passage) = self.passages.get_mut(number) else { return row };
        passage.used = true;
        joined(row, &passage.link, passage.row.as_deref(), proof)
    }

    fn tell(&mut self, row: Box<Row>, number: u64, proof: Proof, reread: bool, out: &mut Out<'_>) {
        // The terminator's own verdict on it is no second attempt.
        self.held.retain(|held| held.passage != Some(number));
        let row = self.join(*row, number, proof);
        out(Attempt::Refused(Box::new(row)), reread);
    }

    fn hold(&mut self, held: Held, out: &mut Out<'_>) {
        self.dirty = true;
        self.held.push(held);
        if self.held.len() > MOST_HELD {
            let first = self.held.remove(0);
            let number = self.ends.sessions(&self.passages).get(&first.number).copied();
            self.give_up(first, number, out);
        }
    }

    fn release(&mut self, due: impl Fn(&Held) -> bool, out: &mut Out<'_>) {
        let (due, mut left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(due);
        let by_time = due.iter().any(|held| held.passage.is_none()) && self.passages.any_by_time();
        let sessions = if by_time { self.ends.sessions(&self.passages) } else { BTreeMap::new() };
        for held in due {
            self.dirty = true;
            let number = sessions.get(&held.number).copied().filter(|_| held.passage.is_none());
            self.give_up(held, number, out);
        }
        // What was given up may have been joined to a verdict that is still held.
        left.retain(|held| held.passage.is_none_or(|number| self.passages.get_mut(number).is_none_or(|passage| !passage.used)));
        self.held = left;
    }

    /// No more will be known of it: of a broker's refusal, which of the terminator's sessions it was, or that nothing tells.
    fn give_up(&mut self, held: Held, session: Option<u64>, out: &mut Out<'_>) {
        if let Some(number) = held.passage {
            if self.passages.get_mut(number).is_none_or(|passage| !passage.used) {
                out(Attempt::Refused(held.row), held.reread);
            }
            return;
        }
        self.ends.told(held.number);
        let row = match session {
            Some(number) => self.join(*held.row, number, Proof::Time),
            None => unjoined(*held.row),
        };
        out(Attempt::Refused(Box::new(row)), held.reread);
        if let Some((key, ts)) = held.accepted {
            out(Attempt::Accepted(key, ts), held.reread);
        }
    }
}
