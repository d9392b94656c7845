//! Logs that nobody writes to any more, for replay.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::chunks::Chunks;
use super::lines::Cutter;
use super::packed::inflate_ahead;
use crate::model::Millis;

/// What went wrong with a finished log or a stream.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The log.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It cannot be read on; what was read before was handed over.
    #[error("cannot read {} beyond byte {at}: {error}; what stands before is used", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// Bytes read from the file before that (as they are in the file, compressed or not).
        at: u64,
        /// What the system, or the decompression, says.
        error: io::Error,
    },
}

/// 2000-01-01T00:00:00Z. What unpacks an archive may give files no time at all, which looks like an earlier one.
const FIRST: Millis = 946_684_800_000;

/// A finished log: plain, gzip or zstd (recognised by its first bytes), or standard input.
pub struct Finished {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    chunks: Chunks,
    total: Option<u64>,
    /// When the file was last written.
    written: Option<Millis>,
    read: Arc<AtomicU64>,
    ended: bool,
}

impl Finished {
    /// Opens a log; `-` is standard input. Lines longer than `max_line` bytes are cut.
    ///
    /// # Errors
    /// When it cannot be opened, is a directory, or is packed in a way that we cannot unpack.
    pub fn open(path: &Path, max_line: usize) -> Result<Finished, SourceError> {
        let failed = |error| SourceError::Open { path: path.to_path_buf(), error };
        if path == Path::new("-") {
            return Finished::new(PathBuf::from("standard input"), io::stdin(), None, max_line).map_err(failed);
        }
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory: name the files in it")));
        }
        let total = meta.is_file().then_some(meta.len());
        let since = meta.modified().ok().filter(|_| meta.is_file()).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let written = since.and_then(|since| Millis::try_from(since.as_millis()).ok()).filter(|written| *written >= FIRST);
        Ok(Finished { written, ..Finished::new(path.to_path_buf(), file, total, max_line).map_err(failed)? })
    }

    /// When the file was last written; none where that is not known.
    pub fn written(&self) -> Option<Millis> {
        self.written
    }

    fn new(path: PathBuf, raw: impl Read + Send + 'static, total: Option<u64>, max_line: usize) -> io::Result<Finished> {
        let read = Arc::new(AtomicU64::new(0));
        let reader = inflate_ahead(Counted { raw, read: Arc::clone(&read) })?;
        Ok(Finished { path, reader, chunks: Chunks::new(Cutter::leaving_nuls(max_line)), total, written: None, read, ended: false })
    }

    /// Reads one piece and hands its whole lines to `each`, in order, perhaps in several calls; the last line of the log may
    /// lack its end. NULs before a line may be left: an engine takes them off. Returns false at the end of the log.
    ///
    /// # Errors
    /// When the log cannot be read on. What came before, including an incomplete last line, was handed over.
    pub fn read(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, SourceError> {
        if self.ended {
            return Ok(false);
        }
        let result = self.chunks.pump(&mut self.reader, &mut |_| {}, each);
        if matches!(result, Ok((1.., _))) {
            return Ok(true);
        }
        self.ended = true;
        self.chunks.finish(&mut |_| {}, each);
        match result {
            Ok(_) => Ok(false),
            Err(error) => Err(SourceError::Read { path: self.path.clone(), at: self.done(), error }),
        }
    }

    /// The size of the file in bytes, as it is stored; none for standard input and FIFOs.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Bytes read so far, as they are stored, for a progress bar.
    pub fn done(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Lines that were cut because they were too long.
    pub fn long_lines(&self) -> u64 {
        self.chunks.cutter.tally.long_lines
    }
}

/// Counts what is read through it.
struct Counted<R> {
    raw: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.raw.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const TEXT: &[u8] = b"one\ntwo\r\n\xff\xfe\nlast";

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> (Vec<u8>, Option<SourceError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        let mut finished = Finished::open(&path, 1 << 20).unwrap();
        let mut out = Vec::new();
        loop {
            match finished.read(&mut |lines| out.extend_from_slice(lines)) {
                Ok(true) => {}
                Ok(false) => {
                    assert_eq!(finished.total(), Some(finished.done()));
                    return (out, None);
                }
                Err(error) => return (out, Some(error)),
            }
        }
    }

    #[test]
    fn all_forms_of_a_log_are_read_alike() {
        let (left, right) = TEXT.split_at(6);
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let forms: [(&str, Vec<u8>); 6] = [
            ("plain", TEXT.to_vec()),
            ("gzip", gz(TEXT)),
            ("gzip of two members", [gz(left), gz(right)].concat()),
            ("zstd", zst(TEXT)),
            ("zstd of two frames", [zst(left), zst(right)].concat()),
            ("zstd with a skippable frame", [&skippable[..], &zst(TEXT)].concat()),
        ];
        for (name, bytes) in forms {
            let (out, error) = read(&bytes);
            assert!(error.is_none(), "{name}: {error:?}");
            assert_eq!(out, TEXT, "{name}");
        }
        assert_eq!(read(b"").0, b"");
    }

    #[test]
    fn a_big_log_comes_in_bounded_pieces() {
        let line = format!("{}\n", "x".repeat(999));
        let text = line.repeat(3000);
        for bytes in [text.clone().into_bytes(), gz(text.as_bytes()), zst(text.as_bytes())] {
            assert_eq!(read(&bytes).0.len(), text.len());
        }
    }

    #[test]
    fn a_broken_archive_gives_what_it_holds_and_an_error() {
        let text = "a line of text that is long enough\n".repeat(20_000);
        for bytes in [gz(text.as_bytes()), zst(text.as_bytes())] {
            let (out, error) = read(&bytes[..bytes.len() - 12]);
            assert!(text.as_bytes().starts_with(&out));
            assert!(error.unwrap().to_string().contains("beyond byte"));
        }
        let dir = tempfile::tempdir().unwrap();
        let xz = dir.path().join("log.xz");
        std::fs::write(&xz, b"\xfd7zXZ\0....").unwrap();
        for path in [&xz, &dir.path().join("none"), &dir.path().to_path_buf()] {
            let error = Finished::open(path, 100).err().unwrap();
            assert!(error.to_string().starts_with("cannot open"), "{error}");
        }
    }
}
