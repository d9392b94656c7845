//! What one match captured.

use std::borrow::Cow;
use std::ops::Range;

use super::decode;
use super::fact::{Fact, Kind};

/// The values of one match, as ranges of the record.
#[derive(Debug, Clone, Copy)]
pub struct Captures {
    /// One bit for each fact that was captured; what stands below for others means nothing.
    present: u32,
    ranges: [(u32, u32); Fact::COUNT],
    kinds: [Kind; Fact::COUNT],
    /// The record can be divided in more than one way; the free texts are the longest-first reading.
    pub ambiguous: bool,
}

/// What stood for a fact before it was set.
pub(super) type Before = Option<(u32, u32, Kind)>;

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
    /// Nothing.
    pub const NONE: Captures = Captures { present: 0, ranges: [(0, 0); Fact::COUNT], kinds: [Kind::Text; Fact::COUNT], ambiguous: false };

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
    pub fn range(&self, fact: Fact) -> Option<Range<usize>> {
        let (start, end) = self.ranges[fact as usize];
        self.has(fact).then_some(start as usize..end as usize)
    }

    /// Whether a fact was captured.
    pub fn has(&self, fact: Fact) -> bool {
        self.present & (1 << fact as u32) != 0
    }

    /// The kind as which a fact was captured.
    pub fn kind(&self, fact: Fact) -> Kind {
        if self.has(fact) { self.kinds[fact as usize] } else { Kind::Text }
    }

    /// The facts that were captured.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        Fact::ALL.iter().copied().filter(|fact| self.has(*fact))
    }

    /// Where the first of the client's own texts ends.
    pub(super) fn first_free_end(&self) -> usize {
        let free = self.facts().filter(|fact| *fact != Fact::Ignored && self.kind(*fact).is_free());
        free.filter_map(|fact| self.range(fact)).min_by_key(|range| range.start).map_or(0, |range| range.end)
    }

    pub(crate) fn set(&mut self, fact: Fact, kind: Kind, start: usize, end: usize) {
        self.present |= 1 << fact as u32;
        self.ranges[fact as usize] = (start as u32, end as u32);
        self.kinds[fact as usize] = kind;
    }

    /// What stands for a fact now.
    pub(super) fn before(&self, fact: Fact) -> Before {
        let (start, end) = self.ranges[fact as usize];
        self.has(fact).then_some((start, end, self.kinds[fact as usize]))
    }

    /// Undoes what was set since.
    pub(super) fn undo(&mut self, fact: Fact, before: Before) {
        match before {
            Some((start, end, kind)) => self.set(fact, kind, start as usize, end as usize),
            None => self.present &= !(1 << fact as u32),
        }
    }

    /// Takes over what was captured in a part of the record that begins at `offset`.
    pub(super) fn take_in(&mut self, other: &Captures, offset: usize) {
        for fact in other.facts() {
            if let Some(range) = other.range(fact) {
                self.set(fact, other.kind(fact), range.start + offset, range.end + offset);
            }
        }
        self.ambiguous |= other.ambiguous;
    }
}
