//! What comes of two logs of one broker, in whatever order they are read.

use std::collections::VecDeque;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::{Attempt, ClientKey, Field, Identity, Millis, Reason, Row, Twin};
use crate::store::Table;

const NOW: i64 = 1_800_000_000_000;
/// The logs: one names the client, the other says why.
const EVENT: u64 = 1;
const DEBUG: u64 = 2;

fn row(client_id: Option<&str>, address: &str, ts: Millis, line: &str) -> Box<Row> {
    let (identity, name) = match client_id {
        Some(id) => (Identity::ClientId, id.to_owned()),
        None => (Identity::Address, format!("unknown@{address}")),
    };
    Box::new(Row {
        client_id: name,
        ip_address: Some(address.parse().unwrap()),
        ts,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "Other: refused".into(),
        reason_code: Reason::Other,
        alternatives: vec![Reason::X509AuthenticationFailure].into(),
        inferred: vec![],
        identity,
        broker: "hivemq".into(),
        attempts: 1,
        first_ts: ts,
        evidence: [format!("{ts} {line}")].into(),
        peer: None,
        upstream: None,
        twin: None,
    })
}

fn twin(rule: &str, same_as: &[&str]) -> Option<Box<Twin>> {
    let same_as = same_as.iter().map(|name| (*name).to_owned()).collect();
    Some(Box::new(Twin { rule: rule.to_owned(), same_as, words: vec![rule.to_owned()], weight: 4, general: false }))
}

/// The record that ends an attempt.
fn second(client_id: Option<&str>, address: &str, ts: Millis) -> Attempt {
    let mut row = row(client_id, address, ts, "was disconnected");
    row.twin = twin("refused", &[]);
    Attempt::Refused(row)
}

/// The record that says why.
fn first(address: &str, ts: Millis) -> Attempt {
    let mut row = row(None, address, ts, "could not");
    (row.reason_code, row.alternatives, row.tls_used) = (Reason::PeerIdentityNotVerified, Default::default(), Some(true));
    row.twin = twin("why", &["refused"]);
    Attempt::Refused(row)
}

fn accepted(client_id: &str, ts: Millis) -> Attempt {
    Attempt::Accepted(ClientKey { broker: "hivemq".into(), identity: Identity::ClientId, client_id: client_id.to_owned() }, ts)
}

/// A daemon's stage with its table.
#[derive(Default)]
struct Stage {
    twins: Twins,
    table: Table,
}

impl Stage {
    fn with(logs: &[u64]) -> Stage {
        let mut stage = Stage::default();
        logs.iter().for_each(|log| stage.twins.log("hivemq", *log));
        stage
    }

    fn push(&mut self, log: u64, attempt: Attempt, now: Millis) -> &mut Stage {
        let table = &mut self.table;
        self.twins.push("hivemq", log, attempt, false, now, &mut |attempt, _| table.push(attempt, true));
        self
    }

    fn tick(&mut self, now: Millis) -> &mut Stage {
        let table = &mut self.table;
        self.twins.tick(now, &mut |_, attempt, _| table.push(attempt, true));
        self
    }

    /// Kill -9 and a new start.
    fn restart(&mut self, now: Millis) {
        if let Some(state) = self.twins.state() {
            let state = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
            self.twins = Twins::default();
            self.twins.restore(state, now);
        }
    }

    fn rows(mut self) -> Vec<Row> {
        let table = &mut self.table;
        self.twins.finish(&mut |attempt, _| table.push(attempt, true));
        let mut rows = self.table.into_rows();
        rows.iter_mut().for_each(|row| row.twin = None);
        rows
    }

    fn shown(&self) -> Vec<(String, u64)> {
        self.table.clone().into_rows().iter().map(|row| (row.client_id.clone(), row.attempts)).collect()
    }
}

