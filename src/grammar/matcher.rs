//! Runs a pattern over bytes: anchored at both ends, without allocating.
//!
//! Everything but free text has one length. Free text is delimited by what stands around it, and is taken as LONG as the
//! rest of the pattern allows: what follows it is written by the broker and stands at the end of the record, so a client ID
//! that imitates the rest of a line stays inside the client ID. A pattern with two free texts can be read in two ways when
//! one of them holds the text between them; the match then says so ([`Captures::ambiguous`]).

use std::net::{IpAddr, Ipv4Addr};

use nom::bytes::complete::{is_not, tag, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{opt, recognize, verify};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::captures::Captures;
use super::decode;
use super::ends::{Ends, Sample};
use super::fact::{Fact, Kind};
use super::pattern::{Element, Pattern};

/// How many ways of dividing one record are tried before the record is given up as unreadable. A record of ordinary text
/// needs a handful; only one made to be slow needs more.
const TRIES: u32 = 512;

/// A pattern made ready to run: its readings, with and without each part that may be missing.
#[derive(Debug, Clone)]
pub struct Matcher {
    readings: Vec<Reading>,
    /// What all of them hold, where there are several: looked for before any of them is tried.
    needle: Option<memchr::memmem::Finder<'static>>,
    /// The literal text with which every record that it matches begins, and that with which it ends.
    pub(super) ends: Ends,
}

#[derive(Debug, Clone)]
struct Reading {
    steps: Vec<Step>,
    free_texts: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Literal(Literal),
    Capture { fact: Fact, kind: Kind },
    Ahead(Box<[Box<[u8]>]>),
}

/// A text of the broker, and where in it a byte stands that few other texts hold: that is looked for.
#[derive(Debug, Clone)]
struct Literal {
    text: Box<[u8]>,
    rare: usize,
}

impl Literal {
    fn new(text: &str) -> Literal {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b':' | b'-' | b'_');
        let rare = text.bytes().rposition(|byte| !usual(byte)).unwrap_or(0);
        Literal { text: text.as_bytes().into(), rare }
    }

    /// Where it stands for the last time.
    fn rfind(&self, record: &[u8]) -> Option<usize> {
        let Some(byte) = self.text.get(self.rare) else { return Some(record.len()) };
        let mut end = record.len().checked_sub(self.text.len() - self.rare - 1)?;
        loop {
            let start = memchr::memrchr(*byte, &record[..end])?.checked_sub(self.rare)?;
            if record[start..].starts_with(&self.text) {
                return Some(start);
            }
            end = start + self.rare;
        }
    }
}

/// How far a pattern got before it gave up, for `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// Byte offset in the record.
    pub at: usize,
    /// Index of the element of the pattern that did not fit.
    pub element: usize,
}

impl Matcher {
    /// Makes a rule's pattern ready.
    pub fn new(pattern: &Pattern) -> Matcher {
        Matcher::of(vec![Reading::new(pattern)], None)
    }

    /// Makes a pattern ready that may be read in several ways, in the order in which they are preferred. `needle` stands in all.
    pub fn any(patterns: &[Pattern], needle: &[u8]) -> Matcher {
        let needle = (patterns.len() > 1 && !needle.is_empty()).then(|| memchr::memmem::Finder::new(needle).into_owned());
        Matcher::of(patterns.iter().map(Reading::new).collect(), needle)
    }

    fn of(readings: Vec<Reading>, needle: Option<memchr::memmem::Finder<'static>>) -> Matcher {
        fn text(step: Option<&Step>) -> &[u8] {
            if let Some(Step::Literal(literal)) = step { &literal.text } else { b"" }
        }
        let begin = readings.iter().map(|reading| text(reading.steps.first()));
        let begin = begin.reduce(|one, two| &one[..one.iter().zip(two).take_while(|(one, two)| one == two).count()]);
        let end = readings.iter().map(|reading| text(reading.steps.last()));
        let end = end.reduce(|one, two| {
            let alike = one.iter().rev().zip(two.iter().rev()).take_while(|(one, two)| one == two).count();
            &one[one.len() - alike..]
        });
        let ends = Ends::new(begin.unwrap_or_default(), end.unwrap_or_default());
        Matcher { readings, needle, ends }
    }

