//! The copy says what the file says, whatever is written, deleted and asked, and whatever goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::model::{Attempt, Identity, Reason};
use crate::store::{Order, SortBy};

const NOW: Millis = 1_767_225_600_000;

/// Few letters, so that filters find something; wildcards, other cases and other scripts among them.
const TEXT: &str = "[abAB1_%É é\u{1e9e}]{0,5}";

fn open(settings: Settings) -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join("t.db"), settings).unwrap();
    Arc::get_mut(&mut store.copy).unwrap().least = 0;
    (dir, store)
}

/// Makes the copy here, with all orders.
fn make(store: &SqliteStore) {
    store.await_copy();
    store.copy.make(&store.writer, &store.path);
    SortBy::all().for_each(|sort| store.copy.make_order(sort));
}

fn by_file(store: &SqliteStore, query: &PageQuery) -> Page {
    store.read("test", |conn| page::page(conn, query, None)).unwrap()
}

fn row(client_id: &str, ts: Millis) -> Row {
    let ip_address = Some("192.0.2.1".parse().unwrap());
    Row { ip_address, reason: "Other: words".into(), evidence: ["x".repeat(50)].into(), ..super::tests::row(client_id, ts) }
}

fn batch(rows: impl Iterator<Item = Row>) -> Batch {
    let mut batch = Batch::default();
    rows.for_each(|row| batch.push(Attempt::Refused(Box::new(row)), true, false));
    batch
}

fn query(filter: Filter, sort: SortBy, page: u32) -> PageQuery {
    PageQuery { filter, page_size: 5, page, sort, order: Order::Desc }
}

fn id_has(text: &str) -> Filter {
    Filter { client_id: text.to_owned(), ..Filter::default() }
}

prop_compose! {
    fn rows()(client_id in TEXT, ip in proptest::option::of("192\\.0\\.2\\.[0-9]"), ts in 0..5i64, username in proptest::option::of(TEXT),
              password in any::<Option<bool>>(), tls in any::<Option<bool>>(), reason in TEXT, code in 0..3usize, identity in 0..2usize,
              broker in "[xy]", huge in proptest::bool::weighted(0.05)) -> Row {
        Row {
            ip_address: ip.map(|ip| ip.parse().unwrap()),
            username,
            password_provided: password,
            tls_used: tls,
            reason: reason.into(),
            reason_code: Reason::ALL[code],
            identity: [Identity::ClientId, Identity::Username][identity],
            broker: broker.into(),
            attempts: if huge { u64::MAX } else { 1 },
            ..row(&client_id, ts)
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(Attempt, bool)>),
    Delete(String),
    DeleteAll,
    Expire,
    /// The copy goes and is made anew.
    Remake,
}

fn attempts() -> impl Strategy<Value = (Attempt, bool)> {
    let attempt = prop_oneof![
        8 => rows().prop_map(|row| Attempt::Refused(Box::new(row))),
        1 => rows().prop_map(|row| Attempt::Revised(Box::new(row))),
        1 => rows().prop_map(|row| Attempt::Accepted(row.key(), row.ts)),
    ];
    (attempt, proptest::bool::weighted(0.2))
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(attempts(), 1..30).prop_map(Step::Commit),
        2 => TEXT.prop_map(Step::Delete),
        1 => Just(Step::DeleteAll),
        1 => Just(Step::Expire),
        1 => Just(Step::Remake),
    ]
}

