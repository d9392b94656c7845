//! Finds the lines that any rule could take, without looking at the others.
//!
//! Whole chunks are searched for the literals of all rules at once with a vectorised searcher; only around a hit is a line cut
//! out. A hit nominates its line, nothing more: all rules are then considered.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::hidden;
use super::searcher::Searcher;
use crate::grammar::{Element, Grammar, Header, How, Outcome, Rule, Way, literal};
use crate::text::escaped;
use crate::wrapper::{Hides, SPLIT_MARKS};

/// A shorter text is not chosen where there is a longer one.
const TELLING: usize = 6;

/// Finds them. That of a grammar is made once, and each log has a copy that is fitted to it.
#[derive(Debug, Clone)]
pub(crate) struct Prefilter {
    /// What searches, by what is looked for: made for the grammar when it is first needed.
    made: Arc<[OnceLock<Option<Searcher>>; Need::KINDS]>,
    /// This log's copies.
    own: [Option<Searcher>; Need::KINDS],
    /// Which needs differ from others in the texts that are looked for.
    differs: Need,
    /// How records may hide them.
    hidden: hidden::Ways,
    /// Texts after which another must stand in the line, or the record is not whole.
    brackets: Vec<Bracket>,
}

/// What is looked for beside what always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// The records after which a client's words are repeated. Not where no line is in a wrapper: there the lines before one that counts tell.
    pub(super) echoes: bool,
    /// The ends of sessions. Not where nothing waits for the next record and nobody counts them.
    pub(super) ends: bool,
}

impl Need {
    const ALL: Need = Need { echoes: true, ends: true };
    const KINDS: usize = 4;

    fn kind(self) -> usize {
        usize::from(self.echoes) + 2 * usize::from(self.ends)
    }
}

/// The texts of which every line that a rule of the grammar takes holds one; or the pattern of a way that has no text worth looking
/// for, for which every line must be looked at.
pub fn literals(grammar: &Grammar) -> Result<Vec<&[u8]>, &str> {
    texts(grammar, Need::ALL)
}

fn texts<'g>(grammar: &'g Grammar, need: Need) -> Result<Vec<&'g [u8]>, &'g str> {
    let active = grammar.rules.iter().filter(|rule| grammar.counts(rule) && (need.ends || !grammar.only_ends(rule)));
    // A text that also records hold which concern nobody is a poor one, if there is another; so is one that is such a record's name with
    // the words before it (`msg: NAME, `).
    let texts_of = |way: &'g Way| way.others.iter().chain([&way.literal]);
    let of = |wanted: &dyn Fn(&Rule) -> bool| -> Vec<&'g Way> {
        grammar.rules.iter().filter(|rule| wanted(rule)).flat_map(|rule| &rule.ways).collect()
    };
    let nothing = of(&|rule| rule.outcome == Outcome::Nothing);
    // Put together, they are searched at once; no text of a grammar holds the byte between them.
    let joined =
        |ways: Vec<&'g Way>| ways.into_iter().flat_map(texts_of).flat_map(|text| text.iter().chain(&[0xff])).copied().collect::<Vec<u8>>();
    let ends = joined(of(&|rule| !need.ends && grammar.only_ends(rule)));
    let known = [joined(nothing.clone()), ends.clone()].concat();
    let names: Vec<&Vec<u8>> = nothing.iter().copied().filter(|way| matches!(way.how, How::Fields(_))).flat_map(texts_of).collect();
    let holds = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
    let unlike = |text: &&Vec<u8>, others: &[u8]| text.len() >= TELLING && !holds(others, text);
    let telling = |text: &&Vec<u8>| unlike(text, &known);
    let own = |text: &&Vec<u8>| telling(text) && !names.iter().any(|name| name.len() >= TELLING && holds(text, name));
    let best = |way: &'g Way| {
        let mut others: Vec<&Vec<u8>> = way.others.iter().collect();
        others.sort_by_key(|text| text.len());
        let longest = |wanted: &dyn Fn(&&Vec<u8>) -> bool| others.iter().copied().rev().find(wanted);
        let no_end = |text: &&Vec<u8>| !need.ends && unlike(text, &ends);
        longest(&own).or_else(|| longest(&telling)).or_else(|| longest(&no_end)).unwrap_or(&way.literal)
    };
    let ways = active.flat_map(|rule| rule.ways.iter().map(|way| (way.written.as_str(), best(way).as_slice())));
    let brackets = brackets(grammar);
    let begun = grammar
        .multiline
        .iter()
        .filter(|form| form.bracket.is_none() || brackets.is_empty())
        .map(|form| ("a [[multiline]]", form.literal.as_slice()));
    let echoed =
        grammar.echoes.iter().filter(|_| need.echoes).flat_map(|form| form.literals.iter().map(|text| ("an [[echo]]", text.as_slice())));
    let mut texts = Vec::new();
    for (written, text) in ways.chain(begun).chain(echoed) {
        if text.len() < literal::GOOD {
            return Err(written);
        }
        texts.push(literal::rarest(text));
    }
    texts.sort_unstable();
    texts.dedup();
    // A text that holds another one adds nothing. Most have other letters.
    let letters = |text: &[u8]| text.iter().fold(0_u128, |all, byte| all | 1 << (byte & 127));
    let parts: Vec<(u128, &[u8])> = texts.iter().map(|text| (letters(text), *text)).collect();
    let needless = |text: &[u8]| {
        let lacks = !letters(text);
        parts.iter().any(|(letters, part)| letters & lacks == 0 && part.len() < text.len() && holds(text, part))
    };
    Ok(texts.into_iter().filter(|text| !needless(text)).collect())
}

