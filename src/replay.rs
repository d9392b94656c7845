//! Finished logs to a final table, with the engine that the daemon uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Engine, Options, Recognised, Stats, recognise};
use crate::grammar::{Grammar, Library};
use crate::link::{Linker, Side};
use crate::model::{Attempt, Millis};
use crate::source::{DEFAULT_MAX_LINE, Finished, SourceError};
use crate::store::Table;

/// How much of a log is looked at to recognise it.
const HEAD: usize = 256 * 1024;

/// One source of a replay: files of one broker, which are read in the order of their first stamps.
#[derive(Debug, Clone)]
pub struct ReplaySource {
    /// The name of a grammar; none: recognise it.
    pub grammar: Option<String>,
    /// The files; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Zone, TLS ports, time format. The name in it may be empty: then it is that of the grammar.
    pub options: Options,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No grammar fits.
    #[error("no grammar fits {}: none of its first {lines} lines is one that the known products write ({known}); name the grammar with --grammar; if its time stamps are unusual, declare them with --time-format; `turnaway explain` shows line by line", path.display())]
    Unknown {
        /// The log.
        path: PathBuf,
        /// How many lines were looked at.
        lines: usize,
        /// The known grammars.
        known: String,
    },
    /// Nothing to recognise.
    #[error("{} is empty: there is nothing to recognise; name the grammar with --grammar if that is fine", path.display())]
    Empty {
        /// The log.
        path: PathBuf,
    },
    /// There is no such grammar.
    #[error("there is no grammar \"{name}\"; there are: {known}")]
    NoGrammar {
        /// The name.
        name: String,
        /// The known grammars.
        known: String,
    },
}

/// What a replay reports while it runs.
pub trait Watcher {
    /// A log was recognised.
    fn recognised(&mut self, path: &Path, found: &Recognised);
    /// Bytes of the file, as it is stored, that were read; and its size, where it has one.
    fn progress(&mut self, path: &Path, done: u64, total: Option<u64>);
}

/// Reads all sources to their ends: first those of terminators, so that what they say is known of the brokers' connections,
/// whatever the order in which they are named.
///
/// # Errors
/// A file that cannot be read (what could be read of it, and the other files, are in the table all the same), an unknown
/// grammar, a log that no grammar fits.
pub fn replay(
    library: &Library,
    sources: &[ReplaySource],
    now: Millis,
    table: &mut Table,
    watcher: &mut dyn Watcher,
) -> Result<Stats, ReplayError> {
    let mut prepared = sources.iter().map(|source| Prepared::new(library, source, watcher)).collect::<Result<Vec<_>, _>>()?;
    prepared.sort_by_key(|source| !source.grammar.is_terminator());
    let behind = prepared.first().is_some_and(|source| source.grammar.is_terminator());
    let mut linker = Linker::new(sources.iter().flat_map(|source| source.options.proxies.iter().copied()).collect());
    if behind {
        linker.activate();
    }
    let (mut stats, mut broken) = (Stats::default(), None);
    for mut source in prepared {
        if !source.grammar.is_terminator() {
            linker.complete();
            source.options.settings.behind = behind;
        }
        let read = source.read(now, &mut linker, table, watcher, &mut stats);
        if !source.grammar.is_terminator() {
            linker.next_broker(&mut |attempt, _| table.push(attempt, true));
        }
        if let Err(error) = read {
            broken.get_or_insert(error);
        }
    }
    linker.finish(&mut |attempt, _| table.push(attempt, true));
    broken.map_or(Ok(stats), |error| Err(error.into()))
}

/// A source whose grammar is known, its files in order.
struct Prepared {
    grammar: Arc<Grammar>,
    options: Options,
    files: Vec<Head>,
}

impl Prepared {
    fn new(library: &Library, source: &ReplaySource, watcher: &mut dyn Watcher) -> Result<Prepared, ReplayError> {
        let mut files = source.paths.iter().map(|path| Head::read(path)).collect::<Result<Vec<_>, _>>()?;
        let grammar = match source.grammar.as_deref() {
            Some(name) => named(library, name)?,
            None => {
                let found = files.iter().find_map(|file| Some((file, recognise(library, &source.options, &file.head)?)));
                let (file, found) = match (found, files.first()) {
                    (Some(found), _) => found,
                    (None, Some(file)) => return Err(unknown(library, file)),
                    (None, None) => return Err(ReplayError::Empty { path: PathBuf::new() }),
                };
                watcher.recognised(&file.path, &found);
                found.grammar
            }
        };
        if files.len() > 1 {
            // Rotated logs are named in any order; their first stamps say which came first.
            files.sort_by_key(|file| file.first_stamp(&grammar, &source.options));
        }
        let mut options = source.options.clone();
        if options.settings.broker.is_empty() {
            options.settings.broker.clone_from(&grammar.name);
        }
        Ok(Prepared { grammar, options, files })
    }

