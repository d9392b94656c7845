//! Finds the lines that any rule could take, without looking at the others.
//!
//! Whole chunks are searched for the literals of all rules at once with a vectorised searcher; only around a hit is a line cut
//! out. A hit nominates its line, nothing more: all rules are then considered.

use std::ops::Range;

use super::searcher::Searcher;
use crate::grammar::{Grammar, Outcome, Way, literal};
use crate::wrapper::SPLIT_MARKS;

/// A shorter text is not chosen where there is a longer one.
const TELLING: usize = 6;

/// What is searched for.
#[derive(Debug)]
pub(super) struct Prefilter {
    searcher: Searcher,
}

/// The texts of which every line that a rule of the grammar takes holds one; or the pattern of a way that has no text worth looking
/// for, for which every line must be looked at.
pub fn literals<'g>(grammar: &'g Grammar) -> Result<Vec<&'g [u8]>, &'g str> {
    // A rule may mean the conversation that was named last: then what names one counts, whatever it says.
    let follows = grammar.rules.iter().any(|rule| rule.follows);
    let active = grammar.rules.iter().filter(|rule| follows || rule.outcome != Outcome::Nothing || rule.tears || rule.behind_proxy);
    // A text that also records hold which concern nobody is a poor one, if there is another.
    let nothing = grammar.rules.iter().filter(|rule| rule.outcome == Outcome::Nothing).flat_map(|rule| &rule.ways);
    let known: Vec<&Vec<u8>> = nothing.flat_map(|way| way.others.iter().chain([&way.literal])).collect();
    let telling = |text: &&Vec<u8>| text.len() >= TELLING && !known.iter().any(|known| memchr::memmem::find(known, text).is_some());
    let best = |way: &'g Way| way.others.iter().filter(telling).max_by_key(|text| text.len()).unwrap_or(&way.literal);
    let ways = active.flat_map(|rule| rule.ways.iter().map(|way| (way.written.as_str(), best(way).as_slice())));
    let begun = grammar.multiline.iter().map(|form| ("a [[multiline]]", form.literal.as_slice()));
    let echoed = grammar.echoes.iter().flat_map(|form| form.literals.iter().map(|text| ("an [[echo]]", text.as_slice())));
    let mut texts = Vec::new();
    for (written, text) in ways.chain(begun).chain(echoed) {
        if text.len() < literal::GOOD {
            return Err(written);
        }
        texts.push(literal::rarest(text));
    }
    texts.sort_unstable();
    texts.dedup();
    // A text that holds another one adds nothing.
    let needless = |text: &&[u8]| texts.iter().any(|other| other.len() < text.len() && memchr::memmem::find(text, other).is_some());
    Ok(texts.iter().copied().filter(|text| !needless(text)).collect())
}

/// For how many texts the logs of a product are searched; none when every line is looked at.
pub fn searched_for(grammar: &Grammar) -> Option<usize> {
    Prefilter::new(grammar).map(|prefilter| prefilter.searcher.texts() - SPLIT_MARKS.len())
}

impl Prefilter {
    /// None when a rule has no literal that is worth looking for: then every line must be looked at.
    pub(super) fn new(grammar: &Grammar) -> Option<Prefilter> {
        // A record of several lines can begin with one that holds nothing worth looking for.
        if grammar.framing.is_some() {
            return None;
        }
        let mut texts = literals(grammar).ok()?;
        texts.extend(SPLIT_MARKS);
        Searcher::new(&texts).map(|searcher| Prefilter { searcher })
    }

    /// Fits the search to the log that these bytes are of; it finds the same as before.
    pub(super) fn fit(&mut self, log: &[u8]) {
        self.searcher.fit(log);
    }

    /// The first line at or after `from` that holds a literal, with its line end; or one before it that has `long` bytes.
    pub(super) fn next_line(&self, bytes: &[u8], from: usize, long: Option<usize>) -> Option<Range<usize>> {
        let hit = self.searcher.find(bytes, from);
        let before = &bytes[..hit.as_ref().map_or(bytes.len(), |hit| hit.start)];
        if let Some(line) = long.and_then(|long| long_line(before, from, long)) {
            let end = memchr::memchr(b'\n', &bytes[line..]).map_or(bytes.len(), |at| line + at + 1);
            return Some(line..end);
        }
        let hit = hit?;
        let start = memchr::memrchr(b'\n', &bytes[from..hit.start]).map_or(from, |at| from + at + 1);
        let end = memchr::memchr(b'\n', &bytes[hit.end..]).map_or(bytes.len(), |at| hit.end + at + 1);
        Some(start..end)
    }
}

/// Where the first line at or after `from` begins that has `long` bytes. Only a few bytes of each such stretch are looked at.
fn long_line(bytes: &[u8], mut from: usize, long: usize) -> Option<usize> {
    while bytes.len() - from >= long {
        match memchr::memrchr(b'\n', &bytes[from..from + long]) {
            Some(end) => from += end + 1,
            None => return Some(from),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_found_wherever_they_stand() {
        for before in 0..40 {
            let text = [b"ab\n".repeat(before), b"0123456789\n".to_vec(), b"cd\n".repeat(7)].concat();
            assert_eq!(long_line(&text, 0, 10), Some(3 * before));
            assert_eq!(long_line(&text, 0, 11), None);
            assert_eq!(long_line(&text[..3 * before], 0, 10), None);
        }
    }

    /// What a busy Mosquitto writes all the time is passed over.
    #[test]
    fn usual_lines_hold_nothing_that_is_looked_for() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let Some(prefilter) = library.get("mosquitto").and_then(|grammar| Prefilter::new(grammar)) else { panic!("no literals") };
        for line in [
            "1795446313: Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))",
            "1795446313: Sending PUBACK to a (m5, rc0)",
            "1795446313: Received PINGREQ from a",
            "1795446313: Sending PINGRESP to a",
            "1795446313: No will message specified.",
            "1795446313: Sending CONNACK to a (0, 0)",
            "1795446313: Sending SUBACK to a",
            "1795446313: Received DISCONNECT from a",
        ] {
            assert_eq!(prefilter.searcher.find(line.as_bytes(), 0), None, "{line}");
        }
        assert!(prefilter.searcher.find(b"1795446313: Sending CONNACK to a (0, 5)", 0).is_some());
    }
}
