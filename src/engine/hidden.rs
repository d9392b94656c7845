//! Where a text may stand that a search for its bytes does not find: written in escapes, in numbers, or with colours in it.
//!
//! No product escapes its own words. But JSON allows it, and a line that is passed over must be one that no rule takes, whoever wrote
//! it: so these lines are looked at, too. There are next to none.

use crate::grammar::{Colours, Grammar, StructureFormat};

/// What may stand in a log's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// Texts with backslash escapes: JSON, logfmt.
    pub(super) escapes: bool,
    /// A terminal's colours anywhere.
    pub(super) colours: bool,
    /// Messages of the journal as lists of numbers, or in parts.
    pub(super) journal: bool,
}

impl Ways {
    /// Those of a product.
    pub(super) fn of(grammar: &Grammar) -> Ways {
        let escapes = grammar.structures.iter().any(|form| matches!(form.format, StructureFormat::Json | StructureFormat::Logfmt));
        Ways { escapes, colours: grammar.colours == Colours::All, journal: false }
    }

    /// Which lines are looked at because of them.
    pub(super) fn in_words(self) -> impl Iterator<Item = String> {
        let ways = [(self.escapes, "an escape that may stand for a plain character (\\u0041)"), (self.colours, "colours")];
        ways.into_iter().filter(|(stands, _)| *stands).map(|(_, what)| what.to_owned())
    }
}

/// The first such place.
pub(super) fn first(bytes: &[u8], ways: Ways) -> Option<usize> {
    let mut found = None;
    let mut nearest = |wanted: bool, find: fn(&[u8]) -> Option<usize>| {
        if wanted {
            found = find(found.map_or(bytes, |end| &bytes[..end])).or(found);
        }
    };
    nearest(ways.escapes, escape);
    nearest(ways.colours, colour);
    nearest(ways.journal, message);
    found
}

/// Where the first escape stands that may mean a plain character: a letter, a digit, a blank, a sign that is not escaped in wrappers either.
/// Escapes may be escaped again; so what stands before the last backslash of several does not matter.
fn escape(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\\', bytes).find(|at| !is_harmless(&bytes[at + 1..]))
}

/// Whether what stands behind a backslash is no escape, or that of a character which no text that is looked for holds.
fn is_harmless(after: &[u8]) -> bool {
    match after.first() {
        // Of several, the last one is looked at.
        None | Some(b'\\' | b'"' | b'/' | b'n' | b'r' | b't' | b'b' | b'f') => true,
        Some(b'u') => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let Some(unit) = after.get(1..5).and_then(|digits| digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + digit(byte)?))) else {
                return false;
            };
            !(0x20..0x7f).contains(&unit) || matches!(unit, 0x22 | 0x26 | 0x2f | 0x3c | 0x3e)
        }
        Some(_) => false,
    }
}

/// Where the first colour may stand; a wrapper of JSON writes it as an escape.
fn colour(bytes: &[u8]) -> Option<usize> {
    let plain = memchr::memchr(0x1b, bytes);
    let before = &bytes[..plain.unwrap_or(bytes.len())];
    [&b"u001b"[..], b"u001B"].iter().filter_map(|escape| memchr::memmem::find(before, escape)).min().or(plain)
}

/// Where the first message stands that is not surely a string, and a whole one.
fn message(bytes: &[u8]) -> Option<usize> {
    // As journalctl and others write it, and the same within a string.
    const STRINGS: [&[u8]; 4] = [b"\":\"", b"\": \"", b"\\\":\\\"", b"\\\": \\\""];
    let is_string = |after: &[u8]| STRINGS.iter().any(|string| after.starts_with(string));
    // Others are called almost so.
    let is_other = |after: &[u8]| after.first().is_some_and(|byte| *byte == b'_' || byte.is_ascii_alphanumeric());
    let odd = |at: &usize| {
        let (before, after) = (&bytes[..*at], &bytes[at + NAME.len()..]);
        before.ends_with(PARTIAL) || !is_string(after) && !is_other(after)
    };
    let broken = memchr::memmem::find(bytes, BROKEN);
    memchr::memmem::find_iter(&bytes[..broken.map_or(bytes.len(), |at| at + BROKEN.len())], NAME).find(odd).or(broken)
}

