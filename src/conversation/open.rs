//! The connections that are open and have no outcome yet, and which of them a refusal that names nobody can belong to.
//!
//! Every line that takes a connection away without naming it takes one of the listed ones. As long as only one address is
//! left among those that can still be there, that address is certain; when several are left, one of them is guessed and the
//! guess is said to be one. The count of those that are gone while nobody knows which is kept ("owed"): when as many are
//! owed as are listed, none is left.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::quote::Quote;
use crate::model::Millis;

/// More open connections than this are not listed: the oldest are forgotten, and nothing is certain from then on.
const MAX_OPEN: usize = 1024;
/// A client that means to connect sends its CONNECT at once: older connections are guessed last.
const FRESH: Millis = 3_000;

/// An open connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Address, ports, connection name.
    pub facts: Facts,
    /// When it was opened.
    pub ts: Millis,
    /// Its place in the order of all openings.
    number: u64,
    /// The line that said so.
    pub line: Quote<'static>,
    /// It was guessed to be the connection of an earlier refusal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    guessed: bool,
    /// A connection that was opened later has an outcome already: this client is slow, or silent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    passed: bool,
    /// Behind a terminator all connections have its address: each stands for another client.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    apart: bool,
}

/// What is told apart among connections: addresses, or single connections behind a terminator.
type Who = (Option<IpAddr>, Option<u16>);

impl Opened {
    fn who(&self) -> Who {
        (self.facts.client_ip, self.facts.client_port.filter(|_| self.apart))
    }
}

/// The open connections of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Open {
    #[allow(clippy::vec_box, reason = "the oldest of a thousand goes first, and what stands behind it moves")]
    list: Vec<Box<Opened>>,
    /// Connections that are gone while nobody knows which.
    owed: usize,
    /// The same among the connections of one address.
    #[serde(with = "super::owed")]
    owed_by_address: BTreeMap<Option<IpAddr>, usize>,
    /// The broker stands behind a terminator: connections of one address are not one client's.
    #[serde(default)]
    behind: bool,
    /// All connections that are open are listed.
    complete: bool,
    /// How many were opened.
    count: u64,
    /// The memory of one that is over: most are opened and accepted one after the other.
    #[serde(skip)]
    spare: Option<Box<Opened>>,
    /// How many had to make room since the start.
    #[serde(skip)]
    pub(super) evicted: u64,
}

/// What is known of a refusal's connection in hindsight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hindsight {
    /// Still several.
    Several,
    /// It will not be known any more.
    Never,
    /// This one, or one of several of its address; true: all of those came in by one listener.
    Certain(Box<Opened>, bool),
}

/// Which open connection a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one.
    Certain(Box<Opened>),
    /// It is one of several with one address; the port may differ.
    Address(Box<Opened>),
    /// One of several, of which this is the likeliest; true: all of them came in by one listener.
    Guess(Box<Opened>, bool),
    /// None is listed that it could be.
    Nobody,
}

impl Open {
    /// After the broker's start: nothing is open, and everything that will be is listed.
    pub fn start(&mut self) {
        *self = Open { complete: true, behind: self.behind, ..Open::default() };
    }

    /// Whether the broker stands behind a terminator.
    pub(super) fn set_behind(&mut self, behind: bool) {
        self.behind = behind;
    }

    /// From now on connections may be open that are not listed.
    pub fn incomplete(&mut self) {
        self.complete = false;
    }

    /// Whether every open connection is listed.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// How many connections are listed.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many connections are gone while nobody knows which.
    pub fn owed(&self) -> usize {
        self.owed + self.owed_by_address.values().sum::<usize>()
    }

    /// A connection was opened. One with the same name, if listed, is gone without a word of its own (ports are used again);
    /// true: that was so.
    pub fn opened(&mut self, facts: Facts, ts: Millis, line: Quote<'_>) -> bool {
        let named = (facts.client_port.is_some_and(|port| port > 0) && facts.client_ip.is_some()) || facts.connection.is_some();
        let again = named && self.take(&facts).is_some();
        if again {
            // It may have been one of those that are owed. Owing one too few costs certainty, one too many would cost truth.
            self.owed = self.owed.saturating_sub(1);
        }
        self.count += 1;
        if self.is_full() {
            self.list.remove(0);
            self.evicted += 1;
            self.complete = false;
        }
        let number = self.count;
        let new = |line| Opened { facts, ts, line, guessed: false, passed: false, apart: self.behind, number };
        let opened = match self.spare.take() {
            Some(mut spare) => {
                let memory = std::mem::replace(&mut spare.line, Quote::new(Cow::Borrowed(b""))).into_memory();
                *spare = new(line.kept_in(memory));
                spare
            }
            None => Box::new(new(line.kept())),
        };
        self.list.push(opened);
        again
    }

