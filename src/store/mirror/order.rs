//! The rows in an order: the numbers of their places, sorted. Made aside when it is first asked for, and put right when it is next asked
//! for: what changed since is taken out and put in again, the rest is copied.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::block::{BITS, Block, ROWS};
use crate::model::Millis;
use crate::store::SortBy;

/// After this many changes sorting anew, aside, is better than to let a page wait.
const CHANGES: usize = if cfg!(test) { 12 } else { 1 << 15 };

/// An order, as far as it is there.
#[derive(Debug, Default)]
pub(super) enum Sorted {
    /// Nobody asked for it.
    #[default]
    Absent,
    /// Whoever has this number makes it from the rows as they were; these have changed since.
    Coming(u64, Vec<u32>),
    /// The order, and what has changed since.
    There(Vec<u32>, Vec<u32>),
}

impl Sorted {
    /// Notes that a row came, went, or has another value in what is sorted by.
    pub(super) fn changed(&mut self, slot: u32) {
        match self {
            Sorted::Absent => {}
            Sorted::Coming(_, changes) | Sorted::There(_, changes) if changes.len() < CHANGES => changes.push(slot),
            Sorted::Coming(..) | Sorted::There(..) => *self = Sorted::Absent,
        }
    }

    /// It is to be made of the rows as they are now. The number of who makes it; none: it is there, or being made.
    pub(super) fn begin(&mut self) -> Option<u64> {
        static MAKERS: AtomicU64 = AtomicU64::new(0);
        matches!(self, Sorted::Absent).then(|| {
            let maker = MAKERS.fetch_add(1, Relaxed);
            *self = Sorted::Coming(maker, Vec::new());
            maker
        })
    }

    /// The order is made, by the one with this number.
    pub(super) fn end(&mut self, maker: u64, order: Vec<u32>) {
        if let Sorted::Coming(wanted, changes) = self
            && *wanted == maker
        {
            *self = Sorted::There(order, std::mem::take(changes));
        }
    }

    /// The order as it is now.
    pub(super) fn now(&mut self, rows: Rows<'_>, sort: SortBy) -> Option<&[u32]> {
        let Sorted::There(order, changes) = self else { return None };
        if !changes.is_empty() {
            changes.sort_unstable();
            changes.dedup();
            let mut is_changed = vec![false; rows.blocks.len() * ROWS];
            for slot in changes.iter() {
                is_changed[*slot as usize] = true;
            }
            order.retain(|slot| !is_changed[*slot as usize]);
            changes.retain(|slot| rows.has(*slot));
            changes.sort_unstable_by(|a, b| rows.compare(sort, *a, *b));
            let mut merged = Vec::with_capacity(order.len() + changes.len());
            let mut rest = &order[..];
            for slot in changes.iter() {
                let (before, after) = rest.split_at(rest.partition_point(|other| rows.compare(sort, *other, *slot) == Ordering::Less));
                merged.extend_from_slice(before);
                merged.push(*slot);
                rest = after;
            }
            merged.extend_from_slice(rest);
            *order = merged;
            *changes = Vec::new();
        }
        Some(order)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        let numbers = match self {
            Sorted::Absent => 0,
            Sorted::Coming(_, changes) => changes.capacity(),
            Sorted::There(order, changes) => order.capacity() + changes.capacity(),
        };
        numbers * size_of::<u32>()
    }
}

/// The rows that an order is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'r> {
    pub(super) blocks: &'r [Arc<Block>],
    pub(super) words: &'r [Arc<str>],
}

impl<'r> Rows<'r> {
    pub(super) fn at(self, slot: u32) -> (&'r Block, usize) {
        (&self.blocks[(slot >> BITS) as usize], slot as usize % ROWS)
    }

    fn has(self, slot: u32) -> bool {
        let (block, at) = self.at(slot);
        block.marks[at].is_row
    }

