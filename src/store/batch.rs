//! What one commit changes: attempts coalesced to at most one write for each client, and the positions they came from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::{Attempt, Change, ClientKey, Event, EventKind, Millis, Row, Told};

/// What is kept for one log, as its owner wrote it: the store does not look inside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogState {
    /// The name of the source.
    pub source: String,
    /// The path of the log, or what stands for it.
    pub log: String,
    /// The owner's bytes.
    pub state: Vec<u8>,
}

/// What one commit changes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    changes: HashMap<ClientKey, Pending>,
    /// How far each log was read; replaces what stands for the same source and log.
    pub positions: Vec<LogState>,
    /// The open conversations of each log; replaces likewise.
    pub conversations: Vec<LogState>,
    /// Logs (source, path) whose position and conversations are to be forgotten; done before the two above are written.
    pub forgotten: Vec<(String, String)>,
    /// What is to be told of the attempts, in order of arrival.
    pub events: Vec<Told>,
    /// Whether anybody wants to be told.
    keeps_events: bool,
}

impl Batch {
    /// Adds an attempt, in order of arrival. With `clear_on_success` off an accepted connection changes nothing.
    /// `reread` says that the line may have been read before: then only what is newer than all that is known counts.
    pub fn push(&mut self, attempt: Attempt, clear_on_success: bool, reread: bool) {
        if self.keeps_events {
            self.events.extend(told(&attempt, reread));
        }
        let (key, step) = match attempt {
            Attempt::Refused(row) if reread => (row.key(), Step::Again { times: vec![row.ts], row }),
            Attempt::Refused(row) => (row.key(), Step::Fresh(Change { clear: false, row: Some(row) })),
            Attempt::Revised(row) => (row.key(), Step::revised(row)),
            Attempt::Accepted(..) if !clear_on_success => return,
            Attempt::Proxied(_) | Attempt::Ended(..) => return,
            Attempt::Accepted(key, ts) if reread => (key, Step::AcceptedAgain(ts)),
            Attempt::Accepted(key, _) => (key, Step::Fresh(Change { clear: true, row: None })),
        };
        match self.changes.entry(key) {
            Entry::Occupied(entry) => entry.into_mut().push(step),
            Entry::Vacant(entry) => {
                entry.insert(Pending::new(step));
            }
        }
    }

    /// Whether events of the attempts are kept beside the rows.
    pub fn keep_events(&mut self, keep: bool) {
        self.keeps_events = keep;
    }

    /// How many clients the batch changes.
    pub fn clients(&self) -> usize {
        self.changes.len()
    }

    /// Whether a commit of it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.events.is_empty()
            && self.positions.is_empty()
            && self.conversations.is_empty()
            && self.forgotten.is_empty()
    }

    /// Empties it after a commit, and keeps its memory.
    pub fn clear(&mut self) {
        self.changes.clear();
        self.positions.clear();
        self.conversations.clear();
        self.forgotten.clear();
        self.events.clear();
    }

    /// The clients and what happened to them, in no particular order.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&ClientKey, &Pending)> {
        self.changes.iter()
    }
}

/// What is to be told of an attempt.
fn told(attempt: &Attempt, reread: bool) -> Option<Told> {
    let (row, kind) = match attempt {
        Attempt::Refused(row) => (row, EventKind::Refused),
        Attempt::Revised(row) => (row, EventKind::Revised),
        Attempt::Accepted(..) | Attempt::Proxied(_) | Attempt::Ended(..) => return None,
    };
    Some(Told { key: row.key(), event: Event::new(row, kind), reread })
}

/// What happened to one client within a batch.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    /// Only lines that were read for the first time: the usual case, and no need to look at the stored row.
    Fresh(Change),
    /// Lines that may have been read before are among them: what they change depends on the stored row.
    Mixed(Vec<Step>),
}

