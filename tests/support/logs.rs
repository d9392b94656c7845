//! The logs among the fixtures.

use std::path::{Path, PathBuf};

use turnaway::wrapper::{Piece, Unwrapper};

/// When they are read.
pub(crate) const READ_AT: i64 = 1_795_446_253_000;

/// Every log in this folder and those in it.
pub(crate) fn logs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            logs(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            found.push(path);
        }
    }
}

/// Whether this line is in no wrapper.
pub(crate) fn is_bare(line: &[u8]) -> bool {
    let mut unwrapper = Unwrapper::new(jiff::tz::TimeZone::UTC);
    matches!(unwrapper.line(line, READ_AT), Piece::Whole(unwrapped) if unwrapped.kind.is_bare())
}
