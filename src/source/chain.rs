//! The rotated files of a log, in the order in which they were written.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::disk::head_of;
use super::names::{Rotated, rotated, unpacked};
use super::position::{FileId, Mark, modified, touched};

/// A directory that changes while it is read is read again, but not for ever.
const LISTINGS: usize = 8;
/// Files that are remembered although they are gone: one that is being renamed may only seem so.
const GONE: usize = 256;

/// A file that may be a rotated one of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    pub(crate) size: u64,
    pub(crate) modified: i64,
    /// When it was renamed, or made, or written last, in nanoseconds since the epoch.
    pub(crate) touched: i64,
    pub(crate) rotated: Rotated,
}

/// The rotated files beside a live path (and beside the file that a symbolic link leads to), the oldest first.
///
/// # Errors
/// When a directory cannot be read (one that does not exist is empty), or changes all the time: to be tried again.
pub(crate) fn list(live: &Path, target: Option<&Path>) -> io::Result<Vec<Candidate>> {
    let mut before = list_once(live, target)?;
    // Rotation renames many files, one after the other, and reading a directory meanwhile may miss some: only two equal
    // listings show a state that existed.
    let mut stable = false;
    for _ in 1..LISTINGS {
        let again = list_once(live, target)?;
        stable = before.len() == again.len() && before.iter().zip(&again).all(|(a, b)| a.path == b.path && a.id == b.id);
        before = again;
        if stable {
            break;
        }
    }
    if !stable {
        return Err(changing());
    }
    without_doubles(&mut before);
    order(&mut before);
    Ok(before)
}

/// The error for a directory in which files come and go at this moment.
pub(crate) fn changing() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "files are being renamed beside it")
}

fn list_once(live: &Path, target: Option<&Path>) -> io::Result<Vec<Candidate>> {
    let mut found = Vec::new();
    add(live, &mut found)?;
    if let Some(target) = target {
        add(target, &mut found)?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

fn add(live: &Path, found: &mut Vec<Candidate>) -> io::Result<()> {
    let Some(name) = live.file_name() else { return Ok(()) };
    let folder = live.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let Some(rotated) = rotated(name.as_bytes(), entry.file_name().as_bytes()) else { continue };
        // What vanishes in between, or is a link, a directory, a FIFO, is none of ours.
        if let Ok(meta) = entry.metadata()
            && meta.is_file()
        {
            let (id, size, modified, touched) = (FileId::of(&meta), meta.len(), modified(&meta), touched(&meta));
            found.push(Candidate { path: entry.path(), id, size, modified, touched, rotated });
        }
    }
    Ok(())
}

/// While a file is being compressed both forms exist: the compressed one may be incomplete.
fn without_doubles(list: &mut Vec<Candidate>) {
    let plain: Vec<PathBuf> = list.iter().filter(|one| !one.rotated.packed).map(|one| one.path.clone()).collect();
    let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
    list.retain(|one| !one.rotated.packed || !plain.iter().any(|path| unpacked(&bytes(&one.path)).0 == bytes(path)));
    let mut seen = Vec::new();
    list.retain(|one| {
        let fresh = !seen.contains(&one.id);
        seen.push(one.id);
        fresh
    });
}

/// Sorts the oldest first. Counts run backwards with most programs (`.1` is the youngest) and forwards with some: the times
/// of change decide which, by majority, because a single one may mislead (a line that came late). Dates sort as they are.
fn order(list: &mut [Candidate]) {
    let dated = list.iter().filter(|one| one.rotated.dated).count();
    if dated == list.len() {
        list.sort_by(|a, b| by_numbers(a, b).then(a.modified.cmp(&b.modified)));
    } else if dated == 0 {
        list.sort_by(by_numbers);
        let (mut backwards, mut forwards) = (0, 0);
        for pair in list.windows(2) {
            match pair[0].modified.cmp(&pair[1].modified) {
                Ordering::Less => forwards += 1,
                Ordering::Greater => backwards += 1,
                Ordering::Equal => {}
            }
        }
        if forwards <= backwards {
            list.reverse();
        }
    } else {
        list.sort_by(|a, b| a.modified.cmp(&b.modified).then_with(|| by_numbers(b, a)));
    }
}

fn by_numbers(a: &Candidate, b: &Candidate) -> Ordering {
    a.rotated.numbers.cmp(&b.rotated.numbers)
}

/// A rotated file and its first bytes; none if it cannot be read.
pub(crate) type Headed<'a> = (&'a Candidate, Option<Vec<u8>>);

/// Reads the first bytes of each file, and its size as it is then.
///
/// # Errors
/// When files are renamed meanwhile.
pub(crate) fn with_heads(list: &mut [Candidate]) -> io::Result<Vec<Headed<'_>>> {
    let mut all = Vec::with_capacity(list.len());
    for file in list {
        let head = head_of(&file.path, file.id, file.rotated.packed)?;
        file.size = head.as_ref().map_or(file.size, |(_, size)| *size);
        all.push((&*file, head.map(|(head, _)| head)));
    }
    Ok(all)
}

/// The rotated files whose lines are accounted for, one way or another, with the mark of their first bytes if it is known.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<(FileId, Option<Mark>)>);

