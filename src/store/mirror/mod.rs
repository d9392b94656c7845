//! A copy in memory of what rows are filtered and sorted by: about a hundred bytes for each.
//!
//! It answers which rows are on a page; the rows themselves are read from the file. It is of one moment, which it has a number for, and
//! goes on to later ones by the changes of each commit. What it says must be what the SQL in `query` says of the same rows: a test
//! compares them.

mod block;
mod order;
mod piece;
mod search;
mod texts;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::SortBy;
use crate::model::{ClientKey, Identity, Millis, Reason, Row};
use block::{BITS, Block, ROWS};
use order::{Rows, Sorted};
use texts::Words;

/// What of a row is filtered and sorted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'r> {
    pub(super) client_id: &'r str,
    pub(super) identity: Identity,
    pub(super) broker: &'r str,
    pub(super) ip_address: Option<&'r str>,
    pub(super) ts: Millis,
    pub(super) username: Option<&'r str>,
    pub(super) password_provided: Option<bool>,
    pub(super) tls_used: Option<bool>,
    pub(super) reason: &'r str,
    pub(super) reason_code: Reason,
    pub(super) attempts: i64,
    pub(super) first_ts: Millis,
}

/// What a commit did to one row.
#[derive(Debug, Clone)]
pub(super) enum Delta {
    /// It was written; `clear`: it does not go on from what stood there.
    Put(Box<Written>, bool),
    /// It went.
    Removed(ClientKey),
    /// All went.
    Cleared,
}

/// A row that was written, without what is neither filtered nor sorted by.
#[derive(Debug, Clone)]
pub(super) struct Written {
    client_id: String,
    identity: Identity,
    broker: Arc<str>,
    ip_address: Option<String>,
    ts: Millis,
    username: Option<String>,
    password_provided: Option<bool>,
    tls_used: Option<bool>,
    reason: Arc<str>,
    reason_code: Reason,
    attempts: i64,
    first_ts: Millis,
}

impl From<&Row> for Written {
    fn from(row: &Row) -> Written {
        Written {
            client_id: row.client_id.clone(),
            identity: row.identity,
            broker: row.broker.clone(),
            ip_address: row.ip_address.map(|ip| ip.to_string()),
            ts: row.ts,
            username: row.username.clone(),
            password_provided: row.password_provided,
            tls_used: row.tls_used,
            reason: row.reason.clone(),
            reason_code: row.reason_code,
            attempts: i64::try_from(row.attempts).unwrap_or(i64::MAX),
            first_ts: row.first_ts,
        }
    }
}

impl Written {
    fn entry(&self) -> Entry<'_> {
        Entry {
            client_id: &self.client_id,
            identity: self.identity,
            broker: &self.broker,
            ip_address: self.ip_address.as_deref(),
            ts: self.ts,
            username: self.username.as_deref(),
            password_provided: self.password_provided,
            tls_used: self.tls_used,
            reason: &self.reason,
            reason_code: self.reason_code,
            attempts: self.attempts,
            first_ts: self.first_ts,
        }
    }
}

/// A text is longer than the copy has room for: it is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom;

/// The copy. A row's slot says where it stands: the block, and the place in it.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    /// Shared only while an order is made of them.
    blocks: Vec<Arc<Block>>,
    words: Words,
    hasher: RandomState,
    /// The slots by the keys of their rows.
    places: HashTable<u32>,
    free: Vec<u32>,
    orders: [Mutex<Sorted>; SortBy::COUNT],
    recent: Mutex<search::Recent>,
}

/// The rows as they were, to make an order of.
#[derive(Debug)]
pub(super) struct Snapshot {
    maker: u64,
    blocks: Vec<Arc<Block>>,
    words: Arc<Vec<Arc<str>>>,
}

impl Snapshot {
    /// Who makes it.
    pub(super) fn maker(&self) -> u64 {
        self.maker
    }

    /// All rows in this order.
    pub(super) fn sorted(&self, sort: SortBy) -> Vec<u32> {
        Rows { blocks: &self.blocks, words: &self.words }.sorted(sort)
    }
}

impl Mirror {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds a row that is not there yet.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<(), NoRoom> {
        let (slot, fits) = match self.free.pop() {
            Some(slot) => {
                let block = Arc::make_mut(&mut self.blocks[(slot >> BITS) as usize]);
                (slot, block.set(slot as usize % ROWS, entry, &mut self.words))
            }
            None => {
                if self.blocks.last().is_none_or(|last| last.len() == ROWS) {
                    self.blocks.push(Arc::default());
                }
                let number = self.blocks.len() - 1;
                let block = Arc::make_mut(&mut self.blocks[number]);
                let fits = block.push(entry, &mut self.words);
                (u32::try_from((number << BITS) + block.len() - 1).map_err(|_| NoRoom)?, fits)
            }
        };
        if !fits {
            return Err(NoRoom);
        }
        let Mirror { hasher, places, blocks, .. } = self;
        let hash = |slot: &u32| hash(hasher, blocks, *slot);
        places.insert_unique(hash(&slot), slot, hash);
        self.changed(slot, |_| true);
        Ok(())
    }

