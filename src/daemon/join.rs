//! The joining of terminators and brokers in the daemon, and what of it outlives a restart.

use std::net::IpAddr;

use super::source::Source;
use crate::link::Linker;
use crate::store::{Batch, LogState};

/// The name under which its state is stored. No source is called so: names have no colon.
pub(super) const STATE: &str = "turnaway:links";

/// The linker, and its way to the store.
#[derive(Debug, Default)]
pub(super) struct Join {
    pub(super) linker: Linker,
}

impl Join {
    /// Goes on from what was stored.
    pub(super) fn open(proxies: Vec<IpAddr>, stored: Option<&LogState>) -> Join {
        let mut linker = Linker::new(proxies);
        if let Some(stored) = stored {
            match serde_json::from_slice(&stored.state) {
                Ok(state) => linker.restore(state),
                Err(error) => tracing::warn!(%error, "stored connections of terminators cannot be read; they are forgotten"),
            }
        }
        Join { linker }
    }

    /// Other terminators' addresses from now on.
    pub(super) fn set_proxies(&mut self, proxies: Vec<IpAddr>) {
        self.linker.set_proxies(proxies);
    }

    /// Looks whether a terminator is among the sources; true: there is one.
    pub(super) fn look_at(&mut self, sources: &[Source]) -> bool {
        let behind = sources.iter().any(Source::is_terminator);
        if behind {
            self.linker.activate();
        }
        behind
    }

    /// Whether a refusal waits for the other log.
    pub(super) fn is_waiting(&self) -> bool {
        self.linker.is_waiting()
    }

    /// Adds its state to the batch, if it changed.
    pub(super) fn save(&mut self, batch: &mut Batch) {
        if let Some(state) = self.linker.state().and_then(|state| serde_json::to_vec(&state).ok()) {
            batch.conversations.push(LogState { source: STATE.to_owned(), log: String::new(), state });
        }
    }
}
