//! Several logs of one broker are one stream: every attempt once, with the facts of all of them, in whatever order they are read, over
//! restarts and kill -9.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::tz::TimeZone;
use real::{Setup, wait_until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use turnaway::clock::Clock;
use turnaway::conversation::Settings;
use turnaway::daemon::{Ingest, Shared, SourceConfig};
use turnaway::engine::{Options, Recognised, Stats};
use turnaway::grammar::Library;
use turnaway::metrics::Metrics;
use turnaway::model::{Field, Row};
use turnaway::replay::{ReplaySource, Watcher, replay};
use turnaway::source::{SourceSpec, Start};
use turnaway::store::{self, Filter, Order, PageQuery, SortBy, SqliteStore, Store, Table};

/// When the logs are read: after everything in them.
const NOW: i64 = 1_800_000_000_000;

/// Captured pairs: the grammar, the logs, and how many attempts were refused in all.
const PAIRS: [(&str, [&str; 2], u64); 6] = [
    ("hivemq", ["hivemq/several/rbac-debug.event.log", "hivemq/several/rbac-debug.hivemq.log"], 47),
    ("hivemq", ["hivemq/several/tls-required-debug.event.log", "hivemq/several/tls-required-debug.hivemq.log"], 33),
    ("hivemq", ["hivemq/several/tls-optional-debug.event.log", "hivemq/several/tls-optional-debug.hivemq.log"], 33),
    ("hivemq", ["hivemq/several/limits.event.log", "hivemq/several/limits.hivemq.log"], 4),
    ("vernemq", ["vernemq/several/2.1.2-no-auth-plugin-basic.console.log", "vernemq/several/2.1.2-no-auth-plugin-basic.error.log"], 0),
    ("vernemq", ["vernemq/several/2.1.2-default-ws.console.log", "vernemq/several/2.1.2-default-ws.error.log"], 0),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn options(broker: &str) -> Options {
    let settings = Settings { broker: broker.into(), tls_ports: vec![8883, 8001], ..Settings::default() };
    Options { settings, zone: TimeZone::UTC, time_format: None, proxies: Vec::new() }
}

struct Silent;

impl Watcher for Silent {
    fn recognised(&mut self, _: &Path, _: &Recognised) {}
    fn progress(&mut self, _: &Path, _: u64, _: Option<u64>) {}
}

/// The rows of a replay of these sources, each a list of files.
fn replayed(grammar: &str, sources: &[&[&PathBuf]]) -> Vec<Row> {
    let library = Library::load(None).unwrap();
    let sources = sources.iter().map(|paths| ReplaySource {
        grammar: Some(grammar.to_owned()),
        paths: paths.iter().map(|path| (*path).clone()).collect(),
        options: options(""),
    });
    let mut table = Table::default();
    replay(&library, &sources.collect::<Vec<_>>(), NOW, &mut table, &mut Silent).unwrap();
    table.into_rows()
}

fn attempts(rows: &[Row]) -> u64 {
    rows.iter().map(|row| row.attempts).sum()
}

// ── replay ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_replay_gives_the_same_rows_in_whatever_order_and_way_the_logs_are_named() {
    for (grammar, logs, refused) in PAIRS {
        let [one, other] = logs.map(fixture);
        let rows = replayed(grammar, &[&[&one], &[&other]]);
        assert_eq!(replayed(grammar, &[&[&other], &[&one]]), rows, "{logs:?}");
        assert_eq!(replayed(grammar, &[&[&one, &other]]), rows, "{logs:?}");
        assert_eq!(replayed(grammar, &[&[&other, &one]]), rows, "{logs:?}");
        let alone = replayed(grammar, &[&[&one]]);
        let refused = if grammar == "vernemq" { attempts(&alone) } else { refused };
        assert_eq!(attempts(&rows), refused, "{logs:?}");
        assert!(refused > 0 && rows.iter().all(|row| &*row.broker == grammar));
    }
}

/// They are read at the same time where there are cores for it.
#[test]
fn several_brokers_give_the_rows_that_each_gives_alone() {
    let library = Library::load(None).unwrap();
    let source = |grammar: &str, broker: &str, logs: &[&str]| ReplaySource {
        grammar: Some(grammar.to_owned()),
        paths: logs.iter().map(|log| fixture(log)).collect(),
        options: options(broker),
    };
    let sources = [
        source("mosquitto", "north", &["mosquitto/2.0.22/hostile-all.log"]),
        source("emqx", "emqx", &["emqx/5.8.9/info-hostile.log"]),
        source("hivemq", "hivemq", &PAIRS[0].1),
        source("mosquitto", "south", &["mosquitto/2.0.22/basic-all.log"]),
        source("mosquitto", "north", &["mosquitto/2.0.22/burst-default.log"]),
    ];
    let read = |sources: &[ReplaySource]| {
        let mut table = Table::default();
        let read = replay(&library, sources, NOW, &mut table, &mut Silent).map_err(|error| error.to_string());
        (table.into_rows(), read)
    };
    let (rows, stats) = read(&sources);
    let alone = [&sources[1..2], &sources[2..3], &sources[3..4], &[sources[0].clone(), sources[4].clone()]].map(read);
    let mut each: Vec<Row> = alone.iter().flat_map(|(rows, _)| rows.clone()).collect();
    each.sort_by(|one, two| (&one.client_id, one.identity, &one.broker).cmp(&(&two.client_id, two.identity, &two.broker)));
    assert_eq!(rows, each);
    assert!(["north", "south", "emqx", "hivemq"].iter().all(|broker| rows.iter().any(|row| &*row.broker == *broker)));
    let lines = |stats: &Result<Stats, String>| stats.as_ref().unwrap().lines;
    assert_eq!(lines(&stats), alone.iter().map(|(_, stats)| lines(stats)).sum::<u64>());

    // What can be read of a broken one, and all others, are there.
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.log.gz");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(fixture("emqx/5.8.9/info-tls.log")).unwrap()).unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(&broken, &packed[..packed.len() / 2]).unwrap();
    let broken = ReplaySource { paths: vec![broken], ..source("emqx", "broken", &[]) };
    let (with, error) = read(&[sources[0].clone(), broken, sources[3].clone()]);
    assert!(error.unwrap_err().contains("broken.log.gz"));
    let (others, _) = read(&[sources[0].clone(), sources[3].clone()]);
    assert_eq!(with.into_iter().filter(|row| &*row.broker != "broken").collect::<Vec<_>>(), others);
}

/// Neither of two pipes comes to its end before both are read on.
#[test]
fn two_brokers_are_read_at_the_same_time() {
    if std::thread::available_parallelism().unwrap().get() < 2 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
    // Not by a program of its own: until that runs, it has the locks of the other tests' databases, too.
    for pipe in [&one, &other] {
        mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }
    // More than is read to recognise a log, and than a pipe holds.
    let lines = "1795446313: Sending PINGRESP to a\n".repeat(20_000);
    let refused = "1795446314: New connection from 192.0.2.7:1 on port 1883.\n1795446314: Client a disconnected, not authorised.\n";
    let write = |path: &Path, lines: String| (path.to_owned(), lines);
    let (tell, told) = std::sync::mpsc::channel();
    let pipes = [write(&one, lines.clone()), write(&other, lines)];
    let read = [&one, &other].map(|path| ReplaySource {
        grammar: Some("mosquitto".into()),
        paths: vec![path.clone()],
        options: options(&path.display().to_string()),
    });
    std::thread::spawn(move || {
        // Both are looked at first, one after the other.
        let opened = pipes.map(|(path, lines)| {
            std::thread::spawn(move || {
                let mut pipe = OpenOptions::new().write(true).open(path).unwrap();
                pipe.write_all(lines.as_bytes()).unwrap();
                (pipe, lines)
            })
        });
        let mut opened = opened.map(|thread| thread.join().unwrap());
        for _ in 0..3 {
            opened.iter_mut().for_each(|(pipe, lines)| pipe.write_all(lines.as_bytes()).unwrap());
        }
        opened.iter_mut().for_each(|(pipe, _)| pipe.write_all(refused.as_bytes()).unwrap());
    });
    std::thread::spawn(move || {
        let mut table = Table::default();
        replay(&Library::load(None).unwrap(), &read, NOW, &mut table, &mut Silent).unwrap();
        tell.send(table.into_rows()).unwrap();
    });
    let rows = told.recv_timeout(std::time::Duration::from_secs(60)).expect("one waits for the other");
    assert_eq!(rows.len(), 2);
}

#[test]
fn the_copy_of_a_log_adds_nothing() {
    for (grammar, logs, _) in PAIRS {
        let log = fixture(logs[0]);
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy.log");
        std::fs::copy(&log, &copy).unwrap();
        assert_eq!(replayed(grammar, &[&[&log, &copy]]), replayed(grammar, &[&[&log]]), "{logs:?}");
    }
}

#[test]
fn the_facts_of_both_logs_are_in_one_row() {
    let [one, other] = PAIRS[1].1.map(fixture);
    let rows = replayed("hivemq", &[&[&one], &[&other]]);
    let row = |id: &str| rows.iter().find(|row| row.client_id == id).unwrap();
    // hivemq.log has the CONNECT in clear, event.log the listener.
    let plain = row("plain-sensor-7");
    assert_eq!((plain.username.as_deref(), plain.password_provided, plain.attempts), (Some("bob"), Some(true), 1));
    assert_eq!(plain.evidence.len(), 2);
    // event.log does not say why a handshake failed.
    assert_eq!(row("unknown@127.0.0.12").reason_code.code(), "peer-identity-not-verified");
    // hivemq.log does not name the client.
    assert_eq!(row("tlsa-sensor-7").reason_code.code(), "no-password-provided");
    assert!(rows.iter().all(|row| !row.inferred.contains(&Field::IpAddress)));
}

#[test]
fn logs_of_two_brokers_stay_apart() {
    let log = fixture(PAIRS[0].1[0]);
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(log.file_name().unwrap());
    std::fs::copy(&log, &copy).unwrap();
    let rows = replayed("hivemq", &[&[&log], &[&copy]]);
    assert_eq!(attempts(&rows), 2 * attempts(&replayed("hivemq", &[&[&log]])));
}

#[test]
fn rotated_files_of_several_logs_are_put_in_order() {
    let [event, hivemq] = PAIRS[0].1.map(fixture);
    let want = replayed("hivemq", &[&[&event], &[&hivemq]]);
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (log, name) in [(event, "event"), (hivemq, "hivemq")] {
        let text = std::fs::read_to_string(log).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (number, piece) in lines.chunks(17).enumerate() {
            let path = dir.path().join(format!("{name}-{:02}.log", 90 - number));
            std::fs::write(&path, piece.concat()).unwrap();
            files.push(path);
        }
    }
    let mut files: Vec<&PathBuf> = files.iter().collect();
    assert_eq!(replayed("hivemq", &[&files]), want);
    files.reverse();
    assert_eq!(replayed("hivemq", &[&files]), want);
}

// ── the daemon's loop, under a clock of the test's ──────────────────────────────────────────────────────────────────────

#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The daemon's loop without its thread, to be dropped at any moment as kill -9 would.
struct Loop {
    dir: tempfile::TempDir,
    clock: Arc<Hands>,
    grammar: String,
    sources: Vec<Vec<PathBuf>>,
    running: Option<(Ingest, Arc<dyn Store>)>,
}

impl Loop {
    fn new(grammar: &str, sources: &[&[&str]]) -> Loop {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(NOW)));
        let sources = sources.iter().map(|names| names.iter().map(|name| dir.path().join(name)).collect()).collect();
        Loop { dir, clock, grammar: grammar.to_owned(), sources, running: None }
    }

    fn running(&mut self) -> &mut (Ingest, Arc<dyn Store>) {
        let Loop { dir, clock, grammar, sources, running } = self;
        running.get_or_insert_with(|| {
            let library = Arc::new(Library::load(None).unwrap());
            let named = library.get(grammar).cloned();
            let sources = sources.iter().enumerate().map(|(number, paths)| {
                let paths = paths.iter().map(|path| path.display().to_string()).collect();
                let mut spec = SourceSpec::new(format!("source-{number}"), paths);
                spec.start = Start::Beginning;
                SourceConfig { spec, grammar: named.clone(), options: options(grammar) }
            });
            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("t.db"), store::Settings::default()).unwrap());
            let (metrics, shared) = (Arc::new(Metrics::default()), Arc::new(Shared::new()));
            let ingest = Ingest::open(sources.collect(), true, library, Arc::clone(&store), clock.clone(), metrics, shared);
            (ingest.unwrap(), store)
        })
    }

    fn kill(&mut self) {
        self.running = None;
    }

    /// A pass after so many milliseconds.
    fn pass(&mut self, later: i64) -> bool {
        self.clock.0.fetch_add(later, Ordering::SeqCst);
        self.running().0.pass().unwrap()
    }

    fn append(&self, log: &str, text: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.path().join(log)).unwrap();
        file.write_all(text).unwrap();
    }

    /// The table, when all is read and nothing waits.
    fn rows(&mut self) -> Vec<Row> {
        // So long that nothing waits any more.
        for _ in 0..60 {
            while self.pass(100) {}
        }
        let query = PageQuery { filter: Filter::default(), page_size: 1_000, page: 0, sort: SortBy::default(), order: Order::default() };
        let mut rows = self.running().1.page(&query).unwrap().data;
        rows.sort_by(|one, two| (&one.client_id, one.identity).cmp(&(&two.client_id, two.identity)));
        rows
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|one, two| (&one.client_id, one.identity).cmp(&(&two.client_id, two.identity)));
    rows.iter_mut().for_each(|row| (row.peer, row.upstream, row.twin) = (None, None, None));
    rows
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[test]
fn logs_that_are_there_already_are_read_side_by_side() {
    for (grammar, logs, _) in PAIRS {
        let [one, other] = logs.map(fixture);
        let want = sorted(replayed(grammar, &[&[&one], &[&other]]));
        for sources in [&[&["a.log", "b.log"][..]][..], &[&["b.log", "a.log"]], &[&["a.log"], &["b.log"]], &[&["b.log"], &["a.log"]]] {
            let mut looped = Loop::new(grammar, sources);
            looped.append("a.log", &std::fs::read(&one).unwrap());
            looped.append("b.log", &std::fs::read(&other).unwrap());
            assert_eq!(looped.rows(), want, "{logs:?} as {sources:?}");
            looped.kill();
            assert_eq!(looped.rows(), want, "{logs:?} as {sources:?}, again");
        }
    }
}

