//! What every built-in grammar owes: samples that pass, a sample or a captured log for each rule, and no real address.

#[path = "support/cases.rs"]
mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use turnaway::conversation::Settings;
use turnaway::engine::{Engine, Options, Trace, recognise};
use turnaway::grammar::{Grammar, Library, Sample};
use turnaway::grammar_test;

/// When the logs are "read".
const NOW: i64 = 1_800_000_000_000;

fn library() -> Library {
    Library::load(None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn all_samples_pass() {
    let mut said = String::new();
    for (grammar, _) in library().all() {
        assert!(!grammar.samples.is_empty(), "{} has no samples", grammar.name);
        for failure in grammar_test::test(grammar) {
            said.push_str(&format!("{}: sample {} ({})\n{}", grammar.name, failure.number, failure.why, failure.differs));
        }
    }
    assert!(said.is_empty(), "{said}\n`turnaway grammar test grammars/NAME.toml` shows the same with lines");
}

#[test]
fn every_sample_says_what_it_shows() {
    for (grammar, _) in library().all() {
        let mut seen = BTreeSet::new();
        for sample in &grammar.samples {
            assert!(!sample.why.is_empty(), "{}: a sample does not say why it is there", grammar.name);
            assert!(seen.insert(sample.why.clone()), "{}: two samples are there for the same: {}", grammar.name, sample.why);
        }
    }
}

#[test]
fn every_rule_is_tried_by_a_sample_or_a_captured_log() {
    let library = library();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases::all().iter().filter(|case| !case.is_packed()) {
        let grammar = library.get(&case.grammar).unwrap_or_else(|| panic!("{}: no grammar {}", case.name, case.grammar));
        used.entry(grammar.name.clone()).or_default().extend(rules(grammar, case.options(), &case.bytes()));
    }
    for (grammar, _) in library.all() {
        let used = used.entry(grammar.name.clone()).or_default();
        for sample in &grammar.samples {
            used.extend(rules(grammar, options(grammar, sample), log(sample)));
        }
        let idle: Vec<&str> = grammar.rules.iter().map(|rule| rule.name.as_str()).filter(|name| !used.contains(*name)).collect();
        assert!(idle.is_empty(), "{}: no sample and no fixture has a record for these rules: {idle:?}", grammar.name);
    }
}

#[test]
fn samples_hold_documentation_addresses_only() {
    for (grammar, _) in library().all() {
        for sample in &grammar.samples {
            let words = sample.log.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':')));
            // Erlang writes a year and a time of day so.
            for word in words.filter(|word| !word.split_once("::").is_some_and(|(year, _)| year.len() == 4 && year.starts_with("20"))) {
                // "IP:PORT" and "IP." and "IP" are all there.
                let tries = [word, word.trim_end_matches(['.', ':']), word.rsplit_once(':').map_or("", |(address, _)| address)];
                for address in tries.iter().filter_map(|word| word.parse::<IpAddr>().ok()) {
                    assert!(is_for_documentation(address), "{}: {address} in the sample \"{}\"", grammar.name, sample.why);
                }
            }
        }
    }
}

/// A log of nothing but a product's own records is recognised as that product's.
#[test]
fn captured_logs_are_recognised() {
    let library = library();
    for case in cases::all().iter().filter(|case| !case.is_packed()) {
        let found = recognise(&library, &case.options(), &case.bytes()).unwrap_or_else(|| panic!("{} is not recognised", case.name));
        assert_eq!(found.grammar.name, case.grammar, "{}", case.name);
        assert!(found.telling > 0, "{}: only guessed", case.name);
    }
}

fn rules(grammar: &Arc<Grammar>, options: Options, bytes: &[u8]) -> BTreeSet<String> {
    let mut engine = Engine::new(Arc::clone(grammar), options);
    let mut used = BTreeSet::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let mut trace = Trace::default();
        engine.line(line, NOW, &mut Vec::new(), Some(&mut trace));
        used.extend(all(&trace));
    }
    used.extend(engine.finish_traced(&mut Vec::new()).iter().flat_map(all));
    used
}

/// The rules of a line, and of the records that ended before it.
fn all(trace: &Trace) -> Vec<String> {
    let traces = std::iter::successors(Some(trace), |trace| trace.earlier.as_deref());
    traces.filter_map(|trace| trace.rule.as_ref().map(|(name, _)| name.clone())).collect()
}

fn options(grammar: &Grammar, sample: &Sample) -> Options {
    let zone = TimeZone::get(&sample.timezone).unwrap_or_else(|_| panic!("{}: no time zone {}", grammar.name, sample.timezone));
    Options {
        settings: Settings { broker: grammar.name.as_str().into(), tls_ports: sample.tls_ports.clone(), ..Settings::default() },
        zone,
        time_format: None,
        proxies: Vec::new(),
    }
}

fn log(sample: &Sample) -> &[u8] {
    sample.log.trim_start_matches('\n').as_bytes()
}

/// RFC 5737, RFC 3849; and the address that means none.
fn is_for_documentation(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            matches!(address.octets(), [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]) || address.is_unspecified()
        }
        IpAddr::V6(address) => address.segments()[..2] == [0x2001, 0x0db8] || address.is_unspecified(),
    }
}
