use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Stamp, TimeContext, TimeFormat, TimeFormatError};

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn millis(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn read<'a>(format: &str, text: &'a str, zone: &TimeZone) -> Option<(Stamp, &'a [u8])> {
    let context = TimeContext { zone, reference: millis("2026-11-23T17:00:00Z") };
    TimeFormat::parse_format(format).unwrap().read(text.as_bytes(), &context)
}

#[test]
fn formats_read_what_they_describe() {
    let berlin = zone("Europe/Berlin");
    let (local, utc) = ("2026-11-23T15:03:08Z", "2026-11-23T16:03:08Z");
    let cases = [
        ("%Y-%m-%d %H:%M:%S", "2026-11-23 16:03:08", local, false),
        ("%FT%T", "2026-11-23T16:03:08", local, false),
        ("%d/%b/%Y:%H:%M:%S", "23/Nov/2026:16:03:08", local, false),
        ("%c", "Mon Nov 23 16:03:08 2026", local, false),
        ("%D %T", "11/23/26 16:03:08", local, false),
        ("%A, %d. %B %Y, %I:%M:%S %p", "Monday, 23. November 2026, 04:03:08 PM", local, false),
        ("%r %F", "04:03:08 pm 2026-11-23", local, false),
        ("%Y %j %T", "2026 327 16:03:08", local, false),
        ("%F %T%z", "2026-11-23 16:03:08+0000", utc, true),
        ("%F %T%z", "2026-11-23 16:03:08Z", utc, true),
        ("%F %T%:z", "2026-11-23 21:33:08+05:30", utc, true),
        ("%F %T %z", "2026-11-23 12:33:08 -03:30", utc, true),
        ("%F %T %Z", "2026-11-23 16:03:08 UTC", utc, true),
        ("%F %T %Z", "2026-11-23 16:03:08 CET", local, false),
        ("%s", "1795449788", utc, true),
        ("epoch", "1795449788", utc, true),
        ("epoch-ms", "1795449788000", utc, true),
        ("iso", "2026-11-23T16:03:08", local, false),
        ("iso", "2026-11-23 16:03:08Z", utc, true),
        ("iso", "2026-11-23T17:03:08+01", utc, true),
        ("rfc3164", "Nov 23 16:03:08", local, false),
        ("%e.%m.%Y %k:%M:%S", "23.11.2026 16:03:08", local, false),
        ("100%% %n%t%F %T", "100% \n\t2026-11-23 16:03:08", local, false),
        ("%y%m%d%H%M%S", "261123160308", local, false),
    ];
    for (format, text, want, zoned) in cases {
        let (stamp, rest) = read(format, text, &berlin).unwrap_or_else(|| panic!("{format} does not read {text}"));
        assert_eq!((stamp.millis, stamp.zoned, rest), (millis(want), zoned, &b""[..]), "{format} on {text}");
    }
}

#[test]
fn fractions_are_cut_to_milliseconds_and_may_be_missing() {
    let cases = [
        ("%T%.f", "00:00:01.5", 500, true),
        ("%T%.f", "00:00:01,123456789", 123, true),
        ("%T%.f", "00:00:01", 0, false),
        ("%T,%f", "00:00:01,009", 9, true),
        ("%T.%3f", "00:00:01.123", 123, true),
        ("iso", "1970-01-01T00:00:01.123456Z", 123, true),
        ("epoch", "1.25", 250, true),
    ];
    for (format, text, want, precise) in cases {
        let format = if format.starts_with("%T") { format!("%F {format}") } else { format.to_owned() };
        let text = if text.starts_with("00") { format!("1970-01-01 {text}") } else { text.to_owned() };
        let (stamp, rest) = read(&format, &text, &TimeZone::UTC).unwrap();
        assert_eq!((stamp.millis, stamp.precise, rest), (1000 + want, precise, &b""[..]), "{format} on {text}");
    }
}

