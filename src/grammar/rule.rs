//! The checked form of a grammar: what the loader makes and the later stages run.

use regex::bytes::Regex;

use super::captures::Captures;
use super::fact::Fact;
use super::index::Index;
use super::matcher::Matcher;
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
    /// Client IDs that the broker makes up for clients that send none.
    pub made_up: Vec<MadeUp>,
    /// Usernames that the broker prints where the client sent none.
    pub no_username: Vec<Vec<u8>>,
    /// Beginnings of a `{transport}` (or ends, after a `*`) that say that the listener uses TLS (true) or not (false); the longest that fits counts.
    pub transports: Vec<(Vec<u8>, bool)>,
    /// What names a conversation, in order: the first of which a record holds all parts.
    pub keys: Vec<Key>,
    /// A record this long, with its header, was cut by the broker: what seems to stand at its end may be a client's words.
    pub cut_at: usize,
    /// Where colours are taken off.
    pub colours: Colours,
    /// How records of several lines are told apart.
    pub framing: Option<Framing>,
    /// Records of named values.
    pub structures: Vec<Structure>,
    /// Records of several lines, each form by itself.
    pub multiline: Vec<Multiline>,
    /// Records that repeat a client's own words.
    pub echoes: Vec<EchoForm>,
    /// The rules, most specific first.
    pub rules: Vec<Rule>,
    /// Which of them a message can be for.
    pub(super) index: Index,
    /// The cases that the grammar carries.
    pub samples: Vec<Sample>,
    /// The texts of TLS libraries that rules refer to.
    pub texts: std::sync::Arc<Texts>,
    /// The product's own texts, for rules that say `reason = "texts"`.
    pub own_texts: Texts,
    /// What is never shown.
    pub secrets: Vec<SecretForm>,
    /// What the log tells at each of its levels.
    pub tells: Vec<Tells>,
    /// Where an installed one keeps its log and settings.
    pub install: Option<super::install::Install>,
    /// The names of the log files that the product writes side by side, where it writes several.
    pub logs: Vec<String>,
}

/// A form of client IDs that the broker makes up for clients that send none.
#[derive(Debug)]
pub struct MadeUp {
    /// Patterns of the whole ID, any of which may fit.
    pub like: Vec<Matcher>,
    /// Regular expressions, all of which must be found in it.
    pub all: Vec<Regex>,
    /// Who makes such IDs.
    pub by: Maker,
    /// It ends in 128 random bits: what a library makes, a UUID of RFC 9562, has a version and a variant in it.
    pub random_bits: bool,
}

/// Who makes client IDs of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Nobody but the broker: such an ID names no client.
    Broker,
    /// Clients may send them as well: such an ID is not certain.
    Perhaps,
}

impl MadeUp {
    fn fits(&self, client_id: &[u8]) -> bool {
        let like = self.like.is_empty() || self.like.iter().any(|pattern| pattern.run(client_id).is_some());
        like && self.all.iter().all(|regex| regex.is_match(client_id))
    }
}

/// Whether it ends like a UUID, but is none of RFC 9562.
fn is_no_uuid(client_id: &[u8]) -> bool {
    let form = |(at, byte): (usize, &u8)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    let uuid = client_id.len().checked_sub(36).and_then(|start| client_id.get(start..));
    let uuid = uuid.filter(|uuid| uuid.iter().enumerate().all(form));
    uuid.is_some_and(|uuid| !(matches!(uuid[14], b'1'..=b'8') && matches!(uuid[19], b'8' | b'9' | b'A' | b'B' | b'a' | b'b')))
}

/// What names a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The connection's own name in this log.
    Connection,
    /// Address and port of the client.
    Address,
    /// The client ID.
    ClientId,
}

impl Key {
    /// All of them, with their names in the file.
    pub const ALL: [(&'static str, Key); 3] = [("connection", Key::Connection), ("address", Key::Address), ("client-id", Key::ClientId)];
}

/// Where colours (SGR sequences of a terminal) are taken off a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// Nowhere.
    #[default]
    Kept,
    /// At its beginning and its end.
    Ends,
    /// Everywhere.
    All,
}

/// How the lines of one record are known to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framing {
    /// What continues a record, one or both.
    pub continues: Vec<Continues>,
    /// A line of just this text ends the record.
    pub ends: Option<Vec<u8>>,
    /// Further lines of one record are not kept.
    pub max_lines: usize,
    /// Further bytes of one record are not kept.
    pub max_bytes: usize,
}

/// Which lines continue a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continues {
    /// Those without a header.
    Unstamped,
    /// Those with the very same header, whose messages are lines of one message.
    SameHeader,
}