prop_compose! {
    fn questions()(text_search in "[a_]{0,1}", client_id in "[abA%_é]{0,2}", ip_address in "(|\\.[0-9])", username in "[abB_]{0,2}", reason in "[aé%]{0,1}",
                   start in proptest::option::of(0..5i64), end in proptest::option::of(0..5i64), password_provided in proptest::collection::vec(any::<bool>(), 0..3),
                   tls_used in proptest::collection::vec(any::<bool>(), 0..2), broker in "[xyz]{0,1}", code in proptest::option::of(0..3usize),
                   which in any::<[bool; 9]>(), sort in 0..SortBy::COUNT, desc in any::<bool>(), page_size in 1..20u32, page in 0..8u32) -> PageQuery {
        // Most are left out; else hardly any row would fit all of them.
        let keep = |at: usize, text: String| if which[at] && which[(at + 3) % 9] { text } else { String::new() };
        let filter = Filter {
            text_search: keep(0, text_search),
            start: start.filter(|_| which[1]),
            end: end.filter(|_| which[1]),
            client_id: keep(2, client_id),
            ip_address: keep(3, ip_address),
            username: keep(4, username),
            reason: keep(5, reason),
            password_provided: if which[6] { password_provided } else { vec![] },
            tls_used: if which[6] { tls_used } else { vec![] },
            broker: keep(7, broker),
            reason_code: code.filter(|_| which[8] && which[0]).map(|code| vec![Reason::ALL[code]]).unwrap_or_default(),
        };
        let order = if desc { Order::Desc } else { Order::Asc };
        PageQuery { filter, page_size, page, sort: SortBy::all().nth(sort).unwrap(), order }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_copy_gives_the_pages_of_the_file(
        before in proptest::collection::vec(rows(), 0..150),
        steps in proptest::collection::vec((steps(), proptest::collection::vec(questions(), 0..6)), 1..8),
    ) {
        let (_dir, store) = open(Settings { retention: Some(60), max_clients: 120, ..Settings::default() });
        store.commit(&batch(before.into_iter()), NOW).unwrap();
        make(&store);
        for (now, (step, questions)) in (NOW..).step_by(20).zip(steps) {
            match step {
                Step::Commit(attempts) => {
                    let mut batch = Batch::default();
                    attempts.into_iter().for_each(|(attempt, reread)| batch.push(attempt, true, reread));
                    store.commit(&batch, now).unwrap();
                }
                Step::Delete(client_id) => drop(store.delete(&client_id, now).unwrap()),
                Step::DeleteAll => drop(store.delete_all(now).unwrap()),
                Step::Expire => drop(store.expire(now).unwrap()),
                Step::Remake => {
                    store.copy.close();
                    make(&store);
                }
            }
            prop_assert!(store.copy.is_there());
            for query in questions {
                let wanted = by_file(&store, &query);
                let found = match store.copied_page(&query).unwrap() {
                    Some(found) => found,
                    // Too much has changed: the order is made anew.
                    None => {
                        store.await_copy();
                        store.copied_page(&query).unwrap().expect("an order that was just made")
                    }
                };
                prop_assert_eq!(found, wanted, "{:?}", query);
                let wanted = store.read("test", |conn| summary::summary(conn, &query.filter, 5)).unwrap();
                prop_assert_eq!(store.copied_summary(&query.filter, 5).unwrap(), Some(wanted));
            }
        }
    }
}

#[test]
fn a_page_is_of_one_moment_however_much_is_written() {
    let (_dir, store) = open(Settings::default());
    let clients = 150;
    let all = |ts: Millis| batch((0..clients).map(move |n| row(&format!("c{n:03}"), ts)));
    store.commit(&all(0), NOW).unwrap();
    make(&store);
    let is_done = AtomicBool::new(false);
    let mut of_copy = 0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for ts in 1..120 {
                // Each commit gives all rows another time, and some go and come.
                store.commit(&all(ts), NOW).unwrap();
                assert_eq!(store.delete(&format!("c{:03}", ts % clients), NOW).unwrap(), 1);
            }
            is_done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                store.copy.make(&store.writer, &store.path);
                SortBy::all().for_each(|sort| store.copy.make_order(sort));
                store.copied_page(&query(Filter::default(), SortBy::Attempts, 3)).unwrap();
            }
        });
        let mut latest = 0;
        while !is_done.load(Ordering::Acquire) {
            let Some(page) = store.copied_page(&query(id_has("c"), SortBy::Ts, 2)).unwrap() else { continue };
            of_copy += 1;
            let ts = page.data[0].ts;
            assert!(page.data.iter().all(|row| row.ts == ts), "{page:?}");
            assert!(ts >= latest, "time goes on");
            assert!([clients as u64, clients as u64 - 1].contains(&page.total_elements));
            latest = ts;
        }
        writer.join().unwrap();
    });
    assert!(of_copy > 0);
}

#[test]
fn who_wrote_or_deleted_sees_that_at_once() {
    let (_dir, store) = open(Settings::default());
    store.commit(&batch((0..200).map(|n| row(&format!("c{n:03}"), n))), NOW).unwrap();
    make(&store);
    let total = |store: &SqliteStore| store.copied_page(&query(id_has("c"), SortBy::Username, 1)).unwrap().unwrap().total_elements;
    for n in 0..10 {
        store.delete(&format!("c{n:03}"), NOW).unwrap();
        assert_eq!(total(&store), 199 - n);
    }
    store.commit(&batch([row("cnew", 5)].into_iter()), NOW).unwrap();
    assert_eq!(total(&store), 191);
    store.delete_all(NOW).unwrap();
    assert_eq!(total(&store), 0);
}

