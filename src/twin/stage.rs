//! Takes the attempts of all logs of all brokers, and gives each attempt once, in the order of time.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::copies::{Copies, hash};
use super::halves::{Half, Halves, Place};
use super::merge::{id, merged};
use crate::model::kept::Hidden;
use crate::model::{Attempt, ClientKey, Ending, Link, Millis, Row};

/// How long a record waits in real time for its twin in another log; and for one in its own.
const WAITS: Millis = 1_500;
const WAITS_ALONE: Millis = 300;
/// How long, in real time, an attempt is kept in mind whose copy in another log has not come.
const REMEMBERED: Millis = 3_000;
/// The second record of an attempt comes so soon after the first, in the log's time.
pub(super) const WINDOW: Millis = 200;
/// More attempts than this do not wait for other logs.
const MOST_HELD: usize = 10_000;

/// A log, by its name.
pub type LogId = u64;

/// The number of a source's log.
pub fn log_id(source: &str, path: &Path) -> LogId {
    hash(&[source.as_bytes(), path.as_os_str().as_bytes()])
}

/// How far a log was read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Reach {
    /// The latest time in it.
    ts: Option<Millis>,
    /// There is more to read at once.
    #[serde(skip)]
    more: bool,
    /// Nothing will follow.
    #[serde(skip)]
    finished: bool,
}

/// An attempt that waits.
#[derive(Debug, Clone)]
struct Held {
    log: LogId,
    attempt: Attempt,
    reread: bool,
    /// When it was read.
    since: Millis,
    /// It waits for its twin.
    half: Option<u64>,
}

/// What is known of one broker's logs.
#[derive(Debug, Clone, Default)]
struct Broker {
    logs: BTreeMap<LogId, Reach>,
    held: BTreeMap<Place, Held>,
    halves: Halves,
    copies: Copies,
    turn: u64,
}

/// Joins what the logs of each broker say.
#[derive(Debug, Default)]
pub struct Twins {
    brokers: BTreeMap<String, Broker>,
    /// What changed since it was stored.
    dirty: bool,
    /// What was stored last was not empty.
    stored: bool,
}

/// What of it outlives a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TwinsState(BTreeMap<String, BrokerState>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BrokerState {
    logs: BTreeMap<LogId, Reach>,
    held: Vec<(Place, HeldState)>,
    halves: Vec<(Half, Hidden)>,
    copies: Copies,
    turn: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeldState {
    log: LogId,
    kept: Kept,
    reread: bool,
    half: Option<u64>,
}

/// An attempt with what is no part of a row as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Kept {
    Refused(Box<Row>, Hidden),
    Revised(Box<Row>, Hidden),
    Accepted(ClientKey, Millis),
    Proxied(Box<Link>),
    Ended(Millis, Ending),
}

type Out<'a> = dyn FnMut(Attempt, bool) + 'a;

impl Twins {
    /// The broker has this log: attempts of logs that stand alone go through at once.
    pub fn log(&mut self, broker: &str, log: LogId) {
        if !self.brokers.get(broker).is_some_and(|known| known.logs.contains_key(&log)) {
            self.brokers.entry(broker.to_owned()).or_default().logs.insert(log, Reach::default());
        }
    }

    /// This log is no more.
    pub fn forget(&mut self, broker: &str, log: LogId) {
        if let Some(broker) = self.brokers.get_mut(broker) {
            self.dirty |= broker.logs.remove(&log).is_some();
        }
    }

    /// Whether the broker has several logs.
    pub fn has_several(&self, broker: &str) -> bool {
        self.brokers.get(broker).is_some_and(|broker| broker.logs.len() > 1)
    }

    /// Takes one attempt in. `reread` goes with it.
    pub fn push(&mut self, broker: &str, log: LogId, attempt: Attempt, reread: bool, now: Millis, out: &mut Out<'_>) {
        let known = match self.brokers.get_mut(broker) {
            Some(known) => known,
            None => self.brokers.entry(broker.to_owned()).or_default(),
        };
        known.logs.entry(log).or_default();
        let alone = known.logs.len() < 2 && known.held.is_empty() && known.halves.is_empty();
        let has_twin = matches!(&attempt, Attempt::Refused(row) if row.twin.is_some());
        if alone && !has_twin {
            return out(attempt, reread);
        }
        self.dirty = true;
        known.push(log, attempt, reread, now);
    }

