//! Reading one log: its files one after the other, and leaving those that are done with.

use std::io;
use std::sync::Arc;

use super::log::{Log, MAX_PARTS, ROTATE_WAIT};
use super::part::Step;
use super::position::{FileId, Kind};
use super::spec::Sink;
use crate::model::Millis;

/// Rotated files that are remembered after they were left.
const MAX_DONE: usize = 4;
/// A file that is emptied over and over within one pass can wait for the next one.
const MAX_RESTARTS: u32 = 8;

impl Log {
    /// Reads what is there, within the budget in bytes. Returns whether there is more.
    pub(crate) fn pump(
        &mut self,
        now: Millis,
        budget: &mut usize,
        buf: &mut Vec<u8>,
        others: &dyn Fn(FileId) -> bool,
        sink: &mut dyn Sink,
    ) -> bool {
        if !self.looked {
            return false;
        }
        self.look_at_postponed(others, sink);
        let path = Arc::clone(&self.path);
        let (mut at, mut restarts) = (0, 0);
        loop {
            if at >= self.parts.len() {
                match self.fill_in_missing(others, sink) {
                    Ok(0) => break,
                    Ok(_) => {
                        at = 0;
                        continue;
                    }
                    Err(error) => {
                        self.fail("read the rotated files of", &error.to_string());
                        break;
                    }
                }
            }
            let part = &mut self.parts[at];
            if part.offset == 0 && !part.placed {
                let news = part.has_news();
                let look = !std::mem::replace(&mut part.visited, true);
                let empty = matches!(news, Ok(false));
                part.note_beginning();
                match news.and_then(|news| if news || look { self.fill_in(at, others, sink) } else { Ok(0) }) {
                    Ok(1..) => {
                        at = 0;
                        continue;
                    }
                    Ok(_) if empty => {
                        self.parts[at].at_end = true;
                        at += 1;
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) if self.patient(now) => {
                        self.fail("read the rotated files of", &error.to_string());
                        // Of one that had its place before, the place stays known.
                        self.parts[at].visited = !look;
                        return false;
                    }
                    Err(error) => {
                        self.gap(sink, &format!("a rotated file cannot be read: {error}"));
                        let _ = self.list_known();
                        self.parts[at].placed = true;
                    }
                }
            }
            loop {
                if *budget == 0 {
                    return true;
                }
                let Some(part) = self.parts.get_mut(at) else { break };
                let tally = &mut self.tally;
                let step = part.read(buf, now, &mut |bytes| {
                    tally.count(bytes);
                    sink.lines(&path, bytes);
                });
                self.tally.add(part.take_tally());
                match step {
                    Ok(Step::Read(n)) => {
                        *budget = budget.saturating_sub(n.max(1));
                        self.changed = Some(now);
                    }
                    Ok(Step::End) => {
                        at += 1;
                        break;
                    }
                    Ok(Step::Changed) if restarts >= MAX_RESTARTS => return true,
                    // Emptied since what came before it was looked for: that is done again.
                    Ok(Step::Changed) if self.parts[at].offset == 0 => {
                        restarts += 1;
                        self.parts[at].restart();
                        break;
                    }
                    Ok(Step::Changed) => {
                        restarts += 1;
                        let again = std::mem::take(&mut at);
                        if let Err(error) = self.emptied(again, others, sink) {
                            self.fail("look for the copy of", &error.to_string());
                            if self.patient(now) {
                                return false;
                            }
                            self.gap(sink, &format!("it was truncated, and its copy cannot be read: {error}"));
                            self.parts[again].restart();
                            self.parts[again].placed = true;
                        }
                        break;
                    }
                    Err(error) => {
                        if !self.broken(at, now, &error, sink) {
                            return false;
                        }
                        break;
                    }
                }
            }
        }
        self.trouble = None;
        self.retire(now, sink);
        false
    }

    /// A file cannot be read. Returns whether the others may go on.
    fn broken(&mut self, at: usize, now: Millis, error: &io::Error, sink: &mut dyn Sink) -> bool {
        self.fail("read", &error.to_string());
        if error.kind() == io::ErrorKind::StaleNetworkFileHandle {
            // The server forgot the handles: locate the files as after a restart.
            self.stored = self.positions();
            self.parts.clear();
            self.done.clear();
            (self.live, self.looked) = (None, false);
            return false;
        }
        let part = &self.parts[at];
        let why = format!("{}: {error}", part.path.display());
        let (live, is_packed) = (self.live == Some(part.id), part.is_packed());
        if live || (!is_packed && self.patient(now)) {
            return false;
        }
        self.gap(sink, &why);
        self.drop_part(at);
        true
    }

    /// Leaves rotated files that are read to their end and quiet, the oldest first, so that those remembered are the youngest.
    fn retire(&mut self, now: Millis, sink: &mut dyn Sink) {
        let path = Arc::clone(&self.path);
        let mut open = self.parts.len();
        while let Some(part) = self.parts.front_mut() {
            let quiet = part.is_packed() || now.saturating_sub(part.changed) >= ROTATE_WAIT || open > MAX_PARTS;
            // Until the writer has another file, it may go on with this one.
            let in_use = self.live.is_none() && open == 1 && !part.is_packed() && !part.deleted();
            if self.live == Some(part.id) || !part.at_end || !quiet || in_use {
                return;
            }
            let tally = &mut self.tally;
            let ended = part.finish(&mut |bytes| {
                tally.count(bytes);
                sink.lines(&path, bytes);
            });
            if let Err(error) = ended {
                let why = format!("the last line of {}: {error}", part.path.display());
                self.gap(sink, &why);
            }
            self.drop_part(0);
            open -= 1;
        }
    }

    /// Closes a file and remembers how far it was read.
    pub(crate) fn drop_part(&mut self, at: usize) {
        let Some(mut part) = self.parts.remove(at) else { return };
        self.tally.add(part.take_tally());
        self.known.get_or_insert_default().add(part.id, Some(part.head()));
        if part.offset > 0 {
            self.done.push_back(part.position(&self.path, Kind::Done, 0));
            if self.done.len() > MAX_DONE {
                self.done.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::source::Start;
    use crate::source::decide::Holder;

    struct Nobody;

    impl Sink for Nobody {
        fn lines(&mut self, _log: &Path, _bytes: &[u8]) {}
        fn gap(&mut self, _log: &Path, _why: &str) {}
        fn reread(&mut self, _log: &Path) {}
    }

    fn read(log: &mut Log) {
        log.settle(0, Holder::Nobody, &|_| false, &mut Nobody);
        log.pump(0, &mut usize::MAX.clone(), &mut Vec::new(), &|_| false, &mut Nobody);
    }

    /// Killed then, it would take all that was rotated since for old.
    #[test]
    fn a_place_that_is_known_stays_known_while_files_are_renamed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        fs::write(&path, "").unwrap();
        let mut log = Log::new(path.clone(), Start::Beginning, 100, Vec::new());
        log.look(0);
        read(&mut log);
        assert_eq!(log.positions().len(), 1);
        fs::write(&path, "line\n").unwrap();
        log.look(0);
        fs::rename(&path, dir.path().join("x.log.1")).unwrap();
        fs::write(&path, "").unwrap();
        read(&mut log);
        assert_eq!(log.positions().len(), 1, "{:?}", log.status());
    }
}
