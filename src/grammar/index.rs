//! Which of a grammar's rules a message can be for at all, told by its first and last bytes.
//!
//! A pattern is anchored at both ends, and most begin or end with literal text. So the ways of all rules stand in one list, the
//! most specific first, each with up to eight bytes of both ends; a message is compared with a number at each end. An end also tells which other
//! patterns cannot take what ends so. Of those that are left, the
//! first is mostly the one, if eight bytes of its beginning fit; any other must find its rarest bytes in the message before it is tried.

use super::ends::{Ends, Sample, Table};
use super::rule::{Outcome, Rule};
use super::way::{FieldPattern, How, Way};

/// The ways of all rules, the most specific first; of two that are equally specific, the one that stands first in the file. One list
/// for each first byte that any of them has.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In parts of so many ways as a [`Table`] compares at once. The first list is for texts with any other first byte, and for the empty one.
    lists: Vec<Vec<Part>>,
    /// The list of each first byte.
    by_first: Vec<u16>,
    /// For each rule, the ways that can divide its records otherwise and mean something else.
    rivals: Vec<Vec<(usize, usize)>>,
}

#[derive(Debug)]
struct Part {
    ends: Table,
    entries: Vec<Entry>,
}

impl Part {
    fn of(entries: &[&Entry], rules: &[Rule]) -> Part {
        let ends: Vec<Ends> = entries.iter().map(|entry| entry.ends).collect();
        let may_end = |place: usize, end: &[u8]| match &rules[entries[place].rule as usize].ways[entries[place].way as usize].how {
            How::Pattern(matcher) => matcher.may_end(end),
            How::Regex(..) | How::Fields(_) => true,
        };
        Part { ends: Table::new(&ends, may_end), entries: entries.iter().map(|entry| **entry).collect() }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    rule: u32,
    way: u32,
    ends: Ends,
    /// What it needs in the message, besides.
    needs: Option<[u8; NEEDS]>,
}

/// So many different bytes of a way's texts are looked for.
const NEEDS: usize = 4;

/// What most texts hold, the commonest first; other bytes are rarer.
const COMMON: &[u8] = b" etaoinsrhldcumfpgwybvkxjqz.0123456789";

/// The rarest bytes that any text holds which this way takes; where it has fewer, some of them twice.
fn needs(way: &Way) -> Option<[u8; NEEDS]> {
    let How::Pattern(_) = way.how else { return None };
    let mut held = Held::NONE;
    way.others.iter().chain([&way.literal]).for_each(|text| held.add(text));
    let mut bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| held.0[usize::from(*byte)]).collect();
    let rareness = |byte: &u8| match COMMON.iter().position(|common| common == byte) {
        Some(place) => place,
        None => COMMON.len() + usize::from(!byte.is_ascii_alphabetic()),
    };
    bytes.sort_by_cached_key(|byte| std::cmp::Reverse(rareness(byte)));
    let first = *bytes.first()?;
    Some(std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(first)))
}

/// Which bytes a text holds, or several.
struct Held([bool; 256]);

impl Held {
    const NONE: Held = Held([false; 256]);

    fn add(&mut self, text: &[u8]) {
        let Held(held) = self;
        let (several, rest) = text.as_chunks::<8>();
        several.iter().for_each(|bytes| bytes.iter().for_each(|byte| held[usize::from(*byte)] = true));
        rest.iter().for_each(|byte| held[usize::from(*byte)] = true);
    }

    fn all(&self, needs: [u8; NEEDS]) -> bool {
        needs.iter().all(|byte| self.0[usize::from(*byte)])
    }
}

/// The ways of rules that differ from this one in their literal text only: where the free texts of its records can be divided in several ways, they may
/// read another outcome in them.
fn rivals(best: &Rule, rules: &[Rule]) -> Vec<(usize, usize)> {
    let ends = |rule: &Rule| matches!(rule.outcome, Outcome::Refused | Outcome::Accepted | Outcome::Proxied);
    if !ends(best) || !best.ways.iter().any(|way| way.free) {
        return Vec::new();
    }
    let others = rules.iter().enumerate().filter(|(_, rule)| ends(rule) && rule.outcome != best.outcome);
    let ways = others.flat_map(|(at, rule)| rule.ways.iter().enumerate().map(move |(of, way)| (at, of, way)));
    let alike = ways.filter(|(.., way)| way.free && best.ways.iter().any(|mine| mine.facts == way.facts));
    alike.map(|(rule, way, _)| (rule, way)).collect()
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
            rule: rule as u32,
            way: way as u32,
            needs: needs(of),
            ends: match &of.how {
                How::Pattern(matcher) => matcher.ends,
                How::Fields(fields) => fields.iter().find_map(|field| message_ends(field, message?)).unwrap_or_default(),
                How::Regex(..) => Ends::default(),
            },
        };
        let entries: Vec<Entry> = ways.into_iter().map(entry).collect();
        let beginning = |byte: Option<u8>| entries.iter().filter(|entry| entry.ends.may_begin(byte)).collect::<Vec<_>>();
        let parts = |list: &[&Entry]| list.chunks(Table::MOST).map(|part| Part::of(part, rules)).collect::<Vec<_>>();
        let others = beginning(None);
        let (mut lists, mut by_first) = (vec![parts(&others)], Vec::new());
        for byte in 0..=u8::MAX {
            let list = beginning(Some(byte));
            let own = list.len() > others.len();
            by_first.push(if own { lists.len() as u16 } else { 0 });
            lists.extend(own.then(|| parts(&list)));
        }
        Index { lists, by_first, rivals: rules.iter().map(|rule| rivals(rule, rules)).collect() }
    }

    /// The ways that can divide a record of this rule otherwise and mean something else.
    pub(super) fn rivals(&self, rule: usize) -> &[(usize, usize)] {
        &self.rivals[rule]
    }

    /// Asks of the ways that could take this text, by the places of rule and way, until there is an answer.
    #[inline]
    pub(super) fn find_map<T>(&self, text: &[u8], mut ask: impl FnMut(usize, usize) -> Option<T>) -> Option<T> {
        let sample = Sample::of(text);
        let list = text.first().and_then(|byte| self.by_first.get(usize::from(*byte))).map_or(0, |list| usize::from(*list));
        let (mut held, mut first) = (None::<Held>, true);
        for part in self.lists.get(list)? {
            let mut fitting = part.ends.fitting(sample);
            while let Some(entry) = part.entries.get(fitting.trailing_zeros() as usize) {
                fitting &= fitting - 1;
                // The best one mostly fits, if what it begins with is known to stand here.
                let likely = std::mem::take(&mut first) && entry.ends.begins_well();
                if !likely && let Some(needs) = entry.needs {
                    if held.is_none() {
                        held.insert(Held::NONE).add(text);
                    }
                    if held.as_ref().is_some_and(|held| !held.all(needs)) {
                        continue;
                    }
                }
                if let Some(answer) = ask(entry.rule as usize, entry.way as usize) {
                    return Some(answer);
                }
            }
        }
        None
    }
}
