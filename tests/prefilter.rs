//! Passing over lines unread changes nothing: an engine with the prefilter and one that looks at every line agree. So does one that begins anew
//! between the pieces of a log, with what the one before it kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/logs.rs"]
mod logs;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use logs::{READ_AT, is_bare, logs};
use proptest::prelude::*;
use turnaway::engine::{Engine, Options};
use turnaway::grammar::{Grammar, Library};
use turnaway::model::Attempt;
use turnaway::store::Table;

fn grammars() -> Vec<Arc<Grammar>> {
    static ALL: OnceLock<Vec<Arc<Grammar>>> = OnceLock::new();
    ALL.get_or_init(|| Library::load(None).unwrap().all().map(|(grammar, _)| Arc::clone(grammar)).collect()).clone()
}

fn attempts(mut engine: Engine, pieces: &[&[u8]]) -> (Vec<Attempt>, u64) {
    let mut out = Vec::new();
    for piece in pieces {
        engine.feed(piece, READ_AT, &mut out);
    }
    engine.finish(&mut out);
    out.sort_by(|one, two| client(one).cmp(client(two)));
    (out, engine.stats().lines)
}

/// Whose attempt it is. A record that waits is finished by the time of one that is read, so two clients may be told in another order where one
/// more is; each client's own order counts.
fn client(attempt: &Attempt) -> &str {
    match attempt {
        Attempt::Refused(row) | Attempt::Revised(row) => &row.client_id,
        Attempt::Accepted(key, _) => &key.client_id,
        Attempt::Proxied(_) | Attempt::Ended(..) => "",
    }
}

fn agree(grammar: &Arc<Grammar>, log: &[u8], pieces: &[&[u8]]) {
    let with = attempts(Engine::new(Arc::clone(grammar), Options::default()), pieces);
    let without = attempts(Engine::without_prefilter(Arc::clone(grammar), Options::default()), &[log]);
    assert_eq!(with, without, "{}", grammar.name);
}

/// What comes of a log that is read in these pieces, all of it, by one engine or by one for each piece.
fn told(grammar: &Arc<Grammar>, pieces: &[&[u8]], restarts: bool) -> Vec<Attempt> {
    let new = || Engine::new(Arc::clone(grammar), Options::default());
    let (mut engine, mut out) = (new(), Vec::new());
    for piece in pieces {
        engine.feed(piece, READ_AT, &mut out);
        if restarts {
            let kept = serde_json::to_vec(&engine.state()).unwrap();
            engine = new();
            engine.restore(serde_json::from_slice(&kept).unwrap());
        }
    }
    engine.finish(&mut out);
    out
}

#[test]
fn every_grammar_on_every_fixture() {
    let mut found = Vec::new();
    logs(Path::new("fixtures"), &mut found);
    assert!(found.len() > 40);
    for path in found {
        let log = std::fs::read(&path).unwrap();
        for grammar in grammars() {
            agree(&grammar, &log, &[&log]);
        }
    }
}

/// Long logs, to which the searcher is fitted on the way: to what it goes on to search, and to a beginning that is not like the rest.
#[test]
fn every_fixture_many_times() {
    const LONG: usize = 360 << 10;
    let mut found = Vec::new();
    logs(Path::new("fixtures"), &mut found);
    for path in found {
        let fixture = [std::fs::read(&path).unwrap().as_slice(), b"\n"].concat();
        let product = path.components().nth(1).unwrap().as_os_str().to_str().unwrap().to_owned();
        let Some(grammar) = grammars().into_iter().find(|grammar| grammar.name == product) else { continue };
        let first = &fixture[..=memchr::memchr(b'\n', &fixture).unwrap()];
        for log in [fixture.repeat(LONG / fixture.len() + 1), [first.repeat(LONG / first.len() + 1), fixture.repeat(2)].concat()] {
            agree(&grammar, &log, &pieces(&log, 80 << 10));
        }
    }
}

/// Whole lines, of so many bytes or a line more.
fn pieces(mut log: &[u8], size: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(end) = log.get(size..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let (piece, rest) = log.split_at(size + end + 1);
        pieces.push(piece);
        log = rest;
    }
    pieces.push(log);
    pieces
}

