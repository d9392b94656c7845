//! The engine of one log.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::prefilter::{Prefilter, tells_echoes};
use super::stream::{Line, Stream, StreamState, Surroundings};
use super::trace::{Fate, Trace};
use crate::conversation::Settings;
use crate::grammar::Grammar;
use crate::model::{Attempt, Millis, Names};
use crate::record::time::TimeFormat;
use crate::wrapper::{Piece, Snapshot, StreamId, Unwrapped, Unwrapper};

/// More processes than this do not write one log; the one that was silent longest is forgotten.
const MAX_STREAMS: usize = 64;

/// What the source says about one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The source's name and TLS ports.
    pub settings: Settings,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// The broker's time format, where the operator declares it.
    pub time_format: Option<TimeFormat>,
    /// The addresses of terminators before the broker, where the operator declares them.
    pub proxies: Vec<IpAddr>,
}

impl Default for Options {
    fn default() -> Options {
        Options { settings: Settings::default(), zone: TimeZone::UTC, time_format: None, proxies: Vec::new() }
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
    /// Records that no rule took and that speak of a failure.
    #[serde(default)]
    pub suspicious: u64,
    /// What was forgotten of open connections and conversations because there were too many.
    #[serde(default)]
    pub evicted: u64,
}

impl Stats {
    /// Adds those of another log.
    pub fn add(&mut self, other: &Stats) {
        self.lines += other.lines;
        self.matched += other.matched;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.probes += other.probes;
        self.suspicious += other.suspicious;
        self.evicted += other.evicted;
    }
}

/// Turns the lines of one log into attempts.
#[derive(Debug)]
pub struct Engine {
    pub(super) grammar: Arc<Grammar>,
    pub(super) options: Options,
    pub(super) prefilter: Option<Prefilter>,
    /// Whether the grammar's lines that repeat a client's words can be told from those before them.
    pub(super) tells_echoes: bool,
    pub(super) unwrapper: Unwrapper,
    pub(super) streams: Streams,
    pub(super) stats: Stats,
    /// When the log was written last, where that is known.
    written: Option<Millis>,
    /// When its last line was read.
    read_at: Millis,
    /// The clients that may have a row, where that is known: nobody need be told of others that they connected.
    pub(super) rows: Option<Arc<Names>>,
}

/// What of an engine outlives a restart: the open conversations and what was learned about the log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EngineState {
    wrappers: Snapshot,
    #[serde(default)]
    read_at: Millis,
    streams: Vec<(Vec<u8>, StreamState)>,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(grammar: Arc<Grammar>, options: Options) -> Engine {
        let prefilter = Prefilter::of(&grammar);
        Engine { prefilter, ..Engine::without_prefilter(grammar, options) }
    }

    /// An engine that looks at every line: what the prefilter is measured against, and what a few lines are tried with.
    pub fn without_prefilter(grammar: Arc<Grammar>, options: Options) -> Engine {
        let unwrapper = Unwrapper::new(options.zone.clone());
        let tells_echoes = tells_echoes(&grammar);
        Engine {
            grammar,
            options,
            prefilter: None,
            tells_echoes,
            unwrapper,
            streams: Streams::default(),
            stats: Stats::default(),
            written: None,
            read_at: 0,
            rows: None,
        }
    }

    /// The grammar in use.
    pub fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Says whether a terminator stands before the broker, so that connections of one address are not one client's.
    pub fn set_behind(&mut self, behind: bool) {
        self.options.settings.behind = behind && !self.grammar.is_terminator();
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        let evicted: u64 = self.streams.list.iter().map(|writer| writer.stream.joiner.evicted()).sum();
        Stats { evicted: self.stats.evicted + evicted, ..self.stats }
    }

    /// Says when the log was last written: what stamps without year or date are read against. Without it the time of reading serves.
    pub fn set_written(&mut self, written: Millis) {
        self.written = Some(written);
    }

    /// The latest time that a stamp without year or date can mean. It is not that of the line before: how many days or years lie between
    /// two lines nobody knows, least of all where those between were passed over.
    pub(super) fn latest(&self, read_at: Millis) -> Millis {
        self.written.unwrap_or(read_at)
    }

