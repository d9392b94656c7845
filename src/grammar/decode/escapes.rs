//! Backslash escapes: those of C, JSON, Rust's `{:?}`, nginx and X.509 names.

use std::borrow::Cow;

/// The text with its escapes undone. An escape that is none stands for the byte after the backslash.
pub(crate) fn undone(text: &[u8]) -> Cow<'_, [u8]> {
    undone_by(text, one)
}

/// The same for what Rust's `{:?}` wrote: there a backslash never begins two hexadecimal digits.
pub(crate) fn undone_rust(text: &[u8]) -> Cow<'_, [u8]> {
    undone_by(text, |after, out| match after.split_first() {
        Some((b'0', rest)) => {
            out.push(0);
            rest
        }
        _ => one(after, out),
    })
}

fn undone_by(text: &[u8], mut one: impl for<'a> FnMut(&'a [u8], &mut Vec<u8>) -> &'a [u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else { return Cow::Borrowed(text) };
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'\\' {
            out.push(*byte);
            rest = after;
            continue;
        }
        rest = one(after, &mut out);
    }
    Cow::Owned(out)
}

/// The text without the escapes of syslog's structured data, where it has them: one in which another character follows a
/// backslash, or in which a quote or a closing bracket stands without one, was not escaped.
pub(crate) fn structured(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next() {
                Some(escaped @ (b'"' | b'\\' | b']')) => out.push(*escaped),
                _ => return Cow::Borrowed(text),
            },
            b'"' | b']' => return Cow::Borrowed(text),
            byte => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// What stands after a backslash; the rest is returned.
fn one<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let hex = |from: usize, len: usize| {
        let digits = text.get(from..from + len)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?, 16).ok()
    };
    let Some(kind) = text.first() else {
        out.push(b'\\');
        return text;
    };
    match kind {
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'b' => out.push(8),
        b'f' => out.push(12),
        b'e' => out.push(27),
        b'x' if hex(1, 2).is_some() => {
            out.extend(hex(1, 2).and_then(|byte| u8::try_from(byte).ok()));
            return &text[3..];
        }
        b'u' if text.get(1) == Some(&b'{') => return braced(text, out),
        b'u' if hex(1, 4).is_some() => return utf16(text, hex(1, 4).unwrap_or_default(), out),
        // An X.509 name writes any byte so.
        _ if hex(0, 2).is_some() => {
            out.extend(hex(0, 2).and_then(|byte| u8::try_from(byte).ok()));
            return &text[2..];
        }
        b'0' => out.push(0),
        other => out.push(*other),
    }
    &text[1..]
}

/// `u{1b}`, as Rust writes it.
fn braced<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let end = text.iter().take(9).position(|byte| *byte == b'}');
    let character = end.and_then(|end| u32::from_str_radix(std::str::from_utf8(&text[2..end]).ok()?, 16).ok()).and_then(char::from_u32);
    match (character, end) {
        (Some(character), Some(end)) => {
            push(out, character);
            &text[end + 1..]
        }
        _ => {
            out.push(b'u');
            &text[1..]
        }
    }
}

/// `u001b`, as JSON writes it; two of them may be one character.
fn utf16<'a>(text: &'a [u8], unit: u32, out: &mut Vec<u8>) -> &'a [u8] {
    if (0xd800..0xdc00).contains(&unit)
        && let Some(b"\\u") = text.get(5..7)
        && let Some(low) = text.get(7..11).and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        && (0xdc00..0xe000).contains(&low)
    {
        push(out, char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER));
        return &text[11..];
    }
    push(out, char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
    &text[5..]
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_escaped_stays_as_it_is() {
        for (written, meant) in [
            (r"plain", "plain"),
            (r#"a\"b\\c\]"#, r#"a"b\c]"#),
            (r#"a"b"#, r#"a"b"#),
            (r"o'brien\tank", r"o'brien\tank"),
            (r"[hall]", "[hall]"),
            (r"end\", r"end\"),
        ] {
            assert_eq!(String::from_utf8_lossy(&structured(written.as_bytes())), meant, "{written}");
        }
    }

    #[test]
    fn a_nul_of_rust_is_no_hexadecimal_digit() {
        assert_eq!(&*undone_rust(br#"a\0after\0\u{7f}\"\\0a"#), b"a\0after\0\x7f\"\\0a");
        assert_eq!(&*undone(br"a\0after"), b"a\nfter");
    }

    #[test]
    fn every_way_of_writing_a_character() {
        for (written, meant) in [
            (r"plain", "plain"),
            (r#"a\"b\\c"#, r#"a"b\c"#),
            (r"a\nb\r\t\e", "a\nb\r\t\u{1b}"),
            (r"\x22F\xC3\xBC", "\"Fü"),
            (r"F\C3\BChler\0A", "Fühler\n"),
            (r"\u{1b}\u{202e}\0", "\u{1b}\u{202e}\0"),
            (r"\u001b\ud83d\ude00", "\u{1b}😀"),
            (r"a\]b\,c", "a]b,c"),
            (r"\u{zz}\", r"u{zz}\"),
        ] {
            assert_eq!(String::from_utf8_lossy(&undone(written.as_bytes())), meant, "{written}");
        }
    }
}
