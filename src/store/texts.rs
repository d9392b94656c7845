//! The texts that many rows have in common, each kept once.

use std::collections::HashMap;

use super::bytes::{put, put_bytes, take, take_bytes};
use super::form::{Around, Form, split};

/// How many texts are kept once; further ones stand in their rows. Strangers can fill it, so it is bounded.
pub(super) const TEXTS: usize = 4096;
/// A longer text is not kept.
const LONGEST: usize = 1024;
/// The places of texts in a row: the broker's name, why it was refused, and each line of evidence.
pub(super) const BROKER: usize = 0;
pub(super) const WHY: usize = 1;
pub(super) const LINES: usize = 2;
const PLACES: usize = LINES + 8;
/// So many of the last texts in each place are tried first.
const RECENT: usize = 4;

/// A list of texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    list: Vec<Form>,
    numbers: HashMap<Box<[u8]>, u32>,
    form: Vec<u8>,
    values: Vec<u8>,
    /// What stood last in each place of a row, the last first.
    recent: [[u32; RECENT]; PLACES],
}

/// A text of a packed row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    /// One that is kept, by its number.
    Kept(usize, &'a Form),
    /// One that stands in the row.
    Own(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Text::Kept(_, form) => &form.bytes,
            Text::Own(bytes) => bytes,
        }
    }
}

impl Texts {
    /// Adds a text: its number, which is given back, if it stands in the list or there is room for it, or itself.
    pub(super) fn put(&mut self, place: usize, text: &[u8], out: &mut Vec<u8>) -> Option<u64> {
        let mut known = None;
        self.recent(place, |number, form| {
            let same = *form.bytes == *text;
            known = same.then_some(number);
            same
        });
        let number = known.or_else(|| self.number(place, text));
        match number {
            Some(number) => put(out, number),
            None => put_own(text, out),
        }
        number
    }

    /// Adds a line of evidence: the number of its form, then its values; or itself.
    pub(super) fn put_line(&mut self, line_number: usize, line: &[u8], around: &Around<'_>, out: &mut Vec<u8>) {
        let (place, begin) = (LINES + line_number, out.len());
        let known = self.recent(place, |number, form| {
            out.truncate(begin);
            put(out, number);
            form.fits(line, around, out)
        });
        if known {
            return;
        }
        out.truncate(begin);
        let (mut form, mut values) = (std::mem::take(&mut self.form), std::mem::take(&mut self.values));
        form.clear();
        values.clear();
        match split(line, around, &mut form, &mut values).then(|| self.number(place, &form)).flatten() {
            Some(number) => {
                put(out, number);
                out.extend_from_slice(&values);
            }
            None => put_own(line, out),
        }
        (self.form, self.values) = (form, values);
    }

    /// Reads what `put` or the beginning of what `put_line` added.
    #[inline]
    pub(super) fn take<'a>(&'a self, from: &mut &'a [u8]) -> Text<'a> {
        let number = usize::try_from(take(from)).unwrap_or(usize::MAX);
        match number.checked_sub(1).map(|number| (number, self.list.get(number))) {
            Some((number, Some(form))) => Text::Kept(number, form),
            Some((_, None)) => Text::Own(&[]),
            None => Text::Own(take_bytes(from)),
        }
    }

    /// Whether one of the last texts of a place is such, which is given with what it is written as.
    #[inline]
    fn recent(&mut self, place: usize, mut is_such: impl FnMut(u64, &Form) -> bool) -> bool {
        let Some(recent) = self.recent.get_mut(place) else { return false };
        let mut is_such = |number: u32| self.list.get(number as usize).is_some_and(|form| is_such(u64::from(number) + 1, form));
        if is_such(recent[0]) {
            return true;
        }
        let Some(at) = (1..RECENT).find(|at| is_such(recent[*at])) else { return false };
        recent[..=at].rotate_right(1);
        true
    }

    /// What a text is written as, if it stands in the list or there is room for it.
    fn number(&mut self, place: usize, text: &[u8]) -> Option<u64> {
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None if self.list.len() >= TEXTS || text.len() > LONGEST => return None,
            None => {
                let number = u32::try_from(self.list.len()).ok()?;
                self.list.push(Form::new(text));
                self.numbers.insert(text.into(), number);
                number
            }
        };
        if let Some(recent) = self.recent.get_mut(place) {
            recent.rotate_right(1);
            recent[0] = number;
        }
        Some(u64::from(number) + 1)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

fn put_own(text: &[u8], out: &mut Vec<u8>) {
    put(out, 0);
    put_bytes(out, text);
}
