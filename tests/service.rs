//! The daemon as a service: what it tells the service manager, what signals do, and other configurations while it runs.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use real::Manager;
use real::service::{ANY, Scene};

// ── what the service manager hears ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn ready_comes_with_a_status_and_stopping_before_the_end() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log"), ("b", "b.log")], ANY);
    let mut daemon = scene.start(&mut scene.command());
    let ready = scene.manager.until("READY=1");
    assert!(ready.contains("STATUS=2 sources; 2 logs; 1 row; up to date; 1 log not there"), "{ready}");
    // It was ready in truth: the row is there.
    assert_eq!(daemon.get("/api/unauthorized/client?clientId=first").0, 200);
    scene.refuse("b.log", "second");
    scene.manager.until("STATUS=2 sources; 2 logs; 2 rows; up to date");
    daemon.signal("TERM");
    scene.manager.until("STOPPING=1");
    assert!(daemon.ends().success(), "{}", daemon.said());
}

#[test]
fn an_abstract_socket_is_told_too() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let manager = Manager::abstract_one(&format!("turnaway-test-{}", std::process::id()));
    let _daemon = scene.start(scene.command().env("NOTIFY_SOCKET", &manager.name));
    manager.until("READY=1");
}

#[test]
fn the_watchdog_is_fed_while_reading_goes_on_and_not_while_a_write_hangs() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.start(scene.command().env("WATCHDOG_USEC", "8000000"));
    scene.manager.until("READY=1");
    for _ in 0..3 {
        scene.manager.until("WATCHDOG=1");
    }
    // Another program holds the database: the next write waits for it.
    let other = rusqlite::Connection::open(scene.path("rows.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    scene.refuse("a.log", "second");
    // The write gives up after five seconds, says so, and is tried again: that is progress, and the watchdog is fed with it. In
    // between it hangs, and nobody feeds.
    let mut fed_while_it_hung = 0;
    while !daemon.said().contains("cannot write") {
        fed_while_it_hung +=
            u32::from(scene.manager.within(Duration::from_millis(500)).is_some_and(|message| message.contains("WATCHDOG=1")));
    }
    assert!(fed_while_it_hung <= 1, "{fed_while_it_hung}: at most for the turn before it");
    scene.manager.until("STATUS=1 source; 1 log; 1 row; up to date; reading waits");
    other.execute_batch("ROLLBACK").unwrap();
    daemon.has("second");
    scene.manager.until("WATCHDOG=1");
}

#[test]
fn sockets_of_a_socket_unit_are_taken_over() {
    let scene = Scene::new();
    // The default place would be opened without a socket unit.
    scene.configure(&[("a", "a.log")], "");
    let python = "import os, socket, sys\n\
        t = socket.socket(); t.bind(('127.0.0.1', 0)); t.listen()\n\
        u = socket.socket(socket.AF_UNIX); u.bind(sys.argv[1]); u.listen()\n\
        a, b = os.dup(t.fileno()), os.dup(u.fileno())\n\
        os.dup2(a, 3, inheritable=True); os.dup2(b, 4, inheritable=True)\n\
        os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[2], sys.argv[2:])";
    let (socket, log) = (scene.path("handed.sock"), std::fs::File::create(scene.path("own.log")).unwrap());
    let mut command = Command::new("python3");
    command.args(["-c", python]).arg(&socket).arg(env!("CARGO_BIN_EXE_turnaway")).args(["run", "--config"]).arg(&scene.config);
    command.env("NOTIFY_SOCKET", &scene.manager.name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut daemon = scene.start(&mut command);
    scene.manager.until("READY=1");
    assert_eq!(daemon.get("/healthz").0, 200);
    assert!(!daemon.addr.to_string().ends_with(":8099"));
    assert_eq!(real::http_delete(&socket, "/api/unauthorized/client?clientId=first").unwrap().0, 200);
    // Its file is the service manager's: it stays.
    daemon.signal("TERM");
    assert!(daemon.ends().success());
    assert!(socket.exists());
}

// ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_second_signal_ends_it_at_once() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], &format!("listen = [\"127.0.0.1:0\", \"unix:{}\"]", scene.path("api.sock").display()));
    let mut daemon = scene.run();
    // A deletion has to wait for another program's write, so that the first signal alone takes its time.
    let other = rusqlite::Connection::open(scene.path("rows.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let socket = scene.path("api.sock");
    let deletion = std::thread::spawn(move || real::http_delete(&socket, "/api/unauthorized/client?clientId=nobody"));
    // Requests are taken in order: when these are answered, the deletion has begun.
    (0..20).for_each(|_| assert_eq!(daemon.get("/healthz").0, 200));
    daemon.signal("TERM");
    scene.manager.until("STOPPING=1");
    scene.refuse("a.log", "second");
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(1), "{}", daemon.said());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(deletion.join().unwrap().is_err());
    // Nothing was lost by it.
    scene.run().has("second");
}

#[test]
fn its_state_is_told_when_asked_for() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.run();
    daemon.signal("USR1");
    daemon.says("state of a log source=a");
    let said = daemon.said();
    assert!(said.contains("rows=1") && said.contains("refused=1") && said.contains("state=following"), "{said}");
}

// ── other configurations ────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn sources_come_and_go_and_the_others_notice_nothing() {
    let scene = Scene::new();
    // From the broker's start on, so that who is left is certain.
    let text = std::fs::read_to_string(scene.path("a.log")).unwrap();
    std::fs::write(scene.path("a.log"), format!("1795446174: mosquitto version 2.0.22 starting\n{text}")).unwrap();
    scene.configure(&[("a", "a.log"), ("b", "b.log")], ANY);
    let daemon = scene.run();
    daemon.has("first");
    // A conversation that is open at the moment of the change.
    let open = |line: &str| {
        let mut file = std::fs::OpenOptions::new().append(true).open(scene.path("a.log")).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    };
    open("1795446175: New connection from 192.0.2.77:5001 on port 1883.\n");
    daemon.source_once("a", |source| source["lines"] == 4);
    scene.refuse("c.log", "third");
    scene.configure(&[("a", "a.log"), ("c", "c.log")], ANY);
    let status = scene.reload(&daemon);
    assert!(status.contains("2 sources"), "{status}");
    daemon.has("third");
    assert_eq!(daemon.source("b"), None);
    open("1795446175: Client open disconnected, not authorised.\n");
    let row = daemon.has("open");
    assert_eq!((row["ipAddress"].as_str(), row["attempts"].as_u64()), (Some("192.0.2.77"), Some(1)), "{row:#}");
    assert!(row["inferred"].as_array().unwrap().is_empty(), "{row:#}");
    // It was not read again.
    daemon.source_once("a", |source| source["lines"] == 5);
    daemon.says("added=c removed=b changed=none");

    // What comes back goes on where it was.
    scene.refuse("b.log", "meanwhile");
    scene.configure(&[("a", "a.log"), ("b", "b.log")], ANY);
    scene.reload(&daemon);
    assert_eq!(daemon.has("meanwhile")["attempts"], 1);
    assert_eq!(daemon.has("first")["attempts"], 1);
}

