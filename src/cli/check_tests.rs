use std::os::unix::fs::PermissionsExt as _;

use clap::Parser;
use snapbox::{assert_data_eq, str};

use super::*;
use crate::cli::console::testing;
use crate::config::Disk;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    check: CheckArgs,
}

/// A directory with a configuration of this text (`DIR` stands for the directory) and a log of Mosquitto.
fn place(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = "1767225600: mosquitto version 2.0.18 starting\n\
               1767225601: New connection from 192.0.2.7:50000 on port 1883.\n\
               1767225601: Client sensor-7 disconnected, not authorised.\n\
               1767225602: something else\n";
    std::fs::write(dir.path().join("m.log"), log).unwrap();
    std::fs::create_dir(dir.path().join("grammars")).unwrap();
    std::fs::write(dir.path().join("t.toml"), text.replace("DIR", &dir.path().display().to_string())).unwrap();
    dir
}

/// The result and the output of `check` on this configuration, with `DIR` for the directory.
fn check(text: &str) -> (Result<(), CliError>, String) {
    let dir = place(text);
    let line = Line::try_parse_from(["check", "--config", dir.path().join("t.toml").to_str().unwrap()]).unwrap();
    let (result, out, notes) = testing::run("", |console| run(&line.check, console, &Disk));
    assert_eq!(notes, "");
    (result, out.replace(&dir.path().display().to_string(), "DIR"))
}

