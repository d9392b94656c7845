//! The API over real sockets: every route for every role, TBMQ's answers, other sites' pages, and every limit.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use turnaway::api::{Access, Api, Limits, Listen, ListenError, NewToken, ROUTES, Role, TokenConfig, Tokens, bind, serve};
use turnaway::clock::Clock;
use turnaway::metrics::Metrics;
use turnaway::model::{Attempt, Identity, Millis, Reason, Row};
use turnaway::store::{Batch, Settings, SqliteStore, Store};

const NOW: Millis = 1_767_225_600_000;
const CLIENT: &str = "/api/unauthorized/client";

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
        username: None,
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
        evidence: vec!["<script>".to_owned()],
        peer: None,
        upstream: None,
    }
}

/// A server in this process, on a port of its own and on a Unix socket, with a table of a few rows.
struct Server {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    store: Arc<SqliteStore>,
    auditor: String,
    operator: String,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Options {
    tokens: bool,
    hosts: Vec<String>,
    limits: Limits,
    not_ready: bool,
}

impl Server {
    async fn start(options: Options) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap());
        let (auditor, operator) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        let config = |name: &str, role, token: &NewToken| TokenConfig { name: name.to_owned(), role, sha256: token.hash };
        let tokens = match options.tokens {
            true => vec![config("ann", Role::Auditor, &auditor), config("olaf", Role::Operator, &operator)],
            false => vec![],
        };
        let tokens = Tokens::new(tokens);
        let places = [Listen::Tcp("127.0.0.1:0".parse().unwrap()), Listen::Unix(dir.path().join("t.sock"))];
        let listeners = bind(&places, &tokens).await.unwrap();
        let addr = listeners[0].place().parse().unwrap();
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
        let server = Server { dir, addr, store, auditor: auditor.secret, operator: operator.secret, stop, done };
        server.fill();
        server
    }

    fn fill(&self) {
        let mut batch = Batch::default();
        let mut tls = row("tls-1", NOW + 2);
        tls.tls_used = Some(true);
        tls.username = Some("bob".to_owned());
        tls.broker = "emqx".to_owned();
        tls.reason_code = Reason::Other;
        for row in [row("Sensor-1", NOW), row("sensor 2/ü", NOW + 1), tls] {
            batch.push(Attempt::Refused(Box::new(row)), true, false);
        }
        self.store.commit(&batch, NOW).unwrap();
    }

    async fn ask(&self, method: &str, target: &str, headers: &str) -> Answer {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let host = self.addr;
        exchange(stream, &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n")).await
    }

    async fn ask_unix(&self, method: &str, target: &str) -> Answer {
        let stream = UnixStream::connect(self.dir.path().join("t.sock")).await.unwrap();
        exchange(stream, &format!("{method} {target} HTTP/1.1\r\nHost: turnaway\r\nConnection: close\r\n\r\n")).await
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "").await
    }

    async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        read_answer(stream).await
    }

    async fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
        self.dir
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    #[track_caller]
    fn error(&self, status: u16, code: u32, message: &str) {
        let found = self.json();
        assert_eq!(found, json!({ "status": status, "message": message, "errorCode": code, "timestamp": NOW }));
        assert_eq!(self.status, status);
    }

    fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].as_array().unwrap().iter().map(|row| row["clientId"].as_str().unwrap().to_owned()).collect()
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_answer(stream).await
}

/// Reads until the server closes; status 0 stands for no answer at all.
async fn read_answer(mut stream: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    // A reset after the answer still leaves the answer.
    let _ = stream.read_to_end(&mut bytes).await;
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, head: String::from_utf8_lossy(&bytes).into_owned(), body: vec![] };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// What every route must answer: anyone, auditor, operator. The target is one that succeeds where the role allows it.
const EXPECTED: &[(&str, &str, &str, [u16; 3])] = &[
    ("GET", CLIENT, "/api/unauthorized/client?pageSize=10&page=0", [401, 200, 200]),
    ("GET", "/api/unauthorized/client/v2", "/api/unauthorized/client/v2?pageSize=10&page=0", [401, 200, 200]),
    ("DELETE", CLIENT, "/api/unauthorized/client?clientId=Sensor-1", [401, 403, 200]),
    ("GET", "/api/reasons", "/api/reasons", [401, 200, 200]),
    ("GET", "/api/sources", "/api/sources", [401, 200, 200]),
    ("GET", "/metrics", "/metrics", [401, 200, 200]),
    ("GET", "/healthz", "/healthz", [200, 200, 200]),
    ("GET", "/readyz", "/readyz", [200, 200, 200]),
    ("GET", "/", "/", [200, 200, 200]),
    ("GET", "/page.js", "/page.js", [200, 200, 200]),
    ("GET", "/model.js", "/model.js", [200, 200, 200]),
    ("GET", "/view.js", "/view.js", [200, 200, 200]),
    ("GET", "/page.css", "/page.css", [200, 200, 200]),
];

