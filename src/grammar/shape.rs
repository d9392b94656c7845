//! All texts that records of one form can be: texts that each of them has, and between them runs of bytes of some class.
//!
//! Whether a pattern takes any of them is asked once, when the form is learned, so it is answered as simply as can be: by all places
//! in the form at which one may be after each text of the pattern, whatever its captures take.

use super::matcher::Matcher;
use super::product::Grammar;
use super::step::Step;
use super::way::{How, Way};

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The same in each record.
    Text(Vec<u8>),
    /// Bytes of a class, as many as there are.
    Run(Class),
}

/// A class of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// What addresses and ports are written with.
    Peer,
    /// What most names are written with: nothing that stands only between what a broker says.
    Name,
    /// What a number is written with.
    Digits,
}

impl Class {
    /// Whether the class has this byte.
    pub(super) fn has(self, byte: u8) -> bool {
        self.table()[usize::from(byte)]
    }

    /// How many of the bytes at the beginning of a text it has.
    #[inline]
    pub(super) fn run(self, text: &[u8]) -> usize {
        let table = self.table();
        text.iter().position(|byte| !table[usize::from(*byte)]).unwrap_or(text.len())
    }

    /// Which bytes it has.
    #[inline]
    fn table(self) -> &'static [bool; 256] {
        const fn of(class: Class) -> [bool; 256] {
            let (mut table, mut place) = ([false; 256], 0);
            while place < 128 {
                let byte = place as u8;
                table[place] = match class {
                    Class::Peer => byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'),
                    Class::Name => byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | b'.' | b':' | b'/'),
                    Class::Digits => byte.is_ascii_digit(),
                };
                place += 1;
            }
            table
        }
        match self {
            Class::Peer => const { &of(Class::Peer) },
            Class::Name => const { &of(Class::Name) },
            Class::Digits => const { &of(Class::Digits) },
        }
    }

    /// Whether a text has a byte that is not of this class, so that no run holds it.
    pub(super) fn lacks(self, text: &[u8]) -> bool {
        self.run(text) < text.len()
    }
}

/// All records of one form.
#[derive(Debug)]
pub(super) struct Shape(Vec<Node>);

#[derive(Debug, Clone, Copy)]
enum Node {
    Byte(u8),
    Run(Class),
}

/// Before which nodes one may be, a bit for each; behind the last one is the end.
type Places = u128;

impl Shape {
    /// None for a form that is too long to be looked at.
    pub(super) fn of(parts: &[Part]) -> Option<Shape> {
        let nodes = parts.iter().flat_map(|part| match part {
            Part::Text(text) => text.iter().map(|byte| Node::Byte(*byte)).collect(),
            Part::Run(class) => vec![Node::Run(*class)],
        });
        let nodes: Vec<Node> = nodes.collect();
        (nodes.len() < u128::BITS as usize).then_some(Shape(nodes))
    }

    /// Whether a pattern with these steps may take a record of this form.
    pub(super) fn may_be(&self, steps: &[Step]) -> bool {
        let places = steps.iter().fold(self.with_empty_runs(1), |places, step| match step {
            Step::Literal(literal) => self.behind(places, &literal.text),
            // Any place from the first one on.
            Step::Capture(_) => places.checked_ilog2().map_or(0, |_| self.from(places.trailing_zeros() as usize)),
            Step::Ahead(_) => places,
        });
        places >> self.0.len() & 1 == 1
    }

    /// Whether a text may stand in a record of this form where so many of the form's bytes and runs, or more, are before it.
    pub(super) fn may_hold(&self, text: &[u8], from: usize) -> bool {
        from <= self.0.len() && self.behind(self.from(from), text) != 0
    }

    /// This place and all behind it.
    fn from(&self, place: usize) -> Places {
        (0..=self.0.len()).skip(place).fold(0, |places, place| places | 1 << place)
    }

    /// Where one may be behind a text.
    fn behind(&self, mut places: Places, text: &[u8]) -> Places {
        for byte in text {
            let (mut left, mut next) = (places, 0);
            while left != 0 {
                let place = left.trailing_zeros();
                left &= left - 1;
                next |= match self.0.get(place as usize) {
                    Some(Node::Byte(own)) if own == byte => 1 << (place + 1),
                    Some(Node::Run(class)) if class.has(*byte) => 1 << place,
                    _ => 0,
                };
            }
            places = self.with_empty_runs(next);
            if places == 0 {
                break;
            }
        }
        places
    }

