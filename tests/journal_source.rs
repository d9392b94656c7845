//! The journal as a source: nothing lost and nothing twice over restarts of either program, and what the journal lost is said.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use real::service::{ANY, Scene};
use real::wait_until;
use serde_json::json;

/// So many entries later it is the year 2096.
const LATER: u64 = 2_200_000_000_000;

/// A journal that the test writes.
struct Journal {
    scene: Scene,
    number: u64,
}

impl Journal {
    fn new() -> Journal {
        let scene = Scene::new();
        fs::write(scene.path("journal"), "").unwrap();
        let journal = Journal { scene, number: 0 };
        journal.configure("");
        journal
    }

    fn configure(&self, more: &str) {
        let fake = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake-journalctl");
        let text = format!(
            "database = \"{}\"\n{ANY}\njournalctl = [\"{fake}\", \"{}\"]\n[[source]]\nname = \"m\"\njournal = \"mosquitto\"\n{more}\n",
            self.scene.path("rows.db").display(),
            self.scene.path("").display()
        );
        fs::write(&self.scene.config, text).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.scene.path("journal")
    }

    fn entry(&mut self, message: &serde_json::Value, more: &[(&str, &str)]) {
        self.number += 1;
        let micros = (1_795_446_174_000_000 + self.number * 1000).to_string();
        let mut line = format!("{{\"__CURSOR\":\"c{}\",\"__REALTIME_TIMESTAMP\":\"{micros}\"", self.number);
        for (name, value) in [("_PID", "7"), ("SYSLOG_IDENTIFIER", "mosquitto")].iter().chain(more) {
            line.push_str(&format!(",\"{name}\":\"{value}\""));
        }
        line.push_str(&format!(",\"MESSAGE\":{message}}}\n"));
        let mut file = fs::OpenOptions::new().append(true).open(self.path()).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    fn refuse(&mut self, client: &str) {
        self.entry(&json!("New connection from 192.0.2.1:5000 on port 1883."), &[]);
        self.entry(&json!(format!("Client {client} disconnected, not authorised.")), &[]);
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.scene.path("calls")).unwrap_or_default()
    }

    /// The fake program ends, as if it had been killed.
    fn end(&self) {
        let pid = fs::read_to_string(self.scene.path("pid")).unwrap();
        assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
    }
}

#[test]
fn what_is_written_becomes_rows_with_the_journals_time() {
    let mut journal = Journal::new();
    journal.refuse("one");
    let daemon = journal.scene.run();
    let row = daemon.has("one");
    assert_eq!((&row["ts"], &row["ipAddress"]), (&json!(1_795_446_174_002_i64), &json!("192.0.2.1")), "{row:#}");
    journal.refuse("two");
    assert_eq!(daemon.has("two")["attempts"], 1);
    let calls = journal.calls();
    for part in ["--output=json", "--follow", "--no-tail", "_SYSTEMD_UNIT=mosquitto.service", "--output-fields=MESSAGE,"] {
        assert!(calls.contains(part), "{calls}");
    }
    let source = daemon.source_once("m", |source| source["state"] == "following");
    assert_eq!(source["path"], "journal:mosquitto", "{source:#}");
}

