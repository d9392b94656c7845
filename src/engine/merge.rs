//! Fewer texts to search for, where a log lets them be fewer.
//!
//! The vectorised searcher looks at 32 places at once for up to 32 texts, and at 16 for more of them. The texts of one grammar are often
//! alike (`disconnected, not authorised.`, `disconnected: `), and a part that several have in common finds all lines that these find. It
//! may find others as well, which costs time and nothing else; so a part stands for its texts only where a piece of the log itself has no
//! such line.

use memchr::memmem;

/// No shorter part stands for several texts.
const LEAST: usize = 7;

/// At most `most` texts of which every given one holds one; none when the log does not allow it, or they are few enough.
pub(super) fn merged<'t>(texts: &[&'t [u8]], log: &[u8], most: usize) -> Option<Vec<&'t [u8]>> {
    if texts.len() <= most || texts.len() > u64::BITS as usize {
        return None;
    }
    // Each with those that it stands for.
    let mut left: Vec<(&'t [u8], u64)> = texts.iter().enumerate().map(|(at, text)| (*text, 1 << at)).collect();
    for (part, holders) in parts(texts) {
        let (of, others): (Vec<_>, Vec<_>) = left.iter().partition(|(_, of)| of & !holders == 0);
        if of.len() > 1 && tells(log, part, &of) {
            left = others;
            left.push((part, of.iter().fold(0, |all, (_, of)| all | of)));
        }
        if left.len() <= most {
            return Some(left.into_iter().map(|(text, _)| text).collect());
        }
    }
    None
}

/// Whether each line of the log that holds this part holds one of the texts, too.
fn tells(log: &[u8], part: &[u8], texts: &[(&[u8], u64)]) -> bool {
    let texts: Vec<memmem::Finder<'_>> = texts.iter().map(|(text, _)| memmem::Finder::new(text)).collect();
    memmem::find_iter(log, part).all(|at| {
        let start = memchr::memrchr(b'\n', &log[..at]).map_or(0, |feed| feed + 1);
        let end = memchr::memchr(b'\n', &log[at..]).map_or(log.len(), |feed| at + feed);
        texts.iter().any(|text| text.find(&log[start..end]).is_some())
    })
}

/// The parts that several of the texts have in common, with a bit for each of these texts; none that always stands in the same longer one. The
/// longest first, because they tell most.
fn parts<'t>(texts: &[&'t [u8]]) -> Vec<(&'t [u8], u64)> {
    // In the order of what stands there, a place is next to that which has most in common with it. Numbers are sorted quicker than texts.
    let begin = |text: &[u8]| (0..8).fold(0, |all: u64, at| all << 8 | text.get(at).map_or(0, |byte| u64::from(*byte)));
    let mut places: Vec<(u64, &'t [u8], usize, Option<&'t u8>)> = Vec::new();
    for (which, text) in texts.iter().enumerate() {
        let starts = 0..(text.len() + 1).saturating_sub(LEAST);
        places.extend(starts.map(|at| (begin(&text[at..]), &text[at..], which, text[..at].last())));
    }
    places.sort_unstable();
    let mut parts: Vec<(&[u8], u64)> = Vec::new();
    for pair in places.windows(2) {
        let part = common(pair[0].1, pair[1].1);
        if part.len() >= LEAST {
            let first = places.partition_point(|(_, place, ..)| *place < part);
            let all = || places[first..].iter().take_while(|(_, place, ..)| place.starts_with(part));
            let before = places[first].3;
            if before.is_none() || all().any(|(.., other)| *other != before) {
                parts.push((part, all().fold(0, |all, (_, _, which, _)| all | 1 << which)));
            }
        }
    }
    parts.sort_unstable_by_key(|(part, _)| (std::cmp::Reverse(part.len()), *part));
    parts.dedup();
    parts
}

/// What both begin with.
fn common<'t>(one: &'t [u8], two: &[u8]) -> &'t [u8] {
    &one[..one.iter().zip(two).take_while(|(one, two)| one == two).count()]
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
                prop_assert!(texts.iter().all(|text| merged.iter().any(|part| memmem::find(text, part).is_some())));
            }
        }
    }
}
