//! Whether a rule that fits a record applies in the present state.

use super::*;

impl Joiner {
    /// Whether a rule that fits the text applies in this state.
    pub fn applies(&self, grammar: &Grammar, rule: &Rule, heard: &Heard<'_>) -> bool {
        if !rule.only.is_empty() && !heard.raw(Fact::Words).is_some_and(|words| rule.only.iter().any(|only| only == words)) {
            return false;
        }
        if rule.needs_context {
            let facts = Facts::of(grammar, rule, heard);
            return self.lanes.get(lane(&facts)).is_some_and(|waiting| waiting.facts.agree(&facts));
        }
        if !rule.after.is_empty() {
            let facts = Facts::of(grammar, rule, heard);
            let fits = |waiting: &Context| waiting.rules.iter().any(|name| rule.after.contains(name)) && waiting.facts.agree(&facts);
            // What an attempt that was told had before it matters only for what adds to it.
            let adds = |conversation: &Conversation| conversation.told.is_none() || rule.outcome == Outcome::Details;
            let keyed = || facts.key(&grammar.keys).and_then(|key| self.keyed.get(&key)).filter(|conversation| adds(conversation));
            return self.lanes.get(lane(&facts)).is_some_and(fits) || keyed().is_some_and(|conversation| fits(&conversation.context));
        }
        if rule.after_accepted {
            let client = heard.raw(Fact::ClientId).or_else(|| heard.raw(Fact::ClientName));
            let accepted = self
                .accepted
                .as_ref()
                .filter(|accepted| (self.now - accepted.ts()).abs() <= LANE_BREATH)
                .and_then(|accepted| accepted.known(grammar)?.facts.client_id);
            return client.is_some_and(|client| accepted.is_some_and(|accepted| accepted.as_bytes() == client));
        }
        if rule.after_closed {
            return self.closed;
        }
        if rule.never_accepted && grammar.is_keyed() {
            let key = self.key(grammar, &Facts::of(grammar, rule, heard));
            return !key.and_then(|key| self.keyed.get(&key)).is_some_and(|conversation| conversation.accepted);
        }
        if rule.never_accepted {
            return heard.raw(Fact::ClientId).is_some_and(|client| self.sessions.never_accepted(client));
        }
        if let Some(session) = rule.session {
            let facts = Facts::of(grammar, rule, heard);
            let connected = self.key(grammar, &facts).and_then(|key| self.keyed.get(&key)).is_some_and(|known| known.accepted);
            return connected == session;
        }
        if !rule.needs_open {
            return true;
        }
        let facts = Facts::of(grammar, rule, heard);
        match self.key(grammar, &facts) {
            Some(key) => self.keyed.get(&key).is_some_and(|conversation| {
                conversation.opened && !conversation.accepted && !is_anothers(rule, &conversation.context.facts, &facts)
            }),
            None => Facts::is_nameless(grammar, heard) || self.open.has(&facts),
        }
    }

    /// The username that a record names which waits in this lane.
    pub fn waiting_username(&self, lane: Option<&[u8]>) -> Option<&[u8]> {
        let lane = std::str::from_utf8(lane.unwrap_or_default()).ok()?;
        Some(self.lanes.get(lane)?.facts.username.as_ref()?.as_bytes())
    }

    /// What names the conversation that these facts belong to.
    pub(super) fn key(&self, grammar: &Grammar, facts: &Facts) -> Option<String> {
        grammar.is_keyed().then(|| facts.key(&grammar.keys)).flatten().map(|key| self.keyed.resolve(key))
    }
}
