//! The newest ends of connections in the broker's log, and which sessions of the terminators' logs they are.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::align::{End, Seen, align, span};
use super::passages::Passages;
use crate::model::Millis;

/// More ends than this are not kept: the older ones are settled.
const MOST: usize = 4_096;
/// The same where the terminators' logs have been read to their ends: nothing is won by waiting, and comparing costs time.
const MOST_COMPLETE: usize = 256;
/// How long an end is kept, in real time, that nobody asks for: its session's line may come a little later.
const KEPT: Millis = 5_000;

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    seen: Seen,
    /// The refusal that waits to know which session it was.
    held: Option<u64>,
    since: Millis,
}

/// The newest ends, in the order of the broker's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ends {
    list: VecDeque<Known>,
}

impl Ends {
    pub(super) fn push(&mut self, end: End, ts: Millis, held: Option<u64>, now: Millis) {
        self.list.push_back(Known { seen: Seen { time: span(ts), end }, held, since: now });
    }

    /// Whether some must be settled before more can be kept.
    pub(super) fn is_full(&self, complete: bool) -> bool {
        self.list.len() >= if complete { MOST_COMPLETE } else { MOST }
    }

    /// The session of each refusal that waits.
    pub(super) fn sessions(&self, passages: &Passages) -> BTreeMap<u64, u64> {
        let found = self.aligned(passages);
        self.list.iter().zip(found).filter_map(|(known, number)| Some((known.held?, number?))).collect()
    }

    /// Takes the oldest away: the refusals among them, and all sessions that they are. A quarter stays, by which the next are told.
    pub(super) fn settle(&mut self, passages: &Passages) -> (BTreeMap<u64, Option<u64>>, Vec<u64>) {
        let found = self.aligned(passages);
        let settled: Vec<(Known, Option<u64>)> = self.list.drain(..self.list.len() * 3 / 4).zip(found).collect();
        let refusals = settled.iter().filter_map(|(known, number)| Some((known.held?, *number))).collect();
        (refusals, settled.into_iter().filter_map(|(_, number)| number).collect())
    }

    /// A refusal was told: it waits no more.
    pub(super) fn told(&mut self, held: u64) {
        self.list.retain(|known| known.held != Some(held));
    }

    /// Forgets what nobody waits for.
    pub(super) fn forget(&mut self, now: Millis) {
        while self.list.front().is_some_and(|known| known.held.is_none() && (now - known.since >= KEPT || now < known.since)) {
            self.list.pop_front();
        }
    }

    fn aligned(&self, passages: &Passages) -> Vec<Option<u64>> {
        let ends: Vec<Seen> = self.list.iter().map(|known| known.seen).collect();
        let (from, to) = (ends.iter().map(|seen| seen.time.0).min(), ends.iter().map(|seen| seen.time.1).max());
        let (Some(from), Some(to)) = (from, to) else { return Vec::new() };
        let (numbers, sessions): (Vec<u64>, Vec<_>) = passages.ended_between(from, to).into_iter().unzip();
        align(&ends, &sessions).into_iter().map(|column| numbers.get(column?).copied()).collect()
    }
}
