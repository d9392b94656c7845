use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{TimeContext, TimeFormat};

/// 2026-11-23T16:03:08 in Berlin, an hour later than UTC.
const LOCAL: &str = "2026-11-23T15:03:08Z";
const UTC: &str = "2026-11-23T16:03:08Z";

fn context(zone: &TimeZone) -> TimeContext<'_> {
    TimeContext { zone, reference: "2026-11-23T17:00:00Z".parse::<Timestamp>().unwrap().as_millisecond() }
}

#[test]
fn formats_are_derived_from_samples() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let cases = [
        ("23/Nov/2026:16:03:08", "%d/%b/%Y:%H:%M:%S%.f", LOCAL),
        ("2026-11-23 16:03:08", "%Y-%m-%d %H:%M:%S%.f", LOCAL),
        ("Mon Nov 23 16:03:08 2026", "%a %b %e %H:%M:%S%.f %Y", LOCAL),
        ("11/23/26 16:03:08", "%m/%d/%y %H:%M:%S%.f", LOCAL),
        ("23.11.2026 16:03:08", "%d.%m.%Y %H:%M:%S%.f", LOCAL),
        ("20261123T160308Z", "%Y%m%dT%H%M%S%.f%z", UTC),
        ("20261123-160308", "%Y%m%d-%H%M%S%.f", LOCAL),
        ("20261123160308", "%Y%m%d%H%M%S%.f", LOCAL),
        ("[2026-11-23 16:03:08]", "[%Y-%m-%d %H:%M:%S%.f]", LOCAL),
        ("16:03:08", "%H:%M:%S%.f", LOCAL),
        ("Nov 23 16:03:08", "%b %e %H:%M:%S%.f", LOCAL),
        ("2026-11-23T16:03:08+0000", "%Y-%m-%dT%H:%M:%S%.f%z", UTC),
        ("2026-11-23T17:03:08+01:00", "%Y-%m-%dT%H:%M:%S%.f%z", UTC),
        ("2026-11-23 16:03:08 -0000", "%Y-%m-%d %H:%M:%S%.f %z", UTC),
        ("2026-11-23 16:03:08.000 CET", "%Y-%m-%d %H:%M:%S%.f %Z", LOCAL),
        ("2026-11-23 16:03:08 GMT", "%Y-%m-%d %H:%M:%S%.f %Z", UTC),
        ("1795449788", "epoch", UTC),
        ("1795449788.000", "epoch", UTC),
        ("1795449788000", "epoch-ms", UTC),
        ("04:03:08 PM", "%I:%M:%S%.f %p", LOCAL),
        ("11/23/2026 4:03:08 pm", "%m/%d/%Y %-I:%M:%S%.f %p", LOCAL),
        ("broker 2026-11-23 16:03:08", "broker %Y-%m-%d %H:%M:%S%.f", LOCAL),
        ("node-1 2026/11/23 16:03:08 mqtt", "node-1 %Y/%m/%d %H:%M:%S%.f mqtt", LOCAL),
        ("100% 2026-11-23 16:03:08", "", ""),
        ("Monday, November 23, 2026 16:03:08", "%A, %B %e, %Y %H:%M:%S%.f", LOCAL),
        ("23-Nov-2026::16:03:08.000", "%d-%b-%Y::%H:%M:%S%.f", LOCAL),
        ("2026 Nov 23 16:03:08", "%Y %b %e %H:%M:%S%.f", LOCAL),
        ("Mon 23 Nov 2026 16:03:08 UTC", "%a %d %b %Y %H:%M:%S%.f %Z", UTC),
        ("23 Nov 16:03:08", "%e %b %H:%M:%S%.f", LOCAL),
        ("2026-11-23T16:03Z", "%Y-%m-%dT%H:%M%z", "2026-11-23T16:03:00Z"),
    ];
    for (sample, format, want) in cases {
        let Some(derived) = TimeFormat::derive(sample.as_bytes()) else {
            assert_eq!(format, "", "{sample} gives nothing");
            continue;
        };
        assert_eq!(derived.to_string(), format, "{sample}");
        let (stamp, rest) = derived.read(sample.as_bytes(), &context(&zone)).unwrap();
        assert_eq!(Timestamp::from_millisecond(stamp.millis).unwrap().to_string(), want, "{sample}");
        assert!(rest.is_empty());
        assert_eq!(TimeFormat::parse_format(&derived.to_string()).unwrap().items, derived.items, "{sample}");
    }
}

