use jiff::tz::TimeZone;

use super::{HELD_BYTES, HELD_PARTS, Piece, Snapshot, Unwrapped, Unwrapper};

fn text(piece: Piece<'_>) -> String {
    match piece {
        Piece::Whole(Unwrapped { text, .. }) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn docker(channel: &str, second: u32, log: &str) -> Vec<u8> {
    let log = serde_json::to_string(log).unwrap();
    format!(r#"{{"log":{log},"stream":"{channel}","time":"2026-11-23T15:05:{second:02}Z"}}"#).into_bytes()
}

fn unwrapper() -> Unwrapper {
    Unwrapper::new(TimeZone::UTC)
}

#[test]
fn docker_parts_are_joined_for_each_output() {
    let mut unwrapper = unwrapper();
    assert_eq!(unwrapper.line(&docker("stdout", 1, "Client \"a"), 0), Piece::Held);
    assert_eq!(unwrapper.line(&docker("stderr", 2, "New "), 0), Piece::Held);
    assert_eq!(unwrapper.line(&docker("stdout", 3, "b"), 0), Piece::Held);
    assert_eq!(text(unwrapper.line(&docker("stderr", 3, "connection\n"), 0)), "New connection");
    let last = docker("stdout", 4, "\" gone\r\n");
    let Piece::Whole(whole) = unwrapper.line(&last, 0) else { panic!() };
    // The line was written when it began.
    assert_eq!((whole.text, whole.stamp.unwrap().millis % 60_000), (&b"Client \"ab\" gone"[..], 1000));
    assert_eq!(text(unwrapper.line(&docker("stdout", 5, "next\n"), 0)), "next");
}

#[test]
fn cri_parts_are_joined_for_each_output() {
    let mut unwrapper = unwrapper();
    assert_eq!(unwrapper.line(b"2026-11-23T15:05:52.1Z stdout P Client a", 0), Piece::Held);
    assert_eq!(unwrapper.line(b"2026-11-23T15:05:52.1Z stderr P:x other", 0), Piece::Held);
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:05:52.2Z stdout F  gone", 0)), "Client a gone");
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:05:52.2Z stdout F whole", 0)), "whole");
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:05:52.2Z stderr F ", 0)), "other");
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:05:52.2Z stdout F", 0)), "");
}

#[test]
fn journal_parts_are_joined_for_each_container() {
    let record = |container: &str, more: bool, message: &str| {
        let more = if more { r#""CONTAINER_PARTIAL_MESSAGE":"true","# } else { "" };
        format!(r#"{{{more}"CONTAINER_NAME":"{container}","MESSAGE":"{message}","__REALTIME_TIMESTAMP":"1795446352712830"}}"#).into_bytes()
    };
    let mut unwrapper = unwrapper();
    assert_eq!(unwrapper.line(&record("a", true, "from "), 0), Piece::Held);
    assert_eq!(unwrapper.line(&record("b", true, "of "), 0), Piece::Held);
    assert_eq!(text(unwrapper.line(&record("a", false, "a"), 0)), "from a");
    assert_eq!(text(unwrapper.line(&record("b", false, "b"), 0)), "of b");
}

#[test]
fn a_joined_line_may_be_in_another_wrapper() {
    let mut unwrapper = unwrapper();
    assert_eq!(unwrapper.line(b"2026-11-23T15:05:52.1Z stdout P 2026-11-23T15:05:52Z gw mosq", 0), Piece::Held);
    let Piece::Whole(whole) = unwrapper.line(b"2026-11-23T15:05:52.2Z stdout F uitto[7]: Client x", 0) else { panic!() };
    assert_eq!((whole.text, whole.stream.ident), (&b"Client x"[..], &b"mosquitto"[..]));
}

#[test]
fn a_part_whose_end_never_came_is_not_glued_to_a_later_line() {
    let mut unwrapper = unwrapper();
    assert_eq!(unwrapper.line(b"2026-11-23T15:05:52Z stdout P Client victim", 0), Piece::Held);
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:06:53Z stdout F New connection", 0)), "New connection");
    assert_eq!(unwrapper.counts().dropped, 1);
}

#[test]
fn what_is_held_at_the_end_comes_out() {
    let mut unwrapper = unwrapper();
    unwrapper.line(b"2026-11-23T15:05:52Z stdout P Client a", 0);
    unwrapper.line(b"2026-11-23T15:05:53Z stderr P Client b", 0);
    assert_eq!(text(unwrapper.flush(0).unwrap()), "Client a");
    assert_eq!(text(unwrapper.flush(0).unwrap()), "Client b");
    assert_eq!(unwrapper.flush(0), None);
}

#[test]
fn a_restart_between_parts_makes_no_difference() {
    let mut before = unwrapper();
    before.line(&docker("stdout", 1, "Client é\u{1}"), 0);
    let json = serde_json::to_string(&before.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
    assert_eq!(snapshot, before.snapshot());
    let mut after = Unwrapper::restore(TimeZone::UTC, snapshot);
    assert_eq!(text(after.line(&docker("stdout", 2, " gone\n"), 0)), "Client é\u{1} gone");
}

#[test]
fn what_is_held_is_bounded() {
    let mut unwrapper = unwrapper();
    let part = format!("2026-11-23T15:05:52Z stdout P {}", "x".repeat(HELD_BYTES / 2 + 1));
    for _ in 0..5 {
        assert_eq!(unwrapper.line(part.as_bytes(), 0), Piece::Held);
    }
    assert_eq!(text(unwrapper.line(b"2026-11-23T15:05:52Z stdout F y", 0)).len(), HELD_BYTES);
    assert_eq!((unwrapper.counts().cut, unwrapper.counts().dropped), (1, 0));
    for host in 0..HELD_PARTS + 3 {
        let record =
            format!(r#"{{"_LINE_BREAK":"line-max","_HOSTNAME":"h{host}","MESSAGE":"{host}","__REALTIME_TIMESTAMP":"1795446352712830"}}"#);
        assert_eq!(unwrapper.line(record.as_bytes(), 0), Piece::Held);
    }
    assert_eq!(unwrapper.counts().dropped, 3);
    assert_eq!(text(unwrapper.flush(0).unwrap()), "3");
    assert_eq!(std::iter::from_fn(|| unwrapper.flush(0).map(drop)).count(), HELD_PARTS - 1);
}
