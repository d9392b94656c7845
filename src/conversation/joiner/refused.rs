//! What waits for the record of a refusal.

use super::*;

impl Joiner {
    /// A connection was refused: what waits for this record and belongs to it comes first.
    pub(super) fn refused(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        said: &Said<'_>,
        accepted: Option<Accepted>,
        (facts, why, remarks): (Facts, Why, Remarks),
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let rule = said.rule;
        let (message, torn) = (said.heard.bytes, rule.look_back && remarks.forgeable);
        if torn {
            self.doubt_told(Some(message), out);
        }
        let before = out.len();
        let mut inferred = Fields::NONE;
        let record = match self.awaited(grammar, settings, rule, &facts, &mut inferred, out) {
            Some(earlier) => said.behind(earlier, facts, why, remarks),
            None => said.context(facts, why, remarks),
        };
        let effect = self.refuse(grammar, settings, rule, accepted, record, inferred, out);
        if rule.look_back && !torn {
            self.remember(message, &out[before..]);
        }
        effect
    }

    /// What waits for a refusal with these facts and belongs to it. What does not is finished.
    pub(super) fn awaited(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        facts: &Facts,
        inferred: &mut Fields,
        out: &mut Vec<Attempt>,
    ) -> Option<Box<Context>> {
        let lane = lane(facts);
        if rule.whole {
            self.flush_lane(lane, settings, out);
        }
        let mut pending = self.lanes.take(lane)?;
        if pending.stack || !pending.facts.agree(facts) {
            self.lanes.put(lane.to_owned(), pending);
            self.flush_lane(lane, settings, out);
            return None;
        }
        if grammar.is_keyed() && lane.is_empty() {
            // Several connections write at once, and neither record names the one that both are of.
            pending.misread |= only_in(&pending.facts, facts);
        }
        if lane.is_empty() && grammar.names_writers() {
            // It may have been another writer's.
            inferred.extend([Field::ClientId, Field::IpAddress, Field::Username, Field::PasswordProvided]);
        }
        pending.facts.settle_name(facts);
        Some(pending)
    }
}
