//! What became of one line, for `explain`.

use crate::conversation::Effect;
use crate::grammar::Fact;
use crate::model::Millis;

/// What became of one line.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The wrapper that was taken off, in words; empty when there was none.
    pub wrapper: String,
    /// The broker process among several in one file.
    pub stream: String,
    /// The header and its time format.
    pub header: Option<String>,
    /// The record's time, and whether it was deduced.
    pub ts: Option<(Millis, bool)>,
    /// The rule's name and what it captured. Secrets are left out.
    pub rule: Option<(String, Vec<(Fact, String)>)>,
    /// What came of it.
    pub fate: Fate,
    /// Nobody wants to know why no rule took a line.
    pub only_taken: bool,
    /// For a line without a rule: the rule that got furthest, how far (bytes of the message), and its pattern.
    pub nearest: Option<(String, usize, String)>,
    /// The message that the rules saw.
    pub message: String,
    /// What became of the record that ended before this line.
    pub earlier: Option<Box<Trace>>,
}

/// What came of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fate {
    /// No header of the grammar fits.
    #[default]
    NoHeader,
    /// The header fits, no rule does.
    NoRule,
    /// It is a part of a longer line or record, and waits for the rest.
    Part,
    /// It goes on with the record before it.
    GoesOn,
    /// It is a collector's own line, or unreadable.
    NotTheBrokers,
    /// It repeats what a client wrote, whatever it looks like.
    ClientsWords,
    /// A rule took it.
    Taken(Effect),
}
