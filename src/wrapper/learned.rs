//! Which wrappers a log has, learned from its first lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::layer::{Families, Family};
use super::piece::StreamId;

/// A wrapper must show itself within so many lines of a log, or of one writer in it.
const WINDOW: u8 = 8;

/// So many writers are remembered; the text of any more is taken as it is.
const WRITERS: usize = 1024;

/// What was learned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Learned {
    writers: BTreeMap<u64, Writer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Writer {
    lines: u8,
    families: Families,
}

impl Learned {
    /// The wrappers in which a line of this writer may be.
    pub(super) fn allowed(&self, writer: u64) -> Families {
        match self.writers.get(&writer) {
            Some(known) if known.lines >= WINDOW => known.families,
            Some(_) => Families::ALL,
            None if self.writers.len() < WRITERS => Families::ALL,
            None => Families::default(),
        }
    }

    /// A line of this writer was seen, in this wrapper. It was allowed.
    pub(super) fn note(&mut self, writer: u64, family: Option<Family>) {
        if self.writers.len() >= WRITERS && !self.writers.contains_key(&writer) {
            return;
        }
        let known = self.writers.entry(writer).or_default();
        if known.lines < WINDOW {
            known.lines += 1;
            family.into_iter().for_each(|family| known.families.add(family));
        }
    }

    /// The log's own wrappers are known.
    pub(super) fn settled(&self) -> bool {
        self.writers.get(&LOG).is_some_and(|log| log.lines >= WINDOW)
    }

    /// The log's own lines are known to be in no wrapper.
    pub(super) fn bare(&self) -> bool {
        self.writers.get(&LOG).is_some_and(|log| log.lines >= WINDOW && log.families.is_empty())
    }

    /// journalctl's JSON was seen.
    pub(super) fn journal(&self) -> bool {
        self.writers.values().any(|writer| writer.families.has(Family::JournalJson))
    }

    /// What stands in wrappers that do not say who wrote it is known, too.
    pub(super) fn nameless_settled(&self) -> bool {
        let unsettled = |depth| self.writers.get(&writer(depth, &StreamId::default())).is_some_and(|writer| writer.lines < WINDOW);
        self.writers.len() == 1 || !(1..=super::Kind::DEEPEST).any(unsettled)
    }

    /// No wrapper was seen that names writers, and nothing more is learned.
    pub(super) fn one_writer(&self) -> bool {
        self.writers.values().all(|writer| writer.lines >= WINDOW && writer.families.within(Families::NAMELESS))
    }

    /// A wrapper was seen that splits texts.
    pub(super) fn splitting(&self) -> bool {
        self.writers.values().any(|writer| writer.families.overlaps(Families::SPLITTING))
    }
}

/// The writer of a log's outermost layer: whoever writes the log.
pub(super) const LOG: u64 = 0;

/// The number of who writes inside a wrapper. The process doesn't count: a restarted broker still writes the same way.
pub(super) fn writer(depth: usize, stream: &StreamId<'_>) -> u64 {
    if depth == 0 {
        return LOG;
    }
    let names = [stream.container, stream.host, stream.ident];
    let bytes = names.into_iter().flat_map(|name| name.iter().chain(b"\0").copied()).chain(std::iter::once(depth as u8));
    // FNV-1a: a collision costs no more than a shared window.
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)).max(1)
}
