//! What one match captured.

use std::borrow::Cow;
use std::ops::Range;

use super::decode;
use super::fact::{Fact, Kind};

/// The values of one match, as ranges of the record. Whoever asks for a match gives the place for them: many are tried in vain, and each
/// copy would cost as much as some steps of a match.
#[derive(Debug, Clone, Copy)]
pub struct Captures {
    /// One bit for each fact that was captured: most questions are for facts that were not.
    present: u32,
    /// How many of the places below are taken, in the order in which facts were captured.
    count: u8,
    /// The record can be divided in more than one way; the free texts are the longest-first reading.
    pub ambiguous: bool,
    facts: [Fact; Captures::MOST],
    kinds: [Kind; Captures::MOST],
    ranges: [(u32, u32); Captures::MOST],
}

impl Default for Captures {
    fn default() -> Captures {
        Captures::NONE
    }
}

impl PartialEq for Captures {
    fn eq(&self, other: &Captures) -> bool {
        self.ambiguous == other.ambiguous
            && self.present == other.present
            && self.facts().all(|fact| self.kind(fact) == other.kind(fact) && self.range(fact) == other.range(fact))
    }
}

impl Eq for Captures {}

impl Captures {
    /// So many facts can one record have, besides the texts that mean nothing, which are not kept. The loader refuses rules with more.
    pub const MOST: usize = 12;

    /// Nothing.
    pub const NONE: Captures = Captures {
        present: 0,
        count: 0,
        ambiguous: false,
        facts: [Fact::Ignored; Captures::MOST],
        kinds: [Kind::Text; Captures::MOST],
        ranges: [(0, 0); Captures::MOST],
    };

    /// Takes everything out.
    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.present, self.count, self.ambiguous) = (0, 0, false);
    }

    /// The value captured for a fact, with what its kind says of its encoding undone.
    pub fn value<'a>(&self, fact: Fact, record: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        decode::value(self.kind(fact), self.get(fact, record)?)
    }

    /// Whether how the value of a fact was encoded is not certain.
    pub fn is_doubtful(&self, fact: Fact, record: &[u8]) -> bool {
        self.get(fact, record).is_some_and(|bytes| decode::is_doubtful(self.kind(fact), bytes))
    }

    /// The bytes captured for a fact, as they stand.
    pub fn get<'a>(&self, fact: Fact, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.range(fact)?)
    }

    /// Where a fact stands in the record.
    #[inline]
    pub fn range(&self, fact: Fact) -> Option<Range<usize>> {
        let (start, end) = self.ranges[self.place(fact)?];
        Some(start as usize..end as usize)
    }

    /// Whether a fact was captured.
    #[inline]
    pub fn has(&self, fact: Fact) -> bool {
        self.present & (1 << fact as u32) != 0
    }

    /// The kind as which a fact was captured.
    pub fn kind(&self, fact: Fact) -> Kind {
        self.place(fact).map_or(Kind::Text, |at| self.kinds[at])
    }

    #[inline]
    fn place(&self, fact: Fact) -> Option<usize> {
        if self.has(fact) { self.facts.iter().position(|known| *known == fact) } else { None }
    }

    /// The facts that were captured.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + use<> {
        let mut left = self.present;
        std::iter::from_fn(move || {
            let first = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            Fact::ALL.get(first).copied()
        })
    }

    /// Tells each fact that was captured, with its kind and its bytes.
    #[inline]
    pub(super) fn each<'a>(&self, record: &'a [u8], mut tell: impl FnMut(Fact, Kind, &'a [u8])) {
        for at in 0..usize::from(self.count).min(Captures::MOST) {
            let (fact, (start, end)) = (self.facts[at], self.ranges[at]);
            if self.has(fact)
                && let Some(raw) = record.get(start as usize..end as usize)
            {
                tell(fact, self.kinds[at], raw);
            }
        }
    }

    /// Where the first of the client's own texts ends.
    pub(super) fn first_free_end(&self) -> usize {
        let free = self.facts().filter(|fact| self.kind(*fact).is_free());
        free.filter_map(|fact| self.range(fact)).min_by_key(|range| range.start).map_or(0, |range| range.end)
    }

    /// Notes where a fact stands; a text that means nothing is not noted.
    #[inline]
    pub(crate) fn set(&mut self, fact: Fact, kind: Kind, start: usize, end: usize) {
        if fact == Fact::Ignored {
            return;
        }
        self.put(self.place(fact).map_or(self.count, |at| at as u8), fact, kind, start, end);
    }

    /// Notes where a fact stands, in a place that is this fact's alone; those before it are taken, or will be.
    #[inline]
    pub(super) fn put(&mut self, place: u8, fact: Fact, kind: Kind, start: usize, end: usize) {
        let at = usize::from(place);
        if at < Captures::MOST {
            (self.facts[at], self.kinds[at], self.ranges[at]) = (fact, kind, (start as u32, end as u32));
            self.count = self.count.max(place + 1);
            self.present |= 1 << fact as u32;
        }
    }

    /// Takes over what was captured in a part of the record that begins at `offset`.
    pub(super) fn take_in(&mut self, other: &Captures, offset: usize) {
        for at in 0..usize::from(other.count) {
            let (start, end) = other.ranges[at];
            self.set(other.facts[at], other.kinds[at], start as usize + offset, end as usize + offset);
        }
        self.ambiguous |= other.ambiguous;
    }
}