    /// Reads the files to their ends.
    fn read(
        &mut self,
        now: Millis,
        linker: &mut Linker,
        table: &mut Table,
        watcher: &mut dyn Watcher,
        stats: &mut Stats,
    ) -> Result<(), SourceError> {
        let side = if self.grammar.is_terminator() { Side::Terminator } else { Side::Broker };
        let mut engine = Engine::new(Arc::clone(&self.grammar), self.options.clone());
        let mut out = Vec::new();
        let mut broken = None;
        for file in &mut self.files {
            if let Some(written) = file.written {
                engine.set_reference(written);
            }
            let read = file.each(&mut |bytes, done, total, path| {
                engine.feed(bytes, now, &mut out);
                fill(side, now, linker, table, &mut out);
                watcher.progress(path, done, total);
            });
            if let Err(error) = read {
                engine.gap();
                broken.get_or_insert(error);
            }
        }
        engine.finish(&mut out);
        fill(side, now, linker, table, &mut out);
        stats.add(&engine.stats());
        broken.map_or(Ok(()), Err)
    }
}

fn fill(side: Side, now: Millis, linker: &mut Linker, table: &mut Table, out: &mut Vec<Attempt>) {
    for attempt in out.drain(..) {
        linker.push(side, attempt, false, now, &mut |attempt, _| table.push(attempt, true));
    }
}
/// The grammar of this name, or an error that names those there are.
///
/// # Errors
/// There is no such grammar.
pub fn named(library: &Library, name: &str) -> Result<Arc<Grammar>, ReplayError> {
    library.get(name).cloned().ok_or_else(|| ReplayError::NoGrammar { name: name.to_owned(), known: names(library) })
}

fn names(library: &Library) -> String {
    library.names().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

fn unknown(library: &Library, file: &Head) -> ReplayError {
    let lines = memchr::memchr_iter(b'\n', &file.head).count().min(400);
    if file.head.is_empty() {
        return ReplayError::Empty { path: file.path.clone() };
    }
    ReplayError::Unknown { path: file.path.clone(), lines, known: names(library) }
}

type Work<'a> = dyn FnMut(&[u8], u64, Option<u64>, &Path) + 'a;

/// A log whose beginning was read to recognise it.
struct Head {
    path: PathBuf,
    file: Finished,
    head: Vec<u8>,
    /// Why the log could not be read on.
    broken: Option<SourceError>,
    written: Option<Millis>,
}

impl Head {
    fn read(path: &Path) -> Result<Head, SourceError> {
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
        let written = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let written = written.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(Head { path: path.to_owned(), file, head, broken, written: written.and_then(|since| Millis::try_from(since.as_millis()).ok()) })
    }

    /// Hands on the lines, each time with the bytes of the file that were read and its size.
    fn each(&mut self, work: &mut Work<'_>) -> Result<(), SourceError> {
        let total = self.file.total();
        work(&std::mem::take(&mut self.head), self.file.done(), total, &self.path);
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        loop {
            let done = self.file.done();
            let path = &self.path;
            if !self.file.read(&mut |bytes| work(bytes, done, total, path))? {
                return Ok(());
            }
        }
    }

    /// The time of its first record; a log without stamps comes last, in the order in which it was named.
    fn first_stamp(&self, grammar: &Arc<Grammar>, options: &Options) -> Millis {
        let mut engine = Engine::new(Arc::clone(grammar), options.clone());
        engine.set_reference(self.written.unwrap_or_default());
        let lines = self.head.split(|byte| *byte == b'\n').take(400);
        let stamps = lines.filter_map(|line| {
            let mut trace = crate::engine::Trace::default();
            engine.line(line, Millis::MAX, &mut Vec::new(), Some(&mut trace));
            trace.ts.filter(|(ts, inferred)| !inferred || *ts != Millis::MAX).map(|(ts, _)| ts)
        });
        stamps.min().unwrap_or(Millis::MAX)
    }
}
