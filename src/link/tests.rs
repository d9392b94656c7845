//! What comes of two logs, in whatever order they are read.

use super::*;
use crate::model::{Attempt, ClientKey, Ending, Field, Identity, Link, Reason, Row};

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
        reason: "No Credentials Found".into(),
        reason_code: Reason::NoCredentialsFound,
        alternatives: vec![Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided].into(),
        inferred: vec![],
        identity,
        broker: "mosquitto".into(),
        attempts: 1,
        first_ts: NOW,
        evidence: ["refused"].into(),
        peer: peer.map(|peer| peer.parse().unwrap()),
        upstream: None,
        twin: None,
    }
}

fn broker() -> Attempt {
    Attempt::Refused(Box::new(row(None, Some("127.0.0.1"), Some(TERMINATOR))))
}

fn handed_on(port: Option<u16>, ts: i64, client: &str) -> Attempt {
    let link = Link {
        terminator: "stunnel".into(),
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
        ended: None,
        lasted: None,
        sent_bytes: None,
        evidence: ["handed on"].into(),
    };
    Attempt::Proxied(Box::new(link))
}

/// The terminator's own verdict: it read the client ID.
fn verdict() -> Attempt {
    let mut row = row(Some("pump-7"), Some("192.0.2.7"), Some("192.0.2.7:5555"));
    (row.broker, row.upstream) = ("haproxy".into(), Some((None, 40001)));
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

/// The end of a session that the terminator handed on without a port.
fn over(ts: i64, client: &str, sent: u64) -> (Side, Attempt) {
    let Attempt::Proxied(mut link) = handed_on(None, ts, client) else { unreachable!() };
    (link.ended, link.lasted, link.sent_bytes) = (Some(ts), Some(5), Some(sent));
    link.client_port = Some(u16::try_from(ts % 60_000).unwrap());
    (Side::Terminator, Attempt::Proxied(link))
}

fn addresses(rows: &[Row]) -> Vec<Option<String>> {
    rows.iter().map(|row| row.ip_address.map(|ip| ip.to_string())).collect()
}

#[test]
fn time_alone_joins_and_says_so() {
    let one = both_orders((Side::Broker, broker()), (Side::Terminator, handed_on(None, NOW - 400, "192.0.2.7")));
    assert_eq!(one.ip_address, Some("192.0.2.7".parse().unwrap()));
    assert!(one.inferred.contains(&Field::IpAddress) && one.inferred.contains(&Field::ClientId), "{one:#?}");
    let far = rows(vec![(Side::Terminator, handed_on(None, NOW - 9_400, "192.0.2.7")), (Side::Broker, broker())]);
    assert_eq!((far.len(), far[0].ip_address), (1, None));
}

#[test]
fn several_in_one_second_are_joined_in_their_order() {
    let ended = |ending| (Side::Broker, Attempt::Ended(NOW, ending));
    let refused = || (Side::Broker, broker());
    let brokers = vec![refused(), ended(Ending::Session), refused(), ended(Ending::Silent), refused()];
    let terminators = vec![
        over(NOW + 100, "192.0.2.1", 4),
        over(NOW + 200, "192.0.2.2", 90),
        over(NOW + 300, "192.0.2.3", 4),
        over(NOW + 500, "192.0.2.5", 5),
    ];
    let want = ["192.0.2.1", "192.0.2.3", "192.0.2.5"].map(|ip| Some(ip.to_owned()));
    for attempts in [[brokers.clone(), terminators.clone()].concat(), [terminators, brokers].concat()] {
        let rows = rows(attempts);
        assert_eq!(addresses(&rows), want);
        assert!(rows.iter().all(|row| row.inferred.contains(&Field::IpAddress)));
    }
}

#[test]
fn a_session_that_is_logged_twice_is_one() {
    let attempts = vec![over(NOW + 100, "192.0.2.1", 4), over(NOW + 100, "192.0.2.1", 4), over(NOW + 300, "192.0.2.3", 4)];
    let brokers = vec![(Side::Broker, broker()), (Side::Broker, broker())];
    assert_eq!(addresses(&rows([attempts, brokers].concat())), ["192.0.2.1", "192.0.2.3"].map(|ip| Some(ip.to_owned())));
}

#[test]
fn a_long_log_is_joined_to_its_end_and_from_its_beginning() {
    let refused = |ts| {
        let mut row = row(None, Some("127.0.0.1"), Some(TERMINATOR));
        row.ts = ts;
        (Side::Broker, Attempt::Refused(Box::new(row)))
    };
    // All of the terminator's log is read before the broker's.
    let day = 86_400_000;
    let handed = |ts| (Side::Terminator, handed_on(Some(40001), ts, "192.0.2.7"));
    let rows = rows(vec![handed(NOW), handed(NOW + day), refused(NOW), refused(NOW + day)]);
    assert_eq!(addresses(&rows), vec![Some("192.0.2.7".to_owned()); 2]);
    // More than can be kept is settled on the way.
    let many = 3_000;
    let mut linker = Linker::new(vec![]);
    linker.activate();
    let mut rows = Vec::new();
    let mut out = |attempt: Attempt, _| {
        if let Attempt::Refused(row) = attempt {
            rows.push(*row);
        }
    };
    for number in 0..many {
        let (side, attempt) = over(NOW + number * 100, &format!("192.0.{}.{}", number / 250, number % 250), 4);
        linker.push(side, attempt, false, NOW, &mut out);
    }
    linker.complete();
    for number in 0..many {
        let (side, attempt) = refused((NOW + number * 100) / 1_000 * 1_000);
        linker.push(side, attempt, false, NOW, &mut out);
    }
    linker.finish(&mut out);
    let want: Vec<_> = (0..many).map(|number| Some(format!("192.0.{}.{}", number / 250, number % 250))).collect();
    assert_eq!(addresses(&rows), want);
}

#[test]
fn an_acceptance_waits_with_the_refusal_before_it() {
    let mut told = Vec::new();
    let mut linker = Linker::new(vec![]);
    linker.activate();
    let key = ClientKey { broker: "mosquitto".into(), identity: Identity::ClientId, client_id: "pump-7".to_owned() };
    let mut out = |attempt: Attempt, _: bool| told.push(attempt);
    let (side, session) = over(NOW + 100, "192.0.2.1", 4);
    linker.push(side, session, false, NOW, &mut out);
    let refused = Attempt::Refused(Box::new(row(Some("pump-7"), Some("127.0.0.1"), Some(TERMINATOR))));
    linker.push(Side::Broker, refused, false, NOW, &mut out);
    linker.push(Side::Broker, Attempt::Accepted(key.clone(), NOW + 1), false, NOW, &mut out);
    linker.tick(NOW + 5_000, &mut out);
    assert!(
        matches!(&told[..], [Attempt::Refused(row), Attempt::Accepted(own, _)]
        if *own == key && row.ip_address == Some("192.0.2.1".parse().unwrap())),
        "{told:#?}"
    );
}

#[test]
fn a_terminators_verdict_and_the_brokers_are_one_attempt() {
    let row = both_orders((Side::Broker, broker()), (Side::Terminator, verdict()));
    assert_eq!((row.client_id.as_str(), row.identity, row.attempts), ("pump-7", Identity::ClientId, 1));
    assert_eq!((&*row.broker, row.ip_address), ("mosquitto", Some("192.0.2.7".parse().unwrap())));
    // Without the broker's log it stands for itself.
    let alone = rows(vec![(Side::Terminator, verdict())]);
    assert_eq!((alone.len(), &*alone[0].broker), (1, "haproxy"));
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
    let key = ClientKey { broker: "mosquitto".into(), identity: Identity::ClientId, client_id: "pump-7".to_owned() };
    let mut out = |attempt: Attempt, _: bool| told.push(attempt);
    linker.push(Side::Terminator, verdict(), false, NOW, &mut out);
    linker.push(Side::Broker, Attempt::Accepted(key.clone(), NOW + 1), false, NOW, &mut out);
    linker.finish(&mut out);
    // Told and cleared under the terminator's name, then the broker's own.
    assert!(matches!(&told[..], [Attempt::Refused(_), Attempt::Accepted(own, _), Attempt::Accepted(brokers, _)]
        if &*own.broker == "haproxy" && *brokers == key));
}
