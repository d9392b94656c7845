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

/// The longest such text that all of these patterns hold.
pub fn longest_of_all(patterns: &[Pattern]) -> Vec<u8> {
    fn texts(pattern: &Pattern) -> impl Iterator<Item = &[u8]> {
        pattern.elements.iter().filter_map(|element| if let Element::Literal(text) = element { Some(text.as_bytes()) } else { None })
    }
    let [first, others @ ..] = patterns else { return Vec::new() };
    let in_all = |part: &[u8]| others.iter().all(|other| texts(other).any(|text| memchr::memmem::find(text, part).is_some()));
    let mut best: &[u8] = &[];
    for run in texts(first).flat_map(safe_runs) {
        for start in 0..run.len() {
            while let Some(part) = run.get(start..start + best.len() + 1)
                && in_all(part)
            {
                best = part;
            }
        }
    }
    best.to_vec()
}

/// The longest part of a text that no wrapper writes in another way.
pub fn safe_run(text: &[u8]) -> &[u8] {
    safe_runs(text).max_by_key(|run| run.len()).unwrap_or_default()
}

/// All such parts.
fn safe_runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let same = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\<>&/".contains(byte) || *byte == b' ';
    text.split(move |byte| !same(byte))
}
