//! Reads the file's text. What a value is by itself is checked here; what it means beside others, in `check`.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::listener::{self, ListenerConfig};
use super::model::{Level, LogFormat, Start};
use super::read_output::{hook, output};
use super::value;
use crate::api::{Hash, Listen, Role, TokenConfig};
use crate::events::OutputConfig;
use crate::grammar::{Diagnostic, Reader, Table, Text, near};
use crate::model::Millis;
use crate::record::time::TimeFormat;
use crate::source::{JOURNAL, journal_fault};

/// Lines are read whole up to at least this and at most that many bytes.
const LINE_BYTES: std::ops::RangeInclusive<usize> = 1024..=16 << 20;

/// A configuration file as it was written: what is not given is none. The faults found so far are part of it.
#[derive(Debug, Default)]
pub struct Raw {
    /// The file's name, for messages.
    pub(super) file: String,
    /// Its text; what may be a secret is blotted out.
    pub(super) text: String,
    pub(super) faults: Vec<Diagnostic>,
    pub(super) database: Option<PathBuf>,
    pub(super) grammars: Option<Text>,
    /// None within: for ever.
    pub(super) retention: Option<Option<Millis>>,
    pub(super) max_clients: Option<u64>,
    pub(super) search_memory: Option<u64>,
    pub(super) clear_on_success: Option<bool>,
    pub(super) listen: Vec<(Listen, Range<usize>)>,
    pub(super) listeners: Vec<ListenerConfig>,
    pub(super) hosts: Vec<String>,
    pub(super) log: Option<Level>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) journalctl: Vec<String>,
    /// There are `[[token]]` tables, right or wrong.
    pub(super) has_tokens: bool,
    pub(super) tokens: Vec<TokenConfig>,
    pub(super) sources: Vec<RawSource>,
    pub(super) outputs: Vec<OutputConfig>,
}

/// A `[[source]]`.
#[derive(Debug, Default)]
pub(super) struct RawSource {
    pub(super) name: Option<Text>,
    pub(super) broker: Option<Text>,
    pub(super) paths: Vec<Text>,
    pub(super) grammar: Option<Text>,
    pub(super) start: Start,
    pub(super) zone: Option<jiff::tz::TimeZone>,
    pub(super) tls_ports: Vec<u16>,
    pub(super) proxies: Vec<std::net::IpAddr>,
    pub(super) time_format: Option<TimeFormat>,
    pub(super) max_line: Option<usize>,
}

impl Raw {
    /// Reads the text of a configuration file; `file` names it in messages.
    pub fn read(file: &str, source: &str) -> Raw {
        let (mut reader, document) = Reader::document(source);
        let broken: Vec<usize> = reader.faults.iter().map(|fault| fault.span.start).collect();
        let mut raw = Raw { file: file.to_owned(), text: source.to_owned(), ..Raw::default() };
        raw.top(&mut reader, &document);
        // What stands in place of a value that is no TOML is not the user's: nothing more is to be said about it.
        let mut later = reader.faults.split_off(broken.len());
        later.retain(|fault| !broken.contains(&fault.span.start));
        raw.faults = reader.faults;
        raw.faults.append(&mut later);
        raw
    }

    /// Where the daemon of this file listens: the places that are written well; the default one when none is given. Those without
    /// TLS come first: the command line needs no certificate there.
    pub fn places(&self) -> Vec<Listen> {
        if self.listen.is_empty() {
            return vec![super::default_listen()];
        }
        let (tls, plain): (Vec<Listen>, Vec<Listen>) =
            self.listen.iter().map(|(place, _)| place.clone()).partition(|place| self.has_tls(place));
        [plain, tls].concat()
    }

    /// Whether TLS is spoken at this place.
    pub fn has_tls(&self, place: &Listen) -> bool {
        self.listeners.iter().any(|listener| listener.place == *place && listener.tls.is_some())
    }

