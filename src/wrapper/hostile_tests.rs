use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Piece, Unwrapped, Unwrapper};

const HEADS: [&str; 9] = [
    "Nov 23 15:05:52 gw mosquitto[1]: ",
    "2026-11-23T15:05:52Z gw mosquitto[1]: ",
    "<30>1 2026-11-23T15:05:52Z gw mosquitto 1 - - ",
    "2026-11-23T15:05:52Z stdout F ",
    "2026-11-23T15:05:52.123456789Z ",
    "mosquitto-1  | ",
    "[pod/a/b] ",
    "<6>",
    "2026-11-23 15:05:52.123 ha addon[1]: ",
];
const FORGED: &str = "1795445777: Client victim disconnected, not authorised.";

fn unwrapper() -> Unwrapper {
    Unwrapper::new(TimeZone::UTC)
}

fn text<'a>(unwrapper: &'a mut Unwrapper, line: &'a str) -> &'a [u8] {
    match unwrapper.line(line.as_bytes(), 0) {
        Piece::Whole(Unwrapped { text, .. }) => text,
        other => panic!("{line} is {other:?}"),
    }
}

#[test]
fn a_client_id_at_the_start_of_a_bare_line_is_no_wrapper() {
    let mut unwrapper = unwrapper();
    for _ in 0..8 {
        assert!(!unwrapper.searchable());
        text(&mut unwrapper, "New connection from 192.0.2.7:40000 on port 1883.");
    }
    assert!(unwrapper.searchable());
    for head in HEADS {
        let line = format!("{head}{FORGED} 0 topic");
        assert_eq!(text(&mut unwrapper, &line), line.as_bytes());
    }
    let docker = r#"{"log":"Client victim disconnected.\n","stream":"stdout","time":"2026-11-23T15:05:52Z"}"#;
    assert_eq!(text(&mut unwrapper, docker), docker.as_bytes());
    // The log may get another wrapper, and somebody says so.
    unwrapper.forget();
    assert_eq!(text(&mut unwrapper, &format!("{}{FORGED}", HEADS[0])), FORGED.as_bytes());
}

#[test]
fn a_client_id_at_the_start_of_a_wrapped_line_is_no_inner_wrapper() {
    for outer in HEADS {
        let mut unwrapper = unwrapper();
        for _ in 0..8 {
            text(&mut unwrapper, &format!("{outer}New connection from 192.0.2.7:40000 on port 1883."));
        }
        for inner in HEADS {
            let line = format!("{outer}{inner}{FORGED} 0 topic");
            assert_eq!(text(&mut unwrapper, &line), format!("{inner}{FORGED} 0 topic").as_bytes(), "{outer}");
        }
        // The wrapper itself may be missing from a line.
        assert_eq!(text(&mut unwrapper, FORGED), FORGED.as_bytes());
    }
}

#[test]
fn programs_that_share_a_log_are_learned_each_on_their_own() {
    let mut unwrapper = unwrapper();
    for number in 0..20 {
        text(&mut unwrapper, &format!("Nov 23 15:05:52 gw sshd[{number}]: session opened"));
    }
    assert_eq!(text(&mut unwrapper, "Nov 23 15:05:52 gw docker[1]: mosquitto-1  | Client x"), b"Client x");
    assert_eq!(text(&mut unwrapper, "Nov 23 15:05:52 gw sshd[1]: mosquitto-1  | Client x"), b"mosquitto-1  | Client x");
}

#[test]
fn a_log_may_begin_with_words_of_its_collector() {
    let mut unwrapper = unwrapper();
    text(&mut unwrapper, "Attaching to mosquitto-1");
    assert_eq!(text(&mut unwrapper, "mosquitto-1  | Client x"), b"Client x");
    for _ in 0..20 {
        assert_eq!(text(&mut unwrapper, "mosquitto-1  | Client x"), b"Client x");
    }
    // rsyslog's format changes within a file when the system is upgraded.
    let mut unwrapper = Unwrapper::new(TimeZone::UTC);
    for _ in 0..20 {
        text(&mut unwrapper, &format!("{}x", HEADS[0]));
    }
    assert_eq!(text(&mut unwrapper, &format!("{}x", HEADS[1])), b"x");
    assert!(unwrapper.searchable());
}

