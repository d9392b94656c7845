//! The rows in memory: what a replay of finished logs fills.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::CommitStats;
use super::batch::{Batch, Known};
use crate::model::{Attempt, Change, ClientKey, Millis, Row};

/// A table of rows with the semantics of the store, without limits, retention and deletions.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: HashMap<ClientKey, Box<Row>>,
}

impl Table {
    /// Adds one attempt, in order of arrival.
    pub fn push(&mut self, attempt: Attempt, clear_on_success: bool) {
        match attempt {
            Attempt::Refused(row) => {
                self.apply(row.key(), Change { clear: false, row: Some(row) });
            }
            Attempt::Revised(mut row) => {
                row.attempts = 0;
                let key = row.key();
                if self.rows.get(&key).is_some_and(|latest| latest.ts == row.ts) {
                    self.apply(key, Change { clear: false, row: Some(row) });
                }
            }
            Attempt::Accepted(key, _) if clear_on_success => {
                self.apply(key, Change { clear: true, row: None });
            }
            Attempt::Accepted(..) | Attempt::Proxied(_) => {}
        }
    }

    /// Does what a store does with the same batch; positions are ignored.
    pub fn commit(&mut self, batch: &Batch) -> CommitStats {
        let mut stats = CommitStats::default();
        for (key, pending) in batch.changes() {
            let known = Known { row: self.rows.get(key).map(|row| row.ts), floor: Millis::MIN };
            match pending.resolve(known) {
                None => stats.ignored += 1,
                Some(change) if change.row.is_some() => {
                    stats.written += 1;
                    self.apply(key.clone(), change);
                }
                Some(change) => stats.cleared += u64::from(self.apply(key.clone(), change)),
            }
        }
        stats
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the order of their keys: client ID, identity, broker.
    pub fn into_rows(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.into_values().map(|row| *row).collect();
        rows.sort_by(|a, b| order(a).cmp(&order(b)));
        rows
    }

    /// Makes one change, and says whether a row stood there.
    fn apply(&mut self, key: ClientKey, change: Change) -> bool {
        match (self.rows.entry(key), change.row) {
            (Entry::Occupied(mut entry), Some(mut row)) => {
                if !change.clear {
                    row.continue_from(entry.get());
                }
                entry.insert(row);
                true
            }
            (Entry::Occupied(entry), None) => {
                if change.clear {
                    entry.remove();
                }
                true
            }
            (Entry::Vacant(entry), Some(row)) => {
                entry.insert(row);
                false
            }
            (Entry::Vacant(_), None) => false,
        }
    }
}

fn order(row: &Row) -> (&str, &str, &str) {
    (&row.client_id, row.identity.code(), &row.broker)
}
