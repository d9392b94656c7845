//! One broker process writing one log: the headers it uses, the record that is not whole yet, its conversations.

use std::cell::Cell;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::log_engine::Stats;
use super::suspicion::is_suspicious;
use super::trace::{Fate, Trace};
use crate::conversation::{Effect, Joiner, Said, Settings, TORN_BYTES};
use crate::grammar::{Captures, Colours, Continues, Fact, Framing, Grammar, Heard, How, Kind, Message, Outcome, Rule, StructureFormat};
use crate::model::{Attempt, Millis};
use crate::record::time::{Stamp, TimeContext, TimeFormat};
use crate::record::{
    Echo, Found, Gathered, Grown, HeaderReader, HeaderState, MARK, Parts, Torn, Unfinished, Values, begins, colours_off, echoes, scrubbed,
};
use crate::text::escaped;

/// How much of a line is kept as evidence.
const MAX_EVIDENCE_LINE: usize = 1_024;
/// How long a record of several lines waits for its end.
const UNFINISHED_WAITS: Millis = 2_000;
/// How long a record waits for lines that may go on with it: the product writes them in one breath.
const GATHERED_WAITS: Millis = 100;
/// In so many ways lines with one header are divided into records.
const MOST_DIVISIONS: u32 = 1_024;

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
    /// A carriage return stood at its end.
    pub(super) returns: bool,
    /// What the wrapper says of the time.
    pub(super) stamp: Option<Stamp>,
    pub(super) read_at: Millis,
    /// It may be a part of the record before it, which a stranger wrote.
    pub(super) doubtful: bool,
}