    /// The rows were added in the order of time.
    pub(super) fn added_by_time(&mut self) {
        let slots = u32::try_from(self.len()).unwrap_or(u32::MAX);
        *self.order(SortBy::Ts) = Sorted::There((0..slots).collect(), Vec::new());
    }

    /// Does what a commit did.
    pub(super) fn apply(&mut self, delta: &Delta) -> Result<(), NoRoom> {
        self.recent.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        match delta {
            Delta::Put(written, clear) => self.put(written.entry(), *clear),
            Delta::Removed(key) => {
                self.remove(key);
                Ok(())
            }
            Delta::Cleared => {
                let orders = std::mem::take(&mut self.orders);
                *self = Mirror::default();
                // An order that is being made is of rows that are gone.
                drop(orders);
                self.added_by_time();
                Ok(())
            }
        }
    }

    fn put(&mut self, mut entry: Entry<'_>, clear: bool) -> Result<(), NoRoom> {
        let Some(slot) = self.find(entry.client_id, entry.identity, entry.broker) else { return self.add(&entry) };
        let at = slot as usize % ROWS;
        let old = &self.blocks[(slot >> BITS) as usize];
        if !clear {
            // As the SQL has it: see UPDATE in `sqlite/write.rs`.
            entry.attempts = entry.attempts.saturating_add(old.attempts[at]);
            entry.first_ts = old.first_ts[at];
        }
        let marks = old.marks[at];
        let differs = [
            (SortBy::IpAddress, old.ip_address.get(at) != entry.ip_address),
            (SortBy::Ts, old.ts[at] != entry.ts),
            (SortBy::Username, old.username.get(at) != entry.username),
            (SortBy::PasswordProvided, marks.password_provided != entry.password_provided),
            (SortBy::TlsUsed, marks.tls_used != entry.tls_used),
            (SortBy::Reason, self.words.list()[old.reason[at] as usize].as_ref() != entry.reason),
            (SortBy::ReasonCode, marks.reason_code != entry.reason_code),
            (SortBy::Attempts, old.attempts[at] != entry.attempts),
            (SortBy::FirstTs, old.first_ts[at] != entry.first_ts),
        ];
        let block = Arc::make_mut(&mut self.blocks[(slot >> BITS) as usize]);
        if !block.set(at, &entry, &mut self.words) {
            return Err(NoRoom);
        }
        self.changed(slot, |sort| differs.contains(&(sort, true)));
        Ok(())
    }

    fn remove(&mut self, key: &ClientKey) {
        let Some(slot) = self.find(&key.client_id, key.identity, &key.broker) else { return };
        let hash = hash(&self.hasher, &self.blocks, slot);
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        Arc::make_mut(&mut self.blocks[(slot >> BITS) as usize]).remove(slot as usize % ROWS);
        self.free.push(slot);
        self.changed(slot, |_| true);
    }

    fn find(&self, client_id: &str, identity: Identity, broker: &str) -> Option<u32> {
        let broker = self.words.find(broker)?;
        let hash = self.hasher.hash_one((client_id, identity, broker));
        let same = |slot: &u32| {
            let (block, at) = self.rows().at(*slot);
            block.client_id.get(at) == Some(client_id) && block.marks[at].identity == identity && block.broker[at] == broker
        };
        self.places.find(hash, same).copied()
    }

    fn rows(&self) -> Rows<'_> {
        Rows { blocks: &self.blocks, words: self.words.list() }
    }

    fn changed(&mut self, slot: u32, matters: impl Fn(SortBy) -> bool) {
        for (sort, order) in SortBy::all().zip(&mut self.orders) {
            if matters(sort) {
                order.get_mut().unwrap_or_else(PoisonError::into_inner).changed(slot);
            }
        }
    }

    fn order(&self, sort: SortBy) -> MutexGuard<'_, Sorted> {
        self.orders[sort as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows as they are, to make this order of; what changes from here on is noted. None: it is there, or being made.
    pub(super) fn begin_order(&self, sort: SortBy) -> Option<Snapshot> {
        let maker = self.order(sort).begin()?;
        Some(Snapshot { maker, blocks: self.blocks.clone(), words: Arc::clone(self.words.list()) })
    }

    /// The order is made.
    pub(super) fn end_order(&self, sort: SortBy, maker: u64, order: Vec<u32>) {
        self.order(sort).end(maker, order);
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|block| block.bytes()).sum();
        let orders: usize = SortBy::all().map(|sort| self.order(sort).bytes()).sum();
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner).len() * self.blocks.len() * size_of::<search::Bits>();
        blocks + orders + recent + self.words.bytes() + self.places.allocation_size() + self.free.capacity() * size_of::<u32>()
    }
}

fn hash(hasher: &RandomState, blocks: &[Arc<Block>], slot: u32) -> u64 {
    let (block, at) = (&blocks[(slot >> BITS) as usize], slot as usize % ROWS);
    hasher.hash_one((block.client_id.get(at).unwrap_or_default(), block.marks[at].identity, block.broker[at]))
}
