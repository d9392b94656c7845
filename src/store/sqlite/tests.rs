//! What only shows with a hand on the connection: a full disk, and a commit that fails half-way.

use super::*;
use crate::model::{Attempt, Identity, Reason};
use crate::store::LogState;

/// A row of which most is not known, and that takes nearly a page.
pub(super) fn row(client_id: &str, ts: Millis) -> Row {
    Row {
        client_id: client_id.to_owned(),
        ip_address: None,
        ts,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "Other".into(),
        reason_code: Reason::Other,
        alternatives: Default::default(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "b".into(),
        attempts: 1,
        first_ts: ts,
        evidence: ["x".repeat(900)].into(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

fn batch(clients: std::ops::Range<u32>) -> Batch {
    let mut batch = Batch::default();
    for n in clients {
        batch.push(Attempt::Refused(Box::new(row(&format!("c{n:06}"), i64::from(n)))), true, false);
    }
    batch.positions.push(LogState { source: "b".into(), log: "/l".into(), state: b"{}".to_vec() });
    batch
}

#[test]
fn a_full_disk_fails_the_commit_whole_and_the_same_batch_fits_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap();
    store.commit(&batch(0..5), 1).unwrap();
    let pages = |store: &SqliteStore, pages: i64| lock(&store.writer).conn.pragma_update(None, "max_page_count", pages);
    let now: i64 = lock(&store.writer).conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    pages(&store, now + 3).ok();

    let big = batch(100..2_100);
    let error = store.commit(&big, 2).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.retry());
    assert_eq!(store.count().unwrap(), 5);
    assert_eq!(store.load().unwrap().positions.len(), 1);

    pages(&store, 1_000_000).ok();
    assert_eq!(store.commit(&big, 3).unwrap().written, 2_000);
    assert_eq!(store.count().unwrap(), 2_005);
}

#[test]
fn a_commit_that_fails_at_its_last_statement_leaves_no_row_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap();
    lock(&store.writer)
        .conn
        .execute_batch("CREATE TEMP TRIGGER no BEFORE INSERT ON main.position BEGIN SELECT raise(ABORT, 'staged'); END")
        .unwrap();
    store.commit(&batch(0..10), 1).unwrap_err();
    assert_eq!(store.count().unwrap(), 0);
    lock(&store.writer).conn.execute_batch("DROP TRIGGER no").unwrap();
    store.commit(&batch(0..10), 1).unwrap();
    assert_eq!(store.count().unwrap(), 10);
}

#[test]
fn deletions_are_synced_and_later_commits_are_fast_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap();
    store.commit(&batch(0..3), 1).unwrap();
    assert_eq!(store.delete("c000001", 2).unwrap(), 1);
    let synchronous: i64 = lock(&store.writer).conn.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
    assert_eq!(synchronous, 1, "NORMAL");
    let mut seen = 0;
    let look = |transaction: &Transaction<'_>, _: Option<&mut Vec<Delta>>| {
        seen = transaction.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))?;
        Ok(())
    };
    store.remove_durably("look", |()| 0, look).unwrap();
    assert_eq!(seen, 2, "FULL");
}

#[test]
fn a_flood_never_grows_the_table_past_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { max_clients: 50, ..Settings::default() };
    let store = SqliteStore::open(&dir.path().join("t.db"), settings).unwrap();
    for n in 0..20 {
        store.commit(&batch(n * 10..n * 10 + 20), i64::from(n)).unwrap();
        assert!(store.count().unwrap() <= 50);
    }
    let kept = store.get("c000209").unwrap();
    assert_eq!(kept.len(), 1, "the newest stay");
    assert!(store.get("c000000").unwrap().is_empty(), "the oldest go");
}