#[test]
fn logs_with_split_texts_are_needed_while_a_part_is_held_and_those_in_numbers_always() {
    let mut unwrapper = unwrapper();
    for _ in 0..20 {
        text(&mut unwrapper, "2026-11-23T15:05:52Z stdout F x");
    }
    assert!(unwrapper.searchable() && unwrapper.hides().long.is_some());
    assert_eq!(unwrapper.line(b"2026-11-23T15:05:52Z stdout P x", 0), Piece::Held);
    assert!(!unwrapper.searchable());
    assert_eq!(text(&mut unwrapper, "2026-11-23T15:05:52Z stdout F y"), b"xy");
    assert!(unwrapper.searchable());
    let mut unwrapper = Unwrapper::new(TimeZone::UTC);
    for _ in 0..20 {
        text(&mut unwrapper, r#"{"__REALTIME_TIMESTAMP":"1795446253000000","SYSLOG_IDENTIFIER":"mosquitto","MESSAGE":"x"}"#);
    }
    assert!(unwrapper.searchable() && unwrapper.hides().journal);
}

#[test]
fn no_more_writers_are_remembered_than_is_sane() {
    let mut unwrapper = unwrapper();
    for number in 0..5000 {
        text(&mut unwrapper, &format!("Nov 23 15:05:52 host{number} mosquitto[1]: x"));
    }
    let late = "Nov 23 15:05:52 late mosquitto[1]: mosquitto-1  | x";
    assert_eq!(text(&mut unwrapper, late), b"mosquitto-1  | x");
    assert!(serde_json::to_string(&unwrapper.snapshot()).unwrap().len() < 100_000);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_text_grows(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20), reference: i64) {
        let mut unwrapper = unwrapper();
        for line in &lines {
            if let Piece::Whole(whole) = unwrapper.line(line, reference) {
                prop_assert!(whole.text.len() <= line.len());
            }
        }
    }

    #[test]
    fn nothing_near_a_wrapper_panics(
        heads in proptest::collection::vec(proptest::sample::select(&HEADS[..]), 0..5), at in 0_usize..100, junk in "[\\PC\u{1b}]{0,3}", reference: i64,
    ) {
        let mut line: Vec<u8> = heads.concat().into_bytes();
        line.extend_from_slice(br#"{"log":"x","stream":"stdout","time":"2026-11-23T15:05:52Z"}"#);
        let at = at.min(line.len());
        line.splice(at..at, junk.bytes());
        let mut unwrapper = unwrapper();
        if let Piece::Whole(whole) = unwrapper.line(&line, reference) {
            prop_assert!(whole.text.len() <= line.len());
            prop_assert!(whole.kind.layers().count() <= 3);
        }
        while unwrapper.flush(reference).is_some() {}
    }

    #[test]
    fn parts_in_any_order_come_out_for_their_own_output(order in proptest::collection::vec((0_usize..4, any::<bool>()), 0..60)) {
        // Four brokers, each writing its own letter: no line ever mixes two.
        let mut unwrapper = unwrapper();
        let mut open = [0_usize; 4];
        for (broker, more) in order {
            let split = if more { r#""_LINE_BREAK":"line-max","# } else { "" };
            let letter = char::from(b'a' + broker as u8);
            let line = format!(r#"{{{split}"_HOSTNAME":"h{broker}","MESSAGE":"{letter}","__REALTIME_TIMESTAMP":"1795446352712830"}}"#);
            open[broker] += 1;
            match unwrapper.line(line.as_bytes(), 0) {
                Piece::Held => prop_assert!(more),
                Piece::Whole(whole) => {
                    prop_assert_eq!(whole.text.to_vec(), letter.to_string().repeat(open[broker]).into_bytes());
                    open[broker] = 0;
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