/// Lines that the rules take, their wrappers, what an echo needs, and anything else.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let ids = prop::sample::select(vec!["a", "pump 4", "Client x disconnected, not", "<unknown>", "192.0.2.7", "é 0 x"]);
    let whole = (ids, 0..18u8, 0..4u8).prop_map(|(id, kind, host)| {
        let message = match kind {
            0 => format!("New connection from 192.0.2.{host}:500{host} on port 1883."),
            1 => format!("New client connected from 192.0.2.{host}:500{host} as {id} (p2, c1, k60, u'x"),
            2 => format!("New client connected from 192.0.2.{host}:500{host} as {id} (p2, c1, k60, u'ops')."),
            3 => format!("Client {id} disconnected, not authorised."),
            4 => format!("Received SUBSCRIBE from {id}"),
            5 => "\tauthorised. (QoS 0)".to_owned(),
            6 => format!("{id} authorised."),
            7 => format!("Sending CONNACK to {id} (0, 5)"),
            8 => "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed".to_owned(),
            9 => "Client <unknown> disconnected: Protocol error.".to_owned(),
            10 => "mosquitto version 2.0.22 starting".to_owned(),
            11 => format!("Client {id} disconnected."),
            12 => format!("Client {id} closed its connection."),
            13 => format!("Bad socket read/write on client {id}: The connection was lost."),
            14 => format!("Client {id} [192.0.2.{host}:500{host}] disconnected: bad socket read/write: x"),
            15 => "Socket error on client <unknown>, disconnecting.".to_owned(),
            16 => format!("Client {id} [192.0.2.{host}:500{host}] disconnected."),
            _ => format!("Received PUBLISH from {id} (d0, q0, r0, m0, 'x', ... (2 bytes))"),
        };
        format!("179544602{host}: {message}").into_bytes()
    });
    prop_oneof![8 => whole, 1 => prop::collection::vec(any::<u8>(), 0..40), 1 => Just(b"').".to_vec())]
}

/// The ways in which collectors write a line down.
fn wrapped(line: &[u8], wrapper: usize, at: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let json = serde_json::to_string(&format!("{text}\n")).unwrap().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let second = at % 60;
    let line = match wrapper {
        0 => format!(r#"{{"log":{json},"stream":"stdout","time":"2026-11-23T15:05:{second:02}.712830123Z"}}"#),
        1 if at % 7 == 3 => {
            // The runtime read half a line.
            let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let stamp = format!("2026-11-23T15:05:{second:02}.712830123+00:00 stdout");
            format!("{stamp} P {}\n{stamp} F {}", &text[..middle], &text[middle..])
        }
        1 => format!("2026-11-23T15:05:{second:02}.712830123+00:00 stdout F {text}"),
        // Years and months may pass, and nobody knows how many.
        2 => format!("{} 15:05:{second:02} host mosquitto[7]: {text}", ["Nov 23", "Nov 23", "Nov 26", "Mar  3", "Dec 31"][at / 3 % 5]),
        3 => format!("mosquitto-1  | {text}"),
        4 => format!("2026-11-23T15:05:{second:02}.712830123Z {text}"),
        5 => format!("<30>1 2026-11-23T15:05:{second:02}.712Z host mosquitto 7 - - {text}"),
        6 => format!(
            r#"{{"__REALTIME_TIMESTAMP":"17954462{second:02}000000","SYSLOG_IDENTIFIER":"mosquitto","_PID":"7","MESSAGE":{}}}"#,
            serde_json::to_string(&text).unwrap()
        ),
        _ => format!("{text}\r"),
    };
    [line.as_bytes(), b"\n"].concat()
}

const WRAPPERS: usize = 8;

#[test]
fn every_grammar_on_its_own_samples_in_every_wrapper() {
    for grammar in grammars() {
        for wrapper in 0..WRAPPERS {
            let lines = grammar.samples.iter().flat_map(|sample| sample.log.lines()).enumerate();
            let log: Vec<u8> = lines.flat_map(|(at, line)| wrapped(line.as_bytes(), wrapper, at)).collect();
            // Pieces of whole lines, of any size.
            let ends: Vec<usize> = memchr::memchr_iter(b'\n', &log).map(|end| end + 1).step_by(5).chain([log.len()]).collect();
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let pieces: Vec<&[u8]> = starts.zip(&ends).map(|(start, end)| &log[start..*end]).collect();
            agree(&grammar, &log, &pieces);
        }
    }
}

/// The lines of a grammar's samples and fixtures.
fn own_lines(grammar: &Grammar) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    logs(&Path::new("fixtures").join(&grammar.name), &mut found);
    found.sort();
    let texts = grammar.samples.iter().map(|sample| sample.log.as_bytes().to_vec());
    let texts = texts.chain(found.iter().map(|path| std::fs::read(path).unwrap()));
    let lines = texts.flat_map(|text| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>());
    // Which wrappers a program writes in is learned from its first lines: those of several logs do not mix.
    lines.filter(|line| is_bare(line)).collect()
}

