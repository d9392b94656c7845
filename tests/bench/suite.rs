//! The benchmarks: one run measures everything beside the tools that people use for the same work, on the same files, in turn, and
//! prints a table with ratios. BENCHMARKS.md keeps one.
//!
//!     cargo bench --bench suite -- [--smoke] [--size 512M] [--rounds 5] [--only NAME,NAME]

// Measuring is reading the clock, and waiting between two events is part of what is measured.
#![allow(clippy::disallowed_methods, reason = "see above")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends here")]
#![allow(unreachable_pub, reason = "one program")]

mod daemon;
mod emqx;
mod flood;
mod http;
mod latency;
mod logs;
mod mosquitto;
mod process;
mod products;
mod replay;
mod report;
mod resting;
mod rng;
mod several;
mod soak;
mod stages;
mod store;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use logs::Kind;
use report::Report;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Bytes of each large log.
    pub size: u64,
    /// Clients of the flood.
    pub flood: u64,
    /// Clients in the store's table.
    pub clients: u64,
    /// How often each command is run.
    pub rounds: usize,
    /// Seconds that the daemon is left alone.
    pub idle: u64,
    /// Events whose way into the API is timed.
    pub events: usize,
    /// Hours of traffic in the soak.
    pub hours: u64,
    /// Nothing but whether it works.
    pub smoke: bool,
    /// Where the logs are kept.
    pub dir: PathBuf,
}

/// Measures, and adds what it found to the report.
type Bench = fn(&Plan, &mut Report);

/// The benchmarks by name.
const BENCHES: &[(&str, Bench)] = &[
    ("mosquitto", |plan, report| replay::end_to_end(plan, report, Kind::Mosquitto)),
    ("emqx-json", |plan, report| replay::end_to_end(plan, report, Kind::Emqx)),
    ("docker", |plan, report| replay::end_to_end(plan, report, Kind::Docker)),
    ("flood", |plan, report| replay::end_to_end(plan, report, Kind::Flood)),
    ("several", several::brokers),
    ("products", products::all),
    ("stages", stages::all),
    ("store", store::upserts),
    ("latency", latency::append_to_visible),
    ("api", latency::api_under_ingest),
    ("memory", resting::full_speed),
    ("idle", resting::idle),
    ("soak", soak::hours),
];

fn main() -> ExitCode {
    let mut plan = Plan {
        size: 512 << 20,
        flood: 300_000,
        clients: 1_000_000,
        rounds: 5,
        idle: 60,
        events: 200,
        hours: 24,
        smoke: false,
        dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench"),
    };
    let all: Vec<String> = std::env::args().collect();
    if let [_, run, text, output] = all.as_slice()
        && run == process::RUN
    {
        process::run_one(text, Path::new(output)).unwrap();
        return ExitCode::SUCCESS;
    }
    let mut only: Vec<String> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--smoke" => {
                let dir = plan.dir.clone();
                plan = Plan { size: 4 << 20, flood: 2_000, clients: 2_000, rounds: 1, idle: 2, events: 10, hours: 2, smoke: true, dir };
            }
            "--size" => match bytes(&value()) {
                Some(size) => plan.size = size,
                None => return usage(),
            },
            "--rounds" => plan.rounds = value().parse().unwrap_or(plan.rounds).max(1),
            "--only" => only = value().split(',').map(str::to_owned).collect(),
            _ => return usage(),
        }
    }
    if only.iter().any(|name| !BENCHES.iter().any(|(known, _)| known == name)) {
        return usage();
    }
    let mut report = Report::new(&plan);
    for (name, bench) in BENCHES {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            eprintln!("== {name}");
            let work = std::panic::AssertUnwindSafe(|| bench(&plan, &mut report));
            if std::panic::catch_unwind(work).is_err() {
                report.fault(format!("{name} broke off"));
            }
            report.tables();
        }
    }
    report.end();
    // In a smoke run nothing but rightness counts: speed is no test.
    if plan.smoke && report.faults() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
    eprintln!("cargo bench --bench suite -- [--smoke] [--size 512M] [--rounds 5] [--only {}]", names.join(","));
    ExitCode::from(2)
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok().map(|number| number * unit)
}
