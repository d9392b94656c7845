//! Other sources while reading goes on: those that stay as they are notice nothing, those that change go on where they were.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::ingest::{Finder, Ingest, IngestError};
use super::source::{Source, SourceConfig};
use crate::grammar::Library;
use crate::source::Bell;

/// What is to be read from now on.
pub struct Change {
    /// All sources; those that are not among them are read no more, and keep their positions.
    pub sources: Vec<SourceConfig>,
    /// Whether a successful connect removes the client's row.
    pub clear_on_success: bool,
    /// Finds further sources; those that were found before stay.
    pub finder: Option<Finder>,
    /// The grammars.
    pub library: Arc<Library>,
    /// Told when it is done, or why nothing was changed.
    pub done: Box<dyn FnOnce(Result<Changed, IngestError>) + Send>,
}

/// What a change did: names of sources.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changed {
    /// New ones.
    pub added: Vec<String>,
    /// Those that are read no more.
    pub removed: Vec<String>,
    /// Those that are read in another way.
    pub changed: Vec<String>,
}

/// Asks the reading thread for changes.
#[derive(Clone)]
pub struct Changer {
    changes: Sender<Change>,
    bell: Bell,
}

/// Where the reading thread finds them.
pub(super) type Changes = Receiver<Change>;

impl Changer {
    pub(super) fn new(bell: Bell) -> (Changer, Changes) {
        let (changes, found) = channel();
        (Changer { changes, bell }, found)
    }

    /// Asks for a change, which is made between two passes. Nothing is done, and nobody told, when reading has ended.
    pub fn ask(&self, change: Change) {
        // The receiver is gone only when the daemon ends.
        let _ = self.changes.send(change);
        self.bell.ring();
    }
}

impl std::fmt::Debug for Changer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changer").finish_non_exhaustive()
    }
}

impl Ingest {
    /// Makes the changes that were asked for. What cannot be made leaves everything as it was.
    pub(super) fn change_if_asked(&mut self) {
        while let Ok(change) = self.changes.try_recv() {
            let Change { mut sources, clear_on_success, finder, library, done } = change;
            if finder.is_some() {
                // What is configured by nobody is not in the new configuration either.
                let named: Vec<String> = sources.iter().map(|source| source.spec.name.clone()).collect();
                let found = self.sources.iter().filter(|source| self.finder.is_some() && !named.contains(&source.config.spec.name));
                sources.extend(found.map(|source| source.config.clone()).collect::<Vec<_>>());
            }
            let result = self.change(sources, clear_on_success, library);
            if result.is_ok() {
                (self.finder, self.looked) = (finder, None);
            }
            done(result);
        }
    }

    fn change(&mut self, configs: Vec<SourceConfig>, clear_on_success: bool, library: Arc<Library>) -> Result<Changed, IngestError> {
        let bell = self.doorbell.bell();
        let loaded = self.store.load()?;
        // First everything that can fail: the sources and streams that are new.
        let mut fresh = Vec::new();
        for config in &configs {
            fresh.push(match self.sources.iter().find(|source| source.config.spec.name == config.spec.name) {
                Some(source) => Fresh::Streams(source.new_streams(config, &bell)?),
                None => Fresh::Source(Box::new(Source::open(config.clone(), &library, &loaded.positions, &loaded.conversations, &bell)?)),
            });
        }
        let mut changed = Changed::default();
        let mut before = std::mem::take(&mut self.sources);
        self.join.set_proxies(configs.iter().flat_map(|config| config.options.proxies.iter().copied()).collect());
        for (config, fresh) in configs.into_iter().zip(fresh) {
            let name = config.spec.name.clone();
            let at = before.iter().position(|source| source.config.spec.name == name);
            self.sources.push(match (fresh, at) {
                (Fresh::Streams(streams), Some(at)) => {
                    let mut source = before.swap_remove(at);
                    if source.change(config, streams, &self.library, &library) {
                        changed.changed.push(name);
                    }
                    source
                }
                (Fresh::Source(source), _) => {
                    changed.added.push(name);
                    *source
                }
                // Names differ, so each is taken once.
                (Fresh::Streams(_), None) => continue,
            });
        }
        changed.removed = before.into_iter().map(|source| source.config.spec.name).collect();
        changed.removed.sort();
        self.sources.sort_by_key(|source| !source.is_terminator());
        self.join.know(&self.sources);
        let followed: Vec<_> = self.sources.iter().flat_map(Source::statuses).map(|log| log.path).collect();
        self.told.retain(|path, _| followed.contains(path));
        self.library = library;
        self.clear_on_success = clear_on_success;
        Ok(changed)
    }
}

/// What a source of the new configuration needs.
enum Fresh {
    /// It is there already; these streams are not.
    Streams(Vec<crate::source::Stream>),
    Source(Box<Source>),
}
