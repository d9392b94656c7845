//! The loop: read, join, commit, wait.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::change::{Changer, Changes};
use super::join::Join;
use super::rest::Rest;
use super::source::{Source, SourceConfig};
use super::status::{Shared, of};
use crate::clock::Clock;
use crate::events::Notice;
use crate::grammar::Library;
use crate::metrics::{Counts, Metrics};
use crate::model::{Attempt, Millis};
use crate::source::{Bell, Doorbell, LogState, SourceError};
use crate::store::{Batch, Store, StoreError};

/// Bytes read from one source before the next one has its turn.
const TURN: usize = 512 << 10;
/// Turns before what came of them is committed.
const TURNS: usize = 8;
/// So many changed clients are committed at once, whatever else there is to read: bounds the memory of a flood.
const CLIENTS: usize = 4_096;
/// How often what is too old is removed.
const EXPIRE_EVERY: Millis = 60_000;
/// While a record waits for the one that follows it, time is looked at this often.
const BREATH: Duration = Duration::from_millis(100);
/// How long to wait before a commit that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often logs that nobody named are looked for.
const LOOK_EVERY: Millis = 10_000;

/// Looks for logs that nobody named; gives all that are there now.
pub type Finder = Box<dyn FnMut() -> Vec<SourceConfig> + Send>;

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A source cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store is broken; trying again would not help.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where attempts go.
struct Taker<'a> {
    batch: &'a mut Batch,
    metrics: &'a Metrics,
    clear: bool,
}

impl Taker<'_> {
    fn take(&mut self, attempt: Attempt, reread: bool) {
        match &attempt {
            Attempt::Refused(row) => self.metrics.refused(&row.broker, row.reason_code),
            Attempt::Accepted(key, _) => self.metrics.accepted(&key.broker),
            Attempt::Revised(_) | Attempt::Proxied(_) | Attempt::Ended(..) => {}
        }
        self.batch.push(attempt, self.clear, reread);
    }
}

