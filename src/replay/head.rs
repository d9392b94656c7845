//! A log whose beginning was read to recognise it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Engine, Options, Trace};
use crate::grammar::Grammar;
use crate::model::Millis;
use crate::source::{DEFAULT_MAX_LINE, Finished, SourceError};

/// How much of a log is looked at to recognise it.
const HEAD: usize = 256 * 1024;

pub(super) type Work<'a> = dyn FnMut(&[u8], u64, Option<u64>, &Path) + 'a;

/// A log whose beginning was read to recognise it.
pub(super) struct Head {
    pub(super) path: PathBuf,
    file: Finished,
    pub(super) head: Vec<u8>,
    /// Why the log could not be read on.
    broken: Option<SourceError>,
}

impl Head {
    pub(super) fn read(path: &Path) -> Result<Head, SourceError> {
        let mut file = Finished::open(path, DEFAULT_MAX_LINE)?;
        let mut head = Vec::new();
        let mut broken = None;
        while head.len() < HEAD {
            match file.read(&mut |bytes| head.extend_from_slice(bytes)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        Ok(Head { path: path.to_owned(), file, head, broken })
    }

    /// When the log was last written, where that is known.
    pub(super) fn written(&self) -> Option<Millis> {
        self.file.written()
    }

    /// Hands on one piece of its lines, with the bytes of the file that were read and its size. False: it is at its end.
    pub(super) fn piece(&mut self, work: &mut Work<'_>) -> Result<bool, SourceError> {
        let (done, total, path) = (self.file.done(), self.file.total(), &self.path);
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            work(&head, done, total, path);
            return Ok(true);
        }
        match self.broken.take() {
            Some(error) => Err(error),
            None => self.file.read(&mut |bytes| work(bytes, done, total, path)),
        }
    }

    /// The time of its first record; a log without stamps comes last, in the order in which it was named.
    pub(super) fn first_stamp(&self, grammar: &Arc<Grammar>, options: &Options) -> Millis {
        let mut engine = Engine::new(Arc::clone(grammar), options.clone());
        engine.set_written(self.written().unwrap_or_default());
        let mut stamps: Vec<Millis> = Vec::new();
        // A record of several lines is known when the next one begins.
        let mut note = |trace: Option<&Trace>| {
            let ts = trace.and_then(|trace| trace.ts).filter(|(ts, inferred)| !inferred || *ts != Millis::MAX);
            stamps.extend(ts.map(|(ts, _)| ts));
        };
        for line in self.head.split(|byte| *byte == b'\n').take(400) {
            let mut trace = Trace::default();
            engine.line(line, Millis::MAX, &mut Vec::new(), Some(&mut trace));
            note(trace.earlier.as_deref());
            note(Some(&trace));
        }
        note(engine.finish_traced(&mut Vec::new()).as_ref());
        stamps.into_iter().min().unwrap_or(Millis::MAX)
    }
}
