//! What comes of two logs, in whatever order they are read.

use super::*;
use crate::model::{Attempt, ClientKey, Field, Identity, Link, Reason, Row};

const NOW: i64 = 1_800_000_000_000;
const TERMINATOR: &str = "127.0.0.1:40001";

fn row(client_id: Option<&str>, address: Option<&str>, peer: Option<&str>) -> Row {
    let ip_address = address.map(|address| address.parse().unwrap());
    let (identity, name) = match (client_id, address) {
        (Some(id), _) => (Identity::ClientId, id.to_owned()),
        (None, Some(address)) => (Identity::Address, format!("unknown@{address}")),
        (None, None) => (Identity::Address, "unknown".to_owned()),
    };
    Row {
        client_id: name,
        ip_address,
        ts: NOW,
        username: None,
        password_provided: None,
        tls_used: Some(false),
        reason: "No Credentials Found".to_owned(),
        reason_code: Reason::NoCredentialsFound,
        alternatives: vec![Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided],
        inferred: vec![],
        identity,
        broker: "mosquitto".to_owned(),
        attempts: 1,
        first_ts: NOW,
        evidence: vec!["refused".to_owned()],
        peer: peer.map(|peer| peer.parse().unwrap()),
        upstream: None,
    }
}

fn broker() -> Attempt {
    Attempt::Refused(Box::new(row(None, Some("127.0.0.1"), Some(TERMINATOR))))
}

fn handed_on(port: Option<u16>, ts: i64, client: &str) -> Attempt {
    let link = Link {
        terminator: "stunnel".to_owned(),
        upstream_ip: port.map(|_| "127.0.0.1".parse().unwrap()),
        upstream_port: port,
        client_ip: Some(client.parse().unwrap()),
        client_port: Some(5555),
        subject: Some("CN=pump-7".to_owned()),
        tls_used: Some(true),
        client_id: None,
        username: None,
        password_provided: None,
        inferred: vec![],
        ts,
        evidence: vec!["handed on".to_owned()],
    };
    Attempt::Proxied(Box::new(link))
}

/// The terminator's own verdict: it read the client ID.
fn verdict() -> Attempt {
    let mut row = row(Some("pump-7"), Some("192.0.2.7"), Some("192.0.2.7:5555"));
    (row.broker, row.upstream) = ("haproxy".to_owned(), Some((None, 40001)));
    row.tls_used = Some(true);
    Attempt::Refused(Box::new(row))
}

/// The rows that come of these attempts, and when nothing follows.
fn rows(attempts: Vec<(Side, Attempt)>) -> Vec<Row> {
    let mut linker = Linker::new(vec![]);
    linker.activate();
    let mut rows = Vec::new();
    let mut out = |attempt: Attempt, _| {
        if let Attempt::Refused(row) = attempt {
            rows.push(*row);
        }
    };
    for (side, attempt) in attempts {
        linker.push(side, attempt, false, NOW, &mut out);
    }
    linker.finish(&mut out);
    rows
}

fn both_orders(one: (Side, Attempt), two: (Side, Attempt)) -> Row {
    let there = rows(vec![one.clone(), two.clone()]);
    let back = rows(vec![two, one]);
    assert_eq!(there, back);
    assert_eq!(there.len(), 1, "{there:#?}");
    there.into_iter().next().unwrap()
}

#[test]
fn the_port_that_both_logs_show_joins_them_for_certain() {
    let row = both_orders((Side::Broker, broker()), (Side::Terminator, handed_on(Some(40001), NOW, "192.0.2.7")));
    assert_eq!(row.ip_address, Some("192.0.2.7".parse().unwrap()));
    assert_eq!((row.tls_used, row.inferred.as_slice(), row.client_id.as_str()), (Some(true), &[][..], "unknown@192.0.2.7"));
    assert!(row.reason.contains("CN=pump-7"), "{}", row.reason);
    assert_eq!(row.evidence, ["handed on", "refused"]);
}

