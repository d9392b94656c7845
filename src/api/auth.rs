//! Who asks, and what they may.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::listen::Listen;
use super::rule::{Rule, Rules};
use super::session::{self, Invalid, Pair, Sessions, Use};
use super::token::{Hash, TokenConfig};
use crate::model::Millis;

/// What a caller may do; each role may also do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Auditor,
    /// Also deletes.
    Operator,
}

impl Role {
    /// Its name in configurations and answers.
    pub fn word(self) -> &'static str {
        match self {
            Role::Auditor => "auditor",
            Role::Operator => "operator",
        }
    }
}

/// Who may come in, and where: the tokens that the configuration names, and the rules of its listeners.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    tokens: Vec<TokenConfig>,
    rules: Rules,
    /// None: nobody can log in.
    sessions: Option<Sessions>,
}

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
    /// The place allows less than who asks would be allowed elsewhere.
    pub(super) limited: bool,
}

impl Tokens {
    /// These tokens, with what they allow.
    pub fn new(tokens: Vec<TokenConfig>) -> Tokens {
        // Without random bytes there are no sessions; tokens work all the same.
        Tokens { tokens, rules: Rules::default(), sessions: Sessions::new().ok() }
    }

    /// The same, with what holds at each place.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Tokens {
        Tokens { rules, ..self }
    }

    /// The same, and who logged in there stays logged in here.
    #[must_use]
    pub fn with_sessions_of(self, other: &Tokens) -> Tokens {
        Tokens { sessions: other.sessions.clone(), ..self }
    }

    /// What holds at this place; none: a socket that the configuration does not name.
    pub fn rule(&self, place: Option<&Listen>) -> Rule {
        self.rules.at(place)
    }

    /// TBMQ's login.
    pub(super) fn login(&self, password: &str, now: Millis) -> Option<Pair> {
        Some(self.sessions.as_ref()?.pair(self.find(password)?, now))
    }

    /// New tokens for one that may be renewed.
    pub(super) fn renew(&self, refresh: &str, now: Millis) -> Result<Pair, Invalid> {
        let sessions = self.sessions.as_ref().ok_or(Invalid::Foreign)?;
        let token = self.of_session(sessions, refresh, Use::Refresh, now)?;
        Ok(sessions.pair(token, now))
    }

    fn of_session(&self, sessions: &Sessions, text: &str, wanted: Use, now: Millis) -> Result<&TokenConfig, Invalid> {
        let key = sessions.read(text, wanted, now)?;
        self.tokens.iter().find(|token| session::key(token) == key).ok_or(Invalid::Foreign)
    }

    /// Whose this is: one of our tokens, or what a login gave.
    fn who(&self, secret: &str, now: Millis) -> Result<&TokenConfig, ApiError> {
        if let Some(token) = self.find(secret) {
            return Ok(token);
        }
        let sessions = self.sessions.as_ref().ok_or_else(ApiError::unauthenticated)?;
        self.of_session(sessions, secret, Use::Access, now).map_err(|invalid| match invalid {
            Invalid::Foreign => ApiError::unauthenticated(),
            Invalid::Expired => ApiError::expired(),
        })
    }

    /// Whether there are none: then reading is allowed on loopback, and nothing elsewhere.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token with this secret. All are compared, so that the time says nothing about which are close.
    fn find(&self, secret: &str) -> Option<&TokenConfig> {
        let hash = Hash::of(secret);
        self.tokens.iter().fold(None, |found, token| if token.sha256.same(&hash) { Some(token) } else { found })
    }
}

/// Who this is, or 401. Nobody may do more than the place allows.
pub(super) fn caller(tokens: &Tokens, place: Option<&Listen>, peer: Peer, headers: &HeaderMap, now: Millis) -> Result<Caller, ApiError> {
    let most = tokens.rule(place).role;
    let caller = |role: Role, name| Ok(Caller { role: role.min(most), name, limited: role > most });
    let remote = match peer {
        Peer::Unix(uid) => {
            let user = uid.map_or_else(|| "unknown".to_owned(), |uid| user(uid).unwrap_or_else(|| uid.to_string()));
            return caller(Role::Operator, format!("user {user} by the Unix socket"));
        }
        Peer::Tcp { remote, .. } => remote,
    };
    if tokens.is_empty() {
        // A server without tokens listens on loopback only; `bind` sees to that.
        return caller(Role::Auditor, format!("{remote} without a token"));
    }
    let token = tokens.who(bearer(headers).ok_or_else(ApiError::unauthenticated)?, now)?;
    caller(token.role, format!("token {:?} from {remote}", token.name))
}

/// Refuses whom the role does not allow this, with what to do about it.
pub(super) fn require(tokens: &Tokens, caller: &Caller, role: Role) -> Result<(), ApiError> {
    if caller.role >= role {
        return Ok(());
    }
    Err(ApiError::forbidden(if caller.limited {
        "You don't have permission to perform this operation! This address is for reading only, whatever the token allows."
    } else if tokens.is_empty() {
        "You don't have permission to perform this operation! Deleting needs an operator: \
         use the Unix socket, or configure a token made with `turnaway token new --role operator` and send it."
    } else {
        "You don't have permission to perform this operation! It needs a token with the role operator."
    }))
}

/// The user's name, for the log. Only the machine's own list is looked at: other directories may not answer.
fn user(uid: u32) -> Option<String> {
    let list = std::fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The token that the request carries: TBMQ's header first, and if that is blank the usual one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|text| !text.is_empty());
    let (scheme, secret) = text("x-authorization").or_else(|| text(AUTHORIZATION.as_str()))?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
