//! What changed in the table, for those who watch it: a bounded list of keys, in the order of the commits.
//!
//! The writer adds keys and rings; it never waits for a watcher. A watcher reads the rows of the keys from the store when it gets to
//! them, so what it tells is the state of that moment, and a row that changed ten times meanwhile is told once. A watcher that
//! is too far behind is told that it lost something. While nobody watches (and for a while after the last one left, so that
//! it may come back), nothing is kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::{ClientKey, Millis};

/// Changes that are kept for watchers who come back or are slow.
const KEPT: usize = 10_000;

/// How long changes are kept after the last watcher left.
const PATIENCE: Millis = 5 * 60 * 1000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// This row was made, replaced or removed.
    Row(ClientKey),
    /// All rows were removed.
    All,
}

/// What a watcher has not seen yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These changes, oldest first.
    Changes(Vec<Touched>),
    /// More than is kept: nobody can say what changed.
    Lost,
}

/// The changes of one store since it was opened. A place in it is the number of changes before that place.
#[derive(Debug)]
pub struct Feed {
    inner: Mutex<Inner>,
    bell: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    changes: VecDeque<Touched>,
    /// How many changes there have been; the last of them is the last in the list.
    count: u64,
    watchers: usize,
    /// Changes are kept until this time though nobody watches.
    kept_until: Option<Millis>,
    /// The time of the last change, as the writer gave it.
    now: Millis,
}

/// Someone who watches. Dropping it ends that.
#[derive(Debug)]
pub struct Watcher<'f> {
    feed: &'f Feed,
    bell: watch::Receiver<u64>,
}

impl Default for Feed {
    fn default() -> Feed {
        Feed { inner: Mutex::default(), bell: watch::Sender::new(0) }
    }
}

impl Feed {
    /// Begins to watch: from here on changes are kept.
    pub fn watch(&self) -> Watcher<'_> {
        let mut inner = self.lock();
        if inner.watchers == 0 && inner.kept_until.is_none() {
            inner.changes.clear();
        }
        inner.watchers += 1;
        inner.kept_until = None;
        Watcher { feed: self, bell: self.bell.subscribe() }
    }

    /// Whether changes have to be named; else their number suffices, and [`Feed::skip`] takes it.
    pub fn is_watched(&self, now: Millis) -> bool {
        let mut inner = self.lock();
        inner.now = now;
        inner.watchers > 0 || inner.kept_until.is_some_and(|until| now < until)
    }

    /// Adds changes that are committed.
    pub fn push(&self, changes: impl ExactSizeIterator<Item = Touched>, now: Millis) {
        let more = changes.len();
        if more == 0 {
            return;
        }
        let mut inner = self.lock();
        inner.now = now;
        inner.count += more as u64;
        if more > KEPT {
            inner.changes.clear();
        } else {
            let excess = (inner.changes.len() + more).saturating_sub(KEPT);
            inner.changes.drain(..excess);
            inner.changes.extend(changes);
        }
        self.bell.send_replace(inner.count);
    }

    /// Counts a commit that nobody watches.
    pub fn skip(&self, now: Millis) {
        let mut inner = self.lock();
        inner.now = now;
        inner.count += 1;
        inner.changes = VecDeque::new();
        inner.kept_until = None;
        self.bell.send_replace(inner.count);
    }

    /// The place after all changes so far.
    pub fn place(&self) -> u64 {
        self.lock().count
    }

    /// What came after this place, and the place after it.
    pub fn since(&self, place: u64) -> (Since, u64) {
        let inner = self.lock();
        let first = inner.count - inner.changes.len() as u64;
        if place < first || place > inner.count {
            return (Since::Lost, inner.count);
        }
        let skip = usize::try_from(place - first).unwrap_or(usize::MAX);
        (Since::Changes(inner.changes.iter().skip(skip).cloned().collect()), inner.count)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher<'_> {
    /// Comes back when there was a change since the last call (or since the watching began).
    pub async fn changed(&mut self) {
        // The feed outlives its watchers, so the bell is there.
        let _ = self.bell.changed().await;
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let mut inner = self.feed.lock();
        inner.watchers -= 1;
        if inner.watchers == 0 {
            inner.kept_until = Some(inner.now.saturating_add(PATIENCE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Identity;

    fn touched(n: usize) -> Touched {
        Touched::Row(ClientKey { broker: "b".into(), identity: Identity::ClientId, client_id: n.to_string() })
    }

    fn push(feed: &Feed, numbers: std::ops::Range<usize>, now: Millis) {
        feed.push(numbers.map(touched), now);
    }

    #[test]
    fn a_watcher_gets_what_came_after_its_place() {
        let feed = Feed::default();
        let _watcher = feed.watch();
        push(&feed, 0..3, 1);
        assert_eq!(feed.since(0).0, Since::Changes(vec![touched(0), touched(1), touched(2)]));
        assert_eq!(feed.since(2).0, Since::Changes(vec![touched(2)]));
        assert_eq!(feed.since(3).0, Since::Changes(vec![]));
        assert_eq!(feed.since(4).0, Since::Lost, "a place that never was");
    }

    #[test]
    fn who_is_too_far_behind_is_told_so() {
        let feed = Feed::default();
        let _watcher = feed.watch();
        push(&feed, 0..KEPT, 1);
        push(&feed, 0..1, 1);
        assert_eq!(feed.since(0).0, Since::Lost);
        assert!(matches!(feed.since(1).0, Since::Changes(changes) if changes.len() == KEPT));
        push(&feed, 0..KEPT + 1, 2);
        assert_eq!(feed.since(KEPT as u64 + 1).0, Since::Lost, "one commit larger than the list");
        assert_eq!(feed.since(feed.place()).0, Since::Changes(vec![]));
    }

    #[test]
    fn changes_are_kept_for_a_while_after_the_last_watcher_left() {
        let feed = Feed::default();
        assert!(!feed.is_watched(0), "nobody ever watched");
        feed.skip(5);
        let place = {
            let _watcher = feed.watch();
            push(&feed, 0..1, 10);
            feed.place()
        };
        assert!(feed.is_watched(10 + PATIENCE - 1));
        push(&feed, 1..2, 11);
        assert_eq!(feed.since(place).0, Since::Changes(vec![touched(1)]), "back in time");
        assert!(!feed.is_watched(10 + PATIENCE));
        feed.skip(10 + PATIENCE);
        let _late = feed.watch();
        assert_eq!(feed.since(place).0, Since::Lost, "back too late");
    }
}
