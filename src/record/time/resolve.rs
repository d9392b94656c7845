//! From what a stamp says to the instant it means.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::{Stamp, TimeContext};
use crate::model::Millis;

/// A stamp without year may be this far ahead of the reference: clocks and zones differ.
const AHEAD: Millis = 24 * 60 * MINUTE;
/// The same of a stamp without date: what is later was the day before.
const AHEAD_TODAY: Millis = 10 * MINUTE;
const MINUTE: Millis = 60 * 1000;

/// How far back a leap year is looked for: 1896, 1904.
const YEARS_BACK: i16 = 8;

/// What was read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    /// Milliseconds since the epoch, when that is what the stamp counts.
    pub(super) epoch: Option<Millis>,
    pub(super) year: Option<i16>,
    pub(super) month: Option<i8>,
    pub(super) day: Option<i8>,
    pub(super) year_day: Option<i16>,
    pub(super) hour: Option<i8>,
    pub(super) hour12: Option<i8>,
    pub(super) afternoon: Option<bool>,
    pub(super) minute: Option<i8>,
    pub(super) second: Option<i8>,
    /// Milliseconds after the second.
    pub(super) millis: Millis,
    /// A fraction stood there.
    pub(super) fraction: bool,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
}

impl Fields {
    /// The instant; none when a number is out of range.
    pub(super) fn resolve(&self, context: &TimeContext<'_>) -> Option<Stamp> {
        let (millis, guessed) = match self.epoch {
            Some(epoch) => (epoch.checked_add(self.millis)?, false),
            None => {
                let (millis, guessed) = self.instant(context)?;
                (millis.checked_add(self.millis)?, guessed)
            }
        };
        let zoned = self.epoch.is_some() || self.offset.is_some();
        Some(Stamp { millis, zoned, precise: self.fraction, guessed })
    }

    /// The instant of the whole second, and whether the date or the hour was deduced.
    fn instant(&self, context: &TimeContext<'_>) -> Option<(Millis, bool)> {
        let time = self.time()?;
        let at = |date: Date| self.at(date.to_datetime(time), context);
        match (self.year, self.month, self.day, self.year_day) {
            (Some(year), Some(month), Some(day), _) => at(Date::new(year, month, day).ok()?),
            (Some(year), None, None, Some(day)) => at(day_of_year(year, day)?),
            (None, Some(month), Some(day), _) => {
                let latest = self.latest_year(context, |year| at(Date::new(year, month, day).ok()?))?;
                Some((latest, true))
            }
            (None, None, None, Some(day)) => Some((self.latest_year(context, |year| at(day_of_year(year, day)?))?, true)),
            (None, None, None, None) => {
                let today = self.reference_date(context);
                let limit = context.reference.saturating_add(AHEAD_TODAY);
                let days = [today.tomorrow().ok(), Some(today), today.yesterday().ok()];
                let latest = days.into_iter().flatten().filter_map(at).find(|(millis, _)| *millis <= limit)?.0;
                Some((latest, true))
            }
            _ => None,
        }
    }

    fn time(&self) -> Option<Time> {
        let hour = match (self.hour, self.hour12, self.afternoon) {
            (Some(hour), _, _) => hour,
            (None, Some(hour @ 1..=12), Some(afternoon)) => hour % 12 + if afternoon { 12 } else { 0 },
            _ => return None,
        };
        // A leap second has no instant of its own.
        let second = match self.second.unwrap_or(0) {
            60 => 59,
            second => second,
        };
        Time::new(hour, self.minute.unwrap_or(0), second, 0).ok()
    }

    /// The instant of a civil time, and whether it was deduced: by the stamp's own offset, else by the context's zone, where an hour that
    /// occurs twice is taken the first time and one that doesn't occur moves forward.
    fn at(&self, civil: DateTime, context: &TimeContext<'_>) -> Option<(Millis, bool)> {
        let (instant, deduced) = match self.offset {
            Some(seconds) => (Offset::from_seconds(seconds).ok()?.to_timestamp(civil), false),
            None => {
                let found = context.zone.to_ambiguous_timestamp(civil);
                (found.compatible(), found.is_ambiguous())
            }
        };
        Some((instant.ok()?.as_millisecond(), deduced))
    }

    /// The latest year in which the date exists and is not ahead of the reference by more than a day.
    fn latest_year(&self, context: &TimeContext<'_>, at: impl Fn(i16) -> Option<(Millis, bool)>) -> Option<Millis> {
        let year = self.reference_date(context).year();
        let limit = context.reference.saturating_add(AHEAD);
        let years = (year.saturating_sub(YEARS_BACK)..=year.saturating_add(1)).rev();
        years.filter_map(at).map(|(millis, _)| millis).find(|millis| *millis <= limit)
    }

    fn reference_date(&self, context: &TimeContext<'_>) -> Date {
        let reference = Timestamp::from_millisecond(context.reference).unwrap_or(Timestamp::UNIX_EPOCH);
        match self.offset.and_then(|seconds| Offset::from_seconds(seconds).ok()) {
            Some(offset) => offset.to_datetime(reference).date(),
            None => context.zone.to_datetime(reference).date(),
        }
    }
}

fn day_of_year(year: i16, day: i16) -> Option<Date> {
    let first = Date::new(year, 1, 1).ok()?;
    (1..=first.days_in_year()).contains(&day).then_some(())?;
    first.with().day_of_year(day).build().ok()
}
