//! Server-sent events.

use super::harness::*;

const EVENTS: &str = "/api/unauthorized/client/events";

/// An open event stream.
struct Stream {
    stream: TcpStream,
    /// What came and was not looked at.
    rest: String,
    /// The last `id:`, as a browser would keep it.
    last: String,
}

impl Stream {
    async fn open(server: &Server, query: &str, headers: &str) -> Stream {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let request = format!("GET {EVENTS}{query} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", server.addr);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut this = Stream { stream, rest: String::new(), last: String::new() };
        let head = this.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        this
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.rest.find(end) {
                let text = self.rest[..at].to_owned();
                self.rest.drain(..at + end.len());
                return text;
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "the stream ended: {:?}", self.rest);
            self.rest.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    }

    /// The next event: its name and data. Chunk sizes stand on lines of their own, which no event has.
    async fn next(&mut self) -> (String, Value) {
        loop {
            let block = self.until("\n\n").await;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(id) = field("id: ") {
                self.last = id;
            }
            if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                return (event, serde_json::from_str(&data).unwrap());
            }
        }
    }

    async fn expect(&mut self, event: &str) -> Value {
        let (found, data) = self.next().await;
        assert_eq!(found, event, "{data}");
        data
    }
}

fn quick() -> Options {
    Options { limits: Limits { event_pause: Duration::from_millis(1), ..Limits::default() }, ..Options::default() }
}

fn refuse(server: &Server, row: Row) {
    let mut batch = Batch::default();
    batch.push(Attempt::Refused(Box::new(row)), true, false);
    server.store.commit(&batch, NOW).unwrap();
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let server = Server::start(quick()).await;
    let mut stream = Stream::open(&server, "", "").await;
    assert_eq!(stream.expect("ready").await, json!({}));
    refuse(&server, row("new\n\ndata: x", NOW + 9));
    let row = stream.expect("changed").await;
    assert_eq!((&row["clientId"], &row["ts"], &row["attempts"]), (&json!("new\n\ndata: x"), &json!(NOW + 9), &json!(1)));
    server.store.delete("tls-1", NOW).unwrap();
    assert_eq!(stream.expect("removed").await, json!({ "clientId": "tls-1", "identity": "client-id", "broker": "emqx" }));
    // A client that connects loses its row.
    let mut batch = Batch::default();
    batch.push(Attempt::Accepted(turnaway::model::Row::key(&super::harness::row("Sensor-1", 0)), NOW), true, false);
    server.store.commit(&batch, NOW).unwrap();
    assert_eq!(stream.expect("removed").await["clientId"], "Sensor-1");
    server.store.delete_all(NOW).unwrap();
    assert_eq!(stream.expect("cleared").await, json!({}));
    // What retention and the limit of the table take is told too.
    refuse(&server, super::harness::row("old", NOW));
    assert_eq!(stream.expect("changed").await["clientId"], "old");
    server.store.expire(NOW + 4 * 24 * 60 * 60 * 1000).unwrap();
    assert_eq!(stream.expect("removed").await["clientId"], "old");
}

#[tokio::test]
async fn the_filters_apply_and_a_row_that_no_longer_fits_is_removed() {
    let server = Server::start(quick()).await;
    let mut stream = Stream::open(&server, "?clientId=SENSOR&tlsUsedList=false", "").await;
    stream.expect("ready").await;
    refuse(&server, row("gateway", NOW));
    refuse(&server, row("Sensor-9", NOW));
    assert_eq!(stream.expect("changed").await["clientId"], "Sensor-9", "nothing of other clients");
    let mut tls = row("Sensor-9", NOW + 1);
    tls.tls_used = Some(true);
    refuse(&server, tls);
    assert_eq!(stream.expect("removed").await["clientId"], "Sensor-9");
    server.get(&format!("{EVENTS}?startTime=x")).await.error(400, 31, "Parameter 'startTime' must be a whole number, not 'x'!");
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let server = Server::start(quick()).await;
    let mut stream = Stream::open(&server, "", "").await;
    stream.expect("ready").await;
    let start = stream.last.clone();
    refuse(&server, row("first", NOW));
    stream.expect("changed").await;
    let last = stream.last.clone();
    assert_ne!(start, last);
    drop(stream);
    refuse(&server, row("second", NOW));
    server.store.delete("first", NOW).unwrap();
    let mut back = Stream::open(&server, "", &format!("Last-Event-ID: {last}\r\n")).await;
    back.expect("ready").await;
    assert_eq!(back.last, last);
    assert_eq!(back.expect("changed").await["clientId"], "second");
    assert_eq!(back.expect("removed").await["clientId"], "first");
    // For clients that cannot set the header; and each row is told once, as it is now.
    let mut query = Stream::open(&server, &format!("?lastEventId={start}"), "").await;
    query.expect("ready").await;
    assert_eq!(query.expect("removed").await["clientId"], "first");
    assert_eq!(query.expect("changed").await["clientId"], "second");
}

#[tokio::test]
async fn who_missed_too_much_is_told_to_load_again() {
    let server = Server::start(quick()).await;
    for id in ["1-0", "x", "19b76c50800-99999", "-", "19b76c50800-x"] {
        let mut stream = Stream::open(&server, "", &format!("Last-Event-ID: {id}\r\n")).await;
        let mut event = stream.next().await;
        if event.0 == "ready" {
            // It reads like a place of this run.
            event = stream.next().await;
        }
        assert_eq!(event, ("reset".to_owned(), json!({})), "{id}");
        refuse(&server, row("after", NOW));
        assert_eq!(stream.expect("changed").await["clientId"], "after", "and goes on from there");
    }
    // A flood is not told row by row.
    let mut stream = Stream::open(&server, "", "").await;
    stream.expect("ready").await;
    let mut batch = Batch::default();
    (0..1_000).for_each(|n| batch.push(Attempt::Refused(Box::new(row(&format!("flood-{n}"), NOW))), true, false));
    server.store.commit(&batch, NOW).unwrap();
    stream.expect("reset").await;
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_is_there_and_stopping_ends_it() {
    let limits = Limits { event_pause: Duration::from_millis(1), heartbeat: Duration::from_millis(5), ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut stream = Stream::open(&server, "", "").await;
    stream.expect("ready").await;
    for _ in 0..3 {
        assert!(stream.until("\n\n").await.contains(&format!(": still here\nid: {}", stream.last)));
    }
    server.stop().await;
    let mut rest = Vec::new();
    stream.stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "ended, not cut off");
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_leave_room_for_others() {
    let limits = Limits { streams: 2, event_pause: Duration::from_millis(1), ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let (one, two) = (Stream::open(&server, "", "").await, Stream::open(&server, "", "").await);
    let refused = server.get(EVENTS).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(server.get("/healthz").await.status, 200);
    drop((one, two));
}

#[tokio::test]
async fn who_does_not_read_the_events_holds_up_nobody() {
    let limits = Limits { write_stall: Duration::from_millis(20), event_pause: Duration::from_millis(1), ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut idle = Stream::open(&server, "", "").await;
    let mut reading = Stream::open(&server, "", "").await;
    reading.expect("ready").await;
    // More than the sockets' buffers hold.
    for n in 0..200 {
        let mut big = row("big", NOW + n);
        big.evidence = vec!["x".repeat(1000); 64].into_iter().collect();
        refuse(&server, big);
        reading.expect("changed").await;
    }
    // The server let the other one go; what it had taken is still there to read.
    let mut bytes = Vec::new();
    let _ = idle.stream.read_to_end(&mut bytes).await;
    assert!(!bytes.ends_with(b"0\r\n\r\n"));
}