#[test]
fn a_change_by_another_program_is_seen() {
    let (dir, store) = open(Settings::default());
    store.commit(&batch((0..20).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    let other = Connection::open(dir.path().join("t.db")).unwrap();
    for (n, sql) in (0..).zip(["DELETE FROM client WHERE client_id = 'c7'", "UPDATE client SET reason = 'else' WHERE client_id = 'c1'"]) {
        make(&store);
        let all = query(id_has("c"), SortBy::Reason, 0);
        assert!(store.copied_page(&all).unwrap().is_some());
        other.execute_batch(sql).unwrap();
        assert_eq!(store.copied_page(&all).unwrap(), None, "the copy is gone");
        assert_eq!(store.page(&all).unwrap(), by_file(&store, &all));
        // The same when a commit comes first.
        make(&store);
        other.execute_batch(&sql.replace("c7", "c8").replace("c1", "c2")).unwrap();
        store.commit(&batch([row(&format!("new{n}"), 5)].into_iter()), NOW).unwrap();
        assert!(!store.copy.is_there());
        assert_eq!(store.page(&all).unwrap(), by_file(&store, &all));
    }
}

#[test]
fn a_commit_that_fails_ends_the_copy_and_not_the_pages() {
    let (_dir, store) = open(Settings::default());
    store.commit(&batch((0..5).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    make(&store);
    let now: i64 = lock(&store.writer).conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    lock(&store.writer).conn.pragma_update(None, "max_page_count", now).ok();
    store.commit(&batch((100..3_000).map(|n| row(&format!("c{n}"), n))), NOW).unwrap_err();
    lock(&store.writer).conn.pragma_update(None, "max_page_count", 1_000_000).ok();
    let all = query(id_has("c"), SortBy::Ts, 0);
    let page = store.page(&all).unwrap();
    assert_eq!((page.total_elements, page), (5, by_file(&store, &all)));
    // Without its number in the file it is of no use, and commits go on.
    make(&store);
    lock(&store.writer).conn.execute_batch("DELETE FROM revision").unwrap();
    store.commit(&batch([row("c7", 7)].into_iter()), NOW).unwrap();
    assert!(!store.copy.is_there());
    assert_eq!(store.page(&all).unwrap().total_elements, 6);
}

#[test]
fn it_is_made_for_large_tables_and_slow_pages_and_goes_when_nobody_asks() {
    let (_dir, mut store) = open(Settings::default());
    store.commit(&batch((0..3_000).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    let first = query(Filter::default(), SortBy::Ts, 0);
    for (slow, query) in [
        (false, first.clone()),
        (false, PageQuery { sort: SortBy::ClientId, ..first.clone() }),
        (false, PageQuery { page: 599, ..first.clone() }),
        (true, PageQuery { page: 300, ..first.clone() }),
        (true, PageQuery { sort: SortBy::Username, ..first.clone() }),
        (true, PageQuery { filter: id_has("x"), ..first.clone() }),
    ] {
        assert_eq!(store.is_slow(&query), slow, "{query:?}");
    }
    store.page(&first).unwrap();
    assert!(lock(&store.worker).is_none(), "nothing is made for a page that is quick anyway");
    let filtered = query(id_has("7"), SortBy::Ts, 0);
    let wanted = store.page(&filtered).unwrap();
    store.await_copy();
    assert!(store.copy.is_there());
    assert_eq!(store.page(&filtered).unwrap(), wanted);

    let idle = 10 * 60 * 1000;
    store.expire(NOW + 1).unwrap();
    store.page(&filtered).unwrap();
    store.expire(NOW + idle).unwrap();
    store.expire(NOW + 2 * idle - 1).unwrap();
    assert!(store.copy.is_there());
    store.expire(NOW + 2 * idle).unwrap();
    assert!(!store.copy.is_there());

    Arc::get_mut(&mut store.copy).unwrap().least = 3_001;
    assert!(!store.is_slow(&filtered));
    assert_eq!(store.copied_summary(&filtered.filter, 5).unwrap(), None);
    assert!(lock(&store.worker).is_none());
}

#[test]
fn it_keeps_within_its_memory() {
    let settings = |search_memory| Settings { search_memory, ..Settings::default() };
    let (_dir, store) = open(settings(0));
    assert!(!store.is_slow(&query(id_has("x"), SortBy::Ts, 0)), "none is wanted");

    let (_dir, store) = open(settings(200_000));
    store.commit(&batch((0..5_000).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    make(&store);
    assert!(!store.copy.is_there());
    let all = query(id_has("c"), SortBy::Ts, 0);
    assert!(!store.is_slow(&all), "it is not tried again");
    assert_eq!(store.page(&all).unwrap().total_elements, 5_000);

    // One that grows too large goes.
    store.delete_all(NOW).unwrap();
    store.commit(&batch((0..100).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    make(&store);
    assert!(store.copy.is_there());
    store.commit(&batch((0..5_000).map(|n| row(&format!("c{n}"), n))), NOW).unwrap();
    assert!(!store.copy.is_there());
    assert_eq!(store.page(&all).unwrap().total_elements, 5_000);
}
