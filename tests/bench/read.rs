//! How fast a big table is read, through the API: pages, filters, export, and what that leaves to the writer.
//!
//!     cargo bench --bench read -- [ROWS]
//!
//! Latencies are of whole requests over loopback, one at a time. The machine's name and load belong beside the numbers.

#![allow(clippy::disallowed_methods, reason = "measuring is reading the clock")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends here")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use turnaway::api::{Api, Limits, Listen, Tokens, bind, serve};
use turnaway::clock::Clock;
use turnaway::metrics::Metrics;
use turnaway::model::{Attempt, Identity, Reason, Row};
use turnaway::store::{Batch, Settings, SqliteStore, Store as _};

const START: i64 = 1_795_446_174_000;
const V2: &str = "/api/unauthorized/client/v2?pageSize=50&page=";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> i64 {
        START
    }
}

fn main() {
    let rows: u64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let store = open(&path);
    let begun = Instant::now();
    fill(&store, rows);
    println!(
        "{rows} rows, {} MB, written at {:.0} rows/s",
        std::fs::metadata(&path).unwrap().len() >> 20,
        rows as f64 / begun.elapsed().as_secs_f64()
    );
    let addr = start(Arc::clone(&store));

    // What comes before the copy in memory is there: the file answers.
    let resident = resident();
    let begun = Instant::now();
    ask(addr, &format!("{V2}0&sortProperty=ts&sortOrder=DESC&clientId=first"));
    let first = begun.elapsed();
    store.await_copy();
    println!("first filter {:.0} ms; the copy is there after {:.0} ms", first.as_secs_f64() * 1e3, begun.elapsed().as_secs_f64() * 1e3);

    println!("\n| request | times | p50 ms | p99 ms | CPU ms | total |\n|---|---|---|---|---|---|");
    let pages = rows / 50;
    let measure = |addr, what: &str, times, target: &dyn Fn(&mut Random) -> String| measure(&store, addr, what, times, target);
    measure(addr, "newest first, first page", 300, &|_| format!("{V2}0&sortProperty=ts&sortOrder=DESC"));
    measure(addr, "newest first, one of the first 100 pages", 300, &|random| {
        format!("{V2}{}&sortProperty=ts&sortOrder=DESC", random.below(100))
    });
    measure(addr, "newest first, any page", 300, &|random| format!("{V2}{}&sortProperty=ts&sortOrder=DESC", random.below(pages)));
    measure(addr, "by client ID, first page", 300, &|_| format!("{V2}0"));
    measure(addr, "by client ID, any page", 300, &|random| format!("{V2}{}", random.below(pages)));
    for field in ["ipAddress", "username", "reason", "attempts"] {
        let begun = Instant::now();
        ask(addr, &format!("{V2}0&sortProperty={field}"));
        store.await_copy();
        println!("| by {field}, until its order is made | 1 | {:.1} | | | |", begun.elapsed().as_secs_f64() * 1e3);
        measure(addr, &format!("by {field}, first page"), 300, &|_| format!("{V2}0&sortProperty={field}"));
        measure(addr, &format!("by {field}, any page"), 300, &|random| format!("{V2}{}&sortProperty={field}", random.below(pages)));
    }
    for (what, field) in [("client ID", "clientId"), ("address", "ipAddress"), ("username", "username"), ("reason", "reason")] {
        for (kind, text) in texts(field) {
            // Each time another text: nothing is remembered.
            let target = |random: &mut Random| format!("{V2}0&sortProperty=ts&sortOrder=DESC&{field}={}", text(random));
            measure(addr, &format!("{what} contains {kind}"), 100, &target);
        }
    }
    measure(addr, "two filters", 100, &|random| {
        format!("{V2}0&sortProperty=ts&sortOrder=DESC&clientId=f{:x}&reason=issuer", random.below(256))
    });
    measure(addr, "a frequent text by username, any page", 100, &|random| {
        format!("{V2}{}&sortProperty=username&clientId=e", random.below(pages / 2))
    });
    let begun = Instant::now();
    for _ in 0..10 {
        ask(addr, "/api/unauthorized/client/summary");
    }
    println!("| sums of all rows | 10 | {:.1} | | | |", begun.elapsed().as_secs_f64() * 1e2);

    println!("\n| memory | MiB |\n|---|---|");
    println!("| the copy with {} orders, as it counts | {} |", 6, store.await_copy() >> 20);
    println!("| more resident than before the first filter | {} |", self::resident().saturating_sub(resident) >> 20);
    for minutes in [1, 12] {
        store.expire(START + minutes * 60_000).unwrap();
    }
    println!("| twelve minutes after the last question | {} |", self::resident().saturating_sub(resident) >> 20);

    println!("\n| export | rows/s | MB/s |\n|---|---|---|");
    for format in ["ndjson", "csv"] {
        let begun = Instant::now();
        let (lines, bytes) = export(addr, format, || {});
        let seconds = begun.elapsed().as_secs_f64();
        assert!(lines >= rows, "{lines} lines");
        println!("| {format} | {:.0} | {:.0} |", rows as f64 / seconds, bytes as f64 / seconds / 1e6);
    }

    println!("\n| writer, random clients | rows/s |\n|---|---|");
    let write = |meanwhile: Option<&(dyn Fn() + Sync)>| {
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            if let Some(work) = meanwhile {
                scope.spawn(|| {
                    while !stop.load(Ordering::Acquire) {
                        work();
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let rate = upsert(&store, rows, rows / 10);
            stop.store(true, Ordering::Release);
            rate
        })
    };
    let mut rates = Vec::new();
    for round in 0..3 {
        let alone = write(None);
        let pages = write(Some(&|| drop(ask(addr, &format!("{V2}0&sortProperty=ts&sortOrder=DESC")))));
        let filters = write(Some(&|| drop(ask(addr, &format!("{V2}0&sortProperty=ts&sortOrder=DESC&clientId=x{}", std::process::id())))));
        let exports = write(Some(&|| assert!(export(addr, "ndjson", || {}).0 >= rows)));
        let slow = write(Some(&|| assert!(export(addr, "ndjson", || std::thread::sleep(Duration::from_millis(5))).0 >= rows)));
        println!(
            "| round {round}: alone {alone:.0}, beside pages {pages:.0}, filters {filters:.0}, an export {exports:.0}, one read slowly {slow:.0} | |"
        );
        rates.push([pages, filters, exports, slow].map(|rate| rate / alone));
    }
    for (at, what) in ["pages", "filters", "an export", "an export that is read slowly"].into_iter().enumerate() {
        println!("| beside {what}, of the rate alone | {:.2} |", median(rates.iter().map(|rate| rate[at]).collect()));
    }
    index_cost(dir.path(), rows / 5);
}

/// What the index costs the writer: the same rows into two files, one of which has an index of the times alone in its place.
fn index_cost(dir: &Path, rows: u64) {
    let mut rates = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for round in 0..3 {
        for (at, sql) in ["", "DROP INDEX client_search; CREATE INDEX client_ts ON client (ts);"].into_iter().enumerate() {
            let path = dir.join(format!("cost-{round}-{at}.db"));
            drop(open(&path));
            rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let store = open(&path);
            let begun = Instant::now();
            fill(&store, rows);
            rates[at].push(rows as f64 / begun.elapsed().as_secs_f64());
            rates[2 + at].push(upsert(&store, rows, rows / 2));
        }
    }
    let [new, new_plain, again, again_plain] = rates.map(median);
    println!("\n| index | new clients/s | known clients/s |\n|---|---|---|");
    println!("| everything that is searched | {new:.0} | {again:.0} |\n| times alone | {new_plain:.0} | {again_plain:.0} |");
    println!("| ratio | {:.2} | {:.2} |", new / new_plain, again / again_plain);
}

fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path, Settings { retention: None, max_clients: 100_000_000, ..Settings::default() }).unwrap())
}

