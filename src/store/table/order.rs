//! The order in which rows are shown.

use super::records::{Place, Records};
use crate::store::packed::{View, known};
use crate::store::texts::Texts;

/// How many bytes of a name are compared at once.
const SAMPLE: usize = 8;

/// All rows by client ID, identity and broker.
pub(super) fn in_order(records: &Records, texts: &Texts, count: usize) -> Vec<u128> {
    let id = |place: u128| known(records.get(place_of(place))).client_id;
    let mut places: Vec<u128> = Vec::with_capacity(count);
    // What all names begin with tells none of them apart; the next eight bytes mostly do. Two names tell what all begin with, mostly.
    let mut names = records.each().map(|(_, row)| known(row).client_id);
    let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let mut common = alike(first, second);
    loop {
        let (mut least, begin) = (common, &first[..common]);
        // A number that is compared at once, and says where the row stands.
        places.clear();
        places.extend(records.each().map(|(place, row)| {
            let name = known(row).client_id;
            if !name.starts_with(begin) {
                least = least.min(alike(first, name));
            }
            u128::from(sample(name, common)) << 64 | u128::from(place.number())
        }));
        if least == common {
            break;
        }
        common = least;
    }
    places.sort_unstable();
    let rank = |place: u128| {
        let view = View::read(texts, records.get(place_of(place)));
        (view.identity.code(), view.broker.bytes())
    };
    for same in places.chunk_by_mut(|one, other| one >> 64 == other >> 64).filter(|same| same.len() > 1) {
        same.sort_unstable_by(|one, other| id(*one).cmp(id(*other)).then_with(|| rank(*one).cmp(&rank(*other))));
    }
    places
}

/// Where the row stands.
#[inline]
pub(super) fn place_of(place: u128) -> Place {
    Place::of(place as u64)
}

/// With how many bytes two names begin that are the same.
fn alike(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The bytes of a name from one on, as a number that is in the order in which they are.
#[inline]
fn sample(name: &[u8], from: usize) -> u64 {
    let rest = name.get(from..).unwrap_or_default();
    u64::from_be_bytes(rest.first_chunk().copied().unwrap_or_else(|| {
        let mut bytes = [0; SAMPLE];
        bytes[..rest.len()].copy_from_slice(rest);
        bytes
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{Attempt, Identity, Row};
    use crate::store::Table;
    use crate::store::packed::blank;

    proptest! {
        #[test]
        fn rows_are_shown_by_client_identity_and_broker(
            names in proptest::collection::vec(("(bot-|bot-0000)?[a-c]{0,10}[\0é]?", any::<bool>(), "[ab]"), 0..60),
        ) {
            let (mut table, mut sorted) = (Table::default(), std::collections::BTreeSet::new());
            for (client_id, by_name, broker) in &names {
                let identity = if *by_name { Identity::Username } else { Identity::ClientId };
                let row = Row { client_id: client_id.clone(), identity, broker: broker.as_str().into(), ..blank() };
                sorted.insert((client_id.clone(), identity.code(), broker.clone()));
                table.push(Attempt::Refused(Box::new(row)), true);
            }
            let shown: Vec<_> = table.rows().map(|row| (row.client_id, row.identity.code(), row.broker.to_string())).collect();
            prop_assert_eq!(shown.len(), table.len());
            prop_assert_eq!(shown, sorted.into_iter().collect::<Vec<_>>());
        }
    }
}
