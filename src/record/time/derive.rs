//! From a sample to the format that wrote it, for logs whose format nobody declared.
//!
//! The sample is cut into dates, times, zones and words from left to right, the most telling shape first. A run of digits that
//! means nothing ends the attempt: it would differ in the next line. The result must read its own sample to the last byte.

use jiff::tz::TimeZone;

use super::item::{Item, Number, Pad};
use super::names::{MONTHS, WEEKDAYS, leading};
use super::parse::literal;
use super::shape::{exactly_two, fraction_length, group, zone_length};
use super::{TimeContext, TimeFormat};

/// No stamp is longer than this.
const LONGEST: usize = 96;

/// Beyond these an epoch lies before 2001 or after 2286, and the digits mean something else.
const SECONDS_DIGITS: usize = 10;
const MILLIS_DIGITS: usize = 13;
const MICROS_DIGITS: usize = 16;

/// See [`TimeFormat::derive`].
pub(super) fn derive(sample: &[u8]) -> Option<TimeFormat> {
    if sample.len() > LONGEST {
        return None;
    }
    let mut draft = Draft::default();
    let mut rest = sample;
    while !rest.is_empty() {
        rest = draft.step(rest)?;
    }
    let format = draft.finish()?;
    let context = TimeContext { zone: &TimeZone::UTC, reference: 0 };
    let (_, rest) = format.read(sample, &context)?;
    rest.is_empty().then_some(format)
}

/// The parts found so far.
#[derive(Default)]
struct Draft {
    items: Vec<Item>,
    date: bool,
    time: bool,
    month: bool,
    day: bool,
    year: bool,
    guessed: bool,
}

