//! The literals of patterns: what a chunk is searched for before any line is looked at.

use super::pattern::{Element, Pattern};

/// A literal shorter than this is found too often to be worth looking for.
pub const GOOD: usize = 4;
/// A longer one is not cut to less than this.
const TELLING: usize = 8;

/// The longest run of literal text that survives every wrapper: JSON escapes quotes, backslashes and, in Docker's files,
/// `<`, `>` and `&`.
pub fn longest(pattern: &Pattern) -> Vec<u8> {
    texts(pattern).map(safe_run).max_by_key(|run| run.len()).unwrap_or_default().to_vec()
}

/// All such runs that are worth looking for.
pub fn runs(pattern: &Pattern) -> Vec<Vec<u8>> {
    texts(pattern).flat_map(safe_runs).filter(|run| run.len() >= GOOD).map(<[u8]>::to_vec).collect()
}

/// The longest such text that all of these patterns hold.
pub fn longest_of_all(patterns: &[Pattern]) -> Vec<u8> {
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

fn texts(pattern: &Pattern) -> impl Iterator<Item = &[u8]> {
    pattern.elements.iter().filter_map(|element| if let Element::Literal(text) = element { Some(text.as_bytes()) } else { None })
}

/// The part of a literal from where it is rarest in logs: the searcher compares the first four bytes with all of a log, and those of
/// "Sending CONNACK" begin half of its lines. Capitals are rare; what is left must still be long enough to tell something.
pub fn rarest(text: &[u8]) -> &[u8] {
    let capitals = |window: &[u8]| window.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let windows = text.windows(GOOD).take((text.len() + 1).saturating_sub(TELLING)).map(capitals);
    let best = windows.enumerate().max_by_key(|(at, capitals)| (*capitals, std::cmp::Reverse(*at)));
    // With the blank before a word, it is not the end of another: "DISCONNECT from" is not "CONNECT from".
    let blank = |at: &usize| *at > 0 && text[at - 1] == b' ';
    best.map_or(text, |(at, _)| &text[if blank(&at) { at - 1 } else { at }..])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rare_part_of_a_literal() {
        let part = |text: &'static str| std::str::from_utf8(rarest(text.as_bytes())).unwrap_or_default();
        assert_eq!(part("Sending CONNACK to "), " CONNACK to ");
        assert_eq!(part("New connection from "), "New connection from ");
        assert_eq!(part("Received SUBSCRIBE from "), " SUBSCRIBE from ");
        assert_eq!(part(" messages from "), " messages from ");
        assert_eq!(part("to TLS"), "to TLS");
        assert_eq!(part("abc"), "abc");
    }
}
