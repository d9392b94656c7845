//! Gathers the lines of one record, where a product writes records of several lines.

use serde::{Deserialize, Serialize};

use super::time::Stamp;
use crate::grammar::{Continues, Framing};

/// A record of which more lines may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// The first line as it came out of the wrapper, of the others what goes on; with the carriage return that stood at their ends.
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
}

impl Gathered {
    /// Begins with a line that has a header.
    pub fn begin(text: &[u8], header: usize, raw: &[u8], stamp: Option<Stamp>, read_at: i64) -> Gathered {
        Gathered { lines: vec![text.to_vec()], header, raw: raw.to_vec(), stamp, read_at, bytes: text.len() }
    }

    /// Whether a line with this header goes on with it.
    pub fn goes_on(&self, framing: &Framing, header: &[u8]) -> bool {
        framing.continues == Continues::SameHeader
            && self.lines[0].get(..self.header).is_some_and(|own| own.trim_ascii_end() == header.trim_ascii_end())
    }

    /// Adds what goes on. What is too much is left out: it is a dump or an attack.
    pub fn push(&mut self, framing: &Framing, text: &[u8], read_at: i64) {
        self.read_at = read_at;
        if self.lines.len() < framing.max_lines && self.bytes + text.len() < framing.max_bytes {
            self.bytes += text.len() + 1;
            self.lines.push(text.to_vec());
        }
    }

    /// All lines as one text.
    pub fn text(&self) -> Vec<u8> {
        plain_ends(self.content())
    }

    fn content(&self) -> Vec<u8> {
        self.lines.join(&b'\n')
    }

    /// Each line for itself, with the header that all of them had.
    pub fn apart(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let header = &self.lines[0][..self.header.min(self.lines[0].len())];
        let first = std::iter::once(self.lines[0].clone());
        first.chain(self.lines[1..].iter().map(move |line| [header, line].concat()))
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
        let framing = Framing { continues: Continues::Unstamped, ends: None, max_lines: 9, max_bytes: 99 };
        let text = |lines: &[&str]| {
            let mut gathered = Gathered::begin(lines[0].as_bytes(), 0, b"", None, 0);
            lines[1..].iter().for_each(|line| gathered.push(&framing, line.as_bytes(), 0));
            String::from_utf8(gathered.text()).unwrap()
        };
        assert_eq!(text(&["client abc\r", "def refused"]), "client abc\r\ndef refused");
        assert_eq!(text(&["refused\r", "\tat a\r", "\tat b\r"]), "refused\n\tat a\n\tat b");
        assert_eq!(text(&["refused\r"]), "refused");
    }
}
