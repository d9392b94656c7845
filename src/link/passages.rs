//! What terminators handed on to brokers, to be found by port, by the client's own address, or by time.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::align::{NEAR as NEAR_IN_TIME, Session, span};
use crate::model::{Link, Millis, Row};

/// More connections than this are not kept; the oldest are forgotten.
const MOST: usize = 200_000;
/// A port is used again: a connection this far away in time is another one.
const NEAR: Millis = 300_000;

/// So far apart are the stamps of two lines that say the same.
const TWICE: Millis = 200;

/// A connection that a terminator handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Passage {
    pub(super) link: Link,
    /// The refusal that the terminator's own log tells of it.
    pub(super) row: Option<Box<Row>>,
    /// A broker's refusal was joined to it.
    pub(super) used: bool,
    /// When it was read.
    #[serde(default)]
    pub(super) since: Millis,
}

/// All that are kept. Only the list is stored: the rest is made from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Passages {
    list: VecDeque<Passage>,
    /// The number of the first of the list.
    first: u64,
    by_port: BTreeMap<u16, Vec<u64>>,
    by_client: BTreeMap<SocketAddr, Vec<u64>>,
    /// Those that only time can join, by time.
    by_time: std::collections::BTreeSet<(Millis, u64)>,
    /// The terminators' own addresses, as far as their logs show them.
    pub(super) upstream: std::collections::BTreeSet<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    first: u64,
    list: Vec<Passage>,
    upstream: Vec<IpAddr>,
}

impl From<Passages> for Stored {
    fn from(passages: Passages) -> Stored {
        Stored { first: passages.first, list: passages.list.into(), upstream: passages.upstream.into_iter().collect() }
    }
}

impl From<Stored> for Passages {
    fn from(stored: Stored) -> Passages {
        let mut passages = Passages { first: stored.first, upstream: stored.upstream.into_iter().collect(), ..Passages::default() };
        for passage in stored.list {
            passages.push(passage);
        }
        passages
    }
}

impl Passages {
    /// Adds one; its number.
    pub(super) fn push(&mut self, passage: Passage) -> u64 {
        while self.list.len() >= MOST {
            self.forget_oldest();
        }
        let number = self.first + self.list.len() as u64;
        let link = &passage.link;
        self.upstream.extend(link.upstream_ip);
        match link.upstream_port {
            Some(port) => self.by_port.entry(port).or_default().push(number),
            None => {
                self.by_time.insert((over(link), number));
            }
        }
        if let (Some(ip), Some(port)) = (link.client_ip, link.client_port) {
            self.by_client.entry(SocketAddr::from((ip, port))).or_default().push(number);
        }
        self.list.push_back(passage);
        number
    }

    /// The newest of them, to be stored.
    pub(super) fn newest(&self, most: usize) -> Passages {
        let mut newest = Passages { upstream: self.upstream.clone(), first: self.first, ..Passages::default() };
        let skip = self.list.len().saturating_sub(most);
        newest.first += skip as u64;
        for passage in self.list.iter().skip(skip) {
            newest.push(passage.clone());
        }
        newest
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Passage> {
        self.list.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The connection whose other end the broker saw at this address and port; the nearest in time.
    pub(super) fn by_peer(&self, peer: SocketAddr, ts: Millis) -> Option<u64> {
        let fits = |passage: &Passage| passage.link.upstream_ip.is_none_or(|ip| ip == peer.ip());
        self.nearest(self.by_port.get(&peer.port()), ts, fits)
    }

    /// The connection of the client with this address and port, which the PROXY protocol told the broker.
    pub(super) fn by_client(&self, client: SocketAddr, ts: Millis) -> Option<u64> {
        self.nearest(self.by_client.get(&client), ts, |_| true)
    }

    /// Whether none is known.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there are connections that only time can join.
    pub(super) fn any_by_time(&self) -> bool {
        !self.by_time.is_empty()
    }

    /// Those that ended between these times and that nothing was joined to, in the order of their lines; only time can join them.
    pub(super) fn ended_between(&self, from: Millis, to: Millis) -> Vec<(u64, Session)> {
        let range = (from - NEAR_IN_TIME - 1_000, 0)..=(to + NEAR_IN_TIME, u64::MAX);
        let mut numbers: Vec<u64> = self.by_time.range(range).map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        let fitting = numbers.into_iter().filter_map(|number| Some((number, self.get(number)?))).filter(|(_, passage)| !passage.used);
        fitting.map(|(number, passage)| (number, session(&passage.link))).collect()
    }

    /// Whether a line says again what another one said: a failure is logged twice where errors have a log of their own.
    pub(super) fn is_told(&self, link: &Link) -> bool {
        let (Some(ip), Some(port)) = (link.client_ip, link.client_port) else { return false };
        let known = self.by_client.get(&SocketAddr::from((ip, port)));
        known.into_iter().flatten().filter_map(|number| self.get(*number)).any(|passage| {
            let known = &passage.link;
            let near = known.ended.zip(link.ended).is_some_and(|(one, two)| (one - two).abs() <= TWICE);
            near && (known.lasted, known.sent_bytes) == (link.lasted, link.sent_bytes)
        })
    }

    fn get(&self, number: u64) -> Option<&Passage> {
        self.list.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn nearest(&self, numbers: Option<&Vec<u64>>, ts: Millis, fits: impl Fn(&Passage) -> bool) -> Option<u64> {
        let near = numbers?.iter().filter_map(|number| Some((*number, self.get(*number)?))).filter(|(_, passage)| fits(passage));
        let away = near.map(|(number, passage)| ((passage.link.ts - ts).abs(), number)).filter(|(away, _)| *away <= NEAR);
        away.min().map(|(_, number)| number)
    }

    fn forget_oldest(&mut self) {
        let Some(passage) = self.list.pop_front() else { return };
        let number = self.first;
        self.first += 1;
        let link = passage.link;
        self.by_time.remove(&(over(&link), number));
        if let Some(port) = link.upstream_port {
            drop_number(&mut self.by_port, &port, number);
        }
        if let (Some(ip), Some(port)) = (link.client_ip, link.client_port) {
            drop_number(&mut self.by_client, &SocketAddr::from((ip, port)), number);
        }
    }

    /// Forgets what is older than a broker's record of this time can be about, and what was read long ago.
    pub(super) fn forget_before(&mut self, ts: Option<Millis>, now: Millis) {
        let old =
            |passage: &Passage| passage.row.is_none() && (ts.is_some_and(|ts| passage.link.ts < ts - NEAR) || now - passage.since > NEAR);
        while self.list.front().is_some_and(old) {
            self.forget_oldest();
        }
    }
}

/// When it ended, or the only time that its line names.
fn over(link: &Link) -> Millis {
    link.ended.unwrap_or(link.ts)
}

fn session(link: &Link) -> Session {
    Session { time: span(over(link)), lasted: link.lasted, sent: link.sent_bytes }
}

fn drop_number<K: Ord>(index: &mut BTreeMap<K, Vec<u64>>, key: &K, number: u64) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.retain(|known| *known != number);
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}
