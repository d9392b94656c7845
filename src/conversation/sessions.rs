//! Who was accepted since the broker's start, where that is needed to tell a refusal from the end of a session.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};

/// More clients than this are not kept apart; then nothing is known of any.
const MOST: usize = 10_000;

/// The clients that were accepted, by hash: two clients with one hash only make one of them look accepted, which is the safe
/// side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sessions(Option<BTreeSet<u64>>);

impl Sessions {
    /// From here on, from the broker's start, every acceptance is seen.
    pub(super) fn keep(&mut self) {
        self.0.get_or_insert_default();
    }

    /// Lines are missing: nothing is known any more.
    pub(super) fn lost(&mut self) {
        self.0 = None;
    }

    /// This client was accepted.
    pub(super) fn accepted(&mut self, client: &[u8]) {
        if let Some(known) = &mut self.0 {
            known.insert(hash(client));
            if known.len() > MOST {
                self.0 = None;
            }
        }
    }

    /// Whether it is known that this client was never accepted.
    pub(super) fn never_accepted(&self, client: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|known| !known.contains(&hash(client)))
    }
}

fn hash(client: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(client);
    hasher.finish()
}
