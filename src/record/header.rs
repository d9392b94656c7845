//! Splits a record into stamp and message, and learns which of the grammar's headers this log uses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::time::{Stamp, TimeContext, TimeFormat};
use crate::grammar::{Captures, Element, Fact, Grammar, Header, Kind, accepts, longest};

/// A stamp of unknown form is looked for in this many bytes.
const LONGEST_STAMP: usize = 80;

/// What is known of the headers of one log.
#[derive(Debug, Clone, Default)]
pub struct HeaderReader {
    /// The header that fitted last, and its time format if it has one.
    learned: Option<(usize, Option<TimeFormat>)>,
    /// The format that the operator declared for this source.
    declared: Option<TimeFormat>,
    /// The stamp that was read last.
    last: LastStamp,
}

/// The stamp that was read last with the learned format: many lines have the same.
#[derive(Debug, Clone, Default)]
struct LastStamp {
    /// The stamp's text and what the header has behind it: only with both can nothing of the text be read in another way.
    text: Vec<u8>,
    /// How much of that is the stamp's.
    length: usize,
    stamp: Option<Stamp>,
}

impl LastStamp {
    fn read<'a>(&mut self, format: &TimeFormat, text: &'a [u8], border: &[u8], context: &TimeContext<'_>) -> Option<(Stamp, &'a [u8])> {
        if let Some(stamp) = self.stamp
            && text.starts_with(&self.text)
        {
            return Some((stamp, &text[self.length..]));
        }
        let (stamp, after) = format.read(text, context)?;
        // What was deduced may be another time at the next line.
        let sure = !stamp.guessed && border.len() > 1 && after.starts_with(border);
        self.stamp = sure.then_some(stamp);
        if sure {
            self.length = text.len() - after.len();
            self.text.clear();
            self.text.extend_from_slice(&text[..self.length + border.len()]);
        }
        Some((stamp, after))
    }
}

/// The part that outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeaderState(Option<(usize, Option<String>)>);

/// A record in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What the header's stamp says, if it has one.
    pub stamp: Option<Stamp>,
    /// What stands after the header.
    pub message: &'a [u8],
}

impl HeaderReader {
    /// Knows nothing yet. `declared` is the format that the operator gave for stamps of this source.
    pub fn new(declared: Option<TimeFormat>) -> HeaderReader {
        HeaderReader { declared, ..HeaderReader::default() }
    }

    /// What to keep over a restart.
    pub fn state(&self) -> HeaderState {
        HeaderState(self.learned.as_ref().map(|(index, format)| (*index, format.as_ref().map(ToString::to_string))))
    }

    /// Goes on from what was kept.
    pub fn restore(&mut self, state: &HeaderState) {
        self.last = LastStamp::default();
        self.learned =
            state.0.as_ref().map(|(index, format)| (*index, format.as_deref().and_then(|text| TimeFormat::parse_format(text).ok())));
    }

    /// What was learned, in words.
    pub fn describe(&self, grammar: &Grammar) -> Option<String> {
        let (index, format) = self.learned.as_ref()?;
        in_words(grammar, *index, format.as_ref())
    }

    /// The parts of a record that has the learned header, which is the usual one: nothing but a stamp. Only of the first header: no other can
    /// say more of the same stamp.
    #[inline]
    pub fn as_before<'a>(&mut self, grammar: &Grammar, text: &'a [u8], context: &TimeContext<'_>) -> Option<Parts<'a>> {
        let Some((0, Some(format))) = &self.learned else { return None };
        let [Element::Time(_), Element::Literal(border), Element::Message] = grammar.headers.first()?.pattern.elements.as_slice() else {
            return None;
        };
        let (stamp, after) = self.last.read(format, text, border.as_bytes(), context)?;
        Some(Parts { stamp: Some(stamp), message: after.strip_prefix(border.as_bytes())? })
    }

    /// From now on the log has this header.
    pub fn learn(&mut self, found: Found) {
        if let Some(format) = found.teaches {
            self.last = LastStamp::default();
            self.learned = Some((found.header, format));
        }
    }

