//! What is followed, and who is told.

use std::path::{Path, PathBuf};

use super::log::ROTATE_WAIT;
use crate::model::Millis;

/// The longest line that is handed on whole, unless the configuration says otherwise: 1 MiB.
pub const DEFAULT_MAX_LINE: usize = 1 << 20;

/// Where to begin in a file that exists when its source is started for the very first time. Files that appear later are
/// always read from their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the first byte.
    Beginning,
    /// After the last whole line.
    #[default]
    End,
}

/// One source of log files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// The source's name: the `broker` of its rows.
    pub name: String,
    /// Paths and globs, `-` for standard input, `journal:UNIT` for the journal.
    pub paths: Vec<String>,
    /// Where to begin.
    pub start: Start,
    /// The longest line in bytes, without its end; a longer one is cut there, and what is cut is counted, not kept.
    pub max_line: usize,
    /// The program that reads the journal, with its first arguments.
    pub journalctl: Vec<String>,
}

impl SourceSpec {
    /// A source with the default settings.
    pub fn new(name: impl Into<String>, paths: Vec<String>) -> SourceSpec {
        SourceSpec {
            name: name.into(),
            paths,
            start: Start::default(),
            max_line: DEFAULT_MAX_LINE,
            journalctl: vec!["journalctl".to_owned()],
        }
    }
}

/// Who gets the lines. A log is one configured path; its rotated predecessors belong to it.
pub trait Sink {
    /// Whole lines in order, each with its `\n`; only the last line of a file that is finished for good may lack it.
    /// The length is bounded, but a call may carry many lines.
    fn lines(&mut self, log: &Path, bytes: &[u8]);
    /// Bytes were, or may have been, lost between what was handed over and what comes.
    fn gap(&mut self, log: &Path, why: &str);
    /// How many bytes of this log may be read now, for the sake of what other logs say of the same time.
    fn turn(&self, _log: &Path) -> usize {
        usize::MAX
    }
    /// The file is read from its beginning although its start is one that was read before: rows may come again.
    fn reread(&mut self, log: &Path);
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The budget was used up before everything was read: poll again at once.
    pub more: bool,
    /// Bytes handed to the sink in this pass (or passed over in too long lines).
    pub bytes: usize,
}

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// There is no such file yet, or not at the moment.
    Waiting,
    /// It is open and followed.
    Following,
    /// Its file is read under another path already (hard link, overlapping globs).
    Alias,
    /// It cannot be read at the moment: see the error. Tried again with every pass.
    Failing,
}

impl LogState {
    /// The name in JSON.
    pub fn code(self) -> &'static str {
        match self {
            LogState::Waiting => "waiting",
            LogState::Following => "following",
            LogState::Alias => "alias",
            LogState::Failing => "failing",
        }
    }
}

/// One log's state, for the status page and the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    /// The live path.
    pub path: PathBuf,
    /// How it stands.
    pub state: LogState,
    /// What went wrong last; none once it works again.
    pub error: Option<String>,
    /// Bytes of the live file that were handed over.
    pub offset: u64,
    /// The live file's size in bytes.
    pub size: u64,
    /// Bytes not handed over yet, over the live file and the rotated ones before it.
    pub lag: u64,
    /// Lines handed over since this process began.
    pub lines: u64,
    /// Bytes handed over since this process began.
    pub bytes: u64,
    /// Lines that were cut because they were too long.
    pub long_lines: u64,
    /// Leading NUL bytes that were passed over (the hole that copytruncate leaves).
    pub nul_bytes: u64,
    /// Rotated files that are still open, for lines that come late.
    pub rotated: usize,
    /// Times that bytes were, or may have been, lost.
    pub gaps: u64,
    /// When the log last grew; none before that.
    pub changed: Option<Millis>,
    /// Since when there is no such file; none while there is one.
    pub missing_since: Option<Millis>,
}

impl LogStatus {
    /// Whether its file was rotated away a moment ago, and the next one is not there yet: as usual, and no news.
    pub fn is_between_files(&self, now: Millis) -> bool {
        let moment = self.missing_since.is_some_and(|since| now.saturating_sub(since) < ROTATE_WAIT);
        self.state == LogState::Waiting && self.rotated > 0 && moment
    }

    /// A log in this state, of which nothing was read yet.
    pub(crate) fn new(path: PathBuf, state: LogState) -> LogStatus {
        LogStatus {
            path,
            state,
            error: None,
            offset: 0,
            size: 0,
            lag: 0,
            lines: 0,
            bytes: 0,
            long_lines: 0,
            nul_bytes: 0,
            rotated: 0,
            gaps: 0,
            changed: None,
            missing_since: None,
        }
    }
}
