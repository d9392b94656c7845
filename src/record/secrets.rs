//! Takes out of a text what must never be shown: passwords, tokens, dumps of packets that hold them.

use std::borrow::Cow;

use crate::grammar::{Grammar, SecretForm, Until, accepts, decode};

/// What stands in a secret's place.
pub const MARK: &[u8] = b"[secret removed]";

/// The text without its secrets.
pub fn scrubbed<'a>(grammar: &Grammar, text: &'a [u8]) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(text);
    for form in &grammar.secrets {
        if form.finder.find(&text).is_some() {
            text = Cow::Owned(without(form, &text));
        }
    }
    text
}

fn without(form: &SecretForm, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = form.finder.find(rest) {
        let start = at + form.after.len();
        out.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        let end = end(&form.until, rest);
        if end > 0 && !rest.starts_with(MARK) {
            out.extend_from_slice(MARK);
            rest = &rest[end..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Where the secret ends; one whose end is not found goes on to the end of the text.
fn end(until: &Until, rest: &[u8]) -> usize {
    match until {
        Until::End => rest.len(),
        Until::Texts(texts) => {
            let ends = texts.iter().filter_map(|text| memchr::memmem::find(rest, text));
            ends.min().unwrap_or(rest.len())
        }
        Until::Kind(kind) => match kind {
            crate::grammar::Kind::Erlang | crate::grammar::Kind::ErlangBytes => decode::erlang::length(rest).unwrap_or(rest.len()),
            crate::grammar::Kind::Quoted | crate::grammar::Kind::Rust => {
                let ends = memchr::memchr2_iter(b'"', b'\'', rest).skip(1).map(|at| at + 1);
                ends.into_iter().find(|end| accepts(*kind, &rest[..*end]).is_some()).unwrap_or(rest.len())
            }
            _ => rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b')' | b'}' | b']')).unwrap_or(rest.len()),
        },
    }
}
