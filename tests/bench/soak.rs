//! Hours of traffic in seconds: the daemon's loop in this process, with a clock that is turned by hand. Its memory must not grow.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use turnaway::clock::Clock;
use turnaway::daemon::{Ingest, Shared, SourceConfig};
use turnaway::engine::Options;
use turnaway::metrics::Metrics;
use turnaway::model::Millis;
use turnaway::source::{SourceSpec, Start};
use turnaway::store::{Settings, SqliteStore, Store};

use crate::Plan;
use crate::logs::{Generator as _, Lines, Truth};
use crate::mosquitto::Mosquitto;
use crate::process::memory;
use crate::replay::library;
use crate::report::{Report, short};

const MINUTE: Millis = 60_000;
/// Bytes that the broker logs in a minute.
const PER_MINUTE: u64 = 200_000;
/// More than this in all later hours together is growth and not the allocator's habit.
const GROWTH: f64 = 6.0;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// A busy broker whose log is rotated every hour.
pub fn hours(plan: &Plan, report: &mut Report) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("m.log");
    fs::write(&log, "").unwrap();
    let clock = Arc::new(Hand(AtomicI64::new(1_795_444_592_000)));
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&dir.path().join("t.db"), Settings { max_clients: 1_000, ..Settings::default() }).unwrap());
    let library = Arc::new(library());
    let mut spec = SourceSpec::new("broker", vec![log.display().to_string()]);
    spec.start = Start::Beginning;
    let mut options = Options::default();
    options.settings.broker = "broker".into();
    let source = SourceConfig { spec, grammar: library.get("mosquitto").cloned(), options };
    let mut ingest = Ingest::open(
        vec![source],
        true,
        library,
        Arc::clone(&store),
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(Metrics::default()),
        Arc::new(Shared::new()),
    )
    .unwrap();
    let mut broker = Mosquitto::new(3, 512 << 20);
    let mib = || memory(std::process::id(), "RssAnon").unwrap_or(0) as f64 / f64::from(1 << 20);
    let (mut refused, mut after) = (Truth::new(), Vec::new());
    for hour in 0..plan.hours {
        for _ in 0..60 {
            let mut file = BufWriter::new(OpenOptions::new().create(true).append(true).open(&log).unwrap());
            let mut lines = Lines::new(&mut file, false);
            while lines.bytes < PER_MINUTE {
                broker.step(&mut lines).unwrap();
            }
            refused.append(&mut lines.truth);
            file.flush().unwrap();
            clock.0.fetch_add(MINUTE, Ordering::Relaxed);
            while ingest.pass().unwrap() {}
        }
        let rotated = |n| dir.path().join(format!("m.log.{n}"));
        let _ = fs::rename(rotated(1), rotated(2));
        fs::rename(&log, rotated(1)).unwrap();
        let _ = fs::remove_file(rotated(3));
        after.push(mib());
        eprint!("\rhour {}", hour + 1);
    }
    eprintln!();
    let (first, last) = (after[after.len() / 4], after[after.len() - 1]);
    report.table(
        &format!("Soak: {} hours of {} MB each, rotated every hour", plan.hours, PER_MINUTE * 60 / 1_000_000),
        &["refused clients", "rows", "memory after a quarter, MiB", "at the end, MiB"],
    );
    let rows = store.count().unwrap();
    report.row(&[refused.len().to_string(), rows.to_string(), short(first), short(last)]);
    if last - first > GROWTH {
        report.fault(format!("soak: memory grows from {first:.1} to {last:.1} MiB"));
    }
    if rows != (refused.len() as u64).min(1_000) {
        report.fault(format!("soak: {rows} rows, {} clients were refused", refused.len()));
    }
}
