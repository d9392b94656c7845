//! The store as its callers see it: batches, deletions, restarts, bad files, and the same semantics in memory.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use turnaway::model::{Attempt, ClientKey, Field, Identity, Millis, Reason, Row};
use turnaway::store::{Batch, Filter, LogState, Order, PageQuery, Settings, SortBy, SqliteStore, Store, StoreError, Table};

const DAY: Millis = 24 * 60 * 60 * 1000;
const NOW: Millis = 1_767_225_600_000;

fn row(client_id: &str, ts: Millis) -> Row {
    Row {
        client_id: client_id.to_owned(),
        ip_address: Some("192.0.2.7".parse::<IpAddr>().unwrap()),
        ts,
        username: Some("alice".to_owned()),
        password_provided: Some(true),
        tls_used: None,
        reason: "Password Does Not Match: bad".into(),
        reason_code: Reason::PasswordDoesNotMatch,
        alternatives: vec![Reason::NoCredentialsFound].into(),
        inferred: vec![Field::IpAddress],
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

fn refused(row: Row) -> Attempt {
    Attempt::Refused(Box::new(row))
}

fn fresh(attempts: impl IntoIterator<Item = Attempt>) -> Batch {
    let mut batch = Batch::default();
    for attempt in attempts {
        batch.push(attempt, true, false);
    }
    batch
}

fn again(attempts: impl IntoIterator<Item = Attempt>) -> Batch {
    let mut batch = Batch::default();
    for attempt in attempts {
        batch.push(attempt, true, true);
    }
    batch
}

fn all() -> PageQuery {
    PageQuery { filter: Filter::default(), page_size: 1_000, page: 0, sort: SortBy::ClientId, order: Order::Asc }
}

fn rows(store: &SqliteStore) -> Vec<Row> {
    store.page(&all()).unwrap().data
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("turnaway.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.db(), Settings::default()).unwrap()
    }
}

#[test]
fn a_row_comes_back_as_it_was_written() {
    let place = Place::new();
    let store = place.open();
    let mut bare = row("bare", 2);
    bare.ip_address = Some("2001:db8::1".parse().unwrap());
    (bare.username, bare.password_provided, bare.tls_used) = (None, None, Some(false));
    bare.identity = Identity::Certificate;
    store.commit(&fresh([refused(row("full", 1)), refused(bare.clone())]), NOW).unwrap();
    assert_eq!(rows(&store), [bare, row("full", 1)]);
    drop(store);
    assert_eq!(place.open().count().unwrap(), 2, "and after a restart");
}

#[test]
fn the_newest_by_arrival_wins_and_attempts_go_on_until_the_client_connects() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh([refused(row("c", 100)), refused(row("c", 300))]), NOW).unwrap();
    // An older stamp that arrives later: a clock that was set back.
    store.commit(&fresh([refused(row("c", 200))]), NOW).unwrap();
    let found = &store.get("c").unwrap()[0];
    assert_eq!((found.ts, found.attempts, found.first_ts), (200, 3, 100));

    let stats = store.commit(&fresh([Attempt::Accepted(row("c", 0).key(), 400), refused(row("c", 500))]), NOW).unwrap();
    assert_eq!((stats.written, stats.cleared), (1, 0));
    let found = &store.get("c").unwrap()[0];
    assert_eq!((found.ts, found.attempts, found.first_ts), (500, 1, 500));

    assert_eq!(store.commit(&fresh([Attempt::Accepted(row("c", 0).key(), 600)]), NOW).unwrap().cleared, 1);
    assert_eq!(store.count().unwrap(), 0);
}

#[test]
fn with_clearing_off_a_success_changes_nothing() {
    let place = Place::new();
    let store = place.open();
    let mut batch = fresh([refused(row("c", 1))]);
    batch.push(Attempt::Accepted(row("c", 0).key(), 2), false, false);
    store.commit(&batch, NOW).unwrap();
    assert_eq!(store.count().unwrap(), 1);
}

