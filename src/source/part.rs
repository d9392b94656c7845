//! One open file of a log: the live one, or a rotated one whose end is still to be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use memchr::memchr;

use super::chunks::{CHUNK, Chunks};
use super::decide::{Verdict, verdict};
use super::disk::{open, read_at, read_into, read_up_to};
use super::lines::{Cutter, Tally};
use super::names::unpacked;
use super::packed;
use super::position::{FileId, Kind, Mark, PROOF, Position, Proof, modified};
use crate::model::Millis;

/// A fragment longer than this is not read again as a whole each time some bytes are added to it.
const LONG_FRAGMENT: u64 = 64 << 10;

/// What one read did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes were dealt with, there may be more.
    Read(usize),
    /// Everything that is whole was handed over.
    End,
    /// The bytes before the offset are no longer those that were read.
    Changed,
}

/// An open file and how far it was read.
pub(crate) struct Part {
    /// The path it was opened by.
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    /// All files before it are accounted for, even while none of it is read.
    pub(crate) placed: bool,
    /// What came before it was looked for at least once.
    pub(crate) visited: bool,
    /// Nothing whole is left to read, as far as is known.
    pub(crate) at_end: bool,
    /// When it last grew, or ceased to be the live file.
    pub(crate) changed: Millis,
    /// The size when it was last looked at; of a compressed file, what was inflated so far.
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) offset: u64,
    /// There is no line end between the offset and here.
    scanned: u64,
    head: Vec<u8>,
    marker: Vec<u8>,
    /// What the file began with when the files before it were looked for, as long as nothing of it was handed over.
    begun: Vec<u8>,
    body: Body,
}

enum Body {
    Plain(File, Cutter),
    Packed(Box<dyn io::Read + Send>, Chunks),
}

impl Part {
    /// Opens a file at its beginning; only this one, if an identity is given.
    ///
    /// # Errors
    /// When it cannot be opened, is no regular file, or is packed in a way that we cannot unpack; `ResourceBusy` when there is
    /// another file by now.
    pub(crate) fn open(path: &Path, id: Option<FileId>, max_line: usize) -> io::Result<Part> {
        let file = open(path, id)?;
        let meta = file.metadata()?;
        let is_packed = unpacked(path.file_name().unwrap_or_default().as_encoded_bytes()).1;
        let (body, size) = match is_packed {
            true => (Body::Packed(packed::inflate(file)?, Chunks::new(Cutter::new(max_line))), 0),
            false => (Body::Plain(file, Cutter::new(max_line)), meta.len()),
        };
        Ok(Part {
            path: path.to_path_buf(),
            id: FileId::of(&meta),
            placed: false,
            visited: false,
            at_end: false,
            changed: 0,
            size,
            modified: modified(&meta),
            offset: 0,
            scanned: 0,
            head: Vec::new(),
            marker: Vec::new(),
            begun: Vec::new(),
            body,
        })
    }

    /// Opens a file where it was left, if it holds the bytes that were read then.
    ///
    /// # Errors
    /// As with `open`, and when it cannot be read.
    pub(crate) fn open_proven(path: &Path, id: FileId, proof: &Proof, skipping: bool, max_line: usize) -> io::Result<Option<Part>> {
        let mut part = Part::open(path, Some(id), max_line)?;
        let sought = match &mut part.body {
            Body::Plain(file, cutter) => {
                cutter.skipping = skipping;
                let (head, marker) = (usize::from(proof.head.len), usize::from(proof.marker.len));
                if part.size < proof.offset {
                    return Ok(None);
                }
                (read_at(file, 0, head)?, read_at(file, proof.offset.saturating_sub(marker as u64), marker)?)
            }
            Body::Packed(reader, chunks) => {
                chunks.cutter.skipping = skipping;
                let head = read_up_to(reader, usize::from(proof.head.len).min(PROOF))?;
                if !proof.head.holds(&head) {
                    return Ok(None);
                }
                let Some(marker) = pass_over(reader, head.clone(), proof.offset)? else { return Ok(None) };
                part.size = proof.offset;
                (head, marker)
            }
        };
        (part.head, part.marker) = sought;
        if !proof.head.holds(&part.head) || !proof.marker.holds(&part.marker) {
            return Ok(None);
        }
        (part.offset, part.scanned) = (proof.offset, proof.offset);
        Ok(Some(part))
    }

