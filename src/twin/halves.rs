//! Records whose twin has not been found, to be found by what both name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::merge::{agree, id};
use super::stage::{LogId, WINDOW, is_first};
use crate::model::{Millis, Row};

/// The first record of an attempt may be stamped so much later than the second: two threads write.
const EARLY: Millis = 50;
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

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    by_number: BTreeMap<u64, Half>,
    by_name: BTreeMap<String, BTreeMap<Place, u64>>,
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
            self.by_name.entry(name).or_default().insert(half.place, self.next);
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
        let fits = |half: &Half| {
            let (one, two) = if first { (row, &*half.row) } else { (&*half.row, row) };
            let (began, ended) = if first { (at, half.place.at) } else { (half.place.at, at) };
            is_pair(one, two) && (-EARLY..=WINDOW).contains(&(ended - began)) && agree(one, two)
        };
        // A first record is known by one name; a second one by all that it has.
        let range = Place::near(at);
        let near = names(row).into_iter().filter_map(|name| self.by_name.get(&name)).flat_map(|places| places.range(range.clone()));
        let found = near.filter(|(_, number)| self.by_number.get(number).is_some_and(&fits)).min().map(|(_, number)| *number)?;
        self.remove(found)
    }

    fn remove(&mut self, number: u64) -> Option<Half> {
        let half = self.by_number.remove(&number)?;
        for name in names(&half.row) {
            if let Some(places) = self.by_name.get_mut(&name) {
                places.remove(&half.place);
                if places.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
        Some(half)
    }
}

fn is_pair(first: &Row, second: &Row) -> bool {
    let names = first.twin.as_ref().zip(second.twin.as_ref());
    names.is_some_and(|(first, second)| first.same_as.contains(&second.rule))
}

/// What a record is found by.
fn names(row: &Row) -> Vec<String> {
    let address = row.ip_address.map(|address| format!("a:{address}"));
    let client = id(row).map(|id| format!("i:{id}"));
    if is_first(row) {
        vec![address.or(client).unwrap_or_default()]
    } else {
        address.into_iter().chain(client).chain([String::new()]).collect()
    }
}
