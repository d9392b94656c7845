//! The daemon through rotations, kill -9 and broken writes: every event exactly once, and the table that of a run without them.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use real::{Daemon, Journal, Setup, certain, engine_rows, wait_until};
use serde_json::{Value, json};

/// A directory, the log that the test writes there, and what the daemon is started with.
struct Scene {
    _dir: tempfile::TempDir,
    journal: Journal,
    setup: Setup,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let (journal, setup) = (Journal::new(dir.path()), Setup::new(dir.path()));
        Scene { _dir: dir, journal, setup }
    }

    /// Waits until the table is that of an uninterrupted run.
    fn settle(&self, daemon: &Daemon) {
        daemon.wait_for_rows(&engine_rows(self.journal.whole(), &[]));
    }

    /// Waits until everything in the log's file is read and committed.
    fn read_up(&self, daemon: &Daemon) {
        self.until_size(daemon, "position");
    }

    /// Waits until the daemon has looked at everything in the log's file, though the last line may not be whole.
    fn seen(&self, daemon: &Daemon) {
        self.until_size(daemon, "size");
    }

    fn until_size(&self, daemon: &Daemon, field: &str) {
        let size = self.journal.size();
        wait_until("the log's end", || {
            let log = self.status(daemon);
            if log[field] == size { Ok(()) } else { Err(format!("{size}: {log:#}")) }
        });
    }

    /// What the daemon says of the log.
    fn status(&self, daemon: &Daemon) -> Value {
        let (_, sources) = daemon.get("/api/sources");
        let path = self.setup.log.display().to_string();
        sources.as_array().unwrap().iter().find(|log| log["path"] == path).cloned().unwrap_or_default()
    }

    /// Waits until every client so far has a row, and says that each was counted once and has no wrong address.
    fn each_once(&self, daemon: &Daemon) {
        let want = engine_rows(self.journal.whole(), &[]);
        let counts = |rows: &[Value]| -> BTreeMap<String, u64> {
            rows.iter().map(|row| (row["clientId"].as_str().unwrap().to_owned(), row["attempts"].as_u64().unwrap())).collect()
        };
        wait_until("each client once", || {
            let rows = daemon.rows();
            let (got, want) = (counts(&rows), counts(&want));
            if got == want {
                return Ok(());
            }
            let wrong =
                |(client, count): (&String, &u64)| (got.get(client) != Some(count)).then(|| format!("{client}: {:?}", got.get(client)));
            let surplus = got.len().saturating_sub(want.len());
            Err(format!("{surplus} more, {:?}", want.iter().filter_map(wrong).take(20).collect::<Vec<_>>()))
        });
        for row in daemon.rows() {
            let truth = want.iter().find(|truth| truth["clientId"] == row["clientId"]).unwrap();
            assert!(certain(&row, "ipAddress").is_none_or(|ip| *ip == truth["ipAddress"]), "{row:#}\n{truth:#}");
            assert_eq!(row["ts"], truth["ts"]);
        }
    }
}

// ── rotation ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn renamed_while_the_broker_still_writes_the_old_file() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(5);
    scene.read_up(&daemon);
    let old = scene.journal.rename();
    let late = scene.journal.events(3, 0);
    scene.journal.write_to(&old, &late);
    scene.journal.refuse(5);
    scene.read_up(&daemon);
    scene.journal.refuse(5);
    scene.settle(&daemon);
}

#[test]
fn ten_rotations_at_once() {
    for rotate in [Journal::rename, Journal::shift] {
        let mut scene = Scene::new();
        let daemon = scene.setup.start_ready();
        for _ in 0..10 {
            scene.journal.refuse(2);
            let old = rotate(&mut scene.journal);
            let late = scene.journal.events(1, 0);
            scene.journal.write_to(&old, &late);
            scene.journal.refuse(2);
        }
        scene.settle(&daemon);
    }
}