    fn top<'s>(&mut self, reader: &mut Reader<'s>, document: &Spanned<DeTable<'s>>) {
        let mut table = reader.table(document.get_ref(), document.span(), "the configuration");
        self.database = table.text(reader, "database").and_then(|text| path(reader, text)).map(|text| text.value.into());
        self.grammars = table.text(reader, "grammars").and_then(|text| path(reader, text));
        self.retention = table.take("retention").and_then(|value| retention(reader, value));
        self.max_clients = table.number(reader, "max_clients", 1..=100_000_000).map(|number| number as u64);
        self.search_memory = table.number(reader, "search_memory", 0..=1_000_000).map(|mebibytes| (mebibytes as u64) << 20);
        self.clear_on_success = table.flag(reader, "clear_on_success");
        self.listen(reader, &mut table);
        for (entry, span) in table.tables(reader, "listener") {
            self.listener(reader, entry, span);
        }
        self.hosts = table.texts(reader, "hosts").iter().filter_map(|text| checked(reader, text, "host name", value::host)).collect();
        self.log = table.text(reader, "log").and_then(|text| word(reader, &text, "level", &Level::ALL.map(|level| (level.word(), level))));
        let forms = LogFormat::ALL.map(|form| (form.word(), form));
        self.log_format = table.text(reader, "log_format").and_then(|text| word(reader, &text, "form of a log", &forms));
        self.journalctl = journalctl(reader, &mut table);
        for (entry, span) in table.tables(reader, "token") {
            self.has_tokens = true;
            self.token(reader, entry, span);
        }
        for (entry, span) in table.tables(reader, "source") {
            let source = read_source(reader, entry, span);
            self.sources.push(source);
        }
        for (entry, span) in table.tables(reader, "output") {
            output(reader, entry, span, &mut self.outputs);
        }
        for (entry, span) in table.tables(reader, "hook") {
            hook(reader, entry, span, &mut self.outputs);
        }
        table.finish(reader);
    }

    fn listen<'s>(&mut self, reader: &mut Reader<'s>, table: &mut Table<'_, 's>) {
        let Some(value) = table.take("listen") else { return };
        if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
            reader.fault(value.span(), "\"listen\" is empty", "expected at least one place; without the key it is 127.0.0.1:8099");
        }
        for text in reader.texts(value) {
            let Some(place) = checked(reader, &text, "place to listen on", value::listen) else { continue };
            if self.listen.iter().any(|(other, _)| *other == place) {
                reader.fault(text.span, format!("{:?} stands here twice", text.value), "remove one of them");
            } else {
                self.listen.push((place, text.span));
            }
        }
    }

    /// A `[[listener]]` is a place to listen on, with rules.
    fn listener<'s>(&mut self, reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>) {
        let Some((listener, span)) = listener::read(reader, entry, span) else { return };
        if self.listen.iter().any(|(other, _)| *other == listener.place) {
            reader.fault(span, "this place is listened on already", "expected each place once: here, or in \"listen\"");
            return;
        }
        self.listen.push((listener.place.clone(), span));
        self.listeners.push(listener);
    }

    fn token<'s>(&mut self, reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>) {
        let mut table = reader.table(entry, span, "this token");
        let name = table.needed(reader, "name").and_then(|text| name(reader, text));
        let roles = [("auditor", Role::Auditor), ("operator", Role::Operator)];
        let role = table.needed(reader, "role").and_then(|text| word(reader, &text, "role", &roles));
        let sha256 = table.needed(reader, "sha256").and_then(|text| self.hash(reader, text));
        table.finish(reader);
        let Some(name) = name else { return };
        if self.tokens.iter().any(|token| token.name == name.value) {
            reader.fault(name.span, format!("another token is named {:?}", name.value), "expected a name of its own: it stands in the log");
        } else if let (Some(role), Some((sha256, span))) = (role, sha256) {
            if self.tokens.iter().any(|token| token.sha256 == sha256) {
                reader.fault(span, "another token has the same hash", "make one for each with `turnaway token new`");
            }
            self.tokens.push(TokenConfig { name: name.value, role, sha256 });
        }
    }

    fn hash(&mut self, reader: &mut Reader<'_>, text: Text) -> Option<(Hash, Range<usize>)> {
        if let Ok(hash) = text.value.parse() {
            return Some((hash, text.span));
        }
        // It may be the secret itself, and the message goes to the journal.
        let blot = "*".repeat(text.span.len());
        self.text.replace_range(text.span.clone(), &blot);
        let message = match text.value.starts_with("turnaway_") {
            true => "this is the token itself; the file holds its hash only",
            false => "this is no hash of a token",
        };
        reader.fault(text.span, message, "expected 64 hexadecimal digits, as `turnaway token new` prints them");
        None
    }
}

fn read_source<'s>(reader: &mut Reader<'s>, entry: &DeTable<'s>, span: Range<usize>) -> RawSource {
    let mut table = reader.table(entry, span.clone(), "this source");
    let name = table.needed(reader, "name").and_then(|text| name(reader, text));
    let mut found = table.take("path").map(|value| paths(reader, value));
    if let Some(units) = table.take("journal").map(|value| journal(reader, value)) {
        found.get_or_insert_default().extend(units);
    }
    let paths = found.unwrap_or_else(|| {
        let expected = "expected a line path = \"…\": a path, a glob, or a list of them; or journal = \"…\": a unit";
        reader.fault(span, "this source has no \"path\"", expected);
        Vec::new()
    });
    let starts = [Start::Beginning, Start::End].map(|start| (start.word(), start));
    let source = RawSource {
        name,
        broker: table.text(reader, "broker").and_then(|text| self::name(reader, text)),
        paths,
        grammar: table.text(reader, "grammar"),
        start: table.text(reader, "start").and_then(|text| word(reader, &text, "start", &starts)).unwrap_or_default(),
        zone: table.text(reader, "timezone").and_then(|text| checked(reader, &text, "time zone", value::zone)),
        tls_ports: table.take("tls_ports").map(|value| ports(reader, value)).unwrap_or_default(),
        proxies: table.texts(reader, "proxies").iter().filter_map(|text| checked(reader, text, "address", value::address)).collect(),
        time_format: table.text(reader, "time_format").and_then(|text| time_format(reader, &text)),
        max_line: table.number(reader, "max_line", LINE_BYTES),
    };
    table.finish(reader);
    source
}

