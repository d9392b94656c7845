//! An Erlang record as `~p` prints it: `#connect{client_id = <<"sensor">>,username = <<>>, ...}`, broken over lines as it comes.

use super::Values;
use crate::grammar::decode::erlang;

pub(super) fn read(text: &[u8]) -> Option<Values> {
    let open = memchr::memchr(b'#', text)?;
    let brace = open + memchr::memchr(b'{', &text[open..])?;
    let mut values = Values::default();
    values.push(b"#", &text[open + 1..brace]);
    let mut rest = &text[brace + 1..];
    loop {
        rest = rest.trim_ascii_start();
        let Some(equals) = memchr::memmem::find(rest, b"=") else { break };
        let name = rest[..equals].trim_ascii();
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            break;
        }
        rest = rest[equals + 1..].trim_ascii_start();
        let end = match erlang::length(rest) {
            Some(end) => {
                if let Some(value) = erlang::value(&rest[..end]) {
                    values.push(name, &value);
                }
                end
            }
            None => {
                let end = nested(rest);
                values.push(name, &rest[..end]);
                end
            }
        };
        rest = rest[end..].trim_ascii_start();
        match rest.split_first() {
            Some((b',', after)) => rest = after,
            _ => break,
        }
    }
    (values.fields.len() > 1).then_some(values)
}

/// The length of a term that is no text: up to the comma or bracket that ends it.
fn nested(term: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = term.get(at) {
        match byte {
            b'"' | b'<' if erlang::length(&term[at..]).is_some() => {
                at += erlang::length(&term[at..]).unwrap_or(1);
                continue;
            }
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth == 0 => return at,
            b'}' | b']' | b')' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_over_several_lines() {
        let text = b"Got MQTT packet:\n#connect{proto_level = 4,will = undefined,properties = #{a => {1,2}},\n    client_id = <<\"s, username = <<\\\"x\">>,username = <<103,114,\n  195,188>>, password = <<\"p\">>}";
        let values = read(text).unwrap();
        let all: Vec<_> = values.iter().map(|(name, value)| (name.into_owned(), String::from_utf8_lossy(value).into_owned())).collect();
        let want = [
            ("#", "connect"),
            ("proto_level", "4"),
            ("properties", "#{a => {1,2}}"),
            ("client_id", "s, username = <<\"x"),
            ("username", "grü"),
            ("password", "p"),
        ];
        assert_eq!(all, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