/// A run of attempts of one client.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Attempts from lines that were never read before.
    Fresh(Change),
    /// Refusals from lines that may have been read before: the newest, and the strictly rising times of them all.
    Again { row: Box<Row>, times: Vec<Millis> },
    /// An acceptance from such a line.
    AcceptedAgain(Millis),
    /// The row of the attempt with this time is known better. It counts nothing.
    Revised(Box<Row>),
}

impl Step {
    fn revised(mut row: Box<Row>) -> Step {
        row.attempts = 0;
        Step::Revised(row)
    }
}

/// What the store knows of a client before a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The time of its row, if there is one.
    pub(super) row: Option<Millis>,
    /// Refusals that were read again count only if they are later than this: deletions, and the reach of retention.
    pub(super) floor: Millis,
}

impl Pending {
    fn new(step: Step) -> Pending {
        match step {
            Step::Fresh(change) => Pending::Fresh(change),
            step => Pending::Mixed(vec![step]),
        }
    }

    fn push(&mut self, step: Step) {
        match (&mut *self, step) {
            (Pending::Fresh(change), Step::Revised(row)) => revise(change, row),
            (Pending::Fresh(change), Step::Fresh(next)) => follow(change, next),
            (Pending::Fresh(change), step) => *self = Pending::Mixed(vec![Step::Fresh(std::mem::take(change)), step]),
            (Pending::Mixed(steps), step) => match (steps.last_mut(), step) {
                (Some(Step::Fresh(change)), Step::Fresh(next)) => follow(change, next),
                (Some(Step::Again { row, times }), Step::Again { row: next, .. }) => {
                    // Not later than the one before: whether that one counted or not, this one does not.
                    if next.ts > row.ts {
                        times.push(next.ts);
                        *row = next;
                    }
                }
                (Some(Step::Fresh(change)), Step::Revised(row)) => revise(change, row),
                (_, step) => steps.push(step),
            },
        }
    }

    /// What the attempts come to, or none if all of them were known before.
    pub(super) fn resolve(&self, known: Known) -> Option<Change> {
        let steps = match self {
            Pending::Fresh(change) => return Some(change.clone()),
            Pending::Mixed(steps) => steps,
        };
        let mut sum: Option<Change> = None;
        let mut stands = known.row;
        for step in steps {
            let change = match step {
                Step::Fresh(change) => change.clone(),
                Step::Again { row, times } => {
                    let floor = stands.map_or(known.floor, |ts| ts.max(known.floor));
                    let new = times.partition_point(|ts| *ts <= floor);
                    let Some(first) = times.get(new) else { continue };
                    let mut row = row.clone();
                    row.attempts = (times.len() - new) as u64;
                    row.first_ts = *first;
                    Change { clear: false, row: Some(row) }
                }
                Step::Revised(row) if stands == Some(row.ts) => Change { clear: false, row: Some(row.clone()) },
                Step::Revised(_) => continue,
                Step::AcceptedAgain(ts) => match stands {
                    Some(row) if row <= *ts => Change { clear: true, row: None },
                    _ => continue,
                },
            };
            match &change.row {
                Some(row) => stands = Some(row.ts),
                None if change.clear => stands = None,
                None => {}
            }
            match &mut sum {
                Some(sum) => follow(sum, change),
                None => sum = Some(change),
            }
        }
        sum
    }
}

/// Puts what is known better in the place of the attempt that it is about, if that is still the latest.
fn revise(change: &mut Change, row: Box<Row>) {
    if change.row.as_ref().is_some_and(|latest| latest.ts == row.ts) {
        follow(change, Change { clear: false, row: Some(row) });
    }
}

/// Makes `next`, which came later, go on from `change`.
fn follow(change: &mut Change, mut next: Change) {
    if next.clear {
        *change = next;
        return;
    }
    if let (Some(older), Some(newer)) = (&change.row, &mut next.row) {
        newer.continue_from(older);
    }
    if next.row.is_some() {
        change.row = next.row;
    }
}
