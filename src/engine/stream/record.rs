//! One whole record: its header is read, a rule is found for it, and the conversations take it in.

use std::cell::{Cell, RefCell};

use super::*;

impl Stream {
    pub(super) fn record(&mut self, line: Line<'_>, may_begin: bool, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let grammar = around.grammar;
        self.joiner.passed(line.text.len());
        let context = around.time();
        if let Some((values, stamp, message, header)) = structured(grammar, line.text, &context) {
            let own = Own { stamp, header: &header, bare: false, whole: line.text, found: None };
            set(trace, |trace| {
                trace.header = Some("named values".to_owned());
                trace.message = escaped(&scrubbed(grammar, &render(&values)), MAX_EVIDENCE_LINE);
            });
            let seen = Seen { values: Some(&values), ..Seen::plain(message.of(&values)) };
            return self.understood(line, own, seen, &mut Captures::default(), around, trace);
        }
        let echoing = self.echo.is_some();
        let framed = grammar.framing.is_some();
        // Whether the state allows the rule does not matter here, and is not known before the header is read: it names the thread.
        let (best, captures) = (Cell::new(None), RefCell::new(Captures::NONE));
        let matched = |message: &[u8]| {
            let found = grammar.find_into(Message::plain(message), &mut captures.borrow_mut(), |_, _| true);
            best.set(found.map(|rule| (message.as_ptr(), message.len(), rule)));
            found.is_some()
        };
        let known = |message: &[u8]| {
            echoing
                || matched(message)
                || grammar.opens(message) && (begun(grammar, message, line.text).is_some() || echoed(grammar, message).is_some())
                || inner(grammar, message).is_some()
        };
        let (mut header, mut captured) = (None, Captures::NONE);
        let usual = if framed { None } else { self.headers.as_before(grammar, line.text, &context).filter(|parts| known(parts.message)) };
        let parts = usual.or_else(|| {
            let (parts, found) = self.headers.look(grammar, line.text, &context, &mut captured, |message| framed || known(message))?;
            header = Some(found);
            Some(parts)
        });
        if let Some(mut echo) = self.echo.take()
            && let Some(parts) = &parts
            && echo.holds(grammar, parts.message)
        {
            self.echo = Some(echo);
            set(trace, |trace| trace.fate = Fate::ClientsWords);
            return;
        }
        // A plug-in of the broker may write without the broker's header.
        let plain = if parts.is_none() { self.bare(grammar, line.text, &mut captured) } else { None };
        let Some(parts) = parts.as_ref().or(plain.as_ref()) else {
            set(trace, |trace| trace.message = escaped(&scrubbed(grammar, line.text), MAX_EVIDENCE_LINE));
            return;
        };
        set(trace, |trace| {
            trace.header = header.as_ref().and_then(|found| found.describe(grammar)).or_else(|| self.headers.describe(grammar));
            trace.message = escaped(&scrubbed(grammar, parts.message), MAX_EVIDENCE_LINE);
        });
        if grammar.opens(parts.message) {
            self.echo = Echo::after(grammar, parts.message);
            if may_begin && let Some(unfinished) = Unfinished::begin(grammar, parts.message, line.text, line.read_at) {
                self.unfinished = Some(unfinished);
                set(trace, |trace| trace.fate = Fate::Part);
                return;
            }
        }
        let bare = parts.message.len() == line.text.len();
        let own = Own { stamp: parts.stamp, header: &captured, bare, whole: line.text, found: header };
        let (message, mut captures) = (parts.message, captures.borrow_mut());
        match inner(grammar, message) {
            Some(values) => self.understood(line, own, Seen::plain(values.message_in(message)), &mut captures, around, trace),
            None => {
                let best = best.get().filter(|(at, length, _)| (*at, *length) == (message.as_ptr(), message.len()));
                let seen = Seen { best: best.map(|(.., rule)| rule), ..Seen::plain(Message::plain(message)) };
                self.understood(line, own, seen, &mut captures, around, trace)
            }
        }
    }

