//! A record that was understood, and what it did.

use super::merge::{Remarks, blurred, merge};
use crate::conversation::facts::Facts;
use crate::conversation::quote::Quote;
use crate::conversation::refusal::{Context, Why};
use crate::grammar::{Grammar, Heard, Outcome, Rule};
use crate::model::{Millis, Twin};

/// One record, understood.
#[derive(Debug)]
pub struct Said<'a> {
    /// The rule that fits.
    pub rule: &'a Rule,
    /// What it and the header captured.
    pub heard: Heard<'a>,
    /// The record's time.
    pub ts: Millis,
    /// That time is the time of reading, or was deduced.
    pub ts_inferred: bool,
    /// That time is the collector's: when the record was written, whatever it says of the time itself.
    pub written_at: bool,
    /// When it was read.
    pub read_at: Millis,
    /// The line.
    pub line: Quote<'a>,
    /// Where it begins is not certain: it may be a part of the record before it, which a stranger wrote.
    pub doubtful: bool,
}

impl Said<'_> {
    /// What the record says of its connection, for those that follow and for the row.
    pub(super) fn context(&self, facts: Facts, why: Why, remarks: Remarks) -> Box<Context> {
        let rule = self.rule;
        Box::new(Context {
            facts,
            why,
            evidence: self.line.begin(),
            ts: remarks.ts,
            ts_inferred: remarks.ts_inferred,
            made_up: remarks.made_up,
            random_id: remarks.random_id,
            forgeable: remarks.forgeable,
            unclear: remarks.unclear,
            doubt: remarks.doubt,
            misread: remarks.misread,
            doubt_tls: remarks.doubt_tls,
            password_if_plain: remarks.password_if_plain,
            stack: rule.stack,
            alone: rule.alone,
            rules: if rule.is_awaited && rule.outcome == Outcome::Context { vec![rule.name.clone()] } else { Vec::new() },
            read_at: remarks.read_at,
            twin: remarks.twin,
        })
    }

    /// The same of a refusal, put behind what was waiting for it.
    pub(super) fn behind(&self, mut earlier: Box<Context>, facts: Facts, why: Why, remarks: Remarks) -> Box<Context> {
        merge(&mut earlier, facts, why, remarks);
        earlier.add_line(|evidence| evidence.push_with(|text| self.line.show(text)));
        earlier
    }

    /// What it says beside its facts and its reason.
    pub(super) fn remarks(&self, grammar: &Grammar, facts: &Facts, forgeable: bool) -> Remarks {
        let rule = self.rule;
        let is_id = |made: &dyn Fn(&[u8]) -> bool| facts.client_id.as_ref().is_some_and(|id| made(id.as_bytes()));
        let twin = || Box::new(Twin { rule: rule.name.clone(), same_as: rule.same_as.clone(), ..Twin::default() });
        Remarks {
            ts: self.ts,
            ts_inferred: self.ts_inferred,
            made_up: is_id(&|id| grammar.is_made_up(id)),
            random_id: is_id(&|id| grammar.is_nobodys(id)),
            forgeable,
            unclear: self.heard.captures.ambiguous,
            doubt: rule.doubt,
            misread: Facts::doubts(&self.heard) | blurred(rule, facts),
            doubt_tls: rule.doubt_tls,
            password_if_plain: rule.password_if_plain,
            read_at: self.read_at,
            twin: rule.has_twin.then(twin),
        }
    }
}

/// What a record did, for `explain` and the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A connection is listed as open.
    Opened,
    /// It waits for the record that follows.
    Held,
    /// An attempt was refused; how its connection was found.
    Refused(&'static str),
    /// The client connected.
    Accepted,
    /// The client connected, but its name can be read in two ways: no row is cleared.
    AcceptedUnclear,
    /// A connection ended without a word.
    Probe,
    /// A session that was accepted ended: no failed connect.
    Session,
    /// It says more about an attempt that was told.
    Known,
    /// A terminator handed the connection on to the broker.
    Proxied,
    /// What follows may be written by a stranger.
    Torn,
    /// The state began anew.
    Restart,
    /// Connections are missing: nothing is found by elimination with certainty from here on.
    Incomplete,
    /// Lines are missing, refusals among them perhaps; what names its connection is as certain as before.
    Missing,
    /// Nothing.
    Nothing,
}
