//! The journal of systemd, through `journalctl -o json`: one process for each unit or field that is read, started again when it
//! ends, from the entry that was read last.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::doorbell::Bell;
use super::reader::{Batch, Entry, Piece, Reader};
use super::spec::{LogState, LogStatus, Progress, Sink, Start};
use crate::model::Millis;

/// What a source's path begins with that is no file but the journal's entries of a unit (`journal:mosquitto.service`) or with a
/// field (`journal:CONTAINER_NAME=broker`).
pub const JOURNAL: &str = "journal:";

/// How long to wait before the program is started again, at first and at most.
const AGAIN: Millis = 1_000;
const AGAIN_AT_MOST: Millis = 60_000;
/// The message that journald writes when it left out messages of a service that wrote too many.
const DROPPED: &str = "a596d6fe7bfa4994828e72309e95d61e";
/// The fields that are read of an entry.
const FIELDS: &str = "MESSAGE,MESSAGE_ID,N_DROPPED,_SOURCE_REALTIME_TIMESTAMP,_HOSTNAME,SYSLOG_IDENTIFIER,_COMM,_PID,CONTAINER_NAME,\
CONTAINER_PARTIAL_MESSAGE,_LINE_BREAK";

/// What is stored of a journal: the entry that was read last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    cursor: Option<String>,
    /// None was read yet: where the source began.
    since: Option<Millis>,
}

/// The entries of one unit, or with one field.
pub struct Journal {
    log: PathBuf,
    command: Vec<String>,
    matches: Vec<String>,
    max_line: usize,
    start: Start,
    bell: Bell,
    /// Of the entry that was read last.
    cursor: Option<String>,
    reader: Option<Reader>,
    /// The entry that the reader must show first: the one that was read last. If it is gone, so may others be.
    expected: Option<String>,
    /// Entries before this moment are passed over: the source begins at the journal's end.
    since: Option<Millis>,
    again: Millis,
    failures: u32,
    status: LogStatus,
}

impl Journal {
    /// Goes on after the stored entry. `command` is the program with its first arguments: `["journalctl"]`. Nothing is started
    /// before the first `poll`.
    pub fn new(path: &str, command: &[String], stored: Option<Cursor>, start: Start, max_line: usize, bell: Bell) -> Journal {
        let log = PathBuf::from(path);
        let status = LogStatus::new(log.clone(), LogState::Waiting);
        Journal {
            log,
            command: command.to_vec(),
            matches: matches(path.strip_prefix(JOURNAL).unwrap_or(path)),
            max_line,
            start,
            bell,
            cursor: stored.as_ref().and_then(|stored| stored.cursor.clone()),
            reader: None,
            expected: None,
            since: stored.and_then(|stored| stored.since),
            again: Millis::MIN,
            failures: 0,
            status,
        }
    }

    /// The path under which it is known.
    pub fn path(&self) -> &Path {
        &self.log
    }

    /// The entry that was handed over last: to be stored with what came of it.
    pub fn position(&self) -> Option<Cursor> {
        let is_begun = self.cursor.is_some() || self.since.is_some();
        is_begun.then(|| Cursor { cursor: self.cursor.clone(), since: self.since.filter(|_| self.cursor.is_none()) })
    }

    /// Whether its program runs, and rings when there is something.
    pub fn is_running(&self) -> bool {
        self.reader.is_some()
    }

    /// How it stands.
    pub fn status(&self) -> LogStatus {
        self.status.clone()
    }

    /// Hands what has come to the sink, up to about `budget` bytes, without waiting; starts the program where it does not run.
    pub fn poll(&mut self, now: Millis, budget: usize, sink: &mut dyn Sink) -> Progress {
        if self.reader.is_none() && !self.run(now) {
            return Progress::default();
        }
        let mut bytes = 0;
        while bytes < budget {
            match self.reader.as_mut().and_then(Reader::take) {
                None => return Progress { more: false, bytes },
                Some(Piece::Batch(batch)) => bytes += self.hand_over(&batch, now, sink),
                Some(Piece::Ended(said)) => {
                    self.reader = None;
                    self.ended(&said, now, sink);
                    return Progress { more: false, bytes };
                }
            }
        }
        Progress { more: true, bytes }
    }

    /// Starts the program, if it is time to. Returns whether it runs.
    fn run(&mut self, now: Millis) -> bool {
        // A clock that was set back must not hold it up.
        if now < self.again && self.again - now <= AGAIN_AT_MOST {
            return false;
        }
        let mut command = self.command.clone();
        // Without --merge, --follow shows the entries of this boot only.
        command.extend(["--output=json", "--all", "--no-pager", "--merge", "--follow", "--no-tail"].map(str::to_owned));
        command.push(format!("--output-fields={FIELDS}"));
        match (&self.cursor, self.start) {
            // With the entry itself: that it comes proves that nothing was removed after it.
            (Some(cursor), _) => command.push(format!("--cursor={cursor}")),
            (None, Start::Beginning) if self.since.is_none() => {}
            (None, _) => {
                let since = *self.since.get_or_insert(now);
                command.push(format!("--since=@{}", since.div_euclid(1000)));
            }
        }
        command.extend(self.matches.iter().cloned());
        self.expected.clone_from(&self.cursor);
        match Reader::start(&command, self.max_line, self.bell.clone()) {
            Ok(reader) => {
                self.reader = Some(reader);
                self.status.state = LogState::Following;
                true
            }
            Err(error) => {
                let program = self.command.first().map_or("journalctl", String::as_str);
                self.fail(
                    now,
                    format!("cannot start {program}: {error} (the key \"journalctl\" names the program that reads the journal)"),
                );
                false
            }
        }
    }

