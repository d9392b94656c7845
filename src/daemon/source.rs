//! All logs of one source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::join::Inlet;
use super::log::LogWork;
use crate::engine::Options;
use crate::grammar::{Grammar, Library};
use crate::metrics::{Counts, State};
use crate::model::{Attempt, Millis};
use crate::source::{
    Bell, Cursor, Follower, JOURNAL, Journal, LogState as Standing, LogStatus, Position, Progress, Sink, SourceError, SourceSpec, Stream,
    is_fifo,
};
use crate::store::{Batch, LogState};

/// One source, checked.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Name, paths, where to begin.
    pub spec: SourceSpec,
    /// Its grammar; none: recognise it.
    pub grammar: Option<Arc<Grammar>>,
    /// Name, TLS ports, zone, time format.
    pub options: Options,
}

/// A source at work.
pub(super) struct Source {
    pub(super) config: SourceConfig,
    pub(super) follower: Follower,
    pub(super) streams: Vec<Stream>,
    pub(super) journals: Vec<Journal>,
    pub(super) logs: BTreeMap<PathBuf, LogWork>,
    /// The positions as they were stored last, by log.
    stored: BTreeMap<String, Vec<u8>>,
    bell: Bell,
}

impl Source {
    /// Opens a source where the store says that it was left.
    ///
    /// # Errors
    /// Standard input or a FIFO cannot be read.
    pub(super) fn open(
        config: SourceConfig,
        library: &Library,
        positions: &[LogState],
        conversations: &[LogState],
        bell: &Bell,
    ) -> Result<Source, SourceError> {
        let name = config.spec.name.clone();
        let mine = |state: &&LogState| state.source == name;
        let mut stored = Vec::new();
        let mut unreadable = Vec::new();
        let mut cursors = BTreeMap::new();
        for state in positions.iter().filter(mine) {
            if state.log.starts_with(JOURNAL) {
                match serde_json::from_slice::<Cursor>(&state.state) {
                    Ok(cursor) => drop(cursors.insert(state.log.clone(), cursor)),
                    Err(error) => {
                        tracing::warn!(source = name, log = state.log, %error, "a stored position cannot be read; the journal is read again");
                        unreadable.push(state.log.as_str());
                    }
                }
                continue;
            }
            match serde_json::from_slice::<Vec<Position>>(&state.state) {
                Ok(found) => stored.extend(found),
                Err(error) => {
                    tracing::warn!(source = name, log = state.log, %error, "a stored position cannot be read; the log is read again");
                    unreadable.push(state.log.as_str());
                }
            }
        }
        let restored = conversations.iter().filter(mine).filter(|state| !unreadable.contains(&state.log.as_str()));
        let restored = restored.map(|state| (PathBuf::from(&state.log), LogWork::restored(&config, library, &state.state)));
        // What is read again must neither count twice nor bring back what was deleted.
        let anew = unreadable.iter().map(|log| (PathBuf::from(log), LogWork::again()));
        let logs = restored.chain(anew).collect();
        let files = files_of(&config.spec);
        let streams = streams(&config.spec, &[], bell)?;
        let journals = journals_of(&config.spec).map(|path| journal(&config.spec, path, cursors.remove(path), bell)).collect();
        let stored_now = positions.iter().filter(mine).map(|state| (state.log.clone(), state.state.clone())).collect();
        Ok(Source { follower: Follower::new(files, stored), config, streams, journals, logs, stored: stored_now, bell: bell.clone() })
    }

    /// Opens what another configuration of this source adds and may fail to be opened.
    ///
    /// # Errors
    /// Standard input or a FIFO cannot be read.
    pub(super) fn new_streams(&self, config: &SourceConfig, bell: &Bell) -> Result<Vec<Stream>, SourceError> {
        let there: Vec<PathBuf> = self.streams.iter().map(|stream| stream.status().path).collect();
        streams(&config.spec, &there, bell)
    }