#[test]
fn brokers_and_identities_do_not_mix() {
    let place = Place::new();
    let store = place.open();
    let mut other = row("c", 2);
    other.broker = "emqx".into();
    let mut name = row("c", 3);
    name.identity = Identity::Username;
    store.commit(&fresh([refused(row("c", 1)), refused(other), refused(name)]), NOW).unwrap();
    assert_eq!(store.get("c").unwrap().len(), 3);
    store.commit(&fresh([Attempt::Accepted(row("c", 0).key(), 9)]), NOW).unwrap();
    let left: Vec<_> = store.get("c").unwrap().into_iter().map(|row| (row.broker, row.identity)).collect();
    assert_eq!(left, [("mosquitto".into(), Identity::Username), ("emqx".into(), Identity::ClientId)]);
    assert_eq!(store.delete("c", NOW).unwrap(), 2);
}

#[test]
fn positions_and_conversations_change_with_the_rows() {
    let place = Place::new();
    let store = place.open();
    let state = |log: &str, state: &[u8]| LogState { source: "s".into(), log: log.into(), state: state.to_vec() };
    let mut batch = Batch::default();
    batch.positions.extend([state("/a", b"1"), state("/b", b"1")]);
    batch.conversations.push(state("/a", b"open\0\xff"));
    assert!(!batch.is_empty());
    store.commit(&batch, NOW).unwrap();
    batch.clear();
    assert!(batch.is_empty());
    batch.positions.push(state("/a", b"2"));
    batch.forgotten.push(("s".into(), "/b".into()));
    store.commit(&batch, NOW).unwrap();
    drop(store);
    let loaded = place.open().load().unwrap();
    assert_eq!(loaded.positions, [state("/a", b"2")]);
    assert_eq!(loaded.conversations, [state("/a", b"open\0\xff")]);
}

#[test]
fn a_deleted_row_stays_deleted_when_its_log_is_read_again() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh([refused(row("c", NOW)), refused(row("d", NOW))]), NOW).unwrap();
    assert_eq!(store.delete("c", NOW).unwrap(), 1);
    assert_eq!(store.delete("c", NOW).unwrap(), 0);
    drop(store);
    let store = place.open();
    let stats = store.commit(&again([refused(row("c", NOW - 1)), refused(row("c", NOW)), refused(row("d", NOW))]), NOW).unwrap();
    assert_eq!((stats.written, stats.ignored), (0, 2));
    assert!(store.get("c").unwrap().is_empty());
    assert_eq!(store.get("d").unwrap()[0].attempts, 1, "what was counted is not counted again");
    // What is newer than the deletion counts, read again or not.
    store.commit(&again([refused(row("c", NOW)), refused(row("c", NOW + 1))]), NOW).unwrap();
    assert_eq!(store.get("c").unwrap()[0].attempts, 1);
    // And a line that was never read before counts whatever its stamp.
    store.delete("c", NOW).unwrap();
    store.commit(&fresh([refused(row("c", NOW - 5))]), NOW).unwrap();
    assert_eq!(store.get("c").unwrap()[0].ts, NOW - 5);
}

#[test]
fn all_deleted_rows_stay_deleted_broker_by_broker() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh([refused(row("a", NOW)), refused(row("b", NOW + 50))]), NOW).unwrap();
    assert_eq!(store.delete_all(NOW).unwrap(), 2);
    assert_eq!(store.delete_all(NOW).unwrap(), 0);
    let mut elsewhere = row("a", NOW);
    elsewhere.broker = "emqx".into();
    store.commit(&again([refused(row("a", NOW)), refused(row("z", NOW + 50)), refused(elsewhere.clone())]), NOW).unwrap();
    assert_eq!(rows(&store), [elsewhere]);
    store.commit(&again([refused(row("a", NOW + 51))]), NOW).unwrap();
    assert_eq!(store.count().unwrap(), 2);
}

#[test]
fn reading_a_log_again_neither_clears_nor_counts_what_came_later() {
    let place = Place::new();
    let store = place.open();
    let key = row("c", 0).key();
    let story = [refused(row("c", NOW + 1)), Attempt::Accepted(key.clone(), NOW + 2), refused(row("c", NOW + 3))];
    store.commit(&fresh(story.clone()), NOW).unwrap();
    let before = rows(&store);
    for attempt in story.clone() {
        store.commit(&again([attempt]), NOW).unwrap();
        assert_eq!(rows(&store), before);
    }
    store.commit(&again(story), NOW).unwrap();
    assert_eq!(rows(&store), before);
    store.commit(&again([Attempt::Accepted(key, NOW + 4)]), NOW).unwrap();
    assert_eq!(store.count().unwrap(), 0);
}

