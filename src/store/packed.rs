//! Rows in few bytes, for a replay of millions of clients.
//!
//! A row of the model takes about a kilobyte in a dozen allocations; most of that says the same in every row. Here it is one run of
//! bytes: texts that come again stand once in a list, and a line of evidence is the number of its form, with the client ID, the address
//! and the numbers taken out. What does not fit that is kept as it is: nothing is lost, whatever a stranger wrote.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::bytes::{put, put_address, put_bytes, put_signed, take, take_array, take_byte, take_bytes, take_signed};
use super::form::{Around, Places};
use super::texts::{BROKER, Text, Texts, WHY};
use crate::model::{Evidence, Field, Identity, Millis, Reason, Reasons, Row};

/// In the order in which they are declared, as the lists of fields and reasons.
const IDENTITIES: [Identity; 4] = [Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address];

/// Packs rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packer {
    pub(super) texts: Texts,
    /// The row that was packed last.
    pub(super) record: Vec<u8>,
    why: Vec<u8>,
    address: Vec<u8>,
    last: Option<Last>,
}

/// Why the client of the row was refused that was packed last, and the number of that text.
#[derive(Debug, Clone)]
struct Last {
    reason: Arc<str>,
    code: Reason,
    alternatives: Reasons,
    inferred: Vec<Field>,
    number: u64,
}

impl Last {
    /// Whether another row says the same.
    fn is_of(&self, row: &Row) -> bool {
        Arc::ptr_eq(&self.reason, &row.reason)
            && self.code == row.reason_code
            && self.alternatives == row.alternatives
            && self.inferred == row.inferred
    }
}

impl Packer {
    /// Packs a row, and shows it.
    pub(crate) fn packed(&mut self, row: &Row) -> View<'_> {
        self.key(&row.broker, row.identity, &row.client_id);
        self.rest(row, row.attempts, row.first_ts);
        View::read(&self.texts, &self.record)
    }

    /// Begins a record with what a row is found by: the same bytes for the same key.
    pub(super) fn key(&mut self, broker: &str, identity: Identity, client_id: &str) {
        self.record.clear();
        self.record.push(identity as u8);
        self.texts.put(BROKER, broker.as_bytes(), &mut self.record);
        put_bytes(&mut self.record, client_id.as_bytes());
    }

    /// The row after its key.
    pub(super) fn rest(&mut self, row: &Row, attempts: u64, first_ts: Millis) {
        let Packer { texts, record, why, address, last } = self;
        put_signed(record, row.ts);
        put_signed(record, first_ts.wrapping_sub(row.ts));
        put(record, attempts);
        let flag = |flag: Option<bool>| flag.map_or(0, |flag| 1 + u8::from(flag));
        let family = match row.ip_address {
            None => 0,
            Some(IpAddr::V4(_)) => 1,
            Some(IpAddr::V6(_)) => 2,
        };
        record.push(flag(row.password_provided) | flag(row.tls_used) << 2 | family << 4 | u8::from(row.username.is_some()) << 6);
        match row.ip_address {
            None => {}
            Some(IpAddr::V4(ip)) => record.extend_from_slice(&ip.octets()),
            Some(IpAddr::V6(ip)) => record.extend_from_slice(&ip.octets()),
        }
        if let Some(username) = &row.username {
            put_bytes(record, username.as_bytes());
        }
        match last {
            Some(last) if last.is_of(row) => put(record, last.number),
            _ => {
                why.clear();
                why.push(row.reason_code as u8);
                put(why, row.alternatives.len() as u64);
                why.extend(row.alternatives.iter().map(|reason| *reason as u8));
                put(why, row.inferred.len() as u64);
                why.extend(row.inferred.iter().map(|field| *field as u8));
                why.extend_from_slice(row.reason.as_bytes());
                *last = texts.put(WHY, why, record).map(|number| Last {
                    reason: Arc::clone(&row.reason),
                    code: row.reason_code,
                    alternatives: row.alternatives.clone(),
                    inferred: row.inferred.clone(),
                    number,
                });
            }
        }
        address.clear();
        row.ip_address.into_iter().for_each(|ip| put_address(address, ip));
        put(record, row.evidence.len() as u64);
        let mut around = Around { client: row.client_id.as_bytes(), address, before: &[] };
        for (number, line) in row.evidence.bytes().enumerate() {
            texts.put_line(number, line, &around, record);
            around.before = line;
        }
    }
}

/// A packed row, of which nothing was copied.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    pub(crate) identity: Identity,
    pub(crate) broker: Text<'a>,
    pub(crate) client_id: &'a [u8],
    pub(crate) ts: Millis,
    pub(crate) first_ts: Millis,
    pub(crate) attempts: u64,
    pub(crate) password_provided: Option<bool>,
    pub(crate) tls_used: Option<bool>,
    pub(crate) ip_address: Option<IpAddr>,
    pub(crate) username: Option<&'a [u8]>,
    /// To be read with [`Why::read`].
    pub(crate) why: Text<'a>,
    pub(crate) evidence: Lines<'a>,
}

