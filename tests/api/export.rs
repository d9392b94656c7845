//! The table as a file.

use super::harness::*;

const EXPORT: &str = "/api/unauthorized/client/export";

/// The body without the sizes of its pieces.
fn whole(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, Some("chunked")), "{answer:?}");
    let (mut rest, mut text) = (&answer.body[..], Vec::new());
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        text.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
        if size == 0 {
            assert!(rest.is_empty());
            return String::from_utf8(text).unwrap();
        }
    }
}

#[tokio::test]
async fn lines_of_json_are_the_rows_of_a_page() {
    let server = Server::start(Options::default()).await;
    let answer = server.get(&format!("{EXPORT}?format=ndjson")).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"turnaway.ndjson\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = whole(&answer);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let page = server.get(&format!("{CLIENT}?pageSize=10&page=0")).await;
    // To the letter: order of the fields and nulls too.
    let rows = String::from_utf8(page.body.clone()).unwrap();
    assert!(lines.len() == 3 && lines.iter().all(|line| rows.contains(line)), "{lines:?}\n{rows}");
}

#[tokio::test]
async fn a_spreadsheet_runs_nothing_of_what_strangers_wrote() {
    let server = Server::start(Options::default()).await;
    let hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "a\",=1\r\n=1,\"", " =1", "'=1", "\u{202e}=1"];
    let mut batch = Batch::default();
    for text in hostile {
        let mut row = row(text, NOW);
        row.username = Some(text.to_owned());
        row.reason = text.into();
        row.evidence = [text, text].into();
        batch.push(Attempt::Refused(Box::new(row)), true, false);
    }
    server.store.commit(&batch, NOW).unwrap();
    let answer = server.get(EXPORT).await;
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let text = whole(&answer);
    assert_eq!(text.lines().count(), 1 + 3 + hostile.len(), "no line feed of theirs: {text}");
    assert!(text.starts_with("clientId,ipAddress,ts,time,username,"));
    for line in text.split("\r\n").skip(1).filter(|line| !line.is_empty()) {
        let mut quoted = false;
        let cells = line.split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let cells: Vec<&str> = cells.map(|cell| cell.strip_prefix('"').unwrap_or(cell)).collect();
        assert_eq!(cells.len(), 16, "{line}");
        assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝'])), "{line}");
    }
}

#[tokio::test]
async fn the_filters_apply_and_mistakes_are_said() {
    let server = Server::start(Options::default()).await;
    let text = whole(&server.get(&format!("{EXPORT}?format=ndjson&tlsUsedList=true&username=B&sortProperty=ts")).await);
    assert!(text.lines().count() == 1 && text.contains("\"tls-1\""), "{text}");
    assert_eq!(whole(&server.get(&format!("{EXPORT}?broker=nobody")).await).lines().count(), 1, "only the header");
    assert_eq!(whole(&server.get(&format!("{EXPORT}?format=ndjson&broker=nobody")).await), "");
    server.get(&format!("{EXPORT}?format=xls")).await.error(400, 31, "Unknown format 'xls'! It is csv or ndjson.");
    assert_eq!(server.get(&format!("{EXPORT}?endTime=x")).await.status, 400);
    let head = server.ask("HEAD", EXPORT, "").await;
    assert!(head.status == 200 && head.body.is_empty());
}

#[tokio::test]
async fn a_large_table_comes_whole_in_pieces_and_each_row_once() {
    let server = Server::start(Options::default()).await;
    for from in [0, 3_000, 6_000] {
        let mut batch = Batch::default();
        (from..from + 3_000).for_each(|n| batch.push(Attempt::Refused(Box::new(row(&format!("c{n:05}"), NOW + n))), true, false));
        server.store.commit(&batch, NOW).unwrap();
    }
    let text = whole(&server.get(&format!("{EXPORT}?format=ndjson&clientId=c0")).await);
    let mut ids: Vec<String> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["clientId"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    assert_eq!(ids, (0..9_000).map(|n| format!("c{n:05}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_does_not_read_the_file_is_let_go_and_the_writer_goes_on() {
    let limits = Limits { write_stall: Duration::from_millis(20), streams: 1, ..Limits::default() };
    let server = Server::start(Options { limits, ..Options::default() }).await;
    let mut batch = Batch::default();
    for n in 0..4_000 {
        let mut big = row(&format!("big-{n}"), NOW);
        big.evidence = vec!["x".repeat(1_000); 8].into_iter().collect();
        batch.push(Attempt::Refused(Box::new(big)), true, false);
    }
    server.store.commit(&batch, NOW).unwrap();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("GET {EXPORT} HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr).as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    assert_eq!(server.get(EXPORT).await.status, 503, "the one place is taken");
    server.store.delete("big-0", NOW).unwrap();
    // Once it has been let go the place is free.
    while server.ask("HEAD", EXPORT, "").await.status == 503 {}
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "cut off, and that can be seen");
}

#[tokio::test]
async fn a_table_that_cannot_be_read_gives_no_file() {
    let server = Server::start(Options::default()).await;
    rusqlite::Connection::open(server.dir.path().join("t.db")).unwrap().execute_batch("DROP TABLE client").unwrap();
    server.get(EXPORT).await.error(500, 46, "Database error");
}
