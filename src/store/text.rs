//! The text filters: TBMQ's case-insensitive substring in which `%` stands for any text and `_` for any one character.

/// A filter, ready to be compared with many texts. Its work is at most text length times filter length: a hostile filter
/// full of `%` costs no more than a plain one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    wanted: Vec<char>,
}

impl Pattern {
    /// The filter for "contains this".
    pub(super) fn contains(text: &str) -> Pattern {
        let mut wanted = vec!['%'];
        wanted.extend(fold(text));
        wanted.push('%');
        wanted.dedup_by(|a, b| *a == '%' && *b == '%');
        Pattern { wanted }
    }

    /// Whether the text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = fold(text).collect();
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

/// The text without differences of case: by way of the upper case, so that ß equals ss and ς equals σ.
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_part_whatever_its_case() {
        for (text, part) in [
            ("Sensor-7", "SENSOR"),
            ("Sensor-7", "r-7"),
            ("Straße", "STRASSE"),
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
        for (text, part) in [("Sensor-7", "8"), ("", "x"), ("a\0b", "c"), ("ab", "abc"), ("abab", "abb")] {
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
}