    /// Matches the whole record.
    pub fn run(&self, record: &[u8]) -> Option<Captures> {
        // Most records do not fit at an end, which is the cheapest place to look.
        if !self.ends.fit(Sample::of(record)) {
            return None;
        }
        if let [only] = self.readings.as_slice() {
            return only.run(record);
        }
        if self.needle.as_ref().is_some_and(|needle| needle.find(record).is_none()) {
            return None;
        }
        let mut best: Option<(Captures, &Reading)> = None;
        for reading in &self.readings {
            match &mut best {
                // Only the broker's own parts are there or not: a client's text that imitates them is no second reading.
                Some((_, known)) if known.free_texts == reading.free_texts => {}
                Some((known, from)) => {
                    if let Some(other) = reading.run(record) {
                        // A client's texts can be divided in two ways. What stands first is taken as long as it can be.
                        if other.first_free_end() > known.first_free_end() {
                            (*known, *from) = (other, reading);
                        }
                        known.ambiguous = true;
                    }
                }
                None => best = reading.run(record).map(|captures| (captures, reading)),
            }
        }
        best.map(|(captures, _)| captures)
    }

    /// How many free texts it has.
    pub(super) fn free_texts(&self) -> usize {
        self.readings.iter().map(|reading| reading.free_texts).max().unwrap_or_default()
    }

    /// The facts that it captures, in order.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        let steps = self.readings.first().into_iter().flat_map(|reading| &reading.steps);
        steps.filter_map(|step| if let Step::Capture { fact, .. } = step { Some(*fact) } else { None })
    }

    /// Matches the whole record, divided so that this fact has this value.
    pub fn run_where(&self, record: &[u8], given: (Fact, &[u8])) -> Option<Captures> {
        self.readings.iter().find_map(|reading| reading.run_where(record, given))
    }

    /// Whether a record that it matches could begin so.
    pub fn may_begin(&self, record: &[u8]) -> bool {
        let begins =
            |reading: &Reading| !matches!(reading.steps.first(), Some(Step::Literal(literal)) if !record.starts_with(&literal.text));
        self.readings.iter().any(begins)
    }

    /// How far this pattern gets into a record that it does not match.
    pub fn reach(&self, record: &[u8]) -> Reached {
        let reached = self.readings.iter().map(|reading| reading.reach(record));
        reached.max().unwrap_or(Reached { at: 0, element: 0 })
    }
}

impl Reading {
    fn new(pattern: &Pattern) -> Reading {
        let steps: Vec<Step> = pattern
            .elements
            .iter()
            .filter_map(|element| match element {
                Element::Literal(text) => Some(Step::Literal(Literal::new(text))),
                Element::Capture { fact, kind } => Some(Step::Capture { fact: *fact, kind: *kind }),
                Element::Ahead { texts, .. } => Some(Step::Ahead(texts.iter().map(|text| text.as_bytes().into()).collect())),
                Element::Time(_) | Element::Message => None,
            })
            .collect();
        let free_texts = steps.iter().filter(|step| matches!(step, Step::Capture { kind, .. } if kind.is_free())).count();
        Reading { steps, free_texts }
    }

    fn run(&self, record: &[u8]) -> Option<Captures> {
        let fits =
            |step: Option<&Step>, at: fn(&[u8], &[u8]) -> bool| !matches!(step, Some(Step::Literal(literal)) if !at(record, &literal.text));
        if !fits(self.steps.first(), <[u8]>::starts_with) || !fits(self.steps.last(), <[u8]>::ends_with) {
            return None;
        }
        let mut captures = Captures::default();
        let mut walk = Walk::over(record);
        if self.free_texts < 2 {
            return walk.steps(&self.steps, 0, 0, &mut captures).then_some(captures);
        }
        // Is there a second way? The walk goes on after its first success.
        walk.seconds = true;
        let second = walk.steps(&self.steps, 0, 0, &mut captures);
        let mut first = walk.first?;
        first.ambiguous = second;
        Some(first)
    }

    fn run_where(&self, record: &[u8], given: (Fact, &[u8])) -> Option<Captures> {
        let mut captures = Captures::default();
        let mut walk = Walk { given: Some(given), ..Walk::over(record) };
        walk.steps(&self.steps, 0, 0, &mut captures).then_some(captures)
    }

    fn reach(&self, record: &[u8]) -> Reached {
        let mut walk = Walk::over(record);
        walk.steps(&self.steps, 0, 0, &mut Captures::default());
        walk.reached
    }
}

