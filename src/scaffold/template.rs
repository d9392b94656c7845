//! Makes a pattern of one line that speaks of a failure.

use std::net::IpAddr;

/// Words of lines that are about a failure at all.
const SUSPICIOUS: [&str; 28] = [
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
    "not valid",
    "cannot",
    "permit",
    "didn't",
    "unable",
    "missing",
    "exceed",
    "unsupported",
    "unacceptable",
    "expired",
    "limit",
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

/// Names that products print before a client's ID and username, and what captures the value.
const NAMES: [(&str, &str); 8] = [
    ("clientid", "{client_id}"),
    ("client_id", "{client_id}"),
    ("client id", "{client_id}"),
    ("cid", "{client_id}"),
    ("username", "{username}"),
    ("user_name", "{username}"),
    ("user name", "{username}"),
    ("user", "{username}"),
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
    /// It holds several addresses, and nothing says which is the client's.
    pub(super) several_addresses: bool,
}

/// The kind of a message; none when it does not speak of a failure.
pub(super) fn of(message: &str) -> Option<Template> {
    let lower = message.to_ascii_lowercase();
    if !SUSPICIOUS.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let (mut pattern, mut words, mut rest) = (String::new(), String::new(), message);
    let addresses = addresses(message);
    let client = clients(message, &addresses);
    while let Some(c) = rest.chars().next() {
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:_-".contains(*c)).collect();
        let token = token.trim_end_matches([':', '.', '-']);
        if let Some((label, capture, length)) = named(rest, &pattern) {
            pattern.push_str(label);
            pattern.push_str(capture);
            words.push_str(label);
            words.push('…');
            rest = &rest[length..];
        } else if let Some(length) = quoted(rest) {
            pattern.push_str(&rest[..1]);
            pattern.push_str("{_}");
            pattern.push_str(&rest[length - 1..length]);
            words.push('…');
            rest = &rest[length..];
        } else if let Some(port) = endpoint(token) {
            let is_clients = client == Some(message.len() - rest.len());
            pattern.push_str(match (is_clients, port) {
                (true, true) => "{client_ip}:{client_port}",
                (true, false) => "{client_ip}",
                (false, true) => "{_:ip}:{_:port}",
                (false, false) => "{_:ip}",
            });
            words.push('…');
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
    let several_addresses = client.is_none() && addresses.len() > 1;
    Some(Template { pattern, several_addresses, refused: REFUSED.iter().any(|word| lower.contains(word)), words })
}

/// Where addresses stand in a message.
fn addresses(message: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = message[at..].chars().next() {
        let rest = &message[at..];
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:_-".contains(*c)).collect();
        let token = token.trim_end_matches([':', '.', '-']);
        if endpoint(token).is_some() {
            found.push(at);
        }
        at += if token.is_empty() { c.len_utf8() } else { token.len() };
    }
    found
}

/// Which of them is the client's: the only one, or the one before which a word says so. A wrong address is worse than none.
fn clients(message: &str, addresses: &[usize]) -> Option<usize> {
    const TELLING: [&str; 6] = ["r:/", "remote", "peer", "from ", "client", "source"];
    match addresses {
        [] => None,
        [only] => Some(*only),
        several => {
            let mut begins = 0;
            let mut told = several.iter().copied().filter(|at| {
                // What stands between it and the address before it.
                let before = message[begins..*at].to_ascii_lowercase();
                begins = *at;
                TELLING.iter().any(|word| before.contains(word))
            });
            told.next().filter(|_| told.next().is_none())
        }
    }
}

/// The length of a text in quotes at the start, with them.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    Some(text[1..].find(quote)? + 2)
}

/// A value with a telling name before it (`CId=x`, `username: y`): the name as it stands, what captures the value, and the length of
/// both. No fact is captured twice.
fn named<'a>(text: &'a str, before: &str) -> Option<(&'a str, &'static str, usize)> {
    let fits =
        |name: &&(&str, &str)| text.get(..name.0.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.0)) && !before.contains(name.1);
    let (name, capture) = NAMES.iter().find(fits)?;
    if before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let label = ["='", "=\"", ": '", ": \"", "=", ": "].iter().find(|border| text[name.len()..].starts_with(**border))?;
    let start = name.len() + label.len();
    let value = &text[start..];
    let end = match label.chars().last().filter(|c| matches!(c, '\'' | '"')) {
        Some(quote) => value.find(quote)?,
        None => [", ", "; ", ") "].iter().filter_map(|border| value.find(border)).min().unwrap_or(value.len()),
    };
    Some((&text[..start], capture, start + end))
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
        let template = of("rejected the credentials CId=evil, username=x, username=y").unwrap();
        assert_eq!(template.pattern, "rejected the credentials CId={client_id}, username={username}, username=y");
        let two = of("[id: 0x1c, L:/10.0.0.5:1883 - R:/192.0.2.7:55012] rejected").unwrap();
        assert_eq!(two.pattern, "[id: {_:word} L:/{_:ip}:{_:port} - R:/{client_ip}:{client_port}] rejected");
        let two = of("rejected 10.0.0.5:1883 -> 192.0.2.7:55012").unwrap();
        assert_eq!((two.pattern.as_str(), two.several_addresses), ("rejected {_:ip}:{_:port} -> {_:ip}:{_:port}", true));
        assert_eq!(of("login of clientid: 'a b' failed").unwrap().pattern, "login of clientid: '{client_id}' failed");
    }
}
