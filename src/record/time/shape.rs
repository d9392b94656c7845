//! The small shapes of which a sample is made.

/// The number of at most `most` digits at `from`, and its end.
pub(super) fn group(text: &[u8], from: usize, most: usize) -> Option<(i32, usize)> {
    let run = text.get(from..)?.iter().take_while(|byte| byte.is_ascii_digit()).take(most + 1);
    let digits: Vec<u8> = run.copied().collect();
    (1..=most)
        .contains(&digits.len())
        .then(|| (digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')), from + digits.len()))
}

/// The end of the two digits at `from`.
pub(super) fn exactly_two(text: &[u8], from: usize) -> Option<usize> {
    group(text, from, 2).map(|(_, end)| end).filter(|end| *end == from + 2)
}

/// Bytes of point or comma and digits at the start, 0 if there are none.
pub(super) fn fraction_length(text: &[u8]) -> usize {
    match text {
        [b'.' | b',', digits @ ..] => match digits.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => 0,
            count => count + 1,
        },
        _ => 0,
    }
}

/// Bytes of `+0100`, `+01:00` or `+01` at the start, 0 if there is none.
pub(super) fn zone_length(text: &[u8]) -> usize {
    let shape: Vec<u8> = text.iter().take(7).map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte }).collect();
    let ends = |length: usize| shape.get(length) != Some(&b'0');
    match shape.get(1..).unwrap_or_default() {
        [b'0', b'0', b':', b'0', b'0', ..] if ends(6) => 6,
        [b'0', b'0', b'0', b'0', ..] if ends(5) => 5,
        [b'0', b'0', ..] if ends(3) => 3,
        _ => 0,
    }
}