    /// A log was read up to this time; `more` says that there is more to be read at once.
    pub fn reached(&mut self, broker: &str, log: LogId, ts: Option<Millis>, more: bool) {
        self.log(broker, log);
        if let Some(reach) = self.brokers.get_mut(broker).and_then(|broker| broker.logs.get_mut(&log)) {
            (reach.ts, reach.more) = (ts.max(reach.ts), more);
            reach.finished &= !more;
        }
    }

    /// Nothing will follow in this log.
    pub fn finished(&mut self, broker: &str, log: LogId) {
        if let Some(reach) = self.brokers.get_mut(broker).and_then(|broker| broker.logs.get_mut(&log)) {
            (reach.more, reach.finished) = (false, true);
        }
    }

    /// Whether this log is to be read on before the broker's others: none of those that have more to read is behind it.
    pub fn is_next(&self, broker: &str, log: LogId) -> bool {
        let Some(broker) = self.brokers.get(broker) else { return true };
        let own = broker.logs.get(&log).and_then(|reach| reach.ts);
        broker.others(log).filter(|reach| reach.more).all(|reach| own <= reach.ts)
    }

    /// Gives what need not wait any more, with the name of its broker. To be called when all logs have been looked at.
    pub fn tick(&mut self, now: Millis, out: &mut dyn FnMut(&str, Attempt, bool)) {
        for (name, broker) in self.brokers.iter_mut().filter(|(_, broker)| !broker.is_idle()) {
            self.dirty |= broker.release(now, &mut |attempt, reread| out(name, attempt, reread));
        }
    }

    /// Whether time alone can still change something.
    pub fn is_waiting(&self) -> bool {
        self.brokers.values().any(|broker| !broker.held.is_empty())
    }

    /// Nothing will follow in any log.
    pub fn finish(&mut self, out: &mut Out<'_>) {
        for broker in self.brokers.values_mut() {
            broker.logs.values_mut().for_each(|reach| (reach.more, reach.finished) = (false, true));
            broker.release(Millis::MAX, out);
        }
    }

    /// What to store, if it changed.
    pub fn state(&mut self) -> Option<TwinsState> {
        let several = |broker: &&Broker| broker.logs.len() > 1 || !broker.is_idle();
        if !std::mem::take(&mut self.dirty) || (!self.stored && !self.brokers.values().any(|broker| several(&broker))) {
            return None;
        }
        let brokers = self.brokers.iter().filter(|(_, broker)| several(broker));
        let state = TwinsState(brokers.map(|(name, broker)| (name.clone(), broker.state())).collect());
        self.stored = !state.0.is_empty();
        Some(state)
    }

    /// Goes on from what was stored. What waits begins to wait anew: its twin may be read now.
    pub fn restore(&mut self, state: TwinsState, now: Millis) {
        self.stored = !state.0.is_empty();
        self.brokers = state.0.into_iter().map(|(name, state)| (name, Broker::restored(state, now))).collect();
    }
}

impl Broker {
    fn others(&self, log: LogId) -> impl Iterator<Item = &Reach> {
        self.logs.iter().filter(move |(other, _)| **other != log).map(|(_, reach)| reach)
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.halves.is_empty() && self.copies.is_empty()
    }

