//! Standard input and FIFOs: read by a thread of their own, because reading them waits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use super::chunks::Chunks;
use super::doorbell::Bell;
use super::finished::SourceError;
use super::lines::Cutter;
use super::spec::{LogState, LogStatus, Progress, Sink};
use crate::model::Millis;

/// Pieces that wait to be taken; each is at most 256 KiB and one line.
const WAITING: usize = 8;

/// Whether the path leads to a FIFO now.
pub fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

enum Piece {
    Lines(Vec<u8>),
    /// Lines that were cut, and leading NULs passed over, in all.
    Tally(u64, u64),
    Failed(io::Error),
}

/// Lines from standard input or from a FIFO. There is no position: what was taken out of a pipe cannot be read again.
pub struct Stream {
    log: PathBuf,
    pieces: Receiver<Piece>,
    ended: bool,
    status: LogStatus,
}

impl Stream {
    /// Reads standard input until its end.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn stdin(max_line: usize, bell: Bell) -> Result<Stream, SourceError> {
        Stream::start(PathBuf::from("-"), max_line, bell, |sender, chunks| {
            sender.drain(&mut io::stdin().lock(), chunks);
        })
    }

    /// Reads a FIFO. When its writers go away, an incomplete last line is handed over, and the FIFO is read on as soon as
    /// there is a writer again.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn fifo(path: &Path, max_line: usize, bell: Bell) -> Result<Stream, SourceError> {
        let fifo = path.to_path_buf();
        Stream::start(path.to_path_buf(), max_line, bell, move |sender, chunks| {
            let mut open = None;
            loop {
                // The former end stays open until the next one is: what is written in between is kept.
                match Fifo::open(&fifo) {
                    Ok(next) => {
                        if !sender.drain(open.insert(next), chunks) {
                            return;
                        }
                    }
                    Err(error) => {
                        sender.send(Piece::Failed(error));
                        return;
                    }
                }
            }
        })
    }

    fn start(
        log: PathBuf,
        max_line: usize,
        bell: Bell,
        run: impl FnOnce(&Sender, &mut Chunks) + Send + 'static,
    ) -> Result<Stream, SourceError> {
        let (sender, pieces) = sync_channel(WAITING);
        let sender = Sender { sender, bell };
        let thread = std::thread::Builder::new().name("stream".into());
        // The thread ends with its input, or when nobody takes its pieces any more; until then it may wait in a read, so it is
        // not joined.
        let started = thread.spawn(move || run(&sender, &mut Chunks::new(Cutter::new(max_line))));
        started.map_err(|error| SourceError::Open { path: log.clone(), error })?;
        let status = LogStatus::new(log.clone(), LogState::Following);
        Ok(Stream { log, pieces, ended: false, status })
    }

    /// Hands what has come to the sink, up to about `budget` bytes, without waiting.
    pub fn poll(&mut self, now: Millis, budget: usize, sink: &mut dyn Sink) -> Progress {
        let mut bytes = 0;
        while bytes < budget {
            match self.pieces.try_recv() {
                Ok(Piece::Lines(lines)) => {
                    bytes += lines.len();
                    self.status.lines += memchr::memchr_iter(b'\n', &lines).count() as u64 + u64::from(!lines.ends_with(b"\n"));
                    self.status.bytes += lines.len() as u64;
                    self.status.changed = Some(now);
                    sink.lines(&self.log, &lines);
                }
                Ok(Piece::Tally(long, nuls)) => (self.status.long_lines, self.status.nul_bytes) = (long, nuls),
                Ok(Piece::Failed(error)) => {
                    self.status.state = LogState::Failing;
                    self.status.error = Some(format!("cannot read {}: {error}", self.log.display()));
                }
                Err(TryRecvError::Empty) => return Progress { more: false, bytes },
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return Progress { more: false, bytes };
                }
            }
        }
        Progress { more: true, bytes }
    }

    /// The input has ended and everything of it was handed over.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How it stands.
    pub fn status(&self) -> LogStatus {
        self.status.clone()
    }
}

/// The reading end of a FIFO. Opening it does not wait for a writer, reading does: a writer that comes and goes between two
/// calls is not missed, as it would be the other way round.
struct Fifo(File);

impl Fifo {
    fn open(path: &Path) -> io::Result<Fifo> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        match file.metadata()?.file_type().is_fifo() {
            true => Ok(Fifo(file)),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no FIFO any more")),
        }
    }
}

impl Read for Fifo {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {
                Err(error) if error == rustix::io::Errno::INTR => continue,
                other => other?,
            };
            match self.0.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

struct Sender {
    sender: SyncSender<Piece>,
    bell: Bell,
}

impl Sender {
    /// Sends a piece and rings. Returns false when nobody takes it.
    fn send(&self, piece: Piece) -> bool {
        let sent = self.sender.send(piece).is_ok();
        self.bell.ring();
        sent
    }

    /// Sends everything up to the end. Returns false when there is no use in going on.
    fn drain(&self, from: &mut dyn Read, chunks: &mut Chunks) -> bool {
        loop {
            let mut out = Vec::new();
            let result = chunks.pump(from, &mut |_| {}, &mut |lines| out.extend_from_slice(lines));
            let ended = !matches!(result, Ok((1.., _)));
            if ended {
                chunks.finish(&mut |_| {}, &mut |lines| out.extend_from_slice(lines));
            }
            let tally = chunks.cutter.tally;
            let counted = (tally.long_lines, tally.nul_bytes) == (0, 0) || self.send(Piece::Tally(tally.long_lines, tally.nul_bytes));
            if !counted || (!out.is_empty() && !self.send(Piece::Lines(out))) {
                return false;
            }
            if let Err(error) = result {
                self.send(Piece::Failed(error));
                return false;
            }
            if ended {
                return true;
            }
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.bell.ring();
    }
}