/// The lines of both logs in the order of their stamps; of one stamp, in any order.
fn mingled(logs: &[PathBuf; 2], dice: &mut Dice) -> Vec<(usize, Vec<u8>)> {
    let mut lines = Vec::new();
    for (log, path) in logs.iter().enumerate() {
        let text = std::fs::read(path).unwrap();
        let mut stamp = String::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let begins = String::from_utf8_lossy(&line[..line.len().min(26)]).into_owned();
            if begins.starts_with("20") {
                stamp = begins.chars().take(23).collect();
            }
            lines.push((stamp.clone(), dice.below(2), log, line.to_vec()));
        }
    }
    // Stable: the lines of one log keep their order if they toss alike.
    let mut toss = BTreeMap::new();
    for (stamp, tossed, log, _) in &mut lines {
        *tossed = *toss.entry((stamp.clone(), *log)).or_insert(*tossed);
    }
    lines.sort_by(|one, two| (&one.0, one.1).cmp(&(&two.0, two.1)));
    lines.into_iter().map(|(_, _, log, line)| (log, line)).collect()
}

#[test]
fn what_is_written_to_both_logs_counts_once_however_it_is_cut_and_killed() {
    for (number, (grammar, logs, _)) in PAIRS.into_iter().enumerate() {
        let files = logs.map(fixture);
        let want = sorted(replayed(grammar, &[&[&files[0]], &[&files[1]]]));
        for round in 0..6 {
            let mut dice = Dice(1_000 * number as u64 + round);
            let mut looped = match round % 2 {
                0 => Loop::new(grammar, &[&["0.log", "1.log"]]),
                _ => Loop::new(grammar, &[&["1.log"], &["0.log"]]),
            };
            let (mut killed, mut kept) = (0, [Vec::new(), Vec::new()]);
            for (log, line) in mingled(&files, &mut dice) {
                kept[log].extend_from_slice(&line);
                // One log's lines may reach its file some passes later than the other's, and in pieces.
                for (log, text) in kept.iter_mut().enumerate() {
                    let cut = if dice.below(3) == 0 { dice.below(text.len() as u64 + 1) as usize } else { text.len() };
                    if dice.below(4) > 0 && !text.is_empty() {
                        looped.append(&format!("{log}.log"), &text.drain(..cut).collect::<Vec<_>>());
                    }
                }
                if dice.below(2) == 0 {
                    looped.pass(5);
                }
                if dice.below(8) == 0 {
                    killed += 1;
                    looped.kill();
                }
            }
            for (log, text) in kept.iter().enumerate() {
                looped.append(&format!("{log}.log"), text);
            }
            assert_eq!(looped.rows(), want, "{logs:?}, round {round}, killed {killed} times");
        }
    }
}