/// What a line is among the others, where records may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It ends a record, and is nothing else.
    Ends,
    /// It is a record of its own.
    Alone,
    /// It has a header of so many bytes, and begins a record. `joins`: unless it has the header of the one before it.
    Begins { header: usize, joins: bool },
    /// It has no header.
    Bare,
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
    pub(super) joiner: Joiner,
    /// The last record's time: what yearless stamps are read against.
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

    pub(super) fn state(&self) -> StreamState {
        StreamState {
            headers: self.headers.state(),
            unfinished: self.unfinished.clone(),
            gathered: self.gathered.clone(),
            torn: self.torn.clone(),
            pieces: self.pieces.clone(),
            lost: self.lost,
            echo: self.echo.clone(),
            joiner: self.joiner.clone(),
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

    /// A line of a product whose records may have several: it begins one, goes on with one, or stands for itself.
    fn framed(&mut self, framing: &Framing, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        if framing.ends.as_deref() == Some(line.text) {
            set(trace, |trace| trace.fate = Fate::Part);
            return self.end_record(around, trace);
        }
        if std::mem::take(&mut self.lost) {
            self.end_record(around, trace);
            self.end_torn(around, &mut None);
        }
        let place = self.place(framing, line.text, line.read_at, around);
        let goes_on = self.goes_on(framing, line.text, &place);
        let content: std::borrow::Cow<'_, [u8]> = if line.returns { [line.text, b"\r"].concat().into() } else { line.text.into() };
        match (&mut self.gathered, place) {
            (Some(gathered), place) if goes_on => {
                match place {
                    Place::Begins { header, .. } => gathered.push(framing, &content[header..], line.read_at),
                    _ => gathered.push_bare(framing, &content, line.read_at),
                }
                set(trace, |trace| trace.fate = Fate::GoesOn);
            }
            (_, Place::Begins { header, .. }) => {
                self.end_record(around, trace);
                self.gathered = Some(Gathered::begin(&content, header, line.raw, line.stamp, line.read_at));
                set(trace, |trace| trace.fate = Fate::Part);
            }
            _ => {
                self.end_record(around, trace);
                self.record(line, false, around, trace);
            }
        }
    }

    /// What a line, its colours taken off, is among the others.
    pub(super) fn place(&mut self, framing: &Framing, text: &[u8], read_at: Millis, around: &Surroundings<'_>) -> Place {
        if framing.ends.as_deref() == Some(text) {
            return Place::Ends;
        }
        if is_structured(around.grammar, text) {
            return Place::Alone;
        }
        let context = TimeContext { zone: around.zone, reference: self.last_ts.or(*around.near).unwrap_or(read_at) };
        // What no rule takes teaches no header: such records are passed over.
        match self.headers.look(around.grammar, text, &context, |_| true) {
            Some((parts, found)) => Place::Begins { header: text.len() - parts.message.len(), joins: !found.is_apart(around.grammar) },
            None => Place::Bare,
        }
    }

    /// Whether a line goes on with the record that is being gathered.
    pub(super) fn goes_on(&self, framing: &Framing, text: &[u8], place: &Place) -> bool {
        let Some(gathered) = &self.gathered else { return false };
        match place {
            Place::Begins { header, joins } => *joins && gathered.goes_on(framing, &text[..*header]),
            Place::Bare => framing.joins(Continues::Unstamped),
            Place::Ends | Place::Alone => false,
        }
    }

    /// Whether a record is being gathered.
    pub(super) fn is_gathering(&self) -> bool {
        self.gathered.is_some()
    }

    /// The next line does not go on with the record that is being gathered.
    pub(super) fn end_gathered(&mut self, around: &mut Surroundings<'_>) {
        self.end_record(around, &mut None);
    }

    /// The record that was gathered is whole.
    fn end_record(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let Some(gathered) = self.gathered.take() else { return };
        let mut earlier = trace.is_some().then(Trace::default);
        self.piece(gathered, around, &mut earlier.as_mut());
        if let (Some(trace), Some(earlier)) = (trace, earlier) {
            trace.earlier = Some(Box::new(earlier));
        }
    }

    /// A record of one or more lines.
    fn gathered_record(&mut self, gathered: &Gathered, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let text = gathered.text();
        let raw = if gathered.is_one_line() { &gathered.raw } else { &text };
        let line = Line { text: &text, raw, returns: false, stamp: gathered.stamp, read_at: gathered.read_at, doubtful: false };
        if gathered.lines.len() == 1 || gathered.cut || self.whole_rule(&line, around).is_some() {
            self.record(line, false, around, trace);
        } else {
            self.divide(gathered, line, around, trace);
        }
    }

    /// Records of their own that happen to have the same header. As a stranger may have written some of the lines, each record is
    /// taken as long as it can be, and what follows lines that no rule knows is doubted.
    fn divide(&mut self, gathered: &Gathered, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let (mut start, mut tries, mut unknown) = (0, MOST_DIVISIONS, None);
        let mut parts = Vec::new();
        while start < gathered.lines.len() && tries > 0 {
            let mut end = gathered.lines.len();
            let mut text = gathered.part(start..end);
            if !self.may_begin(&Line { text: &text, ..line }, around) {
                end = start + 1;
                text = gathered.part(start..end);
            }
            tries -= 1;
            while end > start + 1 && tries > 0 && self.whole_rule(&Line { text: &text, ..line }, around).is_none() {
                tries -= 1;
                end -= 1;
                text = gathered.part(start..end);
            }
            if self.whole_rule(&Line { text: &text, ..line }, around).is_some() {
                parts.extend(unknown.take().map(|from| from..start));
                parts.push(start..end);
                start = end;
            } else {
                // Lines that no rule knows stay together: where their secrets end is known only of all of them.
                unknown = unknown.or(Some(start));
                start += 1;
            }
        }
        parts.extend(unknown.or((start < gathered.lines.len()).then_some(start)).map(|from| from..gathered.lines.len()));
        let mut doubtful = false;
        for part in parts {
            let text = gathered.part(part.clone());
            let own_line = Line { text: &text, raw: &text, doubtful, ..line };
            doubtful |= self.whole_rule(&own_line, around).is_none();
            let mut own = trace.is_some().then(Trace::default);
            self.record(own_line, false, around, &mut own.as_mut());
            if let (Some(trace), Some(own)) = (trace.as_deref_mut(), own) {
                let earlier = std::mem::replace(trace, own);
                trace.earlier = (part.start > 0).then(|| Box::new(earlier));
            }
        }
    }

    /// A record that has one of the grammar's forms goes on over lines with headers until it is whole.
    fn piece(&mut self, gathered: Gathered, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let (form, record) = match self.pieces.take() {
            Some((form, mut record)) => {
                record.push(gathered);
                (form, record)
            }
            None => match self.form_of(&gathered, around) {
                Some(form) => (form, Torn::begin(gathered)),
                None if around.grammar.rules.iter().any(|rule| rule.torn_begins) => return self.mend(gathered, around, trace),
                None => return self.gathered_record(&gathered, around, trace),
            },
        };
        let Some(known) = around.grammar.multiline.get(form) else { return self.apart(record, around, trace) };
        let text = record.text();
        let line =
            Line { text: &text, raw: &text, returns: false, stamp: record.beginning.stamp, read_at: record.read_at(), doubtful: false };
        if !record.rest.is_empty() && self.message(&line, around).is_some_and(|message| known.is_whole(message)) {
            // Who writes one line feed may write more of them: perhaps this is not the end.
            self.joiner.torn();
            self.record(line, false, around, trace);
        } else if record.rest.len() + 1 >= known.max_lines {
            self.apart(record, around, trace);
        } else {
            self.pieces = Some((form, record));
            set(trace, |trace| trace.fate = Fate::Part);
        }
    }

    /// The end did not come: each piece stands for itself.
    fn apart(&mut self, record: Torn, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        self.gathered_record(&record.beginning, around, trace);
        self.joiner.torn();
        for piece in record.rest {
            self.piece(piece, around, trace);
        }
    }

    /// The form of record that this one begins and does not end.
    fn form_of(&mut self, gathered: &Gathered, around: &Surroundings<'_>) -> Option<usize> {
        if around.grammar.multiline.is_empty() {
            return None;
        }
        let text = gathered.text();
        let line = Line { text: &text, raw: &text, returns: false, stamp: gathered.stamp, read_at: gathered.read_at, doubtful: false };
        around.grammar.torn(self.message(&line, around)?)
    }

    fn message<'t>(&mut self, line: &Line<'t>, around: &Surroundings<'_>) -> Option<&'t [u8]> {
        let context = TimeContext { zone: around.zone, reference: self.last_ts.or(*around.near).unwrap_or(line.read_at) };
        Some(self.headers.look(around.grammar, line.text, &context, |_| true)?.0.message)
    }

    /// A record that lacks its end waits for it, and is one record with all that stands between. What stands there is most likely his,
    /// too; it is taken for itself all the same, because nobody's records may be hidden by it.
    fn mend(&mut self, gathered: Gathered, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let grammar = around.grammar;
        let text = gathered.text();
        let line = Line { text: &text, raw: &text, returns: false, stamp: gathered.stamp, read_at: gathered.read_at, doubtful: false };
        let rule = self.rule_of(&line, around);
        let Some(mut torn) = self.torn.take() else {
            if rule.is_some_and(|rule| rule.torn_begins) {
                set(trace, |trace| (trace.fate, trace.message) = (Fate::Part, escaped(&scrubbed(grammar, &text), MAX_EVIDENCE_LINE)));
                self.torn = Some(Torn::begin(gathered));
            } else {
                self.gathered_record(&gathered, around, trace);
            }
            return;
        };
        let lacks = |rule: &Rule| rule.torn_begins || rule.torn_ends || rule.outcome == Outcome::Torn;
        let may_end = rule.is_none_or(lacks);
        let stamp = torn.beginning.stamp;
        torn.push(gathered);
        if may_end {
            let whole = torn.text();
            let line = Line { text: &whole, raw: &whole, stamp, ..line };
            if self.rule_of(&line, around).is_some_and(|rule| !lacks(rule)) {
                self.joiner.torn();
                self.record(line, false, around, trace);
                // Perhaps his end is another's, and these are the broker's after all.
                let (_, between) = torn.rest.split_last().unwrap_or((&torn.beginning, &[]));
                for record in between {
                    self.gathered_record(record, around, &mut None);
                }
                return;
            }
        }
        let too_long = torn.bytes() > TORN_BYTES;
        self.torn = Some(torn);
        if too_long {
            self.give_up_torn(around, trace);
        } else {
            set(trace, |trace| (trace.fate, trace.message) = (Fate::Part, escaped(&scrubbed(grammar, &text), MAX_EVIDENCE_LINE)));
        }
    }

    /// The end of a torn record did not come: all stand for themselves.
    fn give_up_torn(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let Some(torn) = self.torn.take() else { return };
        let mut last: Option<Trace> = None;
        for record in std::iter::once(&torn.beginning).chain(&torn.rest) {
            let mut own = trace.is_some().then(Trace::default);
            self.gathered_record(record, around, &mut own.as_mut());
            if let Some(own) = &mut own {
                own.earlier = last.take().map(Box::new);
            }
            last = own;
        }
        if let (Some(trace), Some(last)) = (trace, last) {
            **trace = last;
        }
    }

    /// Whether a rule could take this text or a beginning of it.
    fn may_begin(&mut self, line: &Line<'_>, around: &Surroundings<'_>) -> bool {
        let context = TimeContext { zone: around.zone, reference: self.last_ts.unwrap_or(line.read_at) };
        let parts = self.headers.look(around.grammar, line.text, &context, |_| true);
        parts.is_some_and(|(parts, _)| around.grammar.may_begin(parts.message))
    }

    /// The rule that takes this record as a whole one.
    fn whole_rule<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>) -> Option<&'g Rule> {
        self.rule_if(line, around, |rule| !(rule.torn_begins || rule.torn_ends || rule.outcome == Outcome::Torn))
    }

    /// The rule that takes this record.
    fn rule_of<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>) -> Option<&'g Rule> {
        self.rule_if(line, around, |_| true)
    }

    fn rule_if<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>, applies: impl Fn(&Rule) -> bool) -> Option<&'g Rule> {
        let context = TimeContext { zone: around.zone, reference: self.last_ts.unwrap_or(line.read_at) };
        let (parts, _) = self.headers.look(around.grammar, line.text, &context, |_| true)?;
        around.grammar.find(Message::plain(parts.message), |rule, _| applies(rule)).map(|(rule, _)| rule)
    }

    fn unframed(&mut self, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
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
                    if index == 0 { self.record(apart, false, around, trace) } else { self.unframed(apart, around, trace) }
                }
            }
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
        let parts = self.headers.split(grammar, text, context, |_| true);
        let holds = parts.is_some_and(|parts| echo.holds(grammar, parts.message));
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

    /// Nothing will follow that could end a torn record. False: there was none.
    fn end_torn(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) -> bool {
        let waited = self.torn.is_some() || self.pieces.is_some();
        while self.torn.is_some() || self.pieces.is_some() {
            if let Some((_, record)) = self.pieces.take() {
                self.apart(record, around, trace);
            } else {
                self.give_up_torn(around, trace);
            }
        }
        waited
    }

    /// The end of a record did not come: each of its lines stands for itself.
    fn give_up(&mut self, around: &mut Surroundings<'_>) {
        while let Some(unfinished) = self.unfinished.take() {
            let read_at = unfinished.read_at;
            for (index, text) in unfinished.lines.iter().enumerate() {
                let line = Line { text, raw: text, returns: false, stamp: None, read_at, doubtful: false };
                if index == 0 { self.record(line, false, around, &mut None) } else { self.unframed(line, around, &mut None) }
            }
        }
    }

    fn record(&mut self, line: Line<'_>, may_begin: bool, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let grammar = around.grammar;
        self.joiner.passed(line.text.len());
        let reference = self.last_ts.or(*around.near).unwrap_or(line.read_at);
        let context = TimeContext { zone: around.zone, reference };
        if let Some((values, stamp, message, header)) = structured(grammar, line.text, &context) {
            let own = Own { stamp, header, bare: false, whole: line.text, found: None };
            set(trace, |trace| {
                trace.header = Some("named values".to_owned());
                trace.message = escaped(&scrubbed(grammar, &render(&values)), MAX_EVIDENCE_LINE);
            });
            return self.understood(line, own, Seen { values: Some(&values), ..Seen::plain(message.of(&values)) }, around, trace);
        }
        let joiner = &self.joiner;
        let find = |message: &[u8]| {
            let message = Message::plain(message);
            grammar
                .find(message, |rule, captures| joiner.applies(grammar, rule, &Heard { captures, bytes: message.bytes, header: NOTHING }))
        };
        let echoing = self.echo.is_some();
        let framed = grammar.framing.is_some();
        // Whether the state allows the rule does not matter here, and is not known before the header is read: it names the thread.
        let best = Cell::new(None);
        let matched = |message: &[u8]| {
            let found = grammar.find(Message::plain(message), |_, _| true);
            best.set(found.map(|found| (message.as_ptr_range(), found)));
            found.is_some()
        };
        let known = |message: &[u8]| {
            echoing
                || matched(message)
                || begins(grammar, message, line.text, 0).is_some()
                || echoes(grammar, message).is_some()
                || inner(grammar, message).is_some()
        };
        let mut header = None;
        let parts = if framed {
            let looked = self.headers.look(grammar, line.text, &context, |_| true);
            looked.map(|(parts, found)| {
                header = Some(found);
                parts
            })
        } else {
            self.headers.split(grammar, line.text, &context, known)
        };
        if let Some(mut echo) = self.echo.take()
            && let Some(parts) = &parts
            && echo.holds(grammar, parts.message)
        {
            self.echo = Some(echo);
            set(trace, |trace| trace.fate = Fate::ClientsWords);
            return;
        }
        // A plug-in of the broker may write without the broker's header.
        let parts = parts.or_else(|| {
            find(line.text).filter(|(rule, _)| rule.bare).map(|_| Parts { stamp: None, message: line.text, captures: Captures::default() })
        });
        let Some(parts) = parts else {
            set(trace, |trace| trace.message = escaped(&scrubbed(grammar, line.text), MAX_EVIDENCE_LINE));
            return;
        };
        set(trace, |trace| {
            trace.header = header.as_ref().and_then(|found| found.describe(grammar)).or_else(|| self.headers.describe(grammar));
            trace.message = escaped(&scrubbed(grammar, parts.message), MAX_EVIDENCE_LINE);
        });
        self.echo = echoes(grammar, parts.message);
        if may_begin && let Some(unfinished) = begins(grammar, parts.message, line.text, line.read_at) {
            self.unfinished = Some(unfinished);
            set(trace, |trace| trace.fate = Fate::Part);
            return;
        }
        let bare = parts.message.len() == line.text.len();
        let own = Own { stamp: parts.stamp, header: parts.captures, bare, whole: line.text, found: header };
        match inner(grammar, parts.message) {
            Some(values) => self.understood(line, own, Seen::plain(values.message_in(parts.message)), around, trace),
            None => {
                let best = best.take().filter(|(of, _)| *of == parts.message.as_ptr_range()).map(|(_, found)| found);
                self.understood(line, own, Seen { best, ..Seen::plain(Message::plain(parts.message)) }, around, trace)
            }
        }
    }

    /// A record in its parts.
    fn understood(&mut self, line: Line<'_>, own: Own<'_>, seen: Seen<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let grammar = around.grammar;
        let Seen { message, values, best } = seen;
        let (ts, ts_inferred) = when(own.stamp, line.stamp, line.read_at);
        let written_at = own.stamp.is_none_or(|own| !own.zoned && line.stamp.is_some_and(|wrapper| wrapper.zoned));
        set(trace, |trace| {
            trace.ts = Some((ts, ts_inferred));
            trace.fate = Fate::NoRule;
        });
        if own.stamp.is_some() || line.stamp.is_some() {
            self.last_ts = Some(ts);
            *around.near = Some(ts);
        }
        let header = (&own.header, if values.is_some() { message.bytes } else { own.whole });
        let joiner = &self.joiner;
        // The end of a torn record has lost its header.
        let torn = |rule: &Rule| rule.bare && rule.outcome == Outcome::Torn;
        let fits = |rule: &Rule, captures: &Captures| {
            (own.bare || !torn(rule)) && joiner.applies(grammar, rule, &Heard { captures, bytes: message.bytes, header })
        };
        let best = best.filter(|(rule, captures)| fits(rule, captures)).or_else(|| grammar.find(message, fits));
        let Some((rule, mut captures)) = best else {
            set(trace, |trace| trace.nearest = nearest(grammar, message.text()));
            around.stats.suspicious += u64::from(is_suspicious(message.text()));
            return;
        };
        // Where two texts can be divided in several ways, what stands before it in its thread may say which one is meant.
        if captures.ambiguous
            && message.fields.is_empty()
            && let Some(name) = joiner.waiting_username(Heard { captures: &captures, bytes: message.bytes, header }.raw(Fact::Thread))
            && let Some(better) = rule.ways.iter().find_map(|way| way.run_where(message.text(), (Fact::Username, name)))
        {
            captures = better;
            captures.ambiguous = true;
        }
        captures.ambiguous |= own.whole.len() >= grammar.cut_at;
        let heard = Heard { captures: &captures, bytes: message.bytes, header };
        around.stats.matched += 1;
        if let Some(found) = own.found.filter(|_| grammar.counts(rule)) {
            self.headers.learn(found);
        }
        if trace.is_none() && self.joiner.passes_over(grammar, rule) {
            // Most of what a busy log's literals nominate.
            return self.joiner.age(around.settings, ts, around.out);
        }
        set(trace, |trace| trace.rule = Some((rule.name.clone(), facts_shown(grammar, &heard))));
        let said = Said {
            rule,
            heard,
            ts,
            ts_inferred,
            written_at,
            read_at: line.read_at,
            line: evidence(grammar, line, message, values.map(render).as_deref(), &captures),
            doubtful: line.doubtful,
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

/// No header.
const NOTHING: (&Captures, &[u8]) = (&Captures::NONE, b"");

/// What a record's own header says.
struct Own<'a> {
    stamp: Option<Stamp>,
    header: Captures,
    /// It has none.
    bare: bool,
    /// What the header's captures are ranges of.
    whole: &'a [u8],
    /// Which header it is, to be learned if a rule takes the record.
    found: Option<Found>,
}

/// Whether the whole line is a record of named values.
fn is_structured(grammar: &Grammar, text: &[u8]) -> bool {
    grammar.structures.iter().any(|form| form.format == StructureFormat::Json && text.trim_ascii_start().starts_with(b"{"))
}

/// What rules see of a record.
struct Seen<'a> {
    message: Message<'a>,
    /// Stand for the line where its secrets cannot be found in it.
    values: Option<&'a Values>,
    /// The rule that fits best, where it is known already, whatever the state.
    best: Option<(&'a Rule, Captures)>,
}

impl<'a> Seen<'a> {
    fn plain(message: Message<'a>) -> Seen<'a> {
        Seen { message, values: None, best: None }
    }
}

/// How a record of named values is seen by rules.
#[derive(Clone, Copy)]
struct Named<'g>(&'g crate::grammar::Structure);

impl Named<'_> {
    fn of<'v>(&self, values: &'v Values) -> Message<'v> {
        values.message(self.0)
    }
}

