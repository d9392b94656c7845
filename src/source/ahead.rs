//! Reads ahead in a thread of its own: unpacking a log takes longer than reading its lines, and both cores can work.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// How much is handed over at a time, and how many such pieces may wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 2;

/// So much is read before another thread is begun: many logs are only looked at for now.
const LOOKED_AT: usize = 1 << 20;

/// A reader that another thread reads, once there is more than a little of it.
pub(crate) enum Ahead {
    Here { reader: Option<Box<dyn Read + Send>>, read: usize },
    There(Pieces),
}

impl Ahead {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Ahead {
        Ahead::Here { reader: Some(reader), read: 0 }
    }
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Ahead::Here { reader: Some(reader), read } if *read < LOOKED_AT => {
                let count = reader.read(buf)?;
                *read += count;
                Ok(count)
            }
            Ahead::Here { reader, .. } => {
                let Some(reader) = reader.take() else { return Err(io::Error::other("no thread could be begun to unpack it")) };
                *self = Ahead::There(Pieces::of(reader)?);
                self.read(buf)
            }
            Ahead::There(pieces) => pieces.read(buf),
        }
    }
}

/// What the thread has read. Its memory is bounded by a few pieces, which are used again.
pub(crate) struct Pieces {
    pieces: Receiver<io::Result<Vec<u8>>>,
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Pieces {
    fn of(reader: Box<dyn Read + Send>) -> io::Result<Pieces> {
        let (send, pieces) = sync_channel(WAITING);
        let (used, spare) = channel();
        std::thread::Builder::new().name("unpack".into()).spawn(move || read(reader, &send, &spare))?;
        Ok(Pieces { pieces, used, piece: Vec::new(), at: 0, ended: false })
    }
}

/// Reads to the end, which an empty piece says, or to an error.
fn read(mut reader: Box<dyn Read + Send>, pieces: &SyncSender<io::Result<Vec<u8>>>, spare: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = spare.try_recv().unwrap_or_default();
        piece.clear();
        let read = reader.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let more = matches!(read, Ok(1..));
        // What was read before an error counts.
        let failed = read.err();
        if (!piece.is_empty() || failed.is_none()) && pieces.send(Ok(piece)).is_err() {
            return;
        }
        if let Some(error) = failed {
            let _ = pieces.send(Err(error));
        }
        if !more {
            return;
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.ended {
            let _ = self.used.send(std::mem::take(&mut self.piece));
            self.at = 0;
            match self.pieces.recv() {
                Ok(Ok(piece)) => self.piece = piece,
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => return Err(io::Error::other("the thread that unpacks it has ended")),
            }
            self.ended = self.piece.is_empty();
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(usize);

    impl Read for Broken {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("broken"));
            }
            let count = self.0.min(buf.len());
            buf[..count].fill(b'x');
            self.0 -= count;
            Ok(count)
        }
    }

    #[test]
    fn all_bytes_come_in_order() {
        for size in [0, 1, LOOKED_AT, LOOKED_AT + 1, LOOKED_AT + PIECE, LOOKED_AT + 3 * PIECE + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut out = Vec::new();
            Ahead::new(Box::new(io::Cursor::new(bytes.clone()))).read_to_end(&mut out).unwrap();
            assert!(out == bytes, "{size}");
        }
    }

    #[test]
    fn what_stands_before_an_error_comes_first_and_an_end_stays() {
        let mut out = Vec::new();
        let error = Ahead::new(Box::new(Broken(LOOKED_AT + PIECE + 9))).read_to_end(&mut out).unwrap_err();
        assert_eq!((out.len(), error.to_string().as_str()), (LOOKED_AT + PIECE + 9, "broken"));
        let mut ended = Ahead::new(Box::new(io::empty()));
        assert_eq!((ended.read(&mut [0; 4]).unwrap(), ended.read(&mut [0; 4]).unwrap()), (0, 0));
    }
}