#[test]
fn retention_counts_from_when_a_row_was_recorded() {
    let place = Place::new();
    let store = place.open();
    // An old log, read today: its rows show.
    store.commit(&fresh([refused(row("old-log", NOW - 400 * DAY)), refused(row("gone", NOW))]), NOW).unwrap();
    assert_eq!(store.expire(NOW + DAY).unwrap().rows, 0);
    store.commit(&fresh([refused(row("old-log", NOW - 399 * DAY))]), NOW + 2 * DAY).unwrap();
    assert_eq!(store.expire(NOW + 3 * DAY).unwrap().rows, 0, "three days to the millisecond");
    assert_eq!(store.expire(NOW + 3 * DAY + 1).unwrap().rows, 1);
    assert_eq!(rows(&store)[0].client_id, "old-log");
    // Read again, the expired row does not come back.
    store.commit(&again([refused(row("gone", NOW))]), NOW + 3 * DAY + 1).unwrap();
    assert_eq!(store.count().unwrap(), 1);

    let forever = Place::new();
    let store = SqliteStore::open(&forever.db(), Settings { retention: None, ..Settings::default() }).unwrap();
    store.commit(&fresh([refused(row("c", 0))]), 0).unwrap();
    assert_eq!(store.expire(NOW * 2).unwrap().rows, 0);
}

#[test]
fn marks_of_deletions_go_after_the_retention_and_what_they_kept_away_stays_away() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh([refused(row("c", NOW))]), NOW).unwrap();
    store.delete("c", NOW).unwrap();
    store.commit(&fresh([refused(row("d", NOW))]), NOW).unwrap();
    store.delete_all(NOW).unwrap();
    assert_eq!(store.expire(NOW + 3 * DAY).unwrap().marks, 0);
    let later = NOW + 3 * DAY + 1;
    assert_eq!(store.expire(later).unwrap().marks, 2);
    store.commit(&again([refused(row("c", NOW)), refused(row("d", NOW))]), later).unwrap();
    assert_eq!(store.count().unwrap(), 0);
}

#[test]
fn the_oldest_rows_and_marks_go_first_when_there_are_too_many() {
    let place = Place::new();
    let store = SqliteStore::open(&place.db(), Settings { max_clients: 2, ..Settings::default() }).unwrap();
    for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
        let n = n as Millis;
        store.commit(&fresh([refused(row(name, NOW - n))]), NOW + n).unwrap();
    }
    let names = |store: &SqliteStore| rows(store).into_iter().map(|row| row.client_id).collect::<Vec<_>>();
    assert_eq!(names(&store), ["b", "c"]);
    for (n, name) in ["b", "c", "e"].into_iter().enumerate() {
        let n = 10 + n as Millis;
        store.commit(&fresh([refused(row(name, NOW + n))]), NOW + n).unwrap();
        store.delete(name, NOW + n).unwrap();
    }
    assert_eq!(store.expire(NOW + 20).unwrap().marks, 1);
    // A smaller limit after a restart is kept at the next pass.
    store.commit(&fresh([refused(row("f", NOW)), refused(row("g", NOW + 1))]), NOW + 30).unwrap();
    drop(store);
    let store = SqliteStore::open(&place.db(), Settings { max_clients: 1, ..Settings::default() }).unwrap();
    assert_eq!(store.expire(NOW + 40).unwrap().evicted, 1);
    assert_eq!(names(&store), ["g"]);
}

#[test]
fn hostile_names_are_kept_found_and_deleted_exactly() {
    let place = Place::new();
    let store = place.open();
    let long = "x".repeat(65_535);
    let names =
        ["", "\0", "a\0b", "a\0c", "%", "_", "' OR 1=1 --", "\u{202e}evil\r\n", "x\"; DROP TABLE client; --", &long, "Ünïcode", "ünïcode"];
    store.commit(&fresh(names.iter().map(|name| refused(row(name, NOW)))), NOW).unwrap();
    assert_eq!(store.count().unwrap(), names.len() as u64);
    for name in names {
        let found = store.get(name).unwrap();
        assert_eq!(found.len(), 1, "{name:?}");
        assert_eq!(found[0].client_id, name);
    }
    for (n, name) in names.iter().enumerate() {
        assert_eq!(store.delete(name, NOW).unwrap(), 1);
        assert_eq!(store.count().unwrap(), (names.len() - n - 1) as u64);
    }
}

