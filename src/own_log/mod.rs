//! Our own log: one line on standard error for each event, as text or JSON, limited for each kind of message.
//!
//! What comes from logs, files and callers is escaped and cut; secrets never reach an event (tokens have no `Debug` that shows
//! them, what grammars call secret is taken out before). When standard error is the journal, each line begins with its
//! priority and has no stamp of its own.

mod limit;
mod line;

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use self::limit::{Kind, Limiter, Verdict};
use self::line::Line;
use crate::clock::Clock;
use crate::config::{Level, LogFormat};
use crate::model::Millis;

/// The target of events that are told however many there are: what somebody asked for.
pub const ASKED_FOR: &str = "turnaway::asked-for";

/// How the log stands; changes hold from the next event on.
#[derive(Clone)]
pub struct OwnLog(Arc<Inner>);

struct Inner {
    level: AtomicU8,
    json: AtomicBool,
    /// Standard error is the journal's.
    journal: bool,
    clock: Arc<dyn Clock>,
    limiter: Mutex<Limiter>,
    out: Out,
}

/// Where the lines go.
type Out = Box<dyn Fn(&str) + Send + Sync>;

impl OwnLog {
    /// Begins to log to standard error. A second start in one process (tests) keeps the first log.
    pub fn start(level: Level, format: LogFormat, clock: Arc<dyn Clock>) -> OwnLog {
        let log =
            OwnLog::new(level, format, is_journal(), clock, Box::new(|line| drop(std::io::stderr().lock().write_all(line.as_bytes()))));
        let _ = tracing::subscriber::set_global_default(log.clone());
        log
    }

    fn new(level: Level, format: LogFormat, journal: bool, clock: Arc<dyn Clock>, out: Out) -> OwnLog {
        let log = OwnLog(Arc::new(Inner {
            level: AtomicU8::new(0),
            json: AtomicBool::new(false),
            journal,
            clock,
            limiter: Mutex::new(Limiter::default()),
            out,
        }));
        log.set(level, format);
        log
    }

    /// Changes how much is said, and in which form.
    pub fn set(&self, level: Level, format: LogFormat) {
        self.0.level.store(level as u8, Ordering::Relaxed);
        self.0.json.store(format == LogFormat::Json, Ordering::Relaxed);
    }

    /// Says how many messages were left out in the minutes that are over.
    pub fn flush(&self) {
        let now = self.0.clock.now();
        let over = self.limiter(|limiter| limiter.over(now));
        over.iter().for_each(|(kind, count)| self.left_out(now, kind, *count));
    }

    fn limiter<T>(&self, work: impl FnOnce(&mut Limiter) -> T) -> T {
        work(&mut self.0.limiter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn left_out(&self, now: Millis, kind: &Kind, count: u64) {
        self.write(now, &Line::left_out(kind, count));
    }

    fn write(&self, now: Millis, line: &Line) {
        let journal = self.0.journal;
        let text = if self.0.json.load(Ordering::Relaxed) { line.json(now, journal) } else { line.text(now, journal) };
        (self.0.out)(&text);
    }
}

impl std::fmt::Debug for OwnLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnLog").finish_non_exhaustive()
    }
}

impl Subscriber for OwnLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level_of(metadata.level()) as u8 <= self.0.level.load(Ordering::Relaxed)
    }

    /// The level may change: no answer of [`Subscriber::enabled`] is for ever.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        tracing::subscriber::Interest::sometimes()
    }

    fn event(&self, event: &Event<'_>) {
        let now = self.0.clock.now();
        let meta = event.metadata();
        let line = Line::of(event);
        // Whoever asks for details gets all of them.
        if *meta.level() > tracing::Level::INFO || meta.target() == ASKED_FOR {
            return self.write(now, &line);
        }
        let kind = Kind {
            callsite: meta.callsite(),
            source: line.source().map(str::to_owned),
            level: *meta.level(),
            message: line.message.clone(),
        };
        match self.limiter(|limiter| limiter.take(kind, now)) {
            Verdict::Tell => self.write(now, &line),
            Verdict::TellAfter(kind, count) => {
                self.left_out(now, &kind, count);
                self.write(now, &line);
            }
            Verdict::LeaveOut => {}
        }
    }

    // There are no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn level_of(level: &tracing::Level) -> Level {
    match *level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        _ => Level::Debug,
    }
}

/// Whether standard error is a stream of the journal, as systemd.exec(5) says it: `JOURNAL_STREAM` holds its device and inode.
fn is_journal() -> bool {
    let Some(said) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(meta) = std::fs::metadata("/proc/self/fd/2") else { return false };
    said == format!("{}:{}", meta.dev(), meta.ino())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
