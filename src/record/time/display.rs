//! A format as strftime writes it.

use std::fmt::{Display, Formatter, Result, Write};

use super::TimeFormat;
use super::item::{Item, Number, Pad};
use super::parse::NAMED;

impl Display for TimeFormat {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some((name, _)) = NAMED.iter().find(|(_, items)| *items == self.items) {
            return f.write_str(name);
        }
        self.items.iter().try_for_each(|item| write_item(item, f))
    }
}

fn write_item(item: &Item, f: &mut Formatter<'_>) -> Result {
    f.write_str(match item {
        Item::Literal(text) => {
            return String::from_utf8_lossy(text).chars().try_for_each(|letter| match letter {
                '%' => f.write_str("%%"),
                '\n' => f.write_str("%n"),
                '\t' => f.write_str("%t"),
                letter => f.write_char(letter),
            });
        }
        Item::Number(number, pad) => return write_number(*number, *pad, f),
        Item::Year => "%Y",
        Item::YearDay => "%j",
        Item::MonthName { full: false } => "%b",
        Item::MonthName { full: true } => "%B",
        Item::Weekday { full: false } => "%a",
        Item::Weekday { full: true } => "%A",
        Item::WeekdayNumber => "%u",
        Item::AmPm => "%p",
        Item::Fraction => "%f",
        Item::DotFraction => "%.f",
        Item::Offset => "%z",
        Item::ZoneName => "%Z",
        Item::EpochSeconds => "%s",
        Item::EpochMillis => "%Q",
        Item::EpochMicros => "%K",
        // Stands alone, so that the names above caught it.
        Item::Iso => "iso",
    })
}

fn write_number(number: Number, pad: Pad, f: &mut Formatter<'_>) -> Result {
    let letter = match number {
        Number::Month => 'm',
        Number::Day => 'd',
        Number::Hour => 'H',
        Number::Hour12 => 'I',
        Number::Minute => 'M',
        Number::Second => 'S',
        Number::Year => 'y',
    };
    match (pad, letter) {
        (Pad::Zero, letter) => write!(f, "%{letter}"),
        (Pad::None, letter) => write!(f, "%-{letter}"),
        (Pad::Blank, 'd') => f.write_str("%e"),
        (Pad::Blank, 'H') => f.write_str("%k"),
        (Pad::Blank, 'I') => f.write_str("%l"),
        (Pad::Blank, letter) => write!(f, "%_{letter}"),
    }
}
