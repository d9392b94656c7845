//! After a restart: finds the files that were being read, wherever rotation has put them meanwhile.

use std::io;

use super::chain::{self, Candidate, Headed};
use super::disk::head_of;
use super::log::{Log, MAX_PARTS, Named};
use super::part::Part;
use super::position::{FileId, Kind, Position};
use super::rotate::Seen;
use super::spec::Sink;
use crate::model::Millis;

/// A place in the chain of files, the live one last.
struct Slot {
    /// The rotated file; none for the live one.
    file: Option<Candidate>,
    id: FileId,
    /// Where it was left, once a position is proven to be its own.
    part: Option<Part>,
    /// All of it was read before, as the beginning of the file that it is a copy of.
    covered: bool,
}

impl Log {
    /// Locates what was stored, and opens it and everything younger. Returns false when there is nothing yet to resume in.
    ///
    /// # Errors
    /// When the live file or a directory cannot be read, or something changed meanwhile: to be tried again.
    pub(crate) fn restore(&mut self, now: Millis, others: &dyn Fn(FileId) -> bool, sink: &mut dyn Sink) -> io::Result<bool> {
        if self.named == Named::Refused {
            return Err(io::Error::other("it cannot be read at the moment"));
        }
        let mut list = match self.rotated() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy || self.patient(now) => return Err(error),
            other => other.unwrap_or_default(),
        };
        let mut stored = self.stored.clone();
        stored.sort_by_key(|position| position.order);
        let all = chain::with_heads(&mut list)?;
        let rotated = all.iter().map(|(one, _)| *one).filter(|one| !others(one.id));
        let mut slots: Vec<Slot> = rotated.map(|one| Slot::new(one.id, Some(one.clone()))).collect();
        if let Named::File(id, _) = self.named
            && !others(id)
        {
            slots.push(Slot::new(id, None));
        }
        let (located, trouble) = self.locate(&stored, &mut slots);
        // A file that was emptied after the listing has a copy that is not in it.
        let again = chain::list(&self.path, self.target.as_deref()).unwrap_or_default();
        if located.contains(&false) && !again.iter().map(|file| file.id).eq(all.iter().map(|(file, _)| file.id)) {
            return Err(chain::changing());
        }
        if let Some(error) = trouble
            && (error.kind() == io::ErrorKind::ResourceBusy || self.patient(now))
        {
            return Err(error);
        }
        let Some(first_new) = Log::first_new(&stored, &slots) else { return Ok(false) };
        let surplus = slots.len().saturating_sub(MAX_PARTS);
        let (opened, unreadable) = self.open_from(first_new.max(surplus), slots, now)?;
        self.parts = opened.into();
        self.live = match self.named {
            Named::File(id, _) if self.holds(id) => Some(id),
            _ => None,
        };
        let copies = self.leave_copies(&all).inspect_err(|_| self.parts.clear())?;
        if surplus > first_new {
            self.gap(sink, &format!("{} rotated files are more than can be read at once", surplus - first_new));
        }
        if unreadable > 0 {
            self.gap(sink, &format!("{unreadable} rotated files cannot be read"));
        }
        self.tell_losses(&stored, &located, first_new, sink);
        self.done = unlocated_done(&stored, &located);
        self.known.get_or_insert_default().keep(&all, |id| !copies.contains(&id));
        self.stored.clear();
        Ok(true)
    }

    /// Closes what was opened as new, but is a copy of another open file, or may become one: that is settled when it is emptied.
    fn leave_copies(&mut self, all: &[Headed<'_>]) -> io::Result<Vec<FileId>> {
        let is_new = |part: &Part| part.offset == 0 && Some(part.id) != self.live;
        let new: Vec<FileId> = self.parts.iter().filter(|part| is_new(part)).map(|part| part.id).collect();
        let mut copies = Vec::new();
        for (file, head) in all.iter().filter(|(file, _)| new.contains(&file.id)) {
            let one = Seen { file, head: head.as_deref().unwrap_or_default(), known: false, open: None };
            if self.copied_from_open(&one)? || self.may_become_copy(&one) {
                copies.push(file.id);
            }
        }
        self.parts.retain(|part| !copies.contains(&part.id));
        Ok(copies)
    }

    /// Finds the file of each position: first by identity and proof, then by proof alone (a copy, or compressed), then by a
    /// copy's being shorter than what was read. Returns which positions were found, and what hindered finding the others.
    fn locate(&self, stored: &[Position], slots: &mut [Slot]) -> (Vec<bool>, Option<io::Error>) {
        let mut located = vec![false; stored.len()];
        let mut trouble = None;
        for by_identity in [true, false] {
            for (position, found) in stored.iter().zip(&mut located).rev().filter(|(position, _)| position.proof.offset > 0) {
                // Plain files are cheap to look into, and the youngest is the likeliest.
                let plain = |slot: &&mut Slot| slot.file.as_ref().is_none_or(|file| !file.rotated.packed);
                let (first, second): (Vec<&mut Slot>, Vec<&mut Slot>) = slots.iter_mut().rev().partition(plain);
                for slot in first.into_iter().chain(second) {
                    if *found || slot.part.is_some() || (slot.id == position.file) != by_identity {
                        continue;
                    }
                    let path = slot.file.as_ref().map_or(&*self.path, |file| &file.path);
                    match Part::open_proven(path, slot.id, &position.proof, position.skipping, self.max_line) {
                        Ok(Some(part)) => {
                            slot.part = Some(part);
                            *found = true;
                        }
                        Ok(None) => {}
                        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                        Err(error) => trouble = Some(error),
                    }
                }
            }
        }
        if let (Some(youngest), Some(false)) = (stored.last(), located.last()) {
            for slot in slots.iter_mut().filter(|slot| slot.part.is_none()) {
                let Some(file) = slot.file.as_ref().filter(|file| !file.rotated.packed) else { continue };
                let begins = |(head, size): (Vec<u8>, u64)| size < youngest.proof.offset && youngest.proof.head.begins(&head);
                slot.covered = head_of(&file.path, file.id, false).is_ok_and(|head| head.is_some_and(begins));
            }
        }
        let trouble = trouble.filter(|_| located.contains(&false));
        (located, trouble)
    }

    /// The first slot that nobody has seen; none when there is nothing to resume in and no live file.
    fn first_new(stored: &[Position], slots: &[Slot]) -> Option<usize> {
        if let Some(last) = slots.iter().rposition(|slot| slot.part.is_some() || slot.covered) {
            return Some(last + 1);
        }
        let youngest = stored.last()?;
        // Nothing is proven. The files of which nothing was read are known by identity; and whatever was written to since then
        // is new: a copy of such a file, or what came after the one that is gone.
        let waiting = |id: FileId| stored.iter().rev().take_while(|one| one.proof.offset == 0).any(|one| one.file == id);
        let same = slots.iter().position(|slot| waiting(slot.id));
        let since =
            |file: &Candidate| file.modified > youngest.modified || (file.modified == youngest.modified && youngest.proof.offset == 0);
        let newer = slots.iter().position(|slot| slot.file.as_ref().is_none_or(since));
        [same, newer].into_iter().flatten().min()
    }

    /// Opens what was not located of the chain from a place on. Returns how many rotated files cannot be read at all.
    fn open_from(&mut self, first_new: usize, slots: Vec<Slot>, now: Millis) -> io::Result<(Vec<Part>, usize)> {
        let (mut open, mut unreadable) = (Vec::new(), 0);
        for (place, slot) in slots.into_iter().enumerate() {
            let mut part = match (slot.part, &slot.file) {
                (Some(part), _) => part,
                _ if place < first_new || slot.covered => continue,
                (None, Some(file)) => match self.open_rotated(file) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Err(error),
                    Err(error) if error.kind() != io::ErrorKind::Unsupported && self.patient(now) => return Err(error),
                    Err(_) => {
                        unreadable += 1;
                        continue;
                    }
                    Ok(part) => part,
                },
                (None, None) => Part::open(&self.path, Some(slot.id), self.max_line)?,
            };
            part.changed = now;
            open.push(part);
        }
        Ok((open, unreadable))
    }

    /// Says what cannot be read any more.
    fn tell_losses(&mut self, stored: &[Position], located: &[bool], first_new: usize, sink: &mut dyn Sink) {
        let youngest = stored.len().saturating_sub(1);
        let any = located.contains(&true);
        let packed = self.parts.iter().any(Part::is_packed);
        let others_first = self.parts.front().is_some_and(|part| stored.last().is_some_and(|youngest| youngest.file != part.id));
        let cut_off = first_new == 0 && others_first && stored.iter().any(|position| position.proof.offset > 0);
        let (mut lost, mut reread) = (0, false);
        for (place, position) in stored.iter().enumerate().filter(|(place, _)| !located[*place]) {
            if position.kind != Kind::Open {
                continue;
            }
            let anew = self.parts.iter().find(|part| part.id == position.file && part.offset == 0);
            lost += usize::from(match position.proof.offset {
                // Nothing was read of it: it is what follows a file that was found, or one that is packed now, or it is gone.
                0 if anew.is_none() => place == youngest && !any && !packed,
                // It was emptied after it was copied, perhaps more often than copies are kept: those that were read are gone.
                0 => place == youngest && !any && cut_off,
                // Of a rotated file that was read to its end nothing is lost.
                offset => place == youngest || position.size > offset,
            });
            reread |= anew.is_some_and(|part| position.proof.head.begins(&part.first_bytes()));
        }
        for _ in 0..lost {
            self.gap(sink, "the file that was being read is gone, or holds other bytes now");
        }
        if reread {
            sink.reread(&self.path);
        }
    }
}

impl Slot {
    fn new(id: FileId, file: Option<Candidate>) -> Slot {
        Slot { file, id, part: None, covered: false }
    }
}

fn unlocated_done(stored: &[Position], located: &[bool]) -> std::collections::VecDeque<Position> {
    let lost = stored.iter().zip(located).filter(|(position, found)| !**found && position.kind == Kind::Done);
    lost.map(|(position, _)| position.clone()).collect()
}