    /// Says which clients may have a row when an attempt is told: of an acceptance of any other nothing comes. It need not be told, then.
    pub fn set_rows(&mut self, rows: Arc<Names>) {
        self.rows = Some(rows);
    }

    /// Takes in one line, and says what became of it.
    pub fn line(&mut self, line: &[u8], read_at: Millis, out: &mut Vec<Attempt>, mut trace: Option<&mut Trace>) {
        let line = text_of(line);
        let whole = line;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.stats.lines += 1;
        self.read_at = read_at;
        let latest = self.latest(read_at);
        let Engine { grammar, options, unwrapper, streams, stats, .. } = self;
        let mut gap = false;
        let mut around = Surroundings { grammar, settings: &options.settings, zone: &options.zone, out, stats, gap: &mut gap, latest };
        let mut crew = Crew { streams, declared: &options.time_format };
        match unwrapper.line(line, latest) {
            Piece::Whole(unwrapped) => crew.line(unwrapped, line, whole.len() > line.len(), read_at, &mut around, &mut trace),
            Piece::Held => set(&mut trace, Fate::Part),
            Piece::Foreign | Piece::Unreadable => set(&mut trace, Fate::NotTheBrokers),
        }
        if gap {
            self.gap();
        }
    }

    /// The time of the last record that was understood, in the stream that is furthest.
    pub fn reached(&self) -> Option<Millis> {
        self.streams.list.iter().filter_map(|writer| writer.stream.last_ts()).max()
    }

    /// Time passed: records that waited for others are finished.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Attempt>) {
        self.each(out, |stream, around| stream.tick(now, around));
    }

    /// Whether a tick can change anything.
    pub fn is_waiting(&self) -> bool {
        self.streams.list.iter().any(|writer| writer.stream.is_waiting())
    }

    /// The log is at its end for good.
    pub fn finish(&mut self, out: &mut Vec<Attempt>) {
        self.end(out, &mut None);
    }

    /// The same, and what became of the last record.
    pub fn finish_traced(&mut self, out: &mut Vec<Attempt>) -> Option<Trace> {
        let mut trace = Trace::default();
        self.end(out, &mut Some(&mut trace));
        trace.earlier.map(|earlier| *earlier)
    }

    fn end(&mut self, out: &mut Vec<Attempt>, trace: &mut Option<&mut Trace>) {
        let read_at = self.read_at;
        let latest = self.latest(read_at);
        let Engine { grammar, options, unwrapper, streams, stats, .. } = self;
        let mut gap = false;
        let mut around = Surroundings { grammar, settings: &options.settings, zone: &options.zone, out, stats, gap: &mut gap, latest };
        let mut crew = Crew { streams, declared: &options.time_format };
        while let Some(piece) = unwrapper.flush(latest) {
            if let Piece::Whole(unwrapped) = piece {
                crew.line(unwrapped, unwrapped.text, false, read_at, &mut around, &mut None);
            }
        }
        self.each(out, |stream, around| stream.finish(around, trace));
    }

    /// Lines of the log were lost.
    pub fn gap(&mut self) {
        for stream in self.streams.each() {
            stream.gap();
        }
    }

    /// What to keep over a restart.
    pub fn state(&self) -> EngineState {
        let mut streams: Vec<_> = self.streams.list.iter().map(|writer| (writer.key.clone(), writer.stream.state(&self.grammar))).collect();
        streams.sort_by(|one, two| one.0.cmp(&two.0));
        EngineState { wrappers: self.unwrapper.snapshot(), read_at: self.read_at, streams }
    }

    /// Goes on from what was kept.
    pub fn restore(&mut self, state: EngineState) {
        self.unwrapper = Unwrapper::restore(self.options.zone.clone(), state.wrappers);
        self.read_at = state.read_at;
        let declared = &self.options.time_format;
        let writer = |(key, state)| Writer { key, turn: 0, stream: Stream::restore(declared.clone(), state) };
        self.streams = Streams { list: state.streams.into_iter().map(writer).collect(), ..Streams::default() };
    }

    pub(super) fn each(&mut self, out: &mut Vec<Attempt>, mut work: impl FnMut(&mut Stream, &mut Surroundings<'_>)) {
        let latest = self.latest(self.read_at);
        let Engine { grammar, options, streams, stats, .. } = self;
        let mut gap = false;
        let mut around = Surroundings { grammar, settings: &options.settings, zone: &options.zone, out, stats, gap: &mut gap, latest };
        streams.in_order().for_each(|stream| work(stream, &mut around));
        if gap {
            self.gap();
        }
    }
}