impl Framing {
    /// Whether such lines continue a record.
    pub fn joins(&self, lines: Continues) -> bool {
        self.continues.contains(&lines)
    }
}

/// How records of named values are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// Their syntax.
    pub format: StructureFormat,
    /// The names of the stamp; the first that is there counts.
    pub time: Vec<String>,
    /// The stamp's format, where it cannot be told from the value.
    pub time_format: Option<crate::record::time::TimeFormat>,
    /// The names of the message, which `match` patterns see.
    pub message: Vec<String>,
    /// The names of what names the connection.
    pub connection: Vec<String>,
    /// (pairs) The names that there are.
    pub names: Vec<String>,
}

/// The syntax of records of named values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureFormat {
    /// One JSON object.
    Json,
    /// `name=value name="value"`.
    Logfmt,
    /// `name: value, name: value`, without any quotes.
    Pairs,
    /// An Erlang record: `#name{field = term, field = term}`.
    Erlang,
}

impl StructureFormat {
    /// All of them, with their names in the file.
    pub const ALL: [(&'static str, StructureFormat); 4] = [
        ("json", StructureFormat::Json),
        ("logfmt", StructureFormat::Logfmt),
        ("pairs", StructureFormat::Pairs),
        ("erlang", StructureFormat::Erlang),
    ];
}

/// A part of records that is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretForm {
    /// What stands before it.
    pub after: Vec<u8>,
    /// What ends it.
    pub until: Until,
}

/// What ends a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// The end of the record.
    End,
    /// The first of these texts.
    Texts(Vec<Vec<u8>>),
    /// The end of the value of this kind.
    Kind(super::fact::Kind),
}

/// What a log tells at one of its levels, for `grammar list` and the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tells {
    /// The level or setting.
    pub at: String,
    /// The row's fields that it can fill.
    pub fields: Vec<Field>,
    /// The setting that would reveal more.
    pub more: Option<String>,
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
    pub ends: Option<Vec<u8>>,
    /// The record is whole when one of these fits it.
    pub whole: Vec<Matcher>,
    /// A first line that one of these fits is whole by itself, whatever it is.
    pub unless: Vec<Matcher>,
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
    pub words: Option<String>,
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
    /// It applies only directly after the same client was accepted.
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
    pub doubt: Vec<Field>,
    /// It applies only to one of these words.
    pub only: Vec<Vec<u8>>,
    /// The reasons where the record names no username.
    pub reason_anonymous: Vec<Reason>,
    /// Texts that may stand for something else in a client ID or username: one that holds it is not certain.
    pub blurred: Vec<Vec<u8>>,
    /// It may be the end of a record that a stranger's line feeds tore: what was told just before may be his words.
    pub look_back: bool,
    /// Fields that are not certain in this record where TLS cannot be ruled out.
    pub doubt_tls: Vec<Field>,
    /// A client ID that holds one of these may be part of another record, written by an accepted client.
    pub forgeable: Vec<Vec<u8>>,
    /// The records of these rules tell the same attempt, after this one, perhaps in another log of the product.
    pub same_as: Vec<String>,
    /// Another record may tell the same attempt: it names some, or is named by one.
    pub has_twin: bool,
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
    /// What a pattern captures, in order, but for codes.
    pub facts: Vec<Fact>,
    /// It has several free texts, which can divide a record in several ways.
    pub free: bool,
    /// The text that any such record holds; empty when there is none worth looking for.
    pub literal: Vec<u8>,
    /// Other texts that any such record holds.
    pub others: Vec<Vec<u8>>,
}

/// A pattern, or a regular expression where a pattern cannot say it.
#[derive(Debug)]
pub enum How {
    /// A pattern.
    Pattern(Box<Matcher>),
    /// A regular expression, anchored at both ends, with facts as group names.
    Regex(Box<Regex>, Vec<(Fact, usize)>),
    /// Patterns of named values, all of which must fit.
    Fields(Vec<FieldPattern>),
}

/// A pattern of one named value.
#[derive(Debug)]
pub struct FieldPattern {
    /// The value's name.
    pub name: String,
    /// It may be missing.
    pub optional: bool,
    /// Any of these may fit.
    pub matchers: Vec<Matcher>,
    /// What they capture.
    pub facts: Vec<Fact>,
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

impl Multiline {
    /// Whether this message begins such a record and is not the whole of it.
    pub fn is_torn(&self, message: &[u8]) -> bool {
        let fits = |patterns: &[Matcher]| patterns.iter().any(|pattern| pattern.run(message).is_some());
        !self.is_whole(message) && self.first.run(message).is_some() && !fits(&self.unless)
    }

