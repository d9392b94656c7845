//! A day of a busy broker in compressed time: rotations in two ways, restarts, kills, an hour of flood. The clock is the test's, the
//! files and the database are real. Every attempt counts once, and memory stays where it was.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

#[path = "support/dice.rs"]
mod dice;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dice::Dice;
use turnaway::clock::Clock;
use turnaway::conversation::Settings;
use turnaway::daemon::{Ingest, Shared, SourceConfig};
use turnaway::engine::Options;
use turnaway::grammar::Library;
use turnaway::metrics::Metrics;
use turnaway::source::{SourceSpec, Start};
use turnaway::store::{Filter, Order, PageQuery, SortBy, SqliteStore, Store};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
/// The clients that are refused again and again.
const CLIENTS: u64 = 200;
/// The daemon looks at its logs so often, in this day.
const PASS: i64 = 10 * SECOND;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One broker's log, and what its attempts come to.
struct Broker {
    name: &'static str,
    log: PathBuf,
    copies: bool,
    /// Attempts of each client since its row was made, and the address of the last.
    truth: BTreeMap<String, (u64, String)>,
    port: u64,
    written: u64,
}

impl Broker {
    fn new(dir: &Path, name: &'static str, copies: bool) -> Broker {
        Broker { name, log: dir.join(format!("{name}.log")), copies, truth: BTreeMap::new(), port: 1024, written: 0 }
    }

    /// What happens within some seconds.
    fn live(&mut self, now: i64, attempts: u64, dice: &mut Dice) {
        let stamp = now / 1000;
        let mut text = String::new();
        for _ in 0..attempts {
            self.port = if self.port > 60_000 { 1024 } else { self.port + 1 };
            let number = dice.below(CLIENTS);
            let (client, address) = (format!("{}-{number}", self.name), format!("192.0.{}.{}", number / 250, 1 + number % 250));
            text.push_str(&format!("{stamp}: New connection from {address}:{} on port 1883.\n", self.port));
            if dice.below(50) == 0 {
                // A client that comes in at last, and leaves.
                text.push_str(&format!(
                    "{stamp}: New client connected from {address}:{} as {client} (p2, c1, k60).\n{stamp}: Client {client} disconnected.\n",
                    self.port
                ));
                self.truth.remove(&client);
            } else {
                text.push_str(&format!("{stamp}: Client {client} disconnected, not authorised.\n"));
                let entry = self.truth.entry(client).or_default();
                *entry = (entry.0 + 1, address);
                self.written += 1;
            }
            for _ in 0..dice.below(4) {
                text.push_str(&format!("{stamp}: Saving in-memory database to /var/lib/mosquitto/mosquitto.db.\n"));
            }
        }
        OpenOptions::new().append(true).create(true).open(&self.log).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// As logrotate does it, with seven generations.
    fn rotate(&self) {
        let numbered = |n: u32| PathBuf::from(format!("{}.{n}", self.log.display()));
        let _ = fs::remove_file(numbered(7));
        for n in (1..7).rev() {
            let _ = fs::rename(numbered(n), numbered(n + 1));
        }
        if self.copies {
            fs::copy(&self.log, numbered(1)).unwrap();
            OpenOptions::new().write(true).open(&self.log).unwrap().set_len(0).unwrap();
        } else {
            fs::rename(&self.log, numbered(1)).unwrap();
        }
    }
}

struct World {
    dir: tempfile::TempDir,
    clock: Arc<Hand>,
    library: Arc<Library>,
    brokers: Vec<Broker>,
    store: Option<Arc<SqliteStore>>,
    ingest: Option<Ingest>,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let brokers = vec![Broker::new(dir.path(), "renamed", false), Broker::new(dir.path(), "copied", true)];
        let clock = Arc::new(Hand(AtomicI64::new(1_795_446_000_000)));
        World { dir, clock, library: Arc::new(Library::load(None).unwrap()), brokers, store: None, ingest: None }
    }

