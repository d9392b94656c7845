//! Finished logs to a final table, with the engine that the daemon uses.

mod groups;
mod head;
mod reading;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::groups::Group;
use self::head::Head;
use crate::engine::{Options, Recognised, Stats, recognise};
use crate::grammar::{Grammar, Library};
use crate::link::{Linker, Side};
use crate::model::{Millis, Names};
use crate::source::SourceError;
use crate::store::Table;
use crate::twin::{Shelf, brokers};

/// One source of a replay: files of one broker, which are read in the order of their first stamps.
#[derive(Debug, Clone)]
pub struct ReplaySource {
    /// The name of a grammar; none: recognise it.
    pub grammar: Option<String>,
    /// The files; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Zone, TLS ports, time format. The name in it may be empty: then it is made of the grammar's and, if need be, the file's.
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
/// whatever the order in which they are named. The logs of one broker are read side by side, in the order of time; those of brokers without
/// terminators at the same time, on as many cores as there are.
///
/// # Errors
/// A file that cannot be read (what could be read of it, and the other files, are in the table all the same), an unknown
/// grammar, a log that no grammar fits.
pub fn replay(
    library: &Library,
    sources: &[ReplaySource],
    now: Millis,
    table: &mut Table,
    watcher: &mut (dyn Watcher + Send),
) -> Result<Stats, ReplayError> {
    let mut prepared = sources.iter().map(|source| Prepared::new(library, source, watcher)).collect::<Result<Vec<_>, _>>()?;
    name_brokers(&mut prepared);
    let mut linker = Linker::new(sources.iter().flat_map(|source| source.options.proxies.iter().copied()).collect());
    if prepared.iter().any(|source| source.grammar.is_terminator()) {
        linker.activate();
    }
    // Terminators first; the sources of one broker together, where the first of them stands.
    let names: Vec<Arc<str>> = prepared.iter().map(|source| source.options.settings.broker.clone()).collect();
    let order =
        |source: &Prepared| (!source.grammar.is_terminator(), names.iter().position(|name| *name == source.options.settings.broker));
    prepared.sort_by_key(order);
    let mut groups: Vec<Group> = Vec::new();
    for source in prepared {
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(|first| order(first) == order(&source)) => group.push(source),
            _ => groups.push(vec![source]),
        }
    }
    let mut stats = Stats::default();
    let read = match linker.is_active() {
        true => linked(groups, linker, now, table, watcher, &mut stats),
        false => groups::read(groups, now, table, watcher, &mut stats),
    };
    read.map_or_else(|error| Err(error.into()), |()| Ok(stats))
}

/// Reads the logs of terminators and of the brokers behind them, one after the other: what the first say is needed for the others.
fn linked(
    groups: Vec<Group>,
    mut linker: Linker,
    now: Millis,
    table: &mut Table,
    watcher: &mut dyn Watcher,
    stats: &mut Stats,
) -> Result<(), SourceError> {
    let is_terminator = |group: &Group| group.first().is_some_and(|source| source.grammar.is_terminator());
    let behind = groups.iter().any(is_terminator);
    let mut all = Ok(());
    for mut group in groups {
        let side = if is_terminator(&group) { Side::Terminator } else { Side::Broker };
        if side == Side::Broker {
            linker.complete();
            group.iter_mut().for_each(|source| source.options.settings.behind = behind);
        }
        let mut tell = |attempt| linker.push(side, attempt, false, now, &mut |attempt, _| table.push(attempt, true));
        all = all.and(reading::read(group, now, &mut tell, watcher, stats));
        if side == Side::Broker {
            linker.next_broker(&mut |attempt, _| table.push(attempt, true));
        }
    }
    linker.finish(&mut |attempt, _| table.push(attempt, true));
    all
}

/// Names the brokers: by their grammar; where logs of several brokers of one product are there, the file's name tells them apart.
fn name_brokers(prepared: &mut [Prepared]) {
    let shelves = prepared.iter().map(|source| Shelf { grammar: Some(&source.grammar), path: source.path() });
    let numbers = brokers(&shelves.collect::<Vec<_>>());
    for at in 0..prepared.len() {
        let name = &prepared[at].grammar.name;
        let several = (0..prepared.len()).any(|other| prepared[other].grammar.name == *name && numbers[other] != numbers[at]);
        let broker = if several { format!("{name}:{}", prepared[numbers[at]].path().display()) } else { name.clone() };
        let own = &mut prepared[at].options.settings.broker;
        if own.is_empty() {
            *own = broker.into();
        }
    }
}

/// A source whose grammar is known, its files in order.
struct Prepared {
    grammar: Arc<Grammar>,
    options: Options,
    files: Vec<Head>,
    /// The clients that may have a row, where all that was told of them is in the table.
    rows: Option<Arc<Names>>,
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
            files.sort_by_cached_key(|file| file.first_stamp(&grammar, &source.options));
        }
        Ok(Prepared { grammar, options: source.options.clone(), files, rows: None })
    }

    /// Whether nothing that is told of it has to wait: no other log is beside it, and no two records tell the same attempt.
    fn is_told_at_once(&self) -> bool {
        self.files.len() == 1 && !self.grammar.rules.iter().any(|rule| rule.has_twin)
    }

    fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
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