#[test]
fn attempts_never_overflow() {
    let place = Place::new();
    let store = place.open();
    let mut many = row("c", NOW);
    many.attempts = u64::MAX;
    for _ in 0..3 {
        store.commit(&fresh([refused(many.clone())]), NOW).unwrap();
    }
    assert_eq!(store.get("c").unwrap()[0].attempts, i64::MAX as u64);
}

#[test]
fn filters_follow_tbmq() {
    let place = Place::new();
    let store = place.open();
    let mut a = row("Sensor-1", 100);
    a.username = None;
    a.password_provided = None;
    a.reason_code = Reason::Other;
    let mut b = row("sensor-2", 200);
    b.username = Some("BOB".to_owned());
    b.password_provided = Some(false);
    b.ip_address = None;
    let mut c = row("a\0tail", 300);
    c.broker = "emqx".into();
    c.tls_used = Some(true);
    c.reason = "Straße (strasse)".into();
    store.commit(&fresh([refused(a), refused(b), refused(c)]), NOW).unwrap();
    let find = |filter: Filter| -> Vec<Millis> {
        let query = PageQuery { filter, sort: SortBy::Ts, ..all() };
        store.page(&query).unwrap().data.into_iter().map(|row| row.ts).collect()
    };
    let base = Filter::default;
    assert_eq!(find(base()), [100, 200, 300]);
    assert_eq!(find(Filter { text_search: "SENSOR".into(), ..base() }), [100, 200]);
    assert_eq!(find(Filter { text_search: "sensor".into(), client_id: "2".into(), ..base() }), [200]);
    assert_eq!(find(Filter { client_id: "tail".into(), ..base() }), [300], "behind a NUL");
    assert_eq!(find(Filter { client_id: "s_n%1".into(), ..base() }), [100]);
    assert_eq!(find(Filter { username: "b".into(), ..base() }), [200]);
    assert_eq!(find(Filter { username: "%".into(), ..base() }), [200, 300], "never null");
    assert_eq!(find(Filter { ip_address: "192.0".into(), ..base() }), [100, 300]);
    assert_eq!(find(Filter { reason: "RASS".into(), ..base() }), [300]);
    assert_eq!(find(Filter { start: Some(200), ..base() }), [200, 300]);
    assert_eq!(find(Filter { end: Some(200), ..base() }), [100, 200]);
    assert_eq!(find(Filter { password_provided: vec![true, false], ..base() }), [200, 300], "null is neither");
    assert_eq!(find(Filter { password_provided: vec![false], ..base() }), [200]);
    assert_eq!(find(Filter { tls_used: vec![true, true], ..base() }), [300]);
    assert_eq!(find(Filter { broker: "emqx".into(), ..base() }), [300]);
    assert_eq!(find(Filter { broker: "EMQX".into(), ..base() }), [] as [Millis; 0]);
    assert_eq!(find(Filter { reason_code: vec![Reason::Other, Reason::Other], ..base() }), [100]);
}

#[test]
fn pages_tile_the_rows_in_every_order() {
    let place = Place::new();
    let store = place.open();
    store
        .commit(
            &fresh((0..23).map(|n| {
                let mut row = row(&format!("c{n:02}"), NOW + n % 5);
                row.username = (n % 3 == 0).then(|| format!("u{}", n % 4));
                row.tls_used = [None, Some(true), Some(false)][n as usize % 3];
                refused(row)
            })),
            NOW,
        )
        .unwrap();
    for name in SortBy::names() {
        for order in [Order::Asc, Order::Desc] {
            let sort = SortBy::from_name(name).unwrap();
            let query = |page| PageQuery { filter: Filter::default(), page_size: 5, page, sort, order };
            let mut seen = Vec::new();
            for page in 0..5 {
                let found = store.page(&query(page)).unwrap();
                assert_eq!((found.total_pages, found.total_elements, found.has_next), (5, 23, page < 4), "{name}");
                seen.extend(found.data.into_iter().map(|row| row.client_id));
            }
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 23, "{name} {order:?}");
            let past = store.page(&query(u32::MAX)).unwrap();
            assert_eq!((past.data.len(), past.total_elements, past.has_next), (0, 23, false));
        }
    }
    // Null is the greatest, as in PostgreSQL.
    let by_name = |order| store.page(&PageQuery { sort: SortBy::Username, order, ..all() }).unwrap().data;
    assert_eq!(by_name(Order::Asc)[0].username.as_deref(), Some("u0"));
    assert_eq!(by_name(Order::Desc)[0].username, None);
    assert_eq!(SortBy::from_name("evidence"), None);
}