    /// Whether this message, which began so, is whole.
    pub fn is_whole(&self, message: &[u8]) -> bool {
        self.ends.as_ref().is_some_and(|ends| message.ends_with(ends)) || self.whole.iter().any(|whole| whole.run(message).is_some())
    }
}

impl Grammar {
    /// The form of record of several lines that this message begins and does not end.
    pub fn torn(&self, message: &[u8]) -> Option<usize> {
        self.multiline.iter().position(|form| form.is_torn(message))
    }

    /// The rule that fits this message best, with what it captures. `applies` may refuse a rule, which gives the next best.
    pub fn find<'g>(&'g self, message: Message<'_>, mut applies: impl FnMut(&Rule, &Captures) -> bool) -> Option<(&'g Rule, Captures)> {
        for (rule, way) in self.index.candidates(message.text()) {
            let rule = &self.rules[rule];
            if let Some(mut captures) = rule.ways[way].run(message)
                && applies(rule, &captures)
            {
                captures.ambiguous |= self.reads_otherwise(message, rule, &captures);
                return Some((rule, captures));
            }
        }
        None
    }

    /// Whether a rule of the same form, which differs in its literal text only, divides the record in another way: then a
    /// client's words may be what says how the connection ended.
    fn reads_otherwise(&self, message: Message<'_>, best: &Rule, captures: &Captures) -> bool {
        let ends = |rule: &Rule| matches!(rule.outcome, Outcome::Refused | Outcome::Accepted | Outcome::Proxied);
        if !ends(best) || !best.ways.iter().any(|way| way.free) {
            return false;
        }
        let ways = self.index.candidates(message.text()).map(|(rule, way)| (&self.rules[rule], &self.rules[rule].ways[way]));
        let others = ways.filter(|(rule, way)| ends(rule) && rule.outcome != best.outcome && way.free);
        let mut alike = others.filter(|(_, way)| best.ways.iter().any(|mine| mine.facts == way.facts));
        alike.any(|(_, way)| {
            way.run(message)
                .is_some_and(|other| [Fact::ClientId, Fact::Username].iter().any(|fact| other.range(*fact) != captures.range(*fact)))
        })
    }

    /// Whether any rule's record could be this text or a beginning of it. What it says no to, `find` does not find.
    pub fn may_begin(&self, text: &[u8]) -> bool {
        let ways = self.rules.iter().flat_map(|rule| &rule.ways);
        ways.into_iter().any(|way| {
            let begins = if let How::Pattern(matcher) = &way.how { matcher.may_begin(text) } else { true };
            begins && memchr::memmem::find(text, &way.literal).is_some()
        })
    }

    /// Whether the broker prints this where it does not know the client ID.
    pub fn is_nobody(&self, name: &[u8]) -> bool {
        self.nobody.iter().any(|nobody| nobody == name)
    }

    /// Whether the broker may have made this client ID up for a client that sent none.
    pub fn is_made_up(&self, client_id: &[u8]) -> bool {
        self.made_up.iter().any(|form| form.by == Maker::Perhaps && form.fits(client_id))
    }

    /// Whether this client ID is one that only the broker makes up: the client has none.
    pub fn is_nobodys(&self, client_id: &[u8]) -> bool {
        self.made_up.iter().any(|form| form.by == Maker::Broker && form.fits(client_id))
    }

    /// Whether the broker prints this where the client sent no username.
    pub fn is_no_username(&self, name: &[u8]) -> bool {
        self.no_username.iter().any(|nobody| nobody == name)
    }

    /// Whether a transport in the broker's words is one with TLS.
    pub fn transport_tls(&self, transport: &[u8]) -> Option<bool> {
        let fits = self.transports.iter().filter(|(words, _)| match words.strip_prefix(b"*") {
            Some(end) => transport.ends_with(end),
            None => transport.starts_with(words),
        });
        fits.max_by_key(|(begins, _)| begins.len()).map(|(_, tls)| *tls)
    }

    /// Whether nobody but the broker makes such a client ID up.
    pub fn is_surely_made_up(&self, client_id: &[u8]) -> bool {
        self.made_up.iter().any(|form| form.random_bits && form.fits(client_id) && is_no_uuid(client_id))
    }

    /// Whether only this product writes such a message.
    pub fn is_telling(&self, message: &[u8]) -> bool {
        self.detect.iter().any(|matcher| matcher.run(message).is_some())
    }

    /// Whether this is a terminator, which hands connections on to a broker.
    pub fn is_terminator(&self) -> bool {
        self.rules.iter().any(|rule| rule.outcome == Outcome::Proxied)
    }

    /// Whether records name their writer, so that one that does not may follow another writer's.
    pub fn names_writers(&self) -> bool {
        let captures = |header: &Header| header.pattern.facts().any(|fact| fact == Fact::Thread);
        self.headers.iter().any(captures)
    }

