//! The lines of a log that led to a row.

use std::fmt;
use std::ops::Index;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

/// A list of lines that stand in one text: a flood makes a row of three or four of them for each line of its own. Written as a
/// list of texts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// All lines, one behind the other: UTF-8, which is proven where a line is asked for as text.
    text: Vec<u8>,
    /// Where each line ends in it.
    ends: SmallVec<[usize; 4]>,
}

impl Evidence {
    /// A first line, to which lines of so many bytes are going to be added. What `put` adds must be UTF-8.
    pub(crate) fn begun(more: usize, put: impl FnOnce(&mut Vec<u8>)) -> Evidence {
        let mut evidence = Evidence { text: Vec::with_capacity(more), ends: SmallVec::new() };
        evidence.push_with(put);
        evidence
    }

    /// The lines that stand in this text, which is UTF-8, each up to one of these ends.
    pub(crate) fn of(text: &[u8], ends: impl Iterator<Item = usize>) -> Evidence {
        Evidence { text: text.to_vec(), ends: ends.collect() }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The lines in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.bytes().map(shown)
    }

    /// The same, as bytes.
    pub(crate) fn bytes(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let mut begin = 0;
        self.ends.iter().map(move |end| {
            let line = self.text.get(begin..*end).unwrap_or_default();
            begin = *end;
            line
        })
    }

    /// The last line.
    pub fn last(&self) -> Option<&str> {
        self.len().checked_sub(1).map(|last| &self[last])
    }

    /// Whether one of the lines is this one.
    pub fn contains(&self, line: &str) -> bool {
        self.bytes().any(|other| other == line.as_bytes())
    }

    /// All lines in one text, with this between them.
    pub fn join(&self, between: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + self.len() * between.len());
        for (number, line) in self.iter().enumerate() {
            text.push_str(if number == 0 { "" } else { between });
            text.push_str(line);
        }
        text
    }

    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        self.push_with(|text| text.extend_from_slice(line.as_bytes()));
    }

    /// Adds the line that `put` adds to the text: it must be UTF-8.
    pub(crate) fn push_with(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// Takes out the last line if it stands in another place as well.
    pub(crate) fn pop_copy(&mut self) {
        if let Some(last) = self.len().checked_sub(1) {
            let line = &self.text[self.begin(last)..];
            if self.bytes().take(last).any(|other| other == line) {
                self.truncate(last);
            }
        }
    }

    /// Puts a line before the one with this number, or behind all of them.
    pub fn insert(&mut self, number: usize, line: &str) {
        self.insert_bytes(number, line.as_bytes());
    }

    /// The same of bytes that are UTF-8.
    pub(crate) fn insert_bytes(&mut self, number: usize, line: &[u8]) {
        let number = number.min(self.len());
        let (begin, end, length) = (self.begin(number), self.text.len(), line.len());
        self.text.extend_from_slice(line);
        if begin < end {
            self.text.copy_within(begin..end, begin + length);
            self.text[begin..begin + length].copy_from_slice(line);
        }
        self.ends.insert(number, begin);
        self.ends[number..].iter_mut().for_each(|end| *end += length);
    }

    /// Takes out the line with this number, if it is there.
    pub fn remove(&mut self, number: usize) {
        if let Some(&end) = self.ends.get(number) {
            let begin = self.begin(number);
            self.text.drain(begin..end);
            self.ends.remove(number);
            self.ends[number..].iter_mut().for_each(|other| *other -= end - begin);
        }
    }

    /// Leaves only so many of the first lines.
    pub fn truncate(&mut self, count: usize) {
        if count < self.len() {
            self.text.truncate(self.begin(count));
            self.ends.truncate(count);
        }
    }

    /// Takes out all lines.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Where the line with this number begins.
    fn begin(&self, number: usize) -> usize {
        number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}

/// Nothing but UTF-8 is put in.
fn shown(line: &[u8]) -> &str {
    std::str::from_utf8(line).unwrap_or_default()
}

impl Index<usize> for Evidence {
    type Output = str;

    fn index(&self, number: usize) -> &str {
        shown(&self.text[self.begin(number)..self.ends[number]])
    }
}

impl<S: AsRef<str>> Extend<S> for Evidence {
    fn extend<I: IntoIterator<Item = S>>(&mut self, lines: I) {
        lines.into_iter().for_each(|line| self.push(line.as_ref()));
    }
}

impl<S: AsRef<str>> FromIterator<S> for Evidence {
    fn from_iter<I: IntoIterator<Item = S>>(lines: I) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.extend(lines);
        evidence
    }
}

impl<S: AsRef<str>, const N: usize> From<[S; N]> for Evidence {
    fn from(lines: [S; N]) -> Evidence {
        lines.into_iter().collect()
    }
}

impl<S: AsRef<str>, const N: usize> PartialEq<[S; N]> for Evidence {
    fn eq(&self, lines: &[S; N]) -> bool {
        self.iter().eq(lines.iter().map(AsRef::as_ref))
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Evidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Evidence, D::Error> {
        struct Lines;

        impl<'de> Visitor<'de> for Lines {
            type Value = Evidence;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of lines")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Evidence, A::Error> {
                let mut evidence = Evidence::default();
                while let Some(line) = list.next_element::<String>()? {
                    evidence.push(&line);
                }
                Ok(evidence)
            }
        }

        deserializer.deserialize_seq(Lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(String),
        Insert(usize, String),
        Remove(usize),
        Truncate(usize),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => "\\PC{0,9}|\n?".prop_map(Step::Push),
            6 => (0..9_usize, "\\PC{0,9}").prop_map(|(at, line)| Step::Insert(at, line)),
            3 => (0..9_usize).prop_map(Step::Remove),
            2 => (0..9_usize).prop_map(Step::Truncate),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        #[test]
        fn it_is_what_a_list_of_texts_is(steps in proptest::collection::vec(step(), 0..20)) {
            let (mut evidence, mut list) = (Evidence::default(), Vec::<String>::new());
            for step in steps {
                match step {
                    Step::Push(line) => {
                        evidence.push(&line);
                        list.push(line);
                    }
                    Step::Insert(at, line) => {
                        evidence.insert(at, &line);
                        list.insert(at.min(list.len()), line);
                    }
                    Step::Remove(at) => {
                        evidence.remove(at);
                        if at < list.len() {
                            list.remove(at);
                        }
                    }
                    Step::Truncate(count) => {
                        evidence.truncate(count);
                        list.truncate(count);
                    }
                    Step::Clear => {
                        evidence.clear();
                        list.clear();
                    }
                }
                prop_assert_eq!(evidence.iter().collect::<Vec<_>>(), list.clone());
                prop_assert_eq!((evidence.len(), evidence.is_empty()), (list.len(), list.is_empty()));
                prop_assert_eq!(evidence.last(), list.last().map(String::as_str));
                prop_assert!(list.iter().all(|line| evidence.contains(line)) && !evidence.contains("none of them"));
                prop_assert!((0..list.len()).all(|number| evidence[number] == list[number]));
                prop_assert_eq!(&list.iter().collect::<Evidence>(), &evidence);
                let written = serde_json::to_string(&evidence)?;
                prop_assert_eq!(&written, &serde_json::to_string(&list)?);
                prop_assert_eq!(&serde_json::from_str::<Evidence>(&written)?, &evidence);
                prop_assert_eq!(format!("{evidence:?}"), format!("{list:?}"));
            }
        }
    }
}