    /// Goes on under another configuration. What stays is not read anew, what is new begins where its position says. Returns
    /// whether anything is different.
    pub(super) fn change(&mut self, config: SourceConfig, streams: Vec<Stream>, old: &Library, new: &Library) -> bool {
        let named = |config: &SourceConfig| config.grammar.as_ref().map(|grammar| grammar.name.clone());
        let same_spec = self.config.spec == config.spec;
        let same_grammar = named(&self.config) == named(&config)
            && named(&config).is_none_or(|name| new.agrees(old, &name))
            && self.logs.values().all(|log| log.agrees(old, new));
        if same_spec && same_grammar && self.config.options == config.options {
            return false;
        }
        if !same_spec {
            self.follower = Follower::new(files_of(&config.spec), self.follower.positions());
            self.streams.retain(|stream| config.spec.paths.iter().any(|path| Path::new(path) == stream.status().path));
            self.streams.extend(streams);
            let before = std::mem::take(&mut self.journals);
            let cursor = |path: &str| before.iter().find(|journal| journal.path() == Path::new(path)).and_then(Journal::position);
            // A position of a journal that is not read any more stays in the store, under its name.
            let stored = |path: &str| serde_json::from_slice(self.stored.get(path)?).ok();
            let paths =
                journals_of(&config.spec).map(|path| journal(&config.spec, path, cursor(path).or_else(|| stored(path)), &self.bell));
            self.journals = paths.collect();
        }
        let logs = std::mem::take(&mut self.logs);
        self.logs = logs.into_iter().map(|(path, log)| (path, log.changed(&config, new))).collect();
        self.config = config;
        true
    }

    /// How each of its logs stands.
    pub(super) fn statuses(&self) -> Vec<LogStatus> {
        let streams = self.streams.iter().map(Stream::status);
        self.follower.status().into_iter().chain(streams).chain(self.journals.iter().map(Journal::status)).collect()
    }

    /// Whether it is a terminator's, as far as is known.
    pub(super) fn is_terminator(&self) -> bool {
        self.config.grammar.as_ref().is_some_and(|grammar| grammar.is_terminator()) || self.logs.values().any(LogWork::is_terminator)
    }

    /// One pass over all logs.
    pub(super) fn poll(&mut self, library: &Library, now: Millis, budget: usize, behind: bool, taker: &mut dyn Inlet) -> Progress {
        self.logs.values_mut().for_each(|log| log.behind = behind);
        let mut out = Vec::new();
        let mut sink = Into { config: &self.config, library, logs: &mut self.logs, now, out: &mut out, taker };
        let mut progress = self.follower.poll(now, budget, &mut sink);
        let mut streams_more = false;
        for stream in &mut self.streams {
            let streamed = stream.poll(now, budget, &mut sink);
            progress.more |= streamed.more;
            streams_more |= streamed.more;
            progress.bytes += streamed.bytes;
        }
        for journal in &mut self.journals {
            let told = journal.poll(now, budget, &mut sink);
            progress.more |= told.more;
            progress.bytes += told.bytes;
        }
        let ended = !self.streams.is_empty() && self.streams.iter().all(Stream::ended);
        for (path, log) in &mut self.logs {
            if ended && self.streams.iter().any(|stream| stream.status().path == *path) {
                log.finish(&mut out);
            }
            log.tick(now, &mut out);
            out.drain(..).for_each(|attempt| taker.take(path, attempt, log.reread));
            taker.reached(
                path,
                log.reached(),
                self.follower.has_more(path) || streams_more && self.streams.iter().any(|stream| stream.status().path == *path),
            );
            if !progress.more {
                // Everything that may have been read before has been read again.
                log.reread = false;
            }
        }
        if ended {
            self.streams.clear();
        }
        progress
    }

    /// Whether all files are as they were left, as far as a glance tells. Streams ring when they have something.
    pub(super) fn is_unchanged(&self) -> bool {
        self.follower.is_unchanged() && !self.logs.values().any(|log| log.reread) && self.journals.iter().all(Journal::is_running)
    }

    /// What was read of all its logs, and how they stand.
    pub(super) fn sums(&self) -> (Counts, State) {
        let (mut counts, mut state) = (Counts::default(), State::default());
        for log in self.statuses() {
            counts.bytes += log.bytes;
            counts.gaps += log.gaps;
            state.lag += log.lag;
            match log.state {
                Standing::Following => state.following += 1,
                Standing::Waiting => state.waiting += 1,
                Standing::Failing => state.failing += 1,
                Standing::Alias => {}
            }
        }
        for stats in self.logs.values().map(LogWork::stats) {
            counts.lines += stats.lines;
            counts.matched += stats.matched;
            counts.suspicious += stats.suspicious;
            counts.evicted += stats.evicted;
        }
        (counts, state)
    }

    /// Whether a log waits for the rest of a record, so that time alone can finish it.
    pub(super) fn is_waiting(&self) -> bool {
        self.logs.values().any(LogWork::is_waiting)
    }

