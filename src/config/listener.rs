//! `[[listener]]`: a place to listen on with rules of its own.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeTable;

use super::read::{checked, path, word};
use super::value;
use crate::api::{Listen, Role, Rule, SOCKET_MODE, Tls, TlsError, TlsFiles};
use crate::grammar::Reader;

/// What the configuration says of a place; files and names are not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Where.
    pub place: Listen,
    /// The most that anyone may do there.
    pub role: Role,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// The mode of the socket's file.
    pub mode: u32,
    /// The group of the socket's file, by name or number.
    pub group: Option<String>,
}

/// A listener whose certificate or group is not there.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The group.
    #[error("there is no group {0:?}, which a [[listener]] names; make it (groupadd), or name another one")]
    Group(String),
}

impl ListenerConfig {
    /// What holds there: reads the certificate and looks for the group.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn rule(&self) -> Result<Rule, RuleError> {
        let tls = self.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let group = match &self.group {
            Some(name) => Some(group(name).ok_or_else(|| RuleError::Group(name.clone()))?),
            None => None,
        };
        Ok(Rule { role: self.role, tls, mode: self.mode, group })
    }
}

/// The number of a group: of the machine's own list, or as it stands.
fn group(name: &str) -> Option<u32> {
    let list = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let found = list.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1)?.parse().ok()).flatten()
    });
    found.or_else(|| name.parse().ok())
}

/// Reads one `[[listener]]`; the place comes with where it stands.
pub(super) fn read<'s>(reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>) -> Option<(ListenerConfig, Range<usize>)> {
    let mut table = reader.table(entry, span, "this listener");
    let address = table.needed(reader, "address");
    let place = address.as_ref().and_then(|text| checked(reader, text, "place to listen on", value::listen));
    let roles = [("auditor", Role::Auditor), ("operator", Role::Operator)];
    let role = table.text(reader, "role").and_then(|text| word(reader, &text, "role", &roles)).unwrap_or(Role::Operator);
    let certificate = table.text(reader, "tls_certificate").and_then(|text| path(reader, text));
    let key = table.text(reader, "tls_key").and_then(|text| path(reader, text));
    let mode = table.text(reader, "mode");
    let group = table.text(reader, "group");
    table.finish(reader);
    let is_socket = matches!(place, Some(Listen::Unix(_)));
    for text in [&certificate, &key].into_iter().flatten().filter(|_| is_socket) {
        reader.fault(text.span.clone(), "a Unix socket has no TLS", "remove this line: only this machine reaches the socket");
    }
    for text in [&mode, &group].into_iter().flatten().filter(|_| place.is_some() && !is_socket) {
        reader.fault(text.span.clone(), "only a Unix socket has a mode and a group", "remove this line");
    }
    let tls = match (&certificate, &key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate: PathBuf::from(&certificate.value), key: PathBuf::from(&key.value) }),
        (Some(text), None) | (None, Some(text)) => {
            reader.fault(text.span.clone(), "TLS needs both a certificate and its key", "expected tls_certificate and tls_key");
            None
        }
        (None, None) => None,
    };
    let mode = mode.and_then(|text| checked(reader, &text, "mode of a socket", socket_mode)).unwrap_or(SOCKET_MODE);
    let (place, address) = (place?, address?);
    Some((ListenerConfig { place, role, tls, mode, group: group.map(|text| text.value) }, address.span))
}

/// Permissions in octal. Who may write to a socket may connect to it.
fn socket_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected permissions like \"0660\" (owner and group) or \"0600\" (owner only)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::read::Raw;
    use super::*;

    fn faults(lines: &str) -> Vec<String> {
        let raw = Raw::read("t.toml", &format!("[[listener]]\n{lines}\n"));
        raw.faults.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn a_listener_is_read_with_its_rules() {
        let text = "listen = [\"127.0.0.1:1\"]\n[[listener]]\naddress = \"192.0.2.1:8443\"\nrole = \"auditor\"\ntls_certificate = \"/c\"\ntls_key = \"/k\"\n\
                    [[listener]]\naddress = \"unix:/s\"\nmode = \"0600\"\ngroup = \"mqtt\"\n";
        let raw = Raw::read("t.toml", text);
        assert!(raw.faults.is_empty(), "{:?}", raw.faults);
        assert_eq!(raw.places().len(), 3, "beside those of the list");
        let [tcp, unix] = &raw.listeners[..] else { panic!("{:?}", raw.listeners) };
        assert_eq!((tcp.role, tcp.tls.is_some(), tcp.mode), (Role::Auditor, true, 0o660));
        assert_eq!((unix.role, unix.mode, unix.group.as_deref()), (Role::Operator, 0o600, Some("mqtt")));
    }

    #[test]
    fn what_is_wrong_with_a_listener_is_said() {
        for (lines, message) in [
            ("role = \"auditor\"", "\"address\""),
            ("address = \"8443\"", "place to listen on"),
            ("address = \"127.0.0.1:1\"\nrole = \"root\"", "role"),
            ("address = \"127.0.0.1:1\"\ntls_key = \"/k\"", "both"),
            ("address = \"unix:/s\"\ntls_key = \"/k\"\ntls_certificate = \"/c\"", "no TLS"),
            ("address = \"127.0.0.1:1\"\nmode = \"0600\"", "only a Unix socket"),
            ("address = \"unix:/s\"\nmode = \"rw\"", "mode of a socket"),
            ("address = \"unix:/s\"\nmode = \"7777\"", "mode of a socket"),
            ("address = \"unix:/s\"\nuser = \"x\"", "user"),
            ("address = \"unix:/s\"\n[[listener]]\naddress = \"unix:/s\"", "already"),
        ] {
            let found = faults(lines);
            assert!(found.iter().any(|fault| fault.contains(message)), "{lines}: {found:?}");
        }
        let missing = ListenerConfig {
            place: Listen::Unix("/s".into()),
            role: Role::Operator,
            tls: None,
            mode: 0o660,
            group: Some("no such group".into()),
        };
        assert!(missing.rule().unwrap_err().to_string().contains("groupadd"));
    }
}