    fn hand_over(&mut self, batch: &Batch, now: Millis, sink: &mut dyn Sink) -> usize {
        self.failures = 0;
        self.status.error = None;
        self.status.state = LogState::Following;
        self.status.long_lines += batch.long_lines;
        let (mut from, mut at) = (0, 0);
        for entry in &batch.entries {
            let begin = std::mem::replace(&mut at, entry.end);
            let (gap, is_line) = self.judge(entry);
            if gap.is_some() || !is_line {
                self.lines(&batch.lines[from..begin], now, sink);
                from = begin;
            }
            if let Some(why) = gap {
                self.gap(sink, &why);
            }
            if !is_line {
                from = entry.end;
            }
            self.cursor = Some(entry.cursor.clone());
        }
        self.lines(&batch.lines[from..at], now, sink);
        batch.lines.len().max(1)
    }

    /// Whether something is missing before an entry, and whether it is one of the broker's lines.
    fn judge(&mut self, entry: &Entry) -> (Option<String>, bool) {
        if let Some(expected) = self.expected.take() {
            if expected == entry.cursor {
                return (None, false);
            }
            let why = "the journal no longer holds the entry that was read last, nor, perhaps, what came after it";
            return (Some(why.to_owned()), true);
        }
        if self.since.is_some_and(|since| entry.realtime.is_some_and(|time| time < since)) {
            return (None, false);
        }
        if entry.message_id.as_deref() == Some(DROPPED) && entry.dropped.is_some() {
            let count = entry.dropped.as_deref().unwrap_or_default();
            return (Some(format!("journald left out {count} messages: they came too fast (RateLimitBurst= in journald.conf)")), false);
        }
        (None, true)
    }

    fn lines(&mut self, lines: &[u8], now: Millis, sink: &mut dyn Sink) {
        if lines.is_empty() {
            return;
        }
        self.status.lines += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.status.bytes += lines.len() as u64;
        (self.status.offset, self.status.size) = (self.status.bytes, self.status.bytes);
        self.status.changed = Some(now);
        sink.lines(&self.log, lines);
    }

    fn gap(&mut self, sink: &mut dyn Sink, why: &str) {
        self.status.gaps += 1;
        sink.gap(&self.log, why);
    }

    /// The program has ended, which it never does by itself.
    fn ended(&mut self, said: &str, now: Millis, sink: &mut dyn Sink) {
        let error = if said.is_empty() { "it ended without a word".to_owned() } else { said.to_owned() };
        if said.contains("seek to cursor") && self.cursor.take().is_some() {
            // It is no cursor of this journal: what is there is read from its beginning.
            self.gap(sink, "the journal does not know the entry that was read last");
            sink.reread(&self.log);
        }
        self.fail(now, format!("journalctl: {error}"));
    }

    fn fail(&mut self, now: Millis, error: String) {
        let wait = AGAIN.saturating_mul(1 << self.failures.min(10)).min(AGAIN_AT_MOST);
        self.failures = self.failures.saturating_add(1);
        self.again = now.saturating_add(wait);
        self.status.state = LogState::Failing;
        self.status.error = Some(error);
    }
}

/// The matches for the program: fields that begin with an underscore are journald's own, which no client can forge.
fn matches(what: &str) -> Vec<String> {
    if what.contains('=') {
        return vec![what.to_owned()];
    }
    let unit = if what.contains('.') { what.to_owned() } else { format!("{what}.service") };
    vec![
        format!("_SYSTEMD_UNIT={unit}"),
        "+".to_owned(),
        format!("OBJECT_SYSTEMD_UNIT={unit}"),
        format!("MESSAGE_ID={DROPPED}"),
        "_TRANSPORT=driver".to_owned(),
    ]
}

/// What is wrong with the name of a unit, or with a field and its value, if anything.
pub fn journal_fault(what: &str) -> Option<&'static str> {
    match what.split_once('=') {
        Some((field, value)) => {
            let is_field =
                !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            let is_value = !value.is_empty() && !value.contains(|c: char| c.is_control());
            (!is_field || !is_value).then_some("expected FIELD=VALUE like SYSLOG_IDENTIFIER=mosquitto or CONTAINER_NAME=broker")
        }
        None => {
            let is_unit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | ':' | '\\');
            let is_good = what.chars().all(is_unit) && what.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            (!is_good).then_some("expected a unit like mosquitto.service, or FIELD=VALUE like SYSLOG_IDENTIFIER=mosquitto")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_means_what_it_wrote_and_what_journald_left_out_of_it() {
        assert_eq!(matches("mosquitto")[0], "_SYSTEMD_UNIT=mosquitto.service");
        assert_eq!(matches("broker@1.service")[2], "OBJECT_SYSTEMD_UNIT=broker@1.service");
        assert_eq!(matches("CONTAINER_NAME=a.b"), ["CONTAINER_NAME=a.b"]);
    }

    #[test]
    fn names_that_are_none() {
        for good in ["mosquitto", "mosquitto.service", "a@b.service", "SYSLOG_IDENTIFIER=x y", "_PID=1"] {
            assert_eq!(journal_fault(good), None, "{good}");
        }
        for bad in ["", "-f", "a b", "a/b", "x=y", "=y", "X=", "X=a\nb", "--file"] {
            assert!(journal_fault(bad).is_some(), "{bad}");
        }
    }
}
