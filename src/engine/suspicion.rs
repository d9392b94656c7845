//! Records that no rule took and that speak of a failure: their number tells that a grammar may be out of date.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// Words of a refusal, in the languages of logs. They only count, they decide nothing.
const WORDS: &[&str] = &[
    "not authori",
    "unauthori",
    "denied",
    "refused",
    "rejected",
    "auth fail",
    "authentication fail",
    "login fail",
    "bad user",
    "bad_user",
    "bad credentials",
    "invalid credentials",
    "handshake fail",
    "certificate verify failed",
    "banned",
    "not allowed",
];

static SEARCH: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostFirst).build(WORDS).ok());

/// Whether one of these words stands in the record.
pub(super) fn is_suspicious(message: &[u8]) -> bool {
    SEARCH.as_ref().is_some_and(|search| search.is_match(message))
}

/// Makes what all engines share, so that it lies in the memory of the thread that asks for it and not of the first that needs it.
pub(crate) fn prepare() {
    LazyLock::force(&SEARCH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_case() {
        assert!(is_suspicious(b"Client x: Connection REFUSED, quota"));
        assert!(!is_suspicious(b"Client x connected"));
    }
}
