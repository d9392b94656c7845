//! Every limit, and garbage.

use super::harness::*;

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
    assert_eq!(server.ask_unix("t.sock", "GET", "/healthz").await.status, 200);
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
async fn requests_that_break_off_anywhere_harm_nobody() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let body = r#"{"username":"x","password":"y"}"#;
    let whole = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for end in 0..whole.len() {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(&whole.as_bytes()[..end]).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_answer(stream).await;
        assert!(matches!(answer.status, 0 | 400 | 408 | 413), "{end}: {answer:?}");
    }
    assert_eq!(server.raw(whole.as_bytes()).await.status, 401);
    assert_eq!(server.store.count().unwrap(), 3);
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let server = Server::start(Options { tokens: true, ..Options::default() }).await;
    let operator = &server.operator;
    let ask = |method: &str, target: &str, more: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {operator}\r\n{more}\r\n")
    };
    let get = format!("{CLIENT}?clientId=Sensor-1");
    // A deletion between two looks; what stands in a body is no request of its own.
    let hidden = ask("DELETE", CLIENT, "");
    let all = [
        ask("GET", &get, ""),
        ask("GET", "/healthz", &format!("Content-Length: {}\r\n", hidden.len())) + &hidden,
        ask("DELETE", &get, ""),
        ask("GET", &get, "Connection: close\r\n"),
        hidden.clone(),
    ];
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(all.concat().as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let statuses: Vec<&str> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "200", "404"], "{text}");
    assert_eq!(server.store.count().unwrap(), 2, "nothing after `close`, and nothing out of a body");
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of requests, and what does not belong there.
    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let known = [
            "GET ",
            "DELETE ",
            "POST ",
            "HEAD ",
            "* ",
            "/api/unauthorized/client",
            "/api/unauthorized/client/v2?",
            "/api/unauthorized/client/export",
            "?pageSize=1&page=0",
            "&sortProperty=",
            "%",
            "%00",
            "&clientId=",
            " HTTP/1.1\r\n",
            " HTTP/1.0\r\n",
            "Host: localhost\r\n",
            "Host: x\r\n",
            "Content-Length: 3\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Upgrade: h2c\r\n",
            "Connection: close\r\n",
            "Connection: upgrade\r\n",
            "\r\n",
            "\n",
            "\0",
            "3\r\nabc\r\n",
            "ffffffffffffffff\r\n",
            "0\r\n\r\n",
            "{}",
        ];
        let piece = prop_oneof![
            8 => proptest::sample::select(known.map(|text| text.as_bytes().to_vec()).to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ];
        proptest::collection::vec(piece, 0..24)
    }

    #[test]
    fn harm_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let limits = Limits { header_read: Duration::from_millis(50), body_read: Duration::from_millis(50), ..Limits::default() };
        let server = runtime.block_on(Server::start(Options { limits, tokens: true, ..Options::default() }));
        proptest!(ProptestConfig { cases: 300, ..ProptestConfig::default() }, |(pieces in pieces())| {
            let answer = runtime.block_on(async {
                let mut stream = TcpStream::connect(server.addr).await.unwrap();
                let _ = stream.write_all(&pieces.concat()).await;
                let _ = stream.shutdown().await;
                read_answer(stream).await
            });
            prop_assert!(answer.status < 500, "{:?}", answer);
        });
        assert_eq!(runtime.block_on(server.get("/healthz")).status, 200);
        assert_eq!(server.store.count().unwrap(), 3, "and nobody without a token changes anything");
    }
}
