//! As much JSON as wrappers need: the members of one object as they stand in the line, and what a string says.
//!
//! Nothing is allocated, and nothing recurses: what is nested is stepped over by counting brackets.

use memchr::memchr2;

/// More members no collector writes.
const MOST_MEMBERS: usize = 512;

/// A value as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// What stands between the quotes.
    Quoted(&'a [u8]),
    /// An array with its brackets.
    Array(&'a [u8]),
    /// Anything else.
    Other(&'a [u8]),
}

/// Calls `each` for every member of the object that `text` is, with the key as it stands between the quotes. False, at once or in the
/// end, when it isn't one object from the first byte to the last.
pub(crate) fn members<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) -> bool {
    let Some(mut rest) = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else {
        return false;
    };
    if let Some(after) = rest.strip_prefix(b"}") {
        return after.trim_ascii().is_empty();
    }
    for _ in 0..MOST_MEMBERS {
        let Some((key, after)) = quoted(rest) else {
            return false;
        };
        let Some((value, after)) = after.trim_ascii_start().strip_prefix(b":").and_then(|after| value(after.trim_ascii_start())) else {
            return false;
        };
        each(key, value);
        match after.trim_ascii_start() {
            [b',', after @ ..] => rest = after.trim_ascii_start(),
            [b'}', after @ ..] => return after.trim_ascii().is_empty(),
            _ => return false,
        }
    }
    false
}

/// A string: what stands between its quotes, and what follows.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', inside.get(at..)?)?;
        if inside.get(at) == Some(&b'"') {
            return Some((inside.get(..at)?, inside.get(at + 1..)?));
        }
        at += 2;
    }
}

fn value(text: &[u8]) -> Option<(Value<'_>, &[u8])> {
    match text.first()? {
        b'"' => quoted(text).map(|(inside, rest)| (Value::Quoted(inside), rest)),
        b'[' | b'{' => {
            let (nested, rest) = text.split_at_checked(nested(text)?)?;
            Some((if nested.starts_with(b"[") { Value::Array(nested) } else { Value::Other(nested) }, rest))
        }
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace())?;
            let (word, rest) = text.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
            Some((Value::Other(word), rest))
        }
    }
}

/// Bytes of the array or object at the start.
fn nested(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match text.get(at)? {
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 1 => return Some(at + 1),
            b']' | b'}' => depth -= 1,
            b'"' => at += quoted(text.get(at..)?)?.0.len() + 1,
            _ => {}
        }
        at += 1;
    }
}

/// Appends what a string says, given what stands between its quotes; false when an escape is wrong. Never longer than it stood there.
pub(super) fn unquote(inside: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((letter, length)) = escaped(escape) else {
            return false;
        };
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    true
}

/// The character that the escape at the start stands for, and its length.
fn escaped(escape: &[u8]) -> Option<(char, usize)> {
    let letter = match escape.get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\x08',
        b'f' => '\x0c',
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        b'u' => {
            let high = unit(escape)?;
            let low = escape.get(6..).filter(|_| (0xd800..0xdc00).contains(&high)).and_then(unit);
            return Some(match low.filter(|low| (0xdc00..0xe000).contains(low)) {
                Some(low) => (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12),
                None => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            });
        }
        _ => return None,
    };
    Some((letter, 2))
}

/// The number in `\u00e9`.
fn unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

/// Appends the bytes that an array of numbers lists; false when it holds anything else.
pub(super) fn numbers(array: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(list) = array.strip_prefix(b"[").and_then(|list| list.strip_suffix(b"]")) else {
        return false;
    };
    list.split(|byte| *byte == b',').all(|number| {
        let digits = number.trim_ascii();
        let value = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u8>().ok());
        value.map(|byte| out.push(byte)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> Option<Vec<String>> {
        let mut keys = Vec::new();
        members(text.as_bytes(), |key, _| keys.push(String::from_utf8_lossy(key).into_owned())).then_some(keys)
    }

    #[test]
    fn only_a_whole_object_counts() {
        assert_eq!(keys("{}").unwrap().len(), 0);
        assert_eq!(keys(r#" {"a":1}"#), None);
        assert_eq!(keys(r#"{"a":1, "b" : {"c":["}"]}, "d":"\"}" } "#).unwrap(), ["a", "b", "d"]);
        for broken in [r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a"}"#, r#"{"a":}"#, r#"{"a":"x}"#, r#"{"a":[}"#, "{,}", r#"{"a":1,}"#, "[]", "{"] {
            assert_eq!(keys(broken), None, "{broken}");
        }
    }

    #[test]
    fn strings_say_what_their_escapes_stand_for() {
        let say = |inside: &str| {
            let mut out = Vec::new();
            unquote(inside.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(say(r#"a\n\t\"\\\/\u00e9\u003c\ud83d\ude00"#).unwrap(), "a\n\t\"\\/é<😀");
        assert_eq!(say(r"\ud83dx\ude00").unwrap(), "\u{fffd}x\u{fffd}");
        assert_eq!(say(r"\ud83d\ud83d\ude00").unwrap(), "\u{fffd}😀");
        for broken in [r"\x", r"\u12", r"\", r"\u12g4"] {
            assert_eq!(say(broken), None, "{broken}");
        }
    }

    #[test]
    fn numbers_are_bytes() {
        let mut out = Vec::new();
        assert!(numbers(b"[65, 255,0]", &mut out));
        assert_eq!(out, [65, 255, 0]);
        for broken in ["[]", "[256]", "[-1]", "[\"a\"]", "[1", "[1,]"] {
            assert!(!numbers(broken.as_bytes(), &mut Vec::new()), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read(text in "\\PC{0,40}|[\u{0}-\u{1f}]{0,9}") {
            let json = serde_json::to_string(&serde_json::json!({"a": [text.clone()], "text": text.clone()})).unwrap();
            let mut out = Vec::new();
            let whole = members(json.as_bytes(), |key, value| {
                if let (b"text", Value::Quoted(inside)) = (key, value) {
                    assert!(unquote(inside, &mut out));
                }
            });
            prop_assert!(whole);
            prop_assert_eq!(out, text.into_bytes());
        }

        #[test]
        fn garbage_never_panics(text in "[\\[\\]{}\",:\\\\u0a ]{0,40}") {
            members(format!("{{{text}").as_bytes(), |_, _| {});
            let mut out = Vec::new();
            unquote(text.as_bytes(), &mut out);
            prop_assert!(out.len() <= text.len());
            numbers(text.as_bytes(), &mut out);
        }
    }
}
