//! How many connections of one address are gone while nobody knows which, as it is kept: connections of a Unix socket have no address, and what names a
//! member of a JSON object is a text, so these are pairs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serializer};

type Owed = BTreeMap<Option<IpAddr>, usize>;

/// An earlier release kept an object, and nothing at all where an address was missing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Pairs(Vec<(Option<IpAddr>, usize)>),
    Object(BTreeMap<IpAddr, usize>),
}

pub(super) fn serialize<S: Serializer>(owed: &Owed, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(owed)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Owed, D::Error> {
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Pairs(pairs) => pairs.into_iter().collect(),
        Kept::Object(object) => object.into_iter().map(|(address, owed)| (Some(address), owed)).collect(),
    })
}
