//! One log: the live file, and the rotated ones before it that are not done with.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::{self, Candidate, Known};
use super::decide::{Action, Facts, Holder, decide};
use super::disk::regular;
use super::lines::Tally;
use super::names::unpacked;
use super::part::Part;
use super::position::{FileId, Kind, Position, modified};
use super::spec::{LogState, LogStatus, Sink, Start};
use crate::model::Millis;

/// How long a rotated file must have been quiet before it is left, and how long what should be readable may be unreadable.
pub(crate) const ROTATE_WAIT: Millis = 10_000;
/// Files of one log that are open at a time.
pub(crate) const MAX_PARTS: usize = 256;

/// What the path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Missing,
    /// A file and its size.
    File(FileId, u64),
    /// Something that cannot be read; the error says why.
    Refused,
}

/// One log.
pub(crate) struct Log {
    pub(crate) path: Arc<Path>,
    /// Where a symbolic link leads.
    pub(crate) target: Option<PathBuf>,
    pub(crate) named: Named,
    /// The live one among the parts.
    pub(crate) live: Option<FileId>,
    /// Open files, the oldest first.
    pub(crate) parts: VecDeque<Part>,
    /// Rotated files that were read to their end, the oldest first.
    pub(crate) done: VecDeque<Position>,
    /// What was stored and is not located yet.
    pub(crate) stored: Vec<Position>,
    /// The rotated files that are accounted for; none before the first listing.
    pub(crate) known: Option<Known>,
    /// Since when a rotated file is too short to tell whether it becomes a copy.
    pub(crate) postponed: Option<Millis>,
    pub(crate) max_line: usize,
    pub(crate) gaps: u64,
    /// The directory's time of change when it was last listed for want of a live file.
    pub(crate) listed: Option<i64>,
    /// The time of the present pass.
    pub(crate) now: Millis,
    pub(crate) looked: bool,
    start: Start,
    /// The file to begin at the end of, and that end.
    skip: Option<(Option<FileId>, u64)>,
    alias: bool,
    error: Option<String>,
    pub(crate) trouble: Option<Millis>,
    pub(crate) tally: Tally,
    pub(crate) changed: Option<Millis>,
    missing_since: Option<Millis>,
}

impl Log {
    pub(crate) fn new(path: PathBuf, start: Start, max_line: usize, stored: Vec<Position>) -> Log {
        Log {
            path: Arc::from(path),
            target: None,
            named: Named::Missing,
            live: None,
            parts: VecDeque::new(),
            done: VecDeque::new(),
            stored,
            known: None,
            postponed: None,
            max_line,
            gaps: 0,
            listed: None,
            now: 0,
            looked: false,
            start,
            skip: None,
            alias: false,
            error: None,
            trouble: None,
            tally: Tally::default(),
            changed: None,
            missing_since: None,
        }
    }

