//! A compiled format.

use super::item::Item;
use super::resolve::Fields;
use super::{Stamp, TimeContext, TimeFormatError};

/// How a log writes its time. Made by [`TimeFormat::parse_format`] or [`TimeFormat::derive`]; displayed as strftime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    pub(super) items: Vec<Item>,
    /// Which number is the day and which the month was not to be seen from the sample.
    pub(super) order_guessed: bool,
}

impl TimeFormat {
    /// Compiles an strftime format, or one of the names `epoch`, `epoch-ms`, `epoch-us`, `iso`, `rfc3164`.
    ///
    /// # Errors
    ///
    /// A conversion that is not known, or a format that can't tell a time, with the byte offset of the fault.
    pub fn parse_format(strftime: &str) -> Result<TimeFormat, TimeFormatError> {
        Ok(TimeFormat { items: super::parse::items(strftime)?, order_guessed: false })
    }

    /// A format that reads this sample and others like it; none when it isn't a whole stamp.
    pub fn derive(sample: &[u8]) -> Option<TimeFormat> {
        super::derive::derive(sample)
    }

    /// Whether text of its own stands before the first part of the stamp: words or blanks, not just punctuation.
    pub fn leads_with_words(&self) -> bool {
        let wordy = |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || !byte.is_ascii();
        matches!(self.items.first(), Some(Item::Literal(text)) if text.iter().any(wordy))
    }

    /// Reads a stamp from the start of `input`, and returns it with what follows; none when it doesn't fit. Allocates nothing.
    pub fn read<'a>(&self, input: &'a [u8], context: &TimeContext<'_>) -> Option<(Stamp, &'a [u8])> {
        let mut fields = Fields::default();
        let mut rest = input;
        for item in &self.items {
            (rest, ()) = item.read(rest, &mut fields).ok()?;
        }
        let mut stamp = fields.resolve(context)?;
        stamp.guessed |= self.order_guessed;
        Some((stamp, rest))
    }
}
