//! The literals of patterns: what a chunk is searched for before any line is looked at.

use super::pattern::{Element, Pattern};

/// A literal shorter than this is found too often to be worth looking for.
pub const GOOD: usize = 4;

/// The longest run of literal text that survives every wrapper: JSON escapes quotes, backslashes and, in Docker's files,
/// `<`, `>` and `&`.
pub fn longest(pattern: &Pattern) -> Vec<u8> {
    let literals =
        pattern.elements.iter().filter_map(|element| if let Element::Literal(text) = element { Some(text.as_bytes()) } else { None });
    literals.map(safe_run).max_by_key(|run| run.len()).unwrap_or_default().to_vec()
}

/// The longest part of a text that no wrapper writes in another way.
pub fn safe_run(text: &[u8]) -> &[u8] {
    let same = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\<>&/".contains(byte) || *byte == b' ';
    text.split(|byte| !same(byte)).max_by_key(|run| run.len()).unwrap_or_default()
}