/// A line that is a record of named values as a whole: the values, the stamp, how it is seen, what names the connection.
fn structured<'g>(grammar: &'g Grammar, text: &[u8], context: &TimeContext<'_>) -> Option<(Values, Option<Stamp>, Named<'g>, Captures)> {
    let whole = |form: &&crate::grammar::Structure| matches!(form.format, StructureFormat::Json | StructureFormat::Logfmt);
    grammar.structures.iter().filter(whole).find_map(|form| {
        if form.format == StructureFormat::Json && !is_structured(grammar, text) {
            return None;
        }
        let values = Values::read(form, text)?;
        let stamp = values.get(&form.time).and_then(|text| match &form.time_format {
            Some(format) => format.read(text, context).or_else(|| TimeFormat::derive(text)?.read(text, context)),
            None => TimeFormat::derive(text)?.read(text, context),
        });
        let stamp = stamp.map(|(stamp, _)| stamp);
        let mut header = Captures::default();
        if let Some(range) = values.place(&form.connection) {
            header.set(Fact::Connection, Kind::Word, range.start, range.end);
        }
        Some((values, stamp, Named(form), header))
    })
}

/// A message that is a record of named values.
fn inner(grammar: &Grammar, message: &[u8]) -> Option<Values> {
    let inside = |form: &&crate::grammar::Structure| matches!(form.format, StructureFormat::Pairs | StructureFormat::Erlang);
    grammar.structures.iter().filter(inside).find_map(|form| Values::read_in(form, message))
}

