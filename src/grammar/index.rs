//! Which of a grammar's rules a message can be for at all, told by its first and last bytes.
//!
//! A pattern is anchored at both ends, and most begin or end with literal text. So the ways of all rules stand in one list, the
//! most specific first, each with up to eight bytes of both ends; a message is compared with a number at each end, and of a
//! hundred ways two or three are left to be tried.

use super::ends::{Ends, Sample};
use super::rule::Rule;
use super::way::{FieldPattern, How, Way};

/// The ways of all rules, the most specific first; of two that are equally specific, the one that stands first in the file. One list
/// for each first byte that any of them has, because comparing a number with all of them is still most of the work.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first is for texts with any other first byte, and for the empty one.
    lists: Vec<Vec<Entry>>,
    /// The list of each first byte.
    by_first: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    rule: usize,
    way: usize,
    ends: Ends,
}

/// The ends that the message must have, where this is the pattern of it.
fn message_ends(field: &FieldPattern, message: &str) -> Option<Ends> {
    match field.matchers.as_slice() {
        [only] if field.name == message && !field.optional => Some(only.ends),
        _ => None,
    }
}

impl Index {
    /// `message` names the value that is the message wherever a record has named ones.
    pub(super) fn new(rules: &[Rule], message: Option<&str>) -> Index {
        let ways = rules.iter().enumerate().flat_map(|(at, rule)| rule.ways.iter().enumerate().map(move |(way, of)| (at, way, of)));
        let mut ways: Vec<(usize, usize, &Way)> = ways.collect();
        ways.sort_by_key(|(.., way)| std::cmp::Reverse(way.rank));
        let entry = |(rule, way, of): (usize, usize, &Way)| Entry {
            rule,
            way,
            ends: match &of.how {
                How::Pattern(matcher) => matcher.ends,
                How::Fields(fields) => fields.iter().find_map(|field| message_ends(field, message?)).unwrap_or_default(),
                How::Regex(..) => Ends::default(),
            },
        };
        let entries: Vec<Entry> = ways.into_iter().map(entry).collect();
        let beginning = |byte: Option<u8>| entries.iter().filter(|entry| entry.ends.may_begin(byte)).copied().collect::<Vec<_>>();
        let mut index = Index { lists: vec![beginning(None)], by_first: Vec::new() };
        for byte in 0..=u8::MAX {
            let list = beginning(Some(byte));
            let own = list.len() > index.lists[0].len();
            index.by_first.push(if own { index.lists.len() as u16 } else { 0 });
            index.lists.extend(own.then_some(list));
        }
        index
    }

    /// The ways that could take this text, by the places of rule and way.
    pub(super) fn candidates(&self, text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
        let sample = Sample::of(text);
        let fits = move |entry: &&Entry| entry.ends.fit(sample);
        let list = text.first().and_then(|byte| self.by_first.get(usize::from(*byte))).map_or(0, |list| usize::from(*list));
        self.lists.get(list).into_iter().flatten().filter(fits).map(|entry| (entry.rule, entry.way))
    }
}