    /// Splits a record without learning anything of it. `known` says whether a message is one that the grammar has a rule for: only such
    /// a message has another header than the learned one. A log that had stamps does not lose them in the middle: a line without is
    /// then no record, whatever it looks like. What the header captures, as ranges of the whole text, is put into `captures`.
    pub fn look<'a>(
        &mut self,
        grammar: &Grammar,
        text: &'a [u8],
        context: &TimeContext<'_>,
        captures: &mut Captures,
        known: impl Fn(&[u8]) -> bool,
    ) -> Option<(Parts<'a>, Found)> {
        // Where lines without a header go on with a record, a line of somebody's words must not teach another form of stamp.
        // One that says more of the same stamp stands before it: a line that any header fits, which a stranger may write, must not
        // make the rest of the log unreadable.
        if let Some((index, format)) = &self.learned
            && *index > 0
            && let Some(learned) = grammar.headers.get(*index)
        {
            let same = grammar.headers[..*index].iter().enumerate().filter(|(_, header)| time_of(header) == time_of(learned));
            for (header, pattern) in same {
                if let Some((parts, _)) = fit(pattern, format.as_ref(), text, context, captures, &known, Some(&mut self.last)) {
                    return Some((parts, Found { header, teaches: None }));
                }
            }
        }
        let mut learned = None;
        if let Some((index, format)) = &self.learned
            && let Some(header) = grammar.headers.get(*index)
            && let Some((parts, _)) = fit(header, format.as_ref(), text, context, captures, &|_| true, Some(&mut self.last))
        {
            let found = Found { header: *index, teaches: None };
            if known(parts.message) {
                return Some((parts, found));
            }
            // Perhaps another header fits better: one may begin like another.
            learned = parts.stamp.is_some().then_some((parts, found, *captures));
        }
        let stamped = self.learned.as_ref().is_some_and(|(_, format)| format.is_some());
        for (header, pattern) in grammar.headers.iter().enumerate() {
            if stamped && time_of(pattern).is_none() {
                continue;
            }
            for format in [self.declared.as_ref(), None] {
                if let Some((parts, format)) = fit(pattern, format, text, context, captures, &known, None) {
                    return Some((parts, Found { header, teaches: Some(format.map(Cow::into_owned)) }));
                }
                if self.declared.is_none() {
                    break;
                }
            }
        }
        let (parts, found, captured) = learned?;
        *captures = captured;
        Some((parts, found))
    }
}

/// Which header a record has.
#[derive(Debug, Clone)]
pub struct Found {
    header: usize,
    /// It is another than the learned one; the format of its stamp, if it has one.
    teaches: Option<Option<TimeFormat>>,
}

impl Found {
    /// What a record that has another header than the learned one teaches, in words.
    pub fn describe(&self, grammar: &Grammar) -> Option<String> {
        let format = self.teaches.as_ref()?.as_ref();
        in_words(grammar, self.header, format)
    }

    /// Whether the header stands on a line of its own, before the message.
    pub fn is_apart(&self, grammar: &Grammar) -> bool {
        grammar.headers.get(self.header).is_some_and(|header| {
            header.pattern.elements.iter().any(|element| matches!(element, Element::Literal(text) if text.ends_with('\n')))
        })
    }
}

fn in_words(grammar: &Grammar, header: usize, format: Option<&TimeFormat>) -> Option<String> {
    let pattern = grammar.headers.get(header)?.pattern.to_string();
    Some(match format {
        Some(format) => format!("{pattern} with {format}"),
        None => pattern,
    })
}

fn time_of(header: &Header) -> Option<&Option<String>> {
    header.pattern.elements.iter().find_map(|element| if let Element::Time(format) = element { Some(format) } else { None })
}

