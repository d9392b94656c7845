//! The store and a worker together: each event once, in order, over failures and restarts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::events::Delivered;
use crate::model::{Attempt, EventKind, Field, Identity, Reason, Row};
use crate::store::{Batch, Settings, SqliteStore, StoredEvent};

struct Set(AtomicI64);
impl Clock for Set {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// Notes what it is told; fails first so often.
struct Notes {
    told: Arc<Mutex<Vec<StoredEvent>>>,
    fails: u32,
}

impl Deliver for Notes {
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String> {
        if self.fails > 0 {
            self.fails -= 1;
            return Err("full".to_owned());
        }
        self.told.lock().unwrap().extend_from_slice(events);
        Ok(Delivered { done: events.len(), ..Delivered::default() })
    }
}

fn row(client: &str, ts: Millis, inferred: Vec<Field>) -> Box<Row> {
    Box::new(Row {
        client_id: client.to_owned(),
        ip_address: Some("192.0.2.7".parse().unwrap()),
        ts,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "r".into(),
        reason_code: Reason::Other,
        alternatives: Default::default(),
        inferred,
        identity: Identity::ClientId,
        broker: "b".into(),
        attempts: 1,
        first_ts: ts,
        evidence: Default::default(),
        peer: None,
        upstream: None,
        twin: None,
    })
}

struct Place {
    dir: tempfile::TempDir,
    clock: Arc<Set>,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap(), clock: Arc::new(Set(AtomicI64::new(1_000_000))) }
    }

    fn store(&self, outputs: &[&str]) -> Arc<dyn Store> {
        let store = SqliteStore::open(&self.dir.path().join("t.db"), Settings { retention: None, max_clients: 100, ..Settings::default() })
            .unwrap();
        store.outputs(&outputs.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        Arc::new(store)
    }

    fn worker(&self, store: &Arc<dyn Store>, fails: u32) -> (Worker, Arc<Mutex<Vec<StoredEvent>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let worker = Worker {
            name: "o".to_owned(),
            store: Arc::clone(store),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            metrics: Arc::default(),
            notice: Arc::default(),
            deliver: Box::new(Notes { told: Arc::clone(&told), fails }),
            failures: 0,
            done: None,
        };
        (worker, told)
    }

    fn commit(&self, store: &Arc<dyn Store>, attempts: Vec<(Attempt, bool)>) {
        let mut batch = Batch::default();
        batch.keep_events(true);
        attempts.into_iter().for_each(|(attempt, reread)| batch.push(attempt, true, reread));
        store.commit(&batch, self.clock.now()).unwrap();
    }

    fn later(&self) {
        self.clock.0.fetch_add(SETTLE, Ordering::Relaxed);
    }
}

fn refused(client: &str, ts: Millis) -> (Attempt, bool) {
    (Attempt::Refused(row(client, ts, Vec::new())), false)
}

fn names(told: &Mutex<Vec<StoredEvent>>) -> Vec<String> {
    told.lock().unwrap().drain(..).map(|event| event.event.client_id).collect()
}

#[test]
fn each_attempt_is_told_once_in_order_after_it_settled() {
    let place = Place::new();
    let store = place.store(&["o"]);
    let (mut worker, told) = place.worker(&store, 0);
    assert_eq!(worker.step(), Next::Wait(None));
    // Two attempts of one client make one row and two events.
    place.commit(&store, vec![refused("a", 1), refused("b", 2), refused("a", 3)]);
    assert_eq!(worker.step(), Next::Wait(Some(Duration::from_secs(2))));
    place.later();
    assert_eq!(worker.step(), Next::More);
    assert_eq!(worker.step(), Next::Wait(None));
    let ids: std::collections::BTreeSet<String> = told.lock().unwrap().iter().map(|event| event.id.clone()).collect();
    assert_eq!((names(&told), ids.len()), (vec!["a".to_owned(), "b".to_owned(), "a".to_owned()], 3));
}

#[test]
fn a_failure_and_a_crash_lose_nothing_and_the_id_stays() {
    let place = Place::new();
    let store = place.store(&["o"]);
    place.commit(&store, vec![refused("a", 1)]);
    place.later();
    let (mut worker, told) = place.worker(&store, 2);
    assert_eq!(worker.step(), Next::Pause(Duration::from_secs(1)));
    assert_eq!(worker.step(), Next::Pause(Duration::from_secs(2)));
    assert_eq!(worker.step(), Next::More);
    let first = told.lock().unwrap().clone();
    // It ends before it could note what it told.
    drop((worker, store));
    let store = place.store(&["o"]);
    let (mut worker, told) = place.worker(&store, 0);
    worker.step();
    assert_eq!(*told.lock().unwrap(), first);
    assert_eq!(worker.step(), Next::Wait(None));
    drop((worker, store));
    let store = place.store(&["o"]);
    let (mut worker, told) = place.worker(&store, 0);
    assert_eq!((worker.step(), told.lock().unwrap().len()), (Next::Wait(None), 0));
}

#[test]
fn what_is_known_better_before_it_is_told_is_told_so_and_later_it_is_no_second_attempt() {
    let place = Place::new();
    let store = place.store(&["o"]);
    let (mut worker, told) = place.worker(&store, 0);
    let guessed = |ts| (Attempt::Refused(row("a", ts, vec![Field::IpAddress])), false);
    let certain = |ts| (Attempt::Revised(row("a", ts, Vec::new())), false);
    place.commit(&store, vec![guessed(1)]);
    place.commit(&store, vec![certain(1)]);
    place.commit(&store, vec![guessed(2)]);
    place.later();
    worker.step();
    let seen: Vec<_> = told.lock().unwrap().drain(..).map(|event| (event.event.kind, event.event.ip_address.is_some())).collect();
    assert_eq!(seen, [(EventKind::Refused, true), (EventKind::Refused, false)]);
    worker.step();
    place.commit(&store, vec![certain(2)]);
    place.later();
    worker.step();
    let seen: Vec<_> = told.lock().unwrap().drain(..).map(|event| (event.event.kind, event.event.ip_address.is_some())).collect();
    assert_eq!(seen, [(EventKind::Revised, true)]);
}

#[test]
fn a_log_that_is_read_again_is_not_told_again() {
    let place = Place::new();
    let store = place.store(&["o"]);
    let (mut worker, told) = place.worker(&store, 0);
    place.commit(&store, vec![refused("a", 1), refused("a", 2)]);
    let again = |ts| (Attempt::Refused(row("a", ts, Vec::new())), true);
    place.commit(&store, vec![again(1), again(2), again(3)]);
    place.later();
    worker.step();
    assert_eq!(names(&told).len(), 3);
}

#[test]
fn a_new_output_begins_now_and_nothing_is_kept_for_nobody() {
    let place = Place::new();
    let store = place.store(&[]);
    place.commit(&store, vec![refused("a", 1)]);
    drop(store);
    let store = place.store(&["o", "slow"]);
    let (mut worker, told) = place.worker(&store, 0);
    place.later();
    assert_eq!(worker.step(), Next::Wait(None));
    place.commit(&store, vec![refused("b", 2)]);
    place.later();
    worker.step();
    worker.step();
    assert_eq!(names(&told), ["b"]);
    // The other one still has it before it.
    let due = store.next_events("slow", None, place.clock.now(), place.clock.now(), 10).unwrap();
    assert_eq!(due.events.len(), 1);
}
