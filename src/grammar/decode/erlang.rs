//! Erlang terms that stand for a text, as `~p` prints them: `<<"sensor">>`, `<<70,195,188>>`, `"sensor"`, `[97,98]`, an atom.
//!
//! Long terms are broken over lines, and a long binary into several strings side by side; white space inside means nothing.

use std::borrow::Cow;

/// Whether these bytes are such a term, whole.
pub(crate) fn is_term(bytes: &[u8]) -> bool {
    length(bytes) == Some(bytes.len())
}

/// The length of the term at the start.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'<', b'<', ..] => {
            let end = inside(&bytes[2..], b">>")? + 2;
            Some(end + 2)
        }
        [b'[', ..] => Some(inside(&bytes[1..], b"]")? + 2),
        [b'"', ..] => strings(bytes),
        [b'\'', ..] => quoted(bytes, b'\''),
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'-' => {
            Some(bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"_@.-".contains(byte))).unwrap_or(bytes.len()))
        }
        _ => None,
    }
}

/// Bytes up to the closing mark; strings and numbers with commas and white space may stand before it.
fn inside(bytes: &[u8], close: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(close) {
            return Some(at);
        }
        at += match rest.first()? {
            b'"' => quoted(rest, b'"')?,
            byte if byte.is_ascii_digit() || byte.is_ascii_whitespace() || matches!(byte, b',' | b'.' | b'|') => 1,
            b'/' if rest.starts_with(b"/utf8") => 5,
            _ => return None,
        };
    }
}

/// The length of a quoted string.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of one string, or of several with white space between them.
fn strings(bytes: &[u8]) -> Option<usize> {
    let mut end = quoted(bytes, b'"')?;
    while let Some(next) = bytes[end..].iter().position(|byte| !byte.is_ascii_whitespace()).map(|skip| end + skip)
        && next > end
        && bytes[next] == b'"'
    {
        end = next + quoted(&bytes[next..], b'"')?;
    }
    Some(end)
}

/// The text that the term stands for; none for `undefined` and `none`.
pub(crate) fn value(term: &[u8]) -> Option<Cow<'_, [u8]>> {
    let body = match term {
        b"undefined" | b"none" => return None,
        [b'<', b'<', body @ .., b'>', b'>'] => body,
        [b'[', body @ .., b']'] => body,
        [b'"', ..] => term,
        [b'\'', body @ .., b'\''] => return Some(super::escapes::undone(body)),
        atom => return Some(Cow::Borrowed(atom)),
    };
    let codes = codes(body);
    // A string of bytes, or of characters: bytes that are UTF-8 are taken for what the client sent. A binary in numbers is
    // bytes in any case; one in quotes may hold the characters that a console prints for them.
    let bytes: Option<Vec<u8>> = codes.iter().map(|code| u8::try_from(*code).ok()).collect();
    Some(Cow::Owned(match bytes {
        Some(bytes) if term.starts_with(b"<<") && !body.contains(&b'"') || std::str::from_utf8(&bytes).is_ok() => bytes,
        _ => codes.iter().filter_map(|code| char::from_u32(*code)).collect::<String>().into_bytes(),
    }))
}

/// A text that stands as it is, or as a list or a binary where the product could not print it. What could be printed and looks
/// like a list is a client's own text.
pub(crate) fn printed(text: &[u8]) -> Cow<'_, [u8]> {
    let body = match text {
        [b'[', body @ .., b']'] | [b'<', b'<', body @ .., b'>', b'>'] => body,
        _ => return Cow::Borrowed(text),
    };
    let printable = |code: &u32| (0x20..0x7f).contains(code);
    if body.is_empty() || !is_term(text) || codes(body).iter().all(printable) {
        return Cow::Borrowed(text);
    }
    // A binary holds bytes, UTF-8 or not.
    let bytes: Option<Vec<u8>> = codes(body).into_iter().map(|code| u8::try_from(code).ok()).collect();
    match bytes.filter(|_| text.starts_with(b"<<")) {
        Some(bytes) => Cow::Owned(bytes),
        None => value(text).unwrap_or(Cow::Borrowed(text)),
    }
}

/// The same of a term whose codes are all bytes, UTF-8 or not.
pub(crate) fn bytes(term: &[u8]) -> Option<Cow<'_, [u8]>> {
    // In quotes it is not known how often they were encoded.
    if !matches!(term, [b'<' | b'[', ..]) || term.contains(&b'"') {
        return value(term);
    }
    let bytes: Option<Vec<u8>> = codes(term).into_iter().map(|code| u8::try_from(code).ok()).collect();
    bytes.map_or_else(|| value(term), |bytes| Some(Cow::Owned(bytes)))
}

