//! The order in which rows are shown.

use super::records::{Place, Records};
use crate::store::packed::{View, known};
use crate::store::texts::Texts;

/// How many bytes of a name are compared at once.
const SAMPLE: usize = 8;

/// All rows by client ID, identity and broker.
pub(super) fn in_order(records: &Records, texts: &Texts, count: usize) -> Vec<u128> {
    let id = |place: u128| known(records.get(place_of(place))).client_id;
    // What all names begin with tells none of them apart; the next eight bytes mostly do.
    let mut common: Option<&[u8]> = None;
    for (_, row) in records.each() {
        let name = known(row).client_id;
        common = match common {
            Some(common) if !name.starts_with(common) => {
                Some(&common[..common.iter().zip(name).take_while(|(one, other)| one == other).count()])
            }
            Some(common) => Some(common),
            None => Some(name),
        };
    }
    let common = common.map_or(0, <[u8]>::len);
    let mut places: Vec<u128> = Vec::with_capacity(count);
    // A number that is compared at once, and says where the row stands.
    places.extend(records.each().map(|(place, row)| {
        let rest = known(row).client_id.get(common..).unwrap_or_default();
        let sample = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut bytes = [0; SAMPLE];
            bytes[..rest.len()].copy_from_slice(rest);
            bytes
        });
        u128::from(u64::from_be_bytes(sample)) << 64 | u128::from(place.number())
    }));
    places.sort_unstable();
    let rank = |place: u128| {
        let view = View::read(texts, records.get(place_of(place)));
        (view.identity.code(), view.broker.bytes())
    };
    for alike in places.chunk_by_mut(|one, other| one >> 64 == other >> 64).filter(|alike| alike.len() > 1) {
        alike.sort_unstable_by(|one, other| id(*one).cmp(id(*other)).then_with(|| rank(*one).cmp(&rank(*other))));
    }
    places
}

/// Where the row stands.
#[inline]
pub(super) fn place_of(place: u128) -> Place {
    Place::of(place as u64)
}