/// Fits one header to a record. Without a format, that of the header is taken; a bare `{time}` is found out from the record.
fn fit<'a, 'f>(
    header: &Header,
    format: Option<&'f TimeFormat>,
    text: &'a [u8],
    context: &TimeContext<'_>,
    captures: &mut Captures,
    known: &dyn Fn(&[u8]) -> bool,
    mut last: Option<&mut LastStamp>,
) -> Option<(Parts<'a>, Option<Cow<'f, TimeFormat>>)> {
    let mut rest = text;
    let mut stamp = None;
    let mut used = None;
    captures.clear();
    let elements = &header.pattern.elements;
    for (index, element) in elements.iter().enumerate() {
        match element {
            // A message that is empty may have lost the blank before it.
            Element::Literal(literal)
                if rest == literal.trim_ascii_end().as_bytes() && elements.get(index + 1) == Some(&Element::Message) =>
            {
                rest = &[];
            }
            Element::Literal(literal) => {
                rest = rest.strip_prefix(literal.as_bytes())?;
                // Levels are padded.
                let padded = literal.ends_with(' ') && elements.get(index + 1).is_some_and(|next| *next != Element::Message);
                if padded {
                    rest = rest.trim_ascii_start();
                }
            }
            Element::Message | Element::Ahead { .. } => {}
            Element::Capture { fact, kind } => {
                let next = border(elements.get(index + 1));
                let most = longest(*kind, rest);
                // The first place at which the header can go on: what follows it is a stranger's.
                let ends = memchr::memmem::find_iter(rest, next).take_while(|end| *end <= most);
                let mut ends = ends.filter(|end| accepts(*kind, &rest[..*end]).is_some());
                // But an address may hold the text that ends it: `2001:db8::7:1:5555`.
                let end = if *kind == Kind::Ip { ends.last() } else { ends.next() }?;
                if *fact != Fact::Ignored {
                    let at = text.len() - rest.len();
                    captures.set(*fact, *kind, at, at + end);
                }
                rest = &rest[end..];
            }
            Element::Time(written) => {
                let given = match (format, written) {
                    (Some(format), _) => Some(Cow::Borrowed(format)),
                    (None, Some(written)) => TimeFormat::parse_format(written).ok().map(Cow::Owned),
                    (None, None) => None,
                };
                if let Some(format) = given {
                    let (read, after) = match (&mut last, border(elements.get(index + 1))) {
                        (Some(last), border) => last.read(&format, rest, border, context)?,
                        (None, _) => format.read(rest, context)?,
                    };
                    (stamp, rest, used) = (Some(read), after, Some(format));
                } else if elements.get(index + 2) == Some(&Element::Message) {
                    let (read, format, after) = derive(rest, border(elements.get(index + 1)), context, known)?;
                    (stamp, rest, used) = (Some(read), after, Some(Cow::Owned(format)));
                } else {
                    // What the message is, only the rest of the header tells.
                    let (read, format, after) = derive(rest, border(elements.get(index + 1)), context, &|_| true)?;
                    (stamp, rest, used) = (Some(read), after, Some(Cow::Owned(format)));
                }
            }
        }
    }
    let parts = Parts { stamp, message: rest };
    known(rest).then_some((parts, used))
}

/// A stamp of unknown form ends where the header's next text stands; which of those places, the message after it tells. Words
/// before the stamp are taken for a part of it only where they are declared: in a log without stamps it would be a client's
/// own text ("Received PINGREQ from ID", a will's topic) that looks like a stamp and a message.
fn derive<'a>(
    text: &'a [u8],
    border: &[u8],
    context: &TimeContext<'_>,
    known: &dyn Fn(&[u8]) -> bool,
) -> Option<(Stamp, TimeFormat, &'a [u8])> {
    let window = &text[..text.len().min(LONGEST_STAMP)];
    let ends = || memchr::memmem::find_iter(window, border);
    // A stamp that is whole may go on with a word of the operator's, but not with a sentence: that is a message, and what looks like another
    // one at its end is the name of a client.
    let is_sentence = |end: usize| {
        let whole = ends().take_while(|other| *other < end).find(|other| TimeFormat::derive(&text[..*other]).is_some());
        whole.is_some_and(|other| text[other + border.len()..end].contains(&b' '))
    };
    ends().find_map(|end| {
        if end == 0 || !known(text.get(end + border.len()..)?) || is_sentence(end) {
            return None;
        }
        let format = TimeFormat::derive(&text[..end]).filter(|format| !format.leads_with_words())?;
        let (stamp, rest) = format.read(text, context)?;
        rest.starts_with(border).then_some((stamp, format, rest))
    })
}

