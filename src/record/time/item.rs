//! The parts that a stamp is made of, and how each is read.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, opt, value, verify};
use nom::{IResult, Parser};

use super::names::{WEEKDAYS, leading, leading_month};
use super::resolve::Fields;

/// What a reader returns: the rest, and what was read. A stamp that doesn't fit needs no words, so the error is empty.
pub(super) type Read<'a, T> = IResult<&'a [u8], T, ()>;

/// A number of at most two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Month,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    /// The year of the century.
    Year,
}

/// How a number of one digit is written. Reading takes one digit or two in any case; a blank before it only where declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pad {
    Zero,
    Blank,
    None,
}

/// One part of a stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(Vec<u8>),
    Number(Number, Pad),
    Year,
    YearDay,
    MonthName {
        full: bool,
    },
    Weekday {
        full: bool,
    },
    /// One digit: the weekday. Says nothing that the date doesn't.
    WeekdayNumber,
    AmPm,
    /// Digits after the decimal point, which is a literal before it.
    Fraction,
    /// Point or comma and digits, or nothing.
    DotFraction,
    Offset,
    ZoneName,
    EpochSeconds,
    EpochMillis,
    EpochMicros,
    /// ISO 8601: date, `T` or a blank, time, fraction and offset if there are any.
    Iso,
}

impl Item {
    /// Reads this part from the start of `input` into `fields`, and returns the rest.
    pub(super) fn read<'a>(&self, input: &'a [u8], fields: &mut Fields) -> Read<'a, ()> {
        match self {
            Item::Literal(text) => value((), tag(text.as_slice())).parse(input),
            Item::Number(number, pad) => {
                let input = if *pad == Pad::Blank { input.strip_prefix(b" ").unwrap_or(input) } else { input };
                let (rest, digits) = digits(1, 2).parse(input)?;
                set(fields, *number, digits as i8);
                Ok((rest, ()))
            }
            Item::Year => {
                let (rest, year) = digits(4, 4).parse(input)?;
                fields.year = Some(year as i16);
                Ok((rest, ()))
            }
            Item::YearDay => {
                let (rest, day) = digits(1, 3).parse(input)?;
                fields.year_day = Some(day as i16);
                Ok((rest, ()))
            }
            Item::MonthName { .. } => {
                let (rest, index) = month(input)?;
                fields.month = Some(index as i8 + 1);
                Ok((rest, ()))
            }
            Item::Weekday { .. } => name(&WEEKDAYS, input).map(|(rest, _)| (rest, ())),
            Item::WeekdayNumber => value((), one_of("01234567")).parse(input),
            Item::AmPm => {
                let (rest, afternoon) = alt((value(false, tag_no_case("am")), value(true, tag_no_case("pm")))).parse(input)?;
                fields.afternoon = Some(afternoon);
                Ok((rest, ()))
            }
            Item::Fraction => fraction(input, fields),
            Item::DotFraction => match input {
                [b'.' | b',', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => fraction(rest, fields),
                _ => Ok((input, ())),
            },
            Item::Offset => {
                let (rest, seconds) = offset(input)?;
                fields.offset = Some(seconds);
                Ok((rest, ()))
            }
            Item::ZoneName => {
                let (rest, name) = take_while_m_n(1, 6, |byte: u8| byte.is_ascii_alphabetic()).parse(input)?;
                // Only these are the same everywhere: IST alone stands for three zones.
                if [&b"UTC"[..], b"GMT", b"Z", b"UCT"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                    fields.offset = Some(0);
                }
                Ok((rest, ()))
            }
            Item::EpochSeconds => {
                let (rest, seconds) = digits(1, 11).parse(input)?;
                fields.epoch = seconds.checked_mul(1000);
                Ok((rest, ()))
            }
            Item::EpochMillis => {
                let (rest, millis) = digits(1, 14).parse(input)?;
                fields.epoch = Some(millis);
                fields.fraction = true;
                Ok((rest, ()))
            }
            Item::EpochMicros => {
                let (rest, micros) = digits(1, 17).parse(input)?;
                fields.epoch = Some(micros.div_euclid(1000));
                fields.fraction = true;
                Ok((rest, ()))
            }
            Item::Iso => iso(input, fields),
        }
    }
}

