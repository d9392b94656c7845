//! Cutting bytes into whole lines. Nothing here opens a file.

use memchr::{memchr, memchr_iter, memrchr};

/// Cuts what it is given after the last line end, shortens lines that are too long, and passes over leading NULs.
#[derive(Debug)]
pub(crate) struct Cutter {
    max_line: usize,
    /// Inside a line that was too long: what comes belongs to it up to the next line end.
    pub(crate) skipping: bool,
    /// NULs before lines are left where they are, unless a line is looked at for something else: whoever reads the lines takes them off, and
    /// that saves another look at each byte.
    leaves_nuls: bool,
    /// What was not handed over as it stood. Lines and bytes are counted by who takes them: replay needs no count.
    pub(crate) tally: Tally,
    scratch: Vec<u8>,
}

/// Counts of what was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) long_lines: u64,
    pub(crate) nul_bytes: u64,
}

impl Tally {
    /// Counts what was handed over. The last line of a log may lack its end.
    pub(crate) fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.lines += memchr_iter(b'\n', bytes).count() as u64 + u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.long_lines += other.long_lines;
        self.nul_bytes += other.nul_bytes;
    }
}

impl Cutter {
    pub(crate) fn new(max_line: usize) -> Cutter {
        Cutter { max_line: max_line.max(1), skipping: false, leaves_nuls: false, tally: Tally::default(), scratch: Vec::new() }
    }

    /// The same, for what goes to an engine: it takes NULs off the lines that it looks at.
    pub(crate) fn leaving_nuls(max_line: usize) -> Cutter {
        Cutter { leaves_nuls: true, ..Cutter::new(max_line) }
    }

    /// The longest line that is handed over whole.
    pub(crate) fn max_line(&self) -> usize {
        self.max_line
    }

    /// Hands the whole lines at the start of `data` to `out` and returns how many bytes are dealt with. `data` begins at a
    /// line's start, or inside a long line when `skipping`. It deals with none only while the line is at most `max_line` long.
    pub(crate) fn cut(&mut self, data: &[u8], out: &mut dyn FnMut(&[u8])) -> usize {
        let mut at = 0;
        if self.skipping {
            let Some(end) = memchr(b'\n', data) else { return data.len() };
            self.skipping = false;
            at = end + 1;
        }
        let end = memrchr(b'\n', &data[at..]).map_or(at, |last| at + last + 1);
        let whole = &data[at..end];
        if whole.len() <= self.max_line + 1 && (self.leaves_nuls || memchr(0, whole).is_none()) {
            self.emit(whole, out);
        } else {
            self.one_by_one(whole, out);
        }
        let rest = &data[end..];
        let nuls = leading_nuls(rest);
        self.tally.nul_bytes += nuls as u64;
        let rest = &rest[nuls..];
        if rest.len() <= self.max_line {
            return end + nuls;
        }
        self.shorten(rest, out);
        self.skipping = true;
        data.len()
    }

    /// Hands over the last line of a file that is finished, which has no line end.
    pub(crate) fn last(&mut self, data: &[u8], out: &mut dyn FnMut(&[u8])) {
        if !std::mem::take(&mut self.skipping) {
            let data = &data[leading_nuls(data)..];
            self.emit(data, out);
        }
    }

    /// The slow way, for what holds NULs or too long lines; lines that need nothing are still handed over in runs.
    fn one_by_one(&mut self, whole: &[u8], out: &mut dyn FnMut(&[u8])) {
        let (mut run, mut at) = (0, 0);
        for newline in memchr_iter(b'\n', whole) {
            let next = newline + 1;
            let nuls = leading_nuls(&whole[at..newline]);
            let long = newline - at - nuls > self.max_line;
            if nuls > 0 || long {
                self.emit(&whole[run..at], out);
                self.tally.nul_bytes += nuls as u64;
                run = at + nuls;
                if long {
                    self.shorten(&whole[run..newline], out);
                    run = next;
                }
            }
            at = next;
        }
        self.emit(&whole[run..], out);
    }

    fn shorten(&mut self, line: &[u8], out: &mut dyn FnMut(&[u8])) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&line[..self.max_line.min(line.len())]);
        scratch.push(b'\n');
        self.tally.long_lines += 1;
        self.emit(&scratch, out);
        self.scratch = scratch;
    }

    fn emit(&self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        if !bytes.is_empty() {
            out(bytes);
        }
    }
}

fn leading_nuls(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `data` in pieces of `piece` bytes the way the readers do, and returns what came out, in order.
    fn fed(data: &[u8], piece: usize, max_line: usize) -> (Vec<u8>, Cutter) {
        let (mut cutter, mut held, mut out) = (Cutter::new(max_line), Vec::new(), Vec::new());
        for part in data.chunks(piece) {
            held.extend_from_slice(part);
            let used = cutter.cut(&held, &mut |lines| out.extend_from_slice(lines));
            held.drain(..used);
        }
        cutter.last(&held, &mut |lines| out.extend_from_slice(lines));
        (out, cutter)
    }

    #[test]
    fn any_chunking_gives_the_same_lines() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"a\nb\n", b"a\nb\n"),
            (b"a\nb", b"a\nb"),
            (b"\n\n\n", b"\n\n\n"),
            (b"12345678\n123456789\nx\n", b"12345678\n12345678\nx\n"),
            (b"123456789012345", b"12345678\n"),
            (b"\0\0\0a\n\0b\nc\0\n\0\0", b"a\nb\nc\0\n"),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\n", b"a\n"),
            (b"\0\n\xff\xfe\n", b"\n\xff\xfe\n"),
            (b"\x00123456789\nok\n", b"12345678\nok\n"),
        ];
        for (data, expected) in cases {
            for piece in 1..=data.len().max(1) {
                let (out, _) = fed(data, piece, 8);
                assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_cut_is_counted() {
        let (out, mut cutter) = fed(b"\0\0short\n1234567890\n1234567890\nlast", 64, 8);
        cutter.tally.count(&out);
        assert_eq!(cutter.tally, Tally { lines: 4, bytes: 6 + 9 + 9 + 4, long_lines: 2, nul_bytes: 2 });
    }
}