    /// Sees what the path leads to.
    pub(crate) fn look(&mut self, now: Millis) {
        self.now = now;
        self.error = None;
        self.alias = false;
        let meta = fs::symlink_metadata(&self.path).and_then(|meta| match meta.is_symlink() {
            true => {
                self.target = fs::canonicalize(&self.path).ok();
                fs::metadata(&self.path)
            }
            false => {
                self.target = None;
                Ok(meta)
            }
        });
        self.named = match meta {
            Ok(meta) => match regular(&meta) {
                None if unpacked(self.path.as_os_str().as_bytes()).1 => {
                    self.fail("open", "it is compressed: read it with `turnaway replay`");
                    Named::Refused
                }
                None => Named::File(FileId::of(&meta), meta.len()),
                Some(error) => {
                    self.fail("open", &error.to_string());
                    Named::Refused
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Named::Missing,
            Err(error) => {
                self.fail("look at", &error.to_string());
                Named::Refused
            }
        };
        match self.named {
            Named::Missing => self.missing_since = self.missing_since.or(Some(now)),
            _ => self.missing_since = None,
        }
    }

    /// Whether the path leads to what it led to, and that was read to its end and has not changed since.
    pub(crate) fn is_unchanged(&self) -> bool {
        if !self.looked
            || self.error.is_some()
            || self.trouble.is_some()
            || self.alias
            || !self.stored.is_empty()
            || self.parts.len() > 1
            || self.postponed.is_some()
        {
            return false;
        }
        match (fs::metadata(&self.path), self.parts.front()) {
            (Ok(meta), Some(part)) => {
                let same = FileId::of(&meta) == part.id && meta.len() == part.size && modified(&meta) == part.modified;
                same && part.at_end && self.live == Some(part.id)
            }
            (Err(error), None) => error.kind() == io::ErrorKind::NotFound && self.named == Named::Missing,
            _ => false,
        }
    }

    /// The file that the path leads to, unless it is open here already.
    pub(crate) fn wanted(&self) -> Option<FileId> {
        match self.named {
            Named::File(id, _) if !self.holds(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it has found its place after the start.
    pub(crate) fn settled(&self) -> bool {
        self.looked
    }

    /// Whether the file is open here.
    pub(crate) fn holds(&self, id: FileId) -> bool {
        self.parts.iter().any(|part| part.id == id)
    }

    /// Gives away an open file that another path leads to now.
    pub(crate) fn give(&mut self, id: FileId) -> Option<Part> {
        let at = self.parts.iter().position(|part| part.id == id)?;
        self.parts.remove(at)
    }

    /// Takes over an open file.
    pub(crate) fn adopt(&mut self, part: Part, now: Millis) {
        self.release(now);
        if let Some(before) = self.parts.back_mut() {
            before.changed = now;
        }
        self.live = Some(part.id);
        self.parts.push_back(part);
    }

    /// Brings the open files in line with what was seen.
    pub(crate) fn settle(&mut self, now: Millis, holder: Holder, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) {
        if !self.looked && !self.first_look(now, others, sink) {
            return;
        }
        let named = match self.named {
            Named::Missing => None,
            Named::File(id, _) => Some(id),
            Named::Refused => return,
        };
        let held = named.is_some_and(|id| self.holds(id));
        match (decide(Facts { named, live: self.live, held, holder }), named) {
            (Action::Wait | Action::Follow, _) | (_, None) if self.live == named => {}
            (Action::Open, Some(id)) => {
                if let Err(error) = self.open_live(id, now) {
                    self.fail("open", &error.to_string());
                }
            }
            (Action::Resume, Some(id)) => {
                self.release(now);
                if let Some(part) = self.give(id) {
                    self.adopt(part, now);
                }
            }
            (Action::Alias, _) => {
                self.release(now);
                self.alias = true;
            }
            // The caller adopts: it has the other log.
            _ => self.release(now),
        }
    }

    fn first_look(&mut self, now: Millis, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> bool {
        if !self.stored.is_empty() {
            self.looked = match self.restore(now, others, sink) {
                Ok(located) => located,
                Err(error) => {
                    self.fail("resume", &error.to_string());
                    false
                }
            };
            return self.looked;
        }
        match self.list_older() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && self.patient(now) => {
                self.fail("follow", &error.to_string());
                return false;
            }
            Err(error) => self.fail("list the directory of", &error.to_string()),
        }
        if self.start == Start::End {
            self.skip = match self.named {
                Named::Missing => None,
                Named::File(id, size) => Some((Some(id), size)),
                Named::Refused => Some((None, u64::MAX)),
            };
        }
        self.looked = true;
        true
    }

    /// The rotated files, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read, or changed since the log was looked at: one of them may be a copy of a new live file that
    /// nobody has opened yet.
    pub(crate) fn rotated(&self) -> io::Result<Vec<Candidate>> {
        let list = chain::list(&self.path, self.target.as_deref())?;
        let now = fs::metadata(&self.path).ok().map(|meta| FileId::of(&meta));
        match self.named {
            Named::File(id, _) if now != Some(id) => Err(chain::changing()),
            Named::Missing if now.is_some() => Err(chain::changing()),
            _ => Ok(list),
        }
    }

    /// Takes all rotated files that there are for known.
    pub(crate) fn list_known(&mut self) -> io::Result<()> {
        let mut list = chain::list(&self.path, self.target.as_deref())?;
        self.known.get_or_insert_default().keep(&chain::with_heads(&mut list)?, |_| true);
        Ok(())
    }

    /// The same at the very first look, but for what was the live file until a moment ago: between the start of the program (or of
    /// the machine, or the installation) and this look the log may have been rotated, and nobody has read that.
    fn list_older(&mut self) -> io::Result<()> {
        let mut list = self.rotated()?;
        let youngest = list.last().map(|file| file.id);
        let fresh = |file: &Candidate| {
            self.is_near(file.modified, ROTATE_WAIT) || (Some(file.id) == youngest && self.is_near(file.touched, ROTATE_WAIT))
        };
        let fresh: Vec<FileId> = match self.start {
            Start::Beginning => list.iter().filter(|file| !file.rotated.packed && fresh(file)).map(|file| file.id).collect(),
            Start::End => Vec::new(),
        };
        self.known.get_or_insert_default().keep(&chain::with_heads(&mut list)?, |id| !fresh.contains(&id));
        Ok(())
    }

    /// Whether a file's time, in nanoseconds, is that of this pass, give or take so much.
    pub(crate) fn is_near(&self, nanos: i64, within: Millis) -> bool {
        (nanos / 1_000_000).saturating_sub(self.now).saturating_abs() < within
    }

    fn open_live(&mut self, id: FileId, now: Millis) -> io::Result<()> {
        let opened = self.open_where_left(id);
        // Whatever became of that: what was live is not live any more.
        self.release(now);
        self.adopt(opened?, now);
        Ok(())
    }

    fn open_where_left(&mut self, id: FileId) -> io::Result<Part> {
        if let Some(at) = self.done.iter().position(|position| position.file == id)
            && let Some(position) = self.done.get(at)
            && let Some(part) = Part::open_proven(&self.path, id, &position.proof, position.skipping, self.max_line)?
        {
            self.done.remove(at);
            return Ok(part);
        }
        let mut part = Part::open(&self.path, Some(id), self.max_line)?;
        match self.skip.take() {
            Some((sought, end)) if sought.is_none_or(|sought| sought == part.id) => part.skip_to_end(end)?,
            _ => {}
        }
        Ok(part)
    }

    /// What was live is a rotated file from now on.
    fn release(&mut self, now: Millis) {
        if let Some(id) = self.live.take()
            && let Some(part) = self.parts.iter_mut().find(|part| part.id == id)
        {
            part.changed = now;
        }
    }

    pub(crate) fn gap(&mut self, sink: &mut dyn Sink, why: &str) {
        self.gaps += 1;
        sink.gap(&self.path, why);
    }

    /// Whether to wait some more for what should be readable.
    pub(crate) fn patient(&mut self, now: Millis) -> bool {
        now.saturating_sub(*self.trouble.get_or_insert(now)) < ROTATE_WAIT
    }

    pub(crate) fn fail(&mut self, doing: &str, error: &str) {
        self.error = Some(format!("cannot {doing} {}: {error}", self.path.display()));
    }

    /// What is to be stored.
    pub(crate) fn positions(&self) -> Vec<Position> {
        if !self.looked {
            return self.stored.clone();
        }
        // Of a file whose place is not settled nothing is said: it is found again as what comes after the others.
        let settled = self.parts.iter().filter(|part| part.offset > 0 || part.placed || part.visited);
        let open = settled.map(|part| part.position(&self.path, Kind::Open, 0));
        let all = self.done.iter().cloned().chain(open);
        all.zip(0..).map(|(position, order)| Position { order, ..position }).collect()
    }

    /// Since when there is no such file and nothing of it left to read.
    pub(crate) fn gone_since(&self) -> Option<Millis> {
        self.missing_since.filter(|_| self.looked && self.parts.is_empty())
    }

    /// The state, for people.
    pub(crate) fn status(&self) -> LogStatus {
        let live = self.parts.iter().find(|part| Some(part.id) == self.live);
        LogStatus {
            path: self.path.to_path_buf(),
            state: match (&self.error, live) {
                (Some(_), _) => LogState::Failing,
                (None, Some(_)) => LogState::Following,
                (None, None) if self.alias => LogState::Alias,
                (None, None) => LogState::Waiting,
            },
            error: self.error.clone(),
            offset: live.map_or(0, |part| part.offset),
            size: live.map_or(0, |part| part.size),
            lag: self.parts.iter().map(|part| part.size.saturating_sub(part.offset)).sum(),
            lines: self.tally.lines,
            bytes: self.tally.bytes,
            long_lines: self.tally.long_lines,
            nul_bytes: self.tally.nul_bytes,
            rotated: self.parts.len() - usize::from(live.is_some()),
            gaps: self.gaps,
            changed: self.changed,
            missing_since: self.missing_since,
        }
    }
}
