//! The text filters: TBMQ's case-insensitive substring in which `%` stands for any text and `_` for any one character.

/// A filter, ready to be compared with many texts. Its work is at most text length times filter length: a hostile filter
/// full of `%` costs no more than a plain one.
///
/// In a filter of ASCII only the case of ASCII letters does not count; in any other one that of all letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    wanted: Vec<char>,
    ascii: Option<Parts>,
}

/// A filter of ASCII only: what stands between its `%`, in lower case. A million texts are compared with it byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    parts: Vec<Vec<u8>>,
    /// It has a `_`, which may stand for several bytes.
    any: bool,
}

impl Pattern {
    /// The filter for "contains this".
    pub(super) fn contains(text: &str) -> Pattern {
        let mut wanted = vec!['%'];
        wanted.extend(fold(text, text.is_ascii()));
        wanted.push('%');
        wanted.dedup_by(|a, b| *a == '%' && *b == '%');
        let parts = || text.to_ascii_lowercase().split('%').filter(|part| !part.is_empty()).map(|part| part.as_bytes().to_vec()).collect();
        let ascii = text.is_ascii().then(|| Parts { parts: parts(), any: text.contains('_') });
        Pattern { wanted, ascii }
    }

    /// The longest piece without wildcards, in lower case: every text that fits has it, in whatever case. None: the filter has none, or
    /// letters beyond ASCII, whose case is another matter.
    pub(super) fn literal(&self) -> Option<&[u8]> {
        let parts = self.ascii.as_ref()?.parts.iter();
        parts.flat_map(|part| part.split(|byte| *byte == b'_')).filter(|piece| !piece.is_empty()).max_by_key(|piece| piece.len())
    }

    /// Whether a text fits that has the piece.
    pub(super) fn is_literal(&self) -> bool {
        self.ascii.as_ref().is_some_and(|ascii| ascii.parts.len() == 1 && !ascii.any)
    }

    /// Whether the text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        match &self.ascii {
            Some(parts) if !parts.any || text.is_ascii() => parts.are_in(text.as_bytes()),
            ascii => self.fits(&fold(text, ascii.is_some()).collect::<Vec<char>>()),
        }
    }

    fn fits(&self, text: &[char]) -> bool {
        let (mut at, mut want) = (0, 0);
        // Where to go on after the last `%` when what followed it does not fit: one character further in the text.
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.wanted.get(want) {
                Some('%') => {
                    if want + 1 == self.wanted.len() {
                        return true;
                    }
                    want += 1;
                    back = Some((at, want));
                }
                Some(c) if *c == '_' || *c == text[at] => {
                    at += 1;
                    want += 1;
                }
                _ => match &mut back {
                    Some((from, after)) => {
                        *from += 1;
                        at = *from;
                        want = *after;
                    }
                    None => return false,
                },
            }
        }
        self.wanted[want.min(self.wanted.len())..].iter().all(|c| *c == '%')
    }
}

impl Parts {
    /// Whether they follow one another in the text: the first place for each leaves the most room for the next.
    fn are_in(&self, mut text: &[u8]) -> bool {
        self.parts.iter().all(|part| match find(text, part) {
            Some(at) => {
                text = &text[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

/// Where this part, which is in lower case and not empty, is in the text.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let last = text.len().checked_sub(part.len())?;
    let same = |at: usize| text[at..].iter().zip(part).all(|(found, wanted)| *wanted == b'_' || found.to_ascii_lowercase() == *wanted);
    let first = part[0];
    if first == b'_' {
        return (0..=last).find(|at| same(*at));
    }
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), &text[..=last]).find(|at| same(*at))
}

/// The text without differences of case: of ASCII letters, or of all by way of the upper case, so that ς equals σ.
fn fold(text: &str, ascii: bool) -> impl Iterator<Item = char> {
    let (some, all) = if ascii { (Some(text), None) } else { (None, Some(text)) };
    let some = some.into_iter().flat_map(str::chars).map(|c| c.to_ascii_lowercase());
    some.chain(all.into_iter().flat_map(str::chars).flat_map(char::to_uppercase).flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_part_whatever_its_case() {
        for (text, part) in [
            ("Sensor-7", "SENSOR"),
            ("Sensor-7", "r-7"),
            ("STRASSE", "Straße"),
            ("ΟΔΟΣ", "οδος"),
            ("οδος", "ΟΔΟΣ"),
            ("Ünal", "üN"),
            ("a\0b", "\0B"),
            ("x", ""),
            ("", ""),
            ("100%", "0%"),
            ("abcabd", "abd"),
        ] {
            assert!(Pattern::contains(part).matches(text), "{part:?} in {text:?}");
        }
        for (text, part) in [("Sensor-7", "8"), ("", "x"), ("a\0b", "c"), ("ab", "abc"), ("abab", "abb"), ("Straße", "STRASSE")] {
            assert!(!Pattern::contains(part).matches(text), "{part:?} not in {text:?}");
        }
    }

    #[test]
    fn percent_and_underscore_are_wildcards_as_in_sql() {
        assert!(Pattern::contains("a%c").matches("xabbbcx"));
        assert!(Pattern::contains("a_c").matches("xabcx"));
        assert!(!Pattern::contains("a_c").matches("xabbcx"));
        assert!(!Pattern::contains("_").matches(""));
        assert!(Pattern::contains("%").matches(""));
        assert!(Pattern::contains("___").matches("äöü"));
        assert!(!Pattern::contains("____").matches("äöü"));
    }

    #[test]
    fn a_filter_of_wildcards_costs_no_more_than_its_length() {
        let text = "a".repeat(2_000);
        let filter = format!("{}b", "a%".repeat(500));
        assert!(!Pattern::contains(&filter).matches(&text));
    }

    proptest::proptest! {
        #[test]
        fn bytes_and_characters_give_the_same_answer(text in "[abA_%é\0]{0,12}", part in "[abB_%]{0,5}") {
            let pattern = Pattern::contains(&part);
            let slow = pattern.fits(&fold(&text, true).collect::<Vec<char>>());
            proptest::prop_assert_eq!(pattern.matches(&text), slow);
        }
    }
}
