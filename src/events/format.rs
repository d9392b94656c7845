//! An event as one line of text.
//!
//! The order is fixed: first what we say ourselves (time, kind, id, the name of the source, codes), then the address, at last what
//! strangers wrote, in quotes and escaped. So a pattern that is anchored at the beginning and ends with the address cannot be
//! deceived by any client ID.

use std::fmt::Write as _;

use crate::model::{Event, EventKind, Field, Reason};
use crate::store::StoredEvent;
use crate::text::is_unsafe;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object.
    #[default]
    Json,
    /// `name=value`, with texts in quotes and `-` for what is not known.
    Pairs,
}

impl Format {
    /// All of them, with their names in the configuration.
    pub const ALL: [(&'static str, Format); 2] = [("json", Format::Json), ("pairs", Format::Pairs)];

    /// The line, without its end.
    pub fn line(self, stored: &StoredEvent) -> String {
        let mut line = Line { text: String::with_capacity(384), format: self };
        let Event { kind, ts, broker, reason_code, ip_address, inferred, alternatives, .. } = &stored.event;
        let kind = match kind {
            EventKind::Refused => "refused",
            EventKind::Revised => "revised",
        };
        line.text("time", &time(*ts));
        line.text("event", kind);
        line.text("id", &stored.id);
        line.quoted("broker", Some(broker));
        line.text("reasonCode", reason_code.code());
        line.option("ipAddress", ip_address.map(|ip| ip.to_string()).as_deref());
        line.list("inferred", inferred.iter().copied().map(Field::name));
        line.list("alternatives", alternatives.iter().copied().map(Reason::code));
        line.flag("tlsUsed", stored.event.tls_used);
        line.flag("passwordProvided", stored.event.password_provided);
        line.text("identity", stored.event.identity.code());
        line.quoted("clientId", Some(&stored.event.client_id));
        line.quoted("username", stored.event.username.as_deref());
        line.quoted("reason", Some(&stored.event.reason));
        if self == Format::Json {
            line.text.push('}');
        }
        line.text
    }
}

/// RFC 3339 in UTC, to the millisecond. A stamp beyond all calendars is the epoch.
pub(super) fn time(ts: i64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(ts).unwrap_or_default();
    format!("{stamp:.3}")
}

struct Line {
    text: String,
    format: Format,
}

impl Line {
    fn name(&mut self, name: &str) {
        let begins = self.text.is_empty();
        // Writing to a string cannot fail.
        let _ = match self.format {
            Format::Json => write!(self.text, "{}\"{name}\":", if begins { '{' } else { ',' }),
            Format::Pairs => write!(self.text, "{}{name}=", if begins { "" } else { " " }),
        };
    }

    /// A word of ours: it has nothing to escape.
    fn text(&mut self, name: &str, word: &str) {
        self.name(name);
        match self.format {
            Format::Json => quote(&mut self.text, word),
            Format::Pairs => self.text.push_str(word),
        }
    }

    fn option(&mut self, name: &str, word: Option<&str>) {
        match word {
            Some(word) => self.text(name, word),
            None => self.nothing(name),
        }
    }

    fn nothing(&mut self, name: &str) {
        self.name(name);
        self.text.push_str(if self.format == Format::Json { "null" } else { "-" });
    }

    fn flag(&mut self, name: &str, flag: Option<bool>) {
        let Some(flag) = flag else { return self.nothing(name) };
        self.name(name);
        self.text.push_str(if flag { "true" } else { "false" });
    }

    fn list<'a>(&mut self, name: &str, words: impl Iterator<Item = &'a str>) {
        let words: Vec<&str> = words.collect();
        self.name(name);
        match self.format {
            Format::Json if words.is_empty() => self.text.push_str("[]"),
            Format::Json => {
                let _ = write!(self.text, "[\"{}\"]", words.join("\",\""));
            }
            Format::Pairs if words.is_empty() => self.text.push('-'),
            Format::Pairs => self.text.push_str(&words.join(",")),
        }
    }

    /// What a stranger wrote.
    fn quoted(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return self.nothing(name) };
        self.name(name);
        quote(&mut self.text, text);
    }
}

/// A string of JSON. Besides what JSON asks for, everything that a terminal acts upon or does not show is escaped, line ends of
/// Unicode among it.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Identity;

    /// The event of a client that calls itself so.
    pub(in crate::events) fn event(client_id: &str, ip: Option<&str>) -> StoredEvent {
        StoredEvent {
            id: "5f3a00112233-7".to_owned(),
            seq: 7,
            event: Event {
                kind: EventKind::Refused,
                ts: 1_795_446_174_000,
                broker: "mosquitto".into(),
                reason_code: Reason::NoCredentialsFound,
                ip_address: ip.map(|ip| ip.parse().unwrap()),
                inferred: if ip.is_none() { vec![Field::IpAddress] } else { Vec::new() },
                alternatives: vec![Reason::PasswordDoesNotMatch].into(),
                tls_used: None,
                password_provided: Some(true),
                identity: Identity::ClientId,
                client_id: client_id.to_owned(),
                username: None,
                reason: "No Credentials Found: not authorised".to_owned(),
            },
        }
    }

    #[test]
    fn a_line_of_each_format() {
        assert_eq!(
            Format::Json.line(&event("pump-4", Some("192.0.2.7"))),
            r#"{"time":"2026-11-23T15:02:54.000Z","event":"refused","id":"5f3a00112233-7","broker":"mosquitto","reasonCode":"no-credentials-found","ipAddress":"192.0.2.7","inferred":[],"alternatives":["password-does-not-match"],"tlsUsed":null,"passwordProvided":true,"identity":"client-id","clientId":"pump-4","username":null,"reason":"No Credentials Found: not authorised"}"#
        );
        assert_eq!(
            Format::Pairs.line(&event("pump 4", None)),
            r#"time=2026-11-23T15:02:54.000Z event=refused id=5f3a00112233-7 broker="mosquitto" reasonCode=no-credentials-found ipAddress=- inferred=ipAddress alternatives=password-does-not-match tlsUsed=- passwordProvided=true identity=client-id clientId="pump 4" username=- reason="No Credentials Found: not authorised""#
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_calls_itself_stays_in_its_place(name in proptest::prelude::any::<String>()) {
            let stored = event(&name, None);
            let line = Format::Json.line(&stored);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            proptest::prop_assert_eq!(value["clientId"].as_str(), Some(name.as_str()));
            proptest::prop_assert_eq!(value.as_object().unwrap().len(), 14);
            for line in [line, Format::Pairs.line(&stored)] {
                proptest::prop_assert!(!line.chars().any(is_unsafe));
            }
        }
    }
}
