//! Reads the logs of one broker to their ends, side by side.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::head::Head;
use super::{Prepared, Watcher};
use crate::engine::{Engine, Stats};
use crate::model::{Attempt, Millis};
use crate::source::SourceError;
use crate::twin::{LogId, Twins, log_id};

/// Reads the logs of one broker. Files that follow each other in time are one log, whatever their names; what is written at the same
/// time is two.
pub(super) fn read(
    sources: Vec<Prepared>,
    now: Millis,
    tell: &mut dyn FnMut(Attempt),
    watcher: &mut dyn Watcher,
    stats: &mut Stats,
) -> Result<(), SourceError> {
    let broker = sources.first().map(|source| source.options.settings.broker.clone()).unwrap_or_default();
    let mut shelves: Vec<Shelf> = sources.into_iter().map(Shelf::new).collect();
    let (mut twins, mut broken, mut out) = (Twins::default(), None, Vec::new());
    shelves.iter_mut().for_each(|shelf| shelf.open_if_none(&broker, &mut twins));
    while let Some((shelf, at)) = next(&shelves) {
        // Where no other log can be read beside this one, nothing has to wait for what the others say.
        let alone = shelves.iter().map(|shelf| shelf.tracks.len() + shelf.waiting.len()).sum::<usize>() == 1;
        let shelf = &mut shelves[shelf];
        let track = &mut shelf.tracks[at];
        let log = track.log;
        // Nor does anything of it, where no two records tell the same attempt.
        let through = alone && !shelf.source.grammar.rules.iter().any(|rule| rule.has_twin);
        let mut soon = |attempt| match through {
            true => tell(attempt),
            false => twins.push(&broker, log, attempt, false, now, &mut |attempt, _| tell(attempt)),
        };
        let more = track.read(now, watcher, &mut out, alone.then_some(&mut soon)).unwrap_or_else(|error| {
            broken.get_or_insert(error);
            false
        });
        // The next file may go on where this one ends, or was written beside it.
        let reached = track.engine.reached();
        shelf.open_if_none(&broker, &mut twins);
        while shelf.must_open(reached) {
            shelf.open(&broker, &mut twins);
        }
        let track = &mut shelf.tracks[at];
        if !track.is_open() {
            track.engine.tick(Millis::MAX, &mut out);
        }
        for attempt in out.drain(..) {
            twins.push(&broker, log, attempt, false, now, &mut |attempt, _| tell(attempt));
        }
        twins.reached(&broker, log, track.engine.reached(), more || track.is_open());
        shelf.note_ends(&broker, &mut twins);
        twins.tick(now, &mut |_, attempt, _| tell(attempt));
    }
    for track in shelves.iter_mut().flat_map(|shelf| &mut shelf.tracks) {
        track.engine.finish(&mut out);
        for attempt in out.drain(..) {
            twins.push(&broker, track.log, attempt, false, now, &mut |attempt, _| tell(attempt));
        }
        stats.add(&track.engine.stats());
    }
    twins.finish(&mut |attempt, _| tell(attempt));
    broken.map_or(Ok(()), Err)
}

/// The log that is behind all others.
fn next(shelves: &[Shelf]) -> Option<(usize, usize)> {
    let tracks =
        shelves.iter().enumerate().flat_map(|(shelf, all)| all.tracks.iter().enumerate().map(move |(at, track)| (shelf, at, track)));
    tracks.filter(|(.., track)| track.is_open()).min_by_key(|(.., track)| track.engine.reached()).map(|(shelf, at, _)| (shelf, at))
}

/// The files of one source.
struct Shelf {
    source: Prepared,
    /// Those that were not opened, with the times of their first records.
    waiting: VecDeque<(Option<Millis>, Head)>,
    tracks: Vec<Track>,
}

impl Shelf {
    fn new(mut source: Prepared) -> Shelf {
        let several = source.files.len() > 1;
        let files = std::mem::take(&mut source.files).into_iter();
        let waiting = files.map(|file| (several.then(|| file.first_stamp(&source.grammar, &source.options)), file)).collect();
        Shelf { source, waiting, tracks: Vec::new() }
    }

