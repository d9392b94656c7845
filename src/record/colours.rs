//! Takes colours off: the SGR sequences (`ESC [ ... m`) that products write to files as if they were terminals.

use std::borrow::Cow;

use crate::grammar::Colours;

/// The line without its colours, where the grammar says that it has some.
pub fn off(colours: Colours, line: &[u8]) -> Cow<'_, [u8]> {
    match colours {
        Colours::All if memchr::memchr(0x1b, line).is_some() => {
            let mut out = Vec::with_capacity(line.len());
            let mut rest = line;
            while let Some(at) = memchr::memchr(0x1b, rest) {
                out.extend_from_slice(&rest[..at]);
                rest = match sequence(&rest[at..]) {
                    Some(length) => &rest[at + length..],
                    None => {
                        out.push(0x1b);
                        &rest[at + 1..]
                    }
                };
            }
            out.extend_from_slice(rest);
            Cow::Owned(out)
        }
        Colours::Ends => {
            let mut line = line;
            while let Some(length) = sequence(line) {
                line = &line[length..];
            }
            // A sequence at the end is looked for at the last ESC.
            while let Some(at) = memchr::memrchr(0x1b, line).filter(|at| sequence(&line[*at..]) == Some(line.len() - at)) {
                line = &line[..at];
            }
            Cow::Borrowed(line)
        }
        _ => Cow::Borrowed(line),
    }
}

/// The length of the sequence at the start.
fn sequence(text: &[u8]) -> Option<usize> {
    let parameters = text.strip_prefix(b"\x1b[")?;
    let end = parameters.iter().position(|byte| !(byte.is_ascii_digit() || matches!(byte, b';' | b':')))?;
    (parameters[end] == b'm').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_other_sequences_stay() {
        let line = b"\x1b[2m2026\x1b[0m \x1b[1;31mERROR\x1b[0m a\x1b[2Jb\x1b";
        assert_eq!(&*off(Colours::All, line), b"2026 ERROR a\x1b[2Jb\x1b");
        assert_eq!(&*off(Colours::Ends, b"\x1b[1;31ma \x1b[1mb\x1b[0m c\x1b[0m\x1b[0m"), b"a \x1b[1mb\x1b[0m c");
        assert_eq!(&*off(Colours::Kept, line), line);
    }
}