/// Writes some characters of a line in one of the ways in which they can be escaped.
fn escaped(line: &[u8], choices: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = line.iter().map(|byte| vec![*byte]).collect();
    for (at, how) in choices.iter().filter(|_| !line.is_empty()) {
        let at = at.index(line.len());
        let byte = line[at];
        parts[at] = match how {
            0 => format!("\\u{byte:04x}").into_bytes(),
            1 => format!("\\u{byte:04X}").into_bytes(),
            2 => format!("\\x{byte:02x}").into_bytes(),
            3 => format!("\\{byte:02X}").into_bytes(),
            4 => format!("\\u{{{byte:x}}}").into_bytes(),
            5 => vec![b'\\', byte],
            _ => format!("\\\\u{byte:04x}").into_bytes(),
        };
    }
    parts.concat()
}

/// What a log may hold beside a product's own lines: no record at all, or one of another time.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30),
        Just(Vec::new()),
        Just(b"\tat org.example.Handler.run(Handler.java:7)".to_vec()),
        Just(b"  with blanks before it".to_vec()),
        Just(b"2026-11-23 15:05:52.712 [info] <0.7.0> nothing of interest".to_vec()),
        Just(b"2026-11-23 15:05:52.712 [info] <0.8.0> nothing of interest".to_vec()),
        Just(b"2026-11-23 15:05:52,712 INFO  - nothing of interest".to_vec()),
        Just(br#"{"time":1795447634298994,"level":"info","msg":"nothing","pid":"<0.97.0>"}"#.to_vec()),
    ]
}

/// Part of a log: some lines of the product's as they follow each other, or others.
#[derive(Debug, Clone)]
enum Stretch {
    Own { from: prop::sample::Index, lines: usize, times: usize, escapes: Vec<(prop::sample::Index, u8)> },
    Other(Vec<u8>),
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let escapes = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec((any::<prop::sample::Index>(), 0..7u8), 0..5)];
    // After several lines that count, the next is not searched for.
    let times = prop_oneof![7 => Just(1), 1 => Just(9usize)];
    // What waits and what opens a listener stand far from each other.
    let lines = prop_oneof![3 => 1..7usize, 1 => 7..24usize];
    let own = (any::<prop::sample::Index>(), lines, times, escapes).prop_map(|(from, lines, times, escapes)| Stretch::Own {
        from,
        lines,
        times,
        escapes,
    });
    prop::collection::vec(prop_oneof![2 => own, 1 => noise().prop_map(Stretch::Other)], 0..60)
}

fn written(stretches: &[Stretch], own: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let lines = stretches.iter().flat_map(|stretch| match stretch {
        Stretch::Other(line) => vec![line.clone()],
        Stretch::Own { from, lines, times, escapes } => {
            let from = from.index(own.len());
            let lines: Vec<_> = own[from..].iter().take(*lines).map(|line| escaped(line, escapes)).collect();
            std::iter::repeat_n(lines, *times).flatten().collect()
        }
    });
    lines.map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect()).collect()
}