#[test]
fn it_goes_on_where_it_was_over_restarts_and_kills() {
    let mut journal = Journal::new();
    for round in 0..4 {
        journal.refuse("always");
        let mut daemon = journal.scene.run();
        wait_until("the attempts", || match daemon.has("always")["attempts"].as_u64() {
            Some(count) if count == round * 3 + 1 => Ok(()),
            other => Err(format!("{other:?} in round {round}")),
        });
        journal.refuse("always");
        daemon.signal(if round % 2 == 0 { "KILL" } else { "TERM" });
        daemon.ends();
        journal.refuse("always");
    }
    let daemon = journal.scene.run();
    wait_until("the attempts", || match daemon.has("always")["attempts"].as_u64() {
        Some(12) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(daemon.source("m").unwrap()["gaps"], 0);
}

#[test]
fn a_program_that_ends_is_started_again() {
    let mut journal = Journal::new();
    journal.refuse("one");
    let daemon = journal.scene.run();
    daemon.has("one");
    fs::write(journal.scene.path("broken"), "No journal files were opened due to insufficient permissions.\n").unwrap();
    journal.end();
    let denied = |error: &str| error.contains("insufficient permissions");
    let source = daemon.source_once("m", |source| source["lastError"].as_str().is_some_and(denied));
    assert_eq!(source["state"], "failing");
    journal.refuse("two");
    fs::remove_file(journal.scene.path("broken")).unwrap();
    assert_eq!(daemon.has("two")["attempts"], 1);
    assert_eq!(daemon.has("one")["attempts"], 1);
    let source = daemon.source_once("m", |source| source["state"] == "following");
    assert_eq!((&source["lastError"], &source["gaps"]), (&json!(null), &json!(0)));
    assert!(journal.calls().contains("--cursor=c2 "), "{}", journal.calls());
}

#[test]
fn what_the_journal_removed_is_said() {
    let mut journal = Journal::new();
    journal.refuse("one");
    let mut daemon = journal.scene.run();
    daemon.has("one");
    daemon.signal("TERM");
    daemon.ends();
    journal.refuse("removed");
    journal.refuse("kept");
    // The journal was full.
    let text = fs::read_to_string(journal.path()).unwrap();
    fs::write(journal.path(), text.lines().skip(4).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let daemon = journal.scene.run();
    daemon.has("kept");
    daemon.source_once("m", |source| source["gaps"] == 1);
    daemon.says("the journal no longer holds the entry that was read last");
}

#[test]
fn what_journald_left_out_is_said() {
    let mut journal = Journal::new();
    journal.refuse("one");
    let dropped = [("MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e"), ("N_DROPPED", "1234"), ("_TRANSPORT", "driver")];
    journal.entry(&json!("Suppressed 1234 messages from mosquitto.service"), &dropped);
    journal.refuse("two");
    let daemon = journal.scene.run();
    daemon.has("two");
    daemon.source_once("m", |source| source["gaps"] == 1);
    daemon.says("journald left out 1234 messages");
}

#[test]
fn messages_of_every_kind() {
    let mut journal = Journal::new();
    // No UTF-8, which journalctl writes as numbers; too long for it; no message at all; what is no entry.
    let text = b"New connection from 192.0.2.5:5001 on port 1883.";
    journal.entry(&json!(text.to_vec()), &[]);
    let mut client = b"Client caf".to_vec();
    client.push(0xe9);
    client.extend(b" disconnected, not authorised.");
    journal.entry(&json!(client), &[]);
    journal.entry(&json!(null), &[]);
    fs::OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(b"-- No entries --\n{\"broken\n\n").unwrap();
    journal.entry(&json!("x".repeat(100_000)), &[]);
    journal.refuse("last");
    let daemon = journal.scene.run();
    daemon.has("last");
    let (_, rows) = daemon.get("/api/unauthorized/client?pageSize=10&page=0");
    assert_eq!(rows["totalElements"], 2, "{rows:#}");
}

#[test]
fn it_may_begin_at_the_end() {
    let mut journal = Journal::new();
    journal.configure("start = \"end\"");
    journal.refuse("old");
    let daemon = journal.scene.run();
    // Long after the start, whatever this machine's clock says.
    journal.number = LATER;
    journal.refuse("new");
    daemon.has("new");
    let (_, rows) = daemon.get("/api/unauthorized/client?pageSize=10&page=0");
    assert_eq!(rows["totalElements"], 1, "{rows:#}");
    assert!(journal.calls().contains("--since=@"), "{}", journal.calls());
}

#[test]
fn a_missing_program_is_an_error_of_that_source_only() {
    let journal = Journal::new();
    let text = fs::read_to_string(&journal.scene.config).unwrap();
    let at = text.find("journalctl = ").unwrap();
    let end = at + text[at..].find('\n').unwrap();
    let log = journal.scene.path("a.log");
    let other = format!("[[source]]\nname = \"f\"\npath = \"{}\"\ngrammar = \"mosquitto\"\n", log.display());
    fs::write(&journal.scene.config, format!("{}journalctl = \"/no/journalctl\"{}{other}", &text[..at], &text[end..])).unwrap();
    let daemon = journal.scene.run();
    daemon.has("first");
    daemon.source_once("m", |source| source["lastError"].as_str().is_some_and(|error| error.contains("cannot start /no/journalctl")));
}

#[test]
fn names_that_are_none_are_refused() {
    let run = |what: &str| Command::new(env!("CARGO_BIN_EXE_turnaway")).args(["check", "--log", what]).output().unwrap();
    for wrong in ["journal:", "journal:--file", "journal:a b", "journal:x=y"] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing of the journal"), "{wrong}");
    }
    let output = run("mosquitto=journal:mosquitto.service");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the journal: what mosquitto.service writes"), "{output:?}");
}
