//! How long a refusal needs from the log into the API, and how long the API needs while a log is read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Plan;
use crate::daemon::Daemon;
use crate::http::Client;
use crate::process::{median, percentile};
use crate::report::{Report, short};
use crate::resting::configuration;
use crate::rng::Rng;

/// Refusals in a second on a busy log.
const BUSY: u64 = 1_000;

/// From the write to the answer that shows it.
pub fn append_to_visible(plan: &Plan, report: &mut Report) {
    report.table("From a line in the log to the API, in milliseconds", &["log", "events", "median", "p95", "p99", "max"]);
    let quiet = quiet(plan).unwrap();
    line(report, "quiet", &quiet);
    let busy = busy(plan).unwrap();
    line(report, "1,000 refusals/s", &busy);
    report.target("append to visible, quiet: median", median(&quiet), "<=", 2.0, " ms");
    report.target("append to visible, quiet: p95", percentile(&quiet, 95), "<=", 10.0, " ms");
    report.target("append to visible, 1,000 refusals/s: p99", percentile(&busy, 99), "<=", 20.0, " ms");
}

fn line(report: &mut Report, name: &str, values: &[f64]) {
    let of = |percent| short(percentile(values, percent));
    report.row(&[name.to_owned(), values.len().to_string(), of(50), of(95), of(99), of(100)]);
}

fn refusal(n: u64, client: &str) -> String {
    let t = 1_795_444_592 + n / 1000;
    format!(
        "{t}: New connection from 10.1.{}.{}:{} on port 1883.\n{t}: Sending CONNACK to {client} (0, 5)\n{t}: Client {client} disconnected, not authorised.\n",
        n >> 8 & 255,
        n & 255,
        1024 + n % 60_000
    )
}

struct Place {
    dir: tempfile::TempDir,
    log: File,
}

impl Place {
    fn new() -> io::Result<Place> {
        let dir = tempfile::tempdir()?;
        let mut log = OpenOptions::new().create(true).append(true).open(dir.path().join("m.log"))?;
        log.write_all(b"1795444592: mosquitto version 2.0.22 starting\n")?;
        Ok(Place { dir, log })
    }

    fn daemon(&self) -> io::Result<Daemon> {
        let daemon =
            Daemon::start(self.dir.path(), &["--log".to_owned(), format!("mosquitto={}", self.dir.path().join("m.log").display())])?;
        daemon.caught_up()?;
        Ok(daemon)
    }
}

/// Waits until the client is seen; how long it took since `written`, in milliseconds.
fn seen(client: &mut Client, name: &str, written: Instant) -> io::Result<f64> {
    let target = format!("/api/unauthorized/client?clientId={name}");
    while client.get(&target)?.0 != 200 {
        if written.elapsed() > Duration::from_secs(30) {
            return Err(io::Error::other(format!("{name} does not appear")));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(written.elapsed().as_secs_f64() * 1e3)
}

fn quiet(plan: &Plan) -> io::Result<Vec<f64>> {
    let mut place = Place::new()?;
    let daemon = place.daemon()?;
    let mut client = Client::new(daemon.addr)?;
    let mut rng = Rng::new(7);
    let mut times = Vec::new();
    for n in 0..plan.events as u64 {
        std::thread::sleep(Duration::from_millis(20 + rng.below(100)));
        let name = format!("quiet-{n}");
        let text = refusal(n, &name);
        let written = Instant::now();
        place.log.write_all(text.as_bytes())?;
        times.push(seen(&mut client, &name, written)?);
    }
    Ok(times)
}

fn busy(plan: &Plan) -> io::Result<Vec<f64>> {
    let place = Place::new()?;
    let daemon = place.daemon()?;
    let (written, events) = mpsc::channel();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut log = place.log.try_clone()?;
        let stop = &stop;
        scope.spawn(move || -> io::Result<()> {
            let begun = Instant::now();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let due = Duration::from_micros(n * 1_000_000 / BUSY);
                if let Some(early) = due.checked_sub(begun.elapsed()) {
                    std::thread::sleep(early);
                }
                let name = format!("busy-{n}");
                let text = refusal(n, &name);
                let now = Instant::now();
                log.write_all(text.as_bytes())?;
                if n % 37 == 0 && written.send((name, now)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut client = Client::new(daemon.addr)?;
        let mut times = Vec::new();
        let result = loop {
            if times.len() >= plan.events {
                break Ok(());
            }
            // Only the newest: what waited here while another one was looked for would be measured too long.
            let Ok(mut event) = events.recv() else { break Err(io::Error::other("the writer failed")) };
            while let Ok(newer) = events.try_recv() {
                event = newer;
            }
            match seen(&mut client, &event.0, event.1) {
                Ok(time) => times.push(time),
                Err(error) => break Err(error),
            }
        };
        stop.store(true, Ordering::Relaxed);
        result.map(|()| times)
    })
}

/// Pages and single clients while a flood is read.
pub fn api_under_ingest(plan: &Plan, report: &mut Report) {
    let place = Place::new().unwrap();
    // Room for all of them: the oldest are asked for to the end.
    let config = place.dir.path().join("turnaway.toml");
    std::fs::write(&config, configuration(&place.dir.path().join("m.log"), 10_000_000)).unwrap();
    let daemon = Daemon::start(place.dir.path(), &["--config".to_owned(), config.display().to_string()]).unwrap();
    daemon.caught_up().unwrap();
    let stop = AtomicBool::new(false);
    let queries = [
        ("newest page of 10", "/api/unauthorized/client/v2?pageSize=10&page=0&sortProperty=ts&sortOrder=DESC"),
        ("page of 100 by client ID", "/api/unauthorized/client/v2?pageSize=100&page=3&sortProperty=clientId&sortOrder=ASC"),
        ("one client", "/api/unauthorized/client?clientId=busy-5"),
        ("part of a client ID", "/api/unauthorized/client/v2?pageSize=10&page=0&clientId=y-77&sortProperty=ts&sortOrder=DESC"),
    ];
    let mut times = vec![Vec::new(); queries.len()];
    let written = std::thread::scope(|scope| {
        let mut log = place.log.try_clone().unwrap();
        let stop = &stop;
        let writer = scope.spawn(move || {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                // As fast as the daemon commits: it is never without work, and never far behind.
                let text: String = (n..n + 2_000).map(|n| refusal(n, &format!("busy-{n}"))).collect();
                n += 2_000;
                log.write_all(text.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
            n
        });
        let mut client = Client::new(daemon.addr).unwrap();
        seen(&mut client, "busy-5", Instant::now()).unwrap();
        for _ in 0..plan.events {
            for ((_, target), times) in queries.iter().zip(&mut times) {
                let begun = Instant::now();
                let (status, _) = client.get(target).unwrap();
                times.push(begun.elapsed().as_secs_f64() * 1e3);
                assert_eq!(status, 200, "{target}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    report.table(
        &format!("The API while 20,000 refusals/s are read ({written} clients in all), in milliseconds"),
        &["question", "asked", "median", "p95", "p99", "max"],
    );
    for ((name, _), times) in queries.iter().zip(&times) {
        line(report, name, times);
    }
}
