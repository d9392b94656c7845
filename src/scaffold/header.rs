//! Finds out what stands before the messages of an unknown log.

use jiff::tz::TimeZone;

use crate::grammar::Pattern;
use crate::record::time::{TimeContext, TimeFormat};

/// A stamp is looked for in this many bytes.
const LONGEST_STAMP: usize = 48;
/// Lines that are looked at.
const LINES: usize = 200;
const LEVELS: [&str; 22] = [
    "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "crit", "critical", "alert", "emerg", "fatal", "dbg", "inf",
    "ntc", "wrn", "verbose", "severe", "fine", "none", "dbug",
];

/// What stands before a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    /// As a grammar writes it.
    pub(super) pattern: String,
    before: String,
    format: Option<TimeFormat>,
    /// A word for the level stands between these.
    level: Option<(String, String)>,
    after: String,
}

/// The header that most lines have.
pub(super) fn of(lines: &[String]) -> Header {
    let mut found: Vec<(Header, usize)> = Vec::new();
    for line in lines.iter().take(LINES) {
        if found.iter_mut().any(|(header, count)| {
            header.message(line).is_some() && {
                *count += 1;
                true
            }
        }) {
            continue;
        }
        if let Some(header) = guess(line) {
            found.push((header, 1));
        }
    }
    found
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or_else(|| Header { pattern: "{message}".to_owned(), ..Header::default() }, |(header, _)| header)
}

impl Header {
    /// The message of a line that has this header.
    pub(super) fn message<'a>(&self, line: &'a str) -> Option<&'a str> {
        let mut rest = line.strip_prefix(&self.before)?;
        if let Some(format) = &self.format {
            let context = TimeContext { zone: &TimeZone::UTC, reference: 0 };
            let (_, after) = format.read(rest.as_bytes(), &context)?;
            rest = std::str::from_utf8(after).ok()?;
        }
        if let Some((before, after)) = &self.level {
            let word = rest.strip_prefix(before)?;
            rest = &word[word.find(after.as_str())?..];
            rest = rest.strip_prefix(after)?.trim_start_matches(' ');
        }
        rest.strip_prefix(&self.after)
    }
}

fn guess(line: &str) -> Option<Header> {
    let start = line.find(|c: char| c.is_ascii_alphanumeric()).filter(|start| *start <= 3)?;
    let (before, rest) = line.split_at(start);
    // The longest beginning that is a stamp.
    let ends = (8..=rest.len().min(LONGEST_STAMP)).rev().filter(|end| rest.is_char_boundary(*end));
    let (end, format) = ends.filter_map(|end| Some((end, TimeFormat::derive(&rest.as_bytes()[..end]).filter(is_plain)?))).next()?;
    let (mut header, rest) = (Header { before: before.to_owned(), format: Some(format), ..Header::default() }, &rest[end..]);
    let gap = rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len()).min(6);
    let word_end = rest[gap..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| gap + end);
    let word = rest[gap..word_end].to_ascii_lowercase();
    if LEVELS.contains(&word.as_str()) {
        let tail = &rest[word_end..];
        // A level may be padded with blanks before what closes it.
        let close: String = tail.trim_start().chars().take_while(|c| "])>:|".contains(*c)).collect();
        let close = if close.is_empty() { " ".to_owned() } else { close + if tail.trim_start().contains(' ') { " " } else { "" } };
        header.level = Some((rest[..gap].to_owned(), close));
    } else {
        header.after = rest.chars().take_while(|c| " :]|".contains(*c)).collect();
    }
    header.pattern = header.written();
    let usable = Pattern::parse_header(&header.pattern).is_ok() && header.message(line).is_some();
    usable.then_some(header)
}

/// A stamp and nothing else: no text but what stands between its numbers.
fn is_plain(format: &TimeFormat) -> bool {
    let written = format.to_string();
    let mut literal = written.chars();
    while let Some(c) = literal.next() {
        if c == '%' {
            while literal.next().is_some_and(|flag| ".-_0369:".contains(flag)) {}
        } else if !" -/:.,T".contains(c) {
            return written == "iso";
        }
    }
    !written.ends_with([' ', '-', ':', ',', '/'])
}

impl Header {
    fn written(&self) -> String {
        let literal = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let time = self.format.as_ref().map(|format| format!("{{time:{format}}}")).unwrap_or_default();
        let level = self.level.as_ref().map(|(before, after)| format!("{}{{_}}{}", literal(before), literal(after))).unwrap_or_default();
        format!("{}{time}{level}{}{{message}}", literal(&self.before), literal(&self.after))
    }
}