struct Walk<'a> {
    record: &'a [u8],
    tries: u32,
    reached: Reached,
    /// Succeed at the second way of dividing the record; what the first gave is kept.
    seconds: bool,
    first: Option<Captures>,
    /// The value that a fact has to have.
    given: Option<(Fact, &'a [u8])>,
}

impl<'a> Walk<'a> {
    fn over(record: &'a [u8]) -> Walk<'a> {
        Walk { record, tries: TRIES, reached: Reached { at: 0, element: 0 }, seconds: false, first: None, given: None }
    }

    fn steps(&mut self, steps: &[Step], index: usize, mut at: usize, captures: &mut Captures) -> bool {
        for (offset, step) in steps.iter().enumerate() {
            let element = index + offset;
            self.reached = self.reached.max(Reached { at, element });
            match step {
                Step::Literal(Literal { text, .. }) => {
                    if !self.record[at..].starts_with(text) {
                        return false;
                    }
                    at += text.len();
                }
                Step::Ahead(texts) => {
                    if !texts.iter().any(|text| self.record[at..].starts_with(text)) {
                        return false;
                    }
                }
                Step::Capture { fact, kind } => {
                    return self.capture(*fact, *kind, &steps[offset + 1..], element + 1, at, captures);
                }
            }
        }
        self.reached = self.reached.max(Reached { at, element: index + steps.len() });
        if at != self.record.len() {
            return false;
        }
        if self.seconds && self.first.is_none() {
            self.first = Some(*captures);
            return false;
        }
        true
    }

    /// Tries the ends that the capture may have, longest first.
    fn capture(&mut self, fact: Fact, kind: Kind, rest: &[Step], next: usize, at: usize, captures: &mut Captures) -> bool {
        let input = &self.record[at..];
        let most = longest(kind, input);
        let mut fits = |walk: &mut Self, len: usize| {
            if walk.tries == 0 {
                return false;
            }
            walk.tries -= 1;
            let Some((skip, take)) = accepts(kind, &input[..len]) else { return false };
            // A fact that a pattern names twice has one value.
            let value = &walk.record[at + skip..at + skip + take];
            let again = if fact == Fact::Ignored || kind == Kind::More { None } else { captures.get(fact, walk.record) };
            let given = walk.given.filter(|(of, _)| *of == fact).map(|(_, value)| value);
            // Two kinds are two ways of writing it.
            let same = |before: &[u8]| before == value || captures.value(fact, walk.record) == decode::value(kind, value);
            if again.is_some_and(|before| !same(before)) || given.is_some_and(|given| given != value) {
                return false;
            }
            let before = captures.before(fact);
            match captures.range(fact) {
                Some(begun) if kind == Kind::More => captures.set(fact, captures.kind(fact), begun.start, at + skip + take),
                _ => captures.set(fact, kind, at + skip, at + skip + take),
            }
            if walk.steps(rest, next, at + len, captures) {
                return true;
            }
            captures.undo(fact, before);
            false
        };
        match rest.first() {
            None => input.len() <= most && fits(self, input.len()),
            // What stands at the end of the record stands nowhere else.
            Some(Step::Literal(Literal { text, .. })) if rest.len() == 1 && input.ends_with(text) => {
                let len = input.len() - text.len();
                len <= most && fits(self, len)
            }
            Some(Step::Literal(literal)) => {
                let text = &literal.text;
                // Only where the literal stands can the capture end: found from the right.
                let mut window = input.len().min(most.saturating_add(text.len()));
                while let Some(len) = literal.rfind(&input[..window]) {
                    if len <= most && fits(self, len) {
                        return true;
                    }
                    if self.tries == 0 || len + text.len() == 0 {
                        return false;
                    }
                    window = len + text.len() - 1;
                }
                false
            }
            // The checker refuses patterns in which two captures touch.
            Some(Step::Capture { .. } | Step::Ahead(_)) => false,
        }
    }
}

/// How long a capture of this kind could be at the most.
pub(crate) fn longest(kind: Kind, input: &[u8]) -> usize {
    let run = |accept: fn(u8) -> bool| input.iter().position(|byte| !accept(*byte)).unwrap_or(input.len());
    match kind {
        Kind::Text
        | Kind::More
        | Kind::Latin1
        | Kind::Printed
        | Kind::Structured
        | Kind::Quoted
        | Kind::Rust
        | Kind::Erlang
        | Kind::ErlangBytes => input.len(),
        Kind::Line => memchr::memchr(b'\n', input).unwrap_or(input.len()),
        Kind::Peer => input.iter().position(|byte| *byte == b' ').unwrap_or(input.len()),
        Kind::Word => run(|byte| !byte.is_ascii_whitespace()),
        Kind::Ip => run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'%' | b'[' | b']' | b',')).min(66),
        Kind::Port => run(|byte| byte.is_ascii_digit()).min(5),
        Kind::Int => run(|byte| byte.is_ascii_digit() || byte == b'-').min(20),
        Kind::Hex => run(|byte| byte.is_ascii_hexdigit()).min(16),
        Kind::Number => run(|byte| byte.is_ascii_hexdigit() || byte == b'x').min(18),
        Kind::Bool => 5,
        Kind::Hexes => run(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b',' | b':' | b'\n')),
    }
}