    fn push(&mut self, log: LogId, attempt: Attempt, reread: bool, now: Millis) {
        self.turn += 1;
        let ts = match &attempt {
            Attempt::Refused(row) | Attempt::Revised(row) => row.ts,
            Attempt::Accepted(_, ts) | Attempt::Ended(ts, _) => *ts,
            Attempt::Proxied(link) => link.ts,
        };
        // A clock that is set back does not change the order of one log.
        let reach = self.logs.entry(log).or_default();
        reach.ts = reach.ts.max(Some(ts));
        let ends = !matches!(&attempt, Attempt::Refused(row) if is_first(row));
        let place = Place { at: reach.ts.unwrap_or(ts), ends, log, turn: self.turn };
        let mut attempt = attempt;
        if self.logs.len() > 1
            && let Attempt::Refused(row) = &attempt
        {
            match self.copies.take(log, row, now) {
                None => {}
                Some(true) => attempt = Attempt::Revised(row.clone()),
                Some(false) => return,
            }
        }
        let held = Held { log, attempt, reread, since: now, half: None };
        match &held.attempt {
            Attempt::Refused(row) if row.twin.is_some() => {
                let row = row.clone();
                let Some(held) = self.join(place, held, row) else { return };
                self.held.insert(place, held);
            }
            Attempt::Revised(row) => {
                // It is known better; what its twin said of it stays.
                let rule = |row: &Row| row.twin.as_ref().map(|twin| twin.rule.clone());
                let same = |told: &Row| told.ts == row.ts && told.key() == row.key() && rule(told) == rule(row);
                let waiting = self.held.iter_mut().find(|(_, other)| matches!(&other.attempt, Attempt::Refused(told) if same(told)));
                if let Some((_, waiting)) = waiting {
                    waiting.attempt = Attempt::Refused(row.clone());
                    return;
                }
                self.held.insert(place, held);
            }
            _ => {
                self.held.insert(place, held);
            }
        }
    }

    /// Looks for the twin of a refusal. Gives what is to be held at its place, if anything.
    fn join(&mut self, place: Place, mut held: Held, row: Box<Row>) -> Option<Held> {
        let Some(other) = self.halves.take_twin(&row, place.at) else {
            let half = Half { log: held.log, place, since: held.since, row, told: false };
            held.half = Some(self.halves.put(half));
            return Some(held);
        };
        let comes_first = is_first(&row);
        let one = if comes_first { merged(&row, &other.row) } else { merged(&other.row, &row) };
        let one = Box::new(one);
        held.half = None;
        match (comes_first, other.told) {
            // The second record was told: nothing is counted again.
            (true, true) => {
                held.attempt = Attempt::Revised(one);
                Some(held)
            }
            (true, false) => {
                if let Some(second) = self.held.get_mut(&other.place) {
                    (second.attempt, second.half) = (Attempt::Refused(one), None);
                }
                None
            }
            (false, _) => {
                self.held.remove(&other.place);
                held.attempt = Attempt::Refused(one);
                Some(held)
            }
        }
    }

    /// Whether no record that could be the twin of this one will come.
    fn is_passed(&self, log: LogId, first: bool, place: Place, since: Millis, now: Millis) -> bool {
        let waits = if self.logs.len() > 1 { WAITS } else { WAITS_ALONE };
        let passed = |reach: &Reach| {
            let silent = !reach.more && (now.saturating_sub(since) >= waits || now < since);
            reach.finished || reach.ts.is_some_and(|ts| ts > place.at + WINDOW) || silent
        };
        // In one log the first record of an attempt stands before the second.
        self.others(log).all(passed) && (!first || self.logs.get(&log).is_none_or(passed))
    }