fn set(fields: &mut Fields, number: Number, read: i8) {
    match number {
        Number::Month => fields.month = Some(read),
        Number::Day => fields.day = Some(read),
        Number::Hour => fields.hour = Some(read),
        Number::Hour12 => fields.hour12 = Some(read),
        Number::Minute => fields.minute = Some(read),
        Number::Second => fields.second = Some(read),
        // POSIX: 69 to 99 are of the twentieth century.
        Number::Year => fields.year = Some(i16::from(read) + if read >= 69 { 1900 } else { 2000 }),
    }
}

/// A number of so many digits: at most 18, which an `i64` holds.
fn digits<'a>(least: usize, most: usize) -> impl Parser<&'a [u8], Output = i64, Error = ()> {
    map(take_while_m_n(least, most.min(18), |byte: u8| byte.is_ascii_digit()), |digits: &[u8]| {
        digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    })
}

fn name<'a>(names: &[&str], input: &'a [u8]) -> Read<'a, usize> {
    after(leading(names, input), input)
}

fn month(input: &[u8]) -> Read<'_, usize> {
    after(leading_month(input), input)
}

fn after(found: Option<(usize, usize)>, input: &[u8]) -> Read<'_, usize> {
    match found.and_then(|(index, length)| Some((input.get(length..)?, index))) {
        Some(read) => Ok(read),
        None => Err(nom::Err::Error(())),
    }
}

/// Digits after the point. What is finer than nanoseconds is read and dropped.
fn fraction<'a>(input: &'a [u8], fields: &mut Fields) -> Read<'a, ()> {
    let (rest, digits) = take_while1(|byte: u8| byte.is_ascii_digit()).parse(input)?;
    let millis = (0..3).fold(0, |sum, place| sum * 10 + i64::from(digits.get(place).map_or(0, |digit| digit - b'0')));
    fields.millis = millis;
    fields.fraction = true;
    Ok((rest, ()))
}

/// `Z`, `+hhmm`, `+hh:mm` or `+hh`, in seconds east of UTC.
fn offset(input: &[u8]) -> Read<'_, i32> {
    if let [b'Z' | b'z', rest @ ..] = input {
        return Ok((rest, 0));
    }
    let two = || map(take_while_m_n(2, 2, |byte: u8| byte.is_ascii_digit()), two_digits);
    let (rest, sign) = alt((value(1, char('+')), value(-1, char('-')))).parse(input)?;
    let (rest, hours) = verify(two(), |hours| *hours < 24).parse(rest)?;
    let (rest, minutes) = opt((opt(char(':')), verify(two(), |minutes| *minutes < 60))).parse(rest)?;
    Ok((rest, sign * (hours * 3600 + minutes.map_or(0, |(_, minutes)| minutes * 60))))
}

fn two_digits(digits: &[u8]) -> i32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

/// The one format that is read in a piece, because nearly every modern log has it.
fn iso<'a>(input: &'a [u8], fields: &mut Fields) -> Read<'a, ()> {
    let (rest, (year, _, month, _, day, _)) =
        (digits(4, 4), char('-'), digits(2, 2), char('-'), digits(2, 2), one_of("Tt ")).parse(input)?;
    let (rest, (hour, _, minute)) = (digits(2, 2), char(':'), digits(2, 2)).parse(rest)?;
    let (rest, second) = opt((char(':'), digits(2, 2))).parse(rest)?;
    (fields.year, fields.month, fields.day) = (Some(year as i16), Some(month as i8), Some(day as i8));
    (fields.hour, fields.minute) = (Some(hour as i8), Some(minute as i8));
    let Some((_, second)) = second else {
        return zone(rest, fields);
    };
    fields.second = Some(second as i8);
    let (rest, ()) = Item::DotFraction.read(rest, fields)?;
    zone(rest, fields)
}

fn zone<'a>(input: &'a [u8], fields: &mut Fields) -> Read<'a, ()> {
    let (rest, seconds) = opt(offset).parse(input)?;
    fields.offset = seconds.or(fields.offset);
    Ok((rest, ()))
}
