//! What the daemon did since it started, and its text for Prometheus. Labels are names of the configuration and words of ours:
//! nothing comes from a log.

mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Millis, Reason};

/// The counters. They only grow; any thread may add to them.
#[derive(Debug, Default)]
pub struct Metrics {
    sources: Mutex<BTreeMap<String, Source>>,
    outputs: Mutex<BTreeMap<String, Output>>,
    requests: Mutex<BTreeMap<(&'static str, &'static str, u16), u64>>,
    commits: AtomicU64,
    commit_errors: AtomicU64,
    dropped_events: AtomicU64,
    reload_failed: AtomicBool,
    /// When the thread that reads last went round; 0: not yet.
    pass: AtomicI64,
}

/// One source.
#[derive(Debug, Clone, Default)]
struct Source {
    counts: Counts,
    refused: BTreeMap<Reason, u64>,
    accepted: u64,
    state: State,
}

/// What was read of one source in one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// Records that fitted a rule.
    pub matched: u64,
    /// Records that fitted none and speak of a failure.
    pub suspicious: u64,
    /// Open connections and unfinished conversations that were forgotten because there were too many.
    pub evicted: u64,
    /// Times that lines were, or may have been, lost.
    pub gaps: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.matched += other.matched;
        self.suspicious += other.suspicious;
        self.evicted += other.evicted;
        self.gaps += other.gaps;
    }

    /// What was added since `before`. A log that is not followed any more takes its counts with it: that is no step back.
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            lines: self.lines.saturating_sub(before.lines),
            bytes: self.bytes.saturating_sub(before.bytes),
            matched: self.matched.saturating_sub(before.matched),
            suspicious: self.suspicious.saturating_sub(before.suspicious),
            evicted: self.evicted.saturating_sub(before.evicted),
            gaps: self.gaps.saturating_sub(before.gaps),
        }
    }
}

/// How a source stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Logs that are followed.
    pub following: u64,
    /// Logs that are not there.
    pub waiting: u64,
    /// Logs that cannot be read.
    pub failing: u64,
    /// Bytes that are not read yet.
    pub lag: u64,
    /// When nothing was left to read for the last time; none: not yet.
    pub caught_up: Option<Millis>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Output {
    told: u64,
    skipped: u64,
    given_up: u64,
    errors: u64,
}

impl Metrics {
    /// This was read of a source, and so it stands now.
    pub fn read(&self, source: &str, counts: &Counts, state: State) {
        let mut sources = lock(&self.sources);
        let source = sources.entry(source.to_owned()).or_default();
        source.counts.add(counts);
        source.state = state;
    }

    /// A connection to this broker was refused for this reason.
    pub fn refused(&self, broker: &str, reason: Reason) {
        self.of(broker, |source| *source.refused.entry(reason).or_default() += 1);
    }

    /// A connection to this broker was accepted.
    pub fn accepted(&self, broker: &str) {
        self.of(broker, |source| source.accepted += 1);
    }

    fn of(&self, broker: &str, change: impl FnOnce(&mut Source)) {
        let mut sources = lock(&self.sources);
        match sources.get_mut(broker) {
            Some(source) => change(source),
            None => change(sources.entry(broker.to_owned()).or_default()),
        }
    }

    /// A batch was written; so many events had to go for it.
    pub fn committed(&self, dropped_events: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.dropped_events.fetch_add(dropped_events, Ordering::Relaxed);
    }

    /// A batch could not be written.
    pub fn commit_failed(&self) {
        self.commit_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// The configuration was read again; whether the new one is in use.
    pub fn reloaded(&self, is_in_use: bool) {
        self.reload_failed.store(!is_in_use, Ordering::Relaxed);
    }

    /// Whether the configuration was read again last without success, so that an older one is in use.
    pub fn reload_failed(&self) -> bool {
        self.reload_failed.load(Ordering::Relaxed)
    }

    /// The API answered a request: its method, its route (as in the table of routes) and the status.
    pub fn request(&self, method: &'static str, route: &'static str, status: u16) {
        *lock(&self.requests).entry((method, route, status)).or_default() += 1;
    }

    /// An output is done with so many events.
    pub fn events(&self, output: &str, told: u64, skipped: u64, given_up: u64) {
        let mut outputs = lock(&self.outputs);
        let output = outputs.entry(output.to_owned()).or_default();
        output.told += told;
        output.skipped += skipped;
        output.given_up += given_up;
    }

    /// An output could not be told.
    pub fn event_error(&self, output: &str) {
        lock(&self.outputs).entry(output.to_owned()).or_default().errors += 1;
    }

    /// The thread that reads goes round.
    pub fn alive(&self, now: Millis) {
        self.pass.store(now, Ordering::Relaxed);
    }

    /// When it last did; none: not yet.
    pub fn last_pass(&self) -> Option<Millis> {
        Some(self.pass.load(Ordering::Relaxed)).filter(|pass| *pass != 0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
