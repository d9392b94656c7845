//! Text that strangers wrote, made fit to be shown.

use std::fmt::Write;

/// Escapes control characters, invisible and direction-changing characters and bytes that are no UTF-8, and cuts the result
/// at `most` bytes of input (at a character's border), with a mark.
pub fn escaped(bytes: &[u8], most: usize) -> String {
    let cut = bytes.len() > most;
    let mut end = bytes.len().min(most);
    while cut && end > 0 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    let mut text = String::with_capacity(end + 4);
    if is_plain(&bytes[..end]) {
        text.push_str(std::str::from_utf8(&bytes[..end]).unwrap_or_default());
        if cut {
            text.push('…');
        }
        return text;
    }
    for chunk in bytes[..end].utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.bytes().position(|byte| !(0x20..0x7f).contains(&byte)) {
            let (plain, others) = rest.split_at(at);
            text.push_str(plain);
            let mut chars = others.chars();
            let Some(c) = chars.next() else { break };
            if is_unsafe(c) {
                write_escape(&mut text, c)
            } else {
                text.push(c)
            }
            rest = chars.as_str();
        }
        text.push_str(rest);
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if cut {
        text.push('…');
    }
    text
}

/// Adds to a text what [`escaped`] makes.
pub(crate) fn put_escaped(text: &mut Vec<u8>, bytes: &[u8], most: usize) {
    if bytes.len() <= most && is_plain(bytes) {
        text.extend_from_slice(bytes);
    } else {
        text.extend_from_slice(escaped(bytes, most).as_bytes());
    }
}

/// Printable ASCII, as nearly every line is: nothing to escape, and found out quickly.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    all(bytes, |byte| byte.wrapping_sub(0x20) < 0x5f)
}

/// Whether all bytes are such: without a way out among sixteen of them the compiler looks at these at once.
pub(crate) fn all(bytes: &[u8], such: impl Fn(u8) -> bool) -> bool {
    let sixteen = |bytes: &[u8; 16]| bytes.iter().fold(true, |all, byte| all & such(*byte));
    match bytes.last_chunk() {
        Some(last) => bytes.as_chunks().0.iter().all(sixteen) && sixteen(last),
        None => bytes.iter().all(|byte| such(*byte)),
    }
}

/// The same for a whole string.
pub fn display(text: &str) -> std::borrow::Cow<'_, str> {
    if !is_plain(text.as_bytes()) && text.chars().any(is_unsafe) { escaped(text.as_bytes(), usize::MAX).into() } else { text.into() }
}

/// Characters that a terminal or a page would act upon, or not show.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn write_escape(text: &mut String, c: char) {
    let _ = match c {
        '\n' => write!(text, "\\n"),
        '\r' => write!(text, "\\r"),
        '\t' => write!(text, "\\t"),
        c if (c as u32) < 0x80 => write!(text, "\\x{:02x}", c as u32),
        c => write!(text, "\\u{{{:x}}}", c as u32),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_upon_gets_through() {
        assert_eq!(escaped(b"a\x1b[31mb\x00\xff\xc3\xa9\n", 100), "a\\x1b[31mb\\x00\\xffé\\n");
        assert_eq!(escaped("a\u{202e}b".as_bytes(), 100), "a\\u{202e}b");
        assert_eq!(escaped("éé".as_bytes(), 3), "é…");
        assert_eq!(escaped(b"abc", 0), "…");
        assert_eq!(display("plain"), "plain");
    }
}