impl Draft {
    /// Takes the next part off `rest`.
    fn step<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match rest.first()? {
            digit if digit.is_ascii_digit() => self.digits(rest),
            letter if letter.is_ascii_alphabetic() => self.word(rest),
            b'+' | b'-' if self.time && zone_length(rest) > 0 => {
                self.items.push(Item::Offset);
                rest.get(zone_length(rest)..)
            }
            _ => {
                literal(&mut self.items, rest.get(..1)?);
                rest.get(1..)
            }
        }
    }

    /// A run of digits and what belongs to it.
    fn digits<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if !self.time
            && let Some(length) = self.clock(rest)
        {
            return rest.get(length..);
        }
        if !self.date
            && !self.month
            && let Some(length) = self.numeric_date(rest).or_else(|| self.named_date(rest))
        {
            self.date = true;
            return rest.get(length..);
        }
        let run = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let item = match run {
            SECONDS_DIGITS if !self.date && !self.time => {
                (self.date, self.time) = (true, true);
                self.items.extend([Item::EpochSeconds, Item::DotFraction]);
                let fraction = fraction_length(rest.get(run..)?);
                return rest.get(run + fraction..);
            }
            MILLIS_DIGITS if !self.date && !self.time => {
                (self.date, self.time) = (true, true);
                Item::EpochMillis
            }
            MICROS_DIGITS if !self.date && !self.time => {
                (self.date, self.time) = (true, true);
                Item::EpochMicros
            }
            14 if !self.date && !self.time => {
                self.compact_date();
                return self.compact_time(rest, 14);
            }
            8 if !self.date && !self.month => {
                self.compact_date();
                return rest.get(8..);
            }
            6 if self.date && !self.time => return self.compact_time(rest, 6),
            4 if !self.year && !self.date => {
                self.year = true;
                Item::Year
            }
            1 | 2 if (self.month || month_follows(rest, run)) && !self.day && !self.date => {
                self.day = true;
                // asctime, and with it syslog, pads with a blank; the one digit alone doesn't show which of the two it was.
                if run == 1 && self.items.last_mut().is_some_and(drop_second_blank) {
                    Item::Number(Number::Day, Pad::Blank)
                } else {
                    Item::Number(Number::Day, if run == 1 { Pad::None } else { Pad::Blank })
                }
            }
            _ => return None,
        };
        self.items.push(item);
        rest.get(run..)
    }

    /// `16:03:08`, `16:03:08.123`, `16:03`.
    fn clock(&mut self, rest: &[u8]) -> Option<usize> {
        let (_, hour) = group(rest, 0, 2)?;
        let mut end = hour;
        (rest.get(end) == Some(&b':')).then_some(())?;
        end = exactly_two(rest, end + 1)?;
        self.items.extend([number(Number::Hour, hour), text(":"), Item::Number(Number::Minute, Pad::Zero)]);
        if rest.get(end) == Some(&b':')
            && let Some(after) = exactly_two(rest, end + 1)
        {
            end = after + fraction_length(rest.get(after..)?);
            self.items.extend([text(":"), Item::Number(Number::Second, Pad::Zero), Item::DotFraction]);
        }
        self.time = true;
        Some(end)
    }

    /// `20261123`.
    fn compact_date(&mut self) {
        self.items.extend([Item::Year, Item::Number(Number::Month, Pad::Zero), Item::Number(Number::Day, Pad::Zero)]);
        self.date = true;
    }

    /// The six digits before `end`, which follow a compact date, and a fraction.
    fn compact_time<'a>(&mut self, rest: &'a [u8], end: usize) -> Option<&'a [u8]> {
        self.items.extend([Number::Hour, Number::Minute, Number::Second].map(|part| Item::Number(part, Pad::Zero)));
        self.items.push(Item::DotFraction);
        self.time = true;
        let fraction = fraction_length(rest.get(end..)?);
        rest.get(end + fraction..)
    }

    /// `2026-11-23`, `23/11/2026`, `11/23/26`: three numbers with the same mark between them.
    fn numeric_date(&mut self, rest: &[u8]) -> Option<usize> {
        let (first, one) = group(rest, 0, 4)?;
        let mark = *rest.get(one).filter(|mark| matches!(mark, b'-' | b'/' | b'.'))?;
        let (second, two) = group(rest, one + 1, 2)?;
        (rest.get(two) == Some(&mark)).then_some(())?;
        let (_, end) = group(rest, two + 1, 4)?;
        let (month, day) = (|width| number(Number::Month, width), |width| number(Number::Day, width));
        let (widths, mark) = ([one, two - one - 1, end - two - 1], Item::Literal(vec![mark]));
        let parts = match widths {
            [4, second, third @ ..=2] => [Item::Year, month(second), day(third)],
            [one @ ..=2, two, three @ (2 | 4)] => {
                let american = match (first > 12, second > 12) {
                    (true, true) => return None,
                    (true, false) => false,
                    (false, true) => true,
                    (false, false) => {
                        self.guessed = first != second;
                        three == 2 && mark == text("/")
                    }
                };
                // `26-11-23` is either, and the reader should know.
                self.guessed |= three == 2 && mark == text("-");
                let year = if three == 4 { Item::Year } else { Item::Number(Number::Year, Pad::Zero) };
                // Two digits in all three places and the first no day of a month: the year leads.
                if first > 31 && three == 2 {
                    [Item::Number(Number::Year, Pad::Zero), month(two), day(three)]
                } else if american {
                    [month(one), day(two), year]
                } else {
                    [day(one), month(two), year]
                }
            }
            _ => return None,
        };
        let [a, b, c] = parts;
        self.items.extend([a, mark.clone(), b, mark, c]);
        Some(end)
    }

    /// `23/Nov/2026`, `23-Nov-26`, `23 Nov 2026`.
    fn named_date(&mut self, rest: &[u8]) -> Option<usize> {
        let (_, one) = group(rest, 0, 2)?;
        let mark = *rest.get(one).filter(|mark| matches!(mark, b'-' | b'/' | b'.' | b' '))?;
        let (_, length) = leading(&MONTHS, rest.get(one + 1..)?)?;
        let two = one + 1 + length;
        (rest.get(two) == Some(&mark)).then_some(())?;
        let (_, end) = group(rest, two + 1, 4)?;
        let year = match end - two - 1 {
            4 => Item::Year,
            // `23 Nov 16:03:08` has no year.
            2 if mark != b' ' => Item::Number(Number::Year, Pad::Zero),
            _ => return None,
        };
        let mark = Item::Literal(vec![mark]);
        self.items.extend([number(Number::Day, one), mark.clone(), Item::MonthName { full: length > 3 }, mark, year]);
        Some(end)
    }

    /// A name, a zone, or text that stays as it is.
    fn word<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, after) = (rest.get(..length)?, rest.get(length..)?);
        let whole = |names| leading(names, word).filter(|(_, named)| *named == length);
        if self.time && !self.zone_seen() && matches!(word, b"Z" | b"z") {
            self.items.push(Item::Offset);
        } else if self.time && (word.eq_ignore_ascii_case(b"am") || word.eq_ignore_ascii_case(b"pm")) {
            self.items.push(Item::AmPm);
        } else if whole(&WEEKDAYS).is_some() {
            self.items.push(Item::Weekday { full: length > 3 });
        } else if !self.date && !self.month && whole(&MONTHS).is_some() {
            self.items.push(Item::MonthName { full: length > 3 });
            self.month = true;
        } else if self.time && !self.zone_seen() && (3..=5).contains(&length) && word.iter().all(u8::is_ascii_uppercase) {
            self.items.push(Item::ZoneName);
        } else if word == b"T" && after.first().is_some_and(u8::is_ascii_digit) {
            literal(&mut self.items, word);
        } else {
            // A word of the format's own may go on with digits and dashes: `node-1`.
            let whole = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
            literal(&mut self.items, rest.get(..whole)?);
            return rest.get(whole..);
        }
        Some(after)
    }

    fn zone_seen(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Offset | Item::ZoneName))
    }

    fn finish(mut self) -> Option<TimeFormat> {
        // A half date is worse than none.
        if !self.time || self.month && !self.day || self.year && !self.month {
            return None;
        }
        if self.items.contains(&Item::AmPm) {
            for item in &mut self.items {
                if let Item::Number(part @ Number::Hour, _) = item {
                    *part = Number::Hour12;
                }
            }
        }
        let mut items: Vec<Item> = Vec::with_capacity(self.items.len());
        for item in self.items {
            match item {
                Item::Literal(more) => literal(&mut items, &more),
                item => items.push(item),
            }
        }
        Some(TimeFormat { items, order_guessed: self.guessed })
    }
}

/// `23 Nov`
fn month_follows(rest: &[u8], run: usize) -> bool {
    rest.get(run + 1..).and_then(|after| leading(&MONTHS, after)).is_some()
}

/// `Nov  3`: the second blank is the day's padding.
fn drop_second_blank(before: &mut Item) -> bool {
    match before {
        Item::Literal(text) if text.len() > 1 && text.ends_with(b"  ") => text.pop().is_some(),
        _ => false,
    }
}

fn number(part: Number, width: usize) -> Item {
    Item::Number(part, if width == 1 { Pad::None } else { Pad::Zero })
}

fn text(text: &str) -> Item {
    Item::Literal(text.as_bytes().to_vec())
}
