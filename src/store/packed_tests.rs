//! That packing loses nothing, whatever a stranger wrote.

use proptest::prelude::*;

use super::*;

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
        inferred in proptest::sample::subsequence(FIELDS.to_vec(), 0..7), identity in proptest::sample::select(IDENTITIES.to_vec()),
        lines in proptest::collection::vec((text(), any::<bool>(), text()), 0..8),
    ) -> Row {
        let line = |(before, named, after): (String, bool, String)| format!("{before}{}{after}", if named { client_id.as_str() } else { "" });
        let evidence = lines.into_iter().map(line).collect();
        Row {
            client_id, ip_address, ts, username, password_provided, tls_used, reason, reason_code, alternatives, inferred, identity, broker,
            attempts, first_ts, evidence, peer: None, upstream: None, twin: None,
        }
    }
}

fn packed(texts: &mut Texts, row: &Row) -> Vec<u8> {
    let mut out = Vec::new();
    texts.key(&row.broker, row.identity, &row.client_id, &mut out);
    texts.pack(row, &mut out);
    out
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(rows in proptest::collection::vec(rows(), 1..6)) {
        let mut texts = Texts::default();
        let packed: Vec<Vec<u8>> = rows.iter().map(|row| {
            packed(&mut texts, row)
        }).collect();
        let mut reused = blank();
        for (row, record) in rows.iter().zip(&packed) {
            let known = known(record);
            prop_assert_eq!((known.ts, known.first_ts, known.attempts), (row.ts, row.first_ts, row.attempts));
            prop_assert_eq!(known.client_id, row.client_id.as_bytes());
            prop_assert_eq!(&texts.unpack(record), row);
            texts.unpack_into(record, &mut reused);
            prop_assert_eq!(&reused, row);
        }
    }
}

#[test]
fn a_list_that_is_full_keeps_texts_in_their_rows() {
    let mut texts = Texts::default();
    let mut records = Vec::new();
    for n in 0..2 * TEXTS {
        let mut out = Vec::new();
        texts.put_text(REASON, format!("text {n}").as_bytes(), &mut out);
        texts.put_line(LINES + n % 3, format!("{}: line of device", "x".repeat(n % 900)).as_bytes(), b"device", &mut out);
        records.push(out);
    }
    assert_eq!(texts.list.len(), TEXTS);
    for (n, record) in records.iter().enumerate() {
        let mut from = record.as_slice();
        assert_eq!(texts.text(&mut from), format!("text {n}").as_bytes());
        let mut line = Vec::new();
        texts.line(b"device", &mut from, &mut line);
        assert_eq!(line, format!("{}: line of device", "x".repeat(n % 900)).as_bytes());
    }
}

#[test]
fn a_usual_row_takes_less_than_a_hundred_bytes() {
    let id = "bot-9e3779b1-0000001";
    let row = Row {
        client_id: id.to_owned(),
        ip_address: "10.0.0.1".parse().ok(),
        ts: 1_795_444_592_000,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: "No Credentials Found (or …): not authorised".to_owned(),
        reason_code: Reason::ALL[0],
        alternatives: vec![Reason::ALL[1], Reason::ALL[2]],
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".to_owned(),
        attempts: 1,
        first_ts: 1_795_444_592_000,
        evidence: vec![
            "1795444592: New connection from 10.0.0.1:1025 on port 1883.".to_owned(),
            format!("1795444592: Sending CONNACK to {id} (0, 5)"),
            format!("1795444592: Client {id} disconnected, not authorised."),
        ],
        peer: None,
        upstream: None,
        twin: None,
    };
    let length = packed(&mut Texts::default(), &row).len();
    assert!(length < 100, "{length}");
}
