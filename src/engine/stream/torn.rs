//! Records that a line feed within a text tore: they wait for their ends.

use super::*;

impl Stream {
    /// A record that has one of the grammar's forms goes on over lines with headers until it is whole.
    pub(super) fn piece(&mut self, gathered: Gathered, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
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
    pub(super) fn apart(&mut self, record: Torn, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
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
        let context = around.time();
        Some(self.headers.look(around.grammar, line.text, &context, &mut Captures::default(), |_| true)?.0.message)
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
    pub(super) fn give_up_torn(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
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

    /// Nothing will follow that could end a torn record. False: there was none.
    pub(super) fn end_torn(&mut self, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) -> bool {
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
}