#[test]
fn ten_rotations_with_pauses() {
    for rotate in [Journal::rename, Journal::shift] {
        let mut scene = Scene::new();
        let daemon = scene.setup.start_ready();
        for _ in 0..10 {
            scene.journal.refuse(2);
            let old = rotate(&mut scene.journal);
            let late = scene.journal.events(1, 0);
            scene.journal.write_to(&old, &late);
            scene.journal.refuse(2);
            scene.settle(&daemon);
        }
    }
}

#[test]
fn truncated_and_the_new_log_is_shorter() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    let text = scene.journal.events(20, 3);
    scene.journal.write(&text);
    scene.read_up(&daemon);
    scene.journal.copytruncate();
    scene.journal.refuse(5);
    scene.each_once(&daemon);
    scene.journal.refuse(5);
    scene.each_once(&daemon);
}

#[test]
fn truncated_and_the_new_log_is_longer_at_once() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    let text = scene.journal.events(20, 3);
    scene.journal.write(&text);
    scene.read_up(&daemon);
    scene.journal.copytruncate();
    let text = scene.journal.events(12, 400);
    scene.journal.write(&text);
    scene.each_once(&daemon);
    scene.journal.refuse(5);
    scene.each_once(&daemon);
}

#[test]
fn truncated_while_down() {
    for pad in [0, 400] {
        let mut scene = Scene::new();
        let daemon = scene.setup.start_ready();
        let text = scene.journal.events(20, 3);
        scene.journal.write(&text);
        scene.read_up(&daemon);
        daemon.kill();
        scene.journal.copytruncate();
        let text = scene.journal.events(12, pad);
        scene.journal.write(&text);
        let daemon = scene.setup.start();
        scene.each_once(&daemon);
    }
}

// ── kill -9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn killed_and_lines_come_before_while_and_after() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(10);
    scene.settle(&daemon);
    daemon.kill();
    scene.journal.refuse(10);
    let daemon = scene.setup.start();
    scene.journal.refuse(10);
    scene.settle(&daemon);
}

#[test]
fn many_lines_and_killed_at_once() {
    let mut scene = Scene::new();
    for _ in 0..5 {
        let daemon = scene.setup.start_ready();
        scene.journal.refuse(200);
        daemon.kill();
    }
    let daemon = scene.setup.start();
    scene.journal.refuse(10);
    scene.settle(&daemon);
}

#[test]
fn killed_in_the_middle_of_a_backlog() {
    let mut scene = Scene::new();
    let text = (0..30_000).map(|_| scene.journal.busy()).collect::<Vec<_>>().concat();
    scene.journal.write(&text);
    let mut read = 0;
    for _ in 0..2 {
        let daemon = scene.setup.start();
        read = wait_until("some progress", || {
            let status = scene.status(&daemon);
            status["position"].as_u64().filter(|position| *position > read).ok_or_else(|| format!("{read}: {status:#}"))
        });
        daemon.kill();
    }
    scene.settle(&scene.setup.start());
}

#[test]
fn rotated_while_down() {
    for (rotations, rotate) in [(1, Journal::rename as fn(&mut Journal) -> std::path::PathBuf), (1, Journal::shift), (3, Journal::shift)] {
        let mut scene = Scene::new();
        let daemon = scene.setup.start_ready();
        scene.journal.refuse(10);
        scene.settle(&daemon);
        daemon.kill();
        for _ in 0..rotations {
            scene.journal.refuse(5);
            rotate(&mut scene.journal);
            scene.journal.refuse(5);
        }
        let daemon = scene.setup.start();
        scene.settle(&daemon);
    }
}

#[test]
fn the_log_is_not_there_yet() {
    let mut scene = Scene::new();
    scene.journal.refuse(3);
    let away = scene.journal.rename();
    let daemon = scene.setup.start_ready();
    std::fs::rename(away, &scene.setup.log).unwrap();
    scene.settle(&daemon);
    daemon.kill();
    scene.journal.refuse(3);
    scene.settle(&scene.setup.start());
}

