//! The checked form of a grammar: what the loader makes and the later stages run.

use regex::bytes::Regex;

use super::fact::Fact;
use super::matcher::{Captures, Matcher};
use super::pattern::Pattern;
use super::texts::Texts;
use crate::model::{Field, Reason};

/// How one product's records look and what they mean.
#[derive(Debug)]
pub struct Grammar {
    /// The name in configuration and on the command line.
    pub name: String,
    /// The product's name.
    pub title: String,
    /// The releases that it covers, in words.
    pub versions: String,
    /// Records by which an unknown log is recognised.
    pub detect: Vec<Matcher>,
    /// The headers, in the order in which they are tried.
    pub headers: Vec<Header>,
    /// What the broker prints where it does not know the client ID.
    pub nobody: Vec<Vec<u8>>,
    /// Client IDs that the broker makes up for clients that send none. They are matched as patterns over the ID.
    pub made_up: Vec<Matcher>,
    /// Records of several lines.
    pub multiline: Vec<Multiline>,
    /// Records that repeat a client's own words.
    pub echoes: Vec<EchoForm>,
    /// The rules, most specific first.
    pub rules: Vec<Rule>,
    /// The cases that the grammar carries.
    pub samples: Vec<Sample>,
    /// The texts of TLS libraries that rules refer to.
    pub texts: std::sync::Arc<Texts>,
}

/// What stands before the message.
#[derive(Debug, Clone)]
pub struct Header {
    /// As written in the file.
    pub pattern: Pattern,
}

/// A record that may go on over several lines.
#[derive(Debug)]
pub struct Multiline {
    /// The first line's message.
    pub first: Matcher,
    /// The text that any first line holds.
    pub literal: Vec<u8>,
    /// How the last line ends. A first line that ends so is whole by itself.
    pub ends: Vec<u8>,
    /// More lines than this are no record.
    pub max_lines: usize,
    /// A first line this long (with its header) was cut by the broker, which also cut its end off: no line follows.
    pub cut_at: usize,
}

/// Records after which the broker repeats what a client wrote.
#[derive(Debug)]
pub struct EchoForm {
    /// The records; each captures the client ID.
    pub after: Vec<Matcher>,
    /// The texts that any of them holds.
    pub literals: Vec<Vec<u8>>,
    /// A record that begins so is the client's words; one that follows it and begins with the client's ID is, too.
    pub between: Vec<u8>,
}

/// What a record does to the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A connection was opened: from now on it is a candidate for refusals that name nobody.
    Opened,
    /// Says more about the record that follows it.
    Context,
    /// The connection was refused.
    Refused,
    /// The client connected.
    Accepted,
    /// A connection that never said who it was ended without a refusal: a probe.
    Closed,
    /// A session that was accepted ended: no failed connect.
    Ended,
    /// The broker started: no connection from before is open.
    Restart,
    /// The broker has a listener whose connections it does not log when they open.
    Unlisted,
    /// The log itself says that lines are missing.
    Gap,
    /// Nothing: the record is known, and concerns nobody who failed.
    Nothing,
}

impl Outcome {
    /// All outcomes with their names in the file and what they mean.
    pub const ALL: &'static [(&'static str, Outcome, &'static str)] = &[
        ("opened", Outcome::Opened, "a connection was opened"),
        ("context", Outcome::Context, "says more about the record that follows"),
        ("refused", Outcome::Refused, "the connection was refused"),
        ("accepted", Outcome::Accepted, "the client connected"),
        ("closed", Outcome::Closed, "a connection ended before the client said who it was: a probe"),
        ("ended", Outcome::Ended, "a session that was accepted ended"),
        ("restart", Outcome::Restart, "the broker started: no earlier connection is open"),
        ("unlisted", Outcome::Unlisted, "the broker has a listener whose connections it does not log when they open"),
        ("gap", Outcome::Gap, "lines of the log are missing"),
        ("nothing", Outcome::Nothing, "known, and concerns nobody who failed"),
    ];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        Outcome::ALL.iter().find(|(_, outcome, _)| *outcome == self).map_or("", |(name, _, _)| name)
    }
}

