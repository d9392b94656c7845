//! From an strftime string to the parts of a stamp.

use super::item::{Item, Number, Pad};

/// Why a format can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeFormatError {
    /// Not a conversion that is known.
    #[error("time format: `%{conversion}` at byte {at} is not known; write a literal percent sign as `%%`")]
    Unknown {
        /// Where the percent sign stands: bytes from the start of the format.
        at: usize,
        /// What follows it.
        conversion: String,
    },
    /// A percent sign at the end.
    #[error("time format: the `%` at byte {at} has nothing after it; write a literal percent sign as `%%`")]
    Unfinished {
        /// Where it stands.
        at: usize,
    },
    /// The format doesn't say the time of day.
    #[error("time format: `{format}` doesn't tell the time; it needs an hour (%H, or %I with %p), or an epoch (%s)")]
    NoTime {
        /// The format.
        format: String,
    },
    /// A part of the date is there and another that it needs isn't.
    #[error("time format: `{format}` tells only a part of the date; it needs month and day (%m %d), %j, or none of them")]
    PartialDate {
        /// The format.
        format: String,
    },
}

impl TimeFormatError {
    /// Bytes from the start of the format to the fault.
    pub fn position(&self) -> usize {
        match self {
            TimeFormatError::Unknown { at, .. } | TimeFormatError::Unfinished { at } => *at,
            TimeFormatError::NoTime { .. } | TimeFormatError::PartialDate { .. } => 0,
        }
    }
}

/// The formats that have a name.
pub(super) const NAMED: [(&str, &[Item]); 4] = [
    ("epoch", &[Item::EpochSeconds, Item::DotFraction]),
    ("epoch-ms", &[Item::EpochMillis]),
    ("epoch-us", &[Item::EpochMicros]),
    ("iso", &[Item::Iso]),
];

/// The parts of a format.
pub(super) fn items(format: &str) -> Result<Vec<Item>, TimeFormatError> {
    if let Some((_, items)) = NAMED.iter().find(|(name, _)| *name == format) {
        return Ok(items.to_vec());
    }
    let mut items = Vec::new();
    expand(if format == "rfc3164" { "%b %e %H:%M:%S" } else { format }, &mut items)?;
    check(format, &items)?;
    Ok(items)
}

fn expand(format: &str, items: &mut Vec<Item>) -> Result<(), TimeFormatError> {
    let mut rest = format;
    while let Some(next) = rest.chars().next() {
        if next != '%' {
            let end = rest.find('%').unwrap_or(rest.len());
            literal(items, &rest.as_bytes()[..end]);
            rest = &rest[end..];
            continue;
        }
        let at = format.len() - rest.len();
        let spec = rest[1..].trim_start_matches(['-', '_', '0', ':', '.', '3', '6', '9', 'E', 'O']);
        let flags = &rest[1..rest.len() - spec.len()];
        let Some(conversion) = spec.chars().next() else {
            return Err(TimeFormatError::Unfinished { at });
        };
        if !convert(conversion, flags, items)? {
            return Err(TimeFormatError::Unknown { at, conversion: format!("{flags}{conversion}") });
        }
        rest = &spec[conversion.len_utf8()..];
    }
    Ok(())
}

/// Appends what a conversion stands for; false when it is not known with these flags.
fn convert(conversion: char, flags: &str, items: &mut Vec<Item>) -> Result<bool, TimeFormatError> {
    let pad = match flags {
        "" | "0" | "E" | "O" => Pad::Zero,
        "_" => Pad::Blank,
        "-" => Pad::None,
        // The fraction's width and point, and the offset's colon, are what else may stand there.
        "." | ".3" | ".6" | ".9" if conversion == 'f' => {
            items.push(Item::DotFraction);
            return Ok(true);
        }
        "3" | "6" | "9" if conversion == 'f' || conversion == 'N' => Pad::Zero,
        ":" if conversion == 'z' => Pad::Zero,
        _ => return Ok(false),
    };
    let number = |number, default| Item::Number(number, if pad == Pad::Zero { default } else { pad });
    let item = match conversion {
        'Y' => Item::Year,
        'y' => number(Number::Year, Pad::Zero),
        'm' => number(Number::Month, Pad::Zero),
        'd' => number(Number::Day, Pad::Zero),
        'e' => number(Number::Day, Pad::Blank),
        'H' => number(Number::Hour, Pad::Zero),
        'k' => number(Number::Hour, Pad::Blank),
        'I' => number(Number::Hour12, Pad::Zero),
        'l' => number(Number::Hour12, Pad::Blank),
        'M' => number(Number::Minute, Pad::Zero),
        'S' => number(Number::Second, Pad::Zero),
        'b' | 'h' => Item::MonthName { full: false },
        'B' => Item::MonthName { full: true },
        'a' => Item::Weekday { full: false },
        'A' => Item::Weekday { full: true },
        'u' | 'w' => Item::WeekdayNumber,
        'j' => Item::YearDay,
        'p' | 'P' => Item::AmPm,
        'f' | 'N' => Item::Fraction,
        's' => Item::EpochSeconds,
        'Q' => Item::EpochMillis,
        'K' => Item::EpochMicros,
        'z' => Item::Offset,
        'Z' => Item::ZoneName,
        'T' | 'X' => return expand("%H:%M:%S", items).map(|()| true),
        'R' => return expand("%H:%M", items).map(|()| true),
        'r' => return expand("%I:%M:%S %p", items).map(|()| true),
        'D' | 'x' => return expand("%m/%d/%y", items).map(|()| true),
        'F' => return expand("%Y-%m-%d", items).map(|()| true),
        'c' => return expand("%a %b %e %H:%M:%S %Y", items).map(|()| true),
        'n' | 't' | '%' => {
            literal(
                items,
                match conversion {
                    'n' => b"\n",
                    't' => b"\t",
                    _ => b"%",
                },
            );
            return Ok(true);
        }
        _ => return Ok(false),
    };
    items.push(item);
    Ok(true)
}

/// Appends literal text, to the literal before it if there is one.
pub(super) fn literal(items: &mut Vec<Item>, text: &[u8]) {
    match items.last_mut() {
        Some(Item::Literal(before)) => before.extend_from_slice(text),
        _ => items.push(Item::Literal(text.to_vec())),
    }
}

/// Whether the parts tell a time at all: better said when a grammar is loaded than by never matching.
pub(super) fn check(format: &str, items: &[Item]) -> Result<(), TimeFormatError> {
    let has = |wanted: &dyn Fn(&Item) -> bool| items.iter().any(wanted);
    let number = |wanted: Number| has(&|item| matches!(item, Item::Number(number, _) if *number == wanted));
    if has(&|item| matches!(item, Item::EpochSeconds | Item::EpochMillis | Item::EpochMicros | Item::Iso)) {
        return Ok(());
    }
    let half_day = number(Number::Hour12) && has(&|item| *item == Item::AmPm);
    if !number(Number::Hour) && !half_day {
        return Err(TimeFormatError::NoTime { format: format.to_owned() });
    }
    let year = number(Number::Year) || has(&|item| *item == Item::Year);
    let month = number(Number::Month) || has(&|item| matches!(item, Item::MonthName { .. }));
    let year_day = has(&|item| *item == Item::YearDay);
    match (year, month, number(Number::Day), year_day) {
        (_, true, true, _) | (_, false, false, true) | (false, false, false, false) => Ok(()),
        _ => Err(TimeFormatError::PartialDate { format: format.to_owned() }),
    }
}
