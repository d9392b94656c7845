//! What others are told of a refused attempt.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ClientKey, Field, Identity, Millis, Reason, Reasons, Row};

/// Longer texts of strangers are cut, so that a line fits any syslog.
const MOST_TEXT: usize = 1024;

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A connection was refused. There is one for each attempt.
    Refused,
    /// An attempt that was told before is known better. It is no further attempt.
    Revised,
}

/// One refused attempt, for fail2ban, a SIEM or a command. Unlike in a [`Row`] an address that is not certain is not there at all:
/// nobody can act on it by mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it tells.
    pub kind: EventKind,
    /// When the connection was refused.
    pub ts: Millis,
    /// The name of the source.
    pub broker: Arc<str>,
    /// Why.
    pub reason_code: Reason,
    /// The client's address, if it is certain.
    pub ip_address: Option<IpAddr>,
    /// Fields that are less than certain.
    pub inferred: Vec<Field>,
    /// Other reasons that the log names or cannot rule out.
    pub alternatives: Reasons,
    /// None: not known.
    pub tls_used: Option<bool>,
    /// None: not known.
    pub password_provided: Option<bool>,
    /// What `client_id` was taken from.
    pub identity: Identity,
    /// The client ID, or what stands for it; at most 1,024 bytes of it.
    pub client_id: String,
    /// None: not known.
    pub username: Option<String>,
    /// The title and the broker's words.
    pub reason: String,
}

impl Event {
    /// The event of this row's latest attempt.
    pub fn new(row: &Row, kind: EventKind) -> Event {
        let is_certain = !row.inferred.contains(&Field::IpAddress);
        // A name that was made of an address that is not certain would tell it all the same.
        let is_named = is_certain || row.identity != Identity::Address;
        Event {
            kind,
            ts: row.ts,
            broker: row.broker.clone(),
            reason_code: row.reason_code,
            ip_address: row.ip_address.filter(|_| is_certain),
            inferred: row.inferred.clone(),
            alternatives: row.alternatives.clone(),
            tls_used: row.tls_used,
            password_provided: row.password_provided,
            identity: row.identity,
            client_id: if is_named { cut(&row.client_id) } else { "unknown".to_owned() },
            username: row.username.as_deref().map(cut),
            reason: cut(&row.reason),
        }
    }
}

/// The event of an attempt on its way to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The row that it is about.
    pub key: ClientKey,
    /// What is told.
    pub event: Event,
    /// Its line may have been read, and the event told, before.
    pub reread: bool,
}

fn cut(text: &str) -> String {
    if text.len() <= MOST_TEXT {
        return text.to_owned();
    }
    let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Evidence;

    fn row(inferred: Vec<Field>, identity: Identity) -> Row {
        Row {
            client_id: "unknown@192.0.2.7".to_owned(),
            ip_address: Some("192.0.2.7".parse().unwrap()),
            ts: 0,
            username: None,
            password_provided: None,
            tls_used: None,
            reason: "é".repeat(1000).into(),
            reason_code: Reason::Other,
            alternatives: Reasons::new(),
            inferred,
            identity,
            broker: "b".into(),
            attempts: 1,
            first_ts: 0,
            evidence: Evidence::default(),
            peer: None,
            upstream: None,
            twin: None,
        }
    }

    #[test]
    fn an_address_that_is_not_certain_is_nowhere_in_the_event() {
        let certain = Event::new(&row(vec![Field::Ts], Identity::Address), EventKind::Refused);
        assert_eq!((certain.ip_address.is_some(), certain.client_id.as_str()), (true, "unknown@192.0.2.7"));
        let guessed = Event::new(&row(vec![Field::IpAddress], Identity::Address), EventKind::Refused);
        assert!(!serde_json::to_string(&guessed).unwrap().contains("192.0.2.7"));
        assert_eq!(guessed.reason.len(), 1024 + "…".len());
    }
}
