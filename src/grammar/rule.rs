//! What a record means: a rule, and the cases that a grammar carries.

use super::way::Way;
use crate::model::{Fields, Reason};

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
    /// Adds to a conversation that is known by its key, told or not; begins none.
    Details,
    /// A login of this username failed: that of the youngest connection which named it and of whose outcome nothing is said.
    Suspected,
    /// A terminator handed the connection on to the broker.
    Proxied,
    /// The broker has this listener, with TLS or without.
    Listener,
    /// A record that a stranger's line feed tore: what follows it may be his.
    Torn,
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
        ("details", Outcome::Details, "adds to a conversation that is known by its key, and begins none"),
        ("suspected", Outcome::Suspected, "a login of this username failed: one of those whose outcome is not said"),
        ("proxied", Outcome::Proxied, "a terminator handed the connection on to the broker"),
        ("listener", Outcome::Listener, "the broker has a listener on this port, with TLS or without"),
        ("torn", Outcome::Torn, "a stranger's line feed tore this record: what follows may be written by him"),
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
    pub words: Option<std::sync::Arc<str>>,
    /// What the record says of TLS.
    pub tls: Option<bool>,
    /// What the record says of the password.
    pub password_provided: Option<bool>,
    /// On a listener without TLS the record says that a password was sent: without TLS there is no certificate to be named by.
    pub password_if_plain: bool,
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
    /// It applies only to a client that was never accepted since the broker's start, and only while that is known; in a record that
    /// names its conversation, only while that was not accepted.
    pub never_accepted: bool,
    /// It applies only directly after the same client was accepted: at most two seconds later, with nothing between but ends of sessions.
    pub after_accepted: bool,
    /// It applies only while a context of its own lane waits for it.
    pub needs_context: bool,
    /// It applies only while a context waits for it that one of these rules gave.
    pub after: Vec<String>,
    /// The attempt may have been told before, under the same key: then it only adds to it.
    pub repeats: bool,
    /// A stranger's line feed may have torn it: what follows it may be his.
    pub tears: bool,
    /// (opened) It names the client of a proxy, whose own address the other records give.
    pub behind_proxy: bool,
    /// The listener takes its clients' addresses from PROXY headers: from here on they are what somebody claims.
    pub claims: bool,
    /// The record that opens its connection may come after it: waits for that.
    pub opened_later: bool,
    /// It lacks its end, which may stand further down: until then it waits.
    pub torn_begins: bool,
    /// It may be the end of a record that was torn; so may any that no rule takes.
    pub torn_ends: bool,
    /// (context) It waits for the next record even though it names a conversation, unless that is known.
    pub waits: bool,
    /// (context, details) It names no conversation and belongs to the one that was named last.
    pub follows: bool,
    /// It says everything about its connection: what waits in its lane is another one's.
    pub whole: bool,
    /// Its connection is gone, and the next record with its name is another connection's.
    pub frees: bool,
    /// The address that it names counts, not that of the connection's opening: something before the client opened it.
    pub corrects: bool,
    /// It applies only directly after a record that ended a connection without a word.
    pub after_closed: bool,
    /// It applies only when its client is known to be connected (true), or only when it is not (false).
    pub session: Option<bool>,
    /// Further reasons are looked up in the record's words; those that tell more than `weight` come first.
    pub also: bool,
    /// How much the given reasons tell.
    pub weight: usize,
    /// The credentials were accepted before the broker refused: an acceptance in the same breath is this attempt's own.
    pub admitted: bool,
    /// Its reason is a general one, which counts only where no other record of the attempt gives one.
    pub general: bool,
    /// A connection that it does not name may be found by elimination.
    pub elimination: bool,
    /// Only connections whose opening is logged end so: it is certain also beside an `unlisted` listener.
    pub listed_only: bool,
    /// Fields that are never certain in this record.
    pub doubt: Fields,
    /// It applies only to one of these words.
    pub only: Vec<Vec<u8>>,
    /// The reasons where the record names no username.
    pub reason_anonymous: Vec<Reason>,
    /// Texts that may stand for something else in a client ID or username: one that holds it is not certain.
    pub blurred: Vec<Vec<u8>>,
    /// It may be the end of a record that a stranger's line feeds tore: what was told just before may be his words.
    pub look_back: bool,
    /// Fields that are not certain in this record where TLS cannot be ruled out.
    pub doubt_tls: Fields,
    /// A client ID that holds one of these may be part of another record, written by an accepted client.
    pub forgeable: Vec<Vec<u8>>,
    /// The records of these rules tell the same attempt, after this one, perhaps in another log of the product.
    pub same_as: Vec<String>,
    /// Another record may tell the same attempt: it names some, or is named by one.
    pub has_twin: bool,
    /// Another rule applies only after it.
    pub is_awaited: bool,
    /// (accepted) A rule applies only directly after the same client was accepted.
    pub is_recalled: bool,
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
    /// The record's `words` are the product's: its own texts know them, and the shared ones where they do not.
    Texts,
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
