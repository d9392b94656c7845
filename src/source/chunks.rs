//! Whole lines out of anything that can only be read forwards.

use std::io::{self, Read};

use super::lines::Cutter;

/// How much is read at a time.
///
/// What is smaller than 128 KiB, with what is read before it, glibc takes from its heap; once a larger piece was given back, it keeps up to twice
/// as much of the heap's end for good, in each thread's.
pub(crate) const CHUNK: usize = 120 << 10;

/// Reads big pieces, hands over whole lines, and keeps the beginning of the line that is not complete yet. Its memory is
/// bounded by one piece and one line.
#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) cutter: Cutter,
    buf: Vec<u8>,
    filled: usize,
}

impl Chunks {
    pub(crate) fn new(cutter: Cutter) -> Chunks {
        Chunks { cutter, buf: Vec::new(), filled: 0 }
    }

    /// Reads once, at most `CHUNK` bytes, and hands over what is whole. Returns how many bytes were read, none at the end,
    /// and how many were dealt with, after showing those to `dealt`.
    ///
    /// # Errors
    /// Those of the reader, except interruption.
    pub(crate) fn pump(
        &mut self,
        from: &mut dyn Read,
        dealt: &mut dyn FnMut(&[u8]),
        out: &mut dyn FnMut(&[u8]),
    ) -> io::Result<(usize, usize)> {
        if self.buf.len() < self.filled + CHUNK {
            self.buf.resize(self.filled + CHUNK, 0);
        }
        let read = loop {
            match from.read(&mut self.buf[self.filled..self.filled + CHUNK]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled += read;
        if read == 0 {
            return Ok((0, 0));
        }
        let used = self.cutter.cut(&self.buf[..self.filled], out);
        dealt(&self.buf[..used]);
        self.buf.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok((read, used))
    }

    /// Hands over the last line, which has no end, and returns its length.
    pub(crate) fn finish(&mut self, dealt: &mut dyn FnMut(&[u8]), out: &mut dyn FnMut(&[u8])) -> usize {
        let held = std::mem::take(&mut self.filled);
        self.cutter.last(&self.buf[..held], out);
        dealt(&self.buf[..held]);
        held
    }
}