#[test]
fn the_connection_before_the_kill_and_the_refusal_after() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(3);
    let stamp = scene.journal.stamp();
    scene.journal.write(format!("{stamp}: New connection from 127.8.8.8:4444 on port 1883.\n").as_bytes());
    scene.read_up(&daemon);
    daemon.kill();
    let daemon = scene.setup.start();
    scene.journal.write(format!("{stamp}: Client over-restart disconnected, not authorised.\n").as_bytes());
    let row = daemon.wait_for("over-restart");
    assert_eq!(certain(&row, "ipAddress"), Some(&json!("127.8.8.8")), "{row:#}");
    scene.settle(&daemon);
}

#[test]
fn half_a_line_before_the_kill_and_half_after() {
    let mut scene = Scene::new();
    let stamp = scene.journal.stamp();
    let opened = format!("{stamp}: New connection from 127.8.8.8:4444 on port 1883.\n");
    let daemon = scene.setup.start_ready();
    scene.journal.write(opened.as_bytes());
    scene.read_up(&daemon);
    scene.journal.write(format!("{stamp}: Client half").as_bytes());
    scene.seen(&daemon);
    assert_eq!(daemon.rows(), Vec::<Value>::new());
    daemon.kill();
    let daemon = scene.setup.start();
    assert_eq!(daemon.rows(), Vec::<Value>::new());
    scene.journal.write(b"-1 disconnected, not authorised.\n");
    let row = daemon.wait_for("half-1");
    assert_eq!(certain(&row, "ipAddress"), Some(&json!("127.8.8.8")), "{row:#}");
    scene.settle(&daemon);
}

/// Steps that the writer may be ahead of the one who kills: so much is written while the daemon is down or starts.
const AHEAD: usize = 12;

/// Steady writes of overlapping conversations, with rotations, while the daemon is killed ten times: at amounts written that a
/// seed chooses, in the middle of whatever the writer and the daemon are at.
fn killed_again_and_again(seed: u64) {
    let mut scene = Scene::new();
    scene.journal.seed(seed);
    let moments: Vec<u64> = (0..10).map(|_| 1 + scene.journal.below(50)).collect();
    let first = scene.setup.start_ready();
    let (step, steps) = mpsc::sync_channel(AHEAD);
    let (journal, setup) = (&mut scene.journal, &scene.setup);
    let daemon = std::thread::scope(|scope| {
        let mut daemon = first;
        scope.spawn(move || {
            while step.send(()).is_ok() {
                write_something(journal);
            }
        });
        for amount in moments {
            steps.iter().take(usize::try_from(amount).unwrap()).for_each(drop);
            daemon.kill();
            daemon = setup.start();
        }
        drop(steps);
        daemon
    });
    scene.settle(&daemon);
}

fn write_something(journal: &mut Journal) {
    let text = journal.busy();
    // A single line may reach the file in two pieces.
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let cut = if lines == 1 && journal.below(4) == 0 { 1 + text.len() / 2 } else { 0 };
    journal.write(&text[..cut]);
    journal.write(&text[cut..]);
    if journal.below(15) == 0 {
        let old = journal.shift();
        if journal.below(2) == 0 {
            let late = journal.busy();
            journal.write_to(&old, &late);
        }
        let text = journal.busy();
        journal.write(&text);
    }
}

#[test]
fn killed_again_and_again_1() {
    killed_again_and_again(1);
}

#[test]
fn killed_again_and_again_2() {
    killed_again_and_again(2);
}

#[test]
fn killed_again_and_again_3() {
    killed_again_and_again(3);
}

