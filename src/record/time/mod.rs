//! Stamps: one engine for every way in which a log writes the time.
//!
//! A [`TimeFormat`] is compiled from an strftime string, or derived from a sample when nobody declared the format, and reads
//! bytes without allocating. What a stamp leaves out (year, date, zone) is filled in from the [`TimeContext`], and the [`Stamp`]
//! says so.

mod derive;
mod display;
mod format;
mod item;
mod names;
mod parse;
mod resolve;
mod shape;
mod stamp;

#[cfg(test)]
mod derive_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod resolve_tests;

pub use format::TimeFormat;
pub use parse::TimeFormatError;
pub use stamp::{Stamp, TimeContext};
