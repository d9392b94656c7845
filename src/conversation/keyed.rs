//! The conversations whose records name them: by a connection's own name, by address and port, or by client ID.
//!
//! A conversation is kept while it is open, and for a while after its refusal was told, because products repeat a refusal in
//! further records and say more about it later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::refusal::Context;
use crate::grammar::Key;
use crate::model::{Fields, Identity, Millis, Row};

/// More conversations than this are not kept; the one that was silent longest is forgotten.
const MOST: usize = 4_096;
/// A refusal that may stand alone waits this long for the record that says more, in the log's time and in real time.
const HOLD: Millis = 2_000;
/// The same, in real time, when the log is silent.
const HOLD_READ: Millis = 300;
/// So many conversations are looked at to find the one that a record means which does not name it.
const LOOKED_AT: usize = 256;
/// A record later than this is no repetition of a refusal that was told.
const REPEATS: Millis = 60_000;

/// One conversation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Conversation {
    /// What is known of it.
    pub(super) context: Box<Context>,
    /// The log said that it was opened.
    pub(super) opened: bool,
    /// Its client connected.
    pub(super) accepted: bool,
    /// Its refusal was told, as this row.
    #[serde(default, with = "crate::model::kept::row")]
    pub(super) told: Option<Box<Row>>,
    /// It was refused, and waits for the record that opened it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) parked: bool,
    /// The rules whose records told it: the same rule does not repeat itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) said_by: Vec<String>,
    /// Its credentials were accepted before it was refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) admitted: bool,
    /// What was not certain when it was told.
    pub(super) inferred: Fields,
    /// A login of its username failed, perhaps this one.
    #[serde(default)]
    pub(super) suspected: bool,
    /// The time of its last record.
    pub(super) last: Millis,
    pub(super) turn: u64,
}

impl Conversation {
    /// Whether it is a refusal that waits for a record that says more.
    fn waits(&self) -> bool {
        (self.context.alone || self.suspected) && self.told.is_none() && !self.accepted
    }

    /// Whether a record of this time may repeat the refusal that was told.
    pub(super) fn may_repeat(&self, ts: Millis) -> bool {
        self.told.is_some() && (ts - self.last).abs() <= REPEATS
    }
}

/// The key by address and port of a conversation that is kept under another.
fn address(key: &str, conversation: &Conversation) -> Option<String> {
    conversation.context.facts.key(&[Key::Address]).filter(|address| address != key)
}

/// All of them, by key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Keyed {
    by_key: BTreeMap<String, Conversation>,
    /// In the order in which they were heard of.
    order: BTreeMap<u64, String>,
    /// The addresses of those that are named otherwise: a record may know its connection by its address alone.
    #[serde(default)]
    by_address: BTreeMap<String, String>,
    /// Those that wait.
    waiting: BTreeSet<String>,
    /// The times of all last records of those that wait lie between these two. Not known after a restart.
    #[serde(skip)]
    span: Option<(Millis, Millis)>,
    turn: u64,
    /// How many had to make room since the start.
    #[serde(skip)]
    pub(super) evicted: u64,
}

impl Keyed {
    pub(super) fn get(&self, key: &str) -> Option<&Conversation> {
        self.by_key.get(key)
    }

    /// The name under which the conversation is kept that a record knows by this key.
    pub(super) fn resolve(&self, key: String) -> String {
        if self.by_key.contains_key(&key) { key } else { self.by_address.get(&key).cloned().unwrap_or(key) }
    }

    /// Takes one out, to change it and perhaps to put it back.
    pub(super) fn take(&mut self, key: &str) -> Option<Conversation> {
        let taken = self.by_key.remove(key)?;
        self.order.remove(&taken.turn);
        self.waiting.remove(key);
        if let Some(address) = address(key, &taken)
            && self.by_address.get(&address).is_some_and(|kept| kept == key)
        {
            self.by_address.remove(&address);
        }
        Some(taken)
    }

    /// Puts one in. What had to make room for it is returned when it waited.
    pub(super) fn put(&mut self, key: String, mut conversation: Conversation) -> Option<Conversation> {
        self.take(&key);
        let oldest = if self.by_key.len() >= MOST { self.order.first_key_value().map(|(_, key)| key.clone()) } else { None };
        self.evicted += u64::from(oldest.is_some());
        let out = oldest.and_then(|oldest| self.take(&oldest)).filter(Conversation::waits);
        self.turn += 1;
        conversation.turn = self.turn;
        if conversation.waits() {
            let last = conversation.last;
            self.span =
                if self.waiting.is_empty() { Some((last, last)) } else { self.span.map(|(from, to)| (from.min(last), to.max(last))) };
            self.waiting.insert(key.clone());
        }
        if let Some(address) = address(&key, &conversation) {
            self.by_address.insert(address, key.clone());
        }
        self.order.insert(self.turn, key.clone());
        self.by_key.insert(key, conversation);
        out
    }

    /// Lines were lost: what is open may have been accepted, or may be gone.
    pub(super) fn lost(&mut self) {
        self.by_key.values_mut().for_each(|conversation| conversation.opened = false);
    }