#[test]
fn what_follows_the_stamp_is_left() {
    let (_, rest) = read("iso", "2026-11-23T16:03:08+0000: New connection", &TimeZone::UTC).unwrap();
    assert_eq!(rest, b": New connection");
    let (_, rest) = read("epoch", "1795445777: Client x.5 disconnected.", &TimeZone::UTC).unwrap();
    assert_eq!(rest, b": Client x.5 disconnected.");
    // A client ID behind the stamp can't pass for a zone.
    let (stamp, rest) = read("iso", "2026-11-23T16:03:08 +1200 x", &TimeZone::UTC).unwrap();
    assert_eq!((stamp.zoned, rest), (false, &b" +1200 x"[..]));
}

#[test]
fn impossible_times_do_not_fit() {
    let cases = [
        ("%F %T", "2026-02-29 00:00:00"),
        ("%F %T", "2026-13-01 00:00:00"),
        ("%F %T", "2026-01-01 24:00:00"),
        ("%F %T", "2026-01-01 00:60:00"),
        ("%F %T", "2026-01-01 00:00:61"),
        ("%F %T %z", "2026-01-01 00:00:00 +2500"),
        ("%F %I:%M %p", "2026-01-01 13:00 PM"),
        ("%Y %j %T", "2026 366 00:00:00"),
        ("%s", "99999999999999999999"),
        ("rfc3164", "Nob 23 16:03:08"),
    ];
    for (format, text) in cases {
        let whole = read(format, text, &TimeZone::UTC).filter(|(_, rest)| rest.is_empty());
        assert_eq!(whole, None, "{format} on {text}");
    }
    let leap_second = read("%F %T", "2016-12-31 23:59:60", &TimeZone::UTC).unwrap();
    assert_eq!(leap_second.0.millis, millis("2016-12-31T23:59:59Z"));
}

#[test]
fn faults_of_a_format_are_said_with_their_place() {
    let unknown = TimeFormat::parse_format("%F %T %U").unwrap_err();
    assert_eq!(unknown, TimeFormatError::Unknown { at: 6, conversion: "U".into() });
    assert_eq!(unknown.to_string(), "time format: `%U` at byte 6 is not known; write a literal percent sign as `%%`");
    assert_eq!(TimeFormat::parse_format("%T ü%").unwrap_err().position(), 5);
    assert!(matches!(TimeFormat::parse_format("%F"), Err(TimeFormatError::NoTime { .. })));
    assert!(matches!(TimeFormat::parse_format("%I:%M"), Err(TimeFormatError::NoTime { .. })));
    assert!(matches!(TimeFormat::parse_format("%Y %T"), Err(TimeFormatError::PartialDate { .. })));
    assert!(matches!(TimeFormat::parse_format("%d %T"), Err(TimeFormatError::PartialDate { .. })));
    assert!(matches!(TimeFormat::parse_format("%"), Err(TimeFormatError::Unfinished { at: 0 })));
    assert!(matches!(TimeFormat::parse_format("%€"), Err(TimeFormatError::Unknown { .. })));
}

#[test]
fn a_format_is_displayed_so_that_it_can_be_read_again() {
    for format in
        ["%Y-%m-%d %H:%M:%S%.f %z", "epoch", "epoch-ms", "iso", "[%Q] %%", "%a %b %e %k:%M:%_S %Y", "%-d/%B/%y %I:%M %p %Z", "%s%n%t"]
    {
        let parsed = TimeFormat::parse_format(format).unwrap();
        assert_eq!(parsed.to_string(), format);
    }
    let expanded = TimeFormat::parse_format("%c").unwrap().to_string();
    assert_eq!(expanded, "%a %b %e %H:%M:%S %Y");
    assert_eq!(TimeFormat::parse_format("rfc3164").unwrap().to_string(), "%b %e %H:%M:%S");
}