#[test]
fn a_source_that_changes_goes_on_where_it_was() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.run();
    daemon.has("first");
    let text = std::fs::read_to_string(&scene.config).unwrap();
    std::fs::write(&scene.config, text.replace("path = \"", "tls_ports = [1883]\npath = \"")).unwrap();
    scene.reload(&daemon);
    daemon.says("changed=a");
    scene.refuse("a.log", "second");
    let row = daemon.has("second");
    assert_eq!(row["tlsUsed"], true, "{row:#}");
    assert_eq!(daemon.has("first")["attempts"], 1);
    daemon.source_once("a", |source| (source["lines"].as_u64(), source["refused"].as_u64()) == (Some(4), Some(2)));
    // Another path of the same source.
    let text = std::fs::read_to_string(&scene.config).unwrap();
    std::fs::write(&scene.config, text.replace("a.log", "[ad].log")).unwrap();
    scene.refuse("d.log", "fourth");
    scene.reload(&daemon);
    daemon.has("fourth");
    assert_eq!(daemon.has("second")["attempts"], 1);
}

#[test]
fn a_wrong_configuration_changes_nothing_and_says_why() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.run();
    for (wrong, why) in [
        ("retention = \"never\"", "is no retention"),
        ("listen = [\"0.0.0.0:8099\"]", "other machines can reach"),
        ("grammars = \"/nowhere\"", "there is no directory"),
    ] {
        scene.configure(&[("b", "b.log")], wrong);
        let status = scene.reload(&daemon);
        assert!(status.contains("the old configuration is in use") && status.contains(why), "{status}");
        assert!(status.lines().count() == 2, "{status}");
        assert!(daemon.source("a").is_some() && daemon.source("b").is_none());
        let (code, health) = daemon.get("/healthz");
        assert!(code == 200 && health["configuration"].as_str().is_some_and(|text| text.starts_with("old")), "{health}");
    }
    daemon.says("the new configuration cannot be used; the old one stays in use");
    // A place that somebody else has: nothing else of that configuration is used either.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    scene.configure(&[("b", "b.log")], &format!("listen = [\"127.0.0.1:0\", \"{}\"]", taken.local_addr().unwrap()));
    let status = scene.reload(&daemon);
    assert!(status.contains("another program"), "{status}");
    assert!(daemon.source("a").is_some() && daemon.source("b").is_none());
    // Mended.
    scene.configure(&[("a", "a.log"), ("b", "b.log")], ANY);
    let status = scene.reload(&daemon);
    assert!(!status.contains("old configuration"), "{status}");
    assert_eq!(daemon.get("/healthz").1.get("configuration"), None);
}

