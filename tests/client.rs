//! `list` and `delete` against a daemon's API over real sockets: TCP and Unix, every role, every failure.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use clap::Parser;
use serde_json::json;
use snapbox::{IntoData as _, assert_data_eq, str};
use tokio::sync::oneshot;
use turnaway::api::{Api, Limits, Listen, NewToken, Role, Rule, Rules, Tls, TlsFiles, TokenConfig, Tokens, bind, serve};
use turnaway::cli::console::Look;
use turnaway::cli::{CliError, Console, delete, list};
use turnaway::clock::Clock;
use turnaway::config::Files;
use turnaway::metrics::Metrics;
use turnaway::model::{Attempt, Field, Identity, Millis, Reason, Row};
use turnaway::store::{Batch, Settings, SqliteStore, Store};

const NOW: Millis = 1_767_225_600_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        NOW
    }
}

fn row(client_id: &str, ts: Millis) -> Row {
    Row {
        client_id: client_id.to_owned(),
        ip_address: Some("192.0.2.7".parse().unwrap()),
        ts,
        username: Some("ann".to_owned()),
        password_provided: Some(true),
        tls_used: Some(false),
        reason: "Password Does Not Match".into(),
        reason_code: Reason::PasswordDoesNotMatch,
        alternatives: Default::default(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".into(),
        attempts: 1,
        first_ts: ts,
        evidence: ["a line"].into(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

fn rows() -> Vec<Row> {
    let mut deduced = row("gate \u{1b}[31m", NOW + 60_000);
    deduced.inferred = vec![Field::IpAddress];
    let mut other = row("emqx-1", NOW - 1000);
    other.broker = "emqx".into();
    other.username = None;
    other.reason_code = Reason::Other;
    other.reason = "Other: banned".into();
    other.ip_address = Some("2001:db8::1".parse().unwrap());
    vec![row("Sensor-1", NOW), row("sensor 2/ü&x=%", NOW + 1000), deduced, other]
}

/// For localhost, 127.0.0.1 and 127.0.0.3; it vouches for itself.
const CERTIFICATE: &str = "tests/api/tls/new.pem";

fn with_tls() -> Listen {
    Listen::Tcp("127.0.0.3:0".parse().unwrap())
}

/// A server on a thread of its own, on a port of its own, another one with TLS, and on a Unix socket.
struct Server {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    tls: SocketAddr,
    store: Arc<SqliteStore>,
    auditor: String,
    operator: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(with_tokens: bool, rows: Vec<Row>) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap());
        let mut batch = Batch::default();
        for row in rows {
            batch.push(Attempt::Refused(Box::new(row)), true, false);
        }
        store.commit(&batch, NOW).unwrap();
        let (auditor, operator) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        let files = TlsFiles { certificate: CERTIFICATE.into(), key: "tests/api/tls/new.key".into() };
        let tls = Rule { tls: Some(Arc::new(Tls::load(files).unwrap())), ..Rule::default() };
        let config = |name: &str, role, token: &NewToken| TokenConfig { name: name.to_owned(), role, sha256: token.hash };
        let tokens = vec![config("ann", Role::Auditor, &auditor), config("olaf", Role::Operator, &operator)];
        let api = Api {
            store: store.clone(),
            clock: Arc::new(Still),
            tokens: Tokens::new(if with_tokens { tokens } else { vec![] }).with_rules(Rules::new(vec![(with_tls(), tls)])),
            hosts: vec![],
            sources: Arc::new(|| json!([])),
            ready: Arc::new(|| Ok(())),
            metrics: Arc::new(Metrics::default()),
            limits: Limits::default(),
        };
        let places = [Listen::Tcp("127.0.0.1:0".parse().unwrap()), with_tls(), Listen::Unix(dir.path().join("t.sock"))];
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listeners = bind(&places, &api.tokens).await.unwrap();
                tell.send([0, 1].map(|at: usize| listeners[at].place().parse().unwrap())).unwrap();
                serve(listeners, api, async {
                    let _ = stopped.await;
                })
                .await;
            });
        });
        let [addr, tls] = told.recv().unwrap();
        Server { dir, addr, tls, store, auditor: auditor.secret, operator: operator.secret, stop: Some(stop), thread: Some(thread) }
    }

    fn tcp(&self) -> String {
        self.addr.to_string()
    }

    fn unix(&self) -> String {
        format!("unix:{}", self.dir.path().join("t.sock").display())
    }

    fn ids(&self) -> usize {
        usize::try_from(self.store.count().unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[derive(Parser)]
#[expect(clippy::large_enum_variant, reason = "there is one of it for each command that a test runs")]
enum Command {
    List(list::ListArgs),
    Delete(delete::DeleteArgs),
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &Path) -> io::Result<String> {
        // Files that a test has made; those of the machine are not there.
        if path.starts_with("/etc") { Err(io::ErrorKind::NotFound.into()) } else { std::fs::read_to_string(path) }
    }

    fn is_dir(&self, _: &Path) -> bool {
        false
    }
}

/// What a command came to.
struct Done {
    result: Result<(), CliError>,
    out: String,
    notes: String,
}

impl Done {
    #[track_caller]
    fn failed(&self, code: u8, words: &str) {
        let error = self.result.as_ref().unwrap_err();
        assert!(error.render(false).contains(words), "{}", error.render(false));
        assert_eq!((error.exit_code(), self.out.as_str()), (code, ""));
    }

    #[track_caller]
    fn out(&self) -> &str {
        self.result.as_ref().unwrap();
        &self.out
    }

    fn ids(&self) -> Vec<String> {
        self.out().lines().map(|line| serde_json::from_str::<Row>(line).unwrap().client_id).collect()
    }
}

struct Who<'w> {
    token: Option<&'w str>,
    /// None: nobody is at the terminal.
    answer: Option<&'w str>,
    /// Columns of the terminal.
    width: usize,
}

