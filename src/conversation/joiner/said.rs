//! A record that was understood, and what it did.

use crate::grammar::{Heard, Rule};
use crate::model::Millis;

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
    /// The raw line, fit to be shown.
    pub line: String,
    /// Where it begins is not certain: it may be a part of the record before it, which a stranger wrote.
    pub doubtful: bool,
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
