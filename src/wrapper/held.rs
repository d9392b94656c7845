//! Parts of split lines, kept until the rest comes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::piece::StreamId;
use super::{Kind, text};
use crate::model::Millis;
use crate::record::time::Stamp;

/// So many split lines may be open at once.
pub const HELD_PARTS: usize = 64;

/// So many bytes of one split line are kept.
pub const HELD_BYTES: usize = 1 << 20;

/// The parts of one line are written at once. What waits longer lost its end, and the next line must not be glued to it.
const PATIENCE: Millis = 60_000;

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeldCounts {
    /// Split lines longer than [`HELD_BYTES`], of which the end was cut off.
    pub cut: u64,
    /// Split lines dropped because their end did not come, or because more than [`HELD_PARTS`] were open.
    pub dropped: u64,
}

/// The beginning of a split line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) writer: Writer,
    /// Which of the writer's outputs: stdout, stderr.
    #[serde(with = "text")]
    pub(super) channel: Vec<u8>,
    #[serde(with = "text")]
    pub(super) text: Vec<u8>,
    pub(super) stamp: Option<Stamp>,
    pub(super) kind: Kind,
    cut: bool,
}

/// A [`StreamId`] that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Writer {
    #[serde(with = "text")]
    container: Vec<u8>,
    #[serde(with = "text")]
    host: Vec<u8>,
    #[serde(with = "text")]
    ident: Vec<u8>,
    #[serde(with = "text")]
    pid: Vec<u8>,
}

impl Writer {
    fn of(stream: &StreamId<'_>) -> Writer {
        Writer { container: stream.container.to_vec(), host: stream.host.to_vec(), ident: stream.ident.to_vec(), pid: stream.pid.to_vec() }
    }

    pub(super) fn stream(&self) -> StreamId<'_> {
        StreamId { container: &self.container, host: &self.host, ident: &self.ident, pid: &self.pid }
    }
}

/// All that is held, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Parts {
    open: VecDeque<Held>,
    pub(super) counts: HeldCounts,
}

/// What a part belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) stream: StreamId<'a>,
    pub(super) channel: &'a [u8],
    pub(super) kind: Kind,
    pub(super) stamp: Option<Stamp>,
}

impl Parts {
    /// Keeps a part.
    pub(super) fn keep(&mut self, owner: &Owner<'_>, part: &[u8]) {
        let mut held = self.take(owner).unwrap_or_else(|| Held {
            writer: Writer::of(&owner.stream),
            channel: owner.channel.to_vec(),
            text: Vec::new(),
            stamp: owner.stamp,
            kind: owner.kind,
            cut: false,
        });
        self.append(&mut held, part);
        if self.open.len() >= HELD_PARTS {
            self.open.pop_front();
            self.counts.dropped += 1;
        }
        self.open.push_back(held);
    }

    /// The line that this last part ends; none when no part came before it.
    pub(super) fn complete(&mut self, owner: &Owner<'_>, part: &[u8]) -> Option<Held> {
        let mut held = self.take(owner)?;
        self.append(&mut held, part);
        Some(held)
    }

    /// Whether anything is held.
    pub(super) fn any(&self) -> bool {
        !self.open.is_empty()
    }

    /// The line that was begun longest ago.
    pub(super) fn pop(&mut self) -> Option<Held> {
        self.open.pop_front()
    }

    /// What was kept, within the limits that hold now.
    pub(super) fn restored(mut self) -> Parts {
        self.open.truncate(HELD_PARTS);
        self.open.iter_mut().for_each(|held| held.text.truncate(HELD_BYTES));
        self
    }

    fn take(&mut self, owner: &Owner<'_>) -> Option<Held> {
        let mine = |held: &Held| held.channel == owner.channel && held.kind == owner.kind && held.writer.stream() == owner.stream;
        let held = self.open.iter().position(mine).and_then(|index| self.open.remove(index))?;
        let waited = owner.stamp.zip(held.stamp).map_or(0, |(now, then)| now.millis.saturating_sub(then.millis));
        if waited > PATIENCE {
            self.counts.dropped += 1;
            return None;
        }
        Some(held)
    }

    fn append(&mut self, held: &mut Held, part: &[u8]) {
        let room = HELD_BYTES.saturating_sub(held.text.len());
        if part.len() > room && !held.cut {
            held.cut = true;
            self.counts.cut += 1;
        }
        held.text.extend_from_slice(part.get(..room).unwrap_or(part));
    }
}
