//! One broker process writing one log: the headers it uses, the record that is not whole yet, its conversations.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::log_engine::Stats;
use super::trace::{Fate, Trace};
use crate::conversation::{Effect, Joiner, Said, Settings};
use crate::grammar::{Captures, Fact, Grammar, How, Outcome, Rule};
use crate::model::{Attempt, Millis};
use crate::record::time::{Stamp, TimeContext, TimeFormat};
use crate::record::{Echo, Grown, HeaderReader, HeaderState, Unfinished, begins, echoes};
use crate::text::escaped;

/// How much of a line is kept as evidence.
const MAX_EVIDENCE_LINE: usize = 1_024;
/// How long a record of several lines waits for its end.
const UNFINISHED_WAITS: Millis = 2_000;

/// What a line's processing needs to know.
pub(super) struct Surroundings<'a> {
    pub(super) grammar: &'a Grammar,
    pub(super) settings: &'a Settings,
    pub(super) zone: &'a TimeZone,
    pub(super) out: &'a mut Vec<Attempt>,
    pub(super) stats: &'a mut Stats,
    /// The log says that lines are missing: that concerns every stream of it.
    pub(super) gap: &'a mut bool,
    /// A time near that of the next line of the log.
    pub(super) near: &'a mut Option<Millis>,
}

/// A line out of its wrapper.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// The broker's text.
    pub(super) text: &'a [u8],
    /// The line as it stands in the log.
    pub(super) raw: &'a [u8],
    /// What the wrapper says of the time.
    pub(super) stamp: Option<Stamp>,
    pub(super) read_at: Millis,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    headers: HeaderReader,
    unfinished: Option<Unfinished>,
    echo: Option<Echo>,
    pub(super) joiner: Joiner,
    /// The last record's time: what yearless stamps are read against.
    last_ts: Option<Millis>,
}

/// The part of a stream that outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct StreamState {
    headers: HeaderState,
    unfinished: Option<Unfinished>,
    echo: Option<Echo>,
    joiner: Joiner,
    last_ts: Option<Millis>,
}

impl Stream {
    pub(super) fn new(declared: Option<TimeFormat>) -> Stream {
        Stream { headers: HeaderReader::new(declared), ..Stream::default() }
    }

    pub(super) fn state(&self) -> StreamState {
        StreamState {
            headers: self.headers.state(),
            unfinished: self.unfinished.clone(),
            echo: self.echo.clone(),
            joiner: self.joiner.clone(),
            last_ts: self.last_ts,
        }
    }

    pub(super) fn restore(declared: Option<TimeFormat>, state: StreamState) -> Stream {
        let mut stream = Stream::new(declared);
        stream.headers.restore(&state.headers);
        Stream { unfinished: state.unfinished, echo: state.echo, joiner: state.joiner, last_ts: state.last_ts, ..stream }
    }

    pub(super) fn line(&mut self, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let Some(mut unfinished) = self.unfinished.take() else { return self.record(line, true, around, trace) };
        match unfinished.grow(around.grammar, line.text, line.read_at) {
            Grown::More => {
                self.unfinished = Some(unfinished);
                set(trace, |trace| trace.fate = Fate::Part);
            }
            Grown::Whole(text) => {
                let whole = Line { text: &text, raw: &text, ..line };
                self.record(whole, false, around, trace);
            }
            Grown::Apart(lines) => {
                let last = lines.len().saturating_sub(1);
                for (index, text) in lines.iter().enumerate() {
                    let apart = Line { text, raw: text, ..line };
                    // The first line does not begin a record again; the others may.
                    let mut nobody = None;
                    let trace = if index == last { &mut *trace } else { &mut nobody };
                    if index == 0 { self.record(apart, false, around, trace) } else { self.line(apart, around, trace) }
                }
            }
        }
    }

    pub(super) fn tick(&mut self, now: Millis, around: &mut Surroundings<'_>) {
        if self.unfinished.as_ref().is_some_and(|unfinished| now - unfinished.read_at >= UNFINISHED_WAITS) {
            self.give_up(around);
        }
        self.joiner.tick(around.settings, now, around.out);
    }

    /// Whether what a line is depends on the line before it: then none may be passed over.
    pub(super) fn needs_every_line(&self) -> bool {
        self.unfinished.is_some() || self.echo.is_some()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.unfinished.is_some() || self.joiner.is_waiting()
    }

    pub(super) fn finish(&mut self, around: &mut Surroundings<'_>) {
        self.give_up(around);
        self.joiner.flush(around.settings, around.out);
    }

    /// The end of a record did not come: each of its lines stands for itself.
    fn give_up(&mut self, around: &mut Surroundings<'_>) {
        while let Some(unfinished) = self.unfinished.take() {
            let read_at = unfinished.read_at;
            for (index, text) in unfinished.lines.iter().enumerate() {
                let line = Line { text, raw: text, stamp: None, read_at };
                if index == 0 { self.record(line, false, around, &mut None) } else { self.line(line, around, &mut None) }
            }
        }
    }

