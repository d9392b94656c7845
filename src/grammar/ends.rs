//! The first and last bytes of texts, to be compared in two steps.
//!
//! Patterns are anchored at both ends, and most begin or end with literal text: a message that a pattern does not fit nearly always
//! differs there.

/// How many bytes of an end are looked at.
const BYTES: usize = 8;

/// The ends of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    first: u64,
    last: u64,
}

impl Sample {
    pub(super) fn of(text: &[u8]) -> Sample {
        Sample { first: first(text), last: last(text) }
    }
}

/// The literal texts with which a pattern begins and ends, as far as they are compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    first: End,
    last: End,
}

impl Ends {
    pub(super) fn new(before: &[u8], after: &[u8]) -> Ends {
        Ends { first: End::new(first(before), before.len()), last: End::new(last(after), after.len()) }
    }

    /// Whether what the pattern begins with is long enough to tell it from most others.
    pub(super) fn begins_well(self) -> bool {
        self.first.mask == u64::MAX
    }

    /// Whether a text with these ends may fit.
    pub(super) fn fit(self, sample: Sample) -> bool {
        self.first.fits(sample.first) && self.last.fits(sample.last)
    }

    /// Whether a text may fit that begins with this byte, or is empty.
    pub(super) fn may_begin(self, byte: Option<u8>) -> bool {
        byte.map_or(self.first.mask == 0, |byte| u64::from(byte) & self.first.mask & 0xff == self.first.bytes & 0xff)
    }
}

/// The ends of several patterns: what some have alike is compared once.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Each with one bit for each pattern that has it.
    firsts: Vec<(End, u64)>,
    /// By how many of their bytes count.
    lasts: Vec<Lasts>,
}

/// Last bytes, of which equally many count, in their order.
#[derive(Debug)]
struct Lasts {
    mask: u64,
    /// Each with one bit for each pattern that has it, and one for each that may take a text with this end.
    ends: Vec<(u64, u64, u64)>,
}

impl Table {
    /// Of no more patterns than this.
    pub(super) const MOST: usize = 64;

    /// `may_end` says whether a text that the pattern with this number takes may end so.
    pub(super) fn new(ends: &[Ends], may_end: impl Fn(usize, &[u8]) -> bool) -> Table {
        let ends = &ends[..ends.len().min(Table::MOST)];
        let alike = |of: fn(&Ends) -> End| {
            let mut list: Vec<(End, u64)> = Vec::new();
            for (place, end) in ends.iter().map(of).enumerate() {
                match list.iter_mut().find(|(known, _)| *known == end) {
                    Some((_, patterns)) => *patterns |= 1 << place,
                    None => list.push((end, 1 << place)),
                }
            }
            list
        };
        let mut table = Table { firsts: alike(|ends| ends.first), lasts: Vec::new() };
        for (End { bytes, mask }, patterns) in alike(|ends| ends.last) {
            let text = &bytes.to_be_bytes()[mask.leading_zeros() as usize / 8..];
            // What is shorter than the end that it is compared with has NULs before it.
            let may = |place: &usize| text.contains(&0) || patterns & 1 << place != 0 || may_end(*place, text);
            let others = (0..ends.len()).filter(may).fold(0, |all, place| all | 1 << place);
            match table.lasts.iter_mut().find(|lasts| lasts.mask == mask) {
                Some(lasts) => lasts.ends.push((bytes, patterns, others)),
                None => table.lasts.push(Lasts { mask, ends: vec![(bytes, patterns, others)] }),
            }
        }
        table.lasts.iter_mut().for_each(|lasts| lasts.ends.sort_unstable());
        table
    }

    /// Which of the patterns a text with these ends may fit, one bit for each.
    #[inline]
    pub(super) fn fitting(&self, sample: Sample) -> u64 {
        let firsts = self.firsts.iter().filter(|(end, _)| end.fits(sample.first)).fold(0, |all, (_, patterns)| all | patterns);
        if firsts == 0 {
            return 0;
        }
        let (mut fitting, mut possible) = (0, u64::MAX);
        for Lasts { mask, ends } in &self.lasts {
            let bytes = sample.last & mask;
            if let Ok(at) = ends.binary_search_by_key(&bytes, |(end, ..)| *end)
                && let Some((_, patterns, others)) = ends.get(at)
            {
                (fitting, possible) = (fitting | patterns, possible & others);
            }
        }
        firsts & fitting & possible
    }
}

/// The first bytes of a text, to be compared with what stands somewhere in another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin(End);

impl Begin {
    pub(super) fn new(text: &[u8]) -> Begin {
        Begin(End::new(first(text), text.len()))
    }

    /// Whether `other` begins with `text`, of which these are the first bytes.
    #[inline]
    pub(super) fn of(self, text: &[u8], other: &[u8]) -> bool {
        other.len() >= text.len() && self.0.fits(first(other)) && (text.len() <= BYTES || other.starts_with(text))
    }
}

/// Some bytes of a text's end as a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct End {
    bytes: u64,
    /// Which of them count.
    mask: u64,
}

impl End {
    fn new(bytes: u64, count: usize) -> End {
        let mask = if count >= BYTES { u64::MAX } else { (1 << (8 * count)) - 1 };
        End { bytes: bytes & mask, mask }
    }

    fn fits(self, bytes: u64) -> bool {
        bytes & self.mask == self.bytes
    }
}

/// The first bytes of a text, the very first being the number's lowest.
fn first(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// The last bytes of a text, the very last being the number's lowest.
fn last(text: &[u8]) -> u64 {
    match text.last_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => text.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_any_length_fit_what_has_them() {
        let text = b"Client pump disconnected.";
        for count in 0..=text.len() {
            let (before, after) = (&text[..count], &text[text.len() - count..]);
            for ends in [Ends::new(before, after), Ends::new(before, b""), Ends::new(b"", after)] {
                assert!(ends.fit(Sample::of(text)));
                assert!(ends.may_begin(Some(b'C')));
            }
            assert!(Ends::new(before, b"").fit(Sample::of(before)));
            assert_eq!(Ends::new(before, b"").fit(Sample::of(b"x")), count == 0);
            assert_eq!(Ends::new(b"", after).fit(Sample::of(b"x")), count == 0);
            for other in [&b"Client pump"[..], b"Client", b"Client pump disconnected.", b"", b"Client pump disconnectet.", b"D"] {
                assert_eq!(Begin::new(before).of(before, other), other.starts_with(before));
            }
            assert_eq!(Ends::new(before, b"").may_begin(None), count == 0);
            let patterns = [Ends::new(b"x", after), Ends::new(before, b""), Ends::new(before, after), Ends::new(before, b"x")];
            assert_eq!(Table::new(&patterns, |_, _| true).fitting(Sample::of(text)), 0b0110);
            // A pattern that takes no text with the end of another one.
            let table = Table::new(&patterns, |pattern, end| pattern != 1 || !text.ends_with(end) || end.is_empty());
            assert_eq!(table.fitting(Sample::of(text)), if after.is_empty() { 0b0110 } else { 0b0100 });
            assert_eq!(Ends::new(before, b"").may_begin(Some(b'x')), count == 0);
        }
    }
}
