//! Reasons, sources, metrics, health; places to listen on; starting and stopping.

use super::harness::*;

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
