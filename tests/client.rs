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
use turnaway::api::{Api, Limits, Listen, NewToken, Role, TokenConfig, Tokens, bind, serve};
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
        reason: "Password Does Not Match".to_owned(),
        reason_code: Reason::PasswordDoesNotMatch,
        alternatives: vec![],
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".to_owned(),
        attempts: 1,
        first_ts: ts,
        evidence: vec!["a line".to_owned()],
        peer: None,
        upstream: None,
    }
}

fn rows() -> Vec<Row> {
    let mut deduced = row("gate \u{1b}[31m", NOW + 60_000);
    deduced.inferred = vec![Field::IpAddress];
    let mut other = row("emqx-1", NOW - 1000);
    other.broker = "emqx".to_owned();
    other.username = None;
    other.reason_code = Reason::Other;
    other.reason = "Other: banned".to_owned();
    other.ip_address = Some("2001:db8::1".parse().unwrap());
    vec![row("Sensor-1", NOW), row("sensor 2/ü&x=%", NOW + 1000), deduced, other]
}

/// A server on a thread of its own, on a port of its own and on a Unix socket.
struct Server {
    dir: tempfile::TempDir,
    addr: SocketAddr,
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
        let config = |name: &str, role, token: &NewToken| TokenConfig { name: name.to_owned(), role, sha256: token.hash };
        let tokens = vec![config("ann", Role::Auditor, &auditor), config("olaf", Role::Operator, &operator)];
        let api = Api {
            store: store.clone(),
            clock: Arc::new(Still),
            tokens: Tokens::new(if with_tokens { tokens } else { vec![] }),
            hosts: vec![],
            sources: Arc::new(|| json!([])),
            ready: Arc::new(|| Ok(())),
            metrics: Arc::new(Metrics::default()),
            limits: Limits::default(),
        };
        let places = [Listen::Tcp("127.0.0.1:0".parse().unwrap()), Listen::Unix(dir.path().join("t.sock"))];
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listeners = bind(&places, &api.tokens).await.unwrap();
                tell.send(listeners[0].place().parse().unwrap()).unwrap();
                serve(listeners, api, async {
                    let _ = stopped.await;
                })
                .await;
            });
        });
        let addr = told.recv().unwrap();
        Server { dir, addr, store, auditor: auditor.secret, operator: operator.secret, stop: Some(stop), thread: Some(thread) }
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

#[derive(Default)]
struct Who<'w> {
    token: Option<&'w str>,
    /// None: nobody is at the terminal.
    answer: Option<&'w str>,
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
            look: Look { width: 110, colour: false, zone: jiff::tz::TimeZone::UTC },
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
    let auditor = Who { token: Some(&server.auditor), answer: None };
    let operator = Who { token: Some(&server.operator), answer: None };
    run(&list).failed(1, "asks for a token with the role auditor: set TURNAWAY_TOKEN or give --token-file");
    run(&delete).failed(1, "asks for a token with the role operator: set TURNAWAY_TOKEN");
    let stranger = Who { token: Some("turnaway_00"), answer: None };
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
    Who { token: Some("two\nlines"), answer: None }.run(&list).failed(2, "this is no token");
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
    let delete = |answer, line: &[&str]| Who { token: None, answer }.run(&[&["delete", "--server", &unix], line].concat());
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
    let done = delete(Some("y\n"), &["--all"]);
    assert_eq!((done.out(), server.ids()), ("Deleted all clients.\n", 0));
    assert_eq!(done.notes, format!("Delete all 2 clients at {unix}? [y/N] "));
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
    let cases: [(&[&str], &str); 9] = [
        (&["list", "--reason-code", "no-pasword-provided"], "did you mean \"no-password-provided\"?"),
        (&["list", "--sort", "clientID"], "did you mean \"clientId\"?"),
        (&["list", "--limit", "0"], "0 is not in 1.."),
        (&["list", "--server", "http://127.0.0.1:80"], "without http://"),
        (&["list", "--server", "127.0.0.1"], "expected a host and a port"),
        (&["list", "--format", "xml"], "table, json, ndjson, csv"),
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
