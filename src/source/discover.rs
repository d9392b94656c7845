//! Which paths a source's patterns lead to.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::names::{rotated, unpacked};

/// The logs that a configured path or glob leads to now, without their rotated predecessors; the pattern itself when it leads
/// nowhere.
pub fn logs_of(pattern: &str) -> Vec<PathBuf> {
    let found = without_rotated(expand(pattern), &[]);
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
}

/// The logs that one pattern leads to now. A path without wildcards, or one that exists as it is written, is a log whether it
/// exists or not.
pub(crate) fn expand(pattern: &str) -> Vec<PathBuf> {
    let literal = Path::new(pattern);
    if !pattern.contains(['*', '?', '[']) || literal.exists() {
        return vec![literal.to_path_buf()];
    }
    let options = glob::MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    match glob::glob_with(pattern, options) {
        // Directories that cannot be read have no matches: they are looked into again with the next pass.
        Ok(paths) => paths.filter_map(Result::ok).filter(|path| followable(path)).collect(),
        Err(_) => vec![literal.to_path_buf()],
    }
}

/// Whether a match is a file to follow: no directory, no FIFO, nothing compressed.
fn followable(path: &Path) -> bool {
    let is_packed = path.file_name().is_some_and(|name| unpacked(name.as_bytes()).1);
    !is_packed && path.metadata().is_ok_and(|meta| meta.is_file())
}

/// Takes out the matches that are rotated files of another one, or of a log that is known already.
pub(crate) fn without_rotated(matches: Vec<PathBuf>, known: &[&Path]) -> Vec<PathBuf> {
    let mut live: HashMap<&Path, BTreeSet<&[u8]>> = HashMap::new();
    for path in matches.iter().map(PathBuf::as_path).chain(known.iter().copied()) {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            live.entry(folder).or_default().insert(name.as_bytes());
        }
    }
    let is_rotated = |path: &Path| {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let name = name.as_bytes();
        let digits = name.iter().any(u8::is_ascii_digit) || name.ends_with(b"old") || name.ends_with(b"~");
        let others = live.get(folder).filter(|_| digits);
        others.is_some_and(|others| others.iter().any(|other| rotated(other, name).is_some_and(|found| found.plainly())))
    };
    matches.iter().filter(|path| known.contains(&path.as_path()) || !is_rotated(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_means_live_files() {
        let cases: &[(&[&str], &[&str], &str)] = &[
            (&["/l/x.log", "/l/x.log.1", "/l/y.log"], &[], "/l/x.log /l/y.log"),
            (&["/l/x.log", "/l/x-2026-01-01.log", "/l/x-1.log", "/l/x.1.log"], &[], "/l/x.log /l/x-1.log /l/x.1.log"),
            // The live file is away for a moment.
            (&["/l/x.log.1"], &["/l/x.log"], ""),
            (&["/l/x.log.1"], &["/m/x.log"], "/l/x.log.1"),
            // Programs that write to numbered files have no other.
            (&["/l/x.log.1", "/l/x.log.2"], &[], "/l/x.log.1 /l/x.log.2"),
        ];
        for (matches, known, expected) in cases {
            let known: Vec<&Path> = known.iter().map(Path::new).collect();
            let left = without_rotated(matches.iter().map(PathBuf::from).collect(), &known);
            assert_eq!(left.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "), *expected);
        }
    }
}
