//! The engine of one log.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::stream::{Line, Stream, StreamState, Surroundings};
use super::trace::{Fate, Trace};
use crate::conversation::Settings;
use crate::grammar::Grammar;
use crate::model::{Attempt, Millis};
use crate::record::time::TimeFormat;
use crate::wrapper::{Piece, Unwrapper};

/// More processes than this do not write one log; the one that was silent longest is forgotten.
const MAX_STREAMS: usize = 64;

/// What the source says about one log.
#[derive(Debug, Clone)]
pub struct Options {
    /// The source's name and TLS ports.
    pub settings: Settings,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// The broker's time format, where the operator declares it.
    pub time_format: Option<TimeFormat>,
}

impl Default for Options {
    fn default() -> Options {
        Options { settings: Settings::default(), zone: TimeZone::UTC, time_format: None }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Lines read.
    pub lines: u64,
    /// Lines that a rule took.
    pub matched: u64,
    /// Refused attempts.
    pub refused: u64,
    /// Accepted attempts.
    pub accepted: u64,
    /// Connections that ended without a word.
    pub probes: u64,
}

/// Turns the lines of one log into attempts.
#[derive(Debug)]
pub struct Engine {
    grammar: Arc<Grammar>,
    options: Options,
    unwrapper: Unwrapper,
    streams: HashMap<Vec<u8>, (u64, Stream)>,
    turn: u64,
    stats: Stats,
}

/// What of an engine outlives a restart: the open conversations and what was learned about the log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EngineState {
    streams: Vec<(Vec<u8>, StreamState)>,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(grammar: Arc<Grammar>, options: Options) -> Engine {
        let unwrapper = Unwrapper::new(options.zone.clone());
        Engine { grammar, options, unwrapper, streams: HashMap::new(), turn: 0, stats: Stats::default() }
    }

    /// The grammar in use.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes in whole lines; the last may lack its line end.
    pub fn feed(&mut self, bytes: &[u8], read_at: Millis, out: &mut Vec<Attempt>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            self.line(line, read_at, out, None);
            rest = after;
        }
    }

    /// Takes in one line, and says what became of it.
    pub fn line(&mut self, line: &[u8], read_at: Millis, out: &mut Vec<Attempt>, mut trace: Option<&mut Trace>) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.stats.lines += 1;
        let unwrapped = match self.unwrapper.line(line, read_at) {
            Piece::Whole(unwrapped) => unwrapped,
            Piece::Held => {
                if let Some(trace) = &mut trace {
                    trace.fate = Fate::Part;
                }
                return;
            }
            Piece::Unreadable => {
                if let Some(trace) = &mut trace {
                    trace.fate = Fate::NotTheBrokers;
                }
                return;
            }
        };
        self.turn += 1;
        let key = unwrapped.stream.ident;
        if !self.streams.contains_key(key) {
            if self.streams.len() >= MAX_STREAMS
                && let Some(oldest) = self.streams.iter().min_by_key(|(_, (turn, _))| *turn).map(|(key, _)| key.clone())
            {
                self.streams.remove(&oldest);
            }
            self.streams.insert(key.to_vec(), (0, Stream::new(self.options.time_format.clone())));
        }
        let Some((turn, stream)) = self.streams.get_mut(key) else { return };
        *turn = self.turn;
        let mut around = Surroundings {
            grammar: &self.grammar,
            settings: &self.options.settings,
            zone: &self.options.zone,
            out,
            stats: &mut self.stats,
        };
        let line = Line { text: &unwrapped.text, raw: line, stamp: unwrapped.stamp, read_at };
        stream.line(line, &mut around, &mut trace);
    }

    /// Time passed: records that waited for others are finished.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Attempt>) {
        self.each(out, |stream, around| stream.tick(now, around));
    }

    /// Whether a tick can change anything.
    pub fn is_waiting(&self) -> bool {
        self.streams.values().any(|(_, stream)| stream.is_waiting())
    }

    /// The log is at its end for good.
    pub fn finish(&mut self, out: &mut Vec<Attempt>) {
        self.each(out, |stream, around| stream.finish(around));
    }

    /// Lines of the log were lost.
    pub fn gap(&mut self) {
        for (_, stream) in self.streams.values_mut() {
            stream.joiner.gap();
        }
    }

    /// What to keep over a restart.
    pub fn state(&self) -> EngineState {
        let mut streams: Vec<_> = self.streams.iter().map(|(key, (_, stream))| (key.clone(), stream.state())).collect();
        streams.sort_by(|one, two| one.0.cmp(&two.0));
        EngineState { streams }
    }

    /// Goes on from what was kept.
    pub fn restore(&mut self, state: EngineState) {
        let declared = &self.options.time_format;
        self.streams = state.streams.into_iter().map(|(key, state)| (key, (0, Stream::restore(declared.clone(), state)))).collect();
    }

    fn each(&mut self, out: &mut Vec<Attempt>, mut work: impl FnMut(&mut Stream, &mut Surroundings<'_>)) {
        let mut around = Surroundings {
            grammar: &self.grammar,
            settings: &self.options.settings,
            zone: &self.options.zone,
            out,
            stats: &mut self.stats,
        };
        let mut keys: Vec<&Vec<u8>> = self.streams.keys().collect();
        keys.sort();
        let keys: Vec<Vec<u8>> = keys.into_iter().cloned().collect();
        for key in keys {
            if let Some((_, stream)) = self.streams.get_mut(&key) {
                work(stream, &mut around);
            }
        }
    }
}
