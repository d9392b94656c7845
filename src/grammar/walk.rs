//! Walks a record along a pattern, and back where a free text can be divided in another way.

use super::captures::Captures;
use super::decode;
use super::fact::{Fact, Kind};
use super::step::{Capture, End, Literal, Step};
use super::values::accepts;

/// How many ways of dividing one record are tried before the record is given up as unreadable. A record of ordinary text
/// needs a handful; only one made to be slow needs more.
const TRIES: u32 = 512;

/// How far a pattern got before it gave up, for `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// Byte offset in the record.
    pub at: usize,
    /// Index of the element of the pattern that did not fit.
    pub element: usize,
}

/// One walk over one record.
pub(super) struct Walk<'a> {
    record: &'a [u8],
    tries: u32,
    /// What was captured on the way. What an abandoned way captured is captured anew by the way that is taken.
    captures: &'a mut Captures,
    /// How far it got, where that is asked for.
    pub(super) reached: Option<Reached>,
    /// Succeed at the second way of dividing the record; what the first captured is kept.
    pub(super) seconds: bool,
    pub(super) first: Option<Captures>,
    /// The value that a fact has to have.
    pub(super) given: Option<(Fact, &'a [u8])>,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(super) fn over(record: &'a [u8], captures: &'a mut Captures) -> Walk<'a> {
        captures.clear();
        Walk { record, tries: TRIES, captures, reached: None, seconds: false, first: None, given: None }
    }

    /// Whether the record, from here on, is divided by these steps, of which the first is the pattern's `index`th. Everything but free text has
    /// one length; a free text is taken as long as the rest of the pattern allows.
    pub(super) fn steps(&mut self, steps: &[Step], mut index: usize, mut at: usize) -> bool {
        let mut rest = steps;
        while let Some((step, after)) = rest.split_first() {
            let input = &self.record[at..];
            let gone = match step {
                Step::Literal(literal) => literal.begins(input).then_some((literal.text.len(), 1)),
                Step::Ahead(texts) => texts.iter().any(|text| input.starts_with(text)).then_some((0, 1)),
                Step::Capture(capture) => {
                    // The checker refuses patterns in which two captures touch.
                    let literal = if let Some(Step::Literal(literal)) = after.first() { Some(literal) } else { None };
                    let (text, taken) = literal.map_or((0, 1), |literal| (literal.text.len(), 2));
                    match capture.end(literal, after.len() < 2, input) {
                        End::Only(length, inside) if self.tried() && self.keep(capture, at, inside) => Some((length + text, taken)),
                        End::Last(length) => {
                            self.note(at, index);
                            return self.divide((capture, literal), &rest[taken..], index + taken, at, length);
                        }
                        End::Only(..) | End::None => None,
                    }
                }
            };
            let Some((length, taken)) = gone else {
                self.note(at, index);
                return false;
            };
            (rest, index, at) = (&rest[taken..], index + taken, at + length);
        }
        self.note(at, index);
        if at != self.record.len() {
            return false;
        }
        if self.seconds && self.first.is_none() {
            self.first = Some(*self.captures);
            return false;
        }
        true
    }

    /// Tries the ends that a capture may have, longest first: where the literal stands that is behind it. `after` are the steps behind both, of
    /// which the first is the pattern's `index`th.
    fn divide(
        &mut self,
        (capture, literal): (&Capture, Option<&Literal>),
        after: &[Step],
        index: usize,
        at: usize,
        mut length: usize,
    ) -> bool {
        let input = &self.record[at..];
        let text = literal.map_or(0, |literal| literal.text.len());
        while !self.fits(capture, after, index, at, (length, text)) {
            match literal.and_then(|literal| literal.before(input, length)) {
                Some(next) if self.tries > 0 => length = next,
                _ => return false,
            }
        }
        true
    }

    /// Whether the rest fits when a capture has this length, and the literal behind it that.
    fn fits(&mut self, capture: &Capture, after: &[Step], index: usize, at: usize, (length, text): (usize, usize)) -> bool {
        let before = capture.again.then_some(*self.captures);
        let inside = if self.tried() { accepts(capture.kind, &self.record[at..at + length]) } else { None };
        let fits = inside.is_some_and(|inside| self.keep(capture, at, inside)) && self.steps(after, index, at + length + text);
        if let Some(before) = before.filter(|_| !fits) {
            *self.captures = before;
        }
        fits
    }

    /// Counts one more value that is looked at. False: there were too many.
    #[inline]
    fn tried(&mut self) -> bool {
        let left = self.tries.checked_sub(1);
        self.tries = left.unwrap_or(0);
        left.is_some()
    }

    /// Keeps a value that this capture may have. It stands so far behind `at`, and is so long.
    #[inline(always)]
    fn keep(&mut self, capture: &Capture, at: usize, (skip, length): (usize, usize)) -> bool {
        let Some(slot) = capture.slot else { return true };
        let (start, end) = (at + skip, at + skip + length);
        if capture.again || self.given.is_some() {
            return self.keep_if_same(capture, slot, start, end);
        }
        self.captures.put(slot, capture.fact, capture.kind, start, end);
        true
    }

    /// Keeps a value if it is the one that the fact has to have, or had before.
    fn keep_if_same(&mut self, capture: &Capture, slot: u8, start: usize, end: usize) -> bool {
        if self.given.is_some_and(|(of, value)| of == capture.fact && value != &self.record[start..end]) {
            return false;
        }
        if capture.again {
            return self.take_again(capture, start, end);
        }
        self.captures.put(slot, capture.fact, capture.kind, start, end);
        true
    }

    /// Captures a fact that the pattern names twice: it goes on to here, or it is the same value, perhaps written in another way.
    fn take_again(&mut self, Capture { fact, kind, .. }: &Capture, start: usize, end: usize) -> bool {
        let Some(before) = self.captures.range(*fact) else { return false };
        if *kind == Kind::More {
            self.captures.set(*fact, self.captures.kind(*fact), before.start, end);
            return true;
        }
        let value = &self.record[start..end];
        let same = self.record[before] == *value || self.captures.value(*fact, self.record) == decode::value(*kind, value);
        if same {
            self.captures.set(*fact, *kind, start, end);
        }
        same
    }

    /// How far it got on a way that ends here, or parts.
    #[inline]
    fn note(&mut self, at: usize, element: usize) {
        if let Some(reached) = &mut self.reached {
            *reached = (*reached).max(Reached { at, element });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::matcher::Matcher;
    use crate::grammar::pattern::{Element, Pattern};
    use crate::grammar::values::longest;

    /// All ways of dividing a record, in the order in which they are preferred: what a pattern means, put as plainly as can be.
    struct Divisions<'a> {
        record: &'a [u8],
        found: Vec<Captures>,
        tries: u32,
    }

    impl Divisions<'_> {
        fn walk(&mut self, elements: &[Element], at: usize, before: Captures) {
            let rest = &self.record[at..];
            match elements {
                [] if rest.is_empty() => self.found.push(before),
                [Element::Literal(text), after @ ..] if rest.starts_with(text.as_bytes()) => self.walk(after, at + text.len(), before),
                [Element::Capture { fact, kind }, after @ ..] => {
                    for length in (0..=rest.len().min(longest(*kind, rest))).rev() {
                        let goes_on = after.first().map_or(length == rest.len(), |next| match next {
                            Element::Literal(text) => rest[length..].starts_with(text.as_bytes()),
                            _ => false,
                        });
                        let Some((skip, taken)) = accepts(*kind, &rest[..length]).filter(|_| goes_on) else { continue };
                        self.tries += 1;
                        let (mut captures, start, end) = (before, at + skip, at + skip + taken);
                        match before.range(*fact) {
                            Some(begun) if *kind == Kind::More => captures.set(*fact, before.kind(*fact), begun.start, end),
                            known => {
                                captures.set(*fact, *kind, start, end);
                                let value = |captures: &Captures| captures.value(*fact, self.record).map(|value| value.into_owned());
                                let same = || {
                                    before.get(*fact, self.record) == Some(&self.record[start..end]) || value(&before) == value(&captures)
                                };
                                if known.is_some() && !same() {
                                    continue;
                                }
                            }
                        }
                        self.walk(after, at + length, captures);
                    }
                }
                _ => {}
            }
        }
    }

    fn capture() -> impl Strategy<Value = Element> {
        let facts = prop_oneof![Just(Fact::ClientId), Just(Fact::Username), Just(Fact::Words), Just(Fact::Ignored)];
        let free = prop_oneof![Just(Kind::Text), Just(Kind::Line), Just(Kind::More)];
        let address = prop_oneof![Just(Kind::Ip), Just(Kind::Peer)];
        let kind = prop_oneof![free, address, (0..Kind::ALL.len()).prop_map(|kind| Kind::ALL[kind])];
        (facts, kind).prop_map(|(fact, kind)| Element::Capture { fact, kind })
    }

    fn literal() -> impl Strategy<Value = String> {
        "[a1:, .(\\n%]{1,3}|\\] disconnected, |1::|:"
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_record_is_divided_in_the_first_way_that_there_is(
            parts in prop::collection::vec((literal(), capture()), 1..5),
            begins in any::<bool>(),
            end in prop::option::of(literal()),
            values in prop::collection::vec("[a1:, .(\\n-]{0,4}|192\\.0\\.2\\.7|1\\.1\\.1\\.1[1.:%a,]{0,3}|true|\"a\"|::1", 5),
            strange in prop::option::of("[a1:, .(\\n]{0,12}"),
        ) {
            let mut elements = Vec::new();
            let mut record = String::new();
            for ((text, capture), value) in parts.iter().zip(&values) {
                record.push_str(text);
                record.push_str(value);
                elements.extend([Element::Literal(text.clone()), capture.clone()]);
            }
            if !begins {
                elements.remove(0);
                record.drain(..parts[0].0.len());
            }
            if let Some(text) = end {
                record.push_str(&text);
                elements.push(Element::Literal(text));
            }
            let record = strange.unwrap_or(record);
            let free = elements.iter().filter(|element| matches!(element, Element::Capture { kind, .. } if kind.is_free())).count();
            let mut divisions = Divisions { record: record.as_bytes(), found: Vec::new(), tries: 0 };
            divisions.walk(&elements, 0, Captures::NONE);
            prop_assume!(divisions.tries < TRIES);
            let mut expected = divisions.found.first().copied();
            if let Some(first) = &mut expected {
                first.ambiguous = free > 1 && divisions.found.len() > 1;
            }
            prop_assert_eq!(Matcher::new(&Pattern { elements }).run(record.as_bytes()), expected);
        }
    }
}
