//! Runs `journalctl` and takes its lines, on a thread of its own.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use serde::Deserialize;

use super::doorbell::Bell;
use crate::model::Millis;

/// Batches that wait to be taken.
const WAITING: usize = 8;
/// A batch is handed on when it has so many bytes, or when nothing more has come.
const BATCH: usize = 256 << 10;
/// The end of what the program says on standard error that is kept.
const SAID: usize = 4 << 10;
/// An entry is longer than its message: it may be written as a list of numbers, and has other fields.
const ENTRY_FACTOR: usize = 5;
const ENTRY_EXTRA: usize = 16 << 10;

/// What comes from the program.
#[derive(Debug)]
pub(super) enum Piece {
    Batch(Batch),
    /// It has ended, and said this last.
    Ended(String),
}

/// Entries, one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Whole lines, each a JSON object.
    pub(super) lines: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Lines that were too long and are left out.
    pub(super) long_lines: u64,
}

/// One entry of a batch.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where its line ends.
    pub(super) end: usize,
    pub(super) cursor: String,
    pub(super) realtime: Option<Millis>,
    pub(super) message_id: Option<String>,
    pub(super) dropped: Option<String>,
}

/// What is read of an entry here. Values that are no text do not matter.
#[derive(Deserialize)]
struct Known {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    realtime: serde_json::Value,
    #[serde(rename = "MESSAGE_ID", default)]
    message_id: serde_json::Value,
    #[serde(rename = "N_DROPPED", default)]
    dropped: serde_json::Value,
}

/// A running program. Killed when dropped.
pub(super) struct Reader {
    child: Child,
    pieces: Receiver<Piece>,
}

impl Reader {
    pub(super) fn start(command: &[String], max_line: usize, bell: Bell) -> io::Result<Reader> {
        let Some((program, arguments)) = command.split_first() else { return Err(io::Error::other("no program is named")) };
        let mut child = Command::new(program)
            .args(arguments)
            // It is no part of what the service manager supervises, and its messages must be those that we know.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("LISTEN_FDS")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, pieces) = sync_channel(WAITING);
        let streams = child.stdout.take().zip(child.stderr.take());
        // From here on dropping ends the program.
        let reader = Reader { child, pieces };
        let Some((out, err)) = streams else { return Err(io::Error::other("its output cannot be read")) };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let said = thread("journal-err").spawn(move || last_words(err))?;
        thread("journal").spawn(move || {
            read(out, max_line, &sender, &bell);
            let said = said.join().unwrap_or_default();
            let _ = sender.send(Piece::Ended(said));
            bell.ring();
        })?;
        Ok(reader)
    }

    /// What came next, if anything has.
    pub(super) fn take(&mut self) -> Option<Piece> {
        match self.pieces.try_recv() {
            Ok(piece) => Some(piece),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Piece::Ended("its reader broke".to_owned())),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(out: ChildStdout, max_line: usize, sender: &SyncSender<Piece>, bell: &Bell) {
    let mut reader = BufReader::with_capacity(64 << 10, out);
    let longest = max_line.saturating_mul(ENTRY_FACTOR).saturating_add(ENTRY_EXTRA);
    let mut batch = Batch::default();
    loop {
        let begin = batch.lines.len();
        let whole = match line(&mut reader, longest, &mut batch.lines) {
            Ok(Some(whole)) => whole,
            // Half a line of a program that was killed: its entry comes again.
            Ok(None) | Err(_) => {
                batch.lines.truncate(begin);
                send(&mut batch, sender, bell);
                return;
            }
        };
        match serde_json::from_slice::<Known>(&batch.lines[begin..]) {
            Ok(known) if whole => batch.entries.push(entry(known, batch.lines.len())),
            // What is no entry tells nothing; where the next one is, its cursor says.
            _ => {
                batch.long_lines += u64::from(!whole);
                batch.lines.truncate(begin);
            }
        }
        if (batch.lines.len() >= BATCH || reader.buffer().is_empty()) && !send(&mut batch, sender, bell) {
            return;
        }
    }
}

/// Returns false when nobody takes it any more.
fn send(batch: &mut Batch, sender: &SyncSender<Piece>, bell: &Bell) -> bool {
    let batch = std::mem::take(batch);
    if batch.entries.is_empty() && batch.long_lines == 0 {
        return true;
    }
    let sent = sender.send(Piece::Batch(batch)).is_ok();
    bell.ring();
    sent
}

fn entry(known: Known, end: usize) -> Entry {
    let text = |value: serde_json::Value| value.as_str().map(str::to_owned);
    let realtime = known.realtime.as_str().and_then(|micros| micros.parse::<i64>().ok()).map(|micros| micros / 1000);
    Entry { end, cursor: known.cursor, realtime, message_id: text(known.message_id), dropped: text(known.dropped) }
}

/// Appends the next line. False: it was too long, and only its beginning was appended. None: there is none.
fn line(reader: &mut BufReader<ChildStdout>, longest: usize, to: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let begin = to.len();
    let mut whole = true;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            return Ok(None);
        }
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        if to.len() - begin + piece.len() <= longest {
            to.extend_from_slice(piece);
        } else {
            whole = false;
        }
        let used = piece.len();
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

/// The end of what it says, as one line.
fn last_words(mut err: ChildStderr) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = err.read(&mut piece) {
        said.extend_from_slice(&piece[..read]);
        said.drain(..said.len().saturating_sub(SAID));
    }
    let text = String::from_utf8_lossy(&said);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ")
}
