//! A refusal that waits for what the other log says of it.

use serde::{Deserialize, Serialize};

use crate::model::{ClientKey, Millis, Row};

/// A refusal that waits for the other log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) row: Box<Row>,
    /// Neither is part of the row as it is stored.
    pub(super) peer: Option<std::net::SocketAddr>,
    /// The number of the terminator's connection that it is about, where it is the terminator's own verdict.
    pub(super) passage: Option<u64>,
    pub(super) reread: bool,
    pub(super) since: Millis,
    /// What the broker's end of it is found by.
    #[serde(default)]
    pub(super) number: u64,
    /// The same client was accepted later, while this one waited.
    #[serde(default)]
    pub(super) accepted: Option<(ClientKey, Millis)>,
}
