//! What captures of each kind accept.

use std::net::{IpAddr, Ipv4Addr};

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take};
use nom::character::complete::{char, one_of};
use nom::combinator::recognize;
use nom::multi::many0_count;
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::decode;
use super::fact::Kind;

/// Any bytes are a value of such a kind.
#[inline]
fn takes_all(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::More | Kind::Latin1 | Kind::Printed | Kind::Structured)
}

/// How long a capture of this kind could be at the most.
#[inline]
pub(crate) fn longest(kind: Kind, input: &[u8]) -> usize {
    if takes_all(kind) { input.len() } else { run_of(kind, input) }
}

fn run_of(kind: Kind, input: &[u8]) -> usize {
    let run = |accept: fn(u8) -> bool| input.iter().position(|byte| !accept(*byte)).unwrap_or(input.len());
    match kind {
        Kind::Text
        | Kind::More
        | Kind::Latin1
        | Kind::Printed
        | Kind::Structured
        | Kind::Quoted
        | Kind::Rust
        | Kind::Erlang
        | Kind::ErlangBytes => input.len(),
        Kind::Line => memchr::memchr(b'\n', input).unwrap_or(input.len()),
        Kind::Peer => memchr::memchr(b' ', input).unwrap_or(input.len()),
        Kind::Word => run(|byte| !byte.is_ascii_whitespace()),
        Kind::Ip => run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'%' | b'[' | b']' | b',')).min(66),
        Kind::Port => run(|byte| byte.is_ascii_digit()).min(5),
        Kind::Int => run(|byte| byte.is_ascii_digit() || byte == b'-').min(20),
        Kind::Hex => run(|byte| byte.is_ascii_hexdigit()).min(16),
        Kind::Number => run(|byte| byte.is_ascii_hexdigit() || byte == b'x').min(18),
        Kind::Bool => 5,
        Kind::Hexes => run(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b',' | b':' | b'\n')),
    }
}

/// How long the value of such a kind is with which the input begins: of all that could belong to it, if that is one. The same as
/// [`longest`] and then [`accepts`], in one pass for what numbers and words are.
#[inline]
pub(super) fn whole(kind: Kind, input: &[u8]) -> Option<(usize, (usize, usize))> {
    let digits = |input: &[u8], most: usize| input.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let length = match kind {
        Kind::Int => {
            let sign = usize::from(input.first() == Some(&b'-'));
            let digits = digits(&input[sign..], 20 - sign);
            let length = sign + digits;
            // A sign in the middle, or behind.
            if digits == 0 || length < 20 && input.get(length) == Some(&b'-') {
                return None;
            }
            length
        }
        Kind::Port => {
            let (mut number, mut length) = (0_u32, 0);
            while length < 5
                && let Some(digit @ b'0'..=b'9') = input.get(length)
            {
                (number, length) = (number * 10 + u32::from(digit - b'0'), length + 1);
            }
            if number > u32::from(u16::MAX) {
                return None;
            }
            length
        }
        Kind::Word => input.iter().position(u8::is_ascii_whitespace).unwrap_or(input.len()),
        _ => {
            let length = longest(kind, input).min(input.len());
            return accepts(kind, &input[..length]).map(|inside| (length, inside));
        }
    };
    (length > 0).then_some((length, (0, length)))
}

/// Whether these bytes, all of them, are a value of this kind; where the value starts in them, and its length.
#[inline]
pub(crate) fn accepts(kind: Kind, bytes: &[u8]) -> Option<(usize, usize)> {
    if takes_all(kind) { Some((0, bytes.len())) } else { inside(kind, bytes) }
}

fn inside(kind: Kind, bytes: &[u8]) -> Option<(usize, usize)> {
    let whole = |fits: bool| fits.then_some((0, bytes.len()));
    match kind {
        Kind::Text | Kind::More | Kind::Latin1 | Kind::Printed | Kind::Structured => Some((0, bytes.len())),
        Kind::Line => whole(!bytes.contains(&b'\n')),
        Kind::Word => whole(!bytes.is_empty()),
        Kind::Ip => address(bytes),
        Kind::Peer if matches!(bytes.first(), Some(b'/' | b'@')) || bytes == b"(null)" => whole(true),
        Kind::Peer => address(bytes),
        Kind::Port => whole(is_port(bytes)),
        Kind::Int => whole(is_int(bytes)),
        Kind::Hex => whole(!bytes.is_empty()),
        Kind::Quoted | Kind::Rust => complete(quoted(bytes)).map(|_| (1, bytes.len() - 2)),
        Kind::Erlang | Kind::ErlangBytes => whole(decode::erlang::is_term(bytes)),
        Kind::Number => whole(decode::number(bytes).is_some()),
        Kind::Bool => whole(matches!(bytes, b"true" | b"false")),
        Kind::Hexes => whole(bytes.iter().any(u8::is_ascii_hexdigit)),
    }
}

/// An address, also in the brackets that keep an IPv6 address apart from its port.
fn address(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes {
        [b'[', inside @ .., b']'] => (inside.contains(&b':') && ip(inside).is_some()).then_some((1, inside.len())),
        _ => ip(bytes).is_some().then_some((0, bytes.len())),
    }
}

fn complete<T>(result: IResult<&[u8], T>) -> Option<T> {
    match result {
        Ok(([], value)) => Some(value),
        _ => None,
    }
}

