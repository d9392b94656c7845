//! What the API shows of the sources.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::source::Source;

/// Shared between the thread that reads and the one that serves.
#[derive(Debug, Default)]
pub struct Shared {
    sources: Mutex<Value>,
    missing: Mutex<Option<String>>,
    /// Why nothing is read at the moment.
    stuck: Mutex<Option<String>>,
    /// Why the newest configuration is not in use.
    reload_failure: Mutex<Option<String>>,
    turns: AtomicU64,
}

impl Shared {
    /// Nothing has been read yet.
    pub fn new() -> Shared {
        let shared = Shared::default();
        shared.set_missing(Some("the logs are being read for the first time".to_owned()));
        shared.set_sources(json!([]));
        shared
    }

    /// The sources, as `/api/sources` shows them.
    pub fn sources(&self) -> Value {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the first pass over all logs is done; if not, what is missing.
    ///
    /// # Errors
    /// What is missing.
    pub fn ready(&self) -> Result<(), String> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// How often the reading loop has turned, each time with a commit behind it, or an answer why there is none. A write that hangs
    /// stops it.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Why reading waits, if it does.
    pub fn stuck(&self) -> Option<String> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the newest configuration is not in use, if it is not.
    pub fn reload_failure(&self) -> Option<String> {
        self.reload_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why the newest configuration is not in use.
    pub fn set_reload_failure(&self, why: Option<String>) {
        *self.reload_failure.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_stuck(&self, why: Option<String>) {
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn set_sources(&self, sources: Value) {
        *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    pub(super) fn set_missing(&self, missing: Option<String>) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }
}

/// The state of all logs.
pub(super) fn of(sources: &[Source]) -> Value {
    let logs = sources.iter().flat_map(|source| {
        source.statuses().into_iter().map(|file| {
            let work = source.logs.get(&file.path);
            let stats = work.map(super::log::LogWork::stats).unwrap_or_default();
            let grammar = work.and_then(super::log::LogWork::grammar);
            let named = source.config.grammar.as_ref().map(|grammar| (grammar.name.clone(), grammar.title.clone()));
            let (name, title) = grammar.or(named).unzip();
            json!({
                "name": source.config.spec.name,
                "path": file.path.display().to_string(),
                "grammar": name,
                "product": title,
                "state": file.state.code(),
                "position": file.offset,
                "size": file.size,
                "lag": file.lag,
                "lines": file.lines,
                "bytes": file.bytes,
                "matched": stats.matched,
                "refused": stats.refused,
                "accepted": stats.accepted,
                "probes": stats.probes,
                "longLines": file.long_lines,
                "gaps": file.gaps,
                "lastChange": file.changed,
                "lastError": work.and_then(|work| work.error.clone()).or(file.error),
            })
        })
    });
    logs.collect()
}