/// Named values in one line, to be shown.
fn render(values: &Values) -> Vec<u8> {
    let mut line = Vec::new();
    for (name, value) in values.iter() {
        if !line.is_empty() {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b": ");
        line.extend_from_slice(value);
    }
    line
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
fn evidence(grammar: &Grammar, line: Line<'_>, message: Message<'_>, shown: Option<&[u8]>, captures: &Captures) -> String {
    // The raw line may be wrapped in another encoding, in which the secret's place is not known: then the unwrapped text, or the
    // named values, are shown in its stead.
    let text = shown.unwrap_or(line.text);
    let mut clean = scrubbed(grammar, text);
    for fact in [Fact::Secret, Fact::ConnectPacket, Fact::ConnectHead] {
        if let Some(secret) = captures.get(fact, message.bytes).filter(|secret| !secret.is_empty()) {
            clean = replaced(&clean, secret).into();
        }
    }
    let same = matches!(clean, std::borrow::Cow::Borrowed(_)) || *clean == *text;
    if same { escaped(line.raw, MAX_EVIDENCE_LINE) } else { escaped(&clean, MAX_EVIDENCE_LINE) }
}

/// The text with a mark in the place of each occurrence of a secret.
fn replaced(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(MARK);
        rest = &rest[at + secret.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn facts_shown(grammar: &Grammar, heard: &Heard<'_>) -> Vec<(Fact, String)> {
    let facts = Fact::ALL.iter().copied().filter(|fact| *fact != Fact::Ignored);
    facts
        .filter_map(|fact| {
            let value = heard.value(fact)?;
            let hidden = matches!(fact, Fact::Secret | Fact::ConnectPacket | Fact::ConnectHead);
            let value = if hidden { MARK.to_vec() } else { scrubbed(grammar, &value).into_owned() };
            Some((fact, escaped(&value, 256)))
        })
        .collect()
}

/// The rule that got furthest into a message that none matches.
fn nearest(grammar: &Grammar, message: &[u8]) -> Option<(String, usize, String)> {
    let reach = |rule: &Rule| {
        let ways = rule.ways.iter().filter_map(|way| match &way.how {
            How::Pattern(matcher) => Some((matcher.reach(message), way.written.clone())),
            How::Regex(..) | How::Fields(_) => None,
        });
        ways.max_by(|one, two| one.0.cmp(&two.0))
    };
    let best = grammar.rules.iter().filter_map(|rule| reach(rule).map(|(reached, written)| (reached, rule.name.clone(), written)));
    let (reached, name, written) = best.max_by(|one, two| one.0.cmp(&two.0))?;
    (reached.at > 0).then_some((name, reached.at, written))
}