    /// Adds to the batch how far the logs were read and what is open in them, as far as that changed.
    pub(super) fn save(&mut self, batch: &mut Batch) {
        let source = &self.config.spec.name;
        let mut by_log: BTreeMap<String, Vec<Position>> = BTreeMap::new();
        for position in self.follower.positions() {
            by_log.entry(position.log.display().to_string()).or_default().push(position);
        }
        let mut by_log: BTreeMap<String, Vec<u8>> =
            by_log.into_iter().filter_map(|(log, positions)| Some((log, serde_json::to_vec(&positions).ok()?))).collect();
        for journal in &self.journals {
            if let Some(state) = journal.position().and_then(|cursor| serde_json::to_vec(&cursor).ok()) {
                by_log.insert(journal.path().display().to_string(), state);
            }
        }
        by_log.retain(|log, _| self.logs.get(Path::new(log)).is_none_or(|work| !work.keeps_back()));
        let is_over = |log: &&String| !by_log.contains_key(*log) && !log.starts_with(JOURNAL);
        for log in self.stored.keys().filter(is_over) {
            if self.logs.get(Path::new(log)).is_none_or(|work| !work.keeps_back()) {
                batch.forgotten.push((source.clone(), log.clone()));
                self.logs.remove(Path::new(log));
            }
        }
        self.stored.retain(|log, _| !batch.forgotten.iter().any(|(_, forgotten)| forgotten == log));
        for (log, state) in by_log {
            if self.stored.get(&log) != Some(&state) {
                batch.positions.push(LogState { source: source.clone(), log: log.clone(), state: state.clone() });
                self.stored.insert(log, state);
            }
        }
        for (path, work) in self.logs.iter_mut().filter(|(_, work)| work.dirty && !work.keeps_back()) {
            if let Some(state) = work.state() {
                batch.conversations.push(LogState { source: source.clone(), log: path.display().to_string(), state });
            }
            work.dirty = false;
        }
    }
}

/// The source's files: all of its paths but streams and the journal.
fn files_of(spec: &SourceSpec) -> SourceSpec {
    let mut files = spec.clone();
    files.paths.retain(|path| !is_stream(path) && !path.starts_with(JOURNAL));
    files
}

fn is_stream(path: &str) -> bool {
    path == "-" || is_fifo(Path::new(path))
}

/// Opens the source's streams, but for those that are open.
fn streams(spec: &SourceSpec, there: &[PathBuf], bell: &Bell) -> Result<Vec<Stream>, SourceError> {
    let missing = spec.paths.iter().filter(|path| is_stream(path) && !there.iter().any(|open| open == Path::new(path)));
    let open = |path: &String| match path.as_str() {
        "-" => Stream::stdin(spec.max_line, bell.clone()),
        path => Stream::fifo(Path::new(path), spec.max_line, bell.clone()),
    };
    missing.map(open).collect()
}

fn journals_of(spec: &SourceSpec) -> impl Iterator<Item = &str> {
    spec.paths.iter().map(String::as_str).filter(|path| path.starts_with(JOURNAL))
}

fn journal(spec: &SourceSpec, path: &str, cursor: Option<Cursor>, bell: &Bell) -> Journal {
    Journal::new(path, &spec.journalctl, cursor, spec.start, spec.max_line, bell.clone())
}

/// Where the follower's lines go.
struct Into<'a> {
    config: &'a SourceConfig,
    library: &'a Library,
    logs: &'a mut BTreeMap<PathBuf, LogWork>,
    now: Millis,
    out: &'a mut Vec<Attempt>,
    taker: &'a mut dyn Inlet,
}

impl Into<'_> {
    fn log(&mut self, path: &Path) -> &mut LogWork {
        self.logs.entry(path.to_owned()).or_default()
    }
}

impl Sink for Into<'_> {
    fn lines(&mut self, log: &Path, bytes: &[u8]) {
        let work = self.logs.entry(log.to_owned()).or_default();
        work.lines(self.config, self.library, bytes, self.now, self.out);
        let (reread, reached) = (work.reread, work.reached());
        self.out.drain(..).for_each(|attempt| self.taker.take(log, attempt, reread));
        self.taker.reached(log, reached, true);
    }

    fn turn(&self, log: &Path) -> usize {
        self.taker.turn(log)
    }

    fn gap(&mut self, log: &Path, why: &str) {
        tracing::warn!(source = self.config.spec.name, log = %log.display(), why, "lines of the log were lost, or may have been");
        self.log(log).gap();
    }

    fn reread(&mut self, log: &Path) {
        tracing::warn!(source = self.config.spec.name, log = %log.display(), "the log is read from its beginning again");
        let work = self.log(log);
        work.gap();
        work.reread = true;
    }
}