/// Formats that jiff writes and that tell all of a time, to the second.
const WHOLE: &[&str] = &[
    "%Y-%m-%d %H:%M:%S",
    "%FT%T%z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a %b %e %H:%M:%S %Y",
    "%D %T",
    "%d.%m.%Y %T",
    "%Y%m%dT%H%M%S%z",
    "%A %B %d %Y %I:%M:%S %p",
    "%s",
    "%Y-%j %k:%M:%S",
    "[%e-%h-%Y::%T%:z]",
    "%Y/%m/%d %l:%M:%S%P",
];

const ZONES: &[&str] =
    &["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns"];

proptest! {
    #[test]
    fn written_and_read_back_is_the_same(
        // 1971 to 2067: %y wraps in 2069.
        second in 31_536_000_i64..3_061_065_600, format in proptest::sample::select(WHOLE), name in proptest::sample::select(ZONES),
    ) {
        let zone = zone(name);
        let instant = Timestamp::from_second(second).unwrap();
        let text = instant.to_zoned_datetime(zone.clone()).strftime(format).to_string();
        let context = TimeContext { zone: &zone, reference: instant.as_millisecond() };
        let (stamp, rest) = TimeFormat::parse_format(format).unwrap().read(text.as_bytes(), &context).unwrap();
        prop_assert!(rest.is_empty());
        let twice = zone.to_ambiguous_timestamp(zone.to_datetime(instant)).is_ambiguous();
        // Without a zone in the text, the second of two equal hours reads like the first.
        if stamp.zoned || !twice {
            prop_assert_eq!(stamp.millis, second * 1000, "{} {}", text, name);
        }
        prop_assert_eq!(stamp.guessed, twice && !stamp.zoned);
    }

    #[test]
    fn garbage_never_panics(format in "\\PC{0,24}", percent in "(%[a-zA-Z]| |:|-){0,12}", text in proptest::collection::vec(any::<u8>(), 0..64), reference: i64) {
        let context = TimeContext { zone: &zone("Europe/Berlin"), reference };
        for format in [format.as_str(), percent.as_str(), "epoch", "epoch-ms", "iso", "rfc3164", "%T", "%j %T", "%m/%d %T"] {
            if let Ok(format) = TimeFormat::parse_format(format) {
                let _ = format.read(&text, &context);
                let _ = format.to_string();
            }
        }
        let _ = TimeFormat::derive(&text);
    }

    #[test]
    fn digits_and_marks_never_panic(text in "[0-9TZ:/. ,+-]{0,40}", reference: i64) {
        let context = TimeContext { zone: &zone("America/New_York"), reference };
        for format in ["epoch", "epoch-ms", "iso", "%T", "%y%j%T", "%m/%d %T %z"] {
            let _ = TimeFormat::parse_format(format).unwrap().read(text.as_bytes(), &context);
        }
        if let Some(format) = TimeFormat::derive(text.as_bytes()) {
            prop_assert_eq!(TimeFormat::parse_format(&format.to_string()).unwrap().items, format.items);
        }
    }
}

#[test]
fn months_are_read_in_the_language_of_who_asked_the_journal() {
    let zone = TimeZone::UTC;
    let format = TimeFormat::parse_format("%b %e %H:%M:%S").unwrap();
    let context = TimeContext { zone: &zone, reference: "2026-12-31T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond() };
    for (written, month) in [
        ("gen", 1),
        ("Mär", 3),
        ("mars", 3),
        ("Mai", 5),
        ("juin", 6),
        ("juil.", 7),
        ("août", 8),
        ("set", 9),
        ("Okt", 10),
        ("nov.", 11),
        ("дек", 12),
        ("Sep", 9),
        ("March", 3),
        ("dec.", 12),
    ] {
        let line = format!("{written} 23 10:45:17 gw");
        let (stamp, rest) = format.read(line.as_bytes(), &context).unwrap();
        let read = jiff::Timestamp::from_millisecond(stamp.millis).unwrap().to_string();
        assert_eq!((read.as_str(), rest), (format!("2026-{month:02}-23T10:45:17Z").as_str(), &b" gw"[..]), "{written}");
    }
    assert!(format.read(b"foo 23 10:45:17 gw", &context).is_none());
}
