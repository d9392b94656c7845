//! One log of a source: bytes in, attempts out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::source::SourceConfig;
use crate::engine::{Engine, EngineState, Options, Stats, prepare, recognise};
use crate::grammar::{Grammar, Library};
use crate::model::{Attempt, Millis};

/// A log that no grammar fits is kept back up to this size, so that nothing of it is lost once one does.
const UNKNOWN: usize = 256 * 1024;
/// So many lines of a product suffice when one of them is written by it alone; otherwise this many more are awaited.
const ENOUGH: usize = 3;
/// More than the 64 KiB at which glibc tidies up, less than the 128 KiB that it asks the system for by themselves.
const LARGE: usize = 96 * 1024;

/// The state of one log.
#[derive(Debug, Default)]
pub(super) struct LogWork {
    /// Elsewhere, because the tree of a source's logs has room for eleven wherever one is.
    engine: Option<Box<Engine>>,
    /// What engines before this one counted.
    before: Stats,
    /// What was read before the log was recognised.
    unknown: Vec<u8>,
    /// Lines may come that were read before.
    pub(super) reread: bool,
    /// A terminator stands before the broker.
    pub(super) behind: bool,
    /// Something changed since the last commit.
    pub(super) dirty: bool,
    /// Why no grammar is at work.
    pub(super) error: Option<String>,
}

/// The grammar that fits, if one surely does. All of them are tried on a thread that ends: what the allocator gave to it goes back to the
/// system, where between what stays it would be kept for good. What is made once and for all is made before, and no memory of that thread's is
/// taken from it, because one piece keeps what lies below it.
fn find(library: &Library, options: &Options, unknown: &[u8]) -> Option<Arc<Grammar>> {
    prepare();
    let _ = library.by_telling(&[]);
    let name = apart(|| {
        let found = recognise(library, options, unknown)?;
        let is_sure = found.telling > 0 || found.known >= ENOUGH;
        library.names().map(|(name, _)| name).find(|name| is_sure && *name == found.grammar.name)
    });
    // glibc looks for what can go back when a piece of 64 KiB is freed, and a thread frees its last small ones when it ends; the next one is
    // given the same memory.
    apart(|| std::hint::black_box(Vec::<u8>::with_capacity(LARGE)).pop());
    library.get(name?).cloned()
}

/// Does it on a thread of its own, and waits for that.
fn apart<T: Send>(work: impl FnOnce() -> Option<T> + Send) -> Option<T> {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_default())
}

/// What is stored of a log's conversations.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    grammar: String,
    state: EngineState,
}

impl LogWork {
    /// Of a log that is read from its beginning again.
    pub(super) fn again() -> LogWork {
        LogWork { reread: true, ..LogWork::default() }
    }

    /// Goes on from what the store kept, if it was made by a grammar that is still there.
    pub(super) fn restored(config: &SourceConfig, library: &Library, stored: &[u8]) -> LogWork {
        let mut work = LogWork::default();
        match serde_json::from_slice::<Stored>(stored) {
            Ok(stored) => {
                let grammar =
                    config.grammar.as_ref().filter(|grammar| grammar.name == stored.grammar).or_else(|| library.get(&stored.grammar));
                if let Some(grammar) = grammar.filter(|found| config.grammar.as_ref().is_none_or(|named| named.name == found.name)) {
                    let mut engine = Engine::new(Arc::clone(grammar), config.options.clone());
                    engine.restore(stored.state);
                    work.engine = Some(Box::new(engine));
                }
            }
            Err(error) => {
                tracing::warn!(source = &*config.options.settings.broker, %error, "stored conversations cannot be read; they begin anew")
            }
        }
        work
    }

    /// Goes on under another configuration, with what is open, as far as its grammar is still the one that is wanted.
    pub(super) fn changed(self, config: &SourceConfig, library: &Library) -> LogWork {
        let engine = self.state().map(|state| LogWork::restored(config, library, &state)).and_then(|work| work.engine);
        LogWork { before: self.stats(), dirty: true, engine, ..self }
    }

    /// Whether the grammar at work reads the same in both libraries.
    pub(super) fn agrees(&self, old: &Library, new: &Library) -> bool {
        self.engine.as_ref().is_none_or(|engine| new.agrees(old, &engine.grammar().name))
    }

    pub(super) fn lines(&mut self, config: &SourceConfig, library: &Library, bytes: &[u8], now: Millis, out: &mut Vec<Attempt>) {
        self.dirty = true;
        if let Some(engine) = &mut self.engine {
            engine.set_behind(self.behind);
        }
        if self.engine.is_none()
            && let Some(grammar) = &config.grammar
        {
            self.engine = Some(Box::new(Engine::new(Arc::clone(grammar), config.options.clone())));
        }
        match &mut self.engine {
            Some(engine) => engine.feed(bytes, now, out),
            None => self.find_out(config, library, bytes, now, out),
        }
    }

    fn find_out(&mut self, config: &SourceConfig, library: &Library, bytes: &[u8], now: Millis, out: &mut Vec<Attempt>) {
        let held = !self.unknown.is_empty();
        if held {
            self.unknown.extend_from_slice(bytes);
        }
        let all = if held { &self.unknown } else { bytes };
        if let Some(grammar) = find(library, &config.options, all) {
            tracing::info!(source = &*config.options.settings.broker, grammar = grammar.name, "recognised the log");
            let mut engine = Box::new(Engine::new(grammar, config.options.clone()));
            engine.feed(all, now, out);
            self.unknown = Vec::new();
            self.engine = Some(engine);
            self.error = None;
            return;
        }
        if !held {
            self.unknown.extend_from_slice(bytes);
        }
        if self.unknown.len() > UNKNOWN {
            self.error = Some("no grammar fits this log; name one in the source's `grammar`, or see `turnaway explain`".to_owned());
            self.unknown.clear();
        }
    }

    /// Lines were lost.
    pub(super) fn gap(&mut self) {
        self.dirty = true;
        if let Some(engine) = &mut self.engine {
            engine.gap();
        }
    }

    pub(super) fn tick(&mut self, now: Millis, out: &mut Vec<Attempt>) {
        if let Some(engine) = self.engine.as_mut().filter(|engine| engine.is_waiting()) {
            engine.tick(now, out);
            self.dirty |= !engine.is_waiting();
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Attempt>) {
        if let Some(engine) = &mut self.engine {
            engine.finish(out);
            self.dirty = true;
        }
    }

    /// The time up to which it was understood.
    pub(super) fn reached(&self) -> Option<Millis> {
        self.engine.as_ref().and_then(|engine| engine.reached())
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.is_waiting())
    }

    /// Whether lines were read that no engine has taken: they must be read again after a restart.
    pub(super) fn keeps_back(&self) -> bool {
        !self.unknown.is_empty()
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.before;
        stats.add(&self.engine.as_ref().map(|engine| engine.stats()).unwrap_or_default());
        stats
    }

    /// Whether this is the log of a terminator.
    pub(super) fn is_terminator(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.grammar().is_terminator())
    }

    /// The grammar's name and title.
    pub(super) fn grammar(&self) -> Option<(String, String)> {
        self.engine.as_ref().map(|engine| (engine.grammar().name.clone(), engine.grammar().title.clone()))
    }

    /// What to store.
    pub(super) fn state(&self) -> Option<Vec<u8>> {
        let engine = self.engine.as_ref()?;
        serde_json::to_vec(&Stored { grammar: engine.grammar().name.clone(), state: engine.state() }).ok()
    }
}
