//! A finished conversation, and what it changes in the table.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Evidence, Field, Millis, Row};

/// What a row's `clientId` was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// The MQTT client ID.
    ClientId,
    /// The subject of the client's certificate.
    Certificate,
    /// The username.
    Username,
    /// The address, because the log gives nothing else.
    Address,
}

impl Identity {
    /// The name in JSON and in the store.
    pub fn code(self) -> &'static str {
        match self {
            Identity::ClientId => "client-id",
            Identity::Certificate => "certificate",
            Identity::Username => "username",
            Identity::Address => "address",
        }
    }

    /// The identity with this name.
    pub fn from_code(code: &str) -> Option<Identity> {
        [Identity::ClientId, Identity::Certificate, Identity::Username, Identity::Address]
            .into_iter()
            .find(|identity| identity.code() == code)
    }
}

/// What a row is found by. Two brokers may know the same client ID, and a username may read like a client ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientKey {
    /// The name of the source.
    pub broker: Arc<str>,
    /// What the name below was taken from.
    pub identity: Identity,
    /// The client ID, or what stands for it.
    pub client_id: String,
}

impl Row {
    /// What this row is found by.
    pub fn key(&self) -> ClientKey {
        ClientKey { broker: self.broker.clone(), identity: self.identity, client_id: self.client_id.clone() }
    }
}

/// A finished conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The connection was refused. The row counts one attempt.
    Refused(Box<Row>),
    /// The latest attempt of this client, which was told before, is now known better: its row takes the place of the one with
    /// the same time, and nothing is counted.
    Revised(Box<Row>),
    /// The connection was accepted at this time: the client's row may go.
    Accepted(ClientKey, Millis),
    /// A terminator handed a connection on to the broker, whose log knows it by the terminator's address.
    Proxied(Box<Link>),
    /// A broker behind a terminator saw a connection end at this time that is no refusal.
    Ended(Millis, Ending),
}

/// How a connection ended that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It was accepted: a session is over.
    Session,
    /// It was closed before its client said who it was.
    Silent,
}

/// What is needed to put two records of one attempt together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Twin {
    /// The rule that took the record.
    pub rule: String,
    /// The rules whose records tell the same attempt; empty: it is one of these itself.
    pub same_as: Vec<String>,
    /// The broker's words.
    pub words: Vec<String>,
    /// How much its reason tells.
    pub weight: usize,
    /// Its reason is a general one, which counts only where the other record gives none.
    pub general: bool,
}

/// What a terminator's log says of a connection that it handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The name of the terminator's source.
    pub terminator: Arc<str>,
    /// The terminator's own address on its way to the broker; none when only the port is logged.
    pub upstream_ip: Option<IpAddr>,
    /// Its own port there; none: the log does not say.
    pub upstream_port: Option<u16>,
    /// The client's address.
    pub client_ip: Option<IpAddr>,
    /// The client's port.
    pub client_port: Option<u16>,
    /// The subject of the client's certificate.
    pub subject: Option<String>,
    /// Whether the client used TLS.
    pub tls_used: Option<bool>,
    /// The client ID, where the terminator reads the CONNECT.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The username, where it does.
    #[serde(default)]
    pub username: Option<String>,
    /// Whether a password was sent, where it does.
    #[serde(default)]
    pub password_provided: Option<bool>,
    /// What of this is not certain.
    #[serde(default)]
    pub inferred: Vec<Field>,
    /// The time of the record: when it was handed on, when it was accepted or when it ended.
    pub ts: Millis,
    /// When it ended, where the log says so.
    #[serde(default)]
    pub ended: Option<Millis>,
    /// How long it lasted.
    #[serde(default)]
    pub lasted: Option<Millis>,
    /// How many bytes it passed on to the client.
    #[serde(default)]
    pub sent_bytes: Option<u64>,
    /// The lines that say so.
    pub evidence: Evidence,
}

/// What one client's attempts within a batch come to: at most one write for each client and commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The client connected: what stood in the table before this batch goes.
    pub clear: bool,
    /// The row to write; its `attempts` and `first_ts` cover this batch only, unless `clear` is set.
    pub row: Option<Box<Row>>,
}