    fn word(self, number: u32) -> &'r str {
        &self.words[number as usize]
    }

    /// Which of two rows comes first: the client ID, identity and source decide between equals. The same as `order_by` of the SQL.
    pub(super) fn compare(self, sort: SortBy, a: u32, b: u32) -> Ordering {
        self.by_value(sort, a, b).then_with(|| self.by_key(a, b))
    }

    fn by_value(self, sort: SortBy, slot: u32, other: u32) -> Ordering {
        let ((a, at), (b, bt)) = (self.at(slot), self.at(other));
        match sort {
            SortBy::ClientId => Ordering::Equal,
            SortBy::IpAddress => nullable(a.ip_address.get(at), b.ip_address.get(bt)),
            SortBy::Username => nullable(a.username.get(at), b.username.get(bt)),
            SortBy::Ts => a.ts[at].cmp(&b.ts[bt]),
            SortBy::FirstTs => a.first_ts[at].cmp(&b.first_ts[bt]),
            SortBy::Attempts => a.attempts[at].cmp(&b.attempts[bt]),
            SortBy::PasswordProvided => nullable(a.marks[at].password_provided, b.marks[bt].password_provided),
            SortBy::TlsUsed => nullable(a.marks[at].tls_used, b.marks[bt].tls_used),
            SortBy::Reason if a.reason[at] == b.reason[bt] => Ordering::Equal,
            SortBy::Reason => self.word(a.reason[at]).cmp(self.word(b.reason[bt])),
            SortBy::ReasonCode => a.marks[at].reason_code.code().cmp(b.marks[bt].reason_code.code()),
            SortBy::Identity => a.marks[at].identity.code().cmp(b.marks[bt].identity.code()),
            SortBy::Broker => self.word(a.broker[at]).cmp(self.word(b.broker[bt])),
        }
    }

    fn by_key(self, slot: u32, other: u32) -> Ordering {
        let ((a, at), (b, bt)) = (self.at(slot), self.at(other));
        let by_id = a.client_id.get(at).cmp(&b.client_id.get(bt));
        by_id.then_with(|| self.by_value(SortBy::Identity, slot, other)).then_with(|| self.by_value(SortBy::Broker, slot, other))
    }

    /// All rows in this order.
    pub(super) fn sorted(self, sort: SortBy) -> Vec<u32> {
        let mut by_key: Vec<(u128, u32)> = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            let slots = (0..block.len()).filter(|at| block.marks[*at].is_row);
            by_key.extend(slots.map(|at| {
                let id = block.client_id.get(at).unwrap_or_default();
                (u128::from_be_bytes(beginning(id)), u32::try_from(number * ROWS + at).unwrap_or(u32::MAX))
            }));
        }
        by_key.sort_unstable_by(|(id, slot), (other_id, other)| id.cmp(other_id).then_with(|| self.by_key(*slot, *other)));
        let by_key: Vec<u32> = by_key.into_iter().map(|(_, slot)| slot).collect();
        if sort == SortBy::ClientId {
            return by_key;
        }
        let sample = self.sample(sort);
        let mut ranks: Vec<(u64, u32)> = (0..).zip(&by_key).map(|(rank, slot)| (sample(*slot), rank)).collect();
        let is_whole = !matches!(sort, SortBy::IpAddress | SortBy::Username);
        ranks.sort_unstable_by(|(sample, rank), (other_sample, other)| {
            let by_text = || if is_whole { Ordering::Equal } else { self.by_value(sort, by_key[*rank as usize], by_key[*other as usize]) };
            sample.cmp(other_sample).then_with(by_text).then(rank.cmp(other))
        });
        ranks.into_iter().map(|(_, rank)| by_key[rank as usize]).collect()
    }

    /// A number for each row that is in the order of the values; of texts it says only how they begin.
    fn sample(self, sort: SortBy) -> Box<dyn Fn(u32) -> u64 + 'r> {
        let signed = |value: Millis| value.cast_unsigned() ^ (1 << 63);
        let flag = |flag: Option<bool>| flag.map_or(2, u64::from);
        // No text begins with a byte of ones.
        let text = |text: Option<&str>| text.map_or(u64::MAX, |text| u64::from_be_bytes(beginning(text)));
        let by_code = |code: &str| u64::from_be_bytes(beginning(code));
        let words = if matches!(sort, SortBy::Reason | SortBy::Broker) { self.ranks_of_words() } else { Vec::new() };
        Box::new(move |slot| {
            let (block, at) = self.at(slot);
            let marks = block.marks[at];
            match sort {
                SortBy::ClientId => 0,
                SortBy::IpAddress => text(block.ip_address.get(at)),
                SortBy::Username => text(block.username.get(at)),
                SortBy::Ts => signed(block.ts[at]),
                SortBy::FirstTs => signed(block.first_ts[at]),
                SortBy::Attempts => signed(block.attempts[at]),
                SortBy::PasswordProvided => flag(marks.password_provided),
                SortBy::TlsUsed => flag(marks.tls_used),
                SortBy::Reason => words[block.reason[at] as usize],
                SortBy::Broker => words[block.broker[at] as usize],
                // Their codes differ in the first eight letters or come in few: the rank among all of them.
                SortBy::ReasonCode => {
                    crate::model::Reason::ALL.iter().filter(|other| other.code() < marks.reason_code.code()).count() as u64
                }
                SortBy::Identity => by_code(marks.identity.code()),
            }
        })
    }

    fn ranks_of_words(self) -> Vec<u64> {
        let mut sorted: Vec<usize> = (0..self.words.len()).collect();
        sorted.sort_unstable_by(|a, b| self.words[*a].cmp(&self.words[*b]));
        let mut ranks = vec![0; sorted.len()];
        for (rank, word) in (0..).zip(sorted) {
            ranks[word] = rank;
        }
        ranks
    }
}

/// The first bytes of a text, zeros after its end. Texts that differ here are in this order; those that do not may differ later.
fn beginning<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let length = text.len().min(N);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    bytes
}

/// Null is greater than everything.
fn nullable<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    (a.is_none(), a).cmp(&(b.is_none(), b))
}
