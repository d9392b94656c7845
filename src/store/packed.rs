//! Rows in few bytes, for a replay of millions of clients.
//!
//! A row of the model takes about a kilobyte in a dozen allocations; most of that says the same in every row. Here it is one run of
//! bytes: texts that come again stand once in a list, and a line of evidence is the number of its form, with the client ID and the
//! numbers taken out. What does not fit that is kept as it is: nothing is lost, whatever a stranger wrote.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::{Field, Identity, Millis, Reason, Row};

/// How many texts are kept once; further ones stand in their rows. Strangers can fill it, so it is bounded.
const TEXTS: usize = 4096;
/// A longer text is no form of a line.
const LONGEST: usize = 1024;
/// In the form of a line: here stands the client ID.
const CLIENT: u8 = 1;
/// In the form of a line: here stands a number.
const NUMBER: u8 = 2;
/// Longer numbers do not fit.
const DIGITS: usize = 18;

const FIELDS: [Field; 7] =
    [Field::ClientId, Field::IpAddress, Field::Ts, Field::Username, Field::PasswordProvided, Field::TlsUsed, Field::Reason];
const IDENTITIES: [Identity; 4] = [Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address];

/// The texts that many rows have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    list: Vec<Box<[u8]>>,
    places: HashMap<Box<[u8]>, u32>,
    form: Vec<u8>,
    numbers: Vec<u8>,
}

impl Texts {
    /// The number of a text, if it stands in the list or there is room for it.
    fn number(&mut self, text: &[u8]) -> Option<u32> {
        if let Some(at) = self.places.get(text) {
            return Some(*at);
        }
        if self.list.len() >= TEXTS || text.len() > LONGEST {
            return None;
        }
        let at = u32::try_from(self.list.len()).ok()?;
        self.list.push(text.into());
        self.places.insert(text.into(), at);
        Some(at)
    }

