//! Packed rows in large pieces of memory, so that growing copies nothing.

use crate::store::bytes::{put, take_bytes};

/// Bytes of a piece.
const CHUNK: usize = 256 << 10;
/// Rows that went leave holes; below this many bytes they are left alone.
const HOLES: u64 = 1 << 20;
/// So many bytes that a row does not need are left to it, and as many as it has.
const SPARE: usize = 64;
/// The first byte of a row that went, which no row has.
const GONE: u8 = u8::MAX;

/// Where a row stands: its piece, and the byte in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    chunk: u32,
    at: u32,
}

impl Place {
    /// Where it stands among all others.
    pub(super) fn number(self) -> u64 {
        u64::from(self.chunk) << 32 | u64::from(self.at)
    }

    pub(super) fn of(number: u64) -> Place {
        Place { chunk: (number >> 32) as u32, at: number as u32 }
    }
}

/// All rows, each after its length.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    chunks: Vec<Vec<u8>>,
    used: u64,
    holes: u64,
    head: Vec<u8>,
}

impl Records {
    /// The row, and what is spare behind it.
    #[inline]
    pub(super) fn get(&self, place: Place) -> &[u8] {
        let chunk = self.chunks.get(place.chunk as usize).map_or(&[][..], Vec::as_slice);
        take_bytes(&mut chunk.get(place.at as usize..).unwrap_or_default())
    }

    pub(super) fn add(&mut self, record: &[u8]) -> Place {
        self.head.clear();
        put(&mut self.head, record.len() as u64);
        let length = self.head.len() + record.len();
        self.used += length as u64;
        if self.chunks.last().is_none_or(|last| last.capacity() - last.len() < length) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(length)));
        }
        let chunk = self.chunks.len() - 1;
        let last = &mut self.chunks[chunk];
        let at = last.len();
        last.extend_from_slice(&self.head);
        last.extend_from_slice(record);
        // A row is bounded by the longest line, and 2^32 pieces are more than there is memory.
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place { chunk: small(chunk), at: small(at) }
    }

    /// Puts a row in the place of another one, if it fits there and leaves little.
    pub(super) fn replace(&mut self, place: Place, record: &[u8]) -> Place {
        let room = self.get(place).len();
        if record.len() > room || room - record.len() > record.len().max(SPARE) {
            self.drop(place);
            return self.add(record);
        }
        self.get_mut(place)[..record.len()].copy_from_slice(record);
        place
    }

    pub(super) fn drop(&mut self, place: Place) {
        let row = self.get_mut(place);
        row.iter_mut().take(1).for_each(|first| *first = GONE);
        let length = row.len() as u64;
        self.holes += length;
        self.used = self.used.saturating_sub(length);
    }

    /// Whether most of the memory is holes.
    pub(super) fn is_holey(&self) -> bool {
        self.holes > HOLES && self.holes > self.used
    }

    /// All rows, in the order in which they stand in memory.
    pub(super) fn each(&self) -> impl Iterator<Item = (Place, &[u8])> {
        (0..)
            .zip(&self.chunks)
            .flat_map(|(chunk, bytes)| {
                let mut from = bytes.as_slice();
                std::iter::from_fn(move || {
                    let at = u32::try_from(bytes.len() - from.len()).unwrap_or(u32::MAX);
                    (!from.is_empty()).then(|| (Place { chunk, at }, take_bytes(&mut from)))
                })
            })
            .filter(|(_, row)| row.first() != Some(&GONE))
    }

    fn get_mut(&mut self, place: Place) -> &mut [u8] {
        let room = self.get(place).len();
        let Some(chunk) = self.chunks.get_mut(place.chunk as usize) else { return &mut [] };
        let from = chunk.get_mut(place.at as usize..).unwrap_or_default();
        let mut head = &*from;
        take_bytes(&mut head);
        let end = from.len() - head.len();
        from.get_mut(end - room..end).unwrap_or_default()
    }
}
