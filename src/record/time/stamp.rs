//! What a stamp says, and what must be known to read it.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::Millis;

/// A time that a log states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Milliseconds since the epoch, UTC. What is finer is cut off.
    pub millis: Millis,
    /// The text said its zone, or counted from the epoch; otherwise the context's zone was taken.
    pub zoned: bool,
    /// The text gave a fraction of a second.
    pub precise: bool,
    /// The year, the date, which number is the day and which the month, or which of two hours of the same name it is was deduced.
    pub guessed: bool,
}

/// What fills in what a stamp leaves out.
#[derive(Debug, Clone, Copy)]
pub struct TimeContext<'a> {
    /// The zone of stamps that don't say theirs.
    pub zone: &'a TimeZone,
    /// When the log was last written, or else when the line is read. A stamp without year or date means the latest time that is not after
    /// it, but for what clocks differ.
    pub reference: Millis,
}
