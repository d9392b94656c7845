//! Which client IDs may have a row, told quickly.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits in which names are noted: a table of a few thousand rows leaves most of them free.
const BITS: usize = 1 << 16;

/// A set of names of which it is told only that it may hold a name, or that it surely does not. Nothing is ever taken out: names that went
/// cost time, and so do more names than it was made for.
#[derive(Debug)]
pub struct Names(Box<[AtomicU64]>);

impl Default for Names {
    fn default() -> Names {
        Names((0..BITS / 64).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Names {
    /// Notes a name.
    pub fn add(&self, name: &[u8]) {
        let (word, bit) = place(name);
        if let Some(word) = self.0.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether this name may have been noted. False: it was not.
    pub fn may_hold(&self, name: &[u8]) -> bool {
        let (word, bit) = place(name);
        self.0.get(word).is_none_or(|word| word.load(Ordering::Relaxed) & bit != 0)
    }
}

/// Where a name's bit is. Whoever makes names that share one only makes them be looked for.
fn place(name: &[u8]) -> (usize, u64) {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, bytes: u64| (hash.rotate_left(23) ^ bytes).wrapping_mul(ODD);
    let (words, rest) = name.as_chunks::<8>();
    let hash = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    let bit = (hash >> 48) as usize % BITS;
    (bit / 64, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_held_and_most_else_is_not() {
        let names = Names::default();
        let name = |number: usize| format!("sensor-{number}").into_bytes();
        (0..500).for_each(|number| names.add(&name(number)));
        names.add(b"");
        assert!(names.may_hold(b"") && (0..500).all(|number| names.may_hold(&name(number))));
        let others = (500..10_500).filter(|number| names.may_hold(&name(*number))).count();
        assert!(others < 500, "{others}");
    }
}
