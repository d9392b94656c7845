//! Opening and reading files, in such a way that nothing waits and no file is taken for another.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::packed;
use super::position::{FileId, PROOF};

/// Opens a regular file without ever waiting: a FIFO that took its place does not block us. With an identity, anything else
/// that the path leads to by now, because files are being renamed, is an error of the kind `ResourceBusy`.
pub(crate) fn open(path: &Path, id: Option<FileId>) -> io::Result<File> {
    let busy = || io::Error::new(io::ErrorKind::ResourceBusy, format!("{} was renamed meanwhile", path.display()));
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && id.is_some() => return Err(busy()),
        other => other?,
    };
    let meta = file.metadata()?;
    match regular(&meta) {
        Some(error) => Err(error),
        None if id.is_some_and(|id| id != FileId::of(&meta)) => Err(busy()),
        None => Ok(file),
    }
}

/// The error for what is no regular file.
pub(crate) fn regular(meta: &Metadata) -> Option<io::Error> {
    (!meta.is_file()).then(|| io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// The first bytes of a file, inflated if it is packed, at most 256, and its size once they were read, so that a file that grows
/// meanwhile has at least that size; none of a file that we may not read, or cannot unpack.
///
/// # Errors
/// `ResourceBusy` when the path leads to another file by now.
pub(crate) fn head_of(path: &Path, id: FileId, is_packed: bool) -> io::Result<Option<(Vec<u8>, u64)>> {
    let head = open(path, Some(id)).and_then(|file| {
        let head = match is_packed {
            true => read_up_to(&mut packed::inflate(file.try_clone()?)?, PROOF)?,
            false => read_at(&file, 0, PROOF)?,
        };
        Ok((head, file.metadata()?.len()))
    });
    match head {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Err(error),
        Err(_) => Ok(None),
    }
}

/// Fills `buf[start..end]` from offset `at` of a file of `size` bytes; returns how many bytes that were.
pub(crate) fn read_into(file: &File, buf: &mut Vec<u8>, start: usize, end: usize, at: u64, size: u64) -> io::Result<usize> {
    // No more room than there are bytes: most reads are of a line or two.
    let end = end.min(usize::try_from(size.saturating_sub(at)).map_or(end, |left| start.saturating_add(left)));
    if buf.len() < end {
        buf.resize(end, 0);
    }
    let mut got = 0;
    while start + got < end && at + (got as u64) < size {
        match file.read_at(&mut buf[start + got..end], at + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

pub(crate) fn read_at(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let got = read_into(file, &mut bytes, 0, len, at, u64::MAX)?;
    bytes.truncate(got);
    Ok(bytes)
}

pub(crate) fn read_up_to(reader: &mut dyn io::Read, len: usize) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::with_capacity(len);
    reader.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