// ── deletions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_deleted_row_stays_deleted() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(6);
    scene.settle(&daemon);
    assert_eq!(daemon.delete("ev-00003"), 200);
    assert_eq!(daemon.delete("ev-00003"), 404);
    daemon.kill();
    let daemon = scene.setup.start();
    scene.journal.refuse(1);
    daemon.wait_for_rows(&without_the_third(&scene));
    daemon.kill();

    // The log lost its end, as when it comes from a backup: it is read from its beginning again.
    let text = std::fs::read_to_string(&scene.setup.log).unwrap();
    std::fs::write(&scene.setup.log, text.lines().take(13).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let daemon = scene.setup.start();
    scene.journal.refuse(1);
    daemon.wait_for(&scene.journal.last());
    scene_counts(&daemon, &without_the_third(&scene));
    // Refused again, the client has a row again.
    let stamp = scene.journal.stamp() + 60;
    scene.journal.write(format!("{stamp}: Client ev-00003 disconnected, not authorised.\n").as_bytes());
    let row = daemon.wait_for("ev-00003");
    assert_eq!((&row["attempts"], &row["firstTs"]), (&json!(1), &json!(stamp * 1000)), "{row:#}");
}

/// The stored positions cannot be read (another release wrote them): the log is read again.
#[test]
#[ignore = "not yet: a log whose position cannot be read is taken for one that was never read"]
fn a_deleted_row_stays_deleted_without_positions() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(6);
    scene.settle(&daemon);
    assert_eq!(daemon.delete("ev-00003"), 200);
    daemon.kill();
    spoil_positions(&scene.setup.db());
    let daemon = scene.setup.start_ready();
    scene.journal.refuse(1);
    daemon.wait_for(&scene.journal.last());
    scene_counts(&daemon, &without_the_third(&scene));
}

fn without_the_third(scene: &Scene) -> Vec<Value> {
    engine_rows(scene.journal.whole(), &[]).into_iter().filter(|row| row["clientId"] != "ev-00003").collect()
}

/// The same clients with the same counts and times; how sure their addresses are may differ.
fn scene_counts(daemon: &Daemon, want: &[Value]) {
    let part = |rows: &[Value]| -> Vec<Value> {
        let mut rows: Vec<Value> = rows.iter().map(|row| json!([row["clientId"], row["attempts"], row["firstTs"], row["ts"]])).collect();
        rows.sort_by_key(Value::to_string);
        rows
    };
    assert_eq!(part(&daemon.rows()), part(want));
}

fn spoil_positions(db: &Path) {
    let db = rusqlite::Connection::open(db).unwrap();
    assert!(db.execute("UPDATE position SET state = X'00'", []).unwrap() > 0);
}

// ── hostile text ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn hostile_client_ids_come_back_as_they_are() {
    let mut scene = Scene::new();
    let daemon = scene.setup.start_ready();
    let names = [
        "\"}],\"hasNext\":false}",
        "\\u0000\\n\\",
        "<script>alert(1)</script>",
        "'; DELETE FROM client; --",
        "%00%27%22&clientId=x#?",
        "\u{202e}gnirts\u{2028}\u{feff}",
        "温度センサー 12 😀",
        "x disconnected, not authorised",
        " x ",
        &"long".repeat(200),
    ];
    let stamp = scene.journal.stamp();
    for (number, name) in names.iter().enumerate() {
        let text = format!(
            "{stamp}: New connection from 127.8.1.{number}:4444 on port 1883.\n{stamp}: Client {name} disconnected, not authorised.\n"
        );
        scene.journal.write(text.as_bytes());
    }
    scene.settle(&daemon);
    for (number, name) in names.iter().enumerate() {
        let row = daemon.wait_for(name);
        assert_eq!((&row["clientId"], &row["ipAddress"]), (&json!(name), &json!(format!("127.8.1.{number}"))), "{row:#}");
    }
    for name in names {
        assert_eq!(daemon.delete(name), 200, "{name}");
    }
    assert_eq!(daemon.rows(), Vec::<Value>::new());
    daemon.kill();
    assert_eq!(scene.setup.start().rows(), Vec::<Value>::new());
}
