//! A server in the test's own process, and a client that shows every byte of the answers.

pub(crate) use std::net::SocketAddr;
pub(crate) use std::sync::Arc;
pub(crate) use std::time::Duration;

pub(crate) use serde_json::{Value, json};
pub(crate) use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
pub(crate) use tokio::net::{TcpStream, UnixStream};
pub(crate) use tokio::sync::oneshot;
pub(crate) use turnaway::api::{
    Access, Api, Limits, Listen, ListenError, NewToken, ROUTES, Role, Rule, Rules, TokenConfig, Tokens, bind, serve,
};
pub(crate) use turnaway::clock::Clock;
pub(crate) use turnaway::metrics::Metrics;
pub(crate) use turnaway::model::{Attempt, Identity, Millis, Reason, Row};
pub(crate) use turnaway::store::{Batch, Settings, SqliteStore, Store};

pub(crate) const NOW: Millis = 1_767_225_600_000;
pub(crate) const CLIENT: &str = "/api/unauthorized/client";

pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        NOW
    }
}

pub(crate) fn row(client_id: &str, ts: Millis) -> Row {
    Row {
        client_id: client_id.to_owned(),
        ip_address: Some("192.0.2.7".parse().unwrap()),
        ts,
        username: None,
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
        evidence: ["<script>"].into(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

/// A server in this process, on a port of its own and on a Unix socket, with a table of a few rows.
pub(crate) struct Server {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) addr: SocketAddr,
    /// A listener for reading only.
    pub(crate) reading: SocketAddr,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) auditor: String,
    pub(crate) operator: String,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) done: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) tokens: bool,
    pub(crate) hosts: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) not_ready: bool,
}

impl Server {
    pub(crate) async fn start(options: Options) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap());
        let (auditor, operator) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        let config = |name: &str, role, token: &NewToken| TokenConfig { name: name.to_owned(), role, sha256: token.hash };
        let tokens = match options.tokens {
            true => vec![config("ann", Role::Auditor, &auditor), config("olaf", Role::Operator, &operator)],
            false => vec![],
        };
        let places = [
            Listen::Tcp("127.0.0.1:0".parse().unwrap()),
            Listen::Unix(dir.path().join("t.sock")),
            Listen::Tcp("127.0.0.2:0".parse().unwrap()),
            Listen::Unix(dir.path().join("reading.sock")),
        ];
        // The last two are for reading only.
        let reading = Rule { role: Role::Auditor, mode: 0o600, ..Rule::default() };
        let rules = places[2..].iter().map(|place| (place.clone(), reading.clone())).collect();
        let tokens = Tokens::new(tokens).with_rules(Rules::new(rules));
        let listeners = bind(&places, &tokens).await.unwrap();
        let addr = listeners[0].place().parse().unwrap();
        let reading = listeners[2].place().parse().unwrap();
        let not_ready = options.not_ready;
        let api = Api {
            store: store.clone(),
            clock: Arc::new(Still),
            tokens,
            hosts: options.hosts,
            sources: Arc::new(|| json!([{ "name": "mosquitto" }])),
            ready: Arc::new(move || if not_ready { Err("1 of 2 logs read".to_owned()) } else { Ok(()) }),
            metrics: Arc::new(Metrics::default()),
            limits: options.limits,
        };
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(serve(listeners, api, async {
            let _ = stopped.await;
        }));
        let server = Server { dir, addr, store, auditor: auditor.secret, operator: operator.secret, stop, done, reading };
        server.fill();
        server
    }

    pub(crate) fn fill(&self) {
        let mut batch = Batch::default();
        let mut tls = row("tls-1", NOW + 2);
        tls.tls_used = Some(true);
        tls.username = Some("bob".to_owned());
        tls.broker = "emqx".into();
        tls.reason_code = Reason::Other;
        for row in [row("Sensor-1", NOW), row("sensor 2/ü", NOW + 1), tls] {
            batch.push(Attempt::Refused(Box::new(row)), true, false);
        }
        self.store.commit(&batch, NOW).unwrap();
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &str) -> Answer {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let host = self.addr;
        exchange(stream, &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n")).await
    }

    pub(crate) async fn ask_reading(&self, method: &str, target: &str, headers: &str) -> Answer {
        let stream = TcpStream::connect(self.reading).await.unwrap();
        exchange(stream, &format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")).await
    }

    pub(crate) async fn ask_unix(&self, socket: &str, method: &str, target: &str) -> Answer {
        let stream = UnixStream::connect(self.dir.path().join(socket)).await.unwrap();
        exchange(stream, &format!("{method} {target} HTTP/1.1\r\nHost: turnaway\r\nConnection: close\r\n\r\n")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "").await
    }

    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        read_answer(stream).await
    }

    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
        self.dir
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: u32, message: &str) {
        let found = self.json();
        assert_eq!(found, json!({ "status": status, "message": message, "errorCode": code, "timestamp": NOW }));
        assert_eq!(self.status, status);
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].as_array().unwrap().iter().map(|row| row["clientId"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_answer(stream).await
}

/// Reads until the server closes, of an event stream the head only; status 0 stands for no answer at all.
pub(crate) async fn read_answer(mut stream: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    // A reset after the answer still leaves the answer.
    while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
        if bytes[..head].windows(17).any(|part| part == b"text/event-stream") {
            break;
        }
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, head: String::from_utf8_lossy(&bytes).into_owned(), body: vec![] };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}