/// Everything that reading needs.
pub struct Ingest {
    pub(super) sources: Vec<Source>,
    pub(super) library: Arc<Library>,
    pub(super) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    pub(super) join: Join,
    pub(super) doorbell: Doorbell,
    stop: Arc<AtomicBool>,
    pub(super) changes: Changes,
    changer: Changer,
    pub(super) clear_on_success: bool,
    batch: Batch,
    rest: Rest,
    awake_every: Duration,
    /// What was counted of each source, and when nothing was left to read.
    counted: BTreeMap<String, (Counts, Option<Millis>)>,
    expired: Millis,
    notice: Option<Arc<Notice>>,
    pub(super) finder: Option<Finder>,
    pub(super) looked: Option<Millis>,
    /// What was said of each log last, so that a state is logged when it changes and not every second.
    pub(super) told: BTreeMap<PathBuf, (LogState, Option<String>)>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl Ingest {
    /// Opens the sources where the store says that they were left.
    ///
    /// # Errors
    /// The store cannot be read, or a source cannot be opened.
    pub fn open(
        sources: Vec<SourceConfig>,
        clear_on_success: bool,
        library: Arc<Library>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        shared: Arc<Shared>,
    ) -> Result<Ingest, IngestError> {
        let loaded = store.load()?;
        let doorbell = Doorbell::new();
        let bell = doorbell.bell();
        let open = |config| Source::open(config, &library, &loaded.positions, &loaded.conversations, &bell);
        let proxies = sources.iter().flat_map(|source| source.options.proxies.iter().copied()).collect();
        let mut sources = sources.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        // What a terminator says is read before what the broker behind it says of the same moment.
        sources.sort_by_key(|source| !source.is_terminator());
        let mut join = Join::open(proxies, &loaded.conversations, clock.now());
        join.know(&sources);
        let stop = Arc::new(AtomicBool::new(false));
        let (changer, changes) = Changer::new(doorbell.bell());
        Ok(Ingest {
            sources,
            library,
            store,
            clock,
            metrics,
            shared,
            join,
            doorbell,
            stop,
            changes,
            changer,
            clear_on_success,
            batch: Batch::default(),
            rest: Rest::default(),
            awake_every: Duration::MAX,
            counted: BTreeMap::new(),
            expired: 0,
            notice: None,
            finder: None,
            looked: None,
            told: BTreeMap::new(),
        })
    }

    /// Keeps events of the attempts, and rings when there are new ones.
    pub fn tell_events(&mut self, notice: Arc<Notice>) {
        self.batch.keep_events(true);
        self.notice = Some(notice);
    }

    /// Watches what this finds, too, now and from time to time. What was found once is watched from then on.
    pub fn find_more(&mut self, finder: Finder) {
        self.finder = Some(finder);
    }

    fn find(&mut self, now: Millis) -> Result<(), IngestError> {
        let is_due = self.looked.is_none_or(|looked| now - looked >= LOOK_EVERY || now < looked);
        // What is not written yet would be read again from the stored position.
        let Some(finder) = self.finder.as_mut().filter(|_| is_due && self.batch.is_empty()) else { return Ok(()) };
        self.looked = Some(now);
        let mut new = finder();
        // A log that is away for a moment is still watched; a further one of the same product opens its source anew.
        for config in &mut new {
            let old = self.sources.iter().find(|old| old.config.spec.name == config.spec.name);
            let mut paths = old.map(|old| old.config.spec.paths.clone()).unwrap_or_default();
            config.spec.paths.retain(|path| !paths.contains(path));
            paths.append(&mut config.spec.paths.clone());
            let is_known = config.spec.paths.is_empty();
            config.spec.paths = if is_known { Vec::new() } else { paths };
        }
        new.retain(|config| !config.spec.paths.is_empty());
        if new.is_empty() {
            return Ok(());
        }
        let loaded = self.store.load()?;
        let bell = self.doorbell.bell();
        for config in new {
            let (name, paths) = (config.spec.name.clone(), config.spec.paths.join(", "));
            tracing::info!(source = name, paths, "found a log; watching");
            self.sources.retain(|source| source.config.spec.name != name);
            self.sources.push(Source::open(config, &self.library, &loaded.positions, &loaded.conversations, &bell)?);
        }
        self.sources.sort_by_key(|source| !source.is_terminator());
        self.join.know(&self.sources);
        Ok(())
    }

    /// To stop it from another thread: set the flag, then ring.
    pub fn stopper(&self) -> (Arc<AtomicBool>, Bell) {
        (Arc::clone(&self.stop), self.doorbell.bell())
    }

    /// To change what it reads from another thread.
    pub fn changer(&self) -> Changer {
        self.changer.clone()
    }

    /// Lets it turn at least this often, whether there is anything to do or not: somebody watches.
    pub fn stay_awake(&mut self, every: Duration) {
        self.awake_every = every;
    }

    /// Reads until it is told to stop.
    ///
    /// # Errors
    /// The store is broken. What was read since the last commit is read again after a restart.
    pub fn run(mut self) -> Result<(), IngestError> {
        while !self.stop.load(Ordering::Acquire) {
            self.change_if_asked();
            let more = self.pass()?;
            if more {
                continue;
            }
            self.shared.set_missing(None);
            let (dirs, files): (Vec<_>, Vec<_>) =
                self.sources.iter().map(|source| (source.follower.watch_dirs(), source.follower.watch_files())).unzip();
            self.doorbell.watch(&dirs.concat(), &files.concat());
            let waiting = self.join.is_waiting() || self.sources.iter().any(Source::is_waiting);
            let ring = loop {
                let patience = self.rest.patience(self.doorbell.patience());
                let ring = self.doorbell.wait(if waiting { patience.min(BREATH) } else { patience.min(self.awake_every) });
                self.shared.turn();
                let nothing = !ring.rung && !waiting && !self.stop.load(Ordering::Acquire);
                if !(nothing && self.rest.goes_on(patience) && self.sources.iter().all(Source::is_unchanged)) {
                    break ring;
                }
            };
            self.rest.ends(ring.rung);
            if ring.names {
                self.sources.iter_mut().for_each(|source| source.follower.rediscover());
            }
        }
        Ok(())
    }

    /// The first pass, before anybody can ask the daemon to stop: it opens the files, and does not wait for a store that cannot
    /// take what they give (a full disk).
    ///
    /// # Errors
    /// The store is broken.
    pub fn begin(&mut self) -> Result<(), IngestError> {
        self.once(false).map(|_| ())
    }

    /// One pass over all sources, and the commit of what it gave. True: there is more to read at once.
    ///
    /// # Errors
    /// The store is broken.
    pub fn pass(&mut self) -> Result<bool, IngestError> {
        self.once(true)
    }

    fn once(&mut self, patient: bool) -> Result<bool, IngestError> {
        let now = self.clock.now();
        self.metrics.alive(now);
        self.find(now)?;
        let mut read = 0;
        let behind = self.join.look_at(&self.sources);
        let mut taker = Taker { batch: &mut self.batch, metrics: &self.metrics, clear: self.clear_on_success };
        let mut left: Vec<&mut Source> = self.sources.iter_mut().collect();
        for _ in 0..TURNS {
            left.retain_mut(|source| {
                let mut tell = |attempt, reread| taker.take(attempt, reread);
                let mut way = self.join.way(source, now, &mut tell);
                let progress = source.poll(&self.library, now, TURN, behind, &mut way);
                read += progress.bytes;
                progress.more
            });
            if left.is_empty() || taker.batch.clients() >= CLIENTS {
                break;
            }
        }
        let more = !left.is_empty();
        self.join.tick(&self.sources, now, &mut |attempt, reread| taker.take(attempt, reread));
        for source in &mut self.sources {
            source.save(&mut self.batch);
        }
        self.join.save(&self.sources, &mut self.batch);
        self.commit(now, patient)?;
        self.shared.turn();
        if read > 0 || !more {
            self.count(now);
            self.shared.set_sources(of(&self.sources));
            self.tell();
        }
        if now - self.expired >= EXPIRE_EVERY || now < self.expired {
            self.expired = now;
            if let Err(error) = self.store.expire(now) {
                tracing::warn!(%error, "cannot remove old rows; trying again later");
            }
        }
        Ok(more)
    }

    /// Writes the batch. While the store cannot take it (a full disk), reading waits: nothing is dropped. Without patience the
    /// batch is kept for the next commit.
    fn commit(&mut self, now: Millis, patient: bool) -> Result<(), IngestError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut told = false;
        loop {
            match self.store.commit(&self.batch, now) {
                Ok(stats) => {
                    self.metrics.committed(stats.dropped_events);
                    if let Some(notice) = self.notice.as_ref().filter(|_| !self.batch.events.is_empty()) {
                        notice.ring();
                    }
                    self.batch.clear();
                    if told {
                        self.shared.set_stuck(None);
                        tracing::info!("written; reading goes on");
                    }
                    return Ok(());
                }
                Err(error) if error.retry() && !patient => {
                    self.metrics.commit_failed();
                    return Ok(());
                }
                Err(error) if error.retry() => {
                    self.metrics.commit_failed();
                    if !told {
                        tracing::error!(%error, "cannot write; reading waits and the write is tried again every second");
                        self.shared.set_stuck(Some(format!("reading waits: {error}")));
                        told = true;
                    }
                    self.shared.set_missing(Some(format!("the store cannot be written: {error}")));
                    self.metrics.alive(self.clock.now());
                    // The store has answered: starting again would not help.
                    self.shared.turn();
                    self.doorbell.wait(AGAIN);
                    if self.stop.load(Ordering::Acquire) {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says what became of each log, where that changed.
    fn tell(&mut self) {
        let mut there = BTreeSet::new();
        for source in &self.sources {
            for log in source.statuses() {
                there.insert(log.path.clone());
                if log.is_between_files(self.clock.now()) {
                    continue;
                }
                let error = log.error.or_else(|| source.logs.get(&log.path)?.error.clone());
                let now = (log.state, error);
                let before = self.told.insert(log.path.clone(), now.clone());
                if before.as_ref() == Some(&now) {
                    continue;
                }
                let (name, path) = (&source.config.spec.name, log.path.display());
                match now {
                    (_, Some(error)) => tracing::warn!(source = name, log = %path, error, "cannot follow this log; trying again"),
                    (LogState::Waiting, None) => {
                        tracing::warn!(source = name, log = %path, "there is no such file; waiting for it (is the path right, does the broker log to a file?)");
                    }
                    (LogState::Alias, None) => tracing::info!(source = name, log = %path, "this file is read under another path already"),
                    (LogState::Following | LogState::Failing, None) => {
                        tracing::info!(source = name, log = %path, position = log.offset, "following");
                    }
                }
            }
        }
        // Logs whose names tell the day come and go for years.
        self.told.retain(|path, _| there.contains(path));
    }

    fn count(&mut self, now: Millis) {
        for source in &self.sources {
            let (sum, mut state) = source.sums();
            let (counted, caught_up) = self.counted.entry(source.config.spec.name.clone()).or_default();
            if state.lag == 0 || caught_up.is_none() {
                *caught_up = Some(now);
            }
            state.caught_up = *caught_up;
            self.metrics.read(&source.config.spec.name, &sum.since(counted), state);
            *counted = sum;
        }
    }
}
