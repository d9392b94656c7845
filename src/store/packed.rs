//! Rows in few bytes, for a replay of millions of clients.
//!
//! A row of the model takes about a kilobyte in a dozen allocations; most of that says the same in every row. Here it is one run of
//! bytes: texts that come again stand once in a list, and a line of evidence is the number of its form, with the client ID and the
//! numbers taken out. What does not fit that is kept as it is: nothing is lost, whatever a stranger wrote.

use std::collections::HashMap;
use std::net::IpAddr;

use super::bytes::{put, put_bytes, put_digits, put_signed, take, take_array, take_byte, take_bytes, take_signed};
use super::form::{CLIENT, Text, split};
use crate::model::{Field, Identity, Millis, Reason, Row};

/// How many texts are kept once; further ones stand in their rows. Strangers can fill it, so it is bounded.
const TEXTS: usize = 4096;
/// A longer text is no form of a line.
const LONGEST: usize = 1024;
/// The places of texts in a row: the broker's name, the reason, the lists, and each line of evidence.
const PLACES: usize = LINES + 8;
const BROKER: usize = 0;
const REASON: usize = 1;
const LISTS: usize = 2;
const LINES: usize = 3;
/// The numbers of few lines take more bytes.
const USUAL_NUMBERS: usize = 48;

const FIELDS: [Field; 7] =
    [Field::ClientId, Field::IpAddress, Field::Ts, Field::Username, Field::PasswordProvided, Field::TlsUsed, Field::Reason];
const IDENTITIES: [Identity; 4] = [Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address];

/// The texts that many rows have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    list: Vec<Text>,
    places: HashMap<Box<[u8]>, u32>,
    form: Vec<u8>,
    numbers: Vec<u8>,
    /// What stood last in each place of a row.
    recent: [u32; PLACES],
}

impl Texts {
    /// The number of a text, if it stands in the list or there is room for it. Mostly it is the one that stood last in this place of
    /// a row.
    fn number(&mut self, place: usize, text: &[u8]) -> Option<u32> {
        let recent = self.recent.get(place).copied().unwrap_or_default();
        if self.list.get(recent as usize).is_some_and(|known| *known.bytes == *text) {
            return Some(recent);
        }
        let at = match self.places.get(text) {
            Some(at) => *at,
            None if self.list.len() >= TEXTS || text.len() > LONGEST => return None,
            None => {
                let at = u32::try_from(self.list.len()).ok()?;
                self.list.push(Text::new(text));
                self.places.insert(text.into(), at);
                at
            }
        };
        self.recent.get_mut(place).into_iter().for_each(|recent| *recent = at);
        Some(at)
    }

    fn put_text(&mut self, place: usize, text: &[u8], out: &mut Vec<u8>) {
        match self.number(place, text) {
            Some(at) => put(out, u64::from(at) + 1),
            None => {
                put(out, 0);
                put_bytes(out, text);
            }
        }
    }

    fn text<'a>(&'a self, from: &mut &'a [u8]) -> &'a [u8] {
        match take(from) {
            0 => take_bytes(from),
            at => self.list.get(usize::try_from(at - 1).unwrap_or(usize::MAX)).map_or(&[], |text| &text.bytes),
        }
    }

    /// What a row is found by: the same bytes for the same key.
    pub(super) fn key(&mut self, broker: &str, identity: Identity, client_id: &str, out: &mut Vec<u8>) {
        out.push(position(&IDENTITIES, &identity));
        self.put_text(BROKER, broker.as_bytes(), out);
        put_bytes(out, client_id.as_bytes());
    }

    /// The whole row, after its key.
    pub(super) fn pack(&mut self, row: &Row, out: &mut Vec<u8>) {
        put_signed(out, row.ts);
        put_signed(out, row.first_ts.wrapping_sub(row.ts));
        put(out, row.attempts);
        let flag = |flag: Option<bool>| flag.map_or(0, |flag| 1 + u8::from(flag));
        let address = match row.ip_address {
            None => 0,
            Some(IpAddr::V4(_)) => 1,
            Some(IpAddr::V6(_)) => 2,
        };
        out.push(flag(row.password_provided) | flag(row.tls_used) << 2 | address << 4 | u8::from(row.username.is_some()) << 6);
        match row.ip_address {
            None => {}
            Some(IpAddr::V4(ip)) => out.extend_from_slice(&ip.octets()),
            Some(IpAddr::V6(ip)) => out.extend_from_slice(&ip.octets()),
        }
        if let Some(username) = &row.username {
            put_bytes(out, username.as_bytes());
        }
        out.push(position(Reason::ALL, &row.reason_code));
        self.put_text(REASON, row.reason.as_bytes(), out);
        let mut list = std::mem::take(&mut self.form);
        list.clear();
        list.push(u8::try_from(row.alternatives.len()).unwrap_or(u8::MAX));
        list.extend(row.alternatives.iter().map(|reason| position(Reason::ALL, reason)));
        list.extend(row.inferred.iter().map(|field| position(&FIELDS, field)));
        self.put_text(LISTS, &list, out);
        self.form = list;
        put(out, row.evidence.len() as u64);
        for (place, line) in row.evidence.iter().enumerate() {
            self.put_line(LINES + place, line.as_bytes(), row.client_id.as_bytes(), out);
        }
    }

    /// The row that was packed.
    pub(super) fn unpack(&self, from: &[u8]) -> Row {
        let mut row = blank();
        self.unpack_into(from, &mut row);
        row
    }

