//! Whole lines out of anything that can only be read forwards.

use std::io::{self, Read};
use std::ops::Range;

use super::lines::Cutter;

/// How much is read at a time.
///
/// What is smaller than 128 KiB, with what is read before it, glibc takes from its heap; once a larger piece was given back, it keeps up to twice
/// as much of the heap's end for good, in each thread's.
pub(crate) const CHUNK: usize = 120 << 10;

/// What is read goes to where a cache line begins. Just behind where a page begins, up to 31 bytes, the kernel's copy takes a third more time, or
/// three times as long (512 MiB: 50 ms elsewhere, 68 to 220 there, on an AMD EPYC).
const ALIGNED: usize = 64;

/// Reads big pieces, hands over whole lines, and keeps the beginning of the line that is not complete yet. Its memory is
/// bounded by one piece and one line.
#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) cutter: Cutter,
    buf: Vec<u8>,
    /// Where the bytes that were not dealt with stand, and how many they are.
    start: usize,
    filled: usize,
}

impl Chunks {
    pub(crate) fn new(cutter: Cutter) -> Chunks {
        Chunks { cutter, buf: Vec::new(), start: 0, filled: 0 }
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
        if self.buf.len() < self.filled + CHUNK + ALIGNED {
            self.buf.resize(self.filled + CHUNK + ALIGNED, 0);
        }
        let start = self.buf[self.filled..].as_ptr().align_offset(ALIGNED) % ALIGNED;
        let held = self.held();
        self.buf.copy_within(held, start);
        self.start = start;
        let end = self.held().end;
        let read = loop {
            match from.read(&mut self.buf[end..end + CHUNK]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled += read;
        if read == 0 {
            return Ok((0, 0));
        }
        let held = self.held();
        let used = self.cutter.cut(&self.buf[held], out);
        dealt(&self.buf[self.start..self.start + used]);
        self.start += used;
        self.filled -= used;
        Ok((read, used))
    }

    /// Hands over the last line, which has no end, and returns its length.
    pub(crate) fn finish(&mut self, dealt: &mut dyn FnMut(&[u8]), out: &mut dyn FnMut(&[u8])) -> usize {
        let held = self.held();
        self.cutter.last(&self.buf[held.clone()], out);
        dealt(&self.buf[held]);
        std::mem::take(&mut self.filled)
    }

    fn held(&self) -> Range<usize> {
        self.start..self.start + self.filled
    }
}
