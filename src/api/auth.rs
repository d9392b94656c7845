//! Who asks, and what they may.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::token::{Hash, TokenConfig};

/// What a caller may do; each role may also do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Auditor,
    /// Also deletes.
    Operator,
}

/// The tokens that the configuration names.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<TokenConfig>);

/// Where a connection came in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// By TCP.
    Tcp {
        /// Our side.
        local: SocketAddr,
        /// The caller.
        remote: SocketAddr,
    },
    /// By the Unix socket, which only its owner and group can open; the user ID if the system says it.
    Unix(Option<u32>),
}

/// A caller whose role is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) role: Role,
    /// For our log.
    pub(super) name: String,
}

impl Tokens {
    /// These tokens, with what they allow.
    pub fn new(tokens: Vec<TokenConfig>) -> Tokens {
        Tokens(tokens)
    }

    /// Whether there are none: then reading is allowed on loopback, and nothing elsewhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The token with this secret. All are compared, so that the time says nothing about which are close.
    fn find(&self, secret: &str) -> Option<&TokenConfig> {
        let hash = Hash::of(secret);
        self.0.iter().fold(None, |found, token| if token.sha256.same(&hash) { Some(token) } else { found })
    }
}

/// Who this is, or 401.
pub(super) fn caller(tokens: &Tokens, peer: Peer, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let remote = match peer {
        Peer::Unix(uid) => {
            let user = uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
            return Ok(Caller { role: Role::Operator, name: format!("user {user} by the Unix socket") });
        }
        Peer::Tcp { remote, .. } => remote,
    };
    if tokens.is_empty() {
        // A server without tokens listens on loopback only; `bind` sees to that.
        return Ok(Caller { role: Role::Auditor, name: format!("{remote} without a token") });
    }
    let token = bearer(headers).and_then(|secret| tokens.find(secret)).ok_or_else(ApiError::unauthenticated)?;
    Ok(Caller { role: token.role, name: format!("token {:?} from {remote}", token.name) })
}

/// Refuses whom the role does not allow this, with what to do about it.
pub(super) fn require(tokens: &Tokens, caller: &Caller, role: Role) -> Result<(), ApiError> {
    if caller.role >= role {
        return Ok(());
    }
    Err(ApiError::forbidden(if tokens.is_empty() {
        "You don't have permission to perform this operation! Deleting needs an operator: \
         use the Unix socket, or configure a token made with `turnaway token new --role operator` and send it."
    } else {
        "You don't have permission to perform this operation! It needs a token with the role operator."
    }))
}

/// The token that the request carries: TBMQ's header first, and if that is blank the usual one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|text| !text.is_empty());
    let (scheme, secret) = text("x-authorization").or_else(|| text(AUTHORIZATION.as_str()))?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
