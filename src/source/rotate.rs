//! What happened to a log between two looks: rotated files in between, and copies of a file that was emptied.

use std::io;

use super::chain::{self, Candidate, Known};
use super::log::{Log, ROTATE_WAIT};
use super::part::{Part, head_of};
use super::position::{FileId, Proof};
use super::spec::Sink;

/// A rotated file and its first bytes.
struct Seen<'a> {
    file: &'a Candidate,
    head: Vec<u8>,
    known: bool,
}

impl Log {
    /// Before the first byte of the file at `at` is read: finds rotated files that nobody has seen and puts them before it.
    /// Returns how many.
    ///
    /// # Errors
    /// When the directory or one of these files cannot be read, or changed meanwhile.
    pub(crate) fn fill_in(&mut self, at: usize, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<usize> {
        let list = chain::list(&self.path, self.target.as_deref())?;
        if self.known.is_none() {
            self.known.get_or_insert_default().keep(&list, |_| true);
            return Ok(0);
        }
        let before = at.checked_sub(1).and_then(|before| self.parts.get(before)).map(|part| part.modified);
        let floor = before.or_else(|| self.done.back().map(|position| position.modified));
        let seen = self.examine(&list, others, floor)?;
        // If this file was rotated meanwhile, what is younger has to wait for its successor.
        let own = list.iter().position(|one| one.id == self.parts[at].id);
        let mut open = Vec::new();
        let mut later = Vec::new();
        for (place, one) in seen.iter().enumerate().filter(|(_, one)| !one.known) {
            if own.is_some_and(|own| place > own) || self.copied_from_open(one)? {
                later.push(one.file.id);
            } else {
                open.push(self.open_rotated(one.file)?);
            }
        }
        drop(seen);
        self.settle_list(&list, &later);
        Ok(self.insert(at, open, sink))
    }

    /// The file at `at` was emptied: finds the copy that was made of it, reads on there, then what was rotated since, then
    /// the file from its beginning.
    ///
    /// # Errors
    /// As with `fill_in`.
    pub(crate) fn emptied(&mut self, at: usize, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<()> {
        let part = &self.parts[at];
        if self.live != Some(part.id) {
            // Nobody writes to a rotated file from its beginning: it was wiped before its deletion.
            self.drop_part(at);
            return Ok(());
        }
        let (proof, skipping, head, floor) = (part.proof(), part.skipping(), part.head().to_vec(), part.modified);
        let list = chain::list(&self.path, self.target.as_deref())?;
        let seen = self.examine(&list, others, Some(floor))?;
        let copy = self.find_copy(&seen, &proof, skipping)?;
        let mut open = Vec::new();
        let mut later = Vec::new();
        let mut covered = false;
        let mut copy_part = None;
        for (place, one) in seen.iter().enumerate() {
            if copy.as_ref().is_some_and(|(found, _)| *found == place) {
                copy_part = Some(open.len());
            } else if !one.known {
                if one.file.size < proof.offset && !one.file.rotated.packed && !one.head.is_empty() && head.starts_with(&one.head) {
                    // The copy was made before the last lines that we have.
                    covered = true;
                } else if self.copied_from_open(one)? {
                    later.push(one.file.id);
                } else {
                    open.push(self.open_rotated(one.file)?);
                }
            }
        }
        drop(seen);
        match (copy, copy_part) {
            (Some((_, mut part)), Some(place)) => {
                part.placed = true;
                open.insert(place, part);
            }
            _ if covered => {}
            _ => {
                self.gap(sink, "it was truncated and no copy of it was found: what was written since the last look is lost");
                if proof.head.begins(&head_of(&self.path, false).unwrap_or_default()) {
                    sink.reread(&self.path);
                }
            }
        }
        self.settle_list(&list, &later);
        self.parts[at].restart();
        self.insert(at, open, sink);
        Ok(())
    }

    /// All rotated files are as good as known: those that cannot be read are given up.
    pub(crate) fn give_up_unknown(&mut self) {
        if let Ok(list) = chain::list(&self.path, self.target.as_deref()) {
            self.known.get_or_insert_default().keep(&list, |_| true);
        }
    }

    fn examine<'a>(&self, list: &'a [Candidate], others: &dyn Fn(FileId) -> bool, floor: Option<i64>) -> io::Result<Vec<Seen<'a>>> {
        // A file that was last written long before the one we come from is no successor of it, but came from an archive.
        let floor = floor.map_or(i64::MIN, |floor| floor.saturating_sub(ROTATE_WAIT.saturating_mul(1_000_000)));
        let mut seen = Vec::with_capacity(list.len());
        for file in list {
            let ours = self.holds(file.id) || others(file.id);
            let head = match head_of(&file.path, file.rotated.packed) {
                Ok(head) => head,
                // Packed by a program that we do not know: it was plain before, and read then.
                Err(error) if ours || error.kind() == io::ErrorKind::Unsupported => {
                    seen.push(Seen { file, head: Vec::new(), known: true });
                    continue;
                }
                Err(error) => return Err(error),
            };
            let packed_from_open = file.rotated.packed
                && self
                    .parts
                    .iter()
                    .any(|part| !part.head().is_empty() && head.starts_with(part.head()) && !list.iter().any(|one| one.id == part.id));
            let known =
                ours || packed_from_open || file.modified < floor || self.known.as_ref().is_some_and(|known| known.is(file, &head, list));
            seen.push(Seen { file, head, known });
        }
        Ok(seen)
    }

