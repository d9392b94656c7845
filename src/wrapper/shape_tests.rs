use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Kind, Layer, Piece, Unwrapped, Unwrapper};

fn millis(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn unwrapper() -> Unwrapper {
    Unwrapper::new(TimeZone::get("Europe/Berlin").unwrap())
}

fn reference() -> i64 {
    millis("2026-11-23T16:00:00Z")
}

/// The one line as the first of a log: text, stream, layers, instant.
fn alone(line: &[u8]) -> (String, String, Vec<Layer>, Option<String>) {
    match unwrapper().line(line, reference()) {
        Piece::Whole(Unwrapped { text, stream, kind, stamp, .. }) => (
            String::from_utf8_lossy(text).into_owned(),
            stream.to_string(),
            kind.layers().collect(),
            stamp.map(|stamp| Timestamp::from_millisecond(stamp.millis).unwrap().to_string()),
        ),
        other => panic!("{} is {other:?}", line.escape_ascii()),
    }
}

#[test]
fn each_wrapper_is_recognised_by_its_first_line() {
    use Layer::*;
    let text = "1795446352: New connection";
    let (local, utc) = ("2026-11-23T14:05:52Z", "2026-11-23T15:05:52Z");
    let (whole, who) = (|text: &str| Some(text.to_owned()), "mqtt-gw01 mosquitto/21447");
    let cases: &[(&str, &str, &[Layer], Option<String>)] = &[
        ("Nov 23 15:05:52 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogTraditional], whole(local)),
        ("Nov 23 15:05:52.712830 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogTraditional], whole("2026-11-23T14:05:52.712Z")),
        ("<30>Nov 23 15:05:52 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogTraditional], whole(local)),
        ("<30>Nov 23 15:05:52 mosquitto[21447]: ", "mosquitto/21447", &[SyslogTraditional], whole(local)),
        ("<30>Nov 23 15:05:52 mosquitto: ", "mosquitto", &[SyslogTraditional], whole(local)),
        ("Nov 23 15:05:52 mqtt-gw01 mosquitto: ", "mqtt-gw01 mosquitto", &[SyslogTraditional], whole(local)),
        ("Nov 23 15:05:52 2001:db8::7 mosquitto[1]: ", "2001:db8::7 mosquitto/1", &[SyslogTraditional], whole(local)),
        ("2026-11-23T15:05:52+0000 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogIso], whole(utc)),
        ("2026-11-23T15:05:52.040116+00:00 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogIso], whole("2026-11-23T15:05:52.04Z")),
        ("<30>2026-11-23T16:05:52+01:00 mqtt-gw01 mosquitto[21447]: ", who, &[SyslogIso], whole(utc)),
        ("2026-11-23T15:05:52Z edge-gw1  mosquitto: ", "edge-gw1 mosquitto", &[SyslogIso], whole(utc)),
        ("2026-11-23T15:05:52Z edge-gw1 haproxy[12218] ", "edge-gw1 haproxy/12218", &[SyslogIso], whole(utc)),
        ("<30>1 2026-11-23T15:05:52Z mqtt-gw01 mosquitto 21447 - - ", who, &[Syslog5424], whole(utc)),
        ("<30>1 2026-11-23T15:05:52Z mqtt-gw01 mosquitto 21447 ID7 [a@1 b=\"]\\\"\" c=\"d\"][e] \u{feff}", who, &[Syslog5424], whole(utc)),
        ("1 2026-11-23T15:05:52Z mqtt-gw01 mosquitto 21447 - - ", who, &[Syslog5424], whole(utc)),
        ("<30>1 - - mosquitto - - - ", "mosquitto", &[Syslog5424], None),
        ("<6>", "", &[Priority], None),
        ("Mon 2026-11-23 15:05:52 UTC mqtt-gw01 mosquitto[21447]: ", who, &[Journal], whole(utc)),
        ("Mon 2026-11-23 15:05:52 CET mqtt-gw01 mosquitto.service[21447]: ", "mqtt-gw01 mosquitto.service/21447", &[Journal], whole(local)),
        ("1795446352.712830 mqtt-gw01 mosquitto[21447]: ", who, &[Journal], whole("2026-11-23T15:05:52.712Z")),
        (
            "2026-11-23 15:05:52.123 homeassistant addon_core_mosquitto[512]: ",
            "homeassistant addon_core_mosquitto/512",
            &[HomeAssistant],
            whole("2026-11-23T15:05:52.123Z"),
        ),
        ("2026-11-23T15:05:52.123456789Z stdout F ", "", &[Cri], whole("2026-11-23T15:05:52.123Z")),
        ("2026-11-23T16:05:52.1+01:00 stderr F:x ", "", &[Cri], whole("2026-11-23T15:05:52.1Z")),
        ("2026-11-23T15:05:52.123456789Z ", "", &[DockerStamp], whole("2026-11-23T15:05:52.123Z")),
        ("mosquitto-1  | ", "mosquitto-1", &[Compose], None),
        ("mosquitto_1  | ", "mosquitto_1", &[Compose], None),
        ("mqtt_broker.1.kq3v8x2m4n5b6c7d8e9f0a1b2@node-1    | ", "mqtt_broker.1.kq3v8x2m4n5b6c7d8e9f0a1b2@node-1", &[Compose], None),
        ("\x1b[36mmosquitto-1  | \x1b[0m", "mosquitto-1", &[Compose], None),
        ("\x1b[36mmosquitto_1  |\x1b[0m ", "mosquitto_1", &[Compose], None),
        ("[mosquitto] | ", "mosquitto", &[Compose], None),
        ("[pod/mosquitto-0/broker] ", "mosquitto-0/broker", &[Kubectl], None),
        ("mosquitto-1  | 2026-11-23T15:05:52.123456789Z ", "mosquitto-1", &[Compose, DockerStamp], whole("2026-11-23T15:05:52.123Z")),
        ("Nov 23 15:05:52 node1 docker[7]: mosquitto-1  | ", "mosquitto-1 node1 docker/7", &[SyslogTraditional, Compose], whole(local)),
        (
            "2026-11-23T15:05:53Z stdout F Nov 23 15:05:52 mqtt-gw01 mosquitto[21447]: ",
            who,
            &[Cri, SyslogTraditional],
            whole("2026-11-23T15:05:53Z"),
        ),
        ("", "", &[], None),
    ];
    for (head, stream, layers, stamp) in cases {
        let got = alone(format!("{head}{text}").as_bytes());
        assert_eq!(got, (text.to_owned(), (*stream).to_owned(), layers.to_vec(), stamp.clone()), "{head}");
        assert_eq!(alone(format!("{head}{text}\r").as_bytes()).0, text, "{head} with CR");
    }
}

#[test]
fn json_wrappers_are_recognised() {
    let docker = br#"{"log":"a \u003cb\u003e \"c\"\r\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-23T15:05:52.5Z"}"#;
    assert_eq!(alone(docker), ("a <b> \"c\"".into(), String::new(), vec![Layer::DockerJson], Some("2026-11-23T15:05:52.5Z".into())));
    let nested = br#"{"log":"Nov 23 15:05:52 gw mosquitto[1]: x#011y\n","stream":"stdout","time":"2026-11-23T15:05:52Z"}"#;
    let (text, stream, layers, _) = alone(nested);
    assert_eq!((text.as_str(), stream.as_str(), layers), ("x\ty", "gw mosquitto/1", vec![Layer::DockerJson, Layer::SyslogTraditional]));
    let journal = br#"{"MESSAGE":"x \u001b[1m","__REALTIME_TIMESTAMP":"1795446352712830","_HOSTNAME":"gw","_COMM":"mosquitto","_PID":"7"}"#;
    let expected = ("x \x1b[1m".into(), "gw mosquitto/7".into(), vec![Layer::JournalJson], Some("2026-11-23T15:05:52.712Z".into()));
    assert_eq!(alone(journal), expected);
    let null = br#"{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1795446352712830"}"#;
    assert_eq!(unwrapper().line(null, 0), Piece::Unreadable);
}

#[test]
fn a_brokers_own_line_is_never_in_a_wrapper() {
    for line in [
        "1795445777: Client x disconnected.",
        "2026-11-23T15:03:06+0000: New connection from 192.0.2.7:40000 on port 1883.",
        "23/Nov/2026:16:03:08: New connection from 192.0.2.7:40000 on port 1883.",
        "2023-08-10 12:13:14: New connection from 172.30.32.2:43720 on port 1883.",
        "Client x disconnected, not authorised.",
        "Nov 23 15:05:52: Client x disconnected, not authorised.",
        "2026-11-23T15:17:07.110426+00:00 [notice] alarm_handler: {clear,lc_mem_alarm}",
        "2026-11-23T15:14:55.117421+00:00 [warning] clientid: <<\"skimmer-77\">>, file: src/emqx_banned.erl",
        "2026-11-23 15:18:42.695 +0000 [warning] [CM] kicked_an_unknown_session skimmer-77",
        "2026-11-23T14:52:48.712294Z ERROR rumqttd::server::broker: Error while handling MQTT connect packet",
        "2026-11-23T14:52:48.712294Z ERROR broker: Error while handling MQTT connect packet",
        "2026-11-23T14:52:48.712294Z  INFO rumqttd::server::broker: Listening",
        "2026-11-23 15:01:03,609 | DEBUG | Bean factory | main",
        " INFO | Using Persistence Adapter: MemoryPersistenceAdapter",
        "ERROR | Could not accept connection",
        "WARN  | Could not accept connection",
        "[2026-11-23 15:50:14.070] [ERROR] [main] Setting ulimit nofile failed",
        "[2026-11-23 15:53:55,000] amqtt.broker:162 :: DEBUG - Reading",
        "2026-11-23 15:00:37,116 - Client ID: victim-1, IP: 127.0.0.12 was disconnected.",
        "2026-11-23 15:30:12 [12345] INFO  /usr/src/nanomq/x.c:12: tls url",
        "2026-11-23 15:30:12.123 INFO main: started",
        "2026-11-23 14:53:25.164781+00:00 [info] <0.123.0>@ejabberd_config:load/1:89 Configuration loaded",
        "15:04:05.678 [info] Opening LevelDB",
        "2026.11.23 15:15:31 LOG5[ui]: stunnel 5.68",
        "127.0.0.41:38567 [23/Nov/2026:15:10:48.757] mqtts~ mosquitto/broker1 13/0/83 4",
        "[NOTICE]   (18386) : Loading success.",
        r#"{"time":"2026-11-23T15:00:00Z","level":"info","msg":"x","log":"y\n"}"#,
        r#"{"ts":1795446352712830,"lvl":"info","msg":"x"}"#,
        r#"{"log":"x\q","time":"2026-11-23T15:05:52Z"}"#,
        r#"{"log":"x\n","time":"yesterday"}"#,
        "<300>x",
        "<x>y",
        "-- x",
    ] {
        let (text, stream, layers, stamp) = alone(line.as_bytes());
        assert_eq!((text.as_str(), stream.as_str(), layers, stamp), (line, "", vec![], None));
    }
}

#[test]
fn what_the_collector_says_is_not_the_brokers() {
    for line in ["-- Boot cf9135b8b780471ab5f8ffe007023f47 --", "-- Journal begins at Mon 2026-11-23. --", "-- Logs begin at Mon. --"] {
        assert_eq!(unwrapper().line(line.as_bytes(), 0), Piece::Foreign);
    }
    assert_eq!(unwrapper().line(b"Nov 23 15:05:53 gw mosquitto[1]: [64B blob data]", 0), Piece::Unreadable);
    assert_eq!(unwrapper().line(b"[1.2K blob data]", 0), Piece::Unreadable);
}

#[test]
fn escapes_of_control_characters_are_undone_and_said() {
    let mut unwrapper = unwrapper();
    let line = b"Nov 23 15:05:53 gw mosquitto[1]: a#012b#101#999#0#177#";
    let Piece::Whole(Unwrapped { text, raw, .. }) = unwrapper.line(line, reference()) else { panic!() };
    assert_eq!((text, raw), (&b"a\nb#101#999#0\x7f#"[..], Some(&b"a#012b#101#999#0#177#"[..])));
    let Piece::Whole(Unwrapped { text, raw, .. }) = unwrapper.line(b"Client worker#012 disconnected.", reference()) else { panic!() };
    assert_eq!((text, raw), (&b"Client worker#012 disconnected."[..], None));
}

#[test]
fn of_two_stamps_the_one_with_a_zone_counts() {
    let mut unwrapper = unwrapper();
    let line = br#"{"log":"Nov 23 15:05:52 gw mosquitto[1]: x\n","stream":"stdout","time":"2026-11-23T15:05:53Z"}"#;
    let Piece::Whole(Unwrapped { stamp, .. }) = unwrapper.line(line, reference()) else { panic!() };
    assert_eq!(stamp.unwrap().millis, millis("2026-11-23T15:05:53Z"));
    let line = br#"{"log":"2026-11-23T15:05:52Z gw mosquitto[1]: x\n","stream":"stdout","time":"2026-11-23T15:05:53Z"}"#;
    let Piece::Whole(Unwrapped { stamp, .. }) = unwrapper.line(line, reference()) else { panic!() };
    assert_eq!(stamp.unwrap().millis, millis("2026-11-23T15:05:52Z"));
}

#[test]
fn captured_logs_come_out_as_the_program_wrote_them() {
    let cases = [
        (
            "journald-json.log",
            "journalctl JSON",
            "mqtt-gw01 mosquitto/21447",
            "1795446353: Client SN-4471-0093 disconnected, not authorised.",
            3,
            0,
        ),
        (
            "journald-short.log",
            "syslog RFC 3164",
            "mqtt-gw01 mosquitto/21447",
            "1795446353: Client SN-4471-0093 disconnected, not authorised.",
            3,
            1,
        ),
        (
            "journald-short-iso.log",
            "syslog with ISO stamp",
            "mqtt-gw01 mosquitto/21447",
            "1795446353: Client SN-4471-0093 disconnected, not authorised.",
            3,
            1,
        ),
        ("journald-cat.log", "none", "", "1795446353: Client SN-4471-0093 disconnected, not authorised.", 3, 0),
        (
            "syslog-iso.log",
            "syslog with ISO stamp",
            "mqtt-gw01 mosquitto/21141",
            "1795446350: Invalid protocol \"AB\nCDE\" in CONNECT from 127.0.0.64.",
            5,
            0,
        ),
        (
            "syslog-trad.log",
            "syslog RFC 3164",
            "mqtt-gw01 mosquitto/21141",
            "1795446350: Invalid protocol \"AB\nCDE\" in CONNECT from 127.0.0.64.",
            5,
            0,
        ),
        (
            "haproxy-syslog-iso.log",
            "syslog with ISO stamp",
            "edge-gw1 haproxy/12218",
            "203.0.113.9:51002 [23/Nov/2026:15:11:52.644] mqtts/1: SSL handshake failure",
            2,
            0,
        ),
        (
            "haproxy-syslog-trad.log",
            "syslog RFC 3164",
            "localhost haproxy/8480",
            "127.0.0.37:41831 [23/Nov/2026:15:10:37.899] mqtts~ mosquitto/broker1 8/2/80 4 -- 1/1/0/0/0 0/0",
            0,
            0,
        ),
        (
            "nginx-syslog.log",
            "syslog with ISO stamp",
            "edge-gw1 nginx",
            "2026/11/23 15:19:17 [notice] 20354#20354: using the \"epoll\" event method",
            1,
            0,
        ),
        ("stunnel-syslog.log", "syslog with ISO stamp", "edge-gw1 stunnel", "LOG5[ui]: stunnel 5.68 on x86_64-pc-linux-gnu platform", 1, 0),
    ];
    for (file, kind, stream, text, index, unreadable) in cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wrappers").join(file);
        let log = std::fs::read(&path).unwrap();
        let mut unwrapper = Unwrapper::new(TimeZone::UTC);
        let mut lost = 0;
        for (number, line) in log.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').enumerate() {
            match unwrapper.line(line, reference()) {
                Piece::Whole(unwrapped) => {
                    assert_eq!(unwrapped.kind.to_string(), kind, "{file}");
                    if number == index {
                        assert_eq!(
                            (unwrapped.stream.to_string().as_str(), String::from_utf8_lossy(unwrapped.text).as_ref()),
                            (stream, text),
                            "{file}"
                        );
                    }
                    if let (Some(stamp), Some(epoch)) = (unwrapped.stamp, unwrapped.text.get(..10).filter(|_| text.starts_with("17954"))) {
                        assert_eq!(stamp.millis / 1000, std::str::from_utf8(epoch).unwrap().parse::<i64>().unwrap(), "{file}:{number}");
                    }
                }
                Piece::Unreadable => lost += 1,
                other => panic!("{file}:{number} is {other:?}"),
            }
        }
        assert_eq!(lost, unreadable, "{file}");
    }
    assert!(Kind::default().is_bare());
}

#[test]
fn bytes_that_are_not_text_come_out_of_the_journal() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wrappers/journald-json.log");
    let log = std::fs::read(path).unwrap();
    let line = log.split(|byte| *byte == b'\n').nth(5).unwrap();
    let mut unwrapper = Unwrapper::new(TimeZone::UTC);
    let Piece::Whole(unwrapped) = unwrapper.line(line, reference()) else { panic!() };
    assert_eq!(unwrapped.text, b"1795446353: Invalid protocol \"\x1b[31mX\" in CONNECT from 127.0.0.88.");
}