#[test]
fn without_a_join_the_terminators_address_is_nobodys() {
    for other in [None, Some(handed_on(Some(40002), NOW, "192.0.2.8")), Some(handed_on(Some(40001), NOW - 3_600_000, "192.0.2.8"))] {
        let attempts = other.into_iter().map(|other| (Side::Terminator, other)).chain([(Side::Broker, broker())]).collect();
        let rows = rows(attempts);
        assert_eq!((rows[0].ip_address, rows[0].client_id.as_str(), rows[0].tls_used), (None, "unknown", None));
    }
}

#[test]
fn time_alone_joins_only_when_one_connection_fits_and_says_so() {
    let one = both_orders((Side::Broker, broker()), (Side::Terminator, handed_on(None, NOW - 400, "192.0.2.7")));
    assert_eq!(one.ip_address, Some("192.0.2.7".parse().unwrap()));
    assert!(one.inferred.contains(&Field::IpAddress) && one.inferred.contains(&Field::ClientId), "{one:#?}");
    let two = rows(vec![
        (Side::Terminator, handed_on(None, NOW - 400, "192.0.2.7")),
        (Side::Terminator, handed_on(None, NOW + 400, "192.0.2.8")),
        (Side::Broker, broker()),
    ]);
    assert_eq!((two.len(), two[0].ip_address), (1, None));
}

#[test]
fn a_terminators_verdict_and_the_brokers_are_one_attempt() {
    let row = both_orders((Side::Broker, broker()), (Side::Terminator, verdict()));
    assert_eq!((row.client_id.as_str(), row.identity, row.attempts), ("pump-7", Identity::ClientId, 1));
    assert_eq!((row.broker.as_str(), row.ip_address), ("mosquitto", Some("192.0.2.7".parse().unwrap())));
    // Without the broker's log it stands for itself.
    let alone = rows(vec![(Side::Terminator, verdict())]);
    assert_eq!((alone.len(), alone[0].broker.as_str()), (1, "haproxy"));
}

#[test]
fn the_proxy_protocol_names_the_client_itself() {
    let refused = Attempt::Refused(Box::new(row(Some("pump-7"), Some("192.0.2.7"), Some("192.0.2.7:5555"))));
    let rows = rows(vec![(Side::Terminator, handed_on(None, NOW, "192.0.2.7")), (Side::Broker, refused)]);
    assert_eq!((rows[0].tls_used, rows[0].inferred.as_slice()), (Some(true), &[][..]));
}

#[test]
fn a_refusal_that_waits_outlives_a_restart() {
    let mut rows = Vec::new();
    let mut out = |attempt: Attempt, _: bool| rows.push(attempt);
    let mut before = Linker::new(vec![]);
    before.activate();
    before.push(Side::Broker, broker(), false, NOW, &mut out);
    let stored = serde_json::to_string(&before.state().unwrap()).unwrap();
    assert!(before.state().is_none(), "nothing has changed since");
    let mut after = Linker::new(vec![]);
    after.activate();
    after.restore(serde_json::from_str(&stored).unwrap());
    assert!(after.is_waiting());
    after.push(Side::Terminator, handed_on(Some(40001), NOW, "192.0.2.7"), false, NOW, &mut out);
    assert!(!after.is_waiting());
    assert!(matches!(&rows[..], [Attempt::Refused(row)] if row.ip_address == Some("192.0.2.7".parse().unwrap())), "{rows:#?}");
}

#[test]
fn an_acceptance_clears_what_was_held_of_the_client() {
    let mut told = Vec::new();
    let mut linker = Linker::new(vec![]);
    linker.activate();
    let key = ClientKey { broker: "mosquitto".to_owned(), identity: Identity::ClientId, client_id: "pump-7".to_owned() };
    let mut out = |attempt: Attempt, _: bool| told.push(attempt);
    linker.push(Side::Terminator, verdict(), false, NOW, &mut out);
    linker.push(Side::Broker, Attempt::Accepted(key.clone(), NOW + 1), false, NOW, &mut out);
    linker.finish(&mut out);
    // Told and cleared under the terminator's name, then the broker's own.
    assert!(matches!(&told[..], [Attempt::Refused(_), Attempt::Accepted(own, _), Attempt::Accepted(brokers, _)]
        if own.broker == "haproxy" && *brokers == key));
}
