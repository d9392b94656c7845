//! A line of the log that may become evidence.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Evidence;
use crate::text::{escaped, is_plain, put_escaped};

/// How much of a line is shown.
const MOST: usize = 1_024;
/// Lines of one refusal are of about the same length.
const ROOM: usize = 48;

/// A line without its secrets. Most belong to clients that are accepted, and are never shown: it is escaped and cut when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote<'a> {
    text: Cow<'a, [u8]>,
    /// So much of it is shown.
    most: usize,
}

impl<'a> Quote<'a> {
    /// This text, as it stands in the log but for its secrets.
    pub fn new(text: Cow<'a, [u8]>) -> Quote<'a> {
        Quote { text, most: MOST }
    }

    /// The same text as it was shown before.
    pub(super) fn again(shown: String) -> Quote<'static> {
        Quote { text: Cow::Owned(shown.into_bytes()), most: usize::MAX }
    }

    /// Fit to be shown.
    pub fn shown(&self) -> String {
        escaped(&self.text, self.most)
    }

    /// Adds to a text what is shown.
    pub(super) fn show(&self, text: &mut Vec<u8>) {
        put_escaped(text, &self.text, self.most);
    }

    /// The first line of a refusal's evidence, with room for those that follow: most refusals have three.
    pub(super) fn begin(&self) -> Evidence {
        Evidence::begun(self.text.len().min(self.most) * 3 + ROOM, |text| self.show(text))
    }

    /// The line with this number, where those behind it are there already.
    pub(super) fn insert_into(&self, evidence: &mut Evidence, number: usize) {
        if self.text.len() <= self.most && is_plain(&self.text) {
            evidence.insert_bytes(number, &self.text);
        } else {
            evidence.insert(number, &self.shown());
        }
    }

    /// To be kept longer than the log's own bytes; what is never shown of it is not.
    pub(super) fn kept(self) -> Quote<'static> {
        self.kept_in(Vec::new())
    }

    /// The same in memory that was used before.
    pub(super) fn kept_in(self, mut memory: Vec<u8>) -> Quote<'static> {
        let Quote { text, most } = self;
        // One byte more says that it was cut.
        let end = text.len().min(most.saturating_add(1));
        let text = match text {
            Cow::Owned(text) if text.len() == end => text,
            text if memory.capacity() == 0 => text[..end].to_vec(),
            text => {
                memory.clear();
                memory.extend_from_slice(&text[..end]);
                memory
            }
        };
        Quote { text: Cow::Owned(text), most }
    }
}

impl Quote<'static> {
    /// Its memory, when nobody will ask for it any more.
    pub(super) fn into_memory(self) -> Vec<u8> {
        if let Cow::Owned(text) = self.text { text } else { Vec::new() }
    }
}

impl Serialize for Quote<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for Quote<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quote<'static>, D::Error> {
        Ok(Quote::again(String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_the_same_at_once_later_and_after_a_restart() {
        let long = "é\x1b".repeat(600);
        for line in [&b"plain"[..], b"a\\x1b\x1b\xff\n", "\u{202e}é…".as_bytes(), long.as_bytes(), &long.as_bytes()[..1_024]] {
            let quote = Quote::new(line.into());
            let shown = quote.shown();
            let kept = quote.kept();
            assert_eq!(kept.shown(), shown);
            let restarted: Quote<'static> = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            assert_eq!(restarted.shown(), shown);
            assert_eq!(restarted.kept().shown(), shown);
            let mut evidence = kept.begin();
            kept.insert_into(&mut evidence, 0);
            kept.insert_into(&mut evidence, 2);
            assert_eq!(evidence, [&*shown; 3]);
        }
    }
}