    /// A record without the broker's header, of which nothing is captured, if a rule takes those.
    fn bare<'a>(&self, grammar: &Grammar, text: &'a [u8], header: &mut Captures) -> Option<Parts<'a>> {
        header.clear();
        let applies =
            |rule: &Rule, captures: &Captures| self.joiner.applies(grammar, rule, &Heard { captures, bytes: text, header: NOTHING });
        let (rule, _) = grammar.find(Message::plain(text), applies)?;
        rule.bare.then_some(Parts { stamp: None, message: text })
    }

    /// A record in its parts. `captures` is the place for what its rule captures; if that is known, it stands there.
    fn understood(
        &mut self,
        line: Line<'_>,
        own: Own<'_>,
        seen: Seen<'_>,
        captures: &mut Captures,
        around: &mut Surroundings<'_>,
        trace: &mut Option<&mut Trace>,
    ) {
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
        }
        self.joiner.reached(ts);
        let header = (own.header, if values.is_some() { message.bytes } else { own.whole });
        let joiner = &self.joiner;
        // The end of a torn record has lost its header.
        let torn = |rule: &Rule| rule.bare && rule.outcome == Outcome::Torn;
        let fits = |rule: &Rule, captures: &Captures| {
            (own.bare || !torn(rule)) && joiner.applies(grammar, rule, &Heard { captures, bytes: message.bytes, header })
        };
        let best = best.filter(|rule| fits(rule, captures)).or_else(|| grammar.find_into(message, captures, fits));
        let Some(rule) = best else {
            set(trace, |trace| trace.nearest = if trace.only_taken { None } else { nearest(grammar, message.text()) });
            // After which a client's words are repeated is no news.
            around.stats.suspicious += u64::from(self.echo.is_none() && is_suspicious(message.text()));
            return;
        };
        // Where two texts can be divided in several ways, what stands before it in its thread may say which one is meant.
        if captures.ambiguous
            && message.fields.is_empty()
            && let Some(name) = joiner.waiting_username(Heard { captures, bytes: message.bytes, header }.raw(Fact::Thread))
            && let Some(better) = rule.ways.iter().find_map(|way| way.run_where(message.text(), (Fact::Username, name)))
        {
            *captures = better;
            captures.ambiguous = true;
        }
        captures.ambiguous |= own.whole.len() >= grammar.cut_at;
        let heard = Heard { captures, bytes: message.bytes, header };
        around.stats.matched += 1;
        if let Some(found) = own.found.filter(|_| grammar.is_never_passed_over(rule)) {
            self.headers.learn(found);
        }
        if !grammar.counts(rule) {
            // Such records are not searched for: they must change nothing, not even by their time, which would end what waits.
            set(trace, |trace| {
                trace.rule = Some((rule.name.clone(), facts_shown(grammar, &heard)));
                trace.fate = Fate::Taken(Effect::Nothing);
            });
            return;
        }
        if values.is_none() {
            self.usual.learn(grammar, rule, message.bytes, captures);
        }
        set(trace, |trace| trace.rule = Some((rule.name.clone(), facts_shown(grammar, &heard))));
        let said = Said {
            rule,
            heard,
            ts,
            ts_inferred,
            written_at,
            read_at: line.read_at,
            line: evidence(grammar, line, message, values.map(render).as_deref(), captures),
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
pub(super) const NOTHING: (&Captures, &[u8]) = (&Captures::NONE, b"");

/// What a record's own header says.
struct Own<'a> {
    stamp: Option<Stamp>,
    header: &'a Captures,
    /// It has none.
    bare: bool,
    /// What the header's captures are ranges of.
    whole: &'a [u8],
    /// Which header it is, to be learned if a rule takes the record.
    found: Option<Found>,
}

/// What rules see of a record.
struct Seen<'a> {
    message: Message<'a>,
    /// Stand for the line where its secrets cannot be found in it.
    values: Option<&'a Values>,
    /// The rule that fits best, where it is known already, whatever the state.
    best: Option<&'a Rule>,
}

impl<'a> Seen<'a> {
    fn plain(message: Message<'a>) -> Seen<'a> {
        Seen { message, values: None, best: None }
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
