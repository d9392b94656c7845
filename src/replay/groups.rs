//! Reads the logs of several brokers that have nothing to do with each other: at the same time, as far as there are cores for it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Prepared, Watcher, reading};
use crate::engine::{Recognised, Stats};
use crate::model::Millis;
use crate::source::SourceError;
use crate::store::Table;

/// The sources of one broker.
pub(super) type Group = Vec<Prepared>;

/// What came of one group.
struct Done {
    place: usize,
    table: Table,
    stats: Stats,
    read: Result<(), SourceError>,
}

/// Reads all groups to their ends into a table. A file that cannot be read does not keep the others from being read.
pub(super) fn read(
    groups: Vec<Group>,
    now: Millis,
    table: &mut Table,
    watcher: &mut (dyn Watcher + Send),
    stats: &mut Stats,
) -> Result<(), SourceError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(groups.len());
    // Rows that were there before are for whoever reads into their table.
    if threads < 2 || !table.is_empty() {
        let mut all = Ok(());
        for group in groups {
            all = all.and(one(group, now, table, watcher, stats));
        }
        return all;
    }
    let left = Mutex::new(groups.into_iter().enumerate().collect::<VecDeque<_>>());
    let (done, watcher) = (Mutex::new(Vec::new()), Mutex::new(watcher));
    let work = || {
        loop {
            // Not in the loop's condition: the others would have to wait for the end of its body.
            let next = held(&left).pop_front();
            let Some((place, group)) = next else { break };
            let (mut table, mut stats) = (Table::default(), Stats::default());
            let read = one(group, now, &mut table, &mut Shared(&watcher), &mut stats);
            held(&done).push(Done { place, table, stats, read });
        }
    };
    std::thread::scope(|scope| {
        // This thread reads, too; where no other can be begun, it reads all.
        for _ in 1..threads {
            let _ = std::thread::Builder::new().name("replay".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|group| group.place);
    let mut all = Ok(());
    for group in done {
        table.take_in(group.table);
        stats.add(&group.stats);
        all = all.and(group.read);
    }
    all
}

/// Reads the logs of one broker.
fn one(mut group: Group, now: Millis, table: &mut Table, watcher: &mut dyn Watcher, stats: &mut Stats) -> Result<(), SourceError> {
    // Of an attempt that waits for another log, the table knows nothing yet.
    if let [source] = group.as_mut_slice()
        && source.is_told_at_once()
    {
        source.rows = Some(table.names());
    }
    reading::read(group, now, &mut |attempt| table.push(attempt, true), watcher, stats)
}

/// What several threads tell one watcher.
struct Shared<'a, 'w>(&'a Mutex<&'w mut (dyn Watcher + Send)>);

impl Watcher for Shared<'_, '_> {
    fn recognised(&mut self, path: &Path, found: &Recognised) {
        held(self.0).recognised(path, found);
    }

    fn progress(&mut self, path: &Path, done: u64, total: Option<u64>) {
        held(self.0).progress(path, done, total);
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