fn start(store: Arc<SqliteStore>) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build().unwrap();
        runtime.block_on(async {
            let tokens = Tokens::default();
            let listeners = bind(&[Listen::Tcp("127.0.0.1:0".parse().unwrap())], &tokens).await.unwrap();
            tell.send(listeners[0].place().parse().unwrap()).unwrap();
            let api = Api {
                store,
                clock: Arc::new(Fixed),
                tokens,
                hosts: vec![],
                sources: Arc::new(|| serde_json::json!([])),
                ready: Arc::new(|| Ok(())),
                metrics: Arc::new(Metrics::default()),
                limits: Limits::default(),
            };
            serve(listeners, api, std::future::pending()).await;
        });
    });
    told.recv().unwrap()
}

/// Texts to look for: their kind, and how one is made.
type Texts = Vec<(&'static str, fn(&mut Random) -> String)>;

fn texts(field: &str) -> Texts {
    match field {
        "clientId" => vec![
            ("a rare text", |r| format!("{:04x}", r.below(65_536))),
            ("a frequent one", |r| format!("sensor-{:x}", r.below(16))),
            ("none", |r| format!("zz{}", r.below(99_999))),
        ],
        "ipAddress" => {
            vec![("a rare text", |r| format!("{}.{}.", r.below(256), r.below(256))), ("a frequent one", |r| format!("{}", 1 + r.below(9)))]
        }
        "username" => {
            vec![("a rare text", |r| format!("user{}", 1_000 + r.below(90_000))), ("a frequent one", |r| format!("r{}", r.below(10)))]
        }
        _ => vec![
            ("a rare text", |r| format!("line%20{}", 1_000 + r.below(9_000))),
            ("a frequent one", |r| format!("local%20issuer%20{}", ["c", "ce", "cer"][r.below(3) as usize])),
        ],
    }
}

/// Bytes of memory that this process has.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Processor time that this process has used, in seconds: server and client. It says what a request costs also when others use the machine.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    // In hundredths of a second, whatever the machine.
    (fields[0] + fields[1]) as f64 / 100.0
}