    /// The copy of a file that was read up to `proof`, and its place. Copies that nobody has seen come first; among those the
    /// oldest, among the others the youngest.
    fn find_copy(&self, seen: &[Seen<'_>], proof: &Proof, skipping: bool) -> io::Result<Option<(usize, Part)>> {
        let all = || seen.iter().enumerate().filter(|(_, one)| !self.holds(one.file.id));
        let fresh = all().filter(|(_, one)| !one.known);
        let old = all().filter(|(_, one)| one.known).rev();
        for (place, one) in fresh.chain(old) {
            if one.file.rotated.packed || one.file.size >= proof.offset {
                match Part::open_proven(&one.file.path, proof, skipping, self.max_line) {
                    Ok(Some(part)) => return Ok(Some((place, part))),
                    Err(error) if !one.known => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// Whether a file holds only what an open one begins with: a copy, perhaps one that is still being made.
    fn copied_from_open(&self, one: &Seen<'_>) -> io::Result<bool> {
        if one.file.rotated.packed || one.head.is_empty() {
            return Ok(false);
        }
        for part in self.parts.iter().filter(|part| part.id != one.file.id) {
            if part.begins_with(&one.file.path, one.file.size)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens a rotated file that was not seen before.
    pub(crate) fn open_rotated(&self, file: &Candidate) -> io::Result<Part> {
        let mut part = Part::open(&file.path, self.max_line)?;
        if part.id != file.id {
            return Err(io::Error::other(format!("{} was renamed meanwhile", file.path.display())));
        }
        part.placed = true;
        Ok(part)
    }

    fn settle_list(&mut self, list: &[Candidate], later: &[FileId]) {
        let known: &mut Known = self.known.get_or_insert_default();
        known.keep(list, |one| !later.contains(&one.id));
    }

    fn insert(&mut self, at: usize, open: Vec<Part>, sink: &mut dyn Sink) -> usize {
        let room = super::log::MAX_PARTS.saturating_sub(self.parts.len());
        let surplus = open.len().saturating_sub(room);
        if surplus > 0 {
            self.gap(sink, &format!("{surplus} rotated files are more than can be read at once"));
        }
        let count = open.len() - surplus;
        for (place, mut part) in open.into_iter().skip(surplus).enumerate() {
            part.changed = self.now;
            self.parts.insert(at + place, part);
        }
        count
    }
}
