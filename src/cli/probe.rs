//! Looks at places of this machine without changing anything: what `check` says about them.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// How much of a log is read to recognise its product.
const HEAD: u64 = 256 * 1024;

/// What a path of a source leads to.
#[derive(Debug)]
pub(super) enum Found {
    /// Standard input.
    Stdin,
    /// A readable file, its size and its first bytes.
    Log(u64, Vec<u8>),
    /// A FIFO, which is not touched: opening it would wait for its writer.
    Fifo,
    /// Nothing yet.
    Missing,
    /// A directory.
    Directory,
    /// It is there and cannot be read.
    Unreadable(io::Error),
}

/// What is there.
pub(super) fn look(path: &Path) -> Found {
    if path == Path::new("-") {
        return Found::Stdin;
    }
    let meta = match path.metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Missing,
        Err(error) => return Found::Unreadable(error),
    };
    if meta.is_dir() {
        return Found::Directory;
    }
    if meta.file_type().is_fifo() {
        return Found::Fifo;
    }
    let mut head = Vec::new();
    match File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)) {
        Ok(_) => Found::Log(meta.len(), head),
        Err(error) => Found::Unreadable(error),
    }
}

/// How a file that we are to write stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Writable {
    /// It is there and can be written.
    There,
    /// It can be made.
    New,
    /// Its directory is not there.
    NoDirectory(PathBuf),
    /// This user may not write it, or to its directory.
    Forbidden(PathBuf),
}

/// Whether the file can be written, or made.
pub(super) fn writable(path: &Path) -> Writable {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Writable::NoDirectory(directory.to_owned());
    }
    // Other files are made beside it.
    if access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Writable::Forbidden(directory.to_owned());
    }
    match path.exists() {
        true if access(path, Access::WRITE_OK | Access::READ_OK).is_err() => Writable::Forbidden(path.to_owned()),
        true => Writable::There,
        false => Writable::New,
    }
}