#[test]
fn every_route_is_in_the_tested_list() {
    let routes: Vec<_> = ROUTES.iter().map(|route| (route.method, route.path)).collect();
    let tested: Vec<_> = EXPECTED.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(routes, tested);
    for (route, (.., expected)) in ROUTES.iter().zip(EXPECTED) {
        let public = route.access == Access::Public;
        assert_eq!(public, expected[0] == 200, "{}", route.path);
        assert!(route.method == "GET" || route.access == Access::Needs(Role::Operator), "{}", route.path);
    }
}

#[tokio::test]
async fn every_route_answers_each_role_as_it_should() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let (auditor, operator) = (&server.auditor, &server.operator);
    for (method, path, target, expected) in EXPECTED {
        let cases = [
            (String::new(), expected[0]),
            ("Authorization: Bearer turnaway_0000\r\n".to_owned(), expected[0]),
            (format!("Authorization: Basic {operator}\r\n"), expected[0]),
            (format!("Authorization: Bearer {auditor}\r\n"), expected[1]),
            (format!("X-Authorization: Bearer {auditor}\r\n"), expected[1]),
            // TBMQ's header is looked at first; blank, it gives way.
            (format!("X-Authorization: Bearer {auditor}\r\nAuthorization: Bearer {operator}\r\n"), expected[1]),
            (format!("X-Authorization: \r\nAuthorization: bearer {operator}\r\n"), expected[2]),
        ];
        for (headers, status) in cases {
            let answer = server.ask(method, target, &headers).await;
            assert_eq!(answer.status, status, "{method} {target} {headers}: {answer:?}");
            if status == 401 {
                answer.error(401, 10, "Authentication failed");
                assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
            }
        }
        let wrong = server.ask("PATCH", path, &format!("Authorization: Bearer {operator}\r\n")).await;
        assert_eq!(wrong.status, 405, "{path}");
        assert!(wrong.header("allow").unwrap().contains(method));
        let elsewhere =
            server.raw(format!("{method} {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(elsewhere.status, 421, "{path}");
        let large = server.ask(method, target, "Content-Length: 70000\r\n").await;
        assert_eq!(large.status, 413, "{path}");
    }
    server.ask("GET", "/api/nothing", "").await.error(404, 32, "There is nothing at this path.");
    server.ask("GET", "/api/unauthorized/client/", "").await.error(404, 32, "There is nothing at this path.");
}

#[tokio::test]
async fn loopback_without_tokens_reads_and_does_not_delete() {
    let server = Server::start(Options::default()).await;
    for (method, _, target, expected) in EXPECTED {
        let answer = server.ask(method, target, "").await;
        assert_eq!(answer.status, expected[1], "{method} {target}");
        if answer.status == 403 {
            assert_eq!(answer.json()["errorCode"], 20);
            assert!(answer.message().contains("turnaway token new"), "{}", answer.message());
        }
    }
    assert_eq!(server.ask("DELETE", CLIENT, "").await.status, 403);
    assert_eq!(server.store.count().unwrap(), 3);
}

#[tokio::test]
async fn the_unix_socket_makes_an_operator() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let mode = std::fs::metadata(server.dir.path().join("t.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    for (method, _, target, expected) in EXPECTED {
        assert_eq!(server.ask_unix(method, target).await.status, expected[2], "{method} {target}");
    }
    assert_eq!(server.ask_unix("DELETE", CLIENT).await.status, 200);
    assert_eq!(server.store.count().unwrap(), 0);
}

#[tokio::test]
async fn a_page_is_tbmqs() {
    let server = Server::start(Options::default()).await;
    let answer = server.get(&format!("{CLIENT}?pageSize=2&page=0&sortProperty=ts&sortOrder=desc&unknown=1")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let page = answer.json();
    assert_eq!((&page["totalPages"], &page["totalElements"], &page["hasNext"]), (&json!(2), &json!(3), &json!(true)));
    let text = String::from_utf8(answer.body).unwrap();
    let first = r#"{"data":[{"clientId":"tls-1","ipAddress":"192.0.2.7","ts":1767225600002,"username":"bob","passwordProvided":true,"tlsUsed":true,"reason":"Password Does Not Match","#;
    assert!(text.starts_with(first), "{text}");

    let past = server.get(&format!("{CLIENT}?pageSize=2&page=9")).await.json();
    assert_eq!(past, json!({ "data": [], "totalPages": 2, "totalElements": 3, "hasNext": false }));
    let plain = server.get(&format!("{CLIENT}?pageSize=1000&page=0")).await;
    assert_eq!(plain.ids(), ["Sensor-1", "sensor 2/ü", "tls-1"], "by client ID");
    let found = server.get(&format!("{CLIENT}?pageSize=9&page=0&textSearch=SENSOR&clientId=tls&tlsUsedList=true")).await;
    assert_eq!(found.ids(), ["Sensor-1", "sensor 2/ü"], "only textSearch filters here");
    // HEAD is GET without a body.
    let head = server.ask("HEAD", &format!("{CLIENT}?pageSize=2&page=0"), "").await;
    assert!(head.status == 200 && head.body.is_empty() && head.header("content-length") != Some("0"));
}

#[tokio::test]
async fn the_filters_of_v2_are_tbmqs_and_ours() {
    let server = Server::start(Options::default()).await;
    for (filter, ids) in [
        ("", &["Sensor-1", "sensor 2/ü", "tls-1"][..]),
        ("&clientId=&username=&textSearch=&broker=&reasonCode=&tlsUsedList=", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&textSearch=sensor&clientId=2", &["sensor 2/ü"]),
        ("&clientId=%C3%9C", &["sensor 2/ü"]),
        ("&clientId=s%25_1", &["Sensor-1", "tls-1"]),
        ("&startTime=1767225600001", &["sensor 2/ü", "tls-1"]),
        ("&endTime=1767225600001", &["Sensor-1", "sensor 2/ü"]),
        ("&startTime=1767225600001&endTime=1767225600001", &["sensor 2/ü"]),
        ("&username=BO", &["tls-1"]),
        ("&ipAddress=192.0.2", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&reason=does+not", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&tlsUsedList=TRUE", &["tls-1"]),
        ("&tlsUsedList=no", &["Sensor-1", "sensor 2/ü"]),
        ("&tlsUsedList=true,false", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&tlsUsedList=true&tlsUsedList=false", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&passwordProvidedList=false", &[]),
        ("&broker=emqx", &["tls-1"]),
        ("&reasonCode=other", &["tls-1"]),
        ("&reasonCode=other,password-does-not-match", &["Sensor-1", "sensor 2/ü", "tls-1"]),
        ("&reasonCode=no-credentials-found", &[]),
    ] {
        assert_eq!(server.get(&format!("{CLIENT}/v2?pageSize=10&page=0{filter}")).await.ids(), ids, "{filter}");
    }
}

#[tokio::test]
async fn errors_are_tbmqs() {
    let server = Server::start(Options::default()).await;
    for (query, message) in [
        ("pageSize=0&page=0", "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=-3&page=0", "Incorrect page link page size '-3'. Page size must be greater than zero."),
        ("pageSize=1001&page=0", "Incorrect page link page size '1001'. Page size must not be greater than 1000."),
        ("pageSize=1&page=-1", "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=x&page=0", "Parameter 'pageSize' must be a whole number, not 'x'!"),
        ("pageSize=&page=0", "Parameter 'pageSize' must be a whole number, not ''!"),
        ("pageSize=1&page=0&sortProperty=ts&sortOrder=x", "Unsupported sort order 'x'! Only 'ASC' or 'DESC' types are allowed."),
        ("pageSize=1&page=0&sortProperty=ts;--", "Invalid sort property"),
        ("pageSize=1&pageSize=1&page=0", "Parameter 'pageSize' is given more than once!"),
        ("pageSize=1&page=0&textSearch=a&textSearch=b", "Parameter 'textSearch' is given more than once!"),
    ] {
        server.get(&format!("{CLIENT}?{query}")).await.error(400, 31, message);
        server.get(&format!("{CLIENT}/v2?{query}")).await.error(400, 31, message);
    }
    let unknown = server.get(&format!("{CLIENT}?pageSize=1&page=0&sortProperty=evidence")).await;
    assert!(unknown.status == 400 && unknown.message().starts_with("Unknown sort property 'evidence'! Known are clientId, "));
    // Without a property the order is not looked at.
    assert_eq!(server.get(&format!("{CLIENT}?pageSize=1&page=0&sortOrder=x")).await.status, 200);
    for query in ["startTime=x", "reasonCode=nonsense", &format!("username={}", "x".repeat(1025))] {
        assert_eq!(server.get(&format!("{CLIENT}/v2?pageSize=1&page=0&{query}")).await.status, 400, "{query}");
    }
    server.get(&format!("{CLIENT}?clientId=")).await.error(400, 31, "Parameter 'clientId' can't be empty!");
    server.get(&format!("{CLIENT}?clientId=%20")).await.error(400, 31, "Parameter 'clientId' can't be empty!");
    server.get(&format!("{CLIENT}?clientId=sensor-1")).await.error(404, 32, "Requested item wasn't found!");
    assert_eq!(server.get(CLIENT).await.status, 400);
    assert_eq!(server.get(&format!("{CLIENT}?page=0")).await.status, 400);
    assert_eq!(server.get(&format!("{CLIENT}/v2?clientId=x")).await.status, 400);
}

#[tokio::test]
async fn one_row_is_found_by_its_exact_name() {
    let server = Server::start(Options::default()).await;
    let found = server.get(&format!("{CLIENT}?clientId=sensor%202%2F%C3%BC")).await.json();
    assert_eq!((&found["clientId"], &found["evidence"][0]), (&json!("sensor 2/ü"), &json!("<script>")));
    assert_eq!(server.get(&format!("{CLIENT}?clientId=sensor%25")).await.status, 404);
}

#[tokio::test]
async fn a_deletion_deletes_what_was_asked_and_nothing_else() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let headers = format!("Authorization: Bearer {}\r\n", server.operator);
    let delete = |query: &'static str| {
        let (server, headers) = (&server, &headers);
        async move { server.ask("DELETE", &format!("{CLIENT}{query}"), headers).await }
    };
    delete("?clientId=").await.error(400, 31, "Incorrect clientId ");
    delete("?clientId=nobody").await.error(404, 32, "Requested item wasn't found!");
    for lost in [
        "?clientid=Sensor-1",
        "?client_id=Sensor-1",
        "?x",
        "?clientId=Sensor-1&force=1",
        "?clientId=Sensor-1&clientId=tls-1",
        "?=",
        "?Sensor-1",
    ] {
        assert_eq!(delete(lost).await.status, 400, "{lost}");
    }
    assert_eq!(server.store.count().unwrap(), 3);
    let done = delete("?clientId=Sensor-1").await;
    assert!(done.status == 200 && done.body.is_empty());
    assert_eq!(server.store.count().unwrap(), 2);
    for _ in 0..2 {
        let done = delete("").await;
        assert!(done.status == 200 && done.body.is_empty(), "also when there is nothing");
        assert_eq!(server.store.count().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_page_of_another_site_deletes_nothing() {
    let server = Server::start(Options { tokens: true, hosts: vec!["turnaway.example".into()], ..Options::default() }).await;
    let token = format!("Authorization: Bearer {}\r\n", server.operator);
    for evil in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: http://localhost:1",
    ] {
        let answer = server.ask("DELETE", CLIENT, &format!("{token}{evil}\r\n")).await;
        answer.error(403, 20, "This request was sent by a page of another site.");
    }
    assert_eq!(server.store.count().unwrap(), 3);
    let own = format!("{token}Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", server.addr);
    assert_eq!(server.ask("DELETE", &format!("{CLIENT}?clientId=tls-1"), &own).await.status, 200);
    let proxied = format!("{token}Origin: https://turnaway.example\r\n");
    assert_eq!(server.ask("DELETE", CLIENT, &proxied).await.status, 200);
}

#[tokio::test]
async fn only_requests_to_our_own_names_are_answered() {
    let server = Server::start(Options { hosts: vec!["turnaway.example".into()], ..Options::default() }).await;
    for (host, status) in [
        ("Host: localhost", 200),
        ("Host: 127.0.0.1:1", 200),
        ("Host: [::1]:8080", 200),
        ("Host: turnaway.example", 200),
        ("Host: evil.example", 421),
        ("Host: 192.0.2.1", 421),
        ("X: y", 400),
        ("Host: localhost\r\nHost: evil.example", 400),
    ] {
        let answer = server.raw(format!("GET /healthz HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let absolute = server.raw(b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!(absolute.status, 421);
}

#[tokio::test]
async fn the_page_is_strict_and_cached_by_its_version() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/page.js", "text/javascript"),
        ("/model.js", "text/javascript"),
        ("/view.js", "text/javascript"),
        ("/page.css", "text/css"),
    ] {
        let answer = server.get(path).await;
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let tag = answer.header("etag").unwrap();
        let again = server.ask("GET", path, &format!("If-None-Match: \"x\", W/{tag}\r\n")).await;
        assert!(again.status == 304 && again.body.is_empty(), "{again:?}");
        assert_eq!(server.ask("GET", path, "If-None-Match: \"x\"\r\n").await.status, 200);
    }
}

#[tokio::test]
async fn reasons_sources_metrics_and_health() {
    let server = Server::start(Options { not_ready: true, ..Options::default() }).await;
    let reasons = server.get("/api/reasons").await.json();
    let codes: Vec<_> = reasons.as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert_eq!(codes, Reason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>());
    for key in ["title", "family", "cause", "solution"] {
        assert!(reasons[0][key].is_string(), "{key}");
    }
    assert_eq!(server.get("/api/sources").await.json(), json!([{ "name": "mosquitto" }]));
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(String::from_utf8(metrics.body).unwrap().contains("\nturnaway_rows 3\n"));
    assert_eq!(server.get("/healthz").await.json(), json!({ "status": "alive" }));
    server.get("/readyz").await.error(503, 2, "1 of 2 logs read");
}

#[tokio::test]
async fn too_much_is_refused() {
    let server = Server::start(Options::default()).await;
    let long = "x".repeat(20_000);
    assert_eq!(server.ask("GET", "/healthz", &format!("X: {long}\r\n")).await.status, 431);
    assert_eq!(server.get(&format!("/{}", &long[..13_000])).await.status, 414);
    let many: String = (0..100).map(|n| format!("X{n}: y\r\n")).collect();
    assert_eq!(server.ask("GET", "/healthz", &many).await.status, 431);
    let mut chunks = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    (0..70).for_each(|_| chunks += &format!("3e8\r\n{}\r\n", "x".repeat(1000)));
    assert_eq!(server.raw(chunks.as_bytes()).await.status, 413);
    // A small body is nobody's business.
    assert_eq!(server.ask("GET", "/healthz", "Content-Length: 0\r\n").await.status, 200);
    let small = server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").await;
    assert_eq!(small.status, 200);
}

#[tokio::test]
async fn who_is_slow_or_idle_is_let_go() {
    // A short limit, and no measuring: each read below ends because the server closes, or the test never ends.
    let limits = Limits { header_read: Duration::from_millis(20), body_read: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    assert_eq!(server.raw(b"").await.status, 0, "says nothing");
    assert_eq!(server.raw(b"GET /healthz HTTP/1.1\r\nHo").await.status, 0, "stops in the header");
    assert_eq!(
        server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx").await.status,
        408,
        "stops in the body"
    );
    assert_eq!(server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 200, "idle after an answer");
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn who_never_reads_the_answers_is_let_go() {
    let limits = Limits { write_stall: Duration::from_millis(20), connections: 1, ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET /api/reasons HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    // Ask on and on without reading, until the server has had enough.
    while stream.write_all(request.as_bytes()).await.is_ok() {}
    // The one slot is free again.
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_and_the_unix_socket_stays_open() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap();
        held.push(stream);
    }
    assert_eq!(server.ask_unix("GET", "/healthz").await.status, 200);
    let waiting = server.get("/healthz");
    let freed = async {
        drop(held.pop());
    };
    assert_eq!(tokio::join!(waiting, freed).0.status, 200);
}

#[tokio::test]
async fn garbage_harms_nobody() {
    let server = Server::start(Options::default()).await;
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut cases: Vec<Vec<u8>> = (0..30).map(|n| (0..n * 40).flat_map(|_| random()).collect()).collect();
    cases.extend(
        [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0asensor-007",
            b"\r\n\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n",
            b"GET /api/unauthorized/client?clientId=%ff%00%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /api/unauthorized/client?&&=&%&pageSize=%31&page=%30 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        ]
        .map(<[u8]>::to_vec),
    );
    for case in cases {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let _ = stream.write_all(&case).await;
        let _ = stream.shutdown().await;
        let answer = read_answer(stream).await;
        assert!(answer.status != 500, "{case:?}: {answer:?}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.store.count().unwrap(), 3);
}

#[tokio::test]
async fn a_store_that_fails_says_nothing_about_itself() {
    let server = Server::start(Options::default()).await;
    rusqlite::Connection::open(server.dir.path().join("t.db")).unwrap().execute_batch("DROP TABLE client").unwrap();
    server.get(&format!("{CLIENT}?clientId=x")).await.error(500, 46, "Database error");
    server.get(&format!("{CLIENT}?pageSize=1&page=0")).await.error(500, 46, "Database error");
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn stopping_lets_requests_end_and_removes_the_socket() {
    let server = Server::start(Options::default()).await;
    let addr = server.addr;
    let mut idle = TcpStream::connect(addr).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    // In the middle of a request when the stop comes: it is answered all the same.
    let mut busy = TcpStream::connect(addr).await.unwrap();
    busy.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n").await.unwrap();
    assert_eq!(server.get("/healthz").await.status, 200, "all of the above has been accepted");
    let ending = tokio::spawn(server.stop());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    busy.write_all(b"x").await.unwrap();
    assert_eq!(read_answer(busy).await.status, 200);
    let dir = ending.await.unwrap();
    assert!(!dir.path().join("t.sock").exists());
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn who_does_not_end_in_time_is_cut_off() {
    let limits = Limits { drain: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut stuck = TcpStream::connect(server.addr).await.unwrap();
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n").await.unwrap();
    assert_eq!(server.get("/healthz").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn where_it_must_not_or_cannot_listen_is_said_at_start() {
    let open = Listen::Tcp("0.0.0.0:0".parse().unwrap());
    let error = bind(std::slice::from_ref(&open), &Tokens::default()).await.unwrap_err();
    assert!(matches!(error, ListenError::NeedsToken { .. }));
    assert!(error.to_string().contains("turnaway token new"), "{error}");
    let token = TokenConfig { name: "a".into(), role: Role::Auditor, sha256: NewToken::generate().unwrap().hash };
    assert!(bind(&[open], &Tokens::new(vec![token])).await.is_ok());
    assert!(bind(&[Listen::Tcp("[::ffff:127.0.0.1]:0".parse().unwrap())], &Tokens::default()).await.is_ok());

    let server = Server::start(Options::default()).await;
    let error = bind(&[Listen::Tcp(server.addr)], &Tokens::default()).await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }) && error.to_string().contains(&server.addr.to_string()), "{error}");
    let socket = server.dir.path().join("t.sock");
    let error = bind(&[Listen::Unix(socket.clone())], &Tokens::default()).await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    let file = server.dir.path().join("a-file");
    std::fs::write(&file, "mine").unwrap();
    let error = bind(&[Listen::Unix(file.clone())], &Tokens::default()).await.unwrap_err();
    assert!(matches!(error, ListenError::NoSocket { .. }) && file.exists(), "{error}");
    // What a killed process left is taken over.
    let left = server.dir.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert!(left.exists());
    assert!(bind(&[Listen::Unix(left)], &Tokens::default()).await.is_ok());
    assert!(bind(&[Listen::Unix("/nonexistent/t.sock".into())], &Tokens::default()).await.is_err());
}
