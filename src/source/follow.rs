//! Follows all logs of one source.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decide::Holder;
use super::discover::{expand, without_rotated};
use super::log::{Log, Named};
use super::position::{FileId, Kind, Position, modified};
use super::spec::{LogStatus, Progress, Sink, SourceSpec, Start};
use crate::model::Millis;

/// How often globs are looked through unless something happened in their directories.
const DISCOVER_EVERY: Millis = 1_000;
/// What one log may read before the others have their turn, in bytes.
const TURN: usize = 1 << 20;
/// A larger buffer is given back when everything was read.
const KEPT: usize = 64 << 10;
/// Logs of one source: more than this is a wrong glob, or an attack.
const MAX_LOGS: usize = 1024;
/// How long a log whose file is gone is remembered.
const FORGET_AFTER: Millis = 24 * 3600 * 1000;

/// Follows the logs of one source. It is pulled: nothing happens between two calls of `poll`.
pub struct Follower {
    spec: SourceSpec,
    logs: Vec<Log>,
    /// Patterns that were started, in this life or an earlier one.
    started: HashSet<String>,
    stored: HashMap<PathBuf, Vec<Position>>,
    discovered: Option<Millis>,
    surplus: usize,
    first: usize,
    buf: Vec<u8>,
    /// The directories in which names were looked for, and their times of change before that.
    listed: Vec<(PathBuf, Option<i64>)>,
    /// What the last pass left unread.
    unread: Vec<Arc<Path>>,
}

impl Follower {
    /// A follower that goes on where the stored positions say.
    pub fn new(spec: SourceSpec, stored: Vec<Position>) -> Follower {
        let mut started = HashSet::new();
        let mut by_log: HashMap<PathBuf, Vec<Position>> = HashMap::new();
        for position in stored {
            match position.kind {
                Kind::Pattern => {
                    started.insert(position.log.display().to_string());
                }
                _ => by_log.entry(position.log.clone()).or_default().push(position),
            }
        }
        let mut follower = Follower {
            spec,
            logs: Vec::new(),
            started,
            stored: HashMap::new(),
            discovered: None,
            surplus: 0,
            first: 0,
            buf: Vec::new(),
            listed: Vec::new(),
            unread: Vec::new(),
        };
        // A log that a pattern once found is followed on even if its file is away at the moment.
        let patterns: Vec<glob::Pattern> = follower.spec.paths.iter().filter_map(|path| glob::Pattern::new(path).ok()).collect();
        let mut logs: Vec<_> = by_log.into_iter().collect();
        logs.sort_by(|a, b| a.0.cmp(&b.0));
        for (path, positions) in logs {
            let configured = follower.spec.paths.iter().any(|one| Path::new(one) == path);
            if configured || patterns.iter().any(|pattern| pattern.matches_path(&path)) {
                follower.logs.push(Log::new(path, Start::Beginning, follower.spec.max_line, positions));
            } else {
                follower.stored.insert(path, positions);
            }
        }
        follower
    }

    /// The source.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// Something was created, renamed or removed: look through the globs with the next pass.
    pub fn rediscover(&mut self) {
        self.discovered = None;
    }

    /// One pass: finds the logs, sees what became of each file, and hands new lines to the sink, up to about `budget` bytes.
    /// `now` is milliseconds since the epoch. A log that cannot be read says so in its status and is tried again next time.
    pub fn poll(&mut self, now: Millis, budget: usize, sink: &mut dyn Sink) -> Progress {
        if self.discovered.is_none_or(|last| now.saturating_sub(last) >= DISCOVER_EVERY || now < last) {
            self.discover(now);
        }
        let mut claims = self.claims();
        for at in 0..self.logs.len() {
            self.settle(at, now, &mut claims, sink);
        }
        let mut left = budget;
        let mut waiting: Vec<usize> = (0..self.logs.len()).map(|n| (n + self.first) % self.logs.len()).collect();
        let mut round = None;
        // A round in which nothing was read gives the others their turn.
        while !waiting.is_empty() && left > 0 && round.replace((waiting.len(), left)) != Some((waiting.len(), left)) {
            waiting.retain(|&at| {
                let mut turn = left.min(TURN).min(sink.turn(&self.logs[at].path));
                let before = turn;
                let others = |id| claims.get(&id).is_some_and(|&holder| holder != at);
                let log = &mut self.logs[at];
                let more = turn > 0 && log.pump(now, &mut turn, &mut self.buf, &others, sink);
                left -= before - turn;
                more || before == 0
            });
        }
        if let Some(&next) = waiting.first() {
            self.first = next;
        }
        if waiting.is_empty() && self.buf.capacity() > KEPT {
            self.buf = Vec::new();
        }
        self.unread = waiting.iter().map(|at| Arc::clone(&self.logs[*at].path)).collect();
        Progress { more: !waiting.is_empty(), bytes: budget - left }
    }

