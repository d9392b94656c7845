//! What joins the logs in the daemon: those of one broker (`twin`), and those of terminators and brokers (`link`); and what of it
//! outlives a restart.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::source::Source;
use crate::link::{Linker, Side};
use crate::model::{Attempt, Millis};
use crate::source::logs_of;
use crate::store::{Batch, LogState};
use crate::twin::{Twins, log_id};

/// The names under which their state is stored. No source is called so: names have no colon.
const LINKS: &str = "turnaway:links";
const TWINS: &str = "turnaway:twins";
/// What one of several logs of a broker may read before it is seen how far the others are, in bytes.
const TURN: usize = 64 << 10;

/// The joining stages, and their way to the store.
#[derive(Debug, Default)]
pub(super) struct Join {
    linker: Linker,
    twins: Twins,
}

/// Who takes what the logs of one source give.
pub(super) trait Inlet {
    /// An attempt.
    fn take(&mut self, log: &Path, attempt: Attempt, reread: bool);
    /// The log was read up to this time; whether there is more to be read at once.
    fn reached(&mut self, log: &Path, ts: Option<Millis>, more: bool);
    /// How many bytes of the log may be read now.
    fn turn(&self, log: &Path) -> usize;
}

type Tell<'a> = dyn FnMut(Attempt, bool) + 'a;

/// The way of one source's attempts.
pub(super) struct Way<'a> {
    join: &'a mut Join,
    source: String,
    broker: Arc<str>,
    side: Side,
    now: Millis,
    tell: &'a mut Tell<'a>,
}

impl Join {
    /// Goes on from what was stored.
    pub(super) fn open(proxies: Vec<IpAddr>, stored: &[LogState], now: Millis) -> Join {
        let mut join = Join { linker: Linker::new(proxies), twins: Twins::default() };
        if let Some(state) = stored_as(stored, LINKS, "stored connections of terminators cannot be read; they are forgotten") {
            join.linker.restore(state);
        }
        if let Some(state) = stored_as(stored, TWINS, "stored attempts that wait for other logs cannot be read; they are forgotten") {
            join.twins.restore(state, now);
        }
        join
    }

    /// These logs are there: an attempt of one of several may be told by another, too.
    pub(super) fn know(&mut self, sources: &[Source]) {
        for config in sources.iter().map(|source| &source.config) {
            // A glob that finds nothing is no log.
            let is_log = |log: &PathBuf, path: &str| *log != Path::new(path) || !path.contains(['*', '?', '[']);
            let logs = config.spec.paths.iter().flat_map(|path| logs_of(path).into_iter().filter(move |log| is_log(log, path)));
            for log in logs {
                self.twins.log(&config.options.settings.broker, log_id(&config.spec.name, &log));
            }
        }
    }

    /// The way of this source's attempts to `tell`.
    pub(super) fn way<'a>(&'a mut self, source: &Source, now: Millis, tell: &'a mut Tell<'a>) -> Way<'a> {
        let config = &source.config;
        let side = if source.is_terminator() { Side::Terminator } else { Side::Broker };
        Way { join: self, source: config.spec.name.clone(), broker: config.options.settings.broker.clone(), side, now, tell }
    }

    /// All logs have been looked at: what waited long enough is told.
    pub(super) fn tick(&mut self, sources: &[Source], now: Millis, tell: &mut Tell<'_>) {
        let Join { linker, twins } = self;
        let is_terminator =
            |broker: &str| sources.iter().any(|one| one.config.options.settings.broker.as_ref() == broker && one.is_terminator());
        twins.tick(now, &mut |broker, attempt, reread| {
            let side = if is_terminator(broker) { Side::Terminator } else { Side::Broker };
            linker.push(side, attempt, reread, now, tell);
        });
        linker.tick(now, tell);
    }

    /// Other terminators' addresses from now on.
    pub(super) fn set_proxies(&mut self, proxies: Vec<IpAddr>) {
        self.linker.set_proxies(proxies);
    }

    /// Looks whether a terminator is among the sources; true: there is one.
    pub(super) fn look_at(&mut self, sources: &[Source]) -> bool {
        let behind = sources.iter().any(Source::is_terminator);
        if behind {
            self.linker.activate();
        }
        behind
    }

    /// Whether a refusal waits for the other log.
    pub(super) fn is_waiting(&self) -> bool {
        self.linker.is_waiting() || self.twins.is_waiting()
    }

    /// Adds their state to the batch, as far as it changed.
    pub(super) fn save(&mut self, sources: &[Source], batch: &mut Batch) {
        for (source, log) in &batch.forgotten {
            if let Some(config) = sources.iter().map(|one| &one.config).find(|config| config.spec.name == *source) {
                self.twins.forget(&config.options.settings.broker, log_id(source, Path::new(log)));
            }
        }
        let links = self.linker.state().and_then(|state| serde_json::to_vec(&state).ok());
        let twins = self.twins.state().and_then(|state| serde_json::to_vec(&state).ok());
        for (name, state) in [(LINKS, links), (TWINS, twins)] {
            batch.conversations.extend(state.map(|state| LogState { source: name.to_owned(), log: String::new(), state }));
        }
    }
}

impl Inlet for Way<'_> {
    fn take(&mut self, log: &Path, attempt: Attempt, reread: bool) {
        let Join { linker, twins } = &mut *self.join;
        let (side, now, tell) = (self.side, self.now, &mut *self.tell);
        twins.push(&self.broker, log_id(&self.source, log), attempt, reread, now, &mut |attempt, reread| {
            linker.push(side, attempt, reread, now, tell);
        });
    }

    fn reached(&mut self, log: &Path, ts: Option<Millis>, more: bool) {
        self.join.twins.reached(&self.broker, log_id(&self.source, log), ts, more);
    }

    fn turn(&self, log: &Path) -> usize {
        let twins = &self.join.twins;
        match twins.has_several(&self.broker) {
            false => usize::MAX,
            true if twins.is_next(&self.broker, log_id(&self.source, log)) => TURN,
            true => 0,
        }
    }
}

fn stored_as<T: DeserializeOwned>(stored: &[LogState], name: &str, lost: &'static str) -> Option<T> {
    let stored = stored.iter().find(|state| state.source == name)?;
    serde_json::from_slice(&stored.state).map_err(|error| tracing::warn!(%error, "{lost}")).ok()
}
