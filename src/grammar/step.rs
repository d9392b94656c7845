//! The parts of a pattern, made ready to be walked along: where texts stand, and where a capture's value ends.

use super::ends::Begin;
use super::fact::{Fact, Kind};
use super::pattern::{Element, Pattern};
use super::values::{accepts, ipv4_before, longest, whole};

/// One part of a pattern, made ready to be walked along.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Literal(Literal),
    Capture(Capture),
    Ahead(Box<[Box<[u8]>]>),
}

/// A text of the broker, and where in it a byte stands that few other texts hold: that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    pub(super) text: Box<[u8]>,
    begin: Begin,
    rare: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Capture {
    pub(super) fact: Fact,
    pub(super) kind: Kind,
    /// Its own bytes tell where it ends: what follows it begins with a byte that it cannot hold.
    ends_itself: bool,
    /// An IPv4 address at its beginning is its value, if the text behind it follows: no other address begins so, but for a scope.
    address: bool,
    /// Where its value is kept; none where it means nothing.
    pub(super) slot: Option<u8>,
    /// The pattern captured this fact before.
    pub(super) again: bool,
}

/// The steps of a pattern.
pub(super) fn steps(pattern: &Pattern) -> Vec<Step> {
    let (mut steps, mut kept) = (Vec::new(), Vec::new());
    for (index, element) in pattern.elements.iter().enumerate() {
        match element {
            Element::Literal(text) => steps.push(Step::Literal(Literal::new(text))),
            Element::Ahead { texts, .. } => steps.push(Step::Ahead(texts.iter().map(|text| text.as_bytes().into()).collect())),
            Element::Capture { fact, kind } => {
                let again = kept.contains(fact);
                if !again && *fact != Fact::Ignored {
                    kept.push(*fact);
                }
                let slot = kept.iter().position(|known| known == fact).map(|slot| slot as u8);
                let next = pattern.elements.get(index + 1).and_then(Element::first_byte);
                let address = !again && matches!(kind, Kind::Ip | Kind::Peer) && next.is_some_and(|byte| !b"0123456789.%".contains(&byte));
                let ends_itself = !again && !address && next.is_some_and(|byte| longest(*kind, &[byte]) == 0);
                steps.push(Step::Capture(Capture { fact: *fact, kind: *kind, ends_itself, address, slot, again }));
            }
            Element::Time(_) | Element::Message => {}
        }
    }
    steps
}

/// Where a value ends.
pub(super) enum End {
    /// Nowhere: the input does not begin with one.
    None,
    /// So far in the input and nowhere else; where in that the value starts, and its length.
    Only(usize, (usize, usize)),
    /// So far in the input if it is one so long, or before.
    Last(usize),
}

impl Capture {
    /// Where its value ends in the input, if this literal stands behind it: both may be the last of the pattern.
    #[inline]
    pub(super) fn end(&self, literal: Option<&Literal>, last: bool, input: &[u8]) -> End {
        let only = |length: usize| {
            // What was captured before may have to be captured again on another way.
            if self.again {
                End::Last(length)
            } else {
                accepts(self.kind, &input[..length]).map_or(End::None, |inside| End::Only(length, inside))
            }
        };
        let Some(literal) = literal else { return if input.len() <= longest(self.kind, input) { only(input.len()) } else { End::None } };
        if self.ends_itself {
            let value = whole(self.kind, input).filter(|(length, _)| literal.begins(&input[*length..]));
            return value.map_or(End::None, |(length, inside)| End::Only(length, inside));
        }
        if self.address
            && let Some((_, length)) = ipv4_before(input).filter(|(_, length)| literal.begins(&input[*length..]))
        {
            return End::Only(length, (0, length));
        }
        let most = longest(self.kind, input);
        // What stands at the end of the record stands nowhere else.
        if last && let Some(value) = input.strip_suffix(&*literal.text) {
            return if value.len() <= most { only(value.len()) } else { End::None };
        }
        // Only where the literal stands can the capture end: found from the right.
        match literal.before(input, most.saturating_add(1)) {
            None => End::None,
            Some(length) if literal.before(input, length).is_some() => End::Last(length),
            Some(length) => only(length),
        }
    }
}

impl Literal {
    fn new(text: &str) -> Literal {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b':' | b'-' | b'_');
        let rare = text.bytes().rposition(|byte| !usual(byte)).unwrap_or(0);
        Literal { text: text.as_bytes().into(), begin: Begin::new(text.as_bytes()), rare }
    }

    /// Whether the record goes on with it.
    #[inline]
    pub(super) fn begins(&self, record: &[u8]) -> bool {
        self.begin.of(&self.text, record)
    }

    /// Where in the record it stands for the last time before this place.
    pub(super) fn before(&self, record: &[u8], place: usize) -> Option<usize> {
        let byte = self.text.get(self.rare)?;
        // So far may the byte be that is looked for.
        let mut end = place.min(record.len().checked_sub(self.text.len())? + 1) + self.rare;
        loop {
            let start = memchr::memrchr(*byte, &record[..end])?.checked_sub(self.rare)?;
            if self.begins(&record[start..]) {
                return Some(start);
            }
            end = start + self.rare;
        }
    }
}
