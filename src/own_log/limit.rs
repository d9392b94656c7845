//! Limits how often one kind of message is told, so that a broken source does not flood the log.

use std::collections::HashMap;

use tracing::callsite::Identifier;

use crate::model::Millis;

/// So many messages of a kind are told in each window.
const BURST: u32 = 10;
/// The window, in milliseconds.
const WINDOW: Millis = 60_000;
/// Kinds that are told apart; beyond it those of a message count as one, whatever their source.
const MOST_KINDS: usize = 256;

/// A kind of message: where it stands in the program, and the source that it is about.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) callsite: Identifier,
    pub(super) source: Option<String>,
    pub(super) level: tracing::Level,
    pub(super) message: String,
}

#[derive(Debug)]
struct Count {
    kind: Kind,
    since: Millis,
    told: u32,
    left_out: u64,
}

/// What to do with a message.
#[derive(Debug)]
pub(super) enum Verdict {
    Tell,
    /// First say that so many of this kind were left out.
    TellAfter(Kind, u64),
    LeaveOut,
}

/// Counts messages by kind.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    counts: HashMap<(Identifier, Option<String>), Count>,
}

impl Limiter {
    pub(super) fn take(&mut self, kind: Kind, now: Millis) -> Verdict {
        let mut key = (kind.callsite.clone(), kind.source.clone());
        if !self.counts.contains_key(&key) && self.counts.len() >= MOST_KINDS {
            self.counts.retain(|_, count| count.left_out > 0 || !count.is_over(now));
            if self.counts.len() >= MOST_KINDS {
                key.1 = None;
            }
        }
        let count = self.counts.entry(key).or_insert_with(|| Count { kind: kind.clone(), since: now, told: 0, left_out: 0 });
        let mut before = None;
        if count.is_over(now) {
            before = (count.left_out > 0).then_some((count.kind.clone(), count.left_out));
            *count = Count { kind, since: now, told: 0, left_out: 0 };
        }
        if count.told >= BURST {
            count.left_out += 1;
            return Verdict::LeaveOut;
        }
        count.told += 1;
        before.map_or(Verdict::Tell, |(kind, count)| Verdict::TellAfter(kind, count))
    }

    /// What was left out in windows that are over, each told once.
    pub(super) fn over(&mut self, now: Millis) -> Vec<(Kind, u64)> {
        let mut over = Vec::new();
        self.counts.retain(|_, count| {
            let is_over = count.is_over(now);
            if is_over && count.left_out > 0 {
                over.push((count.kind.clone(), count.left_out));
            }
            !is_over
        });
        over
    }
}

impl Count {
    /// A clock that was set back ends the window, too.
    fn is_over(&self, now: Millis) -> bool {
        !(0..WINDOW).contains(&now.saturating_sub(self.since))
    }
}
