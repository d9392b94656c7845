//! Undoes the ways in which products write a text, so that the value is the one that the client sent.
//!
//! Each kind of capture has one: backslash escapes, Erlang terms, UTF-8 that was encoded twice.

pub(crate) mod erlang;
pub(crate) mod escapes;
pub(crate) mod packet;

use std::borrow::Cow;

use super::fact::Kind;

/// The value that a capture of this kind stands for. None: the product says that there is none (`undefined`).
pub(crate) fn value(kind: Kind, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match kind {
        Kind::Quoted => Some(escapes::undone(bytes)),
        Kind::Structured => Some(escapes::structured(bytes)),
        Kind::Rust => Some(escapes::undone_rust(bytes)),
        Kind::Erlang => erlang::value(bytes),
        Kind::ErlangBytes => erlang::bytes(bytes),
        Kind::Latin1 => Some(latin1(bytes)),
        Kind::Printed => Some(erlang::printed(bytes)),
        _ => Some(Cow::Borrowed(bytes)),
    }
}

/// A decimal number, or a hexadecimal one after `0x`.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Bytes that were taken for Latin-1 and encoded as UTF-8 once more: each character was one byte. A text that is no such thing
/// stays as it is.
pub(crate) fn latin1(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Cow::Borrowed(bytes) };
    let once: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c as u32).ok()).collect();
    match once {
        Some(once) if std::str::from_utf8(&once).is_ok() => Cow::Owned(once),
        _ => Cow::Borrowed(bytes),
    }
}

/// Whether a text may have been encoded a second time, but its bytes are no UTF-8 then: it may be as it stands, or be no UTF-8.
pub(crate) fn is_doubtful(kind: Kind, bytes: &[u8]) -> bool {
    let once = || {
        let text = std::str::from_utf8(bytes).ok()?;
        text.chars().map(|c| u8::try_from(c as u32).ok()).collect::<Option<Vec<u8>>>()
    };
    matches!(kind, Kind::Latin1 | Kind::ErlangBytes) && !bytes.is_ascii() && once().is_some_and(|once| std::str::from_utf8(&once).is_err())
}

/// Bytes written as hexadecimal digits; what stands between them does not count.
pub(crate) fn hexes(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().filter_map(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_that_was_encoded_twice() {
        assert_eq!(&*latin1("grÃ¼nwald".as_bytes()), "grünwald".as_bytes());
        assert_eq!(&*latin1("grünwald".as_bytes()), "grünwald".as_bytes());
        assert_eq!(&*latin1("датчик".as_bytes()), "датчик".as_bytes());
        assert_eq!(&*latin1(b"\xff"), b"\xff");
        assert!(is_doubtful(Kind::Latin1, "cafÃ(".as_bytes()));
        assert!(!is_doubtful(Kind::Latin1, "grÃ¼nwald".as_bytes()));
        assert!(!is_doubtful(Kind::Text, "cafÃ(".as_bytes()));
    }

    #[test]
    fn numbers_and_hexadecimal() {
        assert_eq!(number(b"194"), Some(194));
        assert_eq!(number(b"0xc2"), Some(194));
        assert_eq!(number(b"-"), None);
        assert_eq!(hexes(b"10 0e,00:04"), [0x10, 0x0e, 0, 4]);
    }
}
