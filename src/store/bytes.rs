//! Numbers and texts in few bytes, one after the other. What is cut off reads as nought or as an empty text.

/// A number in decimal digits, with noughts before it up to this width.
pub(super) fn put_digits(line: &mut Vec<u8>, mut value: u64, width: usize) {
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
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Small numbers of either sign become short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn take_byte(from: &mut &[u8]) -> u8 {
    let Some((first, rest)) = from.split_first() else { return 0 };
    *from = rest;
    *first
}

pub(super) fn take(from: &mut &[u8]) -> u64 {
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

pub(super) fn take_signed(from: &mut &[u8]) -> i64 {
    let value = take(from);
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(take(from)).unwrap_or(usize::MAX).min(from.len());
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes
}

pub(super) fn take_array<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let (bytes, rest) = from.split_at(N.min(from.len()));
    array[..bytes.len()].copy_from_slice(bytes);
    *from = rest;
    array
}
