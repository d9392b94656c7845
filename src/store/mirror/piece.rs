//! Looking for a piece of text in all rows of a block at once: most bytes of a column are passed over many at a time.

use std::collections::HashMap;

use super::texts::Texts;
use crate::store::text::Pattern;

/// A piece that every text has that fits a filter.
#[derive(Debug)]
pub(super) struct Piece {
    /// In lower case.
    text: Vec<u8>,
    /// Where in it the byte is that is looked for first.
    rare: usize,
}

impl Piece {
    /// The longest one of this filter; none: it has only wildcards, or letters beyond ASCII. `sample` is of the texts that are searched.
    pub(super) fn of(pattern: &Pattern, sample: Option<&Texts>) -> Option<Piece> {
        let text = pattern.literal()?.to_vec();
        let mut counts: HashMap<u8, u32> = HashMap::new();
        for byte in sample.map_or(&[][..], |texts| texts.text().as_bytes()) {
            *counts.entry(byte.to_ascii_lowercase()).or_default() += 1;
        }
        let rare = (0..text.len()).min_by_key(|at| counts.get(&text[*at]).copied().unwrap_or(0))?;
        Some(Piece { text, rare })
    }

    /// Names each line that has it, in order.
    pub(super) fn each(&self, texts: &Texts, mut found: impl FnMut(usize)) {
        let (bytes, ends) = (texts.text().as_bytes(), texts.ends());
        let wanted = self.text[self.rare];
        let (mut line, mut from) = (0, 0);
        for hit in memchr::memchr2_iter(wanted, wanted.to_ascii_uppercase(), bytes) {
            let Some(begin) = hit.checked_sub(self.rare).filter(|begin| *begin >= from) else { continue };
            let end = begin + self.text.len();
            if !bytes.get(begin..end).is_some_and(|bytes| bytes.eq_ignore_ascii_case(&self.text)) {
                continue;
            }
            while ends(line) <= begin {
                line += 1;
            }
            // Not one that begins in this line and ends in the next.
            if end <= ends(line) {
                found(line);
                from = ends(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_piece_is_found_in_the_lines_that_have_it(
            lines in proptest::collection::vec(proptest::option::of("[abAB%é]{0,6}"), 0..20), part in "[abA%_]{1,4}", sampled in proptest::bool::ANY,
        ) {
            let mut texts = Texts::default();
            for line in &lines {
                texts.push(line.as_deref());
            }
            let pattern = Pattern::contains(&part);
            let Some(piece) = Piece::of(&pattern, sampled.then_some(&texts)) else {
                assert!(part.chars().all(|c| "%_".contains(c)));
                return Ok(());
            };
            let mut found = Vec::new();
            piece.each(&texts, |line| found.push(line));
            let fits = |line: &Option<String>| line.as_ref().is_some_and(|line| pattern.matches(line));
            let wanted: Vec<usize> = (0..lines.len()).filter(|at| fits(&lines[*at])).collect();
            if pattern.is_literal() {
                proptest::prop_assert_eq!(found, wanted);
            } else {
                assert!(wanted.iter().all(|line| found.contains(line)));
                assert!(found.is_sorted_by(|a, b| a < b));
            }
        }
    }
}