/// What searches for them, and for what tells a line that is a part of a record, unless no line is in a wrapper.
fn searcher(grammar: &Grammar, need: Need) -> Option<Searcher> {
    let mut texts = texts(grammar, need).ok()?;
    texts.extend(SPLIT_MARKS.iter().filter(|_| need.echoes));
    Searcher::new(&texts)
}

/// For how many texts the logs of a product are searched; none when every line is looked at.
pub fn searched_for(grammar: &Grammar) -> Option<usize> {
    literals(grammar).ok().map(|texts| texts.len())
}

/// A text that stands where the message begins, and the one that stands after it unless a stranger's line feed tore the record.
pub(super) type Bracket = (Vec<u8>, Vec<u8>);

/// The forms of record that no text tells, but that one is missing: `[` after a header without `]`.
pub(super) fn brackets(grammar: &Grammar) -> Vec<Bracket> {
    let before = |header: &Header| match header.pattern.elements.as_slice() {
        [.., Element::Literal(text), Element::Message] => text.clone().into_bytes(),
        _ => Vec::new(),
    };
    let forms = grammar.multiline.iter().filter_map(|form| form.bracket.as_ref());
    let found: Vec<Bracket> = forms
        .flat_map(|(open, close)| grammar.headers.iter().map(move |header| ([before(header), open.clone()].concat(), close.clone())))
        .collect();
    let same = |text: &[u8]| !text.is_empty() && literal::safe_run(text) == text;
    let good = grammar.framing.is_some() && found.iter().all(|(open, close)| open.len() >= literal::GOOD && same(open) && same(close));
    if good { found } else { Vec::new() }
}

/// Which lines are looked at whatever they hold, in words.
pub fn looked_at(grammar: &Grammar) -> Vec<String> {
    let brackets = brackets(grammar);
    let shown = |text: &[u8]| format!("\"{}\"", escaped(text, 80));
    let unclosed = brackets.iter().map(|(open, close)| format!("{} without {} after it", shown(open), shown(close)));
    unclosed.chain(hidden::Ways::of(grammar).in_words()).collect()
}

/// Where the first bracket stands that is not closed in its line.
fn unclosed(bytes: &[u8], (open, close): &Bracket) -> Option<usize> {
    memchr::memmem::find_iter(bytes, open).find(|at| {
        let after = &bytes[at + open.len()..];
        let line = &after[..memchr::memchr(b'\n', after).unwrap_or(after.len())];
        memchr::memmem::find(line, close).is_none()
    })
}

