//! Records whose twin has not been found, to be found by what both name.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::copies::hash;
use super::merge::{agree, id};
use super::stage::{LogId, WINDOW, is_first};
use crate::model::{Millis, Row};

/// The first record of an attempt may be stamped so much later than the second: two threads write.
const EARLY: Millis = 50;
/// The name of what names neither address nor client.
const NOBODY: u64 = 0;
/// So many bytes of a client ID are hashed from each end.
const HASHED: usize = 32;
/// More than this do not wait; the oldest are forgotten.
const MOST: usize = 20_000;

/// Where an attempt stands among those of its broker. That does not depend on the order in which the logs are read: by time; what comes
/// first of an attempt before what ends it; by log; and in one log in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at: Millis,
    pub(super) ends: bool,
    pub(super) log: LogId,
    pub(super) turn: u64,
}

impl Place {
    /// All places from `WINDOW` before this time to `WINDOW` after it.
    fn near(at: Millis) -> std::ops::RangeInclusive<Place> {
        let first = Place { at: at - WINDOW, ends: false, log: 0, turn: 0 };
        first..=Place { at: at + WINDOW, ends: true, log: LogId::MAX, turn: u64::MAX }
    }
}

/// A record that may have a twin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Half {
    pub(super) log: LogId,
    pub(super) place: Place,
    /// When it was read.
    pub(super) since: Millis,
    pub(super) row: Box<Row>,
    /// Its row was told.
    pub(super) told: bool,
}

/// What a record is found by: the hash of what both name, then that of its client ID (0 for none), which two records that both have one
/// must share, then its place. Where two hashes are alike by chance, what the records say tells them apart.
type Name = (u64, u64, Place);

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    by_number: BTreeMap<u64, Half>,
    by_name: BTreeMap<Name, u64>,
    next: u64,
}

impl Halves {
    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Half> {
        self.by_number.values()
    }

    /// Those that were told and wait for more to be said of them.
    pub(super) fn told_ones(&self) -> impl Iterator<Item = (u64, &Half)> {
        self.by_number.iter().filter(|(_, half)| half.told).map(|(number, half)| (*number, half))
    }

    /// Puts one in; its number.
    pub(super) fn put(&mut self, half: Half) -> u64 {
        if self.by_number.len() >= MOST
            && let Some((&oldest, _)) = self.by_number.first_key_value()
        {
            self.remove(oldest);
        }
        self.next += 1;
        for name in names(&half.row) {
            self.by_name.insert((name, client(&half.row), half.place), self.next);
        }
        self.by_number.insert(self.next, half);
        self.next
    }

    /// One was told: it stays to be found, or goes.
    pub(super) fn told(&mut self, number: u64, stays: bool) {
        match self.by_number.get_mut(&number) {
            Some(half) if stays => half.told = true,
            _ => drop(self.remove(number)),
        }
    }

    /// Takes out the earliest record that tells the same attempt as this one.
    pub(super) fn take_twin(&mut self, row: &Row, at: Millis) -> Option<Half> {
        let first = is_first(row);
        let fits = |number: &u64| {
            let Some(half) = self.by_number.get(number) else { return false };
            let (one, two) = if first { (row, &*half.row) } else { (&*half.row, row) };
            let (began, ended) = if first { (at, half.place.at) } else { (half.place.at, at) };
            is_pair(one, two) && (-EARLY..=WINDOW).contains(&(ended - began)) && agree(one, two)
        };
        // A first record is known by one name; a second one by all that it has.
        let near = Place::near(at);
        // Those of this name and client ID; of all, for one without.
        let named = |name: u64, client: u64, last: u64| {
            let range = (name, client, *near.start())..=(name, last, *near.end());
            let places = self.by_name.range(range).map(|((_, _, place), number)| (*place, *number));
            places.filter(|(place, number)| near.contains(place) && fits(number)).min()
        };
        let of = |name: u64| match client(row) {
            0 => [named(name, 0, u64::MAX), None],
            client => [named(name, 0, 0), named(name, client, client)],
        };
        let (_, found) = names(row).flat_map(of).flatten().min()?;
        self.remove(found)
    }

    fn remove(&mut self, number: u64) -> Option<Half> {
        let half = self.by_number.remove(&number)?;
        for name in names(&half.row) {
            self.by_name.remove(&(name, client(&half.row), half.place));
        }
        Some(half)
    }
}

fn is_pair(first: &Row, second: &Row) -> bool {
    let names = first.twin.as_ref().zip(second.twin.as_ref());
    names.is_some_and(|(first, second)| first.same_as.contains(&second.rule))
}

/// What a record is found by.
fn names(row: &Row) -> impl Iterator<Item = u64> {
    let address = row.ip_address.map(|address| match address {
        IpAddr::V4(address) => hash(&[b"a", &address.octets()]),
        IpAddr::V6(address) => hash(&[b"a", &address.octets()]),
    });
    let client = Some(client(row)).filter(|client| *client > 0);
    let names = match is_first(row) {
        true => [Some(address.or(client).unwrap_or(NOBODY)), None, None],
        false => [address, client, Some(NOBODY)],
    };
    names.into_iter().flatten()
}

/// The hash of the client ID, of a long one that of its ends and length; 0 for none.
fn client(row: &Row) -> u64 {
    let Some(id) = id(row).map(str::as_bytes) else { return 0 };
    let begin = &id[..id.len().min(HASHED)];
    let end = &id[id.len().saturating_sub(HASHED)..];
    hash(&[b"i", begin, end, &id.len().to_le_bytes()]).max(1)
}
