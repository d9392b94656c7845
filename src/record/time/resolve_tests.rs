use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Stamp, TimeContext, TimeFormat};

fn read(format: &str, text: &str, zone: &str, reference: &str) -> Option<Stamp> {
    let zone = TimeZone::get(zone).unwrap();
    let context = TimeContext { zone: &zone, reference: reference.parse::<Timestamp>().unwrap().as_millisecond() };
    TimeFormat::parse_format(format).unwrap().read(text.as_bytes(), &context).map(|(stamp, _)| stamp)
}

fn instant(stamp: Option<Stamp>) -> String {
    Timestamp::from_millisecond(stamp.unwrap().millis).unwrap().to_string()
}

#[test]
fn a_missing_year_is_the_latest_that_is_not_after_the_reference() {
    let cases = [
        ("Nov 23 16:03:08", "2026-11-23T16:03:09Z", "2026-11-23T16:03:08Z"),
        ("Dec 31 23:59:59", "2027-01-01T00:00:00Z", "2026-12-31T23:59:59Z"),
        ("Jan  1 00:00:00", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ("Jan  1 23:59:59", "2026-12-31T23:59:59Z", "2027-01-01T23:59:59Z"),
        ("Jan  2 00:00:00", "2026-12-31T23:59:59Z", "2026-01-02T00:00:00Z"),
        ("Nov 25 16:03:08", "2026-11-23T16:03:08Z", "2025-11-25T16:03:08Z"),
        ("Feb 29 12:00:00", "2026-11-23T16:03:08Z", "2024-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2028-02-29T12:00:01Z", "2028-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2028-02-28T12:00:01Z", "2028-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2028-02-28T11:59:59Z", "2024-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2103-06-01T00:00:00Z", "2096-02-29T12:00:00Z"),
    ];
    for (text, reference, want) in cases {
        let stamp = read("rfc3164", text, "UTC", reference);
        assert_eq!(instant(stamp), want, "{text} seen from {reference}");
        assert!(stamp.unwrap().guessed && !stamp.unwrap().zoned);
    }
}

#[test]
fn a_missing_year_is_chosen_in_the_zone_of_the_log() {
    // 1 January in Auckland is still 31 December in UTC.
    assert_eq!(instant(read("rfc3164", "Jan  1 00:30:00", "Pacific/Auckland", "2026-12-31T11:30:00Z")), "2026-12-31T11:30:00Z");
    assert_eq!(instant(read("rfc3164", "Dec 31 23:30:00", "America/New_York", "2027-01-01T04:30:00Z")), "2027-01-01T04:30:00Z");
}

#[test]
fn a_missing_date_is_the_latest_that_is_not_after_the_reference() {
    let cases = [
        ("16:03:08", "2026-11-23T16:00:00Z", "2026-11-23T16:03:08Z"),
        ("23:59:59", "2026-11-23T00:00:01Z", "2026-11-22T23:59:59Z"),
        ("00:00:01", "2026-11-23T23:59:59Z", "2026-11-24T00:00:01Z"),
        ("00:00:01", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z"),
        ("01:00:00", "2026-11-23T16:00:00Z", "2026-11-23T01:00:00Z"),
        ("16:10:00", "2026-11-23T16:00:00Z", "2026-11-23T16:10:00Z"),
        ("16:10:01", "2026-11-23T16:00:00Z", "2026-11-22T16:10:01Z"),
        ("23:59:59", "2026-11-23T16:00:00Z", "2026-11-22T23:59:59Z"),
    ];
    for (text, reference, want) in cases {
        let stamp = read("%T", text, "UTC", reference);
        assert_eq!(instant(stamp), want, "{text} seen from {reference}");
        assert!(stamp.unwrap().guessed);
    }
}

#[test]
fn the_hour_that_occurs_twice_is_the_first_and_the_one_that_does_not_moves_forward() {
    let stamp = |text| read("%F %T", text, "Europe/Berlin", "2026-11-23T16:00:00Z");
    let berlin = |text| instant(stamp(text));
    for text in ["2026-10-25 01:59:59", "2026-10-25 02:30:00", "2026-10-25 03:00:00", "2026-03-29 01:59:59", "2026-03-29 02:30:00"] {
        assert_eq!(stamp(text).unwrap().guessed, text.contains(" 02:30"), "{text}");
    }
    assert_eq!(berlin("2026-10-25 01:59:59"), "2026-10-24T23:59:59Z");
    assert_eq!(berlin("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z");
    assert_eq!(berlin("2026-10-25 03:00:00"), "2026-10-25T02:00:00Z");
    assert_eq!(berlin("2026-03-29 01:59:59"), "2026-03-29T00:59:59Z");
    assert_eq!(berlin("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z");
    assert_eq!(berlin("2026-03-29 03:00:00"), "2026-03-29T01:00:00Z");
}

#[test]
fn a_stamp_with_its_own_offset_ignores_the_zone() {
    let stamp = read("%F %T %z", "2026-10-25 02:30:00 +0100", "Europe/Berlin", "2026-11-23T16:00:00Z");
    assert_eq!(instant(stamp), "2026-10-25T01:30:00Z");
    let yearless = read("%b %e %T %z", "Jan  1 00:30:00 +1300", "America/New_York", "2026-12-31T11:30:00Z");
    assert_eq!(instant(yearless), "2026-12-31T11:30:00Z");
}

#[test]
fn the_ends_of_time_are_refused() {
    assert_eq!(read("%F %T %z", "9999-12-31 23:59:59 -2359", "UTC", "2026-11-23T16:00:00Z"), None);
    assert_eq!(instant(read("%F %T", "0001-01-01 00:00:00", "UTC", "2026-11-23T16:00:00Z")), "0001-01-01T00:00:00Z");
}