/// A line without its line end, and without the NULs that a hole in the file left before it: what reads a file at full speed does not look for them.
pub(super) fn text_of(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match line.first() {
        Some(0) => &line[line.iter().position(|byte| *byte != 0).unwrap_or(line.len())..],
        _ => line,
    }
}

/// The processes that write one log, each with the conversations of its own.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) list: Vec<Writer>,
    /// The one that wrote the last line.
    last: usize,
    turn: u64,
    key: Vec<u8>,
}

/// The key of a writer that no wrapper names.
const NOBODY: &[u8] = &[0, 0, 0];

#[derive(Debug)]
pub(super) struct Writer {
    key: Vec<u8>,
    /// When it wrote last.
    turn: u64,
    pub(super) stream: Stream,
}

impl Streams {
    /// The stream of this process.
    fn of(&mut self, id: &StreamId<'_>, declared: &Option<TimeFormat>) -> Option<&mut Stream> {
        self.turn += 1;
        let nobodys = |writer: &Writer| id.is_empty() && writer.key == NOBODY;
        if !self.list.get(self.last).is_some_and(nobodys) {
            self.last = self.place_of(id, declared);
        }
        let writer = self.list.get_mut(self.last)?;
        writer.turn = self.turn;
        Some(&mut writer.stream)
    }

    fn place_of(&mut self, id: &StreamId<'_>, declared: &Option<TimeFormat>) -> usize {
        self.key.clear();
        for part in [id.container, id.host, id.ident, id.pid] {
            self.key.extend_from_slice(part);
            self.key.push(0);
        }
        self.key.pop();
        let is = |writer: &Writer| writer.key == self.key;
        if self.list.get(self.last).is_some_and(is) {
            return self.last;
        }
        self.list.iter().position(is).unwrap_or_else(|| self.add(Stream::new(declared.clone())))
    }

    /// A process that was not heard of takes the place of the one that was silent longest, if there are too many.
    fn add(&mut self, stream: Stream) -> usize {
        let writer = Writer { key: self.key.clone(), turn: self.turn, stream };
        let oldest = (0..self.list.len()).min_by_key(|at| self.list[*at].turn).filter(|_| self.list.len() >= MAX_STREAMS);
        match oldest {
            Some(at) => self.list[at] = writer,
            None => self.list.push(writer),
        }
        oldest.unwrap_or(self.list.len() - 1)
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.list.iter_mut().map(|writer| &mut writer.stream)
    }

    /// The same in the order of their names.
    fn in_order(&mut self) -> impl Iterator<Item = &mut Stream> {
        let mut writers: Vec<&mut Writer> = self.list.iter_mut().collect();
        writers.sort_by(|one, two| one.key.cmp(&two.key));
        writers.into_iter().map(|writer| &mut writer.stream)
    }
}

/// Hands lines to their streams.
struct Crew<'a> {
    streams: &'a mut Streams,
    declared: &'a Option<TimeFormat>,
}

impl Crew<'_> {
    fn line(
        &mut self,
        unwrapped: Unwrapped<'_>,
        raw: &[u8],
        returns: bool,
        read_at: Millis,
        around: &mut Surroundings<'_>,
        trace: &mut Option<&mut Trace>,
    ) {
        if let Some(trace) = trace {
            trace.wrapper = unwrapped.kind.to_string();
            trace.stream = unwrapped.stream.to_string();
        }
        // What rsyslog escaped stays escaped: a client can type its escapes, so undoing them is a guess.
        let returns = returns || unwrapped.returns;
        let line = Line { text: unwrapped.raw.unwrap_or(unwrapped.text), raw, returns, stamp: unwrapped.stamp, read_at, doubtful: false };
        if let Some(stream) = self.streams.of(&unwrapped.stream, self.declared) {
            stream.line(line, around, trace);
        }
    }
}

fn set(trace: &mut Option<&mut Trace>, fate: Fate) {
    if let Some(trace) = trace {
        trace.fate = fate;
    }
}
