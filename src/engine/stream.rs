//! One broker process writing one log: the headers it uses, the record that is not whole yet, its conversations.

mod gathering;
mod record;
mod shown;
mod torn;
mod unfinished;
mod usual;
mod values;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::log_engine::Stats;
use super::suspicion::is_suspicious;
use super::trace::{Fate, Trace};
use crate::conversation::{Effect, Joiner, Quote, Said, Settings, TORN_BYTES};
use crate::grammar::{Captures, Colours, Continues, Fact, Framing, Grammar, Heard, How, Kind, Message, Outcome, Rule, StructureFormat};
use crate::model::{Attempt, Millis};
use crate::record::time::{Stamp, TimeContext, TimeFormat};
use crate::record::{
    Echo, Found, Gathered, Grown, HeaderReader, HeaderState, MARK, Parts, Torn, Unfinished, Values, begun, colours_off, echoed, scrubbed,
};
use crate::text::escaped;

pub(super) use self::gathering::Place;
use self::record::NOTHING;
use self::shown::*;
use self::usual::Usual;
use self::values::*;

/// How much of a line is kept as evidence.
const MAX_EVIDENCE_LINE: usize = 1_024;
/// How long a record of several lines waits for its end.
const UNFINISHED_WAITS: Millis = 2_000;
/// How long a record waits for lines that may go on with it: the product writes them in one breath.
const GATHERED_WAITS: Millis = 100;
/// What a line's processing needs to know.
pub(super) struct Surroundings<'a> {
    pub(super) grammar: &'a Grammar,
    pub(super) settings: &'a Settings,
    pub(super) zone: &'a TimeZone,
    pub(super) out: &'a mut Vec<Attempt>,
    pub(super) stats: &'a mut Stats,
    /// The log says that lines are missing: that concerns every stream of it.
    pub(super) gap: &'a mut bool,
    /// The latest time that a stamp without year or date can mean.
    pub(super) latest: Millis,
}

impl<'a> Surroundings<'a> {
    /// What fills in what a stamp leaves out.
    fn time(&self) -> TimeContext<'a> {
        TimeContext { zone: self.zone, reference: self.latest }
    }
}

/// A line out of its wrapper.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// The broker's text.
    pub(super) text: &'a [u8],
    /// The line as it stands in the log.
    pub(super) raw: &'a [u8],
    /// A carriage return stood at its end.
    pub(super) returns: bool,
    /// What the wrapper says of the time.
    pub(super) stamp: Option<Stamp>,
    pub(super) read_at: Millis,
    /// It may be a part of the record before it, which a stranger wrote.
    pub(super) doubtful: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    headers: HeaderReader,
    unfinished: Option<Unfinished>,
    gathered: Option<Gathered>,
    torn: Option<Torn>,
    /// A record of several lines that look like records, and which of the grammar's forms it has.
    pieces: Option<(usize, Torn)>,
    /// Lines were lost: what was gathered does not go on.
    lost: bool,
    echo: Option<Echo>,
    usual: Usual,
    pub(super) joiner: Joiner,
    /// The last record's time.
    last_ts: Option<Millis>,
}

/// The part of a stream that outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct StreamState {
    headers: HeaderState,
    unfinished: Option<Unfinished>,
    #[serde(default)]
    gathered: Option<Gathered>,
    #[serde(default)]
    torn: Option<Torn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<(usize, Torn)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
    echo: Option<Echo>,
    joiner: Joiner,
    last_ts: Option<Millis>,
}

impl Stream {
    pub(super) fn new(declared: Option<TimeFormat>) -> Stream {
        Stream { headers: HeaderReader::new(declared), ..Stream::default() }
    }

    /// The time of the last record.
    pub(super) fn last_ts(&self) -> Option<Millis> {
        self.last_ts
    }