impl<'a> View<'a> {
    /// Reads a packed row.
    #[inline]
    pub(super) fn read(texts: &'a Texts, record: &'a [u8]) -> View<'a> {
        let mut rest = record;
        let from = &mut rest;
        let identity = IDENTITIES.get(usize::from(take_byte(from))).copied().unwrap_or(Identity::ClientId);
        let broker = texts.take(from);
        let client_id = take_bytes(from);
        let ts = take_signed(from);
        let first_ts = take_signed(from).wrapping_add(ts);
        let attempts = take(from);
        let flags = take_byte(from);
        let flag = |bits: u8| (bits & 3 != 0).then_some(bits & 3 == 2);
        let (password_provided, tls_used) = (flag(flags), flag(flags >> 2));
        let ip_address = match flags >> 4 & 3 {
            1 => Some(IpAddr::from(take_array::<4>(from))),
            2 => Some(IpAddr::from(take_array::<16>(from))),
            _ => None,
        };
        let username = (flags & 64 != 0).then(|| take_bytes(from));
        let why = texts.take(from);
        let evidence = Lines { left: take(from), from, texts };
        View { identity, broker, client_id, ts, first_ts, attempts, password_provided, tls_used, ip_address, username, why, evidence }
    }

    /// The row, in the memory of another one.
    pub(super) fn unpack(&self, row: &mut Row, lines: &mut Vec<u8>) {
        row.identity = self.identity;
        share(&mut row.broker, self.broker.bytes());
        set(&mut row.client_id, self.client_id);
        (row.ts, row.first_ts, row.attempts) = (self.ts, self.first_ts, self.attempts);
        (row.password_provided, row.tls_used, row.ip_address) = (self.password_provided, self.tls_used, self.ip_address);
        row.username = self.username.map(|username| String::from_utf8_lossy(username).into_owned());
        let why = Why::read(self.why.bytes());
        row.reason_code = why.code;
        share(&mut row.reason, why.reason);
        row.alternatives.clear();
        row.alternatives.extend(why.alternatives());
        row.inferred.clear();
        row.inferred.extend(why.inferred());
        let mut places = Places::default();
        lines.clear();
        lines.extend_from_slice(self.client_id);
        places.client = 0..lines.len();
        self.ip_address.into_iter().for_each(|ip| put_address(lines, ip));
        places.address = places.client.end..lines.len();
        let mut evidence = self.evidence.clone();
        let mut ends = SmallVec::<[usize; 8]>::new();
        while let Some(line) = evidence.next() {
            let begin = lines.len();
            match line {
                Text::Own(text) => lines.extend_from_slice(text),
                Text::Kept(_, form) => form.write(lines, &places, evidence.values()),
            }
            places.before = begin;
            ends.push(lines.len());
        }
        row.evidence = Evidence::of(&lines[places.address.end..], ends.iter().map(|end| end - places.address.end));
    }
}

/// The lines of evidence of a packed row.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    left: u64,
    from: &'a [u8],
    texts: &'a Texts,
}

impl<'a> Lines<'a> {
    /// The next line, or the form of it: then its values must be taken before the line after it.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Text<'a>> {
        if self.left == 0 || self.from.is_empty() {
            return None;
        }
        self.left -= 1;
        Some(self.texts.take(&mut self.from))
    }

    /// From here a form takes its values.
    #[inline]
    pub(crate) fn values(&mut self) -> &mut &'a [u8] {
        &mut self.from
    }
}

/// Why a client was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Why<'a> {
    pub(crate) code: Reason,
    pub(crate) reason: &'a [u8],
    alternatives: &'a [u8],
    inferred: &'a [u8],
}

impl<'a> Why<'a> {
    /// Reads what a packed row holds of it.
    pub(crate) fn read(mut from: &'a [u8]) -> Why<'a> {
        let from = &mut from;
        let code = reason_of(&take_byte(from)).unwrap_or(Reason::Other);
        let (alternatives, inferred) = (take_bytes(from), take_bytes(from));
        Why { code, reason: from, alternatives, inferred }
    }

    /// Other reasons that it may have been.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = Reason> + 'a {
        self.alternatives.iter().filter_map(reason_of)
    }

    /// What of the row is not certain.
    pub(crate) fn inferred(&self) -> impl Iterator<Item = Field> + 'a {
        self.inferred.iter().filter_map(|byte| Field::ALL.get(usize::from(*byte)).copied())
    }
}

fn reason_of(byte: &u8) -> Option<Reason> {
    Reason::ALL.get(usize::from(*byte)).copied()
}

/// A row that says nothing.
pub(super) fn blank() -> Row {
    Row {
        client_id: String::new(),
        ip_address: None,
        ts: 0,
        username: None,
        password_provided: None,
        tls_used: None,
        reason: Arc::default(),
        reason_code: Reason::Other,
        alternatives: Reasons::new(),
        inferred: Vec::new(),
        identity: Identity::ClientId,
        broker: Arc::default(),
        attempts: 0,
        first_ts: 0,
        evidence: Evidence::default(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

/// The key of a packed row, and what of it says when and how often.
pub(super) struct Known<'a> {
    /// The bytes that [`Packer::key`] made.
    pub(super) key: &'a [u8],
    pub(super) client_id: &'a [u8],
    rest: &'a [u8],
}

impl Known<'_> {
    /// Time of the last attempt, of the first, and how many there were.
    pub(super) fn counts(&self) -> (Millis, Millis, u64) {
        let mut from = self.rest;
        let ts = take_signed(&mut from);
        (ts, take_signed(&mut from).wrapping_add(ts), take(&mut from))
    }
}

/// Reads the beginning of a packed row.
#[inline]
pub(super) fn known(record: &[u8]) -> Known<'_> {
    let mut rest = record;
    let from = &mut rest;
    take_byte(from);
    if take(from) == 0 {
        take_bytes(from);
    }
    let client_id = take_bytes(from);
    let (key, rest) = record.split_at(record.len() - from.len());
    Known { key, client_id, rest }
}

fn set(text: &mut String, bytes: &[u8]) {
    if text.as_bytes() != bytes {
        text.clear();
        text.push_str(&String::from_utf8_lossy(bytes));
    }
}

/// The same for a text that other rows have as well.
fn share(text: &mut Arc<str>, bytes: &[u8]) {
    if text.as_bytes() != bytes {
        *text = String::from_utf8_lossy(bytes).into();
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