/// What the journal calls the message.
const NAME: &[u8] = b"MESSAGE";
/// Before the same: a mark of Docker's for a part of one.
const PARTIAL: &[u8] = b"CONTAINER_PARTIAL_";
/// A mark of systemd's for a part.
const BROKEN: &[u8] = b"_LINE_BREAK";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::decode::escapes::undone;
    use crate::wrapper::json::{Value, members};

    #[test]
    fn what_writers_of_json_escape_hides_nothing() {
        for harmless in
            ["", r#"a\"b\\\"c\/d\n\t\r\b\f"#, r"\u001b\u007f\u00e9\u2028\ud83d\ude00", r"\u003cx\u003e\u0026\u0022\u002f", r"\\n\\\\"]
        {
            assert_eq!(escape(harmless.as_bytes()), None, "{harmless}");
        }
        for (hidden, at) in [
            (r"x\u0041", 1),
            (r"\x41", 0),
            (r"\41", 0),
            (r"a\q", 1),
            (r"\u{41}", 0),
            (r"\u005c", 0),
            (r"\\\u0061", 2),
            (r"\u00", 0),
            (r"\e", 0),
        ] {
            assert_eq!(escape(hidden.as_bytes()), Some(at), "{hidden}");
        }
    }

    #[test]
    fn colours_in_every_wrapper() {
        let ways = Ways { colours: true, ..Ways::default() };
        for (coloured, at) in [("a\x1b[1mb", 1), (r"\u001b[1m", 1), ("a\\u001B\x1b", 2)] {
            assert_eq!(first(coloured.as_bytes(), ways), Some(at), "{coloured}");
        }
        assert_eq!(first(b"plain #033[1m", ways), None);
    }

    #[test]
    fn messages_that_are_no_strings() {
        let ways = Ways { journal: true, ..Ways::default() };
        for string in [r#"{"MESSAGE":"a"}"#, r#"{"MESSAGE": "[1]", "MESSAGE_ID":[1]}"#, r#"{"log":"{\"MESSAGE\":\"[\"}"#] {
            assert_eq!(first(string.as_bytes(), ways), None, "{string}");
        }
        for other in [
            r#"{"MESSAGE":[65]}"#,
            r#"{"MESSAGE" : [65]}"#,
            r#"{"MESSAGE":null}"#,
            r#"{"MESSAGE":  "a"}"#,
            r#"MESSAGE"#,
            r#"{"_LINE_BREAK":"x"}"#,
            r#"{"CONTAINER_PARTIAL_MESSAGE":"true"}"#,
        ] {
            assert!(first(other.as_bytes(), ways).is_some(), "{other}");
        }
    }

    proptest! {
        /// A plain text that the decoded value holds stands in the raw one, unless that is hidden in one of these ways, however often
        /// the value was escaped.
        #[test]
        fn nothing_else_hides_a_text(raw in r#"([a-e0-9x {}u]|\\){0,24}"#) {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
            let once = undone(raw.as_bytes());
            let twice = undone(&once);
            if escape(raw.as_bytes()).is_none() {
                for decoded in [&once, &twice] {
                    for text in decoded.split(|byte| !is_plain(byte)).filter(|text| !text.is_empty()) {
                        prop_assert!(memchr::memmem::find(raw.as_bytes(), text).is_some(), "{text:?}");
                    }
                }
            }
        }

        #[test]
        fn no_message_of_numbers_is_passed_over(blanks in prop::collection::vec("[ \t]{0,2}", 3), name in "MESSAGE|_MESSAGE|MESSAGE_") {
            let line = format!("{{{}\"{name}\"{}:{}[65]}}", blanks[0], blanks[1], blanks[2]);
            let mut numbers = false;
            members(line.as_bytes(), |key, value| numbers |= key == b"MESSAGE" && matches!(value, Value::Array(_)));
            let found = first(line.as_bytes(), Ways { journal: true, ..Ways::default() }).is_some();
            prop_assert!(found || !numbers);
        }
    }
}