fn paths<'s>(reader: &mut Reader<'s>, value: &Spanned<DeValue<'s>>) -> Vec<Text> {
    if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
        reader.fault(value.span(), "this source has no path", "expected a path, a glob, or \"-\" for standard input");
    }
    let texts = reader.texts(value);
    texts.into_iter().filter_map(|text| path(reader, text).and_then(|text| glob(reader, text))).collect()
}

/// Units, or fields with their values, of the journal; as paths they have a word before them.
fn journal<'s>(reader: &mut Reader<'s>, value: &Spanned<DeValue<'s>>) -> Vec<Text> {
    if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
        reader.fault(value.span(), "\"journal\" is empty", "expected a unit like \"mosquitto.service\"");
    }
    let mut units = Vec::new();
    for text in reader.texts(value) {
        match journal_fault(&text.value) {
            None => units.push(Text { value: format!("{JOURNAL}{}", text.value), span: text.span }),
            Some(expected) => reader.fault(text.span, format!("{:?} is nothing of the journal", text.value), expected),
        }
    }
    units
}

fn journalctl<'s>(reader: &mut Reader<'s>, table: &mut Table<'_, 's>) -> Vec<String> {
    let words = table.texts(reader, "journalctl");
    for text in words.iter().filter(|text| text.value.contains('\0')).chain(words.first().filter(|text| text.value.is_empty())) {
        reader.fault(text.span.clone(), "this cannot be run", "expected a program, or a list of a program and its first arguments");
    }
    words.into_iter().map(|text| text.value).collect()
}

pub(super) fn path(reader: &mut Reader<'_>, text: Text) -> Option<Text> {
    if text.value.is_empty() || text.value.contains('\0') {
        reader.fault(text.span, "this is no path", "expected a path");
        return None;
    }
    Some(text)
}

fn glob(reader: &mut Reader<'_>, text: Text) -> Option<Text> {
    if let Some(what) = text.value.strip_prefix(JOURNAL) {
        let expected = journal_fault(what);
        expected.inspect(|expected| reader.fault(text.span.clone(), format!("{:?} is nothing of the journal", text.value), *expected));
        return Some(text).filter(|_| expected.is_none());
    }
    let Err(error) = glob::Pattern::new(&text.value) else { return Some(text) };
    let span = reader.inside(&text, error.pos, 1);
    reader.fault(span, format!("this glob is not complete: {}", error.msg), "a [ that stands for itself is written [[]");
    None
}

pub(super) fn name(reader: &mut Reader<'_>, text: Text) -> Option<Text> {
    match value::name_fault(&text.value) {
        None => Some(text),
        Some(expected) => {
            reader.fault(text.span, format!("{:?} is no name", text.value), expected);
            None
        }
    }
}

/// A value that a function of `value` reads.
pub(super) fn checked<T>(reader: &mut Reader<'_>, text: &Text, what: &str, read: fn(&str) -> Result<T, String>) -> Option<T> {
    read(&text.value).map_err(|expected| reader.fault(text.span.clone(), format!("{:?} is no {what}", text.value), expected)).ok()
}

/// One of a few words.
pub(super) fn word<T: Copy>(reader: &mut Reader<'_>, text: &Text, what: &str, words: &[(&str, T)]) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let expected = near(&text.value, words.iter().map(|(word, _)| *word), "expected one of");
        reader.fault(text.span.clone(), format!("{:?} is no {what}", text.value), expected);
    }
    found.map(|(_, value)| *value)
}

/// A text with a unit, or the number 0.
fn retention<'s>(reader: &mut Reader<'s>, value: &Spanned<DeValue<'s>>) -> Option<Option<Millis>> {
    let text = match value.get_ref().as_integer() {
        Some(number) => Text { value: number.as_str().to_owned(), span: value.span() },
        None => reader.text(value)?,
    };
    checked(reader, &text, "retention", value::retention)
}

/// A port, or a list of them.
fn ports<'s>(reader: &mut Reader<'s>, value: &Spanned<DeValue<'s>>) -> Vec<u16> {
    let mut ports = Vec::new();
    let mut read = |value: &Spanned<DeValue<'s>>| {
        let number = value.get_ref().as_integer().and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
        match number.filter(|port| *port != 0) {
            Some(port) => ports.push(port),
            None => reader.fault(value.span(), "this is no port", "expected whole numbers from 1 to 65535, like [8883]"),
        }
    };
    match value.get_ref().as_array() {
        Some(array) => array.iter().for_each(read),
        None => read(value),
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn time_format(reader: &mut Reader<'_>, text: &Text) -> Option<TimeFormat> {
    let error = match TimeFormat::parse_format(&text.value) {
        Ok(format) => return Some(format),
        Err(error) => error,
    };
    // A fault of the format as a whole is shown under all of it.
    let span = match error.position() {
        0 => text.span.clone(),
        at => reader.inside(text, at, 2),
    };
    reader.fault(span, error.to_string(), "expected strftime like \"%Y-%m-%d %H:%M:%S\", or epoch, epoch-ms, epoch-us, iso, rfc3164");
    None
}
