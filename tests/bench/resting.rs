//! What the daemon costs when nothing happens, and the memory it takes when everything does.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Plan;
use crate::daemon::Daemon;
use crate::logs::{self, Kind};
use crate::process::{memory, spent};
use crate::report::{Report, short};

const FILES: usize = 20;

/// Twenty quiet files.
pub fn idle(plan: &Plan, report: &mut Report) {
    report.table(
        &format!("At rest: {FILES} files, {} s", plan.idle),
        &["grammar", "CPU s in 60 s", "wakes in 60 s", "resident MiB", "of it not the program's file, MiB", "peak MiB"],
    );
    let log = logs::make(&plan.dir, Kind::Mosquitto, 256 << 10).unwrap();
    for (name, prefix) in [("named", "mosquitto="), ("recognised", "")] {
        let dir = tempfile::tempdir().unwrap();
        let mut arguments = Vec::new();
        for n in 0..FILES {
            let path = dir.path().join(format!("m{n}.log"));
            fs::copy(&log.path, &path).unwrap();
            arguments.extend(["--log".to_owned(), format!("{prefix}{}", path.display())]);
        }
        let daemon = Daemon::start(dir.path(), &arguments).unwrap();
        daemon.caught_up().unwrap();
        // The rest of the start, and the first looks at the page, are over.
        std::thread::sleep(Duration::from_secs(plan.idle.min(15)));
        let before = spent(daemon.pid()).unwrap();
        std::thread::sleep(Duration::from_secs(plan.idle));
        let after = spent(daemon.pid()).unwrap();
        let minute = 60.0 / plan.idle as f64;
        let cpu = (after.0 - before.0) * minute;
        let mib = |what| memory(daemon.pid(), what).unwrap_or(0) as f64 / f64::from(1 << 20);
        report.row(&[
            name.to_owned(),
            format!("{cpu:.4}"),
            short((after.1 - before.1) as f64 * minute),
            short(mib("VmRSS")),
            short(mib("RssAnon")),
            short(mib("VmHWM")),
        ]);
        report.target(format!("at rest, grammar {name}: CPU in 60 s"), cpu, "<=", 0.01, " s");
        report.target(format!("at rest, grammar {name}: resident"), mib("VmRSS"), "<=", 10.0, " MiB");
    }
}

/// A flood of distinct clients, and a large log of every kind.
pub fn full_speed(plan: &Plan, report: &mut Report) {
    report.table(
        "Memory of the daemon at full speed",
        &["log", "clients kept", "lines", "CPU s", "k lines/s", "peak MiB", "after 5 s of rest, MiB"],
    );
    for (kind, size, keep) in [
        (Kind::Flood, plan.clients, 100_000),
        (Kind::Flood, plan.clients, 2_000_000),
        (Kind::Mosquitto, plan.size, 100_000),
        (Kind::Docker, plan.size, 100_000),
    ] {
        let log = logs::make(&plan.dir, kind, size).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("turnaway.toml");
        fs::write(&config, configuration(&log.path, keep)).unwrap();
        let daemon = Daemon::start(dir.path(), &["--config".to_owned(), config.display().to_string()]).unwrap();
        daemon.caught_up().unwrap();
        let cpu = spent(daemon.pid()).unwrap().0;
        let mib = |what| memory(daemon.pid(), what).unwrap_or(0) as f64 / f64::from(1 << 20);
        let peak = mib("VmHWM");
        std::thread::sleep(Duration::from_secs(if plan.smoke { 0 } else { 5 }));
        report.row(&[
            kind.name().to_owned(),
            keep.to_string(),
            log.lines.to_string(),
            short(cpu),
            format!("{:.0}", log.lines as f64 / 1e3 / cpu),
            short(peak),
            short(mib("VmRSS")),
        ]);
        report.target(format!("full speed, {} ({keep} clients at most): peak memory", kind.name()), peak, "<=", 48.0, " MiB");
    }
}

/// A configuration for one log of Mosquitto's, with room for this many clients.
pub fn configuration(log: &Path, keep: u64) -> String {
    format!(
        "max_clients = {keep}\n\n[[source]]\nname = \"broker\"\npath = {:?}\ngrammar = \"mosquitto\"\nstart = \"beginning\"\n",
        log.display().to_string()
    )
}