fn measure(store: &SqliteStore, addr: SocketAddr, what: &str, times: usize, target: &dyn Fn(&mut Random) -> String) {
    let mut random = Random(7);
    let mut total = 0;
    // The first one fills caches.
    ask(addr, &target(&mut random));
    store.await_copy();
    let cpu = cpu();
    let mut taken: Vec<f64> = (0..times)
        .map(|_| {
            let target = target(&mut random);
            let begun = Instant::now();
            let body = ask(addr, &target);
            let taken = begun.elapsed().as_secs_f64() * 1e3;
            let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
            total = page["totalElements"].as_u64().unwrap();
            taken
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let cpu = (self::cpu() - cpu) / times as f64 * 1e3;
    println!("| {what} | {times} | {:.1} | {:.1} | {cpu:.1} | {total} |", taken[times / 2], taken[times * 99 / 100]);
}

fn ask(addr: SocketAddr, target: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200"), "{target}: {}", String::from_utf8_lossy(&bytes));
    bytes.split_off(end + 4)
}

/// Reads a whole export; lines and bytes. `pause` comes after each megabyte.
fn export(addr: SocketAddr, format: &str, pause: impl Fn()) -> (u64, u64) {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET /api/unauthorized/client/export?format={format} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let part = reader.fill_buf().unwrap();
        if part.is_empty() {
            return (lines, bytes);
        }
        lines += memchr::memchr_iter(b'\n', part).count() as u64;
        bytes += part.len() as u64;
        let length = part.len();
        reader.consume(length);
        pause();
    }
}

fn fill(store: &SqliteStore, rows: u64) {
    let mut batch = Batch::default();
    for n in 0..rows {
        batch.push(Attempt::Refused(Box::new(row(n, n))), true, false);
        if batch.clients() == 1_000 {
            store.commit(&batch, START).unwrap();
            batch.clear();
        }
    }
    store.commit(&batch, START).unwrap();
}

/// Refusals of clients that are there already.
fn upsert(store: &SqliteStore, clients: u64, rows: u64) -> f64 {
    let mut random = Random(3);
    let mut batch = Batch::default();
    let begun = Instant::now();
    for n in 0..rows {
        batch.push(Attempt::Refused(Box::new(row(random.below(clients), clients + n))), true, false);
        if n % 1_000 == 999 {
            store.commit(&batch, START).unwrap();
            batch.clear();
        }
    }
    rows as f64 / begun.elapsed().as_secs_f64()
}

/// A row of client `n`; `at` says when.
fn row(n: u64, at: u64) -> Row {
    let mut random = Random(n + 1);
    let kinds = ["DVES", "sensor", "shelly", "gateway", "esp32"];
    let client_id = format!("{}-{:06x}-{n}", kinds[(n % 5) as usize], random.below(1 << 24));
    let ip = format!("{}.{}.{}.{}", 1 + random.below(223), random.below(256), random.below(256), random.below(256));
    let (reason, reason_code) = match random.below(4) {
        0 => ("X509 Authentication Failure: unable to get local issuer certificate".to_owned(), Reason::X509AuthenticationFailure),
        1 => (format!("Other: protocol error in line {}", random.below(10_000)), Reason::Other),
        2 => ("Password Does Not Match: bad_username_or_password".to_owned(), Reason::PasswordDoesNotMatch),
        _ => (
            "No Credentials Found (or Password Does Not Match, No Password Provided): not authorised".to_owned(),
            Reason::NoCredentialsFound,
        ),
    };
    let username = (random.below(2) == 0).then(|| format!("user{}", random.below(100_000)));
    let ts = START + at as i64 * 7;
    Row {
        evidence: [
            format!("1795446174: New connection from {ip}:46659 on port 1883."),
            format!("1795446174: Client {client_id} disconnected, not authorised."),
        ]
        .into(),
        client_id,
        ip_address: ip.parse().ok(),
        ts,
        username,
        password_provided: None,
        tls_used: Some(n.is_multiple_of(3)),
        reason: reason.into(),
        reason_code,
        alternatives: Default::default(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".into(),
        attempts: 1,
        first_ts: ts,
        peer: None,
        upstream: None,
        twin: None,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
