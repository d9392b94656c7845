//! The row: what the store holds and the API serves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Evidence, Identity, Millis, Reason, Reasons, Twin};

/// A field of the row, by the name that the API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The client ID, or what stands for it.
    ClientId,
    /// The client's address.
    IpAddress,
    /// The time of the attempt.
    Ts,
    /// The username.
    Username,
    /// Whether a password was sent.
    PasswordProvided,
    /// Whether the connection used TLS.
    TlsUsed,
    /// The reason (and its code).
    Reason,
}

impl Field {
    /// All of them, in the order of the row.
    pub const ALL: &'static [Field] =
        &[Field::ClientId, Field::IpAddress, Field::Ts, Field::Username, Field::PasswordProvided, Field::TlsUsed, Field::Reason];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Field::ClientId => "clientId",
            Field::IpAddress => "ipAddress",
            Field::Ts => "ts",
            Field::Username => "username",
            Field::PasswordProvided => "passwordProvided",
            Field::TlsUsed => "tlsUsed",
            Field::Reason => "reason",
        }
    }
}

/// The latest refused attempt of one client. The order of the fields is that of the JSON; the first seven are TBMQ's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The MQTT client ID; where the log gives none: the certificate subject, else the username, else `unknown@ADDRESS`.
    pub client_id: String,
    /// The client's address without port; IPv6 in the form of RFC 5952.
    pub ip_address: Option<IpAddr>,
    /// Time of the last attempt.
    pub ts: Millis,
    /// None when the log does not say.
    pub username: Option<String>,
    /// None when the log does not say.
    pub password_provided: Option<bool>,
    /// None when neither the log nor the source's TLS ports say.
    pub tls_used: Option<bool>,
    /// The documented title and the broker's own words.
    pub reason: Arc<str>,
    /// The code of the reason.
    pub reason_code: Reason,
    /// Other reasons that the log names beside it or cannot rule out.
    pub alternatives: Reasons,
    /// Fields that were joined or deduced with less than certainty, or that stand where a stranger may write freely.
    pub inferred: Vec<Field>,
    /// What `client_id` was taken from.
    pub identity: Identity,
    /// The name of the source.
    pub broker: Arc<str>,
    /// Refused attempts of this client since its row was made.
    pub attempts: u64,
    /// Time of the first of them.
    pub first_ts: Millis,
    /// The raw lines that led to the row: bounded, control characters escaped, secrets removed.
    pub evidence: Evidence,
    /// The other end of the connection as the broker saw it: what a terminator's log is joined by. Neither stored nor shown.
    #[serde(skip)]
    pub peer: Option<SocketAddr>,
    /// A terminator's own end of the connection to the broker on which it handed this attempt on. Neither stored nor shown.
    #[serde(skip)]
    pub upstream: Option<(Option<IpAddr>, u16)>,
    /// Another record of the broker may tell the same attempt. Neither stored nor shown.
    #[serde(skip)]
    pub twin: Option<Box<Twin>>,
}

impl Row {
    /// Makes this row, the newer one, go on from the row that stood for the same client before it.
    pub fn continue_from(&mut self, older: &Row) {
        self.attempts = self.attempts.saturating_add(older.attempts);
        self.first_ts = older.first_ts;
    }
}
