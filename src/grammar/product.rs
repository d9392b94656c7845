//! The checked form of a grammar: what the loader makes and the later stages run.

use regex::bytes::Regex;

use super::captures::Captures;
use super::ends::{self, Ends};
use super::fact::Fact;
use super::form::{Colours, EchoForm, Framing, Header, Key, Multiline, SecretForm, Structure, Tells};
use super::index::Index;
use super::matcher::Matcher;
use super::rule::{Outcome, Rule, Sample};
use super::texts::Texts;
use super::way::{How, Message};

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
    /// The ends of records after which lines go on with them or repeat a client's words, and how one ends that is whole.
    pub(super) openers: Vec<(Ends, Option<Vec<u8>>)>,
    /// A rule means the conversation that was named last.
    pub(super) follows: bool,
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
    /// What its logs are searched with: made by the engine once, however many logs there are.
    pub(crate) prefilter: std::sync::OnceLock<Option<crate::engine::Prefilter>>,
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
        let ends = super::ends::Sample::of(client_id);
        let like = self.like.is_empty() || self.like.iter().any(|pattern| pattern.ends.fit(ends) && pattern.run(client_id).is_some());
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

impl Grammar {
    /// Whether the lines after this message may go on with it or repeat a client's words: told by its ends, because most do not.
    #[inline]
    pub fn opens(&self, message: &[u8]) -> bool {
        let sample = ends::Sample::of(message);
        let whole = |end: &Option<Vec<u8>>| end.as_ref().is_some_and(|end| message.ends_with(end));
        self.openers.iter().any(|(ends, end)| ends.fit(sample) && !whole(end))
    }

    /// The form of record of several lines that this message begins and does not end.
    pub fn torn(&self, message: &[u8]) -> Option<usize> {
        self.multiline.iter().position(|form| form.is_torn(message))
    }

    /// The rule that fits this message best, with what it captures. `applies` may refuse a rule, which gives the next best.
    pub fn find<'g>(&'g self, message: Message<'_>, applies: impl FnMut(&Rule, &Captures) -> bool) -> Option<(&'g Rule, Captures)> {
        let mut captures = Captures::NONE;
        self.find_into(message, &mut captures, applies).map(|rule| (rule, captures))
    }

    /// The same; what stands in `captures` if none fits means nothing.
    pub fn find_into<'g>(
        &'g self,
        message: Message<'_>,
        captures: &mut Captures,
        mut applies: impl FnMut(&Rule, &Captures) -> bool,
    ) -> Option<&'g Rule> {
        self.index.find_map(message.text(), |best, way| {
            let rule = &self.rules[best];
            if !rule.ways[way].run(message, captures) || !applies(rule, captures) {
                return None;
            }
            captures.ambiguous |= self.reads_otherwise(message, best, captures);
            Some(rule)
        })
    }

    /// Whether another rule of the same form divides the record in another way: then a client's words may be what says how the
    /// connection ended.
    fn reads_otherwise(&self, message: Message<'_>, best: usize, captures: &Captures) -> bool {
        let rivals = self.index.rivals(best);
        if rivals.is_empty() {
            return false;
        }
        let mut other = Captures::NONE;
        rivals.iter().any(|(rule, way)| {
            let fits = self.rules[*rule].ways[*way].run(message, &mut other);
            fits && [Fact::ClientId, Fact::Username].iter().any(|fact| other.range(*fact) != captures.range(*fact))
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

    /// Whether it matters that a record is one of this rule's: what it does, or what its being torn does to those that follow. Where a rule
    /// means the conversation that was named last, what names one counts, whatever it says.
    pub fn counts(&self, rule: &Rule) -> bool {
        rule.outcome != Outcome::Nothing || rule.tears || rule.torn_begins || rule.behind_proxy || rule.claims || self.follows
    }

    /// Whether a record of this rule says nothing but that a session is over: that concerns only what waits for the next record, and who counts
    /// the ends of sessions.
    pub fn only_ends(&self, rule: &Rule) -> bool {
        let more =
            rule.follows || rule.tears || rule.torn_begins || rule.torn_ends || rule.behind_proxy || rule.claims || rule.after_closed;
        rule.outcome == Outcome::Ended && !self.is_keyed() && !more
    }

    /// Whether every record of this rule is read, in whatever state.
    pub fn is_never_passed_over(&self, rule: &Rule) -> bool {
        self.counts(rule) && !self.only_ends(rule)
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
