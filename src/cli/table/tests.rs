//! What people and programs get to see of rows, hostile ones too.

use jiff::tz::TimeZone;
use snapbox::{IntoData as _, assert_data_eq, str};

use super::*;
use crate::model::{Field, Identity, Reason};

fn row(client_id: &str) -> Row {
    Row {
        client_id: client_id.to_owned(),
        ip_address: Some("192.0.2.7".parse().unwrap()),
        ts: 1_767_225_600_000,
        username: Some("ann".to_owned()),
        password_provided: Some(true),
        tls_used: None,
        reason: "No Credentials Found (or Password Does Not Match): not authorised".into(),
        reason_code: Reason::NoCredentialsFound,
        alternatives: vec![Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided].into(),
        inferred: vec![],
        identity: Identity::ClientId,
        broker: "mosquitto".into(),
        attempts: 2,
        first_ts: 1_767_225_000_000,
        evidence: ["1767225600: Client x".to_owned(), "second".to_owned()].into(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

fn shown(rows: &[Row], total: Option<u64>, format: Format, width: usize, colour: bool) -> String {
    let look = Look { width, colour, zone: TimeZone::fixed(jiff::tz::offset(2)) };
    let mut out = Vec::new();
    write(&mut out, rows, total, format, &look).unwrap();
    String::from_utf8(out).unwrap()
}

fn hostile() -> Vec<Row> {
    let mut forged = row("\u{1b}[2J\u{202e}x\r\n2026-01-01 00:00:00  forged");
    forged.username = Some("a\tb\u{9b}1m\u{e0041}".to_owned());
    forged.reason = "Other: \u{7}bell".into();
    let mut wide = row("温度センサー温度センサー温度センサー温度センサー");
    wide.username = None;
    wide.password_provided = None;
    wide.ip_address = Some("2001:db8::1".parse().unwrap());
    wide.inferred = vec![Field::IpAddress, Field::ClientId];
    let marks = row(&format!("e{}", "\u{301}".repeat(500)));
    vec![forged, wide, marks]
}

#[test]
fn a_table_fits_the_terminal() {
    let shown = shown(&hostile(), None, Format::Table, 110, false);
    assert!(shown.lines().take(4).all(|line| unicode_width::UnicodeWidthStr::width(line) <= 110), "{shown}");
    let shown: String = shown.chars().filter(|c| *c != '\u{301}').collect();
    assert_data_eq!(
        shown,
        str![[r#"
Last update          Client ID           Username            Password  TLS  Client IP     Reason
2026-01-01 02:00:00  \x1b[2J\u{202e}x\…  a\tb\u{9b}1m\u{e0…  yes       –    192.0.2.7     Other: \x07bell
2026-01-01 02:00:00  温度センサー温度…?  –                   –         –    2001:db8::1?  No Credentials Foun…
2026-01-01 02:00:00  e…                  ann                 yes       –    192.0.2.7     No Credentials Foun…
3 clients
? deduced from the log with less than certainty: do not act upon it alone

"#]]
        .raw()
    );
}

#[test]
fn eighty_columns_are_enough() {
    let shown = shown(&[row("a-long-client-id-of-a-sensor")], None, Format::Table, 80, false);
    assert!(shown.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 80), "{shown}");
    assert_data_eq!(
        shown,
        str![[r#"
Last update  Client ID        Username  Password  TLS  Client IP  Reason
01-01 02:00  a-long-client-…  ann       yes       –    192.0.2.7  No Credential…
1 client

"#]]
        .raw()
    );
}

/// With several brokers there is a column more, and it is all needed.
#[test]
fn eighty_columns_are_enough_for_several_brokers() {
    for (username, password, tls) in [(None, None, Some(false)), (Some("someone"), Some(false), Some(true))] {
        let mut rows = vec![row("6f1c2a90-51de-4f7b-9c0e-3d2f8a77b1c4"), row("valve#3")];
        for row in &mut rows {
            row.username = username.map(str::to_owned);
            (row.password_provided, row.tls_used) = (password, tls);
            row.ip_address = Some("198.51.100.121".parse().unwrap());
            row.inferred = vec![Field::IpAddress, Field::TlsUsed];
        }
        rows[1].broker = "plant-c".into();
        let shown = shown(&rows, None, Format::Table, 80, false);
        assert!(shown.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 80), "{shown}");
        assert!(shown.contains("198.51.100.121?") && shown.contains("plant-") && shown.contains("No Cr"), "{shown}");
    }
}

#[test]
fn a_narrow_terminal_keeps_addresses_whole() {
    let mut other = row("b");
    other.broker = "emqx".into();
    other.ip_address = Some("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap());
    assert_data_eq!(
        shown(&[row("a-long-client-id-of-a-sensor"), other], Some(52), Format::Table, 40, false),
        str![[r#"
Last update  Clien…  Usern…  Password  Client IP                               Broker  Reason
01-01 02:00  a-lon…  ann     yes       192.0.2.7                               mosqu…  No Cr…
01-01 02:00  b       ann     yes       2001:db8:1111:2222:3333:4444:5555:6666  emqx    No Cr…
2 of 52 clients

"#]]
        .raw()
    );
}

#[test]
fn small_tables() {
    assert_eq!(shown(&[], None, Format::Table, 80, true), "No clients.\n");
    assert_eq!(shown(&[], None, Format::Json, 80, true), "[]\n");
    assert_eq!(shown(&[], None, Format::Ndjson, 80, true), "");
    assert_data_eq!(
        shown(&[row("a")], None, Format::Table, 200, true).replace('\u{1b}', "ESC"),
        str![[r#"
ESC[1mLast update          Client ID  Username  Password  TLS  Client IP  ReasonESC[0m
2026-01-01 02:00:00  a          ann       yes       –    192.0.2.7  No Credentials Found (or Password Does Not Match): not authorised
ESC[2m1 clientESC[0m

"#]]
        .raw()
    );
}

#[test]
fn any_width_is_served() {
    for width in 0..150 {
        for line in shown(&hostile(), None, Format::Table, width, false).lines() {
            assert!(!line.chars().any(crate::text::is_unsafe), "{line:?}");
        }
    }
}

#[test]
fn json_gives_the_same_rows_back_and_nothing_for_the_terminal() {
    let rows = hostile();
    let array = shown(&rows, None, Format::Json, 80, true);
    assert_eq!(serde_json::from_str::<Vec<Row>>(&array).unwrap(), rows);
    let lines = shown(&rows, None, Format::Ndjson, 80, true);
    let read: Vec<Row> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, rows);
    for text in [array, lines] {
        assert!(!text.chars().any(|c| c != '\n' && crate::text::is_unsafe(c)), "{text:?}");
    }
    assert_data_eq!(
        shown(&[row("a")], None, Format::Json, 80, true),
        str![[r#"
[
  {
    "clientId": "a",
    "ipAddress": "192.0.2.7",
    "ts": 1767225600000,
    "username": "ann",
    "passwordProvided": true,
    "tlsUsed": null,
    "reason": "No Credentials Found (or Password Does Not Match): not authorised",
    "reasonCode": "no-credentials-found",
    "alternatives": [
      "password-does-not-match",
      "no-password-provided"
    ],
    "inferred": [],
    "identity": "client-id",
    "broker": "mosquitto",
    "attempts": 2,
    "firstTs": 1767225000000,
    "evidence": [
      "1767225600: Client x",
      "second"
    ]
  }
]

"#]]
        .raw()
    );
}

#[test]
fn csv_runs_no_formula() {
    let mut rows: Vec<Row> = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1", "a,\"b\"", " x", "'=1"].map(row).into();
    rows.extend(hostile().into_iter().take(1));
    for row in &mut rows {
        row.evidence = ["=1"].into();
        row.inferred = vec![Field::IpAddress, Field::TlsUsed];
    }
    let csv = shown(&rows, None, Format::Csv, 80, true);
    assert_eq!(csv.matches("\r\n").count(), rows.len() + 1);
    let cells: Vec<&str> = csv.split("\r\n").map(|line| line.rsplit_once("192.0.2.7").map_or(line, |(id, _)| id)).collect();
    assert_data_eq!(
        cells.join("\n"),
        str![[r#"
clientId,ipAddress,ts,time,username,passwordProvided,tlsUsed,reason,reasonCode,alternatives,inferred,identity,broker,attempts,firstTs,evidence
'=cmd|' /C calc'!A0,
'+1,
'-1,
'@SUM(1),
'\t=1,
'\r=1,
'＝1,
"a,""b""",
" x",
'=1,
\x1b[2J\u{202e}x\r\n2026-01-01 00:00:00  forged,

"#]].raw()
    );
    assert_data_eq!(
        csv.split("\r\n").nth(2).unwrap().to_owned(),
        str![
            "'+1,192.0.2.7,1767225600000,2026-01-01T00:00:00Z,ann,true,,No Credentials Found (or Password Does Not Match): not authorised,no-credentials-found,password-does-not-match no-password-provided,ipAddress tlsUsed,client-id,mosquitto,2,1767225000000,'=1"
        ]
    );
}
