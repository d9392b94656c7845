//! Gathers the lines of one record, where a product writes records of several lines.

use serde::{Deserialize, Serialize};

use super::time::Stamp;
use crate::grammar::{Continues, Framing};

/// A record of which more lines may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// The first line as it came out of the wrapper; of the others with the same header what stands behind it. Lines without a
    /// header stand with the one before them. Carriage returns stand at their ends as they stood in the log.
    pub lines: Vec<Vec<u8>>,
    /// How much of the first line is header.
    pub header: usize,
    /// The first line as it stands in the log.
    pub raw: Vec<u8>,
    /// What the wrapper says of the time.
    pub stamp: Option<Stamp>,
    /// When the last line was read, in milliseconds since the epoch.
    pub read_at: i64,
    bytes: usize,
    /// How many lines of the log they are.
    #[serde(default)]
    count: usize,
    /// Some were too much and are left out.
    #[serde(default)]
    pub cut: bool,
}

impl Gathered {
    /// Begins with a line that has a header.
    pub fn begin(text: &[u8], header: usize, raw: &[u8], stamp: Option<Stamp>, read_at: i64) -> Gathered {
        Gathered { lines: vec![text.to_vec()], header, raw: raw.to_vec(), stamp, read_at, bytes: text.len(), count: 1, cut: false }
    }

    /// Whether a line with this header goes on with it.
    pub fn goes_on(&self, framing: &Framing, header: &[u8]) -> bool {
        framing.joins(Continues::SameHeader)
            && self.lines[0].get(..self.header).is_some_and(|own| own.trim_ascii_end() == header.trim_ascii_end())
    }

    /// Adds what stands behind the same header.
    pub fn push(&mut self, framing: &Framing, text: &[u8], read_at: i64) {
        if self.has_room(framing, text, read_at) {
            self.lines.push(text.to_vec());
        }
    }

    /// Adds a line without a header.
    pub fn push_bare(&mut self, framing: &Framing, text: &[u8], read_at: i64) {
        if self.has_room(framing, text, read_at)
            && let Some(last) = self.lines.last_mut()
        {
            last.push(b'\n');
            last.extend_from_slice(text);
        }
    }

    /// What is too much is left out: it is a dump or an attack.
    fn has_room(&mut self, framing: &Framing, text: &[u8], read_at: i64) -> bool {
        self.read_at = read_at;
        self.cut |= self.count >= framing.max_lines || self.bytes + text.len() >= framing.max_bytes;
        if !self.cut {
            self.bytes += text.len() + 1;
            self.count += 1;
        }
        !self.cut
    }

    /// Whether it is one line of the log.
    pub fn is_one_line(&self) -> bool {
        self.count <= 1
    }

    /// All lines as one text; empty ones at its end are left out.
    pub fn text(&self) -> Vec<u8> {
        self.part(0..self.lines.len())
    }

    fn content(&self) -> Vec<u8> {
        self.lines.join(&b'\n')
    }

    /// Some of the lines as one text, with the header that all of them had.
    pub fn part(&self, lines: std::ops::Range<usize>) -> Vec<u8> {
        let header = if lines.start == 0 { 0 } else { self.header.min(self.lines[0].len()) };
        let mut text = plain_ends([&self.lines[0][..header], &self.lines[lines].join(&b'\n')].concat());
        let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 1);
        text.truncate(end);
        text
    }
}

/// A text whose last line ends with a carriage return is one of a log whose lines all do. Otherwise a carriage return before a line
/// feed is a part of the text.
fn plain_ends(mut text: Vec<u8>) -> Vec<u8> {
    if text.pop_if(|last| *last == b'\r').is_none() {
        return text;
    }
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    lines.join(&b'\n')
}

/// A record that a stranger's line feed tore, and what follows it: as long as its end may still come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Torn {
    /// The record that lacks its end.
    pub beginning: Gathered,
    /// The records after it.
    pub rest: Vec<Gathered>,
    content: Vec<u8>,
}

impl Torn {
    /// Begins with a record that lacks its end.
    pub fn begin(beginning: Gathered) -> Torn {
        Torn { content: beginning.content(), rest: Vec::new(), beginning }
    }

    /// Adds the record that follows.
    pub fn push(&mut self, record: Gathered) {
        self.content.push(b'\n');
        self.content.extend(record.content());
        self.rest.push(record);
    }

    /// All of it as one record.
    pub fn text(&self) -> Vec<u8> {
        plain_ends(self.content.clone())
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    /// When its last line was read.
    pub fn read_at(&self) -> i64 {
        self.rest.last().unwrap_or(&self.beginning).read_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriage_returns_are_line_ends_only_where_all_lines_have_them() {
        let framing = Framing { continues: vec![Continues::Unstamped], ends: None, max_lines: 9, max_bytes: 99 };
        let text = |lines: &[&str]| {
            let mut gathered = Gathered::begin(lines[0].as_bytes(), 0, b"", None, 0);
            lines[1..].iter().for_each(|line| gathered.push(&framing, line.as_bytes(), 0));
            String::from_utf8(gathered.text()).unwrap()
        };
        assert_eq!(text(&["client abc\r", "def refused"]), "client abc\r\ndef refused");
        assert_eq!(text(&["refused\r", "\tat a\r", "\tat b\r"]), "refused\n\tat a\n\tat b");
        assert_eq!(text(&["refused\r"]), "refused");
    }

    #[test]
    fn lines_with_one_header_are_units_and_those_without_stand_with_them() {
        let both = vec![Continues::SameHeader, Continues::Unstamped];
        let framing = Framing { continues: both, ends: None, max_lines: 4, max_bytes: 99 };
        let mut gathered = Gathered::begin(b"[e] a", 4, b"[e] a", None, 0);
        assert!(gathered.is_one_line() && gathered.goes_on(&framing, b"[e] "));
        gathered.push_bare(&framing, b"b", 0);
        gathered.push(&framing, b"c", 0);
        gathered.push_bare(&framing, b"", 0);
        assert_eq!(gathered.text(), b"[e] a\nb\nc");
        assert_eq!(gathered.part(1..2), b"[e] c");
        assert!(!gathered.cut);
        gathered.push(&framing, b"d", 0);
        assert!(gathered.cut && gathered.lines.len() == 2);
    }
}
