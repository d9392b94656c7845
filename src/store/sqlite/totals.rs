//! How many rows fit a filter, for as long as nothing is written: who turns pages need not have them counted again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Filter;

/// Filters whose totals are kept.
const KEPT: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Twice the number of commits, and one more while one is being made.
    commits: AtomicU64,
    /// How many rows there are; may lag behind by a commit.
    rows: AtomicU64,
    known: Mutex<VecDeque<Known>>,
}

#[derive(Debug)]
struct Known {
    filter: Filter,
    total: u64,
    /// The commits before it was counted.
    commits: u64,
}

impl Totals {
    /// For a table of this many rows.
    pub(super) fn new(rows: u64) -> Totals {
        Totals { rows: AtomicU64::new(rows), ..Totals::default() }
    }

    /// About how many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn set_rows(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Commits: what was counted before is worth nothing.
    pub(super) fn change<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.commits.fetch_add(1, Ordering::AcqRel);
        let done = commit();
        self.commits.fetch_add(1, Ordering::AcqRel);
        done
    }

    /// The commits so far, unless one is being made: who finds the same number twice has seen one table in between.
    pub(super) fn settled(&self) -> Option<u64> {
        Some(self.commits()).filter(|commits| commits.is_multiple_of(2))
    }

    /// Which commits there have been: to be asked before counting begins.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// The total for this filter, if nothing was written since it was counted.
    pub(super) fn known(&self, filter: &Filter) -> Option<u64> {
        let commits = self.settled()?;
        self.lock().iter().find(|known| known.commits == commits && known.filter == *filter).map(|known| known.total)
    }

    /// Keeps a total that was counted after this many commits. What was committed while it was counted may be in it or not: it is
    /// kept under the older number, which nobody asks for any more.
    pub(super) fn learn(&self, filter: &Filter, total: u64, commits: u64) {
        if !commits.is_multiple_of(2) {
            return;
        }
        let mut known = self.lock();
        known.retain(|known| known.commits == commits && known.filter != *filter);
        known.truncate(KEPT - 1);
        known.push_front(Known { filter: filter.clone(), total, commits });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