    fn record(&mut self, line: Line<'_>, may_begin: bool, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let grammar = around.grammar;
        let reference = self.last_ts.or(*around.near).unwrap_or(line.read_at);
        let context = TimeContext { zone: around.zone, reference };
        let joiner = &self.joiner;
        let find = |message: &[u8]| grammar.find(message, |rule, captures| joiner.applies(grammar, rule, captures, message));
        let echoing = self.echo.is_some();
        let known = |message: &[u8]| {
            echoing || find(message).is_some() || begins(grammar, message, line.text, 0).is_some() || echoes(grammar, message).is_some()
        };
        let parts = self.headers.split(grammar, line.text, &context, known);
        if let Some(mut echo) = self.echo.take()
            && let Some(parts) = &parts
            && echo.holds(grammar, parts.message)
        {
            self.echo = Some(echo);
            set(trace, |trace| trace.fate = Fate::ClientsWords);
            return;
        }
        // A plug-in of the broker may write without the broker's header.
        let parts = parts
            .or_else(|| find(line.text).filter(|(rule, _)| rule.bare).map(|_| crate::record::Parts { stamp: None, message: line.text }));
        let Some(parts) = parts else {
            set(trace, |trace| trace.message = escaped(line.text, MAX_EVIDENCE_LINE));
            return;
        };
        let (ts, ts_inferred) = when(parts.stamp, line.stamp, line.read_at);
        set(trace, |trace| {
            trace.header = self.headers.describe(grammar);
            trace.ts = Some((ts, ts_inferred));
            trace.message = escaped(parts.message, MAX_EVIDENCE_LINE);
            trace.fate = Fate::NoRule;
        });
        self.echo = echoes(grammar, parts.message);
        if may_begin && let Some(unfinished) = begins(grammar, parts.message, line.text, line.read_at) {
            self.unfinished = Some(unfinished);
            set(trace, |trace| trace.fate = Fate::Part);
            return;
        }
        if parts.stamp.is_some() || line.stamp.is_some() {
            self.last_ts = Some(ts);
            *around.near = Some(ts);
        }
        let Some((rule, captures)) = find(parts.message) else {
            set(trace, |trace| trace.nearest = nearest(grammar, parts.message));
            return;
        };
        around.stats.matched += 1;
        set(trace, |trace| trace.rule = Some((rule.name.clone(), shown(&captures, parts.message))));
        let said = Said {
            rule,
            captures,
            message: parts.message,
            ts,
            ts_inferred,
            read_at: line.read_at,
            line: evidence(line, &parts, &captures),
        };
        let effect = self.joiner.take(grammar, around.settings, said, around.out);
        *around.gap |= rule.outcome == Outcome::Gap;
        match effect {
            Effect::Refused(_) => around.stats.refused += 1,
            Effect::Accepted | Effect::AcceptedUnclear => around.stats.accepted += 1,
            Effect::Probe => around.stats.probes += 1,
            _ => {}
        }
        set(trace, |trace| trace.fate = Fate::Taken(effect));
    }
}

fn set(trace: &mut Option<&mut Trace>, write: impl FnOnce(&mut Trace)) {
    if let Some(trace) = trace {
        write(trace);
    }
}

/// The record's time: the broker's own stamp where it names its zone, else the wrapper's where that does, else the broker's,
/// else the wrapper's, else the time of reading. True: it was deduced.
fn when(own: Option<Stamp>, wrapper: Option<Stamp>, read_at: Millis) -> (Millis, bool) {
    let zoned = |stamp: Option<Stamp>| stamp.filter(|stamp| stamp.zoned);
    match zoned(own).or(zoned(wrapper)).or(own).or(wrapper) {
        Some(stamp) => (stamp.millis, stamp.guessed),
        None => (read_at, true),
    }
}

/// The line as evidence: escaped, bounded, without secrets.
fn evidence(line: Line<'_>, parts: &crate::record::Parts<'_>, captures: &Captures) -> String {
    match captures.range(Fact::Secret) {
        None => escaped(line.raw, MAX_EVIDENCE_LINE),
        // The raw line may be wrapped in another encoding, in which the secret's place is not known: the unwrapped text is
        // shown in its stead.
        Some(secret) => {
            let head = line.text.len() - parts.message.len();
            let (before, after) = (&line.text[..head + secret.start], &line.text[head + secret.end..]);
            escaped(&[before, b"[secret removed]", after].concat(), MAX_EVIDENCE_LINE)
        }
    }
}

fn shown(captures: &Captures, message: &[u8]) -> Vec<(Fact, String)> {
    let facts = captures.facts().filter(|fact| *fact != Fact::Ignored);
    facts
        .map(|fact| {
            let value = captures.get(fact, message).unwrap_or_default();
            (fact, if fact == Fact::Secret { "[secret removed]".to_owned() } else { escaped(value, 256) })
        })
        .collect()
}

/// The rule that got furthest into a message that none matches.
fn nearest(grammar: &Grammar, message: &[u8]) -> Option<(String, usize, String)> {
    let reach = |rule: &Rule| {
        let ways = rule.ways.iter().filter_map(|way| match &way.how {
            How::Pattern(matcher) => Some((matcher.reach(message), way.written.clone())),
            How::Regex(..) => None,
        });
        ways.max_by(|one, two| one.0.cmp(&two.0))
    };
    let best = grammar.rules.iter().filter_map(|rule| reach(rule).map(|(reached, written)| (reached, rule.name.clone(), written)));
    let (reached, name, written) = best.max_by(|one, two| one.0.cmp(&two.0))?;
    (reached.at > 0).then_some((name, reached.at, written))
}