/// Whether these bytes, all of them, are a value of this kind; where the value starts in them, and its length.
pub(crate) fn accepts(kind: Kind, bytes: &[u8]) -> Option<(usize, usize)> {
    let whole = |fits: bool| fits.then_some((0, bytes.len()));
    match kind {
        Kind::Text | Kind::More | Kind::Latin1 | Kind::Printed | Kind::Structured => Some((0, bytes.len())),
        Kind::Line => whole(!bytes.contains(&b'\n')),
        Kind::Word => whole(!bytes.is_empty()),
        Kind::Ip => address(bytes),
        Kind::Peer if matches!(bytes.first(), Some(b'/' | b'@')) || bytes == b"(null)" => whole(true),
        Kind::Peer => address(bytes),
        Kind::Port => whole(complete(port(bytes)).is_some()),
        Kind::Int => whole(complete(int(bytes)).is_some()),
        Kind::Hex => whole(!bytes.is_empty()),
        Kind::Quoted | Kind::Rust => complete(quoted(bytes)).map(|_| (1, bytes.len() - 2)),
        Kind::Erlang | Kind::ErlangBytes => whole(decode::erlang::is_term(bytes)),
        Kind::Number => whole(decode::number(bytes).is_some()),
        Kind::Bool => whole(matches!(bytes, b"true" | b"false")),
        Kind::Hexes => whole(bytes.iter().any(u8::is_ascii_hexdigit)),
    }
}

/// An address, also in the brackets that keep an IPv6 address apart from its port.
fn address(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes {
        [b'[', inside @ .., b']'] => (inside.contains(&b':') && ip(inside).is_some()).then_some((1, inside.len())),
        _ => ip(bytes).is_some().then_some((0, bytes.len())),
    }
}

fn complete<T>(result: IResult<&[u8], T>) -> Option<T> {
    match result {
        Ok(([], value)) => Some(value),
        _ => None,
    }
}

fn port(input: &[u8]) -> IResult<&[u8], u32> {
    let digits = take_while_m_n(1, 5, |byte: u8| byte.is_ascii_digit());
    verify(digits.map(number), |port| *port <= u32::from(u16::MAX)).parse(input)
}

fn int(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize((opt(char('-')), take_while1(|byte: u8| byte.is_ascii_digit()))).parse(input)
}

fn quoted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let inside = |stop: &'static str| {
        recognize(nom::multi::many0_count(nom::branch::alt((is_not(stop), recognize((tag("\\"), nom::bytes::complete::take(1usize)))))))
    };
    let (_, quote) = one_of("'\"").parse(input)?;
    if quote == '"' {
        delimited(char('"'), inside("\\\""), char('"')).parse(input)
    } else {
        delimited(char('\''), inside("\\'"), char('\'')).parse(input)
    }
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

/// An address as brokers print it, also as the numbers of an Erlang tuple (`192,0,2,7`). A scope (`%eth0`) is left out; an IPv4 address in IPv6 clothes is the IPv4 address.
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(bytes) {
        return Some(IpAddr::V4(address));
    }
    let bytes = bytes.strip_prefix(b"[").and_then(|inside| inside.strip_suffix(b"]")).unwrap_or(bytes);
    // Every address begins so and holds one of these; it spares the parser most words.
    if !bytes.first().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':') || memchr::memchr3(b'.', b':', b',', bytes).is_none() {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    if address.contains(',') {
        return tuple(address);
    }
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
}