#[test]
fn reading_does_not_wait_for_writing() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh([refused(row("c", NOW))]), NOW).unwrap();
    let other = rusqlite::Connection::open(place.db()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM client").unwrap();
    assert_eq!(store.count().unwrap(), 1);
    assert_eq!(rows(&store).len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_second_store_on_the_same_file_is_refused_by_any_of_its_names() {
    let place = Place::new();
    let store = place.open();
    let link = place.dir.path().join("link.db");
    std::os::unix::fs::symlink(place.db(), &link).unwrap();
    for name in [place.db(), link] {
        let error = SqliteStore::open(&name, Settings::default()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }));
        assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
    }
    drop(store);
    place.open();
}

/// The file and what stands beside it, to see that nothing was changed.
fn contents(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_damaged_file_is_refused_with_advice_and_left_alone() {
    let place = Place::new();
    std::fs::write(place.db(), "this is a text, and long enough to be no empty database at all ".repeat(100)).unwrap();
    let before = contents(&place.db());
    let error = SqliteStore::open(&place.db(), Settings::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("move it aside") && error.to_string().contains("turnaway.db"), "{error}");
    assert_eq!(contents(&place.db()), before);
}

#[test]
fn a_file_with_a_broken_page_is_refused() {
    let place = Place::new();
    let store = place.open();
    store.commit(&fresh((0..200).map(|n| refused(row(&format!("c{n}"), NOW)))), NOW).unwrap();
    drop(store);
    let mut bytes = contents(&place.db());
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(place.db(), &bytes).unwrap();
    let error = SqliteStore::open(&place.db(), Settings::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(contents(&place.db()), bytes);
}

#[test]
fn a_newer_or_foreign_database_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.open());
    let conn = rusqlite::Connection::open(place.db()).unwrap();
    conn.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(conn);
    let before = contents(&place.db());
    let error = SqliteStore::open(&place.db(), Settings::default()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("schema version 99"), "{error}");
    assert_eq!(contents(&place.db()), before);

    let other = place.dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let before = contents(&other);
    assert!(matches!(SqliteStore::open(&other, Settings::default()).unwrap_err(), StoreError::Foreign { .. }));
    assert_eq!(contents(&other), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let error = SqliteStore::open(Path::new("/nonexistent/t.db"), Settings::default()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/t.db"), "{error}");
}

fn schema(path: &Path) -> Vec<(String, String)> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_database_of_every_version_opens_with_the_newest_schema() {
    let new = Place::new();
    drop(new.open());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/store");
    for version in 1..=version(&new.db()) {
        let entry = fixtures.join(format!("v{version}.sqlite"));
        let place = Place::new();
        std::fs::copy(&entry, place.db()).unwrap();
        assert_eq!(self::version(&place.db()), version, "{}", entry.display());
        let store = place.open();
        assert_eq!(store.get("sensor-7").unwrap(), [row("sensor-7", NOW)], "{}", entry.display());
        assert_eq!(store.load().unwrap().positions.len(), 1);
        assert_eq!(store.load().unwrap().conversations.len(), 1);
        // The mark of a deletion has come along.
        store.commit(&again([refused(row("deleted", NOW))]), NOW).unwrap();
        assert_eq!(store.count().unwrap(), 1);
        drop(store);
        assert_eq!(schema(&place.db()), schema(&new.db()), "{}", entry.display());
    }
}

fn version(path: &Path) -> i64 {
    rusqlite::Connection::open(path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// Run by hand when the schema gets a new version: writes the fixture of the present one.
#[test]
#[ignore = "writes fixtures/store"]
fn write_the_fixture_of_this_version() {
    let place = Place::new();
    let store = place.open();
    let mut batch = fresh([refused(row("sensor-7", NOW)), refused(row("deleted", NOW))]);
    batch.positions.push(LogState { source: "mosquitto".into(), log: "/var/log/m.log".into(), state: b"{}".to_vec() });
    batch.conversations.push(LogState { source: "mosquitto".into(), log: "/var/log/m.log".into(), state: b"[]".to_vec() });
    store.commit(&batch, NOW).unwrap();
    store.delete("deleted", NOW).unwrap();
    drop(store);
    let version = version(&place.db());
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/store/v{version}.sqlite"));
    std::fs::copy(place.db(), to).unwrap();
}

/// The child of the test below: commits batch after batch until it is killed.
#[test]
#[ignore = "a child process of kill_at_any_instant_leaves_whole_commits"]
fn commit_until_killed() {
    let Some(path) = std::env::var_os("TURNAWAY_TEST_DB") else { return };
    let store = SqliteStore::open(Path::new(&path), Settings::default()).unwrap();
    for n in 1u64.. {
        let mut batch = fresh((0..50).map(|c| refused(row(&format!("c{c}"), n as Millis))));
        batch.positions.push(LogState { source: "s".into(), log: "l".into(), state: n.to_string().into_bytes() });
        store.commit(&batch, NOW).unwrap();
        println!("{n}");
    }
}

#[test]
fn kill_at_any_instant_leaves_whole_commits() {
    use std::io::BufRead as _;
    let place = Place::new();
    for round in 1..=5usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "commit_until_killed", "--nocapture"])
            .env("TURNAWAY_TEST_DB", place.db())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).filter(|line| line.parse::<u64>().is_ok()).nth(round * 7);
        child.kill().unwrap();
        child.wait().unwrap();
        let least: u64 = told.unwrap().parse().unwrap();
        let store = place.open();
        let position: u64 = String::from_utf8(store.load().unwrap().positions[0].state.clone()).unwrap().parse().unwrap();
        assert!(position >= least, "what was committed is there");
        let rows = rows(&store);
        assert_eq!(rows.len(), 50);
        assert!(rows.iter().all(|row| row.ts == position as Millis), "rows and position are of one commit");
        store.delete_all(NOW).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Act {
    Refused { client: u8, ts: Millis, reread: bool },
    Accepted { client: u8, ts: Millis, reread: bool },
}

fn act() -> impl Strategy<Value = Act> {
    // Mostly lines of a first reading, few clients and times: what collides is what matters.
    let parts = || (0..3u8, 0..12i64, prop::bool::weighted(0.4));
    prop_oneof![
        4 => parts().prop_map(|(client, ts, reread)| Act::Refused { client, ts: NOW + ts, reread }),
        1 => parts().prop_map(|(client, ts, reread)| Act::Accepted { client, ts: NOW + ts, reread }),
    ]
}

impl Act {
    fn push(&self, batch: &mut Batch) {
        let key = |client: u8| ClientKey { client_id: format!("c{client}"), ..row("", 0).key() };
        match self {
            Act::Refused { client, ts, reread } => batch.push(refused(row(&format!("c{client}"), *ts)), true, *reread),
            Act::Accepted { client, ts, reread } => batch.push(Attempt::Accepted(key(*client), *ts), true, *reread),
        }
    }
}

/// The semantics as one reads them on the page, one attempt after another.
fn plain(acts: &[Act], deleted: Option<(u8, Millis)>) -> Vec<Row> {
    let mut rows: HashMap<u8, Row> = HashMap::new();
    for act in acts {
        match act {
            Act::Refused { client, ts, reread } => {
                let old = rows.get(client);
                let known = old.is_some_and(|old| *ts <= old.ts) || deleted.is_some_and(|(gone, at)| gone == *client && *ts <= at);
                if !(*reread && known) {
                    let mut new = row(&format!("c{client}"), *ts);
                    if let Some(old) = old {
                        new.attempts += old.attempts;
                        new.first_ts = old.first_ts;
                    }
                    rows.insert(*client, new);
                }
            }
            Act::Accepted { client, ts, reread } => {
                if !*reread || rows.get(client).is_some_and(|old| old.ts <= *ts) {
                    rows.remove(client);
                }
            }
        }
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    rows.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_batches_comes_to_the_same(
        acts in prop::collection::vec(act(), 0..40),
        cuts in prop::collection::vec(0..40usize, 0..5),
        mark in prop::option::of((0..3u8, 0..12i64)),
    ) {
        let mark = mark.map(|(client, ts)| (client, NOW + ts));
        let place = Place::new();
        let store = place.open();
        if let Some((client, ts)) = mark {
            store.commit(&fresh([refused(row(&format!("c{client}"), ts))]), NOW).unwrap();
            store.delete(&format!("c{client}"), NOW).unwrap();
        }
        let mut table = Table::default();
        let mut batch = Batch::default();
        for (n, act) in acts.iter().enumerate() {
            if cuts.contains(&n) {
                store.commit(&batch, NOW).unwrap();
                table.commit(&batch);
                batch.clear();
            }
            act.push(&mut batch);
        }
        prop_assert!(batch.clients() <= 3);
        store.commit(&batch, NOW).unwrap();
        table.commit(&batch);
        prop_assert_eq!(rows(&store), plain(&acts, mark));
        prop_assert_eq!(table.into_rows(), plain(&acts, None));
    }

    #[test]
    fn the_table_takes_attempts_one_by_one_too(acts in prop::collection::vec(act(), 0..40)) {
        let mut table = Table::default();
        for act in &acts {
            match act {
                Act::Refused { client, ts, .. } => table.push(refused(row(&format!("c{client}"), *ts)), true),
                Act::Accepted { client, ts, .. } =>
                    table.push(Attempt::Accepted(ClientKey { client_id: format!("c{client}"), ..row("", 0).key() }, *ts), true),
            }
        }
        let fresh: Vec<Act> = acts.into_iter().map(|act| match act {
            Act::Refused { client, ts, .. } => Act::Refused { client, ts, reread: false },
            Act::Accepted { client, ts, .. } => Act::Accepted { client, ts, reread: false },
        }).collect();
        prop_assert_eq!(table.into_rows(), plain(&fresh, None));
    }
}

#[test]
fn an_attempt_that_is_known_better_counts_nothing_and_replaces_only_itself() {
    let better = |ts| {
        let mut row = row("c", ts);
        row.reason = "known better".into();
        Attempt::Revised(Box::new(row))
    };
    let place = Place::new();
    let store = place.open();
    let told = |store: &SqliteStore| {
        let row = store.get("c").unwrap().remove(0);
        (&*row.reason == "known better", row.ts, row.attempts, row.first_ts)
    };
    // In one batch, in a later one, too late, and after the row went.
    store.commit(&fresh([refused(row("c", 100)), refused(row("c", 200)), better(200)]), NOW).unwrap();
    assert_eq!(told(&store), (true, 200, 2, 100));
    store.commit(&fresh([refused(row("c", 300))]), NOW).unwrap();
    assert_eq!(told(&store), (false, 300, 3, 100));
    store.commit(&fresh([better(300)]), NOW).unwrap();
    assert_eq!(told(&store), (true, 300, 3, 100));
    store.commit(&fresh([refused(row("c", 400)), better(300)]), NOW).unwrap();
    assert_eq!(told(&store), (false, 400, 4, 100));
    store.commit(&fresh([better(300)]), NOW).unwrap();
    assert_eq!(told(&store), (false, 400, 4, 100));
    store.commit(&fresh([Attempt::Accepted(row("c", 0).key(), 500), better(400)]), NOW).unwrap();
    assert!(store.get("c").unwrap().is_empty());
    store.commit(&fresh([better(400)]), NOW).unwrap();
    assert!(store.get("c").unwrap().is_empty());

    let mut table = Table::default();
    for attempt in [refused(row("c", 100)), refused(row("c", 200)), better(200), better(100)] {
        table.push(attempt, true);
    }
    let row = table.into_rows().remove(0);
    assert_eq!((&*row.reason, row.ts, row.attempts, row.first_ts), ("known better", 200, 2, 100));
}

#[test]
fn one_file_is_left_when_the_store_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let store = SqliteStore::open(&path, Settings::default()).unwrap();
    store.commit(&fresh([refused(row("a", NOW))]), NOW).unwrap();
    store.page(&all()).unwrap();
    let wal = dir.path().join("t.db-wal");
    assert!(wal.exists());
    drop(store);
    assert!(!wal.exists(), "the reading connections may not take the log in: they close first");
}