    /// Gives what need not wait, in the order of time. True: something changed.
    fn release(&mut self, now: Millis, out: &mut Out<'_>) -> bool {
        let mut changed = false;
        // An attempt waits for logs that are behind it, and for what waits of the same client.
        let behind: Vec<(LogId, Option<Millis>)> =
            self.logs.iter().filter(|(_, reach)| reach.more).map(|(log, reach)| (*log, reach.ts)).collect();
        let mut blocked: HashSet<ClientKey> = HashSet::new();
        let mut surplus = self.held.len().saturating_sub(MOST_HELD);
        let mut due = Vec::new();
        for (place, held) in &self.held {
            let key = match &held.attempt {
                Attempt::Refused(row) | Attempt::Revised(row) => Some(row.key()),
                Attempt::Accepted(key, _) => Some(key.clone()),
                Attempt::Proxied(_) | Attempt::Ended(..) => None,
            };
            let waits_for_twin = held.half.is_some()
                && match &held.attempt {
                    Attempt::Refused(row) => {
                        let first = is_first(row);
                        (first || id(row).is_none()) && !self.is_passed(held.log, first, *place, held.since, now)
                    }
                    _ => false,
                };
            let too_early = behind.iter().any(|(log, ts)| *log != held.log && ts.is_none_or(|ts| ts < place.at));
            let waits = waits_for_twin || too_early || key.as_ref().is_some_and(|key| blocked.contains(key));
            if waits && surplus == 0 {
                blocked.extend(key);
            } else {
                surplus = surplus.saturating_sub(usize::from(waits));
                due.push(*place);
            }
        }
        for place in due {
            changed = true;
            let Some(held) = self.held.remove(&place) else { continue };
            if let Some(half) = held.half {
                // The record that ends a client's attempt can be told before what says more of it: that is added later.
                let stays = matches!(&held.attempt, Attempt::Refused(row) if !is_first(row) && id(row).is_some());
                self.halves.told(half, stays);
            }
            out(held.attempt, held.reread);
        }
        let over: Vec<u64> = self
            .halves
            .told_ones()
            .filter(|(_, half)| self.is_passed(half.log, false, half.place, half.since, now))
            .map(|(number, _)| number)
            .collect();
        changed |= !over.is_empty();
        over.into_iter().for_each(|number| self.halves.told(number, false));
        let logs = &self.logs;
        changed |= self.copies.forget(|log, ts, since| {
            let silent = now.saturating_sub(since) >= REMEMBERED || now < since;
            let passed = |reach: &Reach| reach.finished || !reach.more && silent || reach.ts.is_some_and(|reached| reached > ts + WINDOW);
            logs.iter().filter(|(other, _)| **other != log).all(|(_, reach)| passed(reach))
        });
        changed
    }

    fn state(&self) -> BrokerState {
        let held = self.held.iter().map(|(place, held)| {
            let kept = match &held.attempt {
                Attempt::Refused(row) => Kept::Refused(row.clone(), Hidden::of(row)),
                Attempt::Revised(row) => Kept::Revised(row.clone(), Hidden::of(row)),
                Attempt::Accepted(key, ts) => Kept::Accepted(key.clone(), *ts),
                Attempt::Proxied(link) => Kept::Proxied(link.clone()),
                Attempt::Ended(ts, ending) => Kept::Ended(*ts, *ending),
            };
            (*place, HeldState { log: held.log, kept, reread: held.reread, half: held.half })
        });
        BrokerState {
            logs: self.logs.clone(),
            held: held.collect(),
            halves: self.halves.all().map(|half| (half.clone(), Hidden::of(&half.row))).collect(),
            copies: self.copies.newest(),
            turn: self.turn,
        }
    }

    fn restored(state: BrokerState, now: Millis) -> Broker {
        let mut broker = Broker { logs: state.logs, copies: state.copies, turn: state.turn, ..Broker::default() };
        broker.copies.since(now);
        for (place, held) in state.held {
            let whole = |mut row: Box<Row>, hidden: Hidden| {
                hidden.into(&mut row);
                row
            };
            let attempt = match held.kept {
                Kept::Refused(row, hidden) => Attempt::Refused(whole(row, hidden)),
                Kept::Revised(row, hidden) => Attempt::Revised(whole(row, hidden)),
                Kept::Accepted(key, ts) => Attempt::Accepted(key, ts),
                Kept::Proxied(link) => Attempt::Proxied(link),
                Kept::Ended(ts, ending) => Attempt::Ended(ts, ending),
            };
            broker.held.insert(place, Held { log: held.log, attempt, reread: held.reread, since: now, half: None });
        }
        for (mut half, hidden) in state.halves {
            hidden.into(&mut half.row);
            let place = half.place;
            let number = broker.halves.put(Half { since: now, ..half });
            if let Some(held) = broker.held.get_mut(&place) {
                held.half = Some(number);
            }
        }
        broker
    }
}

/// Whether the record is the one that comes first, and says which others tell the same attempt.
pub(super) fn is_first(row: &Row) -> bool {
    row.twin.as_ref().is_some_and(|twin| !twin.same_as.is_empty())
}
