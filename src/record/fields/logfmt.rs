//! `name=value name="value with blanks"`.

use super::Values;
use crate::grammar::decode::escapes;

pub(super) fn read(text: &[u8]) -> Option<Values> {
    let mut values = Values::default();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b' '))?;
        let (name, after) = rest.split_at(end);
        if name.is_empty() || after[0] != b'=' || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)) {
            return None;
        }
        let after = &after[1..];
        rest = if after.first() == Some(&b'"') {
            let end = quoted(after)?;
            values.push(name, &escapes::undone(&after[1..end - 1]));
            &after[end..]
        } else {
            let end = memchr::memchr(b' ', after).unwrap_or(after.len());
            values.push(name, &after[..end]);
            &after[end..]
        };
        if !rest.is_empty() && rest[0] != b' ' {
            return None;
        }
        rest = rest.trim_ascii_start();
    }
    (!values.fields.is_empty()).then_some(values)
}

/// The length of the quoted value at the start, with its quotes.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_values() {
        let values = read(br#"time="2026-11-23T10:23:21Z" level=error msg="a \"b\" level=info" n=1"#).unwrap();
        assert_eq!(values.get(&["msg".into()]), Some(&br#"a "b" level=info"#[..]));
        assert_eq!(values.get(&["level".into()]), Some(&b"error"[..]));
        assert!(!values.unclear);
        assert_eq!(read(b"no such thing"), None);
        assert_eq!(read(b"a=\"x"), None);
    }
}