#[test]
fn places_and_tokens_change_while_it_runs() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.run();
    let socket = scene.path("api.sock");
    let secret = "turnaway_0123456789";
    let hash = turnaway::api::Hash::of(secret);
    let token = format!("\n[[token]]\nname = \"ann\"\nrole = \"auditor\"\nsha256 = \"{hash}\"\n");
    scene.configure(&[("a", "a.log")], &format!("listen = [\"127.0.0.1:0\", \"unix:{}\"]{token}", socket.display()));
    scene.reload(&daemon);
    assert_eq!(daemon.get("/api/sources").0, 401, "the token is asked for at the place that stayed, too");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(real::http_delete(&socket, "/api/unauthorized/client?clientId=first").unwrap().0, 200);
    assert!(!daemon.said().contains(secret) && !daemon.said().contains(&hash.to_string()));
    scene.configure(&[("a", "a.log")], ANY);
    scene.reload(&daemon);
    assert_eq!(daemon.get("/api/sources").0, 200);
    assert!(!socket.exists());
}

#[test]
fn what_needs_a_restart_is_said() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let daemon = scene.run();
    let text = std::fs::read_to_string(&scene.config).unwrap();
    std::fs::write(&scene.config, text.replace("rows.db", "other.db")).unwrap();
    scene.reload(&daemon);
    daemon.says("this changes with a restart only; everything else of the new configuration is in use what=database");
    assert!(!scene.path("other.db").exists());
    daemon.has("first");
}

#[test]
fn a_grammar_that_changes_is_used_and_a_broken_one_is_not() {
    let scene = Scene::new();
    let grammars = scene.path("grammars");
    std::fs::create_dir(&grammars).unwrap();
    let show = Command::new(env!("CARGO_BIN_EXE_turnaway")).args(["grammar", "show", "mosquitto"]).output().unwrap();
    let grammar = String::from_utf8(show.stdout).unwrap();
    let file = grammars.join("mosquitto.toml");
    std::fs::write(&file, &grammar).unwrap();
    let more = format!("{ANY}\ngrammars = \"{}\"", grammars.display());
    scene.configure(&[("a", "a.log")], &more);
    let daemon = scene.run();
    daemon.has("first");
    std::fs::write(&file, format!("nonsense = 1\n{grammar}")).unwrap();
    let status = scene.reload(&daemon);
    assert!(status.contains("nonsense"), "{status}");
    // Another word for a refusal.
    let word = "disconnected, not authorised.";
    assert!(grammar.contains(word));
    std::fs::write(&file, grammar.replace(word, "went away, not authorised.")).unwrap();
    scene.reload(&daemon);
    daemon.says("changed=a");
    let mut log = std::fs::OpenOptions::new().append(true).open(scene.path("a.log")).unwrap();
    log.write_all(b"1795446175: New connection from 192.0.2.9:5001 on port 1883.\n1795446175: Client other went away, not authorised.\n")
        .unwrap();
    daemon.has("other");
    assert_eq!(daemon.has("first")["attempts"], 1);
}

/// Only its owner and its group can look at what names people and addresses.
#[test]
fn its_files_are_not_for_everybody() {
    let scene = Scene::new();
    scene.configure(&[("a", "a.log")], ANY);
    let _daemon = scene.run();
    for file in ["rows.db", "rows.db-wal", "rows.db.lock"] {
        let mode = Path::metadata(&scene.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{file}: {mode:o}");
    }
}