    /// Forgets attempts that were told, where a client ID is all that names them.
    pub(super) fn forget_told_clients(&mut self) {
        let told = self.by_key.iter().filter(|(key, conversation)| key.starts_with("i:") && conversation.told.is_some());
        let keys: Vec<String> = told.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.take(&key);
        }
    }

    /// Whether the same client had its outcome told after this time.
    pub(super) fn is_superseded(&self, row: &Row, last: Millis) -> bool {
        self.by_key.values().any(|other| {
            let same = match &other.told {
                Some(told) => told.key() == row.key(),
                None => {
                    other.accepted && row.identity == Identity::ClientId && other.context.facts.client_id.as_ref() == Some(&row.client_id)
                }
            };
            same && other.last > last
        })
    }

    /// The key of the youngest conversation that named this username not long ago and of whose outcome nothing is said.
    pub(super) fn undecided(&self, username: &str, ts: Millis) -> Option<String> {
        let fits = |conversation: &Conversation| {
            let open = conversation.told.is_none() && !conversation.accepted && !conversation.context.alone && !conversation.suspected;
            open && conversation.context.facts.username.as_deref() == Some(username) && (ts - conversation.last).abs() <= HOLD
        };
        let mut youngest = self.order.values().rev().take(LOOKED_AT);
        youngest.find(|key| self.get(key).is_some_and(fits)).cloned()
    }

    /// Takes out those that have waited long enough, given the time of the last record. If that is so much earlier, the clock was set back or the
    /// hour is one that occurs twice.
    pub(super) fn due(&mut self, ts: Millis) -> Vec<Conversation> {
        if self.span.is_some_and(|(from, to)| ts - from <= HOLD && to - ts <= HOLD) {
            return Vec::new();
        }
        let due = self.due_if(|conversation| (ts - conversation.last).abs() > HOLD);
        let lasts = || self.waiting.iter().filter_map(|key| self.by_key.get(key)).map(|conversation| conversation.last);
        self.span = lasts().min().zip(lasts().max());
        due
    }

    /// Takes out those that have waited long enough, given the present time.
    pub(super) fn due_now(&mut self, now: Millis) -> Vec<Conversation> {
        self.due_if(|conversation| now - conversation.context.read_at >= HOLD_READ)
    }

    /// Takes out those that were refused, wait for their opening, and are of this client, or of this address where neither knows
    /// the client. Others may still get the record that ends them.
    pub(super) fn due_of(&mut self, client_id: Option<&str>, address: Option<IpAddr>) -> Vec<Conversation> {
        self.due_if(|conversation| {
            let facts = &conversation.context.facts;
            conversation.parked && facts.client_id.as_deref() == client_id && (client_id.is_some() || facts.client_ip == address)
        })
    }

    /// Takes out all that wait.
    pub(super) fn due_all(&mut self) -> Vec<Conversation> {
        self.due_if(|_| true)
    }

    /// Whether time alone can finish one.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn due_if(&mut self, due: impl Fn(&Conversation) -> bool) -> Vec<Conversation> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let keys: Vec<String> = self.waiting.iter().filter(|key| self.by_key.get(*key).is_some_and(&due)).cloned().collect();
        let mut out: Vec<Conversation> = keys.iter().filter_map(|key| self.take(key)).collect();
        out.sort_by_key(|conversation| conversation.turn);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is known of the times of those that wait decides only whether to look at them.
        #[test]
        fn the_same_are_due_without_knowing_their_times(acts in prop::collection::vec((0..3u8, 0..6u8, 0..9i64), 0..60)) {
            let (mut one, mut other) = (Keyed::default(), Keyed::default());
            for (act, key, second) in acts {
                let (key, ts) = (format!("c:{key}"), second * 1_000);
                other.span = None;
                match act {
                    0 => {
                        let mut conversation = Conversation { last: ts, ..Conversation::default() };
                        conversation.context.alone = second % 4 > 0;
                        one.put(key.clone(), conversation.clone());
                        other.put(key, conversation);
                    }
                    1 => {
                        one.take(&key);
                        other.take(&key);
                    }
                    _ => {
                        let lasts = |due: Vec<Conversation>| due.iter().map(|one| (one.turn, one.last)).collect::<Vec<_>>();
                        prop_assert_eq!(lasts(one.due(ts)), lasts(other.due(ts)));
                    }
                }
            }
        }
    }

    #[test]
    fn what_waits_is_over_when_time_goes_on_and_when_it_goes_back() {
        for (ts, over) in [(10_000, 0), (12_000, 0), (12_001, 1), (8_000, 0), (7_999, 1), (10_000 - 3_600_000, 1)] {
            let mut keyed = Keyed::default();
            let mut conversation = Conversation { last: 10_000, ..Conversation::default() };
            conversation.context.alone = true;
            assert!(keyed.put("c:1".to_owned(), conversation).is_none());
            assert_eq!(keyed.due(ts).len(), over, "{ts}");
        }
    }

    #[test]
    fn the_youngest_connection_of_a_username_without_an_outcome_is_suspected() {
        let mut keyed = Keyed::default();
        for (key, username, accepted) in [("c:1", "ops", false), ("c:2", "ops", false), ("c:3", "ops", true), ("c:4", "bob", false)] {
            let mut conversation = Conversation { accepted, last: 1_000, ..Conversation::default() };
            conversation.context.facts.username = Some(username.to_owned());
            assert!(keyed.put(key.to_owned(), conversation).is_none());
        }
        assert_eq!(keyed.undecided("ops", 1_100).as_deref(), Some("c:2"));
        assert_eq!(keyed.undecided("ops", 9_000), None);
        assert_eq!(keyed.undecided("eve", 1_100), None);
    }
}
