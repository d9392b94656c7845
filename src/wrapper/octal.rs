//! rsyslog's escapes: a control character is written as `#` and three octal digits.

/// Appends `text` to `out` with the escapes undone, and says whether there were any.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(first) = memchr::memchr_iter(b'#', text).find(|at| control(text, *at).is_some()) else {
        return false;
    };
    let (plain, mut rest) = text.split_at(first);
    out.extend_from_slice(plain);
    while let Some(mark) = memchr::memchr(b'#', rest) {
        let (plain, from) = rest.split_at(mark);
        out.extend_from_slice(plain);
        let (byte, length) = control(from, 0).map_or((b'#', 1), |byte| (byte, 4));
        out.push(byte);
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    true
}

/// The control character that is escaped at `at`. Nothing else is ever escaped, so `#101` stays.
fn control(text: &[u8], at: usize) -> Option<u8> {
    let [b'#', digits @ ..] = text.get(at..at + 4)? else {
        return None;
    };
    let value = digits.iter().try_fold(0_u32, |sum, digit| Some(sum * 8 + char::from(*digit).to_digit(8)?))?;
    u8::try_from(value).ok().filter(u8::is_ascii_control)
}