    /// Whether conversations are named.
    pub fn is_keyed(&self) -> bool {
        !self.keys.is_empty()
    }
}

impl Way {
    /// A way of being matched.
    pub(super) fn new(how: How, written: String, rank: (usize, usize, bool), literal: Vec<u8>) -> Way {
        let facts = match &how {
            How::Pattern(matcher) => matcher.facts().filter(|fact| *fact != Fact::Code).collect(),
            How::Regex(..) | How::Fields(_) => Vec::new(),
        };
        let free = matches!(&how, How::Pattern(matcher) if matcher.free_texts() > 1);
        Way { how, written, rank, facts, free, literal, others: Vec::new() }
    }

    /// Matches the whole message, divided so that this fact has this value; only patterns can be divided anew.
    pub fn run_where(&self, text: &[u8], given: (Fact, &[u8])) -> Option<Captures> {
        if let How::Pattern(matcher) = &self.how { matcher.run_where(text, given) } else { None }
    }

    /// Matches the whole message.
    pub fn run(&self, message: Message<'_>) -> Option<Captures> {
        let text = message.text();
        // Most patterns do not fit most messages: nothing is made ready for them.
        if let How::Pattern(matcher) = &self.how
            && message.fields.is_empty()
        {
            return matcher.run(text);
        }
        let mut captures = Captures::default();
        match &self.how {
            How::Pattern(matcher) => captures.take_in(&matcher.run(text)?, message.range.0),
            How::Regex(regex, groups) => {
                let found = regex.captures(text)?;
                for (fact, group) in groups {
                    if let Some(part) = found.get(*group) {
                        let at = message.range.0;
                        captures.set(*fact, fact.default_kind(), part.start() + at, part.end() + at);
                    }
                }
            }
            How::Fields(patterns) => {
                for pattern in patterns {
                    let Some(range) = message.field(&pattern.name) else {
                        if pattern.optional {
                            continue;
                        }
                        return None;
                    };
                    let value = &message.bytes[range.clone()];
                    captures.take_in(&pattern.matchers.iter().find_map(|matcher| matcher.run(value))?, range.start);
                }
                captures.ambiguous |= message.unclear;
            }
        }
        Some(captures)
    }
}

/// A record's message, as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// All bytes that captures are ranges of.
    pub bytes: &'a [u8],
    /// Where the message that `match` patterns see stands in them.
    pub range: (usize, usize),
    /// The named values: name, and where the value stands.
    pub fields: &'a [(String, std::ops::Range<usize>)],
    /// The values can be told apart in more than one way.
    pub unclear: bool,
}

impl<'a> Message<'a> {
    /// A message of plain text.
    pub fn plain(text: &'a [u8]) -> Message<'a> {
        Message { bytes: text, range: (0, text.len()), fields: &[], unclear: false }
    }

    /// What `match` patterns see.
    pub fn text(&self) -> &'a [u8] {
        &self.bytes[self.range.0..self.range.1]
    }

    /// Where a named value stands.
    pub fn field(&self, name: &str) -> Option<std::ops::Range<usize>> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, range)| range.clone())
    }
}

/// What one record says: what its rule captured, and what its header did.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// What the rule captured.
    pub captures: &'a Captures,
    /// What those are ranges of.
    pub bytes: &'a [u8],
    /// What the header captured, and what those are ranges of.
    pub header: (&'a Captures, &'a [u8]),
}

impl<'a> Heard<'a> {
    /// The bytes of a fact as they stand in the record; the rule's come before the header's.
    pub fn raw(&self, fact: Fact) -> Option<&'a [u8]> {
        self.captures.get(fact, self.bytes).or_else(|| self.header.0.get(fact, self.header.1))
    }

    /// Whether the encoding of a fact cannot be told: it may stand for another text.
    pub fn is_doubtful(&self, fact: Fact) -> bool {
        let kind = self.captures.kind(fact);
        let Some(raw) = self.captures.get(fact, self.bytes).filter(|raw| !raw.is_ascii()) else { return false };
        let Some(value) = self.captures.value(fact, self.bytes) else { return false };
        let encoded_again = |text: &[u8]| *super::decode::latin1(text) != *text;
        match kind {
            super::fact::Kind::Latin1 => !encoded_again(raw) || encoded_again(&value),
            super::fact::Kind::Printed => encoded_again(&value),
            _ => false,
        }
    }

    /// The value of a fact, decoded.
    pub fn value(&self, fact: Fact) -> Option<std::borrow::Cow<'a, [u8]>> {
        match self.captures.get(fact, self.bytes) {
            Some(_) => self.captures.value(fact, self.bytes),
            None => self.header.0.value(fact, self.header.1),
        }
    }
}
