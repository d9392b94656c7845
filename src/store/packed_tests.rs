//! That packing loses nothing, whatever a stranger wrote.

use proptest::prelude::*;

use super::*;
use crate::store::texts::TEXTS;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9 .:-]{0,24}", "\\PC{0,12}", "[\\x00-\\x03a0-9]{0,12}", "0{0,3}[0-9]{0,22}", Just("x".repeat(2_000)),]
}

fn reasons() -> impl Strategy<Value = Vec<Reason>> {
    proptest::collection::vec(proptest::sample::select(Reason::ALL.to_vec()), 0..4)
}

prop_compose! {
    fn rows()(
        client_id in text(), broker in text(), username in proptest::option::of(text()), reason in text(),
        ip_address in proptest::option::of(any::<IpAddr>()), ts in any::<i64>(), first_ts in any::<i64>(), attempts in any::<u64>(),
        password_provided in any::<Option<bool>>(), tls_used in any::<Option<bool>>(),
        reason_code in proptest::sample::select(Reason::ALL.to_vec()), alternatives in reasons(),
        inferred in proptest::sample::subsequence(Field::ALL.to_vec(), 0..7), identity in proptest::sample::select(IDENTITIES.to_vec()),
        lines in proptest::collection::vec((text(), any::<bool>(), text()), 0..8),
    ) -> Row {
        let line = |(before, named, after): (String, bool, String)| format!("{before}{}{after}", if named { client_id.as_str() } else { "" });
        let evidence = lines.into_iter().map(line).collect();
        Row {
            client_id, ip_address, ts, username, password_provided, tls_used, reason: reason.into(), reason_code,
            alternatives: alternatives.into(), inferred, identity, broker: broker.into(), attempts, first_ts, evidence, peer: None, upstream: None, twin: None,
        }
    }
}

fn packed(packer: &mut Packer, row: &Row) -> Vec<u8> {
    packer.packed(row);
    packer.record.clone()
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(rows in proptest::collection::vec(rows(), 1..6)) {
        let mut packer = Packer::default();
        let packed: Vec<Vec<u8>> = rows.iter().map(|row| packed(&mut packer, row)).collect();
        let (mut reused, mut lines) = (blank(), Vec::new());
        for (row, record) in rows.iter().zip(&packed) {
            let known = known(record);
            prop_assert_eq!(known.counts(), (row.ts, row.first_ts, row.attempts));
            prop_assert_eq!(known.client_id, row.client_id.as_bytes());
            packer.key(&row.broker, row.identity, &row.client_id);
            prop_assert_eq!(known.key, &packer.record);
            View::read(&packer.texts, record).unpack(&mut reused, &mut lines);
            prop_assert_eq!(&reused, row);
        }
    }
}

#[test]
fn numbers_stand_for_what_they_were_made_of() {
    assert!(Field::ALL.iter().enumerate().all(|(at, field)| at == *field as usize));
    assert!(IDENTITIES.iter().enumerate().all(|(at, identity)| at == *identity as usize));
    assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| at == *reason as usize));
}

#[test]
fn a_list_that_is_full_keeps_texts_in_their_rows() {
    let mut packer = Packer::default();
    let row = |n: usize| Row {
        client_id: "device".to_owned(),
        reason: format!("text {n}").into(),
        evidence: vec![String::new(); n % 3].into_iter().chain([format!("{}: line of device", "x".repeat(n % 900))]).collect(),
        ..blank()
    };
    let records: Vec<Vec<u8>> = (0..2 * TEXTS).map(|n| packed(&mut packer, &row(n))).collect();
    assert_eq!(packer.texts.len(), TEXTS);
    for (n, record) in records.iter().enumerate() {
        let mut unpacked = blank();
        View::read(&packer.texts, record).unpack(&mut unpacked, &mut Vec::new());
        assert_eq!(unpacked, row(n));
    }
}

/// Rows whose lines differ in no more than names, numbers and times do not fill the list.
#[test]
fn lines_with_the_same_words_have_the_same_form() {
    let mut packer = Packer::default();
    for n in 0..1_000_u32 {
        let (id, ip) = (format!("sensor-{n}"), IpAddr::from(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()));
        let stamp = format!("2026-11-{:02}T{:02}:{:02}:05Z", 10 + n % 20, n % 24, n % 60);
        packer.packed(&Row {
            ip_address: Some(ip),
            evidence: [
                format!("{stamp}: New connection from {ip}:{} on port 1883.", 1024 + n),
                format!("{stamp}: Sending CONNACK to {id} (0, 5)"),
                format!("{stamp}: Client {id} disconnected, not authorised."),
            ]
            .into(),
            client_id: id,
            ..blank()
        });
    }
    // The broker's name, the reason, three lines.
    assert_eq!(packer.texts.len(), 5);
}

#[test]
fn a_usual_row_takes_less_than_seventy_bytes() {
    let id = "bot-9e3779b1-0000001";
    let row = Row {
        client_id: id.to_owned(),
        ip_address: "10.0.0.1".parse().ok(),
        ts: 1_795_444_592_000,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "No Credentials Found (or …): not authorised".into(),
        reason_code: Reason::ALL[0],
        alternatives: vec![Reason::ALL[1], Reason::ALL[2]].into(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".into(),
        attempts: 1,
        first_ts: 1_795_444_592_000,
        evidence: [
            "1795444592: New connection from 10.0.0.1:1025 on port 1883.".to_string(),
            format!("1795444592: Sending CONNACK to {id} (0, 5)"),
            format!("1795444592: Client {id} disconnected, not authorised."),
        ]
        .into(),
        peer: None,
        upstream: None,
        twin: None,
    };
    let length = packed(&mut Packer::default(), &row).len();
    assert!(length < 70, "{length}");
}
