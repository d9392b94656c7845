//! The rows in memory: what a replay of finished logs fills. Packed, because a flood has millions of clients.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::CommitStats;
use super::batch::{self, Batch};
use super::packed::{self, Texts};
use crate::model::{Attempt, Change, ClientKey, Identity, Millis, Row};

/// Bytes of a chunk of rows.
const CHUNK: usize = 256 << 10;
/// Rows that were replaced by longer ones leave holes; below this many bytes they are left alone.
const HOLES: u64 = 1 << 20;

/// A table of rows with the semantics of the store, without limits, retention and deletions.
#[derive(Debug, Clone, Default)]
pub struct Table {
    hasher: RandomState,
    texts: Texts,
    places: HashTable<Place>,
    records: Records,
    key: Vec<u8>,
    record: Vec<u8>,
}

impl Table {
    /// Adds one attempt, in order of arrival.
    pub fn push(&mut self, attempt: Attempt, clear_on_success: bool) {
        match attempt {
            Attempt::Refused(row) => self.put(*row, false),
            Attempt::Revised(mut row) => {
                row.attempts = 0;
                if self.last(&row.key()) == Some(row.ts) {
                    self.put(*row, false);
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
            let known = batch::Known { row: self.last(key), floor: Millis::MIN };
            match pending.resolve(known) {
                None => stats.ignored += 1,
                Some(Change { clear, row: Some(row) }) => {
                    stats.written += 1;
                    self.put(*row, clear);
                }
                Some(Change { clear, row: None }) => stats.cleared += u64::from(clear && self.remove(key)),
            }
        }
        stats
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
        self.in_order().map(|place| self.texts.unpack(self.records.get(place)))
    }

    /// The same, each shown in the memory of the one before it.
    ///
    /// # Errors
    /// The first of `show`.
    pub fn each<E>(&self, mut show: impl FnMut(&Row) -> Result<(), E>) -> Result<(), E> {
        let mut row = packed::blank();
        for place in self.in_order() {
            self.texts.unpack_into(self.records.get(place), &mut row);
            show(&row)?;
        }
        Ok(())
    }

    fn in_order(&self) -> impl ExactSizeIterator<Item = Place> + '_ {
        let mut places: Vec<(u64, Place)> = self.places.iter().map(|place| (0, *place)).collect();
        // In the order in which they stand in memory: their names are read twice.
        places.sort_unstable_by_key(|(_, place)| (place.chunk, place.at));
        let id = |place: Place| packed::known(self.records.get(place)).client_id;
        // What all names begin with tells none of them apart; the next eight bytes mostly do.
        let first = places.first().map_or(&[][..], |(_, place)| id(*place));
        let same = |name: &[u8]| first.iter().zip(name).take_while(|(one, other)| one == other).count();
        let common = places.iter().map(|(_, place)| same(id(*place))).min().unwrap_or(0);
        for (sample, place) in &mut places {
            let mut bytes = [0; 8];
            let rest = &id(*place)[common..];
            let length = rest.len().min(8);
            bytes[..length].copy_from_slice(&rest[..length]);
            *sample = u64::from_be_bytes(bytes);
        }
        let rank = |place: Place| {
            let row = self.texts.unpack(self.records.get(place));
            (row.identity.code(), row.broker)
        };
        places.sort_unstable_by(|(sample, place), (other_sample, other)| {
            sample.cmp(other_sample).then_with(|| id(*place).cmp(id(*other))).then_with(|| rank(*place).cmp(&rank(*other)))
        });
        places.into_iter().map(|(_, place)| place)
    }

    /// The time of this client's row.
    fn last(&mut self, key: &ClientKey) -> Option<Millis> {
        let hash = self.look_for(&key.broker, key.identity, &key.client_id);
        let found = self.places.find(spread(hash), is_at(&self.records, hash, &self.key))?;
        Some(packed::known(self.records.get(*found)).ts)
    }

    /// Writes the key where it is compared from, and returns its hash.
    fn look_for(&mut self, broker: &str, identity: Identity, client_id: &str) -> u32 {
        self.key.clear();
        self.texts.key(broker, identity, client_id, &mut self.key);
        self.hasher.hash_one(&self.key) as u32
    }

    /// Writes a row, which goes on from the one that stands there, unless that one is cleared before.
    fn put(&mut self, mut row: Row, clear: bool) {
        let hash = self.look_for(&row.broker, row.identity, &row.client_id);
        let Table { texts, places, records, key, record, .. } = self;
        match places.entry(spread(hash), is_at(records, hash, key), |place| spread(place.hash)) {
            Entry::Occupied(mut entry) => {
                let before = packed::known(records.get(*entry.get()));
                if !clear {
                    row.attempts = row.attempts.saturating_add(before.attempts);
                    row.first_ts = before.first_ts;
                }
                record.clone_from(key);
                texts.pack(&row, record);
                *entry.get_mut() = records.replace(*entry.get(), record);
            }
            Entry::Vacant(entry) => {
                record.clone_from(key);
                texts.pack(&row, record);
                entry.insert(records.add(record, hash));
            }
        }
        self.tidy();
    }

    fn remove(&mut self, key: &ClientKey) -> bool {
        let hash = self.look_for(&key.broker, key.identity, &key.client_id);
        let Ok(entry) = self.places.find_entry(spread(hash), is_at(&self.records, hash, &self.key)) else { return false };
        let (place, _) = entry.remove();
        self.records.drop(place);
        self.tidy();
        true
    }

    /// Moves the rows together when most of their memory is holes.
    fn tidy(&mut self) {
        if self.records.holes > HOLES && self.records.holes > self.records.used {
            let old = std::mem::take(&mut self.records);
            for place in self.places.iter_mut() {
                *place = self.records.add(old.get(*place), place.hash);
            }
        }
    }
}

/// Where a packed row stands: its chunk, the byte in it, its length. The hash of its key spares the table to read the row when it
/// grows.
#[derive(Debug, Clone, Copy)]
struct Place {
    chunk: u32,
    at: u32,
    length: u32,
    hash: u32,
}

/// The hash as the table takes it, which looks at its highest and its lowest bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Whether the row with this key stands in a place.
fn is_at<'a>(records: &'a Records, hash: u32, key: &'a [u8]) -> impl Fn(&Place) -> bool + 'a {
    move |place| place.hash == hash && packed::known(records.get(*place)).key == key
}

/// The packed rows, in large pieces, so that growing copies nothing.
#[derive(Debug, Clone, Default)]
struct Records {
    chunks: Vec<Vec<u8>>,
    used: u64,
    holes: u64,
}

impl Records {
    fn get(&self, place: Place) -> &[u8] {
        let at = place.at as usize;
        &self.chunks[place.chunk as usize][at..at + place.length as usize]
    }

    fn add(&mut self, record: &[u8], hash: u32) -> Place {
        self.used += record.len() as u64;
        if self.chunks.last().is_none_or(|last| last.capacity() - last.len() < record.len()) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(record.len())));
        }
        let chunk = self.chunks.len() - 1;
        let last = &mut self.chunks[chunk];
        let at = last.len();
        last.extend_from_slice(record);
        // A row is bounded by the longest line, and 2^32 chunks are more than there is memory.
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place { chunk: small(chunk), at: small(at), length: small(record.len()), hash }
    }

    fn replace(&mut self, place: Place, record: &[u8]) -> Place {
        if record.len() > place.length as usize {
            self.drop(place);
            return self.add(record, place.hash);
        }
        let at = place.at as usize;
        self.chunks[place.chunk as usize][at..at + record.len()].copy_from_slice(record);
        let saved = u64::from(place.length) - record.len() as u64;
        (self.used, self.holes) = (self.used - saved, self.holes + saved);
        Place { length: u32::try_from(record.len()).unwrap_or(u32::MAX), ..place }
    }

    fn drop(&mut self, place: Place) {
        self.used -= u64::from(place.length);
        self.holes += u64::from(place.length);
    }
}
