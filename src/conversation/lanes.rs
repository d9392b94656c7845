//! Records that wait for the one that follows, by their writer.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::refusal::Context;

/// The lanes in which something waits. Most logs name no writer: theirs is the lane without a name, which is looked for in vain in
/// nearly every line, and at hand.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes {
    unnamed: Option<Box<Context>>,
    named: BTreeMap<String, Box<Context>>,
}

impl Lanes {
    /// What waits in this one.
    pub(super) fn get(&self, lane: &str) -> Option<&Context> {
        if lane.is_empty() { self.unnamed.as_deref() } else { self.named.get(lane).map(|waiting| &**waiting) }
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, lane: &str) -> Option<&mut Context> {
        if lane.is_empty() { self.unnamed.as_deref_mut() } else { self.named.get_mut(lane).map(|waiting| &mut **waiting) }
    }

    /// Takes out what waits in this one.
    pub(super) fn take(&mut self, lane: &str) -> Option<Box<Context>> {
        if lane.is_empty() { self.unnamed.take() } else { self.named.remove(lane) }
    }

    /// From now on this waits there.
    pub(super) fn put(&mut self, lane: String, waiting: Box<Context>) {
        if lane.is_empty() {
            self.unnamed = Some(waiting);
        } else {
            self.named.insert(lane, waiting);
        }
    }

    /// Whether something waits in one that has a name.
    pub(super) fn has_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// In how many something waits.
    pub(super) fn len(&self) -> usize {
        self.named.len() + usize::from(self.unnamed.is_some())
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.unnamed.is_none() && self.named.is_empty()
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        *self = Lanes::default();
    }

    /// What waits, by the names of the lanes; the one without a name first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Context)> {
        let unnamed = self.unnamed.iter().map(|waiting| ("", &**waiting));
        unnamed.chain(self.named())
    }

    /// The same of those that have a name.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &Context)> {
        self.named.iter().map(|(lane, waiting)| (lane.as_str(), &**waiting))
    }
}

impl Serialize for Lanes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Lanes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lanes, D::Error> {
        let mut named = BTreeMap::<String, Box<Context>>::deserialize(deserializer)?;
        Ok(Lanes { unnamed: named.remove(""), named })
    }
}