// ── the program itself ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn two_logs_on_the_command_line_are_one_broker_also_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let [event, hivemq] = PAIRS[1].1.map(|name| std::fs::read(fixture(name)).unwrap());
    let logs = [dir.path().join("event.log"), dir.path().join("hivemq.log")];
    let mut setup = Setup::new(dir.path());
    setup.logs = logs.iter().map(|path| format!("hivemq={}", path.display())).collect();
    (setup.tls_ports, setup.timezone) = (vec![8883, 8001], Some("UTC".to_owned()));
    let half = |text: &[u8]| text.len() / 2;
    std::fs::write(&logs[0], &event[..half(&event)]).unwrap();
    std::fs::write(&logs[1], &hivemq[..half(&hivemq)]).unwrap();
    let daemon = setup.start_ready();
    daemon.wait_for("plain-sensor-7");
    daemon.kill();
    std::fs::write(&logs[1], &hivemq).unwrap();
    std::fs::write(&logs[0], &event).unwrap();
    let daemon = setup.start_ready();
    let want = replayed("hivemq", &[&[&fixture(PAIRS[1].1[0])], &[&fixture(PAIRS[1].1[1])]]);
    let want: Vec<serde_json::Value> = want.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    wait_until("all attempts", || {
        let told: u64 = daemon.rows().iter().filter_map(|row| row["attempts"].as_u64()).sum();
        if told >= 33 { Ok(()) } else { Err(told.to_string()) }
    });
    daemon.wait_for_rows(&want);
}