    fn put_text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        match self.number(text) {
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
            at => self.list.get(usize::try_from(at - 1).unwrap_or(usize::MAX)).map_or(&[], |text| text),
        }
    }

    /// What a row is found by: the same bytes for the same key.
    pub(super) fn key(&mut self, broker: &str, identity: Identity, client_id: &str, out: &mut Vec<u8>) {
        out.push(position(&IDENTITIES, &identity));
        self.put_text(broker.as_bytes(), out);
        put_bytes(out, client_id.as_bytes());
    }

    /// The whole row, its key first.
    pub(super) fn pack(&mut self, row: &Row, out: &mut Vec<u8>) {
        self.key(&row.broker, row.identity, &row.client_id, out);
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
        self.put_text(row.reason.as_bytes(), out);
        let mut list = Vec::with_capacity(row.alternatives.len() + row.inferred.len() + 1);
        list.push(u8::try_from(row.alternatives.len()).unwrap_or(u8::MAX));
        list.extend(row.alternatives.iter().map(|reason| position(Reason::ALL, reason)));
        list.extend(row.inferred.iter().map(|field| position(&FIELDS, field)));
        self.put_text(&list, out);
        put(out, row.evidence.len() as u64);
        for line in &row.evidence {
            self.put_line(line.as_bytes(), row.client_id.as_bytes(), out);
        }
    }

    /// The row that was packed.
    pub(super) fn unpack<'a>(&'a self, mut from: &'a [u8]) -> Row {
        let from = &mut from;
        let identity = IDENTITIES.get(usize::from(take_byte(from))).copied().unwrap_or(Identity::ClientId);
        let broker = string(self.text(from));
        let client_id = string(take_bytes(from));
        let ts = take_signed(from);
        let first_ts = take_signed(from).wrapping_add(ts);
        let attempts = take(from);
        let flags = take_byte(from);
        let flag = |bits: u8| (bits & 3 != 0).then_some(bits & 3 == 2);
        let ip_address = match flags >> 4 & 3 {
            1 => Some(IpAddr::from(take_array::<4>(from))),
            2 => Some(IpAddr::from(take_array::<16>(from))),
            _ => None,
        };
        let username = (flags & 64 != 0).then(|| string(take_bytes(from)));
        let reason_of = |byte: u8| Reason::ALL.get(usize::from(byte)).copied().unwrap_or(Reason::Other);
        let reason_code = reason_of(take_byte(from));
        let reason = string(self.text(from));
        let list = self.text(from);
        let (alternatives, inferred) = list.split_at_checked(1 + usize::from(list.first().copied().unwrap_or(0))).unwrap_or((list, &[]));
        let alternatives = alternatives.iter().skip(1).map(|byte| reason_of(*byte)).collect();
        let inferred = inferred.iter().filter_map(|byte| FIELDS.get(usize::from(*byte)).copied()).collect();
        let evidence = (0..take(from)).map(|_| string(&self.line(client_id.as_bytes(), from))).collect();
        Row {
            ip_address,
            ts,
            username,
            password_provided: flag(flags),
            tls_used: flag(flags >> 2),
            reason,
            reason_code,
            alternatives,
            inferred,
            identity,
            broker,
            attempts,
            first_ts,
            evidence,
            client_id,
            peer: None,
            upstream: None,
            twin: None,
        }
    }

    /// A line of evidence: the number of its form, then its numbers; or 0 and the line.
    fn put_line(&mut self, line: &[u8], client: &[u8], out: &mut Vec<u8>) {
        let (mut form, mut numbers) = (std::mem::take(&mut self.form), std::mem::take(&mut self.numbers));
        form.clear();
        numbers.clear();
        let mut at = 0;
        let fits = loop {
            let Some(&byte) = line.get(at) else { break true };
            if client.first() == Some(&byte) && line[at..].starts_with(client) {
                form.push(CLIENT);
                at += client.len();
            } else if byte.is_ascii_digit() {
                let digits = &line[at..];
                let length = digits.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
                let value = digits[..length].iter().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'));
                let padded = byte == b'0' && length > 1;
                form.push(NUMBER);
                put(&mut numbers, value << 1 | u64::from(padded));
                if padded {
                    put(&mut numbers, length as u64);
                }
                at += length;
            } else if byte <= NUMBER {
                break false;
            } else {
                form.push(byte);
                at += 1;
            }
        };
        match self.number(&form).filter(|_| fits) {
            Some(number) => {
                put(out, u64::from(number) + 1);
                out.extend_from_slice(&numbers);
            }
            None => {
                put(out, 0);
                put_bytes(out, line);
            }
        }
        (self.form, self.numbers) = (form, numbers);
    }

    fn line(&self, client: &[u8], from: &mut &[u8]) -> Vec<u8> {
        let form: &[u8] = match take(from) {
            0 => return take_bytes(from).to_vec(),
            at => self.list.get(usize::try_from(at - 1).unwrap_or(usize::MAX)).map_or(&[], |text| text),
        };
        let mut line = Vec::with_capacity(form.len() + client.len() + 32);
        for byte in form {
            match *byte {
                CLIENT => line.extend_from_slice(client),
                NUMBER => {
                    let value = take(from);
                    let width = if value & 1 == 1 { usize::try_from(take(from)).unwrap_or(0) } else { 0 };
                    put_digits(&mut line, value >> 1, width);
                }
                byte => line.push(byte),
            }
        }
        line
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

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn put_digits(line: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    let at = at.min(digits.len().saturating_sub(width));
    line.extend_from_slice(&digits[at..]);
}

/// Seven bits in a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Small numbers of either sign become short.
fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_byte(from: &mut &[u8]) -> u8 {
    let Some((first, rest)) = from.split_first() else { return 0 };
    *from = rest;
    *first
}

fn take(from: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = take_byte(from);
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            return value;
        }
    }
}

fn take_signed(from: &mut &[u8]) -> i64 {
    let value = take(from);
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(take(from)).unwrap_or(usize::MAX).min(from.len());
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes
}

fn take_array<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let (bytes, rest) = from.split_at(N.min(from.len()));
    array[..bytes.len()].copy_from_slice(bytes);
    *from = rest;
    array
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
