//! The texts of TLS libraries, in one place for all grammars: what OpenSSL and its like say, which reason that is, and
//! who rejected whom.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::model::Reason;

/// The known texts, in the order of the file: the first that fits counts.
#[derive(Debug, Default)]
pub struct Texts {
    entries: Vec<TlsText>,
    search: OnceLock<Option<Search>>,
}

/// What finds all texts in one pass.
#[derive(Debug)]
struct Search {
    texts: AhoCorasick,
    /// For each text, whose it is.
    entries: Vec<usize>,
}

/// One text of a TLS library.
#[derive(Debug, Clone)]
pub struct TlsText {
    /// What the library's message contains.
    pub contains: Vec<Vec<u8>>,
    /// The first is the code, the others cannot be ruled out.
    pub reasons: Vec<Reason>,
    /// It can only come from a handshake: an established session never ends with it.
    pub handshake: bool,
    /// It tells more than the lines beside it; the highest weight of a group of lines gives the reason.
    pub weight: usize,
    /// Whether the client spoke TLS; None when the text does not tell.
    pub tls: Option<bool>,
    /// ... and the answer is likely, not certain.
    pub tls_likely: bool,
    /// What the text says of the password.
    pub password_provided: Option<bool>,
}

impl Texts {
    /// These entries.
    pub fn new(entries: Vec<TlsText>) -> Texts {
        Texts { entries, search: OnceLock::new() }
    }

    /// The entry that knows these words.
    pub fn find(&self, words: &[u8]) -> Option<&TlsText> {
        self.all(words).into_iter().next()
    }

    /// All entries that know a part of these words, in their order.
    pub fn all(&self, words: &[u8]) -> Vec<&TlsText> {
        let Some(search) = self.search.get_or_init(|| Search::new(&self.entries)) else { return Vec::new() };
        let mut found: Vec<usize> =
            search.texts.find_overlapping_iter(words).map(|found| search.entries[found.pattern().as_usize()]).collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|entry| self.entries.get(entry)).collect()
    }
}

impl Search {
    /// None for no texts, or more than can be searched for.
    fn new(entries: &[TlsText]) -> Option<Search> {
        let texts = || entries.iter().enumerate().flat_map(|(entry, text)| text.contains.iter().map(move |part| (entry, part)));
        // Of the other kinds one takes much more memory, the other one more time.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let texts_of = AhoCorasick::builder().kind(kind).build(texts().map(|(_, part)| part)).ok()?;
        (!entries.is_empty()).then(|| Search { texts: texts_of, entries: texts().map(|(entry, _)| entry).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(contains: Vec<Vec<u8>>) -> TlsText {
        TlsText { contains, reasons: Vec::new(), handshake: true, weight: 5, tls: None, tls_likely: false, password_provided: None }
    }

    proptest! {
        #[test]
        fn all_texts_that_stand_in_the_words_are_found_in_their_order(
            texts in prop::collection::vec(prop::collection::vec("[ab]{1,3}", 1..3), 0..5),
            words in "[abc]{0,8}",
        ) {
            let bytes = |texts: &Vec<String>| texts.iter().map(|text| text.clone().into_bytes()).collect();
            let known = Texts::new(texts.iter().map(|texts| entry(bytes(texts))).collect());
            let found: Vec<_> = known.all(words.as_bytes()).into_iter().map(|entry| entry.contains.clone()).collect();
            let stand: Vec<Vec<Vec<u8>>> =
                texts.iter().filter(|texts| texts.iter().any(|text| words.contains(text.as_str()))).map(bytes).collect();
            prop_assert_eq!(found, stand);
        }
    }
}