/// One record pattern, and what it does to the conversation.
#[derive(Debug)]
pub struct Rule {
    /// Its name, for `explain`.
    pub name: String,
    /// The patterns, any of which may match.
    pub ways: Vec<Way>,
    /// What it does.
    pub outcome: Outcome,
    /// Why the connection was refused.
    pub reason: Because,
    /// Other reasons that fit only where the connection may have used TLS.
    pub reason_tls: Vec<Reason>,
    /// The broker's words for it, where the record has none of its own to capture.
    pub words: Option<String>,
    /// What the record says of TLS.
    pub tls: Option<bool>,
    /// What the record says of the password.
    pub password_provided: Option<bool>,
    /// The broker had read the CONNECT, so the connection used TLS exactly when its listener does.
    pub connect: bool,
    /// (context) A new failure begins here: what came before it is complete.
    pub begins: bool,
    /// (context) One failure may take several such records in a row, each with other words; nothing else belongs to it.
    pub stack: bool,
    /// (context) It is a refusal even when no other record follows.
    pub alone: bool,
    /// The record stands without the grammar's header: a plug-in writes it.
    pub bare: bool,
    /// It applies only when its connection is known to be open.
    pub needs_open: bool,
    /// It applies only to a client that was never accepted since the broker's start, and only while that is known.
    pub never_accepted: bool,
    /// It applies only directly after the same client was accepted.
    pub after_accepted: bool,
    /// A connection that it does not name may be found by elimination.
    pub elimination: bool,
    /// Only connections whose opening is logged end so: it is certain also beside an `unlisted` listener.
    pub listed_only: bool,
    /// Fields that are never certain in this record.
    pub doubt: Vec<Field>,
    /// A client ID that holds one of these may be part of another record, written by an accepted client.
    pub forgeable: Vec<Vec<u8>>,
}

/// One way in which a rule's record reads.
#[derive(Debug)]
pub struct Way {
    /// How it is matched.
    pub how: How,
    /// As written in the file.
    pub written: String,
    /// Bytes of literal text, number of typed captures, whether the rule has conditions: the most specific way wins.
    pub rank: (usize, usize, bool),
    /// The text that any such record holds; empty when there is none worth looking for.
    pub literal: Vec<u8>,
}

/// A pattern, or a regular expression where a pattern cannot say it.
#[derive(Debug)]
pub enum How {
    /// A pattern.
    Pattern(Matcher),
    /// A regular expression, anchored at both ends, with facts as group names.
    Regex(Box<Regex>, Vec<(Fact, usize)>),
}

/// Where a rule's reason comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The rule says nothing.
    Unsaid,
    /// The first is the code, the others cannot be ruled out.
    Given(Vec<Reason>),
    /// The record's `words` are those of a TLS library: the shared texts know them.
    Tls,
}

/// A case that a grammar carries.
#[derive(Debug)]
pub struct Sample {
    /// What it shows.
    pub why: String,
    /// The log.
    pub log: String,
    /// The listeners' TLS ports.
    pub tls_ports: Vec<u16>,
    /// The zone of stamps that name none.
    pub timezone: String,
    /// The rows that must come out, each with the fields that matter.
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Where it stands in the file.
    pub span: std::ops::Range<usize>,
}

impl Grammar {
    /// The rule that fits this message best, with what it captures. `applies` may refuse a rule, which gives the next best.
    pub fn find<'g>(&'g self, message: &[u8], mut applies: impl FnMut(&Rule, &Captures) -> bool) -> Option<(&'g Rule, Captures)> {
        // The ways are tried in the order of `rules`, whose best ways come first; a rule with several ways is ranked by its best.
        let mut best: Option<((usize, usize, bool), &Rule, Captures)> = None;
        for rule in &self.rules {
            for way in &rule.ways {
                if best.as_ref().is_some_and(|(rank, ..)| *rank >= way.rank) {
                    continue;
                }
                if let Some(captures) = way.run(message)
                    && applies(rule, &captures)
                {
                    best = Some((way.rank, rule, captures));
                }
            }
        }
        best.map(|(_, rule, captures)| (rule, captures))
    }

    /// Whether the broker prints this where it does not know the client ID.
    pub fn is_nobody(&self, name: &[u8]) -> bool {
        self.nobody.iter().any(|nobody| nobody == name)
    }

    /// Whether the broker may have made this client ID up for a client that sent none.
    pub fn is_made_up(&self, client_id: &[u8]) -> bool {
        self.made_up.iter().any(|pattern| pattern.run(client_id).is_some())
    }

    /// Whether only this product writes such a message.
    pub fn is_telling(&self, message: &[u8]) -> bool {
        self.detect.iter().any(|matcher| matcher.run(message).is_some())
    }
}

impl Way {
    /// Matches the whole message.
    pub fn run(&self, message: &[u8]) -> Option<Captures> {
        match &self.how {
            How::Pattern(matcher) => matcher.run(message),
            How::Regex(regex, groups) => {
                let found = regex.captures(message)?;
                let mut captures = Captures::default();
                for (fact, group) in groups {
                    if let Some(part) = found.get(*group) {
                        captures.set(*fact, part.start(), part.end());
                    }
                }
                Some(captures)
            }
        }
    }
}