    /// A run may be over wherever it is.
    fn with_empty_runs(&self, mut places: Places) -> Places {
        let mut left = places;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            if matches!(self.0.get(place as usize), Some(Node::Run(_))) && places >> (place + 1) & 1 == 0 {
                (places, left) = (places | 1 << (place + 1), left | 1 << (place + 1));
            }
        }
        places
    }
}

impl Way {
    /// Whether it may take a record of this form.
    fn may_take(&self, shape: &Shape) -> bool {
        match &self.how {
            How::Pattern(matcher) => matcher.may_take(shape),
            How::Regex(..) | How::Fields(_) => {
                self.others.iter().chain([&self.literal]).all(|text| text.is_empty() || shape.may_hold(text, 0))
            }
        }
    }
}

impl Grammar {
    /// Whether each record of this form, in a grammar of plain lines, is taken by this way of this rule if it takes it at all: no way that comes
    /// before it may, none may read it otherwise, and no line after it goes on with it or repeats a client's words. All of them end with `end`.
    pub(super) fn leaves(&self, shape: &Shape, (rule, mine): (usize, &Way), end: &[u8]) -> bool {
        let mut before = self.rules.iter().flat_map(|rule| &rule.ways).filter(|way| way.rank >= mine.rank && !std::ptr::eq(*way, mine));
        let mut rivals = self.index.rivals(rule).iter().filter_map(|(rule, way)| self.rules.get(*rule)?.ways.get(*way));
        let taken = before.any(|way| way.may_take(shape)) || rivals.any(|way| way.may_take(shape));
        let whole = |ends: &Option<Vec<u8>>| ends.as_ref().is_some_and(|ends| end.ends_with(ends));
        let torn = self.multiline.iter().any(|form| !whole(&form.ends) && form.first.may_take(shape));
        let echoed = self.echoes.iter().flat_map(|form| &form.after).any(|after: &Matcher| after.may_take(shape));
        !(taken || torn || echoed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Pattern;

    /// New PEER as NAME (pN).
    fn shape() -> Shape {
        let text = |text: &str| Part::Text(text.into());
        let run = Part::Run;
        let parts = [text("New "), run(Class::Peer), text(" as "), run(Class::Name), text(" (p"), run(Class::Digits), text(").")];
        Shape::of(&parts).unwrap()
    }

    #[test]
    fn a_pattern_may_take_what_its_texts_fit() {
        let may = |pattern: &str| Matcher::new(&Pattern::parse(pattern).unwrap()).may_take(&shape());
        for pattern in [
            "New {client_ip} as {client_id} (p{_:int}).",
            "New {_}",
            "{_}",
            "New 192.0.2.7{_} as {client_id}).",
            "{client_id}disconnected ({_}).",
            "{_:word} 192.0.2.7:1 as x-9 (p7).",
        ] {
            assert!(may(pattern), "{pattern}");
        }
        for pattern in [
            "Old {_}",
            "New {client_ip} as {client_id} (p{_:int}). ",
            "New {client_ip} as {client_id} disconnected,{_}",
            "{client_id}, {_}",
            "New {_} (p{_}) as {_}",
            "New 192.0.2.7g as {_}",
            "New {client_ip} as a,b (p1).",
            "ew {_}",
        ] {
            assert!(!may(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_text_may_stand_where_the_form_has_its_bytes() {
        let shape = shape();
        // Before ` (p` are four bytes, a run, four bytes and a run.
        let places = 4 + 1 + 4 + 1;
        assert!(shape.may_hold(b" (p", places));
        assert!(!shape.may_hold(b" (p", places + 1));
        for text in ["disconnected (p", "disconnected.", "7:1 as x", "9).", "s pump"] {
            assert!(shape.may_hold(text.as_bytes(), 0), "{text}");
        }
        for text in ["x, y", ").x", "192 as x) ", "(p(p"] {
            assert!(!shape.may_hold(text.as_bytes(), 0), "{text}");
        }
    }
}
