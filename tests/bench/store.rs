//! How many changed clients the store writes in a second, beside a bare loop over SQLite with the same table and settings.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params};
use turnaway::model::{Attempt, Identity, Reason, Row};
use turnaway::store::{Batch, Settings, SqliteStore, Store as _};

use crate::Plan;
use crate::flood;
use crate::process::{median, thread_cpu};
use crate::report::Report;
use crate::rng::Rng;

/// Rows in a transaction.
const COMMIT: u64 = 1_000;

/// Upserts of random clients into a full table.
pub fn upserts(plan: &Plan, report: &mut Report) {
    let dir = tempfile::tempdir_in(&plan.dir).or_else(|_| tempfile::tempdir()).unwrap();
    let settings = Settings { retention: None, max_clients: 10_000_000, ..Settings::default() };
    let store = SqliteStore::open(&dir.path().join("ours.db"), settings).unwrap();
    let mut ours = Side::Ours(&store, Batch::default(), 1);
    let begun = Instant::now();
    fill(plan, &mut ours);
    let filled = plan.clients as f64 / begun.elapsed().as_secs_f64();
    // The same file, so that the pages lie in the same places.
    let raw = dir.path().join("raw.db");
    checkpointed_copy(&dir.path().join("ours.db"), &raw);
    let conn = Connection::open(&raw).unwrap();
    for (name, value) in store.pragmas().unwrap() {
        conn.pragma_update(None, &name, value).unwrap();
    }
    let mut bare = Side::Bare(&conn);
    let plain = Connection::open(dir.path().join("plain.db")).unwrap();
    plain.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;").unwrap();
    plain
        .execute_batch("CREATE TABLE t (client_id TEXT PRIMARY KEY, updated INTEGER, username TEXT, password_provided INTEGER, tls INTEGER, ip TEXT, reason TEXT)")
        .unwrap();
    let mut plain = Side::Plain(&plain);
    fill(plan, &mut plain);

    let rows = plan.clients / 5;
    let mut rates: [Vec<(f64, f64)>; 3] = Default::default();
    for round in 0..plan.rounds.max(3) as u64 {
        for (side, rates) in [&mut ours, &mut bare, &mut plain].into_iter().zip(&mut rates) {
            let (wall, cpu) = (Instant::now(), thread_cpu());
            random(plan, rows, round, side);
            rates.push((rows as f64 / wall.elapsed().as_secs_f64(), rows as f64 / (thread_cpu() - cpu)));
        }
    }
    report.table(
        &format!(
            "Store: upserts of random clients, {} in the table, {COMMIT} in a transaction (ours filled it at {filled:.0} rows/s)",
            plan.clients
        ),
        &["what", "rows/s", "rows per CPU-second of the writing thread", "ours against it"],
    );
    let names = ["turnaway's store", "SQLite alone, same table and settings", "SQLite alone, seven columns, 64 MB of cache"];
    for (name, other) in names.iter().zip(&rates) {
        let against = median(&rates[0].iter().zip(other).map(|(ours, other)| ours.0 / other.0).collect::<Vec<_>>());
        report.row(&[
            (*name).to_owned(),
            format!("{:.0}", median(&other.iter().map(|rate| rate.0).collect::<Vec<_>>())),
            format!("{:.0}", median(&other.iter().map(|rate| rate.1).collect::<Vec<_>>())),
            format!("{against:.2}"),
        ]);
        if other.as_ptr() == rates[1].as_ptr() {
            report.target("store: rate against SQLite alone, same table and settings", against, ">=", 0.8, "");
        }
    }
    if store.count().unwrap() != plan.clients {
        report.fault(format!("store: {} rows instead of {}", store.count().unwrap(), plan.clients));
    }
}

