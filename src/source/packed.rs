//! Compressed files, by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::ahead::Ahead;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
    /// A kind of compression that we know by its first bytes only.
    Foreign(&'static str),
}

impl Packing {
    /// What the first bytes of a file say (six of them suffice).
    pub(crate) fn of(start: &[u8]) -> Packing {
        match start {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            // A skippable frame may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Packing::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Packing::Foreign("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Foreign("xz"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Packing::Foreign("lz4"),
            [b'P', b'K', 3, 4, ..] => Packing::Foreign("zip"),
            _ => Packing::Plain,
        }
    }
}

/// A reader of what `raw` holds, inflated if need be.
///
/// # Errors
/// When `raw` cannot be read, or is packed in a way that we cannot unpack.
pub(crate) fn inflate<R: Read + Send + 'static>(raw: R) -> io::Result<Box<dyn Read + Send>> {
    open(raw).map(|(_, reader)| reader)
}

/// The same, by a thread of its own where there is much to inflate.
///
/// # Errors
/// Likewise.
pub(crate) fn inflate_ahead<R: Read + Send + 'static>(raw: R) -> io::Result<Box<dyn Read + Send>> {
    match open(raw)? {
        (Packing::Plain, reader) => Ok(reader),
        (_, reader) => Ok(Box::new(Ahead::new(reader))),
    }
}

fn open<R: Read + Send + 'static>(raw: R) -> io::Result<(Packing, Box<dyn Read + Send>)> {
    let mut raw = BufReader::with_capacity(64 << 10, raw);
    let packing = Packing::of(raw.fill_buf()?);
    let reader: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(raw),
        Packing::Gzip => Box::new(MultiGzDecoder::new(raw)),
        Packing::Zstd => Box::new(Frames { state: State::Between(raw) }),
        Packing::Foreign(what) => {
            let message = format!("packed with {what}: unpack it first, or pack it with gzip or zstd");
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
    };
    Ok((packing, reader))
}

/// All frames of a zstd file, one after the other.
struct Frames<R: BufRead> {
    state: State<R>,
}

enum State<R: BufRead> {
    Between(R),
    Inside(R, Box<FrameDecoder>),
    Failed,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Failed) {
                State::Between(mut raw) => {
                    if raw.fill_buf()?.is_empty() {
                        self.state = State::Between(raw);
                        return Ok(0);
                    }
                    self.state = next_frame(raw)?;
                }
                State::Inside(mut raw, mut frame) => {
                    while frame.can_collect() == 0 && !frame.is_finished() {
                        frame.decode_blocks(&mut raw, BlockDecodingStrategy::UptoBlocks(1)).map_err(broken)?;
                    }
                    match frame.read(buf)? {
                        0 => self.state = State::Between(raw),
                        n => {
                            self.state = State::Inside(raw, frame);
                            return Ok(n);
                        }
                    }
                }
                State::Failed => return Err(io::Error::new(io::ErrorKind::InvalidData, "a zstd frame before this one is broken")),
            }
        }
    }
}

fn next_frame<R: BufRead>(mut raw: R) -> io::Result<State<R>> {
    let mut frame = FrameDecoder::new();
    match frame.init(&mut raw) {
        Ok(()) => Ok(State::Inside(raw, Box::new(frame))),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            let skipped = io::copy(&mut (&mut raw).take(u64::from(length)), &mut io::sink())?;
            if skipped < u64::from(length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(State::Between(raw))
        }
        Err(error) => Err(broken(error)),
    }
}

fn broken(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
