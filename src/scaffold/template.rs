//! Makes a pattern of one line that speaks of a failure.

use std::net::IpAddr;

/// Words of lines that are about a failure at all.
const SUSPICIOUS: [&str; 17] = [
    "refus",
    "denied",
    "reject",
    "authori",
    "authenticat",
    "password",
    "credential",
    "fail",
    "invalid",
    "forbidden",
    "banned",
    "handshake",
    "certificate",
    "alert",
    "error",
    "disconnect",
    "not allowed",
];
/// Words that say that somebody was refused.
const REFUSED: [&str; 11] = [
    "refused",
    "denied",
    "rejected",
    "not authori",
    "unauthori",
    "authentication fail",
    "auth fail",
    "login fail",
    "bad user",
    "bad password",
    "invalid password",
];

/// One kind of line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// Its pattern.
    pub(super) pattern: String,
    /// It says that somebody was refused.
    pub(super) refused: bool,
    /// What it says, without what differs from line to line.
    pub(super) words: String,
}

/// The kind of a message; none when it does not speak of a failure.
pub(super) fn of(message: &str) -> Option<Template> {
    let lower = message.to_ascii_lowercase();
    if !SUSPICIOUS.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let (mut pattern, mut words, mut rest, mut address) = (String::new(), String::new(), message, false);
    while let Some(c) = rest.chars().next() {
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:_-".contains(*c)).collect();
        let token = token.trim_end_matches([':', '.', '-']);
        if let Some((quoted, length)) = quoted(rest) {
            pattern.push_str(&rest[..1]);
            pattern.push_str("{_}");
            pattern.push_str(&rest[length - 1..length]);
            words.push('…');
            let _ = quoted;
            rest = &rest[length..];
        } else if !address && let Some(port) = endpoint(token) {
            pattern.push_str(if port { "{client_ip}:{client_port}" } else { "{client_ip}" });
            words.push('…');
            address = true;
            rest = &rest[token.len()..];
        } else if !token.is_empty() && token.bytes().any(|byte| byte.is_ascii_digit()) {
            pattern.push_str("{_:word}");
            words.push('…');
            // A word goes on to the next blank.
            let end = rest.find(' ').unwrap_or(rest.len());
            rest = &rest[end..];
        } else {
            let length = if token.is_empty() { c.len_utf8() } else { token.len() };
            pattern.push_str(&rest[..length].replace('{', "{{").replace('}', "}}"));
            words.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    crate::grammar::Pattern::parse(&pattern).ok()?;
    Some(Template { pattern, refused: REFUSED.iter().any(|word| lower.contains(word)), words })
}

/// A text in quotes at the start, and its length with them.
fn quoted(text: &str) -> Option<(&str, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let end = text[1..].find(quote)?;
    Some((&text[1..=end], end + 2))
}

/// Whether this is an address (false) or an address with a port (true).
fn endpoint(token: &str) -> Option<bool> {
    if token.parse::<IpAddr>().is_ok() {
        return Some(false);
    }
    let (address, port) = token.rsplit_once(':')?;
    (address.parse::<IpAddr>().is_ok() && port.parse::<u16>().is_ok()).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_line_to_line_becomes_a_capture() {
        let template = of("client 'pump 1' at 192.0.2.7:5001 refused (code 5): bad {user}").unwrap();
        assert_eq!(template.pattern, "client '{_}' at {client_ip}:{client_port} refused (code {_:word} bad {{user}}");
        assert!(template.refused);
        assert_eq!(of("listener started"), None);
    }
}
