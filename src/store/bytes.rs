//! Numbers and texts in few bytes, one after the other. What is cut off reads as nought or as an empty text.

use std::io::Write as _;
use std::net::IpAddr;

/// So many bytes hold seven bits each beside their own number; more bits take a byte of their own for it.
const SHORT: u32 = 8;
/// So many bytes are copied as quickly as one.
const FEW: usize = 16;

/// A number in as few bytes as hold it: the lowest bit that is set says how many they are, the others are the number.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => out.push((value as u8) << 1 | 1),
        _ => put_large(out, value),
    }
}

fn put_large(out: &mut Vec<u8>, value: u64) {
    let bytes = (u64::BITS - value.leading_zeros()).div_ceil(7);
    if bytes > SHORT {
        out.push(0);
        return out.extend_from_slice(&value.to_le_bytes());
    }
    let word = ((value << 1) | 1) << (bytes - 1);
    put_first(out, &word.to_le_bytes(), bytes as usize);
}

/// Small numbers of either sign become short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Adds so many of the first bytes of a text; mostly they are few, and there are more of them.
#[inline]
pub(super) fn put_first(out: &mut Vec<u8>, text: &[u8], count: usize) {
    let end = out.len() + count;
    if count <= 8
        && let Some(few) = text.first_chunk::<8>()
    {
        out.extend_from_slice(few);
        out.truncate(end);
    } else if count <= FEW
        && let Some(few) = text.first_chunk::<FEW>()
    {
        out.extend_from_slice(few);
        out.truncate(end);
    } else {
        out.extend_from_slice(text.get(..count).unwrap_or(text));
    }
}

#[inline]
pub(super) fn take_byte(from: &mut &[u8]) -> u8 {
    let Some((first, rest)) = from.split_first() else { return 0 };
    *from = rest;
    *first
}

#[inline]
pub(super) fn take(from: &mut &[u8]) -> u64 {
    let first = take_byte(from);
    match first & 1 {
        1 => u64::from(first >> 1),
        _ => take_large(first, from),
    }
}

fn take_large(first: u8, from: &mut &[u8]) -> u64 {
    if first == 0 {
        return u64::from_le_bytes(take_array(from));
    }
    let bytes = first.trailing_zeros();
    let (more, rest) = from.split_at((bytes as usize).min(from.len()));
    let high = match from.first_chunk() {
        Some(word) => u64::from_le_bytes(*word) & ((1 << (8 * bytes)) - 1),
        None => more.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    };
    *from = rest;
    high << (7 - bytes) | u64::from(first) >> (bytes + 1)
}

pub(super) fn take_signed(from: &mut &[u8]) -> i64 {
    let value = take(from);
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(take(from)).unwrap_or(usize::MAX).min(from.len());
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes
}

/// Reads what `put_bytes` added, and adds it to another text.
#[inline]
pub(super) fn copy_bytes(out: &mut Vec<u8>, from: &mut &[u8]) {
    let length = usize::try_from(take(from)).unwrap_or(usize::MAX).min(from.len());
    put_first(out, from, length);
    *from = from.get(length..).unwrap_or_default();
}

pub(super) fn take_array<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let (bytes, rest) = from.split_at(N.min(from.len()));
    array[..bytes.len()].copy_from_slice(bytes);
    *from = rest;
    array
}

/// Each octet in decimal digits with a dot behind it, and how many bytes that is.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut all = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < all.len() {
        let (hundreds, tens, ones) = (b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8);
        all[octet] = match octet {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        octet += 1;
    }
    all
};

/// An address as people write it: IPv6 in the form of RFC 5952.
pub(crate) fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets() {
                let (digits, count) = &OCTETS[usize::from(octet)];
                let end = out.len() + usize::from(*count);
                out.extend_from_slice(digits);
                out.truncate(end);
            }
            out.pop();
        }
        // Writing into memory does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_from_as_few_bytes_as_they_need(values in proptest::collection::vec((any::<u64>(), 0..64_u32), 0..9)) {
            let values: Vec<u64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let mut out = Vec::new();
            for value in &values {
                let before = out.len();
                put(&mut out, *value);
                prop_assert_eq!(out.len() - before, (1..9).find(|bytes| *value >> (7 * bytes) == 0).unwrap_or(9));
            }
            let mut from = out.as_slice();
            prop_assert_eq!(values.iter().map(|_| take(&mut from)).collect::<Vec<_>>(), values.clone());
            prop_assert!(from.is_empty());
            // What is cut off is no fault.
            for end in 0..out.len() {
                let mut from = &out[..end];
                assert!(values.iter().map(|_| take_bytes(&mut from).len()).sum::<usize>() <= end);
            }
        }

        #[test]
        fn texts_come_back(texts in proptest::collection::vec("[ -~]{0,20}", 0..9), value in any::<i64>()) {
            let mut out = Vec::new();
            texts.iter().for_each(|text| put_bytes(&mut out, text.as_bytes()));
            put_signed(&mut out, value);
            let (mut from, mut copied) = (out.as_slice(), Vec::new());
            texts.iter().for_each(|_| copy_bytes(&mut copied, &mut from));
            prop_assert_eq!(String::from_utf8_lossy(&copied), texts.concat());
            prop_assert_eq!(take_signed(&mut from), value);
            for end in 0..out.len() {
                let (mut from, mut copied) = (&out[..end], Vec::new());
                texts.iter().for_each(|_| copy_bytes(&mut copied, &mut from));
                prop_assert!(texts.concat().as_bytes().starts_with(&copied) || copied.len() < end);
            }
        }

        #[test]
        fn addresses_are_those_that_are_shown_elsewhere(address in any::<IpAddr>()) {
            let mut out = Vec::new();
            put_address(&mut out, address);
            prop_assert_eq!(String::from_utf8_lossy(&out), address.to_string());
        }
    }
}
