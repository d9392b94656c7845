//! The same attempt in two logs: which ones were told already.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::stage::LogId;
use crate::model::{Field, Millis, Row};

/// More attempts than this are not kept in mind; the oldest are forgotten.
const MOST: usize = 20_000;
/// So many of them are stored: logs that are read side by side do not run further apart.
const STORED: usize = 2_000;

/// One attempt, by what its copy in another log would be known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    log: LogId,
    /// The logs whose copy of it was passed over.
    also: Vec<LogId>,
    marks: Vec<u64>,
    ts: Millis,
    since: Millis,
    /// The client, and how many of the row's fields are certain.
    client: u64,
    certain: usize,
}

/// All that are kept in mind, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Print>", into = "Vec<Print>")]
pub(super) struct Copies {
    list: VecDeque<Print>,
    first: u64,
    by_mark: BTreeMap<u64, Vec<u64>>,
}

impl From<Vec<Print>> for Copies {
    fn from(prints: Vec<Print>) -> Copies {
        let mut copies = Copies::default();
        prints.into_iter().for_each(|print| copies.push(print));
        copies
    }
}

impl From<Copies> for Vec<Print> {
    fn from(copies: Copies) -> Vec<Print> {
        copies.list.into()
    }
}

impl Copies {
    /// Whether this is the copy of an attempt that another log told: true: one that says more. If not, it is kept in mind.
    pub(super) fn take(&mut self, log: LogId, row: &Row, now: Millis) -> Option<bool> {
        let marks = marks(row);
        let client = hash(&[row.identity.code().as_bytes(), row.client_id.as_bytes()]);
        let certain = certain(row);
        let mut known: Vec<u64> = marks.iter().filter_map(|mark| self.by_mark.get(mark)).flatten().copied().collect();
        known.sort_unstable();
        for number in known {
            let Some(print) = self.get(number).filter(|print| print.log != log && !print.also.contains(&log)) else { continue };
            print.also.push(log);
            let better = print.client == client && certain > print.certain;
            print.certain = print.certain.max(certain);
            return Some(better);
        }
        self.push(Print { log, also: Vec::new(), marks, ts: row.ts, since: now, client, certain });
        None
    }

    /// Forgets those for which `done` says so, beginning with the oldest. True: there were some.
    pub(super) fn forget(&mut self, done: impl Fn(LogId, Millis, Millis) -> bool) -> bool {
        let before = self.first;
        while self.list.front().is_some_and(|print| done(print.log, print.ts, print.since)) {
            self.forget_oldest();
        }
        self.first != before
    }

    /// They are waited for anew from this time on.
    pub(super) fn since(&mut self, now: Millis) {
        self.list.iter_mut().for_each(|print| print.since = now);
    }

    /// The newest of them, to be stored.
    pub(super) fn newest(&self) -> Copies {
        self.list.iter().skip(self.list.len().saturating_sub(STORED)).cloned().collect::<Vec<_>>().into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn push(&mut self, print: Print) {
        if self.list.len() >= MOST {
            self.forget_oldest();
        }
        let number = self.first + self.list.len() as u64;
        for mark in &print.marks {
            self.by_mark.entry(*mark).or_default().push(number);
        }
        self.list.push_back(print);
    }

    fn get(&mut self, number: u64) -> Option<&mut Print> {
        self.list.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn forget_oldest(&mut self) {
        let Some(print) = self.list.pop_front() else { return };
        for mark in print.marks {
            if let Some(numbers) = self.by_mark.get_mut(&mark) {
                numbers.retain(|number| *number != self.first);
                if numbers.is_empty() {
                    self.by_mark.remove(&mark);
                }
            }
        }
        self.first += 1;
    }
}

/// What a copy has in common with it: the line that told it; and, where the stamp is finer than a second, the whole row.
fn marks(row: &Row) -> Vec<u64> {
    let mut marks: Vec<u64> = row.evidence.last().map(|line| hash(&[b"line", line.as_bytes()])).into_iter().collect();
    if row.ts % 1000 != 0 {
        let text = |value: Option<String>| value.unwrap_or_default();
        let rest = [
            row.ts.to_string(),
            text(row.ip_address.map(|ip| ip.to_string())),
            text(row.peer.map(|peer| peer.to_string())),
            text(row.username.clone()),
            row.reason.to_string(),
            // Two kinds of records of one attempt are twins, and say more together.
            text(row.twin.as_ref().map(|twin| twin.rule.clone())),
        ];
        let parts: Vec<&[u8]> =
            [row.identity.code(), &row.client_id].into_iter().chain(rest.iter().map(String::as_str)).map(str::as_bytes).collect();
        marks.push(hash(&parts));
    }
    marks
}

/// How many fields a row has of which it is certain.
fn certain(row: &Row) -> usize {
    let fields = [
        (Field::ClientId, true),
        (Field::IpAddress, row.ip_address.is_some()),
        (Field::Username, row.username.is_some()),
        (Field::PasswordProvided, row.password_provided.is_some()),
        (Field::TlsUsed, row.tls_used.is_some()),
        (Field::Reason, true),
    ];
    fields.iter().filter(|(field, there)| *there && !row.inferred.contains(field)).count()
}

/// FNV-1a: the same in every release, because it is stored.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
