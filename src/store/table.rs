//! The rows in memory: what a replay of finished logs fills. Packed, because a flood has millions of clients.

mod order;
mod records;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::SmallVec;

use self::order::{in_order, place_of};
use self::records::{Place, Records};
use super::CommitStats;
use super::batch::{self, Batch};
use super::packed::{Packer, View, blank, known};
use crate::model::{Attempt, Change, ClientKey, Identity, Millis, Names, Row};

/// So many rows are looked for together when they are shown.
const AHEAD: usize = 16;

/// A table of rows with the semantics of the store, without limits, retention and deletions.
#[derive(Debug, Clone, Default)]
pub struct Table {
    hasher: RandomState,
    packer: Packer,
    places: HashTable<Hashed>,
    records: Records,
    /// Whose rows were ever put in.
    names: Arc<Names>,
}

impl Table {
    /// Adds one attempt, in order of arrival.
    pub fn push(&mut self, attempt: Attempt, clear_on_success: bool) {
        match attempt {
            Attempt::Refused(row) => self.put(&row, false),
            Attempt::Revised(mut row) => {
                row.attempts = 0;
                if self.last(&row.broker, row.identity, &row.client_id) == Some(row.ts) {
                    self.put(&row, false);
                }
            }
            Attempt::Accepted(key, _) if clear_on_success => {
                self.remove(&key);
            }
            Attempt::Accepted(..) | Attempt::Proxied(_) | Attempt::Ended(..) => {}
        }
    }

    /// Does what a store does with the same batch; positions are ignored.
    pub fn commit(&mut self, batch: &Batch) -> CommitStats {
        let mut stats = CommitStats::default();
        for (key, pending) in batch.changes() {
            let known = batch::Known { row: self.last(&key.broker, key.identity, &key.client_id), floor: Millis::MIN };
            match pending.resolve(known) {
                None => stats.ignored += 1,
                Some(Change { clear, row: Some(row) }) => {
                    stats.written += 1;
                    self.put(&row, clear);
                }
                Some(Change { clear, row: None }) => stats.cleared += u64::from(clear && self.remove(key)),
            }
        }
        stats
    }

    /// Who may have a row, now and later.
    pub fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    /// Takes in the rows of another table, in which no client is that this one has.
    pub fn take_in(&mut self, mut other: Table) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        other.rows().for_each(|row| self.put(&row, false));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The rows in the order of their keys: client ID, identity, broker.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows().collect()
    }

    /// The same, one after the other.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        let (mut lines, mut before) = (Vec::new(), blank());
        self.views().map(move |view| {
            // Most rows say the same as the one before, and share it.
            let mut row = Row { broker: Arc::clone(&before.broker), reason: Arc::clone(&before.reason), ..blank() };
            view.unpack(&mut row, &mut lines);
            (before.broker, before.reason) = (Arc::clone(&row.broker), Arc::clone(&row.reason));
            row
        })
    }

    /// The same, as they are packed.
    pub(crate) fn views(&self) -> impl ExactSizeIterator<Item = View<'_>> {
        let mut order = in_order(&self.records, &self.packer.texts, self.len()).into_iter();
        let mut ahead = SmallVec::<[&[u8]; AHEAD]>::new();
        let mut row = 0;
        (0..order.len()).map(move |_| {
            // Rows stand anywhere in memory: a few are looked for together, so that none is waited for alone.
            if row == ahead.len() {
                row = 0;
                ahead.clear();
                ahead.extend(order.by_ref().take(AHEAD).map(|place| self.records.get(place_of(place))));
            }
            row += 1;
            View::read(&self.packer.texts, ahead.get(row - 1).copied().unwrap_or_default())
        })
    }

    /// The time of this client's row.
    fn last(&mut self, broker: &str, identity: Identity, client_id: &str) -> Option<Millis> {
        let hash = self.look_for(broker, identity, client_id);
        let found = self.places.find(spread(hash), is_at(&self.records, hash, &self.packer.record))?;
        Some(known(self.records.get(found.place)).counts().0)
    }

    /// Writes the key where it is compared from, and returns its hash.
    fn look_for(&mut self, broker: &str, identity: Identity, client_id: &str) -> u32 {
        self.packer.key(broker, identity, client_id);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&self.packer.record);
        hasher.finish() as u32
    }

    /// Writes a row, which goes on from the one that stands there, unless that one is cleared before.
    fn put(&mut self, row: &Row, clear: bool) {
        let hash = self.look_for(&row.broker, row.identity, &row.client_id);
        let Table { packer, places, records, .. } = self;
        match places.entry(spread(hash), is_at(records, hash, &packer.record), |other| spread(other.hash)) {
            Entry::Occupied(mut entry) => {
                let (_, first_ts, attempts) = known(records.get(entry.get().place)).counts();
                match clear {
                    true => packer.rest(row, row.attempts, row.first_ts),
                    false => packer.rest(row, row.attempts.saturating_add(attempts), first_ts),
                }
                let place = &mut entry.get_mut().place;
                *place = records.replace(*place, &packer.record);
                self.tidy();
            }
            Entry::Vacant(entry) => {
                self.names.add(row.client_id.as_bytes());
                packer.rest(row, row.attempts, row.first_ts);
                entry.insert(Hashed { place: records.add(&packer.record), hash });
            }
        }
    }

    fn remove(&mut self, key: &ClientKey) -> bool {
        if self.is_empty() {
            return false;
        }
        let hash = self.look_for(&key.broker, key.identity, &key.client_id);
        let is_at = is_at(&self.records, hash, &self.packer.record);
        let Ok(entry) = self.places.find_entry(spread(hash), is_at) else { return false };
        let (hashed, _) = entry.remove();
        self.records.drop(hashed.place);
        self.tidy();
        true
    }

    /// Moves the rows together when most of their memory is holes.
    fn tidy(&mut self) {
        if self.records.is_holey() {
            let old = std::mem::take(&mut self.records);
            for hashed in self.places.iter_mut() {
                hashed.place = self.records.add(old.get(hashed.place));
            }
        }
    }
}

/// Where a row stands. The hash of its key spares the table to read the row when it grows.
#[derive(Debug, Clone, Copy)]
struct Hashed {
    place: Place,
    hash: u32,
}

/// The hash as the table takes it, which looks at its highest and its lowest bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Whether the row with this key stands in a place.
fn is_at<'a>(records: &'a Records, hash: u32, key: &'a [u8]) -> impl Fn(&Hashed) -> bool + 'a {
    move |other| other.hash == hash && known(records.get(other.place)).key == key
}