    /// Moves to the end of the last whole line within the first `limit` bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn skip_to_end(&mut self, limit: u64) -> io::Result<()> {
        let Body::Plain(file, _) = &self.body else { return Ok(()) };
        let mut end = limit.min(self.size);
        while end > 0 {
            let from = end.saturating_sub(CHUNK as u64);
            let piece = read_at(file, from, usize::try_from(end - from).unwrap_or(CHUNK))?;
            if let Some(newline) = memchr::memrchr(b'\n', &piece) {
                end = from + newline as u64 + 1;
                break;
            }
            end = from;
        }
        let proof = PROOF as u64;
        self.head = read_at(file, 0, usize::try_from(end.min(proof)).unwrap_or(PROOF))?;
        self.marker = read_at(file, end.saturating_sub(proof), usize::try_from(end.min(proof)).unwrap_or(PROOF))?;
        (self.offset, self.scanned) = (end, end);
        Ok(())
    }

    /// Reads once and hands over what is whole. The bytes before the offset are checked in the same read, so that a file
    /// that was emptied and written anew in between is never taken for the old one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&mut self, buf: &mut Vec<u8>, now: Millis, out: &mut dyn FnMut(&[u8])) -> io::Result<Step> {
        let before = self.size;
        let step = match &mut self.body {
            Body::Plain(..) => self.read_plain(buf, out)?,
            Body::Packed(reader, chunks) => {
                let (head, marker, offset) = (&mut self.head, &mut self.marker, &mut self.offset);
                let (read, used) = chunks.pump(reader, &mut |dealt| advance(head, marker, offset, dealt), out)?;
                self.size += read as u64;
                if read == 0 { Step::End } else { Step::Read(used) }
            }
        };
        if self.size != before || matches!(step, Step::Read(_)) {
            self.changed = now;
        }
        self.at_end = step == Step::End;
        Ok(step)
    }

    fn read_plain(&mut self, buf: &mut Vec<u8>, out: &mut dyn FnMut(&[u8])) -> io::Result<Step> {
        let Body::Plain(file, cutter) = &mut self.body else { return Ok(Step::End) };
        let meta = file.metadata()?;
        self.size = meta.len();
        let marked = self.marker.len();
        let from = self.offset - marked as u64;
        if self.size < self.scanned {
            self.scanned = self.offset;
        }
        // A long line that grows bit by bit: only the new bytes are searched for its end.
        while self.size > self.scanned && self.scanned > self.offset + LONG_FRAGMENT {
            let n = read_into(file, buf, 0, CHUNK, self.scanned, self.size)?;
            if n == 0 || memchr(b'\n', &buf[..n]).is_some() {
                break;
            }
            self.scanned += n as u64;
            if self.scanned - self.offset > cutter.max_line() as u64 {
                self.scanned = self.offset;
            }
        }
        let anything = self.size > self.scanned;
        let before = if self.offset == 0 { &self.begun } else { &self.marker };
        let want = if anything { marked + CHUNK } else { before.len() };
        let mut filled = read_into(file, buf, 0, want, from, self.size)?;
        let intact = buf[..filled].starts_with(before);
        match verdict(self.size, self.offset, self.scanned, intact) {
            Verdict::Changed => return Ok(Step::Changed),
            verdict => {
                self.modified = modified(&meta);
                if verdict == Verdict::End {
                    return Ok(Step::End);
                }
            }
        }
        loop {
            let used = cutter.cut(&buf[marked..filled], out);
            if used > 0 {
                advance(&mut self.head, &mut self.marker, &mut self.offset, &buf[marked..marked + used]);
                self.scanned = self.offset;
                return Ok(Step::Read(used));
            }
            let more = read_into(file, buf, filled, filled + CHUNK, from + filled as u64, self.size)?;
            if more == 0 {
                self.scanned = from + filled as u64;
                return Ok(Step::End);
            }
            filled += more;
        }
    }

    /// Hands over the last line of a finished file, if it lacks its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn finish(&mut self, out: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let (head, marker, offset) = (&mut self.head, &mut self.marker, &mut self.offset);
        match &mut self.body {
            Body::Plain(file, cutter) => {
                let left = usize::try_from(self.scanned.saturating_sub(*offset)).unwrap_or(0);
                let rest = read_at(file, *offset, left)?;
                cutter.last(&rest, out);
                advance(head, marker, offset, &rest);
            }
            Body::Packed(_, chunks) => {
                chunks.finish(&mut |dealt| advance(head, marker, offset, dealt), out);
            }
        }
        Ok(())
    }

    /// Whether the bytes that were read last are gone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn is_emptied(&self) -> io::Result<bool> {
        let Body::Plain(file, _) = &self.body else { return Ok(false) };
        let marker = read_at(file, self.offset.saturating_sub(self.marker.len() as u64), self.marker.len())?;
        Ok(marker != self.marker)
    }

    /// Begins anew: the file was emptied.
    pub(crate) fn restart(&mut self) {
        (self.offset, self.scanned, self.placed, self.at_end) = (0, 0, false, false);
        self.head.clear();
        self.marker.clear();
        self.begun.clear();
        if let Body::Plain(_, cutter) = &mut self.body {
            cutter.skipping = false;
        }
    }

    /// A compressed file: it never grows.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.body, Body::Packed(..))
    }

    /// Whether there is anything that was not looked at, in a file of which nothing was handed over.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub(crate) fn has_news(&self) -> io::Result<bool> {
        match &self.body {
            Body::Plain(file, _) => Ok(file.metadata()?.len() != self.scanned),
            Body::Packed(..) => Ok(true),
        }
    }

    /// The proof of what was read.
    pub(crate) fn proof(&self) -> Proof {
        Proof { offset: self.offset, head: Mark::of(&self.head), marker: Mark::of(&self.marker) }
    }

    /// The time of change as it is now, in nanoseconds since the epoch.
    pub(crate) fn modified_now(&self) -> i64 {
        match &self.body {
            Body::Plain(file, _) => file.metadata().map_or(self.modified, |meta| modified(&meta)),
            Body::Packed(..) => self.modified,
        }
    }

    /// Whether the file has no name any more.
    pub(crate) fn deleted(&self) -> bool {
        match &self.body {
            Body::Plain(file, _) => file.metadata().is_ok_and(|meta| meta.nlink() == 0),
            Body::Packed(..) => false,
        }
    }

    /// The first bytes of the file, read or not, at most 256; none of a compressed one.
    pub(crate) fn first_bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Plain(file, _) => read_at(file, 0, PROOF).unwrap_or_default(),
            Body::Packed(..) => Vec::new(),
        }
    }

    /// Remembers what the file begins with: what is read first must begin so, or the file was emptied in between.
    pub(crate) fn note_beginning(&mut self) {
        self.begun = self.first_bytes();
    }

    /// The first bytes that were read, at most 256.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The beginning of a line that is too long is handed over, its rest is yet to come.
    pub(crate) fn skipping(&self) -> bool {
        match &self.body {
            Body::Plain(_, cutter) => cutter.skipping,
            Body::Packed(_, chunks) => chunks.cutter.skipping,
        }
    }

    /// Whether `other` holds nothing but what this file begins with, and some of it: a copy, or one that is being made.
    pub(crate) fn begins_with(&self, other: &Path, id: FileId) -> io::Result<bool> {
        let Body::Plain(file, _) = &self.body else { return Ok(false) };
        let other = open(other, Some(id))?;
        let mut at = 0;
        loop {
            let theirs = read_at(&other, at, CHUNK)?;
            if theirs.is_empty() {
                return Ok(at > 0);
            }
            if theirs != read_at(file, at, theirs.len())? {
                return Ok(false);
            }
            at += theirs.len() as u64;
        }
    }

    /// The position to be stored.
    pub(crate) fn position(&self, log: &Path, kind: Kind, order: u32) -> Position {
        Position {
            log: log.to_path_buf(),
            kind,
            order,
            file: self.id,
            proof: self.proof(),
            skipping: self.skipping(),
            size: self.size.max(self.offset),
            modified: self.modified,
        }
    }

    /// What was handed over since this was last asked.
    pub(crate) fn take_tally(&mut self) -> Tally {
        match &mut self.body {
            Body::Plain(_, cutter) => std::mem::take(&mut cutter.tally),
            Body::Packed(_, chunks) => std::mem::take(&mut chunks.cutter.tally),
        }
    }
}

fn advance(head: &mut Vec<u8>, marker: &mut Vec<u8>, offset: &mut u64, dealt: &[u8]) {
    if head.len() as u64 == *offset {
        let room = PROOF.saturating_sub(head.len()).min(dealt.len());
        head.extend_from_slice(&dealt[..room]);
    }
    *offset += dealt.len() as u64;
    let fresh = &dealt[dealt.len().saturating_sub(PROOF)..];
    let surplus = (marker.len() + fresh.len()).saturating_sub(PROOF);
    marker.drain(..surplus.min(marker.len()));
    marker.extend_from_slice(fresh);
}

/// Reads on from `head`, which was read already, up to `offset`; returns the bytes before it, or none if the file is shorter.
fn pass_over(reader: &mut dyn io::Read, head: Vec<u8>, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut at, mut last) = (head.len() as u64, head);
    let mut piece = vec![0; CHUNK];
    while at < offset {
        let want = usize::try_from(offset - at).unwrap_or(CHUNK).min(CHUNK);
        match reader.read(&mut piece[..want]) {
            Ok(0) => return Ok(None),
            Ok(n) => advance(&mut Vec::new(), &mut last, &mut at, &piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((at == offset).then_some(last))
}
