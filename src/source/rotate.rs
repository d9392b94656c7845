//! What happened to a log between two looks: rotated files in between, and copies of a file that was emptied.

use std::fs;
use std::io;
use std::path::Path;

use super::chain::{self, Candidate, Headed};
use super::log::{Log, MAX_PARTS, Named, ROTATE_WAIT};
use super::part::Part;
use super::position::{FileId, PROOF, Proof, modified};
use super::spec::Sink;
use crate::model::Millis;

/// So long a copy may be empty, or nearly so, before its first bytes are there.
const BEGUN: Millis = 2_000;

/// A rotated file and its first bytes.
pub(crate) struct Seen<'a> {
    pub(crate) file: &'a Candidate,
    pub(crate) head: &'a [u8],
    pub(crate) known: bool,
    /// The open file that this is, or was compressed from.
    pub(crate) open: Option<FileId>,
}

impl Seen<'_> {
    /// Whether its beginning is enough to tell a copy from a file that begins alike: not with the half of a line.
    fn tells(&self) -> bool {
        !self.file.rotated.packed && (self.head.len() == PROOF || self.head.ends_with(b"\n"))
    }
}

impl Log {
    /// Before the first byte of the file at `at` is read, or when there is none after the others: finds rotated files that
    /// nobody has seen and puts them there. Returns how many.
    ///
    /// # Errors
    /// When the directory or one of these files cannot be read, or changed meanwhile.
    pub(crate) fn fill_in(&mut self, at: usize, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<usize> {
        let mut list = self.rotated()?;
        let all = chain::with_heads(&mut list)?;
        if self.known.is_none() {
            self.known.get_or_insert_default().keep(&all, |_| true);
            return Ok(0);
        }
        let before = at.checked_sub(1).and_then(|before| self.parts.get(before)).map(|part| part.modified);
        let floor = before.or_else(|| self.done.back().map(|position| position.modified));
        let seen = self.examine(&all, others, floor);
        let until = self.parts.get(at).and_then(|part| self.younger_than(part, &seen));
        let mut open = Vec::new();
        let mut later = Vec::new();
        for (place, one) in seen.iter().enumerate().filter(|(_, one)| !one.known) {
            if until.is_some_and(|until| place >= until) || self.copied_from_open(one)? || self.may_become_copy(one) {
                later.push(one.file.id);
            } else {
                open.push((place, self.open_rotated(one.file)?));
            }
        }
        let places = places(&seen);
        // The file that was read last is deleted already, and others were rotated: nobody knows whether these are all of them.
        let is_gone = |part: &Part| part.deleted() && !places.iter().any(|(id, _)| *id == part.id);
        let rotated = !open.is_empty() || self.parts.get(at).is_some_and(|part| places.iter().any(|(id, _)| *id == part.id));
        let broken = match at.checked_sub(1).and_then(|before| self.parts.get(before)) {
            Some(before) => rotated && is_gone(before),
            None => self.is_cut_off(&seen, &open),
        };
        self.known.get_or_insert_default().keep(&all, |id| !later.contains(&id));
        if broken {
            self.gap(sink, "it was rotated so often since the last look that the file before was deleted, and perhaps others after it");
        }
        Ok(self.insert(at, open, &places, sink))
    }

    /// Whether all rotated files that were known are gone, and others are there: nobody knows what was between them.
    fn is_cut_off(&self, seen: &[Seen<'_>], open: &[(usize, Part)]) -> bool {
        let before = |first: usize| seen.iter().take(first).any(|one| one.known);
        self.known.as_ref().is_some_and(|known| !known.is_empty()) && open.first().is_some_and(|(first, _)| !before(*first))
    }

    /// While there is no live file: looks for rotated files if something happened in the directory since the last time.
    ///
    /// # Errors
    /// As with `fill_in`.
    pub(crate) fn fill_in_missing(&mut self, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<usize> {
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let changed = match fs::metadata(folder) {
            Ok(meta) => modified(&meta),
            Err(_) => return Ok(0),
        };
        if self.named != Named::Missing || self.listed == Some(changed) {
            return Ok(0);
        }
        let found = self.fill_in(self.parts.len(), others, sink)?;
        self.listed = Some(changed);
        Ok(found)
    }

    /// The file at `at` was emptied: finds the copy that was made of it, reads on there, then what was rotated since, then
    /// the file from its beginning.
    ///
    /// # Errors
    /// As with `fill_in`.
    pub(crate) fn emptied(&mut self, at: usize, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<()> {
        let part = &self.parts[at];
        let (proof, skipping, head, floor) = (part.proof(), part.skipping(), part.head().to_vec(), part.modified);
        let mut list = self.rotated()?;
        let all = chain::with_heads(&mut list)?;
        let seen = self.examine(&all, others, Some(floor));
        let copy = self.find_copy(&seen, &proof, skipping)?;
        let until = self.younger_than(part, &seen);
        let mut open = Vec::new();
        let mut later = Vec::new();
        let mut covered = false;
        for (place, one) in seen.iter().enumerate() {
            if copy.as_ref().is_some_and(|(found, _)| *found == place) {
                continue;
            }
            if !one.known {
                if one.file.size < proof.offset && one.tells() && head.starts_with(one.head) {
                    // The copy was made before the last lines that we have.
                    covered = true;
                } else if until.is_some_and(|until| place >= until) || self.copied_from_open(one)? || self.may_become_copy(one) {
                    later.push(one.file.id);
                } else {
                    open.push((place, self.open_rotated(one.file)?));
                }
            }
        }
        let places = places(&seen);
        match copy {
            Some((place, mut part)) => {
                part.placed = true;
                open.push((place, part));
                open.sort_by_key(|(place, _)| *place);
            }
            None if covered => {}
            None => {
                self.gap(sink, "it was truncated and no copy of it was found: what was written since the last look is lost");
                if proof.head.begins(&self.parts[at].first_bytes()) {
                    sink.reread(&self.path);
                }
            }
        }
        self.known.get_or_insert_default().keep(&all, |id| !later.contains(&id));
        self.parts[at].restart();
        self.insert(at, open, &places, sink);
        Ok(())
    }

    fn examine<'a>(&self, all: &'a [Headed<'a>], others: &dyn Fn(FileId) -> bool, floor: Option<i64>) -> Vec<Seen<'a>> {
        // A file that was last written long before the one we come from is no successor of it, but came from an archive.
        let floor = floor.map_or(i64::MIN, |floor| floor.saturating_sub(ROTATE_WAIT.saturating_mul(1_000_000)));
        let see = |(at, (file, head)): (usize, &'a Headed<'a>)| {
            let head = head.as_deref();
            let packed_from = |part: &&Part| {
                let away = self.live != Some(part.id) && !all.iter().any(|(one, _)| one.id == part.id);
                away && head == Some(&part.first_bytes())
            };
            let open = match file.rotated.packed {
                _ if self.holds(file.id) => Some(file.id),
                true => self.parts.iter().find(packed_from).map(|part| part.id),
                false => None,
            };
            // Packed by a program that we do not know: it was plain before, and read then.
            let foreign = file.rotated.packed && head.is_none_or(<[u8]>::is_empty);
            let listed = || self.known.as_ref().is_some_and(|known| known.is(at, all));
            let known = open.is_some() || foreign || others(file.id) || file.modified < floor || listed();
            Seen { file, head: head.unwrap_or_default(), known, open }
        };
        all.iter().enumerate().map(see).collect()
    }

    /// Where the files begin that are younger than an open one that was rotated or deleted: they wait for its successor.
    fn younger_than(&self, part: &Part, seen: &[Seen<'_>]) -> Option<usize> {
        let own = seen.iter().position(|one| one.open == Some(part.id));
        let gone = own.is_none() && self.live != Some(part.id);
        // Of a deleted file only the times tell.
        let by_time = || seen.iter().position(|one| one.file.modified > part.modified_now()).unwrap_or(seen.len());
        if gone { Some(by_time()) } else { own }
    }

    /// The copy of a file that was read up to `proof`, and its place. Copies that nobody has seen come first; among those the
    /// oldest, among the others the youngest.
    fn find_copy(&self, seen: &[Seen<'_>], proof: &Proof, skipping: bool) -> io::Result<Option<(usize, Part)>> {
        let all = || seen.iter().enumerate().filter(|(_, one)| !self.holds(one.file.id));
        let fresh = all().filter(|(_, one)| !one.known);
        let old = all().filter(|(_, one)| one.known).rev();
        for (place, one) in fresh.chain(old) {
            if one.file.rotated.packed || one.file.size >= proof.offset {
                match Part::open_proven(&one.file.path, one.file.id, proof, skipping, self.max_line) {
                    Ok(Some(part)) => return Ok(Some((place, part))),
                    Err(error) if !one.known || error.kind() == io::ErrorKind::ResourceBusy => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// Whether a file holds only what an open one begins with, or began with before it was emptied: a copy, perhaps one that is still
    /// being made.
    pub(crate) fn copied_from_open(&self, one: &Seen<'_>) -> io::Result<bool> {
        if !one.tells() {
            return Ok(false);
        }
        for part in self.parts.iter().filter(|part| part.id != one.file.id) {
            if part.begins_with(&one.file.path, one.file.id)? || self.copied_before(part, one)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a file is a copy of an open one that was emptied since: that is seen only when the open one is read again.
    fn copied_before(&self, part: &Part, one: &Seen<'_>) -> io::Result<bool> {
        if part.offset == 0 || !part.is_emptied()? {
            return Ok(false);
        }
        if one.file.size < part.offset {
            return Ok(part.head().starts_with(one.head));
        }
        let copy = Part::open_proven(&one.file.path, one.file.id, &part.proof(), part.skipping(), self.max_line)?;
        Ok(copy.is_some())
    }

    /// Whether a copy of an open file may just be begun: nothing of it is there yet, or too little to tell. Taken for a rotated file, all
    /// of it would be read a second time, and be missed when the file that it is made of is emptied. It is looked at again.
    pub(crate) fn may_become_copy(&mut self, one: &Seen<'_>) -> bool {
        let too_little = !one.file.rotated.packed && (one.head.is_empty() || !one.tells());
        let is_like = || one.head.is_empty() || self.parts.iter().any(|part| part.first_bytes().starts_with(one.head));
        let begun = too_little && self.is_near(one.file.modified, BEGUN) && !self.parts.is_empty() && is_like();
        if begun {
            self.postponed = Some(self.now);
        }
        begun
    }

    /// Looks again at files that were too short to tell what they are.
    pub(crate) fn look_at_postponed(&mut self, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) {
        let is_due = |since: Millis| !(0..BEGUN).contains(&self.now.saturating_sub(since));
        if self.postponed.is_some_and(is_due) {
            self.postponed = None;
            let live = self.parts.iter().position(|part| Some(part.id) == self.live).unwrap_or(self.parts.len());
            if self.fill_in(live, others, sink).is_err() {
                self.postponed = Some(self.now);
            }
        }
    }

    /// Opens a rotated file that was not seen before.
    pub(crate) fn open_rotated(&self, file: &Candidate) -> io::Result<Part> {
        let mut part = Part::open(&file.path, Some(file.id), self.max_line)?;
        part.placed = true;
        Ok(part)
    }

    /// Puts files before the one at `at`, and before those that are younger by their place among the rotated files.
    fn insert(&mut self, at: usize, open: Vec<(usize, Part)>, places: &[(FileId, usize)], sink: &mut dyn Sink) -> usize {
        let room = MAX_PARTS.saturating_sub(self.parts.len());
        let surplus = open.len().saturating_sub(room);
        if surplus > 0 {
            self.gap(sink, &format!("{surplus} rotated files are more than can be read at once"));
        }
        let count = open.len() - surplus;
        for (inserted, (place, mut part)) in open.into_iter().skip(surplus).enumerate() {
            part.changed = self.now;
            let younger = |one: &Part| places.iter().any(|(id, other)| *id == one.id && *other > place);
            let end = at + inserted;
            let before = self.parts.iter().take(end).position(younger).unwrap_or(end);
            self.parts.insert(before, part);
        }
        count
    }
}

/// The places of the open files among the rotated ones.
fn places(seen: &[Seen<'_>]) -> Vec<(FileId, usize)> {
    seen.iter().enumerate().filter_map(|(place, one)| Some((one.open?, place))).collect()
}
