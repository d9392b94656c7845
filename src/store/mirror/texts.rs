//! Texts one after the other in one piece of memory, and words that come again and again.

use std::collections::HashMap;
use std::sync::Arc;

/// In an end: the text before it is null.
const NULL: u32 = 1 << 31;

/// Room for what grows, in bytes: doubling would waste half.
const ROOM: usize = 256;

/// A column of texts, some of them null.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// The text in this line; none: null.
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = self.ends[at];
        (end & NULL == 0).then(|| &self.text[self.begin(at)..end as usize])
    }

    fn begin(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| (self.ends[before] & !NULL) as usize)
    }

    /// Adds a line. False: there is no room for it.
    pub(super) fn push(&mut self, text: Option<&str>) -> bool {
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(0) | NULL);
        self.set(self.ends.len() - 1, text)
    }

    /// Replaces a line. False: there is no room for it, and nothing was changed.
    pub(super) fn set(&mut self, at: usize, text: Option<&str>) -> bool {
        let (begin, end) = (self.begin(at), (self.ends[at] & !NULL) as usize);
        let new = text.unwrap_or_default();
        let whole = self.text.len() - (end - begin) + new.len();
        let Some(whole) = u32::try_from(whole).ok().filter(|whole| *whole < NULL) else { return false };
        if self.text[begin..end] != *new {
            if whole as usize > self.text.capacity() {
                self.text.reserve_exact(whole as usize - self.text.len() + ROOM);
            }
            self.text.replace_range(begin..end, new);
            let (longer, shorter) = ((new.len() + begin).saturating_sub(end) as u32, end.saturating_sub(new.len() + begin) as u32);
            for later in &mut self.ends[at..] {
                *later = *later + longer - shorter;
            }
        }
        self.ends[at] = (self.ends[at] & !NULL) | if text.is_none() { NULL } else { 0 };
        true
    }

    /// All texts, one after the other.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in it each line ends.
    pub(super) fn ends(&self) -> impl Fn(usize) -> usize + '_ {
        |at| (self.ends[at] & !NULL) as usize
    }

    /// Gives back what was kept for growing.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// Texts that many rows have in common, each once; a number stands for each. They stay as long as the copy does.
#[derive(Debug, Default)]
pub(super) struct Words {
    list: Arc<Vec<Arc<str>>>,
    places: HashMap<Arc<str>, u32>,
    bytes: usize,
}

impl Words {
    /// The number of this text, which it gets if it has none.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.find(text) {
            return number;
        }
        // As many as rows at most, and those have 32 bits, too.
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        // The text with its counts, a place in the list, an entry in the map and what a map leaves empty.
        self.bytes += text.len() + 80;
        Arc::make_mut(&mut self.list).push(Arc::clone(&text));
        self.places.insert(text, number);
        number
    }

    /// The number of this text, if it has one.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.places.get(text).copied()
    }

    /// All of them, by their numbers.
    pub(super) fn list(&self) -> &Arc<Vec<Arc<str>>> {
        &self.list
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_column_holds_what_was_put_into_it(steps in proptest::collection::vec((0..40usize, proptest::option::of("[a-cé]{0,9}")), 0..80)) {
            let (mut texts, mut plain): (Texts, Vec<Option<String>>) = (Texts::default(), Vec::new());
            for (at, text) in steps {
                match plain.get_mut(at) {
                    Some(line) => {
                        *line = text.clone();
                        assert!(texts.set(at, text.as_deref()));
                    }
                    None => {
                        plain.push(text.clone());
                        assert!(texts.push(text.as_deref()));
                    }
                }
                let found: Vec<Option<String>> = (0..plain.len()).map(|at| texts.get(at).map(str::to_owned)).collect();
                proptest::prop_assert_eq!(&found, &plain);
            }
        }
    }
}