/// A text that Docker splits, of which no part but the last holds what is searched for.
#[test]
fn texts_that_docker_splits_are_put_together() {
    let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
    let docker =
        |text: &str| format!("{}\n", serde_json::json!({ "log": text, "stream": "stdout", "time": "2026-11-23T15:05:52.712830123Z" }));
    let mut log = docker("1795446253: Sending PINGRESP to a\n").repeat(20);
    let long = format!("1795446253: Client {} disconnected, not authorised.\n", "x".repeat(40_000));
    for part in long.as_bytes().chunks(16_384) {
        log.push_str(&docker(std::str::from_utf8(part).unwrap()));
    }
    log.push_str(&docker("1795446254: Client b disconnected, not authorised.\n"));
    let log = log.as_bytes();
    agree(&grammar, log, &[log]);
    let (found, _) = attempts(Engine::new(Arc::clone(&grammar), Options::default()), &[log]);
    assert_eq!(found.len(), 2);
}

/// What a busy Mosquitto writes of connects: most are opened and accepted one after the other, some among others, some never, some twice.
fn connects() -> impl Strategy<Value = String> {
    const PEERS: [&str; 7] =
        ["192.0.2.1:5001", "192.0.2.1:5002", "192.0.2.2:5001", "2001:db8::7:1:5555", "[2001:db8::7]:5001", "192.0.2.3", "/run/x.sock"];
    const IDS: [&str; 8] = ["a", "b", "<unknown>", "", "x (p2, c1, k60, u'y').", "é", "192.0.2.1", "c) disconnected, not authorised."];
    const OTHERS: [&str; 13] = [
        "Received PUBLISH from a (d0, q0, r0, m0, 'x', ... (2 bytes))",
        "Sending CONNACK to a (0, 5)",
        "Client a disconnected, not authorised.",
        "Client b disconnected, not authorised.",
        "Client <unknown> disconnected: Protocol error.",
        "Client <unknown> closed its connection.",
        "Client a disconnected.",
        "Received SUBSCRIBE from a",
        "\tsite/1 (QoS 0)",
        "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed",
        "mosquitto version 2.0.22 starting",
        "Opening websockets listen socket on port 9001.",
        "No will message specified.",
    ];
    let opened = |peer: &str, port: u16| format!("New connection from {peer} on port {port}.");
    let accepted = |peer: &str, id: &str, user: bool| {
        format!("New client connected from {peer} as {id} (p2, c1, k60{}).", if user { ", u'ops'" } else { "" })
    };
    let one = (prop::sample::select(&PEERS[..]), prop::sample::select(&IDS[..]), any::<bool>(), any::<bool>());
    let other = prop::sample::select(&OTHERS[..]);
    let flood =
        "New connection from 192.0.2.9:1 on port 1883.\nSending CONNACK to f (0, 5)\nClient f disconnected, not authorised.\n".repeat(4);
    let group = (one, other, 0..13u8, 0..4u8).prop_map(move |((peer, id, tls, user), other, kind, second)| {
        let (opened, accepted) = (opened(peer, if tls { 8883 } else { 1883 }), accepted(peer, id, user));
        let lines = match kind {
            0..=4 => vec![opened, accepted],
            5 => vec![opened, other.to_owned(), accepted],
            6 => vec![opened],
            7 => vec![accepted],
            8 => vec![opened.clone(), opened, accepted],
            9 => vec![opened, accepted, other.to_owned()],
            10 => vec![opened, accepted[..accepted.len() / 2].to_owned()],
            11 => flood.lines().map(str::to_owned).collect(),
            _ => vec![other.to_owned()],
        };
        lines.into_iter().map(|line| format!("179544602{second}: {line}\n")).collect::<String>()
    });
    prop::collection::vec(group, 0..40).prop_map(|groups| groups.concat())
}

/// From which the form of usual connects is learned.
const KNOWN: &str =
    "1795446019: New connection from 192.0.2.9:1 on port 1883.\n1795446019: New client connected from 192.0.2.9:1 as z (p2, c1, k60).\n";

/// The conversations that an engine remembers.
fn conversations(engine: &Engine) -> Vec<serde_json::Value> {
    let state = serde_json::to_value(engine.state()).unwrap();
    state["streams"].as_array().unwrap().iter().map(|stream| stream[1]["joiner"].clone()).collect()
}