    fn start(&mut self) {
        let store = Arc::new(SqliteStore::open(&self.dir.path().join("rows.db"), turnaway::store::Settings::default()).unwrap());
        let source = |broker: &Broker| SourceConfig {
            spec: SourceSpec { start: Start::Beginning, ..SourceSpec::new(broker.name, vec![broker.log.display().to_string()]) },
            grammar: self.library.get("mosquitto").cloned(),
            options: Options { settings: Settings { broker: broker.name.into(), ..Settings::default() }, ..Options::default() },
        };
        let ingest = Ingest::open(
            self.brokers.iter().map(source).collect(),
            true,
            Arc::clone(&self.library),
            Arc::<SqliteStore>::clone(&store),
            Arc::<Hand>::clone(&self.clock),
            Arc::new(Metrics::default()),
            Arc::new(Shared::new()),
        );
        self.ingest = Some(ingest.unwrap());
        self.store = Some(store);
    }

    /// Its end, at a moment when nobody expects it: nothing is written any more.
    fn kill(&mut self) {
        (self.ingest, self.store) = (None, None);
    }

    fn passes(&mut self) {
        if let Some(ingest) = &mut self.ingest {
            while ingest.pass().unwrap() {}
        }
    }

    /// The table, as the truth is written.
    fn table(&self) -> BTreeMap<String, (u64, String)> {
        let mut table = BTreeMap::new();
        for page in 0.. {
            let query = PageQuery { filter: Filter::default(), page_size: 1000, page, sort: SortBy::ClientId, order: Order::Asc };
            let found = self.store.as_ref().unwrap().page(&query).unwrap();
            for row in found.data {
                let address = row.ip_address.map(|ip| ip.to_string()).unwrap_or_default();
                table.insert(row.client_id, (row.attempts, address));
            }
            if !found.has_next {
                break;
            }
        }
        table
    }

    fn truth(&self) -> BTreeMap<String, (u64, String)> {
        self.brokers.iter().flat_map(|broker| broker.truth.clone()).collect()
    }

    /// Waits for nothing: everything that is written has been read, so the table is the truth.
    fn is_true(&self, hour: i64) {
        let (table, truth) = (self.table(), self.truth());
        let wrong: Vec<_> = truth.iter().filter(|(client, want)| table.get(*client) != Some(want)).take(5).collect();
        let surplus: Vec<_> = table.keys().filter(|client| !truth.contains_key(*client)).take(5).collect();
        let got: Vec<_> = wrong.iter().map(|(client, _)| table.get(*client)).collect();
        assert!(wrong.is_empty() && surplus.is_empty(), "hour {hour}: {wrong:?} are {got:?}; surplus {surplus:?}");
    }
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_day() {
    let mut world = World::new();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let begin = world.clock.now();
    let (mut memory, mut rotations, mut kills) = (Vec::new(), 0, 0);
    world.start();
    for hour in 0..24 {
        let mut next_rotation = HOUR / 6 + i64::try_from(dice.below(10)).unwrap() * 60 * SECOND;
        let mut at = 0;
        while at < HOUR {
            let now = begin + hour * HOUR + at;
            world.clock.0.store(now, Ordering::Relaxed);
            // A flood in the eighth hour; otherwise some attempts in ten seconds.
            let attempts = if hour == 8 { 60 } else { dice.below(5) };
            for broker in &mut world.brokers {
                broker.live(now, attempts, &mut dice);
                if at >= next_rotation {
                    broker.rotate();
                    broker.live(now, 1, &mut dice);
                    rotations += 1;
                }
            }
            if at >= next_rotation {
                next_rotation += HOUR / 4;
            }
            match dice.below(120) {
                // Down for a while, during which logs are written and perhaps rotated.
                0 | 1 => {
                    world.kill();
                    kills += 1;
                }
                _ => {}
            }
            if world.ingest.is_none() && dice.below(6) == 0 {
                world.start();
            }
            world.passes();
            at += PASS;
        }
        if world.ingest.is_none() {
            world.start();
        }
        // What waits for what follows is finished by time alone.
        world.clock.0.fetch_add(3 * SECOND, Ordering::Relaxed);
        world.passes();
        world.is_true(hour);
        memory.push(resident());
    }
    let written: u64 = world.brokers.iter().map(|broker| broker.written).sum();
    println!("{written} attempts, {rotations} rotations, {kills} kills; KiB at the end of each hour: {memory:?}");
    // The flood's hour has been by then: what it needed may stay with the allocator, but nothing grows from there on.
    let (noon, night) = (memory[12], memory[23]);
    assert!(night <= noon + noon / 10, "memory grew in the afternoon: {memory:?}");
}
