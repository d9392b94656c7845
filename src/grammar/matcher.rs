//! Runs a pattern over bytes: anchored at both ends, without allocating.
//!
//! Everything but free text has one length. Free text is delimited by what stands around it, and is taken as LONG as the
//! rest of the pattern allows: what follows it is written by the broker and stands at the end of the record, so a client ID
//! that imitates the rest of a line stays inside the client ID. A pattern with two free texts can be read in two ways when
//! one of them holds the text between them; the match then says so ([`Captures::ambiguous`]).

use super::captures::Captures;
use super::ends::{Ends, Sample};
use super::fact::Fact;
use super::pattern::Pattern;
use super::shape::Shape;
use super::step::{Capture, Step, steps};
use super::values::longest;
use super::walk::{Reached, Walk};

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
    #[inline]
    pub fn run(&self, record: &[u8]) -> Option<Captures> {
        let mut captures = Captures::NONE;
        (self.may_fit(record) && self.run_inside(record, &mut captures)).then_some(captures)
    }

    /// Whether the record's ends fit, which is the cheapest place to look; most records do not.
    #[inline]
    pub(super) fn may_fit(&self, record: &[u8]) -> bool {
        self.ends.fit(Sample::of(record))
    }

    /// Matches a record whose ends are known to fit. What stands in `captures` if it does not means nothing.
    pub(super) fn run_inside(&self, record: &[u8], captures: &mut Captures) -> bool {
        if let [only] = self.readings.as_slice() {
            return only.run(record, captures);
        }
        if self.needle.as_ref().is_some_and(|needle| needle.find(record).is_none()) {
            return false;
        }
        let mut best: Option<&Reading> = None;
        for reading in &self.readings {
            match best {
                // Only the broker's own parts are there or not: a client's text that imitates them is no second reading.
                Some(known) if known.free_texts == reading.free_texts => {}
                Some(_) => {
                    let mut other = Captures::NONE;
                    if reading.run(record, &mut other) {
                        // A client's texts can be divided in two ways. What stands first is taken as long as it can be.
                        if other.first_free_end() > captures.first_free_end() {
                            (*captures, best) = (other, Some(reading));
                        }
                        captures.ambiguous = true;
                    }
                }
                None => best = reading.run(record, captures).then_some(reading),
            }
        }
        best.is_some()
    }

    /// Its parts, if it can be read in one way only.
    pub(super) fn only(&self) -> Option<&[Step]> {
        if let [only] = self.readings.as_slice() { Some(&only.steps) } else { None }
    }

    /// Whether it may take a record of this form.
    pub(super) fn may_take(&self, shape: &Shape) -> bool {
        self.readings.iter().any(|reading| shape.may_be(&reading.steps))
    }

    /// How many free texts it has.
    pub(super) fn free_texts(&self) -> usize {
        self.readings.iter().map(|reading| reading.free_texts).max().unwrap_or_default()
    }

    /// The facts that it captures, in order.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        let steps = self.readings.first().into_iter().flat_map(|reading| &reading.steps);
        steps.filter_map(|step| if let Step::Capture(Capture { fact, .. }) = step { Some(*fact) } else { None })
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

    /// Whether a record that it matches could end so, as far as its own texts tell and which bytes a value can have.
    pub(super) fn may_end(&self, end: &[u8]) -> bool {
        self.readings.iter().any(|reading| may_end(&reading.steps, end))
    }

    /// How far this pattern gets into a record that it does not match.
    pub fn reach(&self, record: &[u8]) -> Reached {
        let reached = self.readings.iter().map(|reading| reading.reach(record));
        reached.max().unwrap_or(Reached { at: 0, element: 0 })
    }
}

fn may_end(steps: &[Step], end: &[u8]) -> bool {
    let Some((last, before)) = steps.split_last() else { return end.is_empty() };
    match last {
        _ if end.is_empty() => true,
        Step::Literal(literal) if literal.text.len() < end.len() => {
            end.strip_suffix(&*literal.text).is_some_and(|rest| may_end(before, rest))
        }
        Step::Literal(literal) => literal.text.ends_with(end),
        Step::Capture(capture) => {
            let values = end.iter().rev().take_while(|byte| longest(capture.kind, &[**byte]) > 0).count();
            (0..=values).any(|length| may_end(before, &end[..end.len() - length]))
        }
        Step::Ahead(_) => may_end(before, end),
    }
}

impl Reading {
    fn new(pattern: &Pattern) -> Reading {
        let steps = steps(pattern);
        let free_texts = steps.iter().filter(|step| matches!(step, Step::Capture(capture) if capture.kind.is_free())).count();
        Reading { steps, free_texts }
    }

    fn run(&self, record: &[u8], captures: &mut Captures) -> bool {
        if matches!(self.steps.last(), Some(Step::Literal(literal)) if !record.ends_with(&literal.text)) {
            return false;
        }
        let mut walk = Walk::over(record, captures);
        if self.free_texts < 2 {
            return walk.steps(&self.steps, 0, 0);
        }
        // Is there a second way? The walk goes on after its first success.
        walk.seconds = true;
        let second = walk.steps(&self.steps, 0, 0);
        let Some(first) = walk.first else { return false };
        *captures = first;
        captures.ambiguous = second;
        true
    }

    fn run_where(&self, record: &[u8], given: (Fact, &[u8])) -> Option<Captures> {
        let mut captures = Captures::NONE;
        let mut walk = Walk::over(record, &mut captures);
        walk.given = Some(given);
        walk.steps(&self.steps, 0, 0).then_some(captures)
    }

    fn reach(&self, record: &[u8]) -> Reached {
        let start = Reached { at: 0, element: 0 };
        let mut captures = Captures::NONE;
        let mut walk = Walk::over(record, &mut captures);
        walk.reached = Some(start);
        walk.steps(&self.steps, 0, 0);
        walk.reached.unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::fact::Kind;
    use crate::grammar::ip;
    use crate::grammar::pattern::Element;

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
    fn what_a_record_cannot_end_with() {
        let ends = |pattern: &str, end: &[u8]| Matcher::new(&Pattern::parse(pattern).unwrap()).may_end(end);
        for (end, may) in [(&b" (0, 5)"[..], false), (b", 12)", true), (b"(0, 1)", true), (b"5)", true), (b" (0, 1x)", false), (b"", true)]
        {
            assert_eq!(ends("to {client_name} (0, 1{_:int})", end), may, "{end:?}");
        }
        assert!(ends("to {client_id}", b" (0, 5)"));
        assert!(!ends("{_:int})", b"to 5)"));
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
        Some((captures.facts().map(text).collect(), captures.ambiguous))
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
        assert_eq!(matched("id {client_id:line}\n{_}", "id a\nb"), Some(vec![("client_id", "a".into())]));
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
            let matcher = Matcher::new(&Pattern { elements });
            let captures = matcher.run(line.as_bytes());
            prop_assert!(captures.is_some());
            for start in 0..=line.len() {
                prop_assert!(matcher.may_end(&line.as_bytes()[start..]), "{}", &line[start..]);
            }
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
        fn any_bytes_are_matched_or_not_without_a_panic(record in prop::collection::vec(any::<u8>(), 0..200)) {
            for pattern in ["Client {client_id} [{client_ip}:{client_port}] x", "{client_id:quoted} {username} ({code})", "{_}{{{words}"] {
                let _ = Matcher::new(&Pattern::parse(pattern).unwrap_or(Pattern { elements: vec![] })).run(&record);
            }
        }
    }
}