    /// The positions that cover exactly the lines handed to the sink so far: to be stored, all of them, in place of the former
    /// ones, in the transaction that stores what came from those lines.
    pub fn positions(&self) -> Vec<Position> {
        let mut patterns: Vec<&String> = self.started.iter().collect();
        patterns.sort();
        let patterns = patterns.into_iter().map(|pattern| Position::pattern(pattern));
        let mut elsewhere: Vec<&Position> = self.stored.values().flatten().collect();
        elsewhere.sort_by(|a, b| (&a.log, a.order).cmp(&(&b.log, b.order)));
        patterns.chain(elsewhere.into_iter().cloned()).chain(self.logs.iter().flat_map(Log::positions)).collect()
    }

    /// Whether the last pass left something of this log unread.
    pub fn has_more(&self, log: &Path) -> bool {
        self.unread.iter().any(|unread| **unread == *log)
    }

    /// How each log stands.
    pub fn status(&self) -> Vec<LogStatus> {
        self.logs.iter().map(Log::status).collect()
    }

    /// Logs that are not followed because there are more of them than the limit of 1,024.
    pub fn surplus(&self) -> usize {
        self.surplus
    }

    /// The directories in which something may happen, for the doorbell, without doubles.
    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = Vec::new();
        for pattern in &self.spec.paths {
            let fixed: PathBuf = Path::new(pattern).components().take_while(|part| !is_glob(part.as_os_str())).collect();
            let whole = fixed == Path::new(pattern);
            dirs.push(if whole { parent(&fixed) } else { fixed });
        }
        for log in &self.logs {
            dirs.push(parent(&log.path));
            dirs.extend(log.target.as_deref().map(parent));
        }
        dirs.sort();
        dirs.dedup();
        dirs
    }

    /// The live files (where a link leads, too), for the doorbell.
    pub fn watch_files(&self) -> Vec<PathBuf> {
        self.logs.iter().flat_map(|log| log.target.clone().into_iter().chain([log.path.to_path_buf()])).collect()
    }

    /// Whether nothing happened since the last pass, as far as a glance at the files and their directories tells: no names came or
    /// went, each file has the size and the time of change that it was left with. Costs one system call for each.
    pub fn is_unchanged(&self) -> bool {
        // A name can come into a directory that a glob finds and we do not know.
        let flat = |pattern: &String| !Path::new(pattern).parent().is_some_and(|dir| is_glob(dir.as_os_str()));
        self.discovered.is_some()
            && self.spec.paths.iter().all(flat)
            && self.listed.iter().all(|(dir, changed)| dir_changed(dir) == *changed)
            && self.logs.iter().all(Log::is_unchanged)
    }

    fn discover(&mut self, now: Millis) {
        self.discovered = Some(now);
        self.listed = self.watch_dirs().into_iter().map(|dir| (dir_changed(&dir), dir)).map(|(changed, dir)| (dir, changed)).collect();
        self.logs
            .retain(|log| log.gone_since().is_none_or(|since| now.saturating_sub(since) < FORGET_AFTER || literal(&self.spec, &log.path)));
        self.surplus = 0;
        for pattern in self.spec.paths.clone() {
            let begin = if self.started.insert(pattern.clone()) { self.spec.start } else { Start::Beginning };
            let known: Vec<&Path> = self.logs.iter().map(|log| &*log.path).collect();
            for path in without_rotated(expand(&pattern), &known) {
                if self.logs.iter().any(|log| *log.path == *path) {
                    continue;
                }
                if self.logs.len() >= MAX_LOGS {
                    self.surplus += 1;
                    continue;
                }
                let stored = self.stored.remove(&path).unwrap_or_default();
                self.logs.push(Log::new(path, begin, self.spec.max_line, stored));
            }
        }
    }

    fn claims(&self) -> HashMap<FileId, usize> {
        let all = self.logs.iter().enumerate();
        all.flat_map(|(at, log)| log.parts.iter().map(move |part| (part.id, at))).collect()
    }

    fn settle(&mut self, at: usize, now: Millis, claims: &mut HashMap<FileId, usize>, sink: &mut dyn Sink) {
        self.logs[at].look(now);
        let wanted = self.logs[at].wanted();
        let claimed = wanted.and_then(|id| Some((id, *claims.get(&id).filter(|&&holder| holder != at)?)));
        let holder = match claimed {
            None => Holder::Nobody,
            // The other log may not have been looked at in this pass: what its path leads to decides.
            Some((id, other)) => {
                match self.logs[other].live == Some(id) || matches!(self.logs[other].named, Named::File(named, _) if named == id) {
                    true => Holder::OtherLive,
                    false => Holder::OtherOld,
                }
            }
        };
        let others = |id: FileId| claims.get(&id).is_some_and(|&holder| holder != at);
        self.logs[at].settle(now, holder, &others, sink);
        if let (Holder::OtherOld, Some((id, other))) = (holder, claimed)
            && self.logs[at].settled()
            && let Some(part) = self.logs[other].give(id)
        {
            self.logs[at].adopt(part, now);
        }
        claims.extend(self.logs[at].parts.iter().map(|part| (part.id, at)));
    }
}

/// The time of change of a directory; none when there is none.
fn dir_changed(dir: &Path) -> Option<i64> {
    std::fs::metadata(dir).ok().map(|meta| modified(&meta))
}

fn literal(spec: &SourceSpec, path: &Path) -> bool {
    spec.paths.iter().any(|one| Path::new(one) == path)
}

fn is_glob(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}