proptest! {
    /// A connection that is opened and accepted at once leaves behind what it does where each record is read for itself.
    #[test]
    fn usual_connects_leave_the_same_behind(log in connects(), behind in any::<bool>()) {
        let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
        // In one log the prefilter shows nothing of what is usual, in the other all lines are looked at one by one.
        let engine = |of: fn(Arc<Grammar>, Options) -> Engine| {
            let mut engine = of(Arc::clone(&grammar), Options::default());
            engine.set_behind(behind);
            engine
        };
        let (mut whole, mut single) = (engine(Engine::new), engine(Engine::without_prefilter));
        let start = [KNOWN, &"1795446019: No will message specified.\n".repeat(8), KNOWN].concat();
        let (mut by_whole, mut by_single) = (Vec::new(), Vec::new());
        for piece in [start.as_bytes(), log.as_bytes()] {
            whole.feed(piece, READ_AT, &mut by_whole);
            single.feed(piece, READ_AT, &mut by_single);
        }
        prop_assert_eq!(&by_whole, &by_single);
        prop_assert_eq!(conversations(&whole), conversations(&single));
        let told = |engine: &Engine| (engine.stats().lines, engine.stats().accepted, engine.stats().refused, engine.stats().evicted);
        prop_assert_eq!(told(&whole), told(&single));
        whole.finish(&mut by_whole);
        single.finish(&mut by_single);
        prop_assert_eq!(by_whole, by_single);
    }

    /// Nor does a table miss the acceptances of clients that have no row in it.
    #[test]
    fn acceptances_that_nobody_asks_for_change_no_row(log in connects()) {
        let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
        let table = |told: bool| {
            let (mut table, mut engine, mut out, mut accepted) = (Table::default(), Engine::new(Arc::clone(&grammar), Options::default()), Vec::new(), 0);
            if !told {
                engine.set_rows(table.names());
            }
            let log = [KNOWN, &"1795446019: No will message specified.\n".repeat(8), KNOWN, &log].concat();
            let mut push = |out: &mut Vec<Attempt>| out.drain(..).for_each(|attempt| {
                accepted += usize::from(matches!(attempt, Attempt::Accepted(..)));
                table.push(attempt, true);
            });
            engine.feed_each(log.as_bytes(), READ_AT, &mut out, &mut push);
            engine.finish(&mut out);
            push(&mut out);
            (table.into_rows(), engine.stats(), accepted)
        };
        let ((rows, stats, accepted), (by_told, told, all)) = (table(false), table(true));
        prop_assert_eq!((rows, stats), (by_told, told));
        prop_assert!(accepted <= all);
    }

    /// A crash, or a log that was cut while it was written to, leaves them.
    #[test]
    fn nuls_before_lines_change_nothing(log in connects(), nuls in prop::collection::vec(0..3usize, 1..9)) {
        let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
        let lines = log.split_inclusive('\n').zip(nuls.iter().cycle());
        let holey: String = lines.map(|(line, nuls)| ["\0".repeat(*nuls).as_str(), line].concat()).collect();
        let read = |engine: Engine, log: &str| attempts(engine, &[log.as_bytes()]);
        let whole = read(Engine::new(Arc::clone(&grammar), Options::default()), &log);
        prop_assert_eq!(&read(Engine::new(Arc::clone(&grammar), Options::default()), &holey), &whole);
        prop_assert_eq!(&read(Engine::without_prefilter(Arc::clone(&grammar), Options::default()), &holey), &whole);
    }

    #[test]
    fn arbitrary_logs_in_arbitrary_pieces(lines in prop::collection::vec(line(), 0..60), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let lines: Vec<Vec<u8>> = lines.into_iter().map(|mut line| {
            line.retain(|byte| *byte != b'\n');
            line.push(b'\n');
            line
        }).collect();
        let log = lines.concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| lines[..cut.index(lines.len() + 1)].concat().len()).collect();
        at.extend([0, log.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &log[pair[0]..pair[1]]).collect();
        for grammar in grammars() {
            agree(&grammar, &log, &pieces);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Lines that repeat a client's words, of which some read like a refusal, among others; the log is known to be in no wrapper.
    #[test]
    fn a_clients_words_are_known_wherever_reading_begins(kinds in prop::collection::vec((0..10usize, 0..3usize), 0..50), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mosquitto = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
        let quiet = b"1795446020: Received PINGREQ from b\n".repeat(10);
        let line = |(kind, id): (usize, usize)| {
            let id = ["Client x", "a", "Client a disconnected, not"][id];
            let message = match kind {
                0 | 1 => format!("Received SUBSCRIBE from {id}"),
                2 => "\tplant/5 (QoS 0)".to_owned(),
                3 => "\tClient v disconnected, not authorised.".to_owned(),
                4 => format!("{id} 0 y disconnected, not authorised."),
                5 => format!("{id} authorised."),
                6 => format!("Received PINGREQ from {id}"),
                7 => format!("New connection from 192.0.2.{}:5000 on port 1883.", id.len()),
                _ => format!("Client {id} disconnected, not authorised."),
            };
            // A flood, in which the next line is not searched for.
            format!("1795446021: {message}\n").repeat(if kind == 9 { 12 } else { 1 }).into_bytes()
        };
        let lines: Vec<Vec<u8>> = kinds.into_iter().map(line).collect();
        let log = [quiet.clone(), lines.concat()].concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| quiet.len() + lines[..cut.index(lines.len() + 1)].concat().len()).collect();
        at.extend([0, quiet.len(), log.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &log[pair[0]..pair[1]]).collect();
        agree(&mosquitto, &log, &pieces);
        agree(&mosquitto, &log, &[&log]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn arbitrary_logs_in_wrappers(lines in prop::collection::vec(line(), 0..60), wrapper in 0..WRAPPERS) {
        let lines: Vec<Vec<u8>> = lines.iter().enumerate().map(|(at, line)| {
            let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
            wrapped(&line, wrapper, at)
        }).collect();
        let log = lines.concat();
        let pieces: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
        for grammar in grammars() {
            agree(&grammar, &log, &pieces);
        }
    }
}

/// Bare, Docker's, Kubernetes', and journalctl's, where what is not printable is written in numbers.
fn in_wrapper(line: &[u8], wrapper: usize, at: usize) -> Vec<u8> {
    match wrapper {
        0 => [line, b"\n"].concat(),
        1 => wrapped(line, 0, at),
        2 => wrapped(line, 1, at),
        3 => wrapped(line, 6, at),
        _ => {
            let numbers: Vec<String> = line.iter().map(u8::to_string).collect();
            let blank = if at.is_multiple_of(2) { "" } else { " " };
            format!(
                "{{\"__REALTIME_TIMESTAMP\":\"17954462{:02}000000\",\"SYSLOG_IDENTIFIER\":\"mosquitto\",\"_PID\":\"7\",\"MESSAGE\":{blank}[{}]}}\n",
                at % 60,
                numbers.join(",")
            )
            .into_bytes()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The products' own records, some with escapes that their writers do not use, among lines that concern nobody, cut anywhere.
    #[test]
    fn own_records_among_others(stretches in stretches(), wrapper in 0..5usize, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for (grammar, own) in all_lines() {
            let lines: Vec<Vec<u8>> = written(&stretches, own).iter().enumerate().map(|(at, line)| in_wrapper(line, wrapper, at)).collect();
            let log = lines.concat();
            let mut at: Vec<usize> = cuts.iter().map(|cut| lines[..cut.index(lines.len() + 1)].concat().len()).collect();
            at.extend([0, log.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &log[pair[0]..pair[1]]).collect();
            agree(grammar, &log, &pieces);
            prop_assert_eq!(told(grammar, &pieces, true), told(grammar, &pieces, false), "{}", grammar.name);
        }
    }
}

/// A grammar and lines of its product.
type Own = (Arc<Grammar>, Vec<Vec<u8>>);

fn all_lines() -> &'static [Own] {
    static ALL: OnceLock<Vec<Own>> = OnceLock::new();
    ALL.get_or_init(|| grammars().into_iter().map(|grammar| (Arc::clone(&grammar), own_lines(&grammar))).collect())
}

/// Every line of every fixture of its own product, in pieces of some lines, and so that what stands before it is passed over.
#[test]
fn every_fixture_in_pieces() {
    for grammar in grammars() {
        let mut found = Vec::new();
        logs(&Path::new("fixtures").join(&grammar.name), &mut found);
        for log in found.iter().map(|path| std::fs::read(path).unwrap()) {
            let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
            for size in [1, 2, 3, 7, 50] {
                let pieces: Vec<Vec<u8>> = lines.chunks(size).map(<[&[u8]]>::concat).collect();
                agree(&grammar, &log, &pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
        }
    }
}

/// Who was accepted is asked for across the ends of other sessions, which are passed over, and not for long.
#[test]
fn a_client_that_was_accepted_just_now() {
    let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
    let refused = |log: &str| {
        agree(&grammar, log.as_bytes(), &[log.as_bytes()]);
        let (out, _) = attempts(Engine::new(Arc::clone(&grammar), Options::default()), &[log.as_bytes()]);
        let rows = out.into_iter().filter_map(|attempt| if let Attempt::Refused(row) = attempt { Some(row) } else { None });
        rows.map(|row| (row.client_id, row.username, row.ip_address)).collect::<Vec<_>>()
    };
    let log = |end: &str, later: u32| {
        let start = "1795446020: mosquitto version 2.1.2 starting\n".repeat(9);
        let opened = "1795446021: New connection from 192.0.2.7:5007 on port 1883.\n";
        let accepted = "1795446021: New client connected from 192.0.2.7:5007 as pump (p5, c1, k60, u'ops').\n";
        let failed = format!("17954460{later}: Bad socket read/write on client pump: Keepalive too large\n");
        format!("{start}{opened}{accepted}1795446021: {end}\n{failed}")
    };
    let row = [("pump".into(), Some("ops".into()), "192.0.2.7".parse().ok())];
    assert_eq!(refused(&log("Client other disconnected.", 21)), row);
    assert_eq!(refused(&log("Client other disconnected.", 23)), row);
    assert_eq!(refused(&log("Client other disconnected.", 24)), []);
    assert_eq!(refused(&log("New connection from 192.0.2.8:5008 on port 1883.", 21)), []);
}

/// A refusal that waits is ended by what is read in any case, whatever the stamps of the lines that are passed over.
#[test]
fn what_waits_is_not_ended_by_what_is_passed_over() {
    let grammar = grammars().into_iter().find(|grammar| grammar.name == "rabbitmq").unwrap();
    let line = |time: &str, pid: u8, text: &str| format!("2026-11-23 {time}.000 [info] <0.{pid}.0> {text}\n");
    let log = [
        line("14:50:00", 6, "nothing of interest").repeat(9),
        line("14:53:55", 7, "accepting MQTT connection <0.7.0> (192.0.2.7:40000 -> 192.0.2.1:1883)"),
        line("14:53:55", 7, "MQTT login failed for user 'ops', authentication failed: Refused"),
        line("14:54:22", 8, "accepting AMQP connection <0.8.0> (192.0.2.8:50000 -> 192.0.2.1:5672)"),
        // The log goes on with an older one.
        line("14:44:43", 9, "started MQTT TCP listener on 192.0.2.1:1883"),
    ]
    .concat();
    agree(&grammar, log.as_bytes(), &[log.as_bytes()]);
    let (told, _) = attempts(Engine::new(grammar, Options::default()), &[log.as_bytes()]);
    assert!(matches!(&told[..], [Attempt::Refused(row)] if row.username.as_deref() == Some("ops")), "{told:?}");
}

/// Nor does it teach how the log's stamps are written.
#[test]
fn what_is_passed_over_teaches_no_header() {
    let grammar = grammars().into_iter().find(|grammar| grammar.name == "mosquitto").unwrap();
    let log = [
        "2026-11-23T14:58:16+0000: Sending PINGRESP to pump\n".repeat(9).as_str(),
        "2026-11-23T14:58:16+0000: Client pump disconnected.\n",
        "2026-11-23T14:58:16+0000: Received DISCONNECT from pump\n",
        "Client valve disconnected, not authorised.\n",
        "1795446741: Client gate disconnected, not authorised.\n",
    ]
    .concat();
    agree(&grammar, log.as_bytes(), &[log.as_bytes()]);
    let (told, _) = attempts(Engine::new(grammar, Options::default()), &[log.as_bytes()]);
    assert_eq!(told.len(), 2, "{told:?}");
}
