//! Records of several lines: which lines belong together, and how they are divided where they do not.

use super::*;

/// What a line is among the others, where records may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Place {
    /// It ends a record, and is nothing else.
    Ends,
    /// It is a record of its own.
    Alone,
    /// It has a header of so many bytes, and begins a record. `joins`: unless it has the header of the one before it.
    Begins { header: usize, joins: bool },
    /// It has no header.
    Bare,
}

/// In so many ways lines with one header are divided into records.
const MOST_DIVISIONS: u32 = 1_024;

impl Stream {
    /// A line of a product whose records may have several: it begins one, goes on with one, or stands for itself.
    pub(super) fn framed(&mut self, framing: &Framing, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        if framing.ends.as_deref() == Some(line.text) {
            set(trace, |trace| trace.fate = Fate::Part);
            return self.end_record(around, trace);
        }
        if std::mem::take(&mut self.lost) {
            self.end_record(around, trace);
            self.end_torn(around, &mut None);
        }
        let place = self.place(framing, line.text, around);
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
    pub(in crate::engine) fn place(&mut self, framing: &Framing, text: &[u8], around: &Surroundings<'_>) -> Place {
        if framing.ends.as_deref() == Some(text) {
            return Place::Ends;
        }
        if is_structured(around.grammar, text) {
            return Place::Alone;
        }
        let context = around.time();
        // What no rule takes teaches no header: such records are passed over.
        match self.headers.look(around.grammar, text, &context, &mut Captures::default(), |_| true) {
            Some((parts, found)) => Place::Begins { header: text.len() - parts.message.len(), joins: !found.is_apart(around.grammar) },
            None => Place::Bare,
        }
    }

    /// Whether a line goes on with the record that is being gathered.
    pub(in crate::engine) fn goes_on(&self, framing: &Framing, text: &[u8], place: &Place) -> bool {
        let Some(gathered) = &self.gathered else { return false };
        match place {
            Place::Begins { header, joins } => *joins && gathered.goes_on(framing, &text[..*header]),
            Place::Bare => framing.joins(Continues::Unstamped),
            Place::Ends | Place::Alone => false,
        }
    }

    /// Whether a record is being gathered.
    pub(in crate::engine) fn is_gathering(&self) -> bool {
        self.gathered.is_some()
    }

    /// The next line does not go on with the record that is being gathered.
    pub(in crate::engine) fn end_gathered(&mut self, around: &mut Surroundings<'_>) {
        self.end_record(around, &mut None);
    }

    /// The record that was gathered is whole.
    pub(super) fn end_record(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let Some(gathered) = self.gathered.take() else { return };
        let mut earlier = trace.is_some().then(Trace::default);
        self.piece(gathered, around, &mut earlier.as_mut());
        if let (Some(trace), Some(earlier)) = (trace, earlier) {
            trace.earlier = Some(Box::new(earlier));
        }
    }

    /// A record of one or more lines.
    pub(super) fn gathered_record(&mut self, gathered: &Gathered, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
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

    /// Whether a rule could take this text or a beginning of it.
    fn may_begin(&mut self, line: &Line<'_>, around: &Surroundings<'_>) -> bool {
        let context = around.time();
        let parts = self.headers.look(around.grammar, line.text, &context, &mut Captures::default(), |_| true);
        parts.is_some_and(|(parts, _)| around.grammar.may_begin(parts.message))
    }

    /// The rule that takes this record as a whole one.
    fn whole_rule<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>) -> Option<&'g Rule> {
        self.rule_if(line, around, |rule| !(rule.torn_begins || rule.torn_ends || rule.outcome == Outcome::Torn))
    }

    /// The rule that takes this record.
    pub(super) fn rule_of<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>) -> Option<&'g Rule> {
        self.rule_if(line, around, |_| true)
    }

    fn rule_if<'g>(&mut self, line: &Line<'_>, around: &Surroundings<'g>, applies: impl Fn(&Rule) -> bool) -> Option<&'g Rule> {
        let context = around.time();
        let (parts, _) = self.headers.look(around.grammar, line.text, &context, &mut Captures::default(), |_| true)?;
        around.grammar.find(Message::plain(parts.message), |rule, _| applies(rule)).map(|(rule, _)| rule)
    }
}
