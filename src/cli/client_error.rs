//! Why the daemon could not be asked, or what it said.

use std::io;

use hyper::StatusCode;

use super::client::{PATIENCE, Server};

/// Why the daemon could not be asked, or what it said.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error(
        "cannot reach turnaway at {server}: {source}; is it running? Start it with `turnaway run`, or say with --server where it listens"
    )]
    Unreachable {
        /// Where.
        server: Server,
        /// What the system said.
        source: io::Error,
    },
    /// It is not certain who answers there.
    #[error(
        "no safe connection to {server}: {source}; the certificate there must be for that host and from an authority that is trusted: \
         name the authority's file with --ca-file"
    )]
    Tls {
        /// Where.
        server: Server,
        /// What went wrong.
        source: io::Error,
    },
    /// The socket's mode forbids it.
    #[error(
        "not allowed to open {server}: it is for its owner and group; be one of them (sudo, or a group), \
         or ask by TCP with --server ADDRESS:PORT"
    )]
    Socket {
        /// Where.
        server: Server,
    },
    /// 401.
    #[error(
        "{server} asks for a token with the role {role}{}: set TURNAWAY_TOKEN or give --token-file \
         (`turnaway token new --role {role}` makes one)", stranger(*.sent)
    )]
    Token {
        /// Where.
        server: Server,
        /// What the request needs.
        role: &'static str,
        /// A token was sent.
        sent: bool,
    },
    /// 403.
    #[error(
        "{server} does not allow this: it needs the role {role}. Use the Unix socket (--server unix:PATH), or a token made with \
         `turnaway token new --role {role}`"
    )]
    Role {
        /// Where.
        server: Server,
        /// What the request needs.
        role: &'static str,
    },
    /// 404 for a client.
    #[error("there is no client {} in the table; `turnaway list` shows who is", named(client_ids))]
    NoClient {
        /// Who was to be found.
        client_ids: Vec<String>,
    },
    /// Any other refusal.
    #[error("{server} answered {status}: {message}")]
    Refused {
        /// Where.
        server: Server,
        /// The status.
        status: StatusCode,
        /// Its words, made safe.
        message: String,
    },
    /// What listens there is something else.
    #[error("what answers at {server} is no turnaway, or one of another version ({detail}); say with --server where it listens")]
    Foreign {
        /// Where.
        server: Server,
        /// What was wrong with the answer.
        detail: String,
    },
    /// The connection broke.
    #[error("the connection to {server} broke: {source}; look into the daemon's log")]
    Broken {
        /// Where.
        server: Server,
        /// The cause.
        source: hyper::Error,
    },
    /// No answer.
    #[error("{server} has not answered for {} seconds; look into the daemon's log", PATIENCE.as_secs())]
    Silent {
        /// Where.
        server: Server,
    },
}

/// As debug strings, which hold nothing that a terminal acts upon.
fn named(ids: &[String]) -> String {
    ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", nor ")
}

impl ClientError {
    /// Whether it may be otherwise in a moment: the daemon is not there, or not ready.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } | ClientError::Broken { .. } | ClientError::Silent { .. } => true,
            ClientError::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            _ => false,
        }
    }
}

fn stranger(sent: bool) -> &'static str {
    if sent { ", and does not know the one that was sent" } else { "" }
}