    /// Whether the oldest must make room for the next.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX_OPEN
    }

    /// A connection was opened, and taken before anybody asked for it: those that are listed are slower.
    pub(super) fn went_by(&mut self) {
        self.count += 1;
        for slower in &mut self.list {
            slower.passed = true;
        }
    }

    /// Nobody asks for this one any more: the next one takes its memory.
    pub(super) fn is_over(&mut self, opened: Box<Opened>) {
        self.spare = Some(opened);
    }

    /// Whether the connection that these facts name, or one of the address that they name, is listed.
    pub fn has(&self, facts: &Facts) -> bool {
        let of_address = |open: &Opened| facts.client_ip.is_some() && open.facts.client_ip == facts.client_ip;
        self.position(facts).is_some() || (facts.client_port.is_none() && self.list.iter().any(|open| of_address(open)))
    }

    /// Takes the connection that these facts name by address and port, or by its own name. What follows from it for others is looked at by [`Open::hindsight`], and
    /// then [`Open::settle`] is due.
    pub fn take(&mut self, facts: &Facts) -> Option<Box<Opened>> {
        let index = self.position(facts)?;
        for earlier in &mut self.list[..index] {
            earlier.passed = true;
        }
        Some(self.list.remove(index))
    }

    /// Finds the connection of a record that names none, or only an address, and takes it away; [`Open::settle`] is due
    /// after it. `tls` says whether it must have been a TLS listener's, which only sways the guess.
    pub fn eliminate(&mut self, address: Option<IpAddr>, ts: Millis, tls: impl Fn(&Opened) -> Option<bool>) -> Found {
        if let Some(address) = address {
            return self.by_address(address, ts);
        }
        let Some(first) = self.list.first().map(|open| open.who()) else { return Found::Nobody };
        // Two addresses are enough to know that there are several.
        if self.complete && self.list.iter().all(|open| open.who() == first) {
            return self.of_one(first, ts);
        }
        let guess = self.likeliest(ts, tls);
        let one_listener = self.complete && self.list.windows(2).all(|pair| pair[0].facts.server_port == pair[1].facts.server_port);
        self.owed += 1;
        guess.map_or(Found::Nobody, |index| {
            self.list[index].guessed = true;
            Found::Guess(self.list[index].clone(), one_listener)
        })
    }

    /// A refusal that is told now can belong to connections up to this one.
    pub(super) fn mark(&self) -> u64 {
        self.count
    }

    /// Looks again for the connection of a refusal that was guessed when `mark` was the last one opened: those that got an
    /// outcome of their own since then cannot be it.
    pub(super) fn hindsight(&mut self, mark: u64) -> Hindsight {
        if !self.complete {
            return Hindsight::Never;
        }
        let mut candidates = self.list.iter().filter(|open| open.number <= mark);
        let Some(first) = candidates.next() else { return Hindsight::Never };
        let (address, who) = (first.facts.client_ip, first.who());
        if candidates.any(|open| open.who() != who) {
            return Hindsight::Several;
        }
        // It was owed as one of several; now it is known which, or at least of which address.
        self.owed = self.owed.saturating_sub(1);
        let mine: Vec<usize> = (0..self.list.len()).filter(|index| self.list[*index].number <= mark).collect();
        if let [only] = mine[..] {
            return Hindsight::Certain(self.list.remove(only), true);
        }
        *self.owed_by_address.entry(address).or_default() += 1;
        let one_listener = mine.windows(2).all(|pair| self.list[pair[0]].facts.server_port == self.list[pair[1]].facts.server_port);
        Hindsight::Certain(self.list[mine[0]].clone(), one_listener)
    }

    /// The record names the address: which of its connections it was decides about the listener's port only.
    fn by_address(&mut self, address: IpAddr, ts: Millis) -> Found {
        let mine: Vec<Who> = self.list.iter().map(|open| open.who()).filter(|who| who.0 == Some(address)).collect();
        let Some(first) = mine.first() else { return Found::Nobody };
        if mine.iter().all(|who| who == first) {
            return self.of_one(*first, ts);
        }
        // One of several clients behind a terminator.
        let of_address = |open: &Opened| (open.facts.client_ip == Some(address)).then_some(true).or(Some(false));
        let guess = self.likeliest(ts, of_address);
        *self.owed_by_address.entry(Some(address)).or_default() += 1;
        guess.map_or(Found::Nobody, |index| {
            self.list[index].guessed = true;
            Found::Guess(self.list[index].clone(), true)
        })
    }

    fn of_one(&mut self, who: Who, ts: Millis) -> Found {
        let address = who.0;
        let mut same = (0..self.list.len()).filter(|index| self.list[*index].who() == who);
        if let (Some(only), None) = (same.next(), same.next()) {
            return Found::Certain(self.list.remove(only));
        }
        let same: Vec<usize> = (0..self.list.len()).filter(|index| self.list[*index].who() == who).collect();
        let one_listener = same.windows(2).all(|pair| self.list[pair[0]].facts.server_port == self.list[pair[1]].facts.server_port);
        let fresh = same.iter().copied().find(|index| !self.list[*index].guessed && ts - self.list[*index].ts <= FRESH);
        let Some(index) = fresh.or_else(|| same.first().copied()) else { return Found::Nobody };
        self.list[index].guessed = true;
        let chosen = self.list[index].clone();
        *self.owed_by_address.entry(address).or_default() += 1;
        if one_listener { Found::Certain(chosen) } else { Found::Address(chosen) }
    }

    /// Real clients send their CONNECT at once, and the broker serves them in the order of their coming.
    fn likeliest(&self, ts: Millis, tls: impl Fn(&Opened) -> Option<bool>) -> Option<usize> {
        let score = |index: &usize| {
            let open = &self.list[*index];
            let prompt = ts - open.ts <= FRESH && !open.passed;
            let order = if prompt { self.list.len() - index } else { *index };
            (tls(open) != Some(false), !open.guessed, prompt, order)
        };
        (0..self.list.len()).max_by_key(score)
    }

    /// Takes the connection that was opened last; true: no other can be meant.
    pub(super) fn take_newest(&mut self) -> Option<(Box<Opened>, bool)> {
        let certain = self.complete && self.list.len() == 1 && self.owed() == 0;
        let opened = self.list.pop()?;
        self.settle();
        Some((opened, certain))
    }

    /// The likeliest connection of a record that names none.
    pub(super) fn likeliest_now(&self, ts: Millis) -> Option<&Opened> {
        self.likeliest(ts, |_| None).map(|index| &*self.list[index])
    }

    /// The port of the listener by which this address came in last.
    pub(super) fn listener_of(&self, address: IpAddr) -> Option<u16> {
        self.list.iter().rev().find(|open| open.facts.client_ip == Some(address)).and_then(|open| open.facts.server_port)
    }

    /// An address alone names no connection: several may be of one address, and those of a Unix socket have none.
    fn position(&self, facts: &Facts) -> Option<usize> {
        let same = |open: &Opened| match (&facts.connection, &open.facts.connection) {
            (Some(one), Some(two)) => one == two,
            _ => facts.client_port.is_some() && open.facts.client_port == facts.client_port && open.facts.client_ip == facts.client_ip,
        };
        let names_one = facts.client_port.is_some() || facts.connection.is_some();
        names_one.then(|| self.list.iter().rposition(|open| same(open))).flatten()
    }

    /// Forgets those of which it has become certain that they are gone.
    pub(super) fn settle(&mut self) {
        if self.owed == 0 && self.owed_by_address.is_empty() {
            return;
        }
        let list = &mut self.list;
        self.owed_by_address.retain(|address, owed| {
            let listed = list.iter().filter(|open| open.facts.client_ip == *address).count();
            if *owed >= listed {
                list.retain(|open| open.facts.client_ip != *address);
                return false;
            }
            *owed > 0
        });
        let gone_of_one_address: usize = self.owed_by_address.values().sum();
        if self.list.is_empty() || (self.owed > 0 && self.owed + gone_of_one_address >= self.list.len()) {
            self.list.clear();
            self.owed = 0;
            self.owed_by_address.clear();
        }
    }
}