fn is_port(bytes: &[u8]) -> bool {
    (1..=5).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) && number(bytes) <= u32::from(u16::MAX)
}

fn is_int(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn quoted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let inside = |stop: &'static str| recognize(many0_count(alt((is_not(stop), recognize((tag("\\"), take(1usize)))))));
    let (_, quote) = one_of("'\"").parse(input)?;
    if quote == '"' {
        delimited(char('"'), inside("\\\""), char('"')).parse(input)
    } else {
        delimited(char('\''), inside("\\'"), char('\'')).parse(input)
    }
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

/// An address as brokers print it, also as the numbers of an Erlang tuple (`192,0,2,7`). A scope (`%eth0`) is left out; an IPv4 address in IPv6 clothes is the IPv4 address.
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(bytes) {
        return Some(IpAddr::V4(address));
    }
    let bytes = bytes.strip_prefix(b"[").and_then(|inside| inside.strip_suffix(b"]")).unwrap_or(bytes);
    // Every address begins so and holds one of these; it spares the parser most words.
    if !bytes.first().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':') || memchr::memchr3(b'.', b':', b',', bytes).is_none() {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    if address.contains(',') {
        return tuple(address);
    }
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
}

/// Four numbers up to 255 without needless noughts: what nearly all addresses are.
fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    ipv4_before(bytes).filter(|(_, length)| *length == bytes.len()).map(|(address, _)| address)
}

/// The IPv4 address with which a text begins, and its length.
#[inline]
pub(super) fn ipv4_before(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let (mut address, mut rest) = (0_u32, bytes);
    for place in 0..4 {
        if place > 0 {
            let [b'.', after @ ..] = rest else { return None };
            rest = after;
        }
        let [first @ b'0'..=b'9', after @ ..] = rest else { return None };
        let mut octet = u32::from(first - b'0');
        rest = after;
        // A nought stands alone.
        if octet > 0
            && let [second @ b'0'..=b'9', after @ ..] = rest
        {
            (octet, rest) = (octet * 10 + u32::from(second - b'0'), after);
            if let [third @ b'0'..=b'9', after @ ..] = rest {
                (octet, rest) = (octet * 10 + u32::from(third - b'0'), after);
            }
        }
        if octet > 255 {
            return None;
        }
        address = address << 8 | octet;
    }
    Some((Ipv4Addr::from_bits(address), bytes.len() - rest.len()))
}

fn tuple(address: &str) -> Option<IpAddr> {
    fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
        text.split(',').map(|part| part.parse().ok()).collect::<Option<Vec<T>>>()?.try_into().ok()
    }
    let four = || numbers::<u8, 4>(address).map(IpAddr::from);
    four().or_else(|| numbers::<u16, 8>(address).map(IpAddr::from)).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_are_those_of_the_standard_library(text in "[0-9]{0,4}(\\.[0-9]{0,3}){0,5}[.x]?") {
            prop_assert_eq!(ip(text.as_bytes()), text.parse().ok());
        }

        /// What the walk relies on: where an IPv4 address ends, so does every address that begins with it, unless a scope follows.
        #[test]
        fn no_longer_address_begins_with_an_ipv4_address(text in "[12]?[0-9]{1,2}(\\.[0-9]{1,3}){3}[:,\\]/@ af][0-9a-f:.,%\\[\\] ]{0,20}") {
            let text = text.as_bytes();
            if let Some((address, length)) = ipv4_before(text) {
                prop_assert_eq!(ip(&text[..length]), Some(IpAddr::V4(address)));
                for longer in length + 1..=text.len() {
                    for kind in [Kind::Ip, Kind::Peer] {
                        prop_assert_eq!(accepts(kind, &text[..longer]), None);
                    }
                }
            }
        }

        #[test]
        fn ports_and_numbers_are_those_of_the_standard_library(text in "-?[0-9]{0,6}[-x]?") {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert_eq!(accepts(Kind::Port, text.as_bytes()).is_some(), digits && text.len() < 6 && text.parse::<u16>().is_ok());
            if digits && !text.is_empty() {
                let length = text.len().min(5);
                prop_assert_eq!(whole(Kind::Port, text.as_bytes()).is_some(), text[..length].parse::<u16>().is_ok());
            }
            prop_assert_eq!(accepts(Kind::Int, text.as_bytes()).is_some(), text.parse::<i64>().is_ok());
        }

        #[test]
        fn a_whole_value_is_the_longest_if_that_is_one(bytes in "-?[0-9a-f:., -]{0,24}", kind in 0..Kind::ALL.len()) {
            let (kind, bytes) = (Kind::ALL[kind], bytes.as_bytes());
            let most = longest(kind, bytes).min(bytes.len());
            prop_assert_eq!(whole(kind, bytes), accepts(kind, &bytes[..most]).map(|inside| (most, inside)));
        }

        /// What the walk relies on: whether a byte can belong to such a value does not depend on where it stands.
        #[test]
        fn a_run_goes_on_as_far_as_its_bytes(bytes in "[0-9a-fx:., \\n-]{1,30}", kind in 0..Kind::ALL.len()) {
            let kind = Kind::ALL[kind];
            let most = longest(kind, bytes.as_bytes());
            for byte in bytes.as_bytes().iter().take(most) {
                prop_assert!(longest(kind, &[*byte]) > 0);
            }
        }
    }
}