impl Default for Who<'_> {
    fn default() -> Self {
        Who { token: None, answer: None, width: 110 }
    }
}

impl Who<'_> {
    fn run(&self, line: &[&str]) -> Done {
        let command = Command::try_parse_from([&["turnaway"], line].concat()).unwrap();
        let (mut input, mut output, mut notes) = (self.answer.unwrap_or_default().as_bytes(), Vec::new(), Vec::new());
        let mut console = Console {
            input: &mut input,
            output: &mut output,
            notes: &mut notes,
            is_interactive: self.answer.is_some(),
            look: Look { width: self.width, colour: false, zone: jiff::tz::TimeZone::UTC },
            now: NOW,
            token: self.token.map(str::to_owned),
        };
        let result = match &command {
            Command::List(args) => list::run(args, &mut console, &NoFiles),
            Command::Delete(args) => delete::run(args, &mut console, &NoFiles),
        };
        Done { result, out: String::from_utf8(output).unwrap(), notes: String::from_utf8(notes).unwrap() }
    }
}

fn run(line: &[&str]) -> Done {
    Who::default().run(line)
}

#[test]
fn the_table_is_shown_over_tcp_and_over_the_socket() {
    let server = Server::start(false, rows());
    let shown = run(&["list", "--server", &server.tcp()]);
    assert_data_eq!(
        shown.out(),
        str![[r#"
Last update          Client ID       Username  Password  TLS  Client IP    Broker     Reason
2026-01-01 00:01:00  gate \x1b[31m   ann       yes       no   192.0.2.7?   mosquitto  Password Does Not Match
2026-01-01 00:00:01  sensor 2/ü&x=%  ann       yes       no   192.0.2.7    mosquitto  Password Does Not Match
2026-01-01 00:00:00  Sensor-1        ann       yes       no   192.0.2.7    mosquitto  Password Does Not Match
2025-12-31 23:59:59  emqx-1          –         yes       no   2001:db8::1  emqx       Other: banned
4 clients
? deduced from the log with less than certainty: do not act upon it alone

"#]]
        .raw()
    );
    assert_eq!(run(&["list", "--server", &server.unix()]).out(), shown.out());
}

#[test]
fn filters_and_order() {
    let server = Server::start(false, rows());
    let list = |more: &[&str]| run(&[&["list", "--format", "ndjson", "--server", &server.tcp()], more].concat()).ids();
    let (gate, odd) = ("gate \u{1b}[31m", "sensor 2/ü&x=%");
    assert_eq!(list(&[]), [gate, odd, "Sensor-1", "emqx-1"]);
    assert_eq!(list(&["--order", "asc"]), ["emqx-1", "Sensor-1", odd, gate]);
    assert_eq!(list(&["--sort", "broker", "-n", "1"]), ["emqx-1"]);
    assert_eq!(list(&["--client-id", "2/ü&x="]), [odd]);
    assert_eq!(list(&["--client-id", "SENSOR", "--sort", "clientId"]), ["Sensor-1", odd]);
    assert_eq!(list(&["--username", "an", "--ip", "2.7", "--reason", "password", "--limit", "2"]), [gate, odd]);
    assert_eq!(list(&["--broker", "emqx"]), ["emqx-1"]);
    assert_eq!(list(&["--reason-code", "other", "--reason-code", "no-password-provided"]), ["emqx-1"]);
    assert_eq!(list(&["--username", "nobody"]), [""; 0]);
    assert_eq!(run(&["list", "--username", "nobody", "--server", &server.tcp()]).out(), "No clients.\n");
    let first = run(&["list", "--limit", "1", "--server", &server.tcp()]);
    assert!(first.out().contains("\n1 of 4 clients\n"), "{}", first.out);
}

#[test]
fn filters_are_those_of_the_api() {
    let mut silent = row("silent", NOW - 5000);
    silent.password_provided = None;
    silent.tls_used = Some(true);
    let server = Server::start(false, [rows(), vec![silent]].concat());
    let list = |more: &[&str]| run(&[&["list", "--format", "ndjson", "--sort", "clientId", "--server", &server.tcp()], more].concat());
    let (gate, odd) = ("gate \u{1b}[31m", "sensor 2/ü&x=%");
    assert_eq!(list(&["--password", "yes"]).ids(), ["Sensor-1", "emqx-1", gate, odd]);
    assert_eq!(list(&["--password", "no"]).ids(), [""; 0]);
    assert_eq!(list(&["--tls", "yes"]).ids(), ["silent"]);
    // NOW is the clock's time, and the zone is UTC.
    assert_eq!(list(&["--since", "2s"]).ids(), ["Sensor-1", "emqx-1", gate, odd]);
    assert_eq!(list(&["--since", "2026-01-01T00:00:01Z"]).ids(), [gate, odd]);
    assert_eq!(list(&["--since", "2026-01-01", "--until", "2026-01-01 00:00:30"]).ids(), ["Sensor-1", odd]);
    assert_eq!(list(&["--until", "3s"]).ids(), ["silent"]);
    list(&["--since", "yesterday"]).failed(2, "--since \"yesterday\" is no time: expected 2026-01-31");
}

#[test]
fn narrow_and_wide_terminals_get_what_fits() {
    let server = Server::start(false, rows());
    for width in [80, 120] {
        let shown = Who { width, ..Who::default() }.run(&["list", "--server", &server.tcp()]);
        assert!(shown.out().lines().take(5).all(|line| line.chars().count() <= width), "{}", shown.out());
        assert!(shown.out().contains("192.0.2.7?"), "{}", shown.out());
        assert!(!shown.out().contains('\u{1b}'));
    }
}

/// An output that tells each line to another thread, and after some of them nobody reads it any more.
struct Told {
    lines: mpsc::Sender<String>,
    line: Vec<u8>,
    left: usize,
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if self.left == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.line.push(*byte);
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                self.left -= 1;
                let _ = self.lines.send(line.trim_end().to_owned());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Watches on a thread of its own until `lines` lines were printed and one more is tried.
fn watching(line: &[&str], lines: usize) -> (mpsc::Receiver<String>, JoinHandle<Result<(), CliError>>) {
    let (tell, told) = mpsc::channel();
    let line: Vec<String> = line.iter().map(|&part| part.to_owned()).collect();
    let thread = std::thread::spawn(move || {
        let Command::List(args) = Command::try_parse_from(["turnaway".to_owned()].into_iter().chain(line)).unwrap() else { panic!() };
        let mut console = Console {
            input: &mut io::empty(),
            output: &mut Told { lines: tell, line: Vec::new(), left: lines },
            notes: &mut io::sink(),
            is_interactive: false,
            look: Look { width: 130, colour: false, zone: jiff::tz::TimeZone::UTC },
            now: NOW,
            token: None,
        };
        list::run(&args, &mut console, &NoFiles)
    });
    (told, thread)
}

impl Server {
    fn refuse(&self, client_id: &str, ts: Millis) {
        let mut batch = Batch::default();
        batch.push(Attempt::Refused(Box::new(row(client_id, ts))), true, false);
        self.store.commit(&batch, NOW).unwrap();
    }
}

#[test]
fn watching_shows_the_rows_that_are_there_and_then_each_change() {
    let server = Server::start(false, vec![row("first", NOW), row("second", NOW + 1)]);
    let (told, thread) = watching(&["list", "--watch", "--server", &server.unix()], 7);
    let next = || told.recv().unwrap();
    assert!(next().starts_with("Last update"));
    assert!(next().contains("  first "), "the latest stands last");
    assert!(next().contains("  second "));
    server.refuse("third \u{1b}[2J", NOW + 60_000);
    let third = next();
    assert!(third.contains("third \\x1b[2J") && third.chars().count() <= 130, "{third}");
    server.refuse("first", NOW + 61_000);
    assert!(next().starts_with("2026-01-01 00:01:01  first "));
    server.store.delete("second", NOW).unwrap();
    assert_eq!(next(), "gone: second (mosquitto)");
    server.store.delete_all(NOW).unwrap();
    assert!(next().starts_with("gone: first"));
    // That nobody reads it any more ends it, and is no failure.
    thread.join().unwrap().unwrap();
}

#[test]
fn watching_as_ndjson_gives_rows_and_removals_that_fit_the_filters() {
    let server = Server::start(false, rows());
    let (told, thread) = watching(&["list", "-w", "-f", "ndjson", "--client-id", "sensor", "--server", &server.tcp()], 4);
    let next = || serde_json::from_str::<serde_json::Value>(&told.recv().unwrap()).unwrap();
    assert_eq!([next()["clientId"].clone(), next()["clientId"].clone()], ["Sensor-1", "sensor 2/ü&x=%"]);
    server.refuse("other", NOW + 1);
    server.refuse("sensor-9", NOW + 2);
    let found = next();
    assert_eq!((&found["clientId"], &found["attempts"]), (&json!("sensor-9"), &json!(1)));
    server.store.delete("other", NOW).unwrap();
    server.store.delete("sensor-9", NOW).unwrap();
    assert_eq!(next(), json!({ "clientId": "sensor-9", "identity": "client-id", "broker": "mosquitto", "removed": true }));
    server.refuse("sensor-10", NOW + 3);
    thread.join().unwrap().unwrap();
}

#[test]
fn watching_outlives_the_daemon_and_says_what_it_missed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let page = |rows: &[Row]| {
        let body = json!({ "data": rows, "totalPages": 1, "totalElements": rows.len(), "hasNext": false }).to_string();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: ready\ndata: {}\n\n".to_owned();
    let answers = [
        ("/events?", stream.clone()),
        ("/v2?", page(&[row("a", NOW), row("b", NOW)])),
        ("/events?", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 70\r\n\r\n{\"status\":503,\"message\":\"starting\",\"errorCode\":2,\"timestamp\":17672256}".to_owned()),
        ("/events?", stream),
        ("/v2?", page(&[row("b", NOW), row("c", NOW)])),
    ];
    let daemon = std::thread::spawn(move || {
        // A stream stays open until the next request, then it breaks off.
        let mut open = Vec::new();
        for (path, answer) in answers {
            if path == "/events?" {
                open.clear();
            }
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 2048];
            let read = io::Read::read(&mut stream, &mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(request.starts_with("GET /api/unauthorized/client") && request.contains(path), "{request}");
            stream.write_all(answer.as_bytes()).unwrap();
            open.push(stream);
            if path == "/v2?" {
                open.clear();
            }
        }
    });
    let (told, thread) = watching(&["list", "-w", "-f", "ndjson", "--server", &addr], 4);
    let mut ids = Vec::new();
    for _ in 0..4 {
        let line: serde_json::Value = serde_json::from_str(&told.recv().unwrap()).unwrap();
        ids.push((line["clientId"].as_str().unwrap().to_owned(), line["removed"] == true));
    }
    let expected = [("b", false), ("a", false), ("a", true), ("c", false)];
    assert_eq!(ids, expected.map(|(id, gone)| (id.to_owned(), gone)));
    daemon.join().unwrap();
    drop(told);
    // The daemon is gone for good: whoever watches waits for it until Ctrl-C.
    drop(thread);
}

#[test]
fn watching_needs_a_format_with_lines_and_the_right_to_read() {
    let server = Server::start(true, rows());
    run(&["list", "--watch", "--format", "json", "--server", &server.unix()]).failed(2, "use --format ndjson, csv or table");
    run(&["list", "--watch", "--server", &server.tcp()]).failed(1, "asks for a token with the role auditor");
    assert!(Command::try_parse_from(["turnaway", "list", "--watch", "--sort", "clientId"]).is_err());
}

#[test]
fn many_pages_come_whole_and_once() {
    let many: Vec<Row> = (0..1100).map(|n| row(&format!("c{n:04}"), NOW + n)).collect();
    let server = Server::start(false, many);
    let ids = run(&["list", "--format", "ndjson", "--sort", "clientId", "--server", &server.unix()]).ids();
    assert_eq!(ids, (0..1100).map(|n| format!("c{n:04}")).collect::<Vec<_>>());
    assert_eq!(run(&["list", "--format", "ndjson", "-n", "600", "--server", &server.unix()]).ids().len(), 600);
    assert!(run(&["list", "--server", &server.unix()]).out().ends_with("1100 clients\n"));
}

#[test]
fn the_configuration_says_where() {
    let server = Server::start(true, rows());
    let config = server.dir.path().join("turnaway.toml");
    let text = format!("listen = [\"{}\", \"{}\"]\nother = \"fault\"\n", server.tcp(), server.unix());
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    // By TCP it would need a token.
    assert_eq!(run(&["list", "--format", "ndjson", "--config", config]).ids().len(), 4);
    assert_eq!(run(&["delete", "Sensor-1", "--yes", "--config", config]).out(), "Deleted \"Sensor-1\".\n");
    run(&["list", "--config", "/nowhere/turnaway.toml"]).failed(2, "cannot read the configuration /nowhere/turnaway.toml");
}

#[test]
fn tokens_and_roles() {
    let server = Server::start(true, rows());
    let tcp = server.tcp();
    let (list, delete) = (["list", "--format", "ndjson", "--server", &tcp], ["delete", "Sensor-1", "--yes", "--server", &tcp]);
    let auditor = Who { token: Some(&server.auditor), ..Who::default() };
    let operator = Who { token: Some(&server.operator), ..Who::default() };
    run(&list).failed(1, "asks for a token with the role auditor: set TURNAWAY_TOKEN or give --token-file");
    run(&delete).failed(1, "asks for a token with the role operator: set TURNAWAY_TOKEN");
    let stranger = Who { token: Some("turnaway_00"), ..Who::default() };
    stranger.run(&list).failed(1, "and does not know the one that was sent");
    assert_eq!(auditor.run(&list).ids().len(), 4);
    auditor.run(&delete).failed(1, "it needs the role operator. Use the Unix socket");
    assert_eq!(server.ids(), 4);

    let file = server.dir.path().join("token");
    std::fs::write(&file, format!("{}\n", server.operator)).unwrap();
    let with_file = [&delete[..], &["--token-file", file.to_str().unwrap()]].concat();
    assert_eq!(stranger.run(&with_file).out(), "Deleted \"Sensor-1\".\n");
    operator.run(&delete).failed(1, "there is no client \"Sensor-1\" in the table");
    run(&[&list[..], &["--token-file", "/nowhere"]].concat()).failed(2, "cannot read the token in /nowhere");
    Who { token: Some("two\nlines"), ..Who::default() }.run(&list).failed(2, "this is no token");
}

#[test]
fn deleting_by_tcp_without_tokens_is_not_allowed() {
    let server = Server::start(false, rows());
    run(&["delete", "Sensor-1", "-y", "--server", &server.tcp()]).failed(1, "it needs the role operator");
    run(&["delete", "--all", "-y", "--server", &server.tcp()]).failed(1, "it needs the role operator");
    assert_eq!(server.ids(), 4);
}

#[test]
fn deleting_asks_first() {
    let server = Server::start(false, rows());
    let unix = server.unix();
    let delete = |answer, line: &[&str]| Who { answer, ..Who::default() }.run(&[&["delete", "--server", &unix], line].concat());
    delete(None, &["Sensor-1"]).failed(2, "add --yes if you are sure");
    delete(None, &["--all"]).failed(2, "add --yes if you are sure");
    for no in ["n\n", "\n", "", "yesterday\n"] {
        assert_eq!(delete(Some(no), &["Sensor-1"]).out(), "Nothing was deleted.\n");
    }
    assert_eq!(server.ids(), 4);
    let done = delete(Some("y\n"), &["--", "gate \u{1b}[31m"]);
    assert_eq!(done.out(), "Deleted \"gate \\u{1b}[31m\".\n");
    assert_eq!(done.notes, format!("Delete \"gate \\u{{1b}}[31m\" at {unix}? [y/N] "));
    assert_eq!(delete(Some("yes\n"), &["sensor 2/ü&x=%"]).out(), "Deleted \"sensor 2/ü&x=%\".\n");
    let several = ["nobody", "emqx-1", "no \u{7}one"];
    let done = delete(Some("y\n"), &several);
    let words = done.result.as_ref().unwrap_err().render(false);
    assert_eq!((done.out.as_str(), server.ids()), ("Deleted \"emqx-1\".\n", 1));
    assert!(words.contains("there is no client \"nobody\", nor \"no \\u{7}one\" in the table"), "{words}");
    assert_eq!(done.notes, format!("Delete \"nobody\", \"emqx-1\" and \"no \\u{{7}}one\" at {unix}? [y/N] "));
    let done = delete(Some("y\n"), &["--all"]);
    assert_eq!((done.out(), server.ids()), ("Deleted the only client.\n", 0));
    assert_eq!(done.notes, format!("Delete all 1 client at {unix}? [y/N] "));
}

#[test]
fn deleting_all_says_how_many_there_were() {
    let server = Server::start(false, rows());
    for words in ["Deleted all 4 clients.\n", "There were no clients.\n"] {
        assert_eq!(run(&["delete", "--all", "--yes", "--server", &server.unix()]).out(), words);
    }
}

#[test]
fn by_tls_it_is_certain_who_answers() {
    let server = Server::start(true, rows());
    let url = format!("https://{}", server.tls);
    let ask = |server: &str, more: &[&str]| run(&[&["list", "--server", server, "--format", "ndjson"], more].concat());
    let operator = Who { token: Some(&server.operator), ..Who::default() };
    let done = operator.run(&["list", "--server", &url, "--ca-file", CERTIFICATE, "--format", "ndjson"]);
    assert_eq!(done.ids().len(), 4);
    assert_eq!(
        operator.run(&["delete", "Sensor-1", "--yes", "--server", &format!("{url}/"), "--ca-file", CERTIFICATE]).out(),
        "Deleted \"Sensor-1\".\n"
    );
    ask(&url, &["--ca-file", CERTIFICATE]).failed(1, "asks for a token with the role auditor");
    // Somebody else's authority, another host's certificate, none at all.
    ask(&url, &["--ca-file", "tests/api/tls/old.pem"]).failed(1, "no safe connection to https://127.0.0.3:");
    let other = Server::start(false, rows());
    let wrong = format!("https://{}", other.addr);
    ask(&wrong, &["--ca-file", CERTIFICATE]).failed(1, &format!("no safe connection to {wrong}: "));
    // Plainly to where TLS is spoken.
    ask(&server.tls.to_string(), &[]).failed(1, "");
    ask(&url, &[]).failed(2, "no list of certificate authorities");
    ask(&url, &["--ca-file", "/nowhere.pem"]).failed(2, "cannot read the authorities in /nowhere.pem");
    ask(&url, &["--ca-file", "tests/api/tls/new.key"]).failed(2, "there is no certificate in tests/api/tls/new.key");
    let config = server.dir.path().join("tls.toml");
    let listener = format!("listen = []\n[[listener]]\naddress = \"{}\"\ntls_certificate = \"/c\"\ntls_key = \"/k\"\n", server.tls);
    std::fs::write(&config, listener).unwrap();
    let done = operator.run(&["list", "--config", config.to_str().unwrap(), "--ca-file", CERTIFICATE, "--format", "ndjson"]);
    assert_eq!(done.ids().len(), 3, "the configuration says that TLS is spoken there");
    for wrong in ["https://", "https:///", "https://host:", "https://host:0", "https://a/b", "https://user@host"] {
        assert!(wrong.parse::<turnaway::cli::client::Server>().is_err(), "{wrong}");
    }
    for (text, whole) in [
        ("https://host", "https://host:443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("https://h:8443/", "https://h:8443"),
    ] {
        assert_eq!(text.parse::<turnaway::cli::client::Server>().unwrap().to_string(), whole);
    }
}

#[test]
fn nobody_is_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    run(&["list", "--server", &free]).failed(1, "is it running? Start it with `turnaway run`");
    run(&["list", "--server", "unix:/nowhere/t.sock"]).failed(1, "cannot reach turnaway at unix:/nowhere/t.sock: No such file");
}

#[test]
fn somebody_else_is_there() {
    let answers: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = io::Read::read(&mut stream, &mut request).unwrap();
            stream.write_all(answer).unwrap();
        });
        run(&["list", "--server", &addr]).failed(1, "is no turnaway, or one of another version");
        thread.join().unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || drop(listener.accept().unwrap()));
    run(&["list", "--server", &addr]).failed(1, "broke");
    thread.join().unwrap();
}

#[test]
fn wrong_usage() {
    let cases: [(&[&str], &str); 10] = [
        (&["list", "--reason-code", "no-pasword-provided"], "did you mean \"no-password-provided\"?"),
        (&["list", "--sort", "clientID"], "did you mean \"clientId\"?"),
        (&["list", "--limit", "0"], "0 is not in 1.."),
        (&["list", "--server", "http://127.0.0.1:80"], "without http://"),
        (&["list", "--server", "127.0.0.1"], "expected a host and a port"),
        (&["list", "--format", "xml"], "table, json, ndjson, csv"),
        (&["list", "--tls", "perhaps"], "expected yes or no"),
        (&["delete"], "CLIENT_ID"),
        (&["delete", "x", "--all"], "cannot be used with"),
        (&["delete", ""], "a value is required"),
    ];
    for (line, words) in cases {
        let Err(error) = Command::try_parse_from([&["turnaway"], line].concat()) else { panic!("{line:?}") };
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    <Command as clap::CommandFactory>::command().debug_assert();
}