/// Four numbers up to 255 without needless noughts: what nearly all addresses are.
fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut rest) = ([0; 4], bytes);
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let length = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = rest.split_at(length);
        if digits.is_empty() || digits.len() > 1 && digits[0] == b'0' {
            return None;
        }
        *octet = u8::try_from(number(digits)).ok()?;
        rest = after;
    }
    rest.is_empty().then(|| Ipv4Addr::from(octets))
}

fn tuple(address: &str) -> Option<IpAddr> {
    fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
        text.split(',').map(|part| part.parse().ok()).collect::<Option<Vec<T>>>()?.try_into().ok()
    }
    let four = || numbers::<u8, 4>(address).map(IpAddr::from);
    four().or_else(|| numbers::<u16, 8>(address).map(IpAddr::from)).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matched(pattern: &str, record: &str) -> Option<Vec<(&'static str, String)>> {
        let matcher = Matcher::new(&Pattern::parse(pattern).unwrap());
        let captures = matcher.run(record.as_bytes())?;
        let mut found: Vec<_> = captures
            .facts()
            .map(|fact| (fact.name(), String::from_utf8_lossy(captures.get(fact, record.as_bytes()).unwrap()).into_owned()))
            .collect();
        if captures.ambiguous {
            found.push(("ambiguous", String::new()));
        }
        Some(found)
    }

    #[test]
    fn addresses_and_ports() {
        let pattern = "New connection from {client_ip}:{client_port} on port {server_port}.";
        let fits =
            |address: &str| matched(pattern, &format!("New connection from {address} on port 1883.")).map(|found| found[0].1.clone());
        assert_eq!(fits("192.0.2.7:5555"), Some("192.0.2.7".into()));
        assert_eq!(fits("::1:33434"), Some("::1".into()));
        assert_eq!(fits("2001:db8::7:33434"), Some("2001:db8::7".into()));
        assert_eq!(fits("fe80::1%eth0:1"), Some("fe80::1%eth0".into()));
        assert_eq!(fits("::ffff:192.0.2.7:1"), Some("::ffff:192.0.2.7".into()));
        assert_eq!(fits("[2001:db8::7]:33434"), Some("2001:db8::7".into()));
        assert_eq!(fits("[192.0.2.7]:1"), None);
        assert_eq!(fits("192.0.2.7:70000"), None);
        assert_eq!(fits("[2001:db8::7]:33434"), Some("2001:db8::7".into()));
        assert_eq!(fits("example.org:1"), None);
        assert_eq!(ip(b"::ffff:192.0.2.7"), "192.0.2.7".parse().ok());
        assert_eq!(matched("{{{{{client_ip}}},{client_port}}}", "{{192,0,2,7},5555}").unwrap()[0].1, "192,0,2,7");
        assert_eq!(ip(b"192,0,2,7"), "192.0.2.7".parse().ok());
        assert_eq!(ip(b"8193,3512,0,0,0,0,0,7"), "2001:db8::7".parse().ok());
        assert_eq!(ip(b"1,2,3"), None);
    }

    #[test]
    fn a_word_at_the_end_has_no_white_space() {
        assert!(matched("failed: {words:word}", "failed: Refused").is_some());
        assert_eq!(matched("failed: {words:word}", "failed: Refused by whom"), None);
    }

    #[test]
    fn a_client_id_that_imitates_the_line_stays_inside_the_client_id() {
        let pattern = "Client {client_id} [{client_ip}:{client_port}] disconnected: not authorised.";
        let id = "victim [198.51.100.9:1] disconnected: not authorised.";
        let found = matched(pattern, &format!("Client {id} [192.0.2.10:51001] disconnected: not authorised.")).unwrap();
        assert_eq!(found, [("client_id", id.to_owned()), ("client_ip", "192.0.2.10".into()), ("client_port", "51001".into())]);
    }

    fn optional(pattern: &str, record: &str) -> Option<(Vec<(&'static str, String)>, bool)> {
        let patterns: Vec<Pattern> =
            crate::grammar::pattern::spelled_out(pattern).iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let captures = Matcher::any(&patterns, b", msg: ").run(record.as_bytes())?;
        let text = |fact: Fact| (fact.name(), String::from_utf8_lossy(&captures.value(fact, record.as_bytes()).unwrap()).into_owned());
        Some((captures.facts().filter(|fact| *fact != Fact::Ignored).map(text).collect(), captures.ambiguous))
    }

    #[test]
    fn parts_that_may_be_missing() {
        let pattern = "{?tag: {_:word}, ?}clientid: {client_id}, msg: x, peer: {client_ip}, {?user: {username}, ?}{?pid: {_:word}, ?}reason: {words:word}";
        let (facts, ambiguous) =
            optional(pattern, "tag: A, clientid: pump, msg: x, peer: 192.0.2.7, user: ops, pid: <0.1.0>, reason: r").unwrap();
        assert_eq!(
            facts,
            [("client_id", "pump".into()), ("username", "ops".into()), ("client_ip", "192.0.2.7".into()), ("words", "r".into())]
        );
        assert!(!ambiguous);
        let (facts, ambiguous) = optional(pattern, "clientid: pump, msg: x, peer: 192.0.2.7, reason: r").unwrap();
        assert_eq!((facts.len(), ambiguous), (3, false));
        // A client ID that imitates the rest, of a client without a username: read right, and said to be unsure.
        let (facts, ambiguous) =
            optional(pattern, "clientid: a, msg: x, peer: 192.0.2.9, user: bob, msg: x, peer: 192.0.2.7, reason: r").unwrap();
        assert_eq!(facts[0].1, "a, msg: x, peer: 192.0.2.9, user: bob");
        assert_eq!(facts[1].1, "192.0.2.7");
        assert!(ambiguous);
    }

    #[test]
    fn a_fact_that_stands_twice_has_one_value_however_it_is_written() {
        let pattern = "{client_id:printed}@{client_ip} Client {client_id:latin1} failed";
        assert!(matched(pattern, "[1586,1610]@192.0.2.7 Client Ø²Ù\u{8a} failed".replace("\\u{8a}", "\u{8a}").as_str()).is_some());
        assert!(matched(pattern, "pump@192.0.2.7 Client pump failed").is_some());
        assert!(matched(pattern, "pump@192.0.2.7 Client pomp failed").is_none());
    }

    #[test]
    fn looking_ahead_and_going_on() {
        let mut pattern = Pattern::parse("user {username} | {=next}{words} | {words:more}").unwrap();
        for element in &mut pattern.elements {
            if let Element::Ahead { texts, .. } = element {
                *texts = vec!["off!".into(), "on ".into()];
            }
        }
        let matcher = Matcher::new(&pattern);
        let record = b"user a | b | off! | on 2";
        let found = matcher.run(record).unwrap();
        assert_eq!(found.get(Fact::Username, record), Some(b"a | b".as_slice()));
        assert_eq!(found.get(Fact::Words, record), Some(b"off! | on 2".as_slice()));
        assert!(!found.ambiguous);
        assert_eq!(matcher.run(b"user a | other | off!"), None);
        assert_eq!(matched("id {client_id:line}", "id a\nb"), None);
        assert_eq!(matched("id {client_id:word}", "id a b"), None);
        assert_eq!(matched("id {client_id:line}\n{_}", "id a\nb"), Some(vec![("client_id", "a".into()), ("_", "b".into())]));
    }

    #[test]
    fn two_free_texts_are_ambiguous_only_when_they_are() {
        let pattern = "as {client_id} (p{_:int}, u'{username}').";
        let plain = matched(pattern, "as pump 4 (p2, u'ops team').").unwrap();
        assert_eq!(plain[..2], [("client_id", "pump 4".into()), ("username", "ops team".to_owned())]);
        assert!(!plain.iter().any(|(name, _)| *name == "ambiguous"));
        let hostile = matched(pattern, "as a (p2, u'b (p2, u'c').").unwrap();
        assert!(hostile.iter().any(|(name, _)| *name == "ambiguous"));
    }

    #[test]
    fn a_line_ends_where_the_line_ends() {
        let found = matched("{_}\nCaused by: {words:line}\n{_}", "a\nCaused by: b\n\tat c\n\tat d").unwrap();
        assert_eq!(found[0], ("words", "b".to_owned()));
        assert_eq!(matched("failed: {words:line}", "failed: a\nb"), None);
    }

    #[test]
    fn a_value_known_from_elsewhere_divides_two_free_texts() {
        let matcher = Matcher::new(&Pattern::parse("ID='{client_id}', user='{username}', fd={connection:int}").unwrap());
        let record = b"ID='pump', user='x', user='y', fd=7";
        let divided = |name: &[u8]| {
            let captures = matcher.run_where(record, (Fact::Username, name))?;
            Some(String::from_utf8_lossy(captures.get(Fact::ClientId, record).unwrap()).into_owned())
        };
        assert_eq!(divided(b"y"), Some("pump', user='x".into()));
        assert_eq!(divided(b"x', user='y"), Some("pump".into()));
        assert_eq!(divided(b"z"), None);
    }

    #[test]
    fn a_record_made_to_be_slow_is_given_up() {
        let pattern = "{client_id} x {username} x {words} x {subject} y";
        assert_eq!(matched(pattern, &"a x ".repeat(20_000)), None);
    }

    fn value_of(kind: Kind) -> BoxedStrategy<String> {
        match kind {
            Kind::Text | Kind::More | Kind::Line | Kind::Latin1 | Kind::Printed | Kind::Structured => "[ -~é]{0,20}".boxed(),
            Kind::Erlang | Kind::ErlangBytes => "<<\"[ -!#-;=?-\\[\\]-~]{0,10}\">>".boxed(),
            Kind::Number => any::<u32>().prop_map(|number| format!("{number:#x}")).boxed(),
            Kind::Bool => any::<bool>().prop_map(|flag| flag.to_string()).boxed(),
            Kind::Hexes => "([0-9a-f]{2}){1,9}".boxed(),
            Kind::Word => "[!-~]{1,12}".boxed(),
            Kind::Ip | Kind::Peer => prop_oneof![
                any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
                any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string())
            ]
            .boxed(),
            Kind::Port => any::<u16>().prop_map(|port| port.to_string()).boxed(),
            Kind::Int => any::<i32>().prop_map(|int| int.to_string()).boxed(),
            Kind::Hex => any::<u32>().prop_map(|int| format!("{int:x}")).boxed(),
            Kind::Quoted | Kind::Rust => "[ -!#-&(-~]{0,10}".prop_map(|text| format!("\"{}\"", text.replace('\\', ""))).boxed(),
        }
    }

    proptest! {
        #[test]
        fn a_line_built_from_a_pattern_is_matched_by_it(
            parts in prop::collection::vec(("[A-Za-z ]{1,8}<", 0..Kind::ALL.len()).prop_flat_map(|(literal, kind)| {
                let kind = Kind::ALL[kind];
                (Just(literal), Just(kind), value_of(kind))
            }), 1..5),
        ) {
            let mut elements = Vec::new();
            let mut line = String::new();
            let facts = [Fact::ClientId, Fact::Username, Fact::Words, Fact::Code, Fact::Subject];
            for ((literal, kind, value), fact) in parts.iter().zip(facts) {
                elements.push(Element::Literal(literal.clone()));
                elements.push(Element::Capture { fact, kind: *kind });
                line.push_str(literal);
                line.push_str(value);
            }
            elements.push(Element::Literal(" end.".into()));
            line.push_str(" end.");
            let captures = Matcher::new(&Pattern { elements }).run(line.as_bytes());
            prop_assert!(captures.is_some());
            let captures = captures.unwrap();
            if !captures.ambiguous && parts.iter().filter(|part| part.1.is_free()).count() < 2 {
                for ((_, kind, value), fact) in parts.iter().zip(facts) {
                    let got = captures.get(fact, line.as_bytes()).unwrap();
                    let want = if matches!(kind, Kind::Quoted | Kind::Rust) { &value[1..value.len() - 1] } else { value };
                    prop_assert_eq!(got, want.as_bytes());
                }
            }
        }

        #[test]
        fn addresses_are_those_of_the_standard_library(text in "[0-9]{0,4}(\\.[0-9]{0,3}){0,5}[.x]?") {
            prop_assert_eq!(ip(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn any_bytes_are_matched_or_not_without_a_panic(record in prop::collection::vec(any::<u8>(), 0..200)) {
            for pattern in ["Client {client_id} [{client_ip}:{client_port}] x", "{client_id:quoted} {username} ({code})", "{_}{{{words}"] {
                let _ = Matcher::new(&Pattern::parse(pattern).unwrap_or(Pattern { elements: vec![] })).run(&record);
            }
        }
    }
}
