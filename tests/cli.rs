//! Exit codes and messages of the commands that need no daemon, as a script would see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot write its files or run the program has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const LOG: &str = "\
1795446252: mosquitto version 2.0.22 starting
1795446252: New connection from 192.0.2.7:5555 on port 8883.
1795446253: Client sensor-7 disconnected, not authorised.
1795446254: New connection from 192.0.2.8:5556 on port 1883.
1795446255: Client sensor, \"8\" disconnected, not authorised.
";

/// A directory to name files in without their path, so that messages read alike everywhere.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn with(files: &[(&str, &[u8])]) -> Place {
        let place = Place::new();
        for (name, bytes) in files {
            place.write(name, bytes);
        }
        place
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnaway"));
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null()).env("NO_COLOR", "1").env("TZ", "UTC");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    fn run_with_input(&self, args: &[&str], input: &[u8]) -> Said {
        let mut child = self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Said::of(child.wait_with_output().unwrap())
    }
}

#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn fine(self) -> Said {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It fails with this code, says these things on standard error, and does not break down.
    #[track_caller]
    fn fails(self, code: i32, things: &[&str]) -> Said {
        assert_eq!(self.code, Some(code), "{self:?}");
        for thing in things {
            assert!(self.err.contains(thing), "{thing:?} is not said: {self:?}");
        }
        assert!(!self.err.contains("panicked") && !self.err.chars().any(|c| c.is_control() && c != '\n'), "{self:?}");
        self
    }

    /// The client IDs of `--format ndjson`.
    fn ids(&self) -> Vec<String> {
        let rows = self.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        rows.map(|row| row["clientId"].as_str().unwrap().to_owned()).collect()
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_missing_file() {
    let place = Place::new();
    for args in [&["replay", "none.log"][..], &["explain", "none.log"], &["replay", "--log", "mosquitto=none.log"]] {
        let said = place.run(args).fails(1, &["cannot open none.log", "No such file"]);
        assert_eq!(said.out, "", "{args:?}");
    }
    let said = place.run(&["grammar", "test", "none.toml"]).fails(1, &[]);
    assert!(said.out.contains("none.toml: cannot be read"), "{said:?}");
}

#[test]
fn a_directory_in_place_of_a_file() {
    let place = Place::new();
    for command in ["replay", "explain"] {
        place.run(&[command, "."]).fails(1, &["cannot open .", "it is a directory", "name the files in it"]);
    }
}

#[test]
fn a_log_of_no_known_product() {
    let place = Place::with(&[("web.log", b"GET / 200\nGET /favicon.ico 404\n")]);
    place.run(&["replay", "web.log"]).fails(1, &["no grammar fits web.log", "first 2 lines", "mosquitto", "--grammar"]);
    place.run(&["explain", "web.log"]).fails(1, &["no grammar fits", "--grammar"]);
    let said = place.run(&["explain", "--grammar", "mosquitto", "web.log"]).fine();
    assert!(said.out.contains("passed over"), "{said:?}");
    assert!(said.out.ends_with("# 2 lines, 0 taken by a rule: 0 refused, 0 accepted, 0 probes\n"), "{said:?}");
}

#[test]
fn an_unknown_grammar() {
    let place = Place::with(&[("broker.log", LOG.as_bytes())]);
    let there_is_none = ["there is no grammar \"mosquito\"", "mosquitto"];
    place.run(&["replay", "--grammar", "mosquito", "broker.log"]).fails(2, &there_is_none);
    place.run(&["replay", "--log", "mosquito=broker.log"]).fails(2, &there_is_none);
    place.run(&["explain", "--grammar", "mosquito", "broker.log"]).fails(2, &there_is_none);
    place.run(&["grammar", "show", "mosquito"]).fails(2, &there_is_none);
}

#[test]
fn a_directory_of_broken_grammars() {
    let place = Place::with(&[
        ("broker.log", LOG.as_bytes()),
        ("grammars/a.toml", b"format = 1\nname = \"a\"\n"),
        ("grammars/b.toml", b"format = 1\nname = \"b\"\ntitel = \"B\"\n"),
    ]);
    let faults = ["grammars/a.toml:1:1", "no \"title\"", "grammars/b.toml:3:1", "did you mean \"title\"?"];
    place.run(&["replay", "--grammars", "grammars", "broker.log"]).fails(2, &faults);
    place.run(&["explain", "--grammars", "grammars", "broker.log"]).fails(2, &faults);
    place.run(&["grammar", "list", "--grammars", "grammars"]).fails(2, &faults);
    // Here finding faults is the work that was asked for.
    place.run(&["grammar", "test", "--grammars", "grammars"]).fails(1, &faults);
    place.run(&["grammar", "list", "--grammars", "nowhere"]).fails(2, &["cannot read the grammars in nowhere"]);
}

#[test]
fn a_grammar_of_the_operators_own() {
    let grammar = include_str!("../grammars/REFERENCE.md");
    let grammar = grammar.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let grammar = grammar.replace("\"mosquitto\"", "\"own\"");
    let place = Place::with(&[("broker.log", LOG.as_bytes()), ("grammars/own.toml", grammar.as_bytes())]);
    let said = place.run(&["grammar", "test", "grammars/own.toml"]).fine();
    assert!(said.out.ends_with("grammars/own.toml: logs are searched for 2 texts, 1 of 1 samples pass\n"), "{said:?}");
    let said = place.run(&["grammar", "list", "--grammars", "grammars"]).fine();
    assert!(said.out.lines().any(|line| line.starts_with("own ") && line.ends_with("grammars/own.toml)")), "{said:?}");
    let said = place.run(&["grammar", "show", "own", "--grammars", "grammars"]).fine();
    assert_eq!(said.out, grammar);
    let args = ["replay", "--grammars", "grammars", "--grammar", "own", "--format", "ndjson", "broker.log"];
    assert_eq!(place.run(&args).fine().ids(), ["sensor, \"8\"", "sensor-7"]);
}

#[test]
fn what_the_guide_shows_is_a_grammar() {
    let guide = include_str!("../grammars/README.md");
    assert!(guide.lines().count() <= 120, "the guide has two pages");
    let parts: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let header = guide.lines().find(|line| line.trim_start().starts_with("header = ")).unwrap();
    let grammar = format!("format = 1\nname = \"guide\"\ntitle = \"Guide\"\n{header}\n{}", parts.concat());
    let place = Place::with(&[("guide.toml", grammar.as_bytes())]);
    let said = place.run(&["grammar", "test", "guide.toml"]).fine();
    assert!(said.out.ends_with("1 of 1 samples pass\n"), "{said:?}");
}

#[test]
fn a_grammar_begun_from_a_log() {
    let log = "11:01:25.157 | ERROR | broker | rejected the credentials CId=pump-1, username=ann\n";
    let place = Place::with(&[("new.log", log.as_bytes())]);
    place.run(&["grammar", "new", "mine", "--log", "new.log"]).fine();
    let said = place.run(&["grammar", "test", "mine/mine.toml"]).fine();
    assert!(said.out.ends_with("1 of 1 samples pass\n"), "{said:?}");
    let args = ["replay", "--grammars", "mine", "--grammar", "mine", "--format", "ndjson", "new.log"];
    assert_eq!(place.run(&args).fine().ids(), ["pump-1"]);
    // What is there is not overwritten.
    place.run(&["grammar", "new", "mine", "--log", "new.log"]).fails(1, &["mine", "--dir"]);
    place.run(&["grammar", "new", "My Broker", "--log", "new.log"]).fails(2, &["small letters"]);
    place.run(&["grammar", "new", "other", "--log", "none.log"]).fails(1, &["none.log"]);
}

#[test]
fn a_sample_that_fails() {
    let grammar = include_str!("../grammars/REFERENCE.md").split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let place = Place::with(&[("own.toml", grammar.replace("\"192.0.2.7\", reason", "\"192.0.2.8\", reason").as_bytes())]);
    let said = place.run(&["grammar", "test", "own.toml"]).fails(1, &["1 failed", "turnaway explain"]);
    assert!(said.out.contains("sample 1 failed (the address by elimination)"), "{said:?}");
    assert!(said.out.contains("ipAddress is \"192.0.2.7\", should be \"192.0.2.8\""), "{said:?}");
    assert!(said.out.contains("0 of 1 samples pass"), "{said:?}");
}

#[test]
fn the_built_in_grammars() {
    let place = Place::new();
    let said = place.run(&["grammar", "list"]).fine();
    assert!(said.out.lines().any(|line| line.starts_with("mosquitto ") && line.ends_with("built in)")), "{said:?}");
    let said = place.run(&["grammar", "test"]).fine();
    assert!(said.out.lines().all(|line| line.ends_with("samples pass")), "{said:?}");
    assert_eq!(place.run(&["grammar", "show", "mosquitto"]).fine().out, include_str!("../grammars/mosquitto.toml"));
}

#[test]
fn the_readme_says_what_the_logs_tell() {
    let place = Place::new();
    let said = place.run(&["grammar", "list", "--format", "markdown"]).fine();
    let readme = include_str!("../README.md");
    let table =
        readme.split("<!-- turnaway grammar list --format markdown -->\n").nth(1).and_then(|rest| rest.split("<!-- end -->").next());
    assert_eq!(table, Some(said.out.as_str()), "put what `turnaway grammar list --format markdown` prints into README.md");
    let library = turnaway::grammar::Library::load(None).unwrap();
    for (grammar, _) in library.all() {
        assert!(!grammar.tells.is_empty(), "{} does not say what its log tells", grammar.name);
    }
}

#[test]
fn an_empty_log() {
    let place = Place::with(&[("empty.log", b"")]);
    for (format, nothing) in [("json", "[]"), ("ndjson", ""), ("table", "No clients.")] {
        let said = place.run(&["replay", "--grammar", "mosquitto", "--format", format, "empty.log"]).fine();
        assert_eq!(said.out.trim_end(), nothing, "{format}");
    }
    // Nothing says which product wrote it.
    place.run(&["replay", "empty.log"]).fails(1, &["empty.log"]);
    let said = place.run(&["explain", "--grammar", "mosquitto", "empty.log"]).fine();
    assert_eq!(said.out, "# 0 lines, 0 taken by a rule: 0 refused, 0 accepted, 0 probes\n");
}

#[test]
fn binary_garbage() {
    let garbage: Vec<u8> = (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let place = Place::with(&[("core.log", &garbage)]);
    place.run(&["replay", "core.log"]).fails(1, &["no grammar fits core.log"]);
    assert_eq!(place.run(&["replay", "--grammar", "mosquitto", "--format", "json", "core.log"]).fine().out.trim(), "[]");
    let said = place.run(&["explain", "--grammar", "mosquitto", "core.log"]).fine();
    assert!(!said.out.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn a_truncated_archive() {
    let packed = gz(LOG.repeat(50).as_bytes());
    let place = Place::with(&[("broker.log.gz", &packed), ("cut.log.gz", &packed[..packed.len() - 10]), ("x.xz", b"\xfd7zXZ\0....")]);
    assert_eq!(place.run(&["replay", "--format", "ndjson", "broker.log.gz"]).fine().ids(), ["sensor, \"8\"", "sensor-7"]);
    for command in ["replay", "explain"] {
        place.run(&[command, "cut.log.gz"]).fails(1, &["cannot read cut.log.gz beyond byte", "incomplete"]);
    }
    place.run(&["replay", "x.xz"]).fails(1, &["cannot open x.xz"]);
}

#[test]
fn standard_input() {
    let place = Place::new();
    let said = place.run_with_input(&["replay", "--format", "ndjson", "-"], LOG.as_bytes()).fine();
    assert_eq!(said.ids(), ["sensor, \"8\"", "sensor-7"]);
    let packed = place.run_with_input(&["replay", "--format", "ndjson", "-"], &gz(LOG.as_bytes())).fine();
    assert_eq!(packed.out, said.out);
    for args in [&["explain"][..], &["explain", "-"]] {
        let said = place.run_with_input(args, LOG.as_bytes()).fine();
        assert!(said.out.ends_with("# 5 lines, 5 taken by a rule: 2 refused, 0 accepted, 0 probes\n"), "{said:?}");
    }
    place.run(&["replay"]).fails(2, &["no log to replay", "- for standard input"]);
    place.run(&["replay", "--grammar", "mosquitto", "--log", "mosquitto=x"]).fails(2, &["--grammar belongs to the PATHs"]);
}

#[test]
fn files_of_one_broker_in_any_order() {
    let (first, second) = LOG.split_at(LOG.find("1795446253").unwrap());
    let place = Place::with(&[("whole.log", LOG.as_bytes()), ("b.log", second.as_bytes()), ("b.log.1.gz", &gz(first.as_bytes()))]);
    let whole = place.run(&["replay", "--format", "ndjson", "whole.log"]).fine();
    for order in [["b.log.1.gz", "b.log"], ["b.log", "b.log.1.gz"]] {
        let said = place.run(&[&["replay", "--format", "ndjson"][..], &order].concat()).fine();
        assert_eq!(said.out, whole.out, "{order:?}");
    }
    // Each --log is a broker of its own.
    let said = place.run(&["replay", "--format", "ndjson", "--log", "mosquitto=whole.log", "--log", "mosquitto=b.log"]).fine();
    assert_eq!(said.out.lines().count(), 4, "{said:?}");
}

#[test]
fn every_format() {
    let place = Place::with(&[("broker.log", LOG.as_bytes())]);
    let run = |format| place.run(&["replay", "--tls-port", "8883", "--format", format, "broker.log"]).fine().out;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["clientId"], "sensor, \"8\"");
    assert_eq!(rows[1]["ipAddress"], "192.0.2.7");
    assert_eq!([&rows[0]["tlsUsed"], &rows[1]["tlsUsed"]], [false, true]);
    let lines: Vec<serde_json::Value> = run("ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, rows);
    let csv = run("csv");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("clientId,") && csv.contains("\"sensor, \"\"8\"\"\""), "{csv}");
    let table = run("table");
    assert!(table.contains("sensor-7") && table.contains("192.0.2.8"), "{table}");
    place.run(&["replay", "--format", "xml", "broker.log"]).fails(2, &["xml", "ndjson"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    // More than a pipe holds, so that the program is still writing.
    let refusals = (0..4_000).map(|n| format!("1795446253: Client sensor-{n} disconnected, not authorised.\n"));
    let log: String = std::iter::once("1795446252: mosquitto version 2.0.22 starting\n".to_owned()).chain(refusals).collect();
    let place = Place::with(&[("broker.log", log.as_bytes())]);
    let packed = place.write("broker.log.gz", &gz(log.as_bytes()));
    for args in [
        &["replay", "--format", "ndjson", "broker.log"][..],
        &["replay", "--format", "json", "broker.log"],
        &["replay", "--format", "csv", "broker.log"],
        &["replay", "--format", "table", "broker.log"],
        &["explain", "broker.log"],
        &["explain", path(&packed)],
        &["grammar", "show", "mosquitto"],
    ] {
        let mut child = place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let said = Said::of(child.wait_with_output().unwrap());
        assert!(!first.is_empty(), "{args:?}");
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        assert!(!said.err.contains("panicked") && !said.err.contains("pipe"), "{args:?}: {said:?}");
    }
}

#[test]
fn wrong_usage() {
    let place = Place::with(&[("broker.log", LOG.as_bytes())]);
    place.run(&[]).fails(2, &["Usage"]);
    place.run(&["frobnicate"]).fails(2, &["frobnicate"]);
    place.run(&["replay", "--timezone", "Mars/Base", "broker.log"]).fails(2, &["Mars/Base", "Europe/Berlin"]);
    place.run(&["replay", "--tls-port", "99999", "broker.log"]).fails(2, &["99999"]);
    let said = place.run(&["--version"]).fine();
    assert_eq!(said.out, format!("turnaway {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["run", "replay", "explain", "grammar", "list", "delete", "token", "check"] {
        let said = place.run(&[command, "--help"]).fine();
        assert!(said.out.contains("Usage: turnaway"), "{command}: {said:?}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