/// Whether the lines in which a client's words are repeated can be told from those before them: then only a line that counts is looked back
/// from, and the records after which that is done are not searched for.
pub(super) fn tells_echoes(grammar: &Grammar) -> bool {
    let plain = grammar.framing.is_none() && grammar.structures.is_empty();
    plain && !grammar.echoes.is_empty() && grammar.echoes.iter().all(|form| !form.between.is_empty())
}

impl Prefilter {
    /// That of the grammar, made when it is first asked for.
    pub(super) fn of(grammar: &Grammar) -> Option<Prefilter> {
        grammar.prefilter.get_or_init(|| Prefilter::new(grammar)).clone()
    }

    /// None when a rule has no literal that is worth looking for: then every line must be looked at.
    fn new(grammar: &Grammar) -> Option<Prefilter> {
        let made: [OnceLock<Option<Searcher>>; Need::KINDS] = Default::default();
        made[Need::ALL.kind()].get_or_init(|| searcher(grammar, Need::ALL)).as_ref()?;
        let ends = grammar.rules.iter().any(|rule| grammar.only_ends(rule));
        let differs = Need { echoes: tells_echoes(grammar), ends };
        Some(Prefilter {
            made: Arc::new(made),
            own: Default::default(),
            differs,
            brackets: brackets(grammar),
            hidden: hidden::Ways::of(grammar),
        })
    }

    /// Where the first text stands at or after `from` that is looked for.
    fn find(&mut self, grammar: &Grammar, bytes: &[u8], from: usize, need: Need) -> Option<Range<usize>> {
        let need = Need { echoes: need.echoes || !self.differs.echoes, ends: need.ends || !self.differs.ends };
        let made = |need: Need| self.made[need.kind()].get_or_init(|| searcher(grammar, need)).clone();
        let own = &mut self.own[need.kind()];
        if own.is_none() {
            *own = made(need).or_else(|| made(Need::ALL));
        }
        own.as_mut()?.find(bytes, from)
    }

    /// The first line at or after `from`, with its line end, that a rule may take: one that holds a literal, or may hold one where the
    /// log's wrappers hide it. The search is fitted to the log on the way.
    pub(super) fn next_line(&mut self, grammar: &Grammar, bytes: &[u8], from: usize, hides: Hides, need: Need) -> Option<Range<usize>> {
        let mut hit = self.find(grammar, bytes, from, need);
        let before = |hit: &Option<Range<usize>>| &bytes[..hit.as_ref().map_or(bytes.len(), |hit| hit.start)];
        let ways = hidden::Ways { escapes: self.hidden.escapes || hides.journal, journal: hides.journal, ..self.hidden };
        if let Some(at) = hidden::first(&before(&hit)[from..], ways) {
            hit = Some(from + at..from + at);
        }
        for bracket in &self.brackets {
            if let Some(at) = unclosed(&before(&hit)[from..], bracket) {
                hit = Some(from + at..from + at);
            }
        }
        if let Some(line) = hides.long.and_then(|long| long_line(before(&hit), from, long)) {
            let end = memchr::memchr(b'\n', &bytes[line..]).map_or(bytes.len(), |at| line + at + 1);
            return Some(line..end);
        }
        let hit = hit?;
        let start = memchr::memrchr(b'\n', &bytes[from..hit.start]).map_or(from, |at| from + at + 1);
        let end = memchr::memchr(b'\n', &bytes[hit.end..]).map_or(bytes.len(), |at| hit.end + at + 1);
        Some(start..end)
    }
}