    /// The same in the place of another row, whose memory it takes.
    pub(super) fn unpack_into<'a>(&'a self, mut from: &'a [u8], row: &mut Row) {
        let from = &mut from;
        row.identity = IDENTITIES.get(usize::from(take_byte(from))).copied().unwrap_or(Identity::ClientId);
        set(&mut row.broker, self.text(from));
        let client_id = take_bytes(from);
        set(&mut row.client_id, client_id);
        row.ts = take_signed(from);
        row.first_ts = take_signed(from).wrapping_add(row.ts);
        row.attempts = take(from);
        let flags = take_byte(from);
        let flag = |bits: u8| (bits & 3 != 0).then_some(bits & 3 == 2);
        (row.password_provided, row.tls_used) = (flag(flags), flag(flags >> 2));
        row.ip_address = match flags >> 4 & 3 {
            1 => Some(IpAddr::from(take_array::<4>(from))),
            2 => Some(IpAddr::from(take_array::<16>(from))),
            _ => None,
        };
        row.username = (flags & 64 != 0).then(|| owned(take_bytes(from).to_vec()));
        let reason_of = |byte: u8| Reason::ALL.get(usize::from(byte)).copied().unwrap_or(Reason::Other);
        row.reason_code = reason_of(take_byte(from));
        set(&mut row.reason, self.text(from));
        let list = self.text(from);
        let (alternatives, inferred) = list.split_at_checked(1 + usize::from(list.first().copied().unwrap_or(0))).unwrap_or((list, &[]));
        row.alternatives.clear();
        row.alternatives.extend(alternatives.iter().skip(1).map(|byte| reason_of(*byte)));
        row.inferred.clear();
        row.inferred.extend(inferred.iter().filter_map(|byte| FIELDS.get(usize::from(*byte)).copied()));
        let lines = usize::try_from(take(from)).unwrap_or(0).min(from.len());
        row.evidence.resize_with(lines, String::new);
        for text in &mut row.evidence {
            let mut line = std::mem::take(text).into_bytes();
            line.clear();
            self.line(client_id, from, &mut line);
            *text = owned(line);
        }
    }

    /// A line of evidence: the number of its form, then its numbers; or 0 and the line.
    fn put_line(&mut self, place: usize, line: &[u8], client: &[u8], out: &mut Vec<u8>) {
        self.numbers.clear();
        // Mostly it has the form of the line that stood last in its place.
        let recent = self.recent.get(place).copied().unwrap_or_default();
        let known = self.list.get(recent as usize).is_some_and(|form| form.is_form_of(line, client, &mut self.numbers));
        let number = if known { Some(recent) } else { self.form_of(place, line, client) };
        match number {
            Some(number) => {
                put(out, u64::from(number) + 1);
                out.extend_from_slice(&self.numbers);
            }
            None => {
                put(out, 0);
                put_bytes(out, line);
            }
        }
    }

    /// The number of a line's form, if it has one; its numbers are put down.
    fn form_of(&mut self, place: usize, line: &[u8], client: &[u8]) -> Option<u32> {
        let mut form = std::mem::take(&mut self.form);
        form.clear();
        self.numbers.clear();
        let number = if split(line, client, &mut form, &mut self.numbers) { self.number(place, &form) } else { None };
        self.form = form;
        number
    }

    fn line(&self, client: &[u8], from: &mut &[u8], line: &mut Vec<u8>) {
        let number = take(from);
        if number == 0 {
            return line.extend_from_slice(take_bytes(from));
        }
        let Some(form) = self.list.get(usize::try_from(number - 1).unwrap_or(usize::MAX)) else { return };
        line.reserve(form.bytes.len() + client.len() + USUAL_NUMBERS);
        let (parts, last) = form.parts();
        for (part, mark) in parts {
            line.extend_from_slice(part);
            if mark == CLIENT {
                line.extend_from_slice(client);
            } else {
                let value = take(from);
                let width = if value & 1 == 1 { usize::try_from(take(from)).unwrap_or(0) } else { 0 };
                put_digits(line, value >> 1, width);
            }
        }
        line.extend_from_slice(last);
    }
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
        reason: String::new(),
        reason_code: Reason::Other,
        alternatives: Vec::new(),
        inferred: Vec::new(),
        identity: Identity::ClientId,
        broker: String::new(),
        attempts: 0,
        first_ts: 0,
        evidence: Vec::new(),
        peer: None,
        upstream: None,
        twin: None,
    }
}

/// The key of a packed row, and what of it says when and how often.
pub(super) struct Known<'a> {
    /// The bytes that [`Texts::key`] made.
    pub(super) key: &'a [u8],
    pub(super) client_id: &'a [u8],
    pub(super) ts: Millis,
    pub(super) first_ts: Millis,
    pub(super) attempts: u64,
}

/// Reads the beginning of a packed row.
pub(super) fn known(record: &[u8]) -> Known<'_> {
    let mut rest = record;
    let from = &mut rest;
    take_byte(from);
    if take(from) == 0 {
        take_bytes(from);
    }
    let client_id = take_bytes(from);
    let key = &record[..record.len() - from.len()];
    let ts = take_signed(from);
    let first_ts = take_signed(from).wrapping_add(ts);
    Known { key, client_id, ts, first_ts, attempts: take(from) }
}

fn position<T: PartialEq>(list: &[T], one: &T) -> u8 {
    list.iter().position(|other| other == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn set(text: &mut String, bytes: &[u8]) {
    text.clear();
    match std::str::from_utf8(bytes) {
        Ok(known) => text.push_str(known),
        Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
    }
}

fn owned(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