/// Who writes.
enum Side<'a> {
    Ours(&'a SqliteStore, Batch, i64),
    Bare(&'a Connection),
    Plain(&'a Connection),
}

fn fill(plan: &Plan, side: &mut Side<'_>) {
    write(side, (0..plan.clients).map(|n| (n, 0)));
}

fn random(plan: &Plan, rows: u64, round: u64, side: &mut Side<'_>) {
    let mut rng = Rng::new(round);
    write(side, (0..rows).map(|at| (rng.below(plan.clients), (round * rows + at) as i64)));
}

fn write(side: &mut Side<'_>, rows: impl Iterator<Item = (u64, i64)>) {
    let mut open = 0;
    for (n, ts) in rows {
        if open == 0 {
            side.begin();
        }
        side.put(n, ts);
        open += 1;
        if open == COMMIT {
            side.commit();
            open = 0;
        }
    }
    if open > 0 {
        side.commit();
    }
}

impl Side<'_> {
    fn begin(&mut self) {
        if let Side::Bare(conn) | Side::Plain(conn) = self {
            conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
    }

    fn put(&mut self, n: u64, ts: i64) {
        match self {
            Side::Ours(_, batch, _) => batch.push(Attempt::Refused(Box::new(row(n, ts))), true, false),
            Side::Bare(conn) => {
                let row = row(n, ts);
                let text = |value: &dyn erased::Json| value.text();
                conn.prepare_cached(BARE)
                    .unwrap()
                    .execute(params![
                        row.client_id,
                        row.identity.code(),
                        row.broker,
                        row.ip_address.map(|ip| ip.to_string()),
                        row.ts,
                        row.username,
                        row.password_provided,
                        row.tls_used,
                        row.reason,
                        row.reason_code.code(),
                        text(&row.alternatives),
                        text(&row.inferred),
                        1,
                        row.first_ts,
                        text(&row.evidence),
                        ts,
                    ])
                    .unwrap();
            }
            Side::Plain(conn) => {
                let row = row(n, ts);
                conn.prepare_cached(PLAIN)
                    .unwrap()
                    .execute(params![
                        row.client_id,
                        ts,
                        "user",
                        true,
                        false,
                        row.ip_address.map(|ip| ip.to_string()),
                        row.reason_code.code()
                    ])
                    .unwrap();
            }
        }
    }

    fn commit(&mut self) {
        match self {
            Side::Ours(store, batch, now) => {
                *now += 1;
                store.commit(batch, *now).unwrap();
                batch.clear();
            }
            Side::Bare(conn) | Side::Plain(conn) => conn.execute_batch("COMMIT").unwrap(),
        }
    }
}

const BARE: &str = "
    INSERT INTO client (client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code,
                        alternatives, inferred, attempts, first_ts, evidence, recorded_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
    ON CONFLICT (client_id, identity, broker) DO UPDATE SET
        ip_address = excluded.ip_address, ts = excluded.ts, username = excluded.username,
        password_provided = excluded.password_provided, tls_used = excluded.tls_used, reason = excluded.reason,
        reason_code = excluded.reason_code, alternatives = excluded.alternatives, inferred = excluded.inferred,
        attempts = attempts + excluded.attempts, evidence = excluded.evidence, recorded_at = excluded.recorded_at";

const PLAIN: &str = "
    INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (client_id) DO UPDATE SET updated = excluded.updated, username = excluded.username,
        password_provided = excluded.password_provided, tls = excluded.tls, ip = excluded.ip, reason = excluded.reason";

/// What Mosquitto's log makes of a refused client.
fn row(n: u64, ts: i64) -> Row {
    let client_id = flood::client(n);
    let ip = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    let evidence = [
        format!("1795444592: New connection from {ip}:1024 on port 1883."),
        format!("1795444592: Sending CONNACK to {client_id} (0, 5)"),
        format!("1795444592: Client {client_id} disconnected, not authorised."),
    ];
    Row {
        client_id,
        ip_address: ip.parse().ok(),
        ts,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "No Credentials Found (or Password Does Not Match, No Password Provided, Cannot Parse Basic Credentials): not authorised"
            .into(),
        reason_code: Reason::NoCredentialsFound,
        alternatives: vec![Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided, Reason::CannotParseBasicCredentials].into(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".into(),
        attempts: 1,
        first_ts: ts,
        evidence: evidence.into(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

mod erased {
    /// A list as the store keeps it.
    pub trait Json {
        /// Its text.
        fn text(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn text(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}

fn checkpointed_copy(from: &Path, to: &Path) {
    let conn = Connection::open(from).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    std::fs::copy(from, to).unwrap();
}