    /// Whether the next file begins before what was read of this log: both are written at the same time, then, unless one is what
    /// the other was called before it was rotated.
    fn must_open(&self, reached: Option<Millis>) -> bool {
        let Some((Some(begins), file)) = self.waiting.front() else { return false };
        reached.is_some_and(|reached| *begins < reached)
            && !self.tracks.iter().any(|track| track.is_open() && track.family == family(&file.path))
    }

    /// Says of the logs whose files are at their ends what may still come: nothing, or what begins with the next file.
    fn note_ends(&self, broker: &str, twins: &mut Twins) {
        for track in self.tracks.iter().filter(|track| !track.is_open()) {
            match self.waiting.front() {
                Some((begins, _)) => twins.reached(broker, track.log, *begins, true),
                None => twins.finished(broker, track.log),
            }
        }
    }

    /// Opens the next file, if none is open.
    fn open_if_none(&mut self, broker: &str, twins: &mut Twins) {
        if !self.tracks.iter().any(Track::is_open) {
            self.open(broker, twins);
        }
    }

    /// Opens the next file: as a log that goes on, if one is at its end.
    fn open(&mut self, broker: &str, twins: &mut Twins) {
        let Some((_, file)) = self.waiting.pop_front() else { return };
        let family = family(&file.path);
        let ended = |track: &Track| !track.is_open();
        let same = self.tracks.iter().position(|track| ended(track) && track.family == family);
        let at = same.or_else(|| self.tracks.iter().position(ended)).unwrap_or(self.tracks.len());
        if at == self.tracks.len() {
            let mut engine = Engine::new(Arc::clone(&self.source.grammar), self.source.options.clone());
            if let Some(rows) = &self.source.rows {
                engine.set_rows(Arc::clone(rows));
            }
            self.tracks.push(Track { log: log_id(broker, &file.path), engine, file: None, family: String::new() });
        }
        twins.reached(broker, self.tracks[at].log, None, true);
        self.tracks[at].go_on(file, family);
    }
}

/// One log: a file and those that follow it.
struct Track {
    log: LogId,
    engine: Engine,
    file: Option<Head>,
    family: String,
}

impl Track {
    fn is_open(&self) -> bool {
        self.file.is_some()
    }

    fn go_on(&mut self, file: Head, family: String) {
        if let Some(written) = file.written() {
            self.engine.set_written(written);
        }
        (self.file, self.family) = (Some(file), family);
    }

    /// Reads one piece. What comes of it is given to `soon`, if that is there, or left in `out`. False: the file is at its end.
    fn read(
        &mut self,
        now: Millis,
        watcher: &mut dyn Watcher,
        out: &mut Vec<Attempt>,
        mut soon: Option<&mut dyn FnMut(Attempt)>,
    ) -> Result<bool, SourceError> {
        let Some(file) = &mut self.file else { return Ok(false) };
        let read = file.piece(&mut |bytes, done, total, path| {
            self.engine.feed_each(bytes, now, out, &mut |out| {
                // Most lines end no attempt.
                if !out.is_empty()
                    && let Some(soon) = &mut soon
                {
                    out.drain(..).for_each(soon);
                }
            });
            watcher.progress(path, done, total);
        });
        if read.is_err() {
            self.engine.gap();
        }
        if !matches!(read, Ok(true)) {
            self.file = None;
        }
        read
    }
}

/// What the files of one rotated log have in common: the name without packing, numbers and dates.
fn family(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let mut parts: Vec<&str> = name.split(['.', '-', '_']).collect();
    parts.retain(|part| !part.starts_with(|c: char| c.is_ascii_digit()));
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_one_family() {
        let one = ["mosquitto.log", "mosquitto.log.1", "/x/mosquitto.log.2.gz", "mosquitto-20261123.log", "mosquitto.2026-11-23.log.zst"];
        assert!(one.iter().all(|name| family(Path::new(name)) == "mosquitto.log"), "{:?}", one.map(|name| family(Path::new(name))));
        assert_ne!(family(Path::new("a.event.log")), family(Path::new("a.hivemq.log")));
    }
}
