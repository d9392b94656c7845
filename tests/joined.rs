//! A terminator's log without the port towards the broker, and the broker's log: captured, with what every client really did.
//! Only the order and the time of the ends are in both.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Whole seconds in the broker's log, and how long a client waits for its answer at most.
const EARLY: i64 = 1_100;
const LATE: i64 = 5_000;

struct Joined {
    folder: PathBuf,
    terminator: &'static str,
    case: &'static str,
}

impl Joined {
    fn file(&self, end: &str) -> PathBuf {
        self.folder.join(format!("{}-{}.{end}", self.terminator, self.case))
    }

    /// The rows, with the logs named in this order.
    fn rows(&self, broker_first: bool) -> Vec<Value> {
        let mut logs = [(self.terminator, self.file("log")), ("mosquitto", self.file("broker.log"))];
        if broker_first {
            logs.reverse();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnaway"));
        command.args(["replay", "--format", "ndjson", "--timezone", "UTC", "--tls-port", "8883"]);
        for (grammar, path) in logs {
            command.arg("--log").arg(format!("{grammar}={}", path.display()));
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn truth(&self) -> Vec<Value> {
        std::fs::read_to_string(self.file("truth.jsonl")).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What the broker refused, by address: how many times at least and at most, and when last.
#[derive(Debug, Default)]
struct Refused {
    least: u64,
    most: u64,
    last: i64,
    /// When its last connection failed, refused or not.
    end: i64,
}

fn joined(terminator: &'static str, case: &'static str, exactly: bool) {
    let fixture = Joined { folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/joined"), terminator, case };
    let rows = fixture.rows(false);
    assert_eq!(rows, fixture.rows(true), "the order in which the logs are named changes something");
    let mut refused: BTreeMap<String, Refused> = BTreeMap::new();
    for attempt in fixture.truth() {
        let told = attempt["broker_log_lines"].as_array().is_some_and(|lines| !lines.is_empty()) || attempt["connect_sent"] == true;
        let outcome = attempt["outcome"].as_str().unwrap();
        if !told || outcome == "accepted" || outcome == "tls_failed" {
            continue;
        }
        let of = refused.entry(attempt["client_ip"].as_str().unwrap().to_owned()).or_default();
        let at: jiff::Timestamp = attempt["at"].as_str().unwrap().parse().unwrap();
        (of.most, of.end) = (of.most + 1, of.end.max(at.as_millisecond()));
        if outcome == "refused" {
            (of.least, of.last) = (of.least + 1, of.last.max(at.as_millisecond()));
        }
    }
    let mut said = Vec::new();
    for row in rows.iter().filter(|row| row["broker"] == "mosquitto" && row["identity"] == "address") {
        let Some(address) = row["ipAddress"].as_str() else {
            said.push(format!("no address: {row}"));
            continue;
        };
        let Some(of) = refused.remove(address) else {
            said.push(format!("nobody was refused from {address}: {row}"));
            continue;
        };
        let (attempts, ts) = (row["attempts"].as_u64().unwrap(), row["ts"].as_i64().unwrap());
        if exactly && !(of.least..=of.most).contains(&attempts) {
            said.push(format!("{address}: {attempts} attempts, really {of:?}"));
        }
        if of.last > 0 && !(of.last - EARLY..=of.end + LATE).contains(&ts) {
            said.push(format!("{address}: {} ms after the last refusal", ts - of.last));
        }
        if !row["inferred"].as_array().unwrap().contains(&Value::from("ipAddress")) {
            said.push(format!("{address}: what was counted is not certain, but is not marked"));
        }
    }
    said.extend(refused.iter().filter(|(_, of)| of.least > 0).map(|(address, of)| format!("no row of {address}: {of:?}")));
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn the_haproxy_of_debian() {
    joined("haproxy", "default", true);
}

#[test]
fn haproxy_that_logs_failures_twice() {
    joined("haproxy", "separate-errors", true);
}

#[test]
fn haproxy_behind_a_load_balancer() {
    joined("haproxy", "accept-proxy", true);
}

#[test]
fn the_access_log_of_nginx() {
    joined("nginx", "info-access", true);
}

/// Several of the same millisecond change places.
#[test]
fn five_hundred_clients_at_once() {
    joined("nginx", "burst-500-access", false);
}