#[test]
fn the_order_of_day_and_month_is_decided_or_said_to_be_guessed() {
    let cases = [
        ("23/11/2026 16:03:08", "%d/%m/%Y %H:%M:%S%.f", false),
        ("11/23/2026 16:03:08", "%m/%d/%Y %H:%M:%S%.f", false),
        ("05/11/2026 16:03:08", "%d/%m/%Y %H:%M:%S%.f", true),
        ("11/11/2026 16:03:08", "%d/%m/%Y %H:%M:%S%.f", false),
        ("05/11/26 16:03:08", "%m/%d/%y %H:%M:%S%.f", true),
        ("23/11/26 16:03:08", "%d/%m/%y %H:%M:%S%.f", false),
        ("05.11.26 16:03:08", "%d.%m.%y %H:%M:%S%.f", true),
        ("26-11-23 16:03:08", "%d-%m-%y %H:%M:%S%.f", true),
        ("99-11-23 16:03:08", "%y-%m-%d %H:%M:%S%.f", true),
        ("2026-05-11 16:03:08", "%Y-%m-%d %H:%M:%S%.f", false),
    ];
    let zone = TimeZone::UTC;
    for (sample, format, guessed) in cases {
        let derived = TimeFormat::derive(sample.as_bytes()).unwrap();
        assert_eq!(derived.to_string(), format, "{sample}");
        assert_eq!(derived.read(sample.as_bytes(), &context(&zone)).unwrap().0.guessed, guessed, "{sample}");
    }
}

#[test]
fn a_day_of_one_digit_may_be_padded_or_not() {
    let zone = TimeZone::UTC;
    for (sample, other) in
        [("Nov  3 16:03:08", "Nov 13 16:03:08"), ("Nov 13 16:03:08", "Nov  3 16:03:08"), ("Nov 3 16:03:08", "Nov 13 16:03:08")]
    {
        let derived = TimeFormat::derive(sample.as_bytes()).unwrap();
        let (_, rest) = derived.read(other.as_bytes(), &context(&zone)).unwrap();
        assert!(rest.is_empty(), "{derived} from {sample} on {other}");
    }
}

#[test]
fn what_is_no_whole_stamp_gives_nothing() {
    for text in [
        "",
        "broker",
        "Client x disconnected",
        "2026-11-23",
        "12345",
        "1795445777 x1 7",
        "2026-11-23 16:03:08 443",
        "2026-13-45 16:03:08",
        "Nov 16:03:08",
        "10.0.0.1",
        "10.0.0.1:1883",
        "99/99/2026 16:03:08",
        "192.0.2.7 16:03:08",
    ] {
        assert_eq!(TimeFormat::derive(text.as_bytes()).map(|format| format.to_string()), None, "{text}");
    }
    assert_eq!(TimeFormat::derive(&[b'x'; 4096]), None);
}

proptest! {
    #[test]
    fn what_a_format_writes_derives_to_one_that_reads_it(
        second in 1_000_000_000_i64..3_000_000_000, later in 0_i64..100_000_000,
        format in proptest::sample::select(&[
            "%Y-%m-%d %H:%M:%S", "%FT%T%z", "%d/%b/%Y:%H:%M:%S", "%a %b %e %H:%M:%S %Y", "%Y%m%dT%H%M%SZ", "%Y%m%d-%H%M%S", "[%F %T]", "%s", "%F %T UTC",
            "mqtt %A %d %B %Y %I:%M:%S %p", "%Y/%m/%d %T%:z",
        ][..]),
    ) {
        let text = |second: i64| Timestamp::from_second(second).unwrap().strftime(format).to_string();
        let zone = TimeZone::UTC;
        let derived = TimeFormat::derive(text(second).as_bytes()).unwrap();
        for second in [second, (second + later).min(9_999_999_999)] {
            let text = text(second);
            let (stamp, rest) = derived.read(text.as_bytes(), &context(&zone)).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(stamp.millis, second * 1000, "{} read by {}", text, derived.to_string());
        }
    }
}