fn border(element: Option<&Element>) -> &[u8] {
    match element {
        Some(Element::Literal(text)) => text.as_bytes(),
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::grammar::{Texts, load};

    /// The parts of a record, which teaches its header.
    fn split<'a>(
        reader: &mut HeaderReader,
        grammar: &Grammar,
        text: &'a [u8],
        context: &TimeContext<'_>,
        captures: &mut Captures,
        known: impl Fn(&[u8]) -> bool,
    ) -> Option<Parts<'a>> {
        let (parts, found) = reader.look(grammar, text, context, captures, known)?;
        reader.learn(found);
        Some(parts)
    }

    /// A stranger's line that only the last, plainest header fits does not make the log unreadable.
    #[test]
    fn a_plain_header_does_not_stay_where_others_say_more() {
        let source = r#"
            format = 1
            name = "x"
            title = "X"
            detect = ["Denied {_}"]
            header = ["[{time}] [T {thread:int}] {message}", "[{time}] {message}"]
            [[rule]]
            name = "denied"
            match = "Denied {client_id}"
            outcome = "refused"
            words = "denied"
            [[sample]]
            why = "x"
            log = "[2026-11-23 15:50:14] [T 1] Denied a"
            rows = [{ clientId = "a" }]
        "#;
        let Ok((grammar, _)) = load("x.toml", source, &Arc::new(Texts::default())) else { panic!("does not load") };
        let zone = jiff::tz::TimeZone::UTC;
        let context = TimeContext { zone: &zone, reference: 0 };
        let known = |message: &[u8]| grammar.find(crate::grammar::Message::plain(message), |_, _| true).is_some();
        let mut headers = HeaderReader::new(None);
        let mut message =
            |line: &'static [u8]| split(&mut headers, &grammar, line, &context, &mut Captures::default(), known).map(|parts| parts.message);
        assert_eq!(message(b"[2026-11-23 15:50:14] [T 1] Denied a"), Some(&b"Denied a"[..]));
        assert_eq!(message(b"[2026-11-23 15:50:14] Denied victim"), Some(&b"Denied victim"[..]));
        assert_eq!(message(b"[2026-11-23 15:50:15] [T 1] Denied b"), Some(&b"Denied b"[..]));
    }

    /// A client whose name reads like a record writes none of it into the stamp; a word of the operator's may stand there.
    #[test]
    fn a_stamp_does_not_go_on_into_a_message() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let Some(grammar) = library.get("mosquitto") else { panic!("no grammar") };
        let context = TimeContext { zone: &jiff::tz::TimeZone::UTC, reference: 0 };
        let known = |message: &[u8]| grammar.find(crate::grammar::Message::plain(message), |_, _| true).is_some();
        let message = |before: &[&'static str], line: &'static str| {
            let mut headers = HeaderReader::new(None);
            for line in before {
                let _ = split(&mut headers, grammar, line.as_bytes(), &context, &mut Captures::default(), known);
            }
            let parts = split(&mut headers, grammar, line.as_bytes(), &context, &mut Captures::default(), known)?;
            std::str::from_utf8(parts.message).ok()
        };
        let whole = "Client pump disconnected, not authorised.";
        for stamp in ["1795446313", "2026-11-23T15:05:13+0000", "Mon Nov 23 15:05:13 2026", "2026-11-23 15:05:13: node-1"] {
            let line = |text: &str| -> &'static str { format!("{stamp}: {text}").leak() };
            let forged = line("Received PINGREQ from x: Client victim disconnected, not authorised.");
            for before in [vec![], vec![line(whole)]] {
                assert_eq!(message(&before, line(whole)), Some(whole));
                assert_ne!(message(&before, forged), Some("Client victim disconnected, not authorised."), "{forged}");
            }
        }
    }

    const GRAMMAR: &str = r#"
format = 1
name   = "example"
title  = "Example"
detect = ["example starting"]
header = ["{time} [{thread:int}] {_:word} {transport:word}:{_:int}: {message}"]

[[rule]]
name    = "denied"
match   = "access denied"
outcome = "context"

[[sample]]
why  = "nobody"
log  = "2026-11-23 15:01:36 [7] WARN  /src/a.c:1: access denied"
rows = []
"#;

    #[test]
    fn levels_may_be_padded_and_the_rest_of_the_header_tells_the_first_stamp() {
        let (grammar, _) = load("example.toml", GRAMMAR, &Arc::new(Texts::default())).unwrap_or_else(|_| panic!("does not load"));
        let context = TimeContext { zone: &jiff::tz::TimeZone::UTC, reference: 0 };
        let mut reader = HeaderReader::new(None);
        let known = |message: &[u8]| message == b"access denied";
        for line in ["2026-11-23 15:01:36 [7] WARN  /src/a.c:1: access denied", "2026-11-23 15:01:36 [7] ERROR /src/a.c:1: access denied"] {
            let mut captures = Captures::default();
            let parts = split(&mut reader, &grammar, line.as_bytes(), &context, &mut captures, known).unwrap();
            assert_eq!(parts.stamp.map(|stamp| stamp.millis), Some(1_795_446_096_000), "{line}");
            assert_eq!(captures.get(Fact::Transport, line.as_bytes()), Some(&b"/src/a.c"[..]), "{line}");
        }
    }
}