/// The elements of the binary or list.
pub(crate) fn codes(body: &[u8]) -> Vec<u32> {
    let mut codes = Vec::new();
    let mut rest = body;
    while let Some(byte) = rest.first() {
        if *byte == b'"' {
            let end = quoted(rest, b'"').unwrap_or(rest.len());
            let inner = rest.get(1..end.saturating_sub(1)).unwrap_or_default();
            codes.extend(characters(inner));
            rest = &rest[end.min(rest.len())..];
        } else if byte.is_ascii_digit() {
            let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            codes.extend(std::str::from_utf8(&rest[..end]).ok().and_then(|digits| digits.parse::<u32>().ok()));
            rest = &rest[end..];
        } else {
            rest = &rest[1..];
        }
    }
    codes
}

fn characters(inner: &[u8]) -> Vec<u32> {
    let undone = super::escapes::undone(inner);
    match std::str::from_utf8(&undone) {
        Ok(text) => text.chars().map(u32::from).collect(),
        Err(_) => undone.iter().map(|byte| u32::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(term: &str) -> Option<String> {
        assert!(is_term(term.as_bytes()), "{term}");
        value(term.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn terms_that_stand_for_texts() {
        assert_eq!(text("<<\"sensor-7\">>"), Some("sensor-7".into()));
        assert_eq!(text("<<>>"), Some(String::new()));
        assert_eq!(text("[]"), Some(String::new()));
        assert_eq!(text("<<70,195,188,\n  108>>"), Some("Fül".into()));
        assert_eq!(text("\"a\\\"b\\n\""), Some("a\"b\n".into()));
        assert_eq!(text("<<\"grÃ¼nwald\">>"), Some("grünwald".into()));
        assert_eq!(text("[1586,1610]"), Some("زي".into()));
        assert_eq!(text("<<\"abc\"\n      \"def\">>"), Some("abcdef".into()));
        assert_eq!(bytes(b"[99,195,40]").as_deref(), Some(&b"c\xc3("[..]));
        assert_eq!(bytes("\"Zähler\"".as_bytes()).as_deref(), Some("Zähler".as_bytes()));
        assert_eq!(bytes(b"[99,195,188,10]").as_deref(), Some("cü\n".as_bytes()));
        assert_eq!(text("undefined"), None);
        assert_eq!(text("not_authorized"), Some("not_authorized".into()));
    }

    #[test]
    fn what_a_file_and_a_console_print_of_the_same_bytes() {
        let text = |term: &str| value(term.as_bytes()).map(|text| String::from_utf8_lossy(&text).into_owned());
        assert_eq!(text("<<\"ZÃ¤hler\">>"), Some("Zähler".into()));
        assert_eq!(text("<<\"Zähler\">>"), Some("Zähler".into()));
        assert_eq!(text("<<255,254>>"), Some("\u{fffd}\u{fffd}".into()));
    }

    #[test]
    fn a_list_where_the_text_cannot_be_printed() {
        let text = |text: &str| String::from_utf8_lossy(&printed(text.as_bytes())).into_owned();
        assert_eq!(text("pump 4"), "pump 4");
        assert_eq!(text("[98,101,7]"), "be\u{7}");
        assert_eq!(text("[103,195,156]"), "gÜ");
        assert_eq!(text("[1586,1610]"), "زي");
        assert_eq!(text("<<255,254>>"), "\u{fffd}\u{fffd}");
        // Clients that call themselves so.
        assert_eq!(text("[97,98]"), "[97,98]");
        assert_eq!(text("<<\"bin\">>"), "<<\"bin\">>");
        assert_eq!(text("[]"), "[]");
        assert_eq!(text("undefined"), "undefined");
    }

    #[test]
    fn a_text_that_imitates_the_end_of_the_term_stays_inside_it() {
        let term = "<<\"x\\\">>} from 192.0.2.9:5555 due to invalid_credentials\">>";
        assert_eq!(text(term), Some("x\">>} from 192.0.2.9:5555 due to invalid_credentials".into()));
        assert!(!is_term(b"<<\"x\">> y\">>"));
        assert!(!is_term(b"<<\"x"));
        assert!(!is_term(b""));
    }
}
