//! Stamps without a year mean the latest year that they can, however long the broker had nothing to say.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::fs::{File, FileTimes};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use turnaway::engine::{Engine, Options, Recognised};
use turnaway::grammar::Library;
use turnaway::model::Attempt;
use turnaway::replay::{ReplaySource, Watcher, replay};
use turnaway::store::Table;

fn millis(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_millisecond()
}

fn at(millis: i64) -> String {
    Timestamp::from_millisecond(millis).unwrap().to_string()
}

/// A refusal as syslog writes it.
fn refused(stamp: &str, client: &str) -> String {
    format!("{stamp} host mosquitto[7]: Client {client} disconnected, not authorised.\n")
}

struct Silent;

impl Watcher for Silent {
    fn recognised(&mut self, _: &Path, _: &Recognised) {}
    fn progress(&mut self, _: &Path, _: u64, _: Option<u64>) {}
}

/// The clients in a replay of these files of one log, and when they were refused.
fn replayed(paths: Vec<PathBuf>) -> Vec<(String, String)> {
    let library = Library::load(None).unwrap();
    let source = ReplaySource { grammar: Some("mosquitto".to_owned()), paths, options: Options::default() };
    let mut table = Table::default();
    replay(&library, &[source], millis("2027-06-01T00:00:00Z"), &mut table, &mut Silent).unwrap();
    let mut rows: Vec<(String, String)> = table.into_rows().into_iter().map(|row| (row.client_id.clone(), at(row.ts))).collect();
    rows.sort();
    rows
}

/// A file that was last written then.
fn written(path: &Path, text: &str, then: &str) -> PathBuf {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let then = UNIX_EPOCH + Duration::from_millis(millis(then).try_into().unwrap());
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
    path.to_owned()
}

/// As in the daemon: each line is read when it was written, days after the one before it, and in its new life after a restart.
#[test]
fn days_without_a_word_are_no_years() {
    let library = Library::load(None).unwrap();
    let grammar = library.get("mosquitto").unwrap();
    let mut engine = Engine::new(Arc::clone(grammar), Options::default());
    for (stamp, time) in [
        ("Nov 10 15:05:22", "2026-11-10T15:05:22Z"),
        ("Nov 12 15:05:22", "2026-11-12T15:05:22Z"),
        ("Dec 31 23:59:59", "2026-12-31T23:59:59Z"),
        ("Jan  3 08:00:00", "2027-01-03T08:00:00Z"),
        ("Nov 11 08:00:00", "2027-11-11T08:00:00Z"),
    ] {
        let mut out = Vec::new();
        engine.feed(refused(stamp, "pump").as_bytes(), millis(time) + 20, &mut out);
        let [Attempt::Refused(row)] = &out[..] else { panic!("{stamp}: {out:?}") };
        assert_eq!(at(row.ts), time);
        let kept = engine.state();
        engine = Engine::new(Arc::clone(grammar), Options { zone: TimeZone::UTC, ..Options::default() });
        engine.restore(kept);
    }
}

#[test]
fn a_finished_log_ends_when_its_file_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = ["Nov 30 15:05:22", "Dec  2 15:05:22", "Feb  1 08:00:00", "Nov 20 09:00:00"];
    let text: String = log.iter().zip(["a", "b", "c", "d"]).map(|(stamp, client)| refused(stamp, client)).collect();
    let path = written(&dir.path().join("mosquitto.log"), &text, "2026-11-20T09:00:01Z");
    let row = |client: &str, time: &str| (client.to_owned(), time.to_owned());
    assert_eq!(
        replayed(vec![path]),
        [
            row("a", "2025-11-30T15:05:22Z"),
            row("b", "2025-12-02T15:05:22Z"),
            row("c", "2026-02-01T08:00:00Z"),
            row("d", "2026-11-20T09:00:00Z")
        ]
    );
}

/// The files of a log that was rotated over years.
#[test]
fn each_file_of_a_log_has_its_own_year() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, stamp: &str, client: &str, then: &str| written(&dir.path().join(name), &refused(stamp, client), then);
    let old = file("mosquitto.log.2", "Mar  3 10:00:00", "a", "2024-03-03T10:00:01Z");
    let middle = file("mosquitto.log.1", "Mar  3 10:00:00", "b", "2026-02-01T00:00:00Z");
    let new = file("mosquitto.log", "Mar  4 10:00:00", "c", "2026-03-04T10:00:01Z");
    let row = |client: &str, time: &str| (client.to_owned(), time.to_owned());
    assert_eq!(
        replayed(vec![new, old, middle]),
        [row("a", "2024-03-03T10:00:00Z"), row("b", "2025-03-03T10:00:00Z"), row("c", "2026-03-04T10:00:00Z")]
    );
}