#[test]
fn the_two_records_of_an_attempt_are_one_whichever_is_read_first() {
    let mut results = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut stage = Stage::with(&[EVENT, DEBUG]);
        for which in order {
            match which {
                0 => stage.push(DEBUG, first("192.0.2.7", NOW), NOW),
                _ => stage.push(EVENT, second(Some("pump-7"), "192.0.2.7", NOW + 3), NOW),
            };
            stage.tick(NOW);
            stage.restart(NOW);
        }
        results.push(stage.rows());
    }
    let row = &results[0][0];
    assert_eq!((results[0].len(), row.client_id.as_str(), row.attempts, row.tls_used), (1, "pump-7", 1, Some(true)));
    assert_eq!((row.reason_code, row.evidence.len(), row.inferred.len()), (Reason::PeerIdentityNotVerified, 2, 0));
    assert_eq!(results[0], results[1]);
}

#[test]
fn a_refusal_that_names_its_client_does_not_wait_and_one_that_may_get_a_name_does() {
    let mut stage = Stage::with(&[EVENT, DEBUG]);
    stage.push(EVENT, second(Some("pump-7"), "192.0.2.7", NOW), NOW).tick(NOW);
    assert_eq!(stage.shown(), [("pump-7".to_owned(), 1)]);
    stage.push(DEBUG, first("192.0.2.9", NOW + 20), NOW).tick(NOW + 1_400);
    assert_eq!(stage.shown().len(), 1);
    stage.tick(NOW + 1_500);
    assert_eq!(stage.shown().last(), Some(&("unknown@192.0.2.9".to_owned(), 1)));
}

#[test]
fn what_contradicts_is_not_joined() {
    let mut stage = Stage::with(&[EVENT, DEBUG]);
    stage.push(DEBUG, first("192.0.2.7", NOW), NOW).push(EVENT, second(Some("other"), "192.0.2.8", NOW + 1), NOW);
    stage.push(EVENT, second(Some("late"), "192.0.2.7", NOW + 600), NOW);
    let rows = stage.rows();
    let names: Vec<(&str, u64)> = rows.iter().map(|row| (row.client_id.as_str(), row.attempts)).collect();
    assert_eq!(names, [("late", 1), ("other", 1), ("unknown@192.0.2.7", 1)]);
    assert!(rows.iter().filter(|row| row.identity == Identity::ClientId).all(|row| row.reason_code == Reason::Other));
}

#[test]
fn a_copy_counts_once_and_two_of_each_twice() {
    let attempt = |ts| Attempt::Refused(row(Some("a"), "192.0.2.7", ts, "x"));
    for pushes in [vec![1, 2, 1, 2], vec![1, 1, 2, 2], vec![2, 1, 1, 2], vec![1, 1, 2], vec![2, 2]] {
        let mut stage = Stage::with(&[EVENT, DEBUG]);
        for log in &pushes {
            stage.push(*log, attempt(NOW), NOW).tick(NOW);
            stage.restart(NOW);
        }
        assert_eq!(stage.rows()[0].attempts, 2, "{pushes:?}");
    }
}

#[test]
fn a_client_that_connected_in_one_log_after_it_was_refused_in_another_has_no_row() {
    let mut stage = Stage::with(&[EVENT, DEBUG]);
    // The other log is read, and has not come so far.
    stage.twins.reached("hivemq", DEBUG, Some(NOW - 1), true);
    stage.push(EVENT, accepted("a", NOW + 50), NOW).tick(NOW);
    stage.push(DEBUG, Attempt::Refused(row(Some("a"), "192.0.2.7", NOW, "x")), NOW).tick(NOW);
    assert!(stage.rows().is_empty());
}

