//! Gathers the lines of one record, where a product writes records of several lines.

use serde::{Deserialize, Serialize};

use super::time::Stamp;
use crate::grammar::{Continues, Framing};

/// A record of which more lines may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// The first line as it came out of the wrapper; of the others what goes on.
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
        self.lines.join(&b'\n')
    }

    /// Each line for itself, with the header that all of them had.
    pub fn apart(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let header = &self.lines[0][..self.header.min(self.lines[0].len())];
        let first = std::iter::once(self.lines[0].clone());
        first.chain(self.lines[1..].iter().map(move |line| [header, line].concat()))
    }
}