/// Where the first line at or after `from` begins that has `long` bytes. Only a few bytes of each such stretch are looked at.
fn long_line(bytes: &[u8], mut from: usize, long: usize) -> Option<usize> {
    while bytes.len() - from >= long {
        match memchr::memrchr(b'\n', &bytes[from..from + long]) {
            Some(end) => from += end + 1,
            None => return Some(from),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_found_wherever_they_stand() {
        for before in 0..40 {
            let text = [b"ab\n".repeat(before), b"0123456789\n".to_vec(), b"cd\n".repeat(7)].concat();
            assert_eq!(long_line(&text, 0, 10), Some(3 * before));
            assert_eq!(long_line(&text, 0, 11), None);
            assert_eq!(long_line(&text[..3 * before], 0, 10), None);
        }
    }

    /// What a busy Mosquitto writes all the time is passed over.
    #[test]
    fn usual_lines_hold_nothing_that_is_looked_for() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let Some(grammar) = library.get("mosquitto") else { panic!("no grammar") };
        let Some(mut prefilter) = Prefilter::new(grammar) else { panic!("no literals") };
        let mut find = |line: &str| prefilter.find(grammar, line.as_bytes(), 0, Need::ALL);
        for line in [
            "1795446313: Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))",
            "1795446313: Sending PUBACK to a (m5, rc0)",
            "1795446313: Received PINGREQ from a",
            "1795446313: Sending PINGRESP to a",
            "1795446313: No will message specified.",
            "1795446313: Sending CONNACK to a (0, 0)",
            "1795446313: Sending SUBACK to a",
            "1795446313: Received DISCONNECT from a",
        ] {
            assert_eq!(find(line), None, "{line}");
        }
        assert!(find("1795446313: Sending CONNACK to a (0, 5)").is_some());
    }

    /// So is what a busy EMQX does at debug level.
    #[test]
    fn usual_records_of_named_values_hold_nothing_that_is_looked_for() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let Some(grammar) = library.get("emqx") else { panic!("no grammar") };
        let Some(mut prefilter) = Prefilter::new(grammar) else { panic!("no literals") };
        let record = |msg: &str, packet: &str| {
            format!(
                r#"{{"time":1795447634298994,"level":"debug","msg":"{msg}","username":"u","clientid":"a","peername":"192.0.2.7:40101","tag":"MQTT","packet":"{packet}","pid":"<0.9.0>"}}"#
            )
        };
        let mut next = |line: &str| prefilter.next_line(grammar, line.as_bytes(), 0, Hides::default(), Need::ALL);
        for (msg, packet) in [
            ("mqtt_packet_received", "PUBLISH(Q0, R0, D0, Topic=a/b, PacketId=undefined, Payload=******)"),
            ("mqtt_packet_sent", r#"PUBLISH(Q0, R0, D0, Topic=a/\u00e9\"b, PacketId=undefined, Payload=******)"#),
            ("mqtt_packet_received", "PINGREQ(Q0, R0, D0)"),
        ] {
            assert_eq!(next(&record(msg, packet)), None, "{packet}");
        }
        let connack = "CONNACK(Q0, R0, D0, AckFlags=0, ReasonCode=5)";
        assert!(next(&record("mqtt_packet_sent", connack)).is_some());
        assert!(next(&record("mqtt_packet_sent", &connack.replace('C', r"\u0043"))).is_some());
    }

    /// TBMQ's records that a line feed tore are told by the bracket that is not closed.
    #[test]
    fn brackets_that_are_not_closed_are_found() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let Some(grammar) = library.get("tbmq") else { panic!("no grammar") };
        let Some(mut prefilter) = Prefilter::new(grammar) else { panic!("no literals") };
        let mut next = |text: &str| prefilter.next_line(grammar, text.as_bytes(), 0, Hides::default(), Need::ALL);
        let whole = "2026-11-23 15:05:52,712 [main] INFO  o.t.m.b.x.Y - [pump] nothing\n";
        assert_eq!(next(&whole.repeat(3)), None);
        let torn = "2026-11-23 15:05:52,712 [main] INFO  o.t.m.b.x.Y - [pump\n";
        assert_eq!(next(&[whole, torn, whole].concat()), Some(whole.len()..whole.len() + torn.len()));
    }
}