impl Known {
    /// Whether the file at `at`, of all files with their first bytes, is one of these, or came from one by compression. A
    /// reused inode does not deceive it.
    pub(crate) fn is(&self, at: usize, all: &[Headed<'_>]) -> bool {
        let Some((file, head)) = all.get(at) else { return false };
        self.0.iter().any(|(id, mark)| {
            let is_it = |(file, head): &Headed<'_>| match (mark, head) {
                (Some(mark), Some(head)) => file.id == *id && (mark.begins(head) || (mark.len == 0 && head.is_empty())),
                _ => file.id == *id,
            };
            // A packed file has another identity than the file it came from, which is gone then.
            let same = mark.as_ref().zip(head.as_ref()).is_some_and(|(mark, head)| mark.len > 0 && mark.holds(head));
            is_it(&all[at]) || (same && file.rotated.packed && !all.iter().any(is_it))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub(crate) fn add(&mut self, id: FileId, head: Option<&[u8]>) {
        self.0.retain(|(known, _)| *known != id);
        self.0.push((id, head.map(Mark::of)));
    }

    /// Remembers these, and for a while those that are gone.
    pub(crate) fn keep(&mut self, all: &[Headed<'_>], settled: impl Fn(FileId) -> bool) {
        let listed = |id: &FileId| all.iter().any(|(file, _)| file.id == *id);
        let mut surplus = self.0.iter().filter(|(id, _)| !listed(id)).count().saturating_sub(GONE);
        self.0.retain(|(id, _)| {
            let forget = surplus > 0 && !listed(id);
            surplus -= usize::from(forget);
            !forget
        });
        for (file, head) in all.iter().filter(|(file, _)| settled(file.id)) {
            self.add(file.id, head.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(files: &[(&str, i64)]) -> Vec<String> {
        let candidate = |(n, (name, modified)): (usize, &(&str, i64))| Candidate {
            path: PathBuf::from(name),
            id: FileId { device: 1, inode: n as u64 },
            size: 1,
            modified: *modified,
            touched: *modified,
            rotated: rotated(b"x.log", name.as_bytes()).unwrap(),
        };
        let mut list: Vec<Candidate> = files.iter().enumerate().map(candidate).collect();
        without_doubles(&mut list);
        order(&mut list);
        list.iter().map(|one| one.path.display().to_string()).collect()
    }

    #[test]
    fn rotated_files_are_put_in_the_order_of_writing() {
        let cases: &[(&[(&str, i64)], &str)] = &[
            (&[], ""),
            (&[("x.log.1", 3), ("x.log.2", 2), ("x.log.10", 1)], "x.log.10 x.log.2 x.log.1"),
            (&[("x.log.1", 1), ("x.log.2", 2), ("x.log.10", 3)], "x.log.1 x.log.2 x.log.10"),
            // Equal times: `.1` is the youngest. One late line does not turn the order.
            (&[("x.log.1", 1), ("x.log.2", 1)], "x.log.2 x.log.1"),
            (&[("x.log.1", 4), ("x.log.2", 9), ("x.log.3", 2), ("x.log.4", 1)], "x.log.4 x.log.3 x.log.2 x.log.1"),
            (&[("x.log-20260102", 1), ("x.log-20260101", 2)], "x.log-20260101 x.log-20260102"),
            (&[("x.log.2026-01-01.2", 1), ("x.log.2026-01-01.10", 2)], "x.log.2026-01-01.2 x.log.2026-01-01.10"),
            (&[("x.log.1", 5), ("x.log-20260101", 2)], "x.log-20260101 x.log.1"),
            // Both forms of one file.
            (&[("x.log.1", 3), ("x.log.1.gz", 3), ("x.log.2.gz", 1)], "x.log.2.gz x.log.1"),
        ];
        for (files, expected) in cases {
            assert_eq!(ordered(files).join(" "), *expected);
        }
    }

    #[test]
    fn a_reused_inode_is_not_known() {
        let mut known = Known::default();
        let id = FileId { device: 1, inode: 7 };
        known.add(id, Some(b"old content\n"));
        let file = |name: &str, inode| Candidate {
            path: PathBuf::from(name),
            id: FileId { device: 1, inode },
            size: 1,
            modified: 0,
            touched: 0,
            rotated: rotated(b"x.log", name.as_bytes()).unwrap(),
        };
        let (same, gz) = (file("x.log.1", 7), file("x.log.1.gz", 8));
        let old = || Some(b"old content\n".to_vec());
        let new = || Some(b"new content\n".to_vec());
        assert!(known.is(0, &[(&same, Some(b"old content\nand more\n".to_vec()))]));
        assert!(known.is(0, &[(&same, None)]), "no longer readable");
        assert!(!known.is(0, &[(&same, new())]));
        assert!(known.is(0, &[(&gz, old())]));
        assert!(!known.is(0, &[(&gz, None)]));
        assert!(!known.is(0, &[(&gz, old()), (&same, old())]), "the plain file is still there");
        assert!(known.is(0, &[(&gz, old()), (&same, new())]), "that is another file");
    }
}
