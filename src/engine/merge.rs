//! Fewer texts to search for, where a log lets them be fewer.
//!
//! The vectorised searcher looks at 32 places at once for up to 32 texts, and at 16 for more of them. The texts of one grammar are often
//! alike (`disconnected, not authorised.`, `disconnected: `), and a part that several have in common finds all lines that these find. It
//! may find others as well, which costs time and nothing else; so a part stands for its texts only where a piece of the log itself has no
//! such line.

/// No shorter part stands for several texts.
const LEAST: usize = 7;

/// At most `most` texts of which every given one holds one; none when the log does not allow it, or they are few enough.
pub(super) fn merged<'t>(texts: &[&'t [u8]], log: &[u8], most: usize) -> Option<Vec<&'t [u8]>> {
    if texts.len() <= most {
        return None;
    }
    let found: Vec<usize> = texts.iter().map(|text| times(log, text)).collect();
    let mut left: Vec<(&'t [u8], usize)> = texts.iter().copied().zip(found).collect();
    for part in parts(texts) {
        let (of, others): (Vec<_>, Vec<_>) = left.iter().partition(|(text, _)| holds(text, part));
        let known = of.iter().map(|(_, times)| times).sum();
        if of.len() > 1 && times(log, part) <= known {
            left = others;
            left.push((part, known));
        }
        if left.len() <= most {
            return Some(left.into_iter().map(|(text, _)| text).collect());
        }
    }
    None
}

/// The longest parts that any two of the texts have in common; the longest of these first, because they tell most.
fn parts<'t>(texts: &[&'t [u8]]) -> Vec<&'t [u8]> {
    let pairs = texts.iter().enumerate().flat_map(|(at, one)| texts[at + 1..].iter().map(|two| common(one, two)));
    let mut parts: Vec<&[u8]> = pairs.filter(|part| part.len() >= LEAST).collect();
    parts.sort_unstable();
    parts.dedup();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// The longest text that stands in both; none where that is too short.
fn common<'t>(one: &'t [u8], two: &[u8]) -> &'t [u8] {
    // Most have none that is long enough.
    if !one.windows(LEAST).any(|part| two.windows(LEAST).any(|other| other == part)) {
        return &[];
    }
    let (mut best, mut row) = (0..0, vec![0; two.len() + 1]);
    for (at, byte) in one.iter().enumerate() {
        // What ends at this byte and at each of the other's, from the right: the entry before is still that of the byte before.
        for other in (0..two.len()).rev() {
            row[other + 1] = if two[other] == *byte { row[other] + 1 } else { 0 };
            if row[other + 1] > best.len() {
                best = at + 1 - row[other + 1]..at + 1;
            }
        }
    }
    &one[best]
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn times(log: &[u8], text: &[u8]) -> usize {
    memchr::memmem::find_iter(log, text).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merge<'t>(texts: &[&'t str], log: &str, most: usize) -> Option<Vec<&'t str>> {
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let mut merged: Vec<&str> =
            merged(&texts, log.as_bytes(), most)?.into_iter().filter_map(|text| std::str::from_utf8(text).ok()).collect();
        merged.sort_unstable();
        Some(merged)
    }

    #[test]
    fn what_texts_have_in_common_stands_for_them_where_the_log_allows_it() {
        let texts = [" disconnected: ", " disconnected, not authorised.", "New connection from "];
        assert_eq!(merge(&texts, "Client a disconnected: x", 2), Some(vec![" disconnected", "New connection from "]));
        assert_eq!(merge(&texts, "Client a disconnected: x", 3), None);
        assert_eq!(merge(&texts, "Client a disconnected: x", 1), Some(vec!["connect"]));
        assert_eq!(merge(&texts, "a disconnected: x\nb reconnects", 1), None);
        assert_eq!(merge(&texts, "Client a disconnected.", 2), None);
    }

    #[test]
    fn a_busy_mosquitto_is_searched_for_few_texts() {
        let library = crate::grammar::Library::load(None).unwrap_or_else(|_| panic!("broken"));
        let grammar = library.get("mosquitto").unwrap_or_else(|| panic!("no grammar"));
        let texts = super::super::prefilter::literals(grammar).unwrap_or_else(|text| panic!("{text}"));
        let log =
            b"1795446313: Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))\n1795446313: Received DISCONNECT from a\n";
        assert!(merged(&texts, log, 30).is_some(), "{texts:?}");
    }

    proptest! {
        #[test]
        fn every_text_holds_one_of_those_that_are_left(
            texts in prop::collection::vec("[ab]{7,24}", 1..12),
            log in "[ab]{0,40}",
            most in 1..8usize,
        ) {
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            if let Some(merged) = merged(&texts, log.as_bytes(), most) {
                prop_assert!(merged.len() <= most);
                prop_assert!(texts.iter().all(|text| merged.iter().any(|part| holds(text, part))));
            }
        }
    }
}