    pub(super) fn state(&self, grammar: &Grammar) -> StreamState {
        StreamState {
            headers: self.headers.state(),
            unfinished: self.unfinished.clone(),
            gathered: self.gathered.clone(),
            torn: self.torn.clone(),
            pieces: self.pieces.clone(),
            lost: self.lost,
            echo: self.echo.clone(),
            joiner: self.joiner.kept(grammar),
            last_ts: self.last_ts,
        }
    }

    pub(super) fn restore(declared: Option<TimeFormat>, state: StreamState) -> Stream {
        let mut stream = Stream::new(declared);
        stream.headers.restore(&state.headers);
        let StreamState { unfinished, gathered, torn, pieces, lost, echo, joiner, last_ts, .. } = state;
        Stream { unfinished, gathered, torn, pieces, lost, echo, joiner, last_ts, ..stream }
    }

    pub(super) fn line(&mut self, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let text = colours_off(around.grammar.colours, line.text);
        let line = Line { text: &text, ..line };
        match &around.grammar.framing {
            Some(framing) => self.framed(framing, line, around, trace),
            None => self.unframed(line, around, trace),
        }
    }

    pub(super) fn tick(&mut self, now: Millis, around: &mut Surroundings<'_>) {
        if self.unfinished.as_ref().is_some_and(|unfinished| now - unfinished.read_at >= UNFINISHED_WAITS) {
            self.give_up(around);
        }
        if self.gathered.as_ref().is_some_and(|gathered| now - gathered.read_at >= GATHERED_WAITS) {
            self.end_record(around, &mut None);
        }
        if self.torn.as_ref().is_some_and(|torn| now - torn.read_at() >= GATHERED_WAITS) {
            self.give_up_torn(around, &mut None);
        }
        if self.pieces.as_ref().is_some_and(|(_, record)| now - record.read_at() >= UNFINISHED_WAITS)
            && let Some((_, record)) = self.pieces.take()
        {
            self.apart(record, around, &mut None);
        }
        self.joiner.tick(around.settings, now, around.out);
    }

    /// Whether what a line is depends on the line before it: then none may be passed over.
    pub(super) fn needs_every_line(&self) -> bool {
        let torn = self.torn.is_some() || self.pieces.is_some() || self.lost;
        self.unfinished.is_some() || self.echo.is_some() || torn || self.joiner.is_doubting()
    }

    /// Whether nothing but a client's own words, which the broker repeats, makes it need every line.
    pub(super) fn is_echoing(&self, grammar: &Grammar) -> bool {
        let plain = grammar.framing.is_none() && grammar.structures.is_empty() && grammar.colours == Colours::Kept;
        plain && self.echo.is_some() && self.unfinished.is_none() && !self.joiner.is_doubting()
    }

    /// Whether this line is a client's own words, too. The first that is not ends them.
    pub(super) fn skim(&mut self, grammar: &Grammar, text: &[u8], context: &TimeContext<'_>) -> bool {
        let Some(mut echo) = self.echo.take() else { return false };
        let parts = self.headers.look(grammar, text, context, &mut Captures::default(), |_| true);
        let holds = parts.is_some_and(|(parts, _)| echo.holds(grammar, parts.message));
        self.echo = holds.then_some(echo);
        holds
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.unfinished.is_some() || self.gathered.is_some() || self.torn.is_some() || self.pieces.is_some() || self.joiner.is_waiting()
    }

    pub(super) fn finish(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        self.give_up(around);
        self.end_record(around, trace);
        let mut last = trace.is_some().then(Trace::default);
        if self.end_torn(around, &mut last.as_mut())
            && let (Some(trace), Some(last)) = (trace.as_mut(), last)
        {
            trace.earlier = Some(Box::new(last));
        }
        self.joiner.flush(around.settings, around.out);
    }

    /// Lines of the log were lost.
    pub(super) fn gap(&mut self) {
        self.lost = self.gathered.is_some() || self.torn.is_some() || self.pieces.is_some();
        self.joiner.gap();
    }
}
