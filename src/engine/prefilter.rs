//! Finds the lines that any rule could take, without looking at the others.
//!
//! Whole chunks are searched for the literals of all rules at once with a vectorised searcher; only around a hit is a line cut
//! out. A hit nominates its line, nothing more: all rules are then considered.

use aho_corasick::packed::{Config, MatchKind, Searcher};

use crate::grammar::{Grammar, Outcome, literal};

/// The literals of a grammar.
#[derive(Debug)]
pub(super) struct Prefilter(Searcher);

impl Prefilter {
    /// None when a rule has no literal that is worth looking for: then every line must be looked at.
    pub(super) fn new(grammar: &Grammar) -> Option<Prefilter> {
        // A record of several lines can begin with one that holds nothing worth looking for.
        if grammar.framing.is_some() {
            return None;
        }
        let active = grammar.rules.iter().filter(|rule| rule.outcome != Outcome::Nothing);
        let mut literals: Vec<&[u8]> = active.flat_map(|rule| rule.ways.iter().map(|way| way.literal.as_slice())).collect();
        literals.extend(grammar.multiline.iter().map(|form| form.literal.as_slice()));
        literals.extend(grammar.echoes.iter().flat_map(|form| form.literals.iter().map(Vec::as_slice)));
        if literals.iter().any(|text| text.len() < literal::GOOD) {
            return None;
        }
        literals.sort_unstable();
        literals.dedup();
        // A literal that holds another one adds nothing.
        let needed =
            literals.iter().filter(|text| !literals.iter().any(|other| other != *text && memchr::memmem::find(text, other).is_some()));
        Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(needed).build().map(Prefilter)
    }

    /// The first line at or after `from` that holds a literal, with its line end.
    pub(super) fn next_line(&self, bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
        let hit = self.0.find_in(bytes, (from..bytes.len()).into())?;
        let start = memchr::memrchr(b'\n', &bytes[from..hit.start()]).map_or(from, |at| from + at + 1);
        let end = memchr::memchr(b'\n', &bytes[hit.end()..]).map_or(bytes.len(), |at| hit.end() + at + 1);
        Some(start..end)
    }
}