/// One attempt as both logs tell it; either may lack.
#[derive(Debug, Clone)]
struct Event {
    client: Option<u8>,
    address: u8,
    gap: i64,
    late: i64,
    told: (bool, bool),
    accepted: bool,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let told = prop_oneof![4 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    let event = (prop::option::of(0..3_u8), 0..3_u8, 1..400_i64, 0..3_i64, told, prop::bool::weighted(0.1));
    let event = event.prop_map(|(client, address, gap, late, told, accepted)| Event { client, address, gap, late, told, accepted });
    prop::collection::vec(event, 1..20)
}

/// The attempts of both logs, each in its own order.
fn logs(events: &[Event]) -> [VecDeque<(Millis, Attempt)>; 2] {
    let (mut ts, mut logs) = (NOW, [VecDeque::new(), VecDeque::new()]);
    for event in events {
        // Attempts of one address do not overlap; who follows whom is told by the order of each log.
        ts += event.gap + 4;
        let (address, client) = (format!("192.0.2.{}", event.address), event.client.map(|client| format!("client-{client}")));
        if let (true, Some(client)) = (event.accepted, &client) {
            logs[0].push_back((ts, accepted(client, ts)));
            continue;
        }
        if event.told.1 {
            logs[1].push_back((ts, first(&address, ts)));
        }
        if event.told.0 {
            logs[0].push_back((ts + event.late, second(client.as_deref(), &address, ts + event.late)));
        }
    }
    logs
}

/// The rows when the logs are read in turns of these lengths.
fn read(events: &[Event], turns: &[(bool, usize)], restarts: bool) -> Vec<Row> {
    let mut logs = logs(events);
    let mut stage = Stage::with(&[EVENT, DEBUG]);
    for log in [EVENT, DEBUG] {
        stage.twins.reached("hivemq", log, None, true);
    }
    let turns = turns.iter().copied().chain([(true, usize::MAX), (false, usize::MAX)]);
    for (which, count) in turns {
        let (log, queue) = if which { (EVENT, &mut logs[0]) } else { (DEBUG, &mut logs[1]) };
        let mut reached = None;
        for _ in 0..count.min(queue.len()) {
            let Some((ts, attempt)) = queue.pop_front() else { break };
            reached = Some(ts);
            stage.push(log, attempt, NOW);
        }
        let empty = queue.is_empty();
        stage.twins.reached("hivemq", log, reached, !empty);
        if restarts {
            stage.restart(NOW);
            for (log, queue) in [(EVENT, &logs[0]), (DEBUG, &logs[1])] {
                stage.twins.reached("hivemq", log, None, !queue.is_empty());
            }
        }
        stage.tick(NOW);
    }
    stage.rows()
}

proptest! {
    #[test]
    fn the_order_of_reading_does_not_matter(
        events in events(),
        turns in prop::collection::vec((any::<bool>(), 1..5_usize), 0..30),
        restarts in any::<bool>(),
    ) {
        let want = read(&events, &[(false, usize::MAX), (true, usize::MAX)], false);
        prop_assert_eq!(&read(&events, &turns, restarts), &want);
        // No attempt is lost or doubled, and no client has an address that none of its attempts had.
        let refused = events.iter().filter(|event| !(event.accepted && event.client.is_some()));
        if !events.iter().any(|event| event.accepted) {
            let told: u64 = want.iter().map(|row| row.attempts).sum();
            prop_assert!(told <= refused.clone().count() as u64);
        }
        for row in want.iter().filter(|row| !row.inferred.contains(&Field::IpAddress)) {
            let mine = |event: &&Event| row.identity == Identity::Address || event.client.map(|client| format!("client-{client}")).as_ref() == Some(&row.client_id);
            let addresses: Vec<String> = events.iter().filter(mine).map(|event| format!("192.0.2.{}", event.address)).collect();
            prop_assert!(row.ip_address.is_none_or(|ip| addresses.contains(&ip.to_string())));
        }
    }
}

#[test]
fn a_log_has_one_number_in_every_life() {
    assert_eq!(log_id("hivemq", Path::new("/var/log/event.log")), log_id("hivemq", Path::new("/var/log/event.log")));
    assert_ne!(log_id("hivemq", Path::new("/var/log/event.log")), log_id("hivemq", Path::new("/var/log/hivemq.log")));
}