#[test]
fn what_would_run() {
    let (result, out) = check(
        r#"
database = "DIR/t.db"
grammars = "DIR/grammars"
listen = ["127.0.0.1:8099", "unix:DIR/t.sock"]
hosts = ["mqtt.example.org"]
[[source]]
name = "recognised"
path = "DIR/m.log"
timezone = "UTC"
tls_ports = [8883]
[[source]]
name = "given"
path = ["DIR/*.log", "-"]
grammar = "mosquitto"
timezone = "UTC"
start = "end"
"#,
    );
    result.unwrap();
    assert_data_eq!(
        out,
        str![[r#"
configuration  DIR/t.toml
database       DIR/t.db (will be made)
rows           at most 100000, kept for 3 days; a row goes when its client connects
grammars       [..] built in; none in DIR/grammars
listen         http://127.0.0.1:8099/ (reading needs no token, deleting is not allowed)
listen         unix:DIR/t.sock (its owner and group may read and delete)
hosts          mqtt.example.org
tokens         none
source         recognised
  reading      a log that was never read starts at the beginning; stamps without zone are UTC, TLS on 8883
  path         DIR/m.log (193 bytes)
  grammar      mosquitto (recognised: it knows 3 of the first 4 lines)
  for more     up to 2.0.12, default log_type: a newer release names the client; log_type all gives the address of each refusal
  for more     2.0.13 to 2.0.22, default log_type: 2.1 names the address of each refusal
source         given
  reading      a log that was never read starts at the end; stamps without zone are UTC
  grammar      mosquitto
  for more     up to 2.0.12, default log_type: a newer release names the client; log_type all gives the address of each refusal
  for more     2.0.13 to 2.0.22, default log_type: 2.1 names the address of each refusal
  path         DIR/m.log (193 bytes)
  path         standard input

"#]]
    );
}

#[test]
fn what_is_wrong() {
    let (result, out) = check(
        r#"
database = "DIR/nowhere/t.db"
grammars = "DIR/grammars"
retention = "0"
clear_on_success = false
listen = ["127.0.0.1:8099", "unix:DIR/nowhere/t.sock"]
[[token]]
name = "ann"
role = "operator"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
[[source]]
name = "a"
path = ["DIR", "DIR/none.log", "DIR/*.none", "DIR/t.toml"]
timezone = "UTC"
"#,
    );
    let error = result.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (2, "2 problems to mend, see above"));
    assert_data_eq!(
        out,
        str![[r#"
configuration  DIR/t.toml
database       DIR/nowhere/t.db (cannot be used)
  problem: there is no directory DIR/nowhere: make it, or choose another file with --db
rows           at most 100000, kept for ever; a row stays when its client connects
grammars       [..] built in; none in DIR/grammars
listen         http://127.0.0.1:8099/ (with a token)
listen         unix:DIR/nowhere/t.sock (its owner and group may read and delete)
  warning: there is no directory DIR/nowhere: make it (the systemd unit does so for /run/turnaway)
tokens         ann (operator)
source         a
  reading      a log that was never read starts at the beginning; stamps without zone are UTC
  path         DIR (a directory)
  problem: a directory is no log: name its files, for example DIR/*.log
  path         DIR/none.log (not there yet)
  warning: it is waited for: check the spelling if the broker has run already
  path         DIR/*.none (nothing fits it yet)
  warning: it is waited for: check the spelling if the broker has run already
  path         DIR/t.toml (452 bytes)
  warning: no grammar knows its first lines: name one with grammar = "…" (`turnaway grammar list` shows them)

"#]]
    );
}

/// What `check` prints without any source on a machine with these files, after the line "sources"; `DIR` stands for its root.
fn found(files: &[(&str, &str)]) -> String {
    let dir = place("database = \"DIR/t.db\"\ngrammars = \"DIR/grammars\"\n");
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let config = dir.path().join("t.toml");
    let line = Line::try_parse_from(["check", "--timezone", "UTC", "--config", config.to_str().unwrap()]).unwrap();
    let (result, out, _) = testing::run("", |console| look(&line.check, console, &Disk, dir.path()));
    result.unwrap();
    let out = out.replace(&dir.path().display().to_string(), "DIR");
    out[out.find("sources").unwrap()..].to_owned()
}

#[test]
fn without_a_source_the_logs_of_installed_products_are_found() {
    let log = "1767225600: mosquitto version 2.0.18 starting\n1767225601: New connection from 192.0.2.7:50000 on port 1883.\n";
    let out = found(&[("var/log/mosquitto/mosquitto.log", log), ("usr/sbin/mosquitto", ""), ("usr/local/bin/rumqttd", "")]);
    assert_data_eq!(
        out,
        str![[r#"
sources        none is named: 1 found where installed products keep their logs; a log that appears later is watched, too
source         mosquitto
  reading      a log that was never read starts at the beginning; stamps without zone are UTC
  grammar      mosquitto
  for more     up to 2.0.12, default log_type: a newer release names the client; log_type all gives the address of each refusal
  for more     2.0.13 to 2.0.22, default log_type: 2.1 names the address of each refusal
  path         DIR/var/log/mosquitto/mosquitto.log (108 bytes)
  warning: rumqttd is installed (its unit is rumqttd.service) and no log of it was found: [..]

"#]]
    );
}

#[test]
fn where_nothing_is_installed_what_was_looked_for_is_named() {
    let out = found(&[]);
    assert!(out.contains("  warning: none of these is installed: activemq, amqtt, ejabberd, emqx, "), "{out}");
}
#[test]
fn a_faulty_file_shows_its_faults() {
    let (result, out) = check("databse = 1\n");
    let error = result.unwrap_err();
    assert_eq!((error.exit_code(), out.as_str()), (2, ""));
    assert!(error.render(false).contains("did you mean \"database\"?"), "{}", error.render(false));
    assert!(error.render(true).contains("\x1b["));
}

#[test]
fn looking_at_a_log_that_may_not_be_read() {
    let dir = place("");
    let log = dir.path().join("m.log");
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    let expected = std::fs::File::open(&log).is_ok();
    assert_eq!(matches!(probe::look(&log), Found::Log(..)), expected);
    assert_eq!(matches!(probe::look(&log), Found::Unreadable(_)), !expected);
    assert_eq!(probe::writable(Path::new("/nowhere/x")), Writable::NoDirectory("/nowhere".into()));
    assert_eq!(probe::writable(Path::new("Cargo.toml")), Writable::There);
}

#[test]
fn durations_read_well() {
    let day = 24 * 3_600_000;
    for (millis, text) in
        [(3 * day, "3 days"), (day, "1 day"), (36 * 3_600_000, "36 hours"), (90_000, "90 seconds"), (120_000, "2 minutes")]
    {
        assert_eq!(duration(millis), text);
    }
}
