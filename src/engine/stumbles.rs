//! Where a vectorised searcher stumbles: at a place whose bytes have all their halves in common with the texts of one of its buckets, each
//! half with any of them.

/// For each byte at each place compared, the buckets that have a text with its lower half there, and one with its upper half.
#[derive(Debug)]
pub(super) struct Buckets<const W: usize>([[u16; 256]; W]);

impl<const W: usize> Buckets<W> {
    /// Beginnings of texts, and into which of sixteen buckets each falls.
    pub(super) fn new(dealt: &[([u8; W], usize)]) -> Buckets<W> {
        let mut all = [[0; 256]; W];
        for (at, table) in all.iter_mut().enumerate() {
            let (mut low, mut high) = ([0u16; 16], [0u16; 16]);
            for (print, bucket) in dealt {
                low[usize::from(print[at] & 15)] |= 1 << bucket;
                high[usize::from(print[at] >> 4)] |= 1 << bucket;
            }
            for (byte, buckets) in table.iter_mut().enumerate() {
                *buckets = low[byte & 15] & high[byte >> 4];
            }
        }
        Buckets(all)
    }

    /// Which buckets take this place for one of theirs.
    pub(super) fn taking(&self, place: &[u8]) -> u16 {
        self.0.iter().zip(place).fold(u16::MAX, |buckets, (table, byte)| buckets & table[usize::from(*byte)])
    }
}

/// What stands in some places of a log, and how often: only what all texts together would be taken for.
#[derive(Debug)]
pub(super) struct Places {
    prints: Vec<u32>,
    times: Vec<u32>,
}

/// The halves in which each place has nothing in common with any of some texts: a bit for each, of four.
#[derive(Debug, Clone)]
pub(super) struct Unlike(Vec<u32>);

impl Unlike {
    /// With the texts of another.
    pub(super) fn and(&mut self, other: &Unlike) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }
}

impl Places {
    pub(super) fn new<const W: usize>(log: &[u8], places: usize, texts: &[[u8; W]]) -> Places {
        let all = Buckets::new(&texts.iter().map(|print| (*print, 0)).collect::<Vec<_>>());
        // Not always as far from each other: many lines are equally long.
        let step = log.len() / places + 1;
        let places = (0..places).filter_map(|at| log.get(at * step + at % 8 * step / 8..)?.first_chunk::<W>());
        let taken = places.filter(|place| all.taking(*place) != 0);
        let mut prints: Vec<u32> = taken.map(|place| number(*place)).collect();
        prints.sort_unstable();
        let (prints, times) = prints.chunk_by(|one, two| one == two).map(|alike| (alike[0], alike.len() as u32)).unzip();
        Places { prints, times }
    }

    /// In what they differ from a text.
    pub(super) fn unlike<const W: usize>(&self, text: [u8; W]) -> Unlike {
        let text = number(text);
        Unlike(self.prints.iter().map(|place| unlike(*place, text)).collect())
    }

    /// From none at all.
    pub(super) fn unlike_nothing(&self) -> Unlike {
        Unlike(vec![u32::MAX; self.prints.len()])
    }

    /// How often a bucket of these and those texts stumbles.
    pub(super) fn stumbles(&self, these: &Unlike, those: &Unlike) -> usize {
        let unlike = these.0.iter().zip(&those.0).map(|(these, those)| these & those);
        unlike.zip(&self.times).map(|(unlike, times)| if unlike == 0 { *times } else { 0 }).sum::<u32>() as usize
    }
}

/// Whether the lower halves of both are the same: the searcher puts them into one bucket whatever their places.
pub(super) fn alike<const W: usize>(one: [u8; W], two: [u8; W]) -> bool {
    unlike(number(one), number(two)) & 0x0101_0101 == 0
}

/// The lowest bit of each half in which they differ.
fn unlike(one: u32, two: u32) -> u32 {
    let bits = one ^ two;
    let pairs = bits | bits >> 1;
    (pairs | pairs >> 2) & 0x1111_1111
}

/// Up to four bytes as a number.
fn number<const W: usize>(bytes: [u8; W]) -> u32 {
    bytes.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_of_several_texts_are_mixed() {
        let bucket = Buckets::new(&[(*b"abc", 0), (*b"qrs", 0), (*b"zzz", 1)]);
        for (place, taking) in [(b"abc", 1), (b"arc", 1), (b"qbs", 1), (b"zzz", 2), (b"azz", 0), (b"rbc", 0)] {
            assert_eq!(bucket.taking(place), taking, "{place:?}");
        }
        assert!(alike(*b"abc", *b"qrs") && !alike(*b"abc", *b"abd"));
    }

    proptest! {
        /// Both ways of counting agree where every place is looked at.
        #[test]
        fn places_know_what_their_bucket_takes(
            texts in prop::collection::vec(prop::array::uniform3(prop::sample::select(b"abpq ".to_vec())), 2..6),
            log in prop::collection::vec(prop::sample::select(b"abpq xyz".to_vec()), 1..200),
        ) {
            let places = Places::new(&log, 2 * log.len(), &texts);
            let (some, others) = texts.split_at(texts.len() / 2);
            let mut unlike = places.unlike_nothing();
            some.iter().for_each(|text| unlike.and(&places.unlike(*text)));
            for other in others {
                let bucket = Buckets::new(&some.iter().chain([other]).map(|text| (*text, 0)).collect::<Vec<_>>());
                let taken = log.windows(3).filter(|place| bucket.taking(place) != 0).count();
                prop_assert_eq!(places.stumbles(&unlike, &places.unlike(*other)), taken);
            }
        }
    }
}
