//! What holds at a place that is listened on.

use std::sync::Arc;

use super::auth::Role;
use super::listen::Listen;
use super::tls::Tls;

/// The mode of a Unix socket unless the configuration says otherwise: its owner and group.
pub const SOCKET_MODE: u32 = 0o660;

/// What holds at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The most that anyone may do who comes in there, whatever the token says.
    pub role: Role,
    /// TLS, for a TCP address.
    pub tls: Option<Arc<Tls>>,
    /// The mode of a Unix socket's file.
    pub mode: u32,
    /// The group of a Unix socket's file; none: the process' own.
    pub group: Option<u32>,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule { role: Role::Operator, tls: None, mode: SOCKET_MODE, group: None }
    }
}

/// What holds where; a place that is not named has the rule that is always there.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<(Listen, Rule)>);

impl Rules {
    /// These rules.
    pub fn new(rules: Vec<(Listen, Rule)>) -> Rules {
        Rules(rules)
    }

    /// What holds at this place; none: a socket that was handed to us and that the configuration does not name.
    pub(super) fn at(&self, place: Option<&Listen>) -> Rule {
        let found = self.0.iter().find(|(named, _)| Some(named) == place);
        found.map_or_else(Rule::default, |(_, rule)| rule.clone())
    }
}
