//! The forms that a product's records have, as its grammar describes them.

use super::matcher::Matcher;
use super::pattern::Pattern;
use crate::model::Field;

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
#[derive(Debug, Clone)]
pub struct SecretForm {
    /// What stands before it.
    pub after: Vec<u8>,
    /// The same, made ready to be looked for.
    pub finder: memchr::memmem::Finder<'static>,
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
    /// The text with which any first line begins, and the one that none holds after it.
    pub bracket: Option<(Vec<u8>, Vec<u8>)>,
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

impl Multiline {
    /// Whether this message begins such a record and is not the whole of it.
    #[inline]
    pub fn is_torn(&self, message: &[u8]) -> bool {
        let fits = |patterns: &[Matcher]| patterns.iter().any(|pattern| pattern.run(message).is_some());
        // Most messages begin otherwise, or end as a whole one does.
        self.first.may_fit(message)
            && !self.has_end(message)
            && self.first.run(message).is_some()
            && !self.is_whole(message)
            && !fits(&self.unless)
    }

    fn has_end(&self, message: &[u8]) -> bool {
        self.ends.as_ref().is_some_and(|ends| message.ends_with(ends))
    }

    /// Whether this message, which began so, is whole.
    pub fn is_whole(&self, message: &[u8]) -> bool {
        self.has_end(message) || self.whole.iter().any(|whole| whole.run(message).is_some())
    }
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
