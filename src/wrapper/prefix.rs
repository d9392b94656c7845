//! The names that docker compose, swarm, podman-compose and kubectl put before each line.

use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::Layer;
use super::piece::StreamId;
use super::recognise::Head;

type Read<'a, T> = IResult<&'a [u8], T, ()>;

/// Longer names don't occur: a container's name has 63 letters, a swarm task's a few more.
const LONGEST_NAME: usize = 255;

/// What stands where a name would and is none: `ERROR | text` is a broker's own header.
const LEVELS: [&str; 19] = [
    "trace",
    "debug",
    "info",
    "information",
    "notice",
    "warn",
    "warning",
    "err",
    "error",
    "crit",
    "critical",
    "alert",
    "emerg",
    "fatal",
    "severe",
    "fine",
    "finer",
    "finest",
    "verbose",
];

/// The name of a log level, in any case.
pub(super) fn is_level(word: &[u8]) -> bool {
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level.as_bytes()))
}

/// Either of the two.
pub(super) fn head(text: &[u8]) -> Option<Head<'_>> {
    kubectl(text).or_else(|| compose(text))
}

/// `mosquitto-1  | text`, `mqtt_broker.1.id@node    | text`, `[mosquitto] | text`; the name may be coloured.
pub(super) fn compose(text: &[u8]) -> Option<Head<'_>> {
    let (rest, (_, open, name)) = (opt(colour), opt(char('[')), name).parse(text).ok()?;
    let closed: Read<'_, _> = match open {
        Some(_) => recognize(char(']')).parse(rest),
        None => Ok((rest, &b""[..])),
    };
    // A line that ends with the bar is an empty one.
    let (rest, _) = (take_while1(|byte| byte == b' '), char('|'), opt(colour)).parse(closed.ok()?.0).ok()?;
    let text = match rest {
        [] => rest,
        [b' ', text @ ..] => opt(colour).parse(text).map_or(text, |(text, _)| text),
        _ => return None,
    };
    let real = name.first().is_some_and(u8::is_ascii_alphanumeric) && name.iter().any(u8::is_ascii_alphabetic) && !is_level(name);
    real.then_some(Head::plain(Layer::Compose, None, StreamId { container: name, ..StreamId::default() }, text))
}

/// `[pod/mosquitto-0/broker] text`.
fn kubectl(text: &[u8]) -> Option<Head<'_>> {
    let pod = recognize((name, char('/'), name));
    let parsed: Read<'_, _> = delimited(tag(&b"[pod/"[..]), pod, tag(&b"] "[..])).parse(text);
    let (rest, pod) = parsed.ok()?;
    Some(Head::plain(Layer::Kubectl, None, StreamId { container: pod, ..StreamId::default() }, rest))
}

fn name(text: &[u8]) -> Read<'_, &[u8]> {
    take_while_m_n(1, LONGEST_NAME, is_name).parse(text)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
}

/// `ESC [ 36 m`
fn colour(text: &[u8]) -> Read<'_, &[u8]> {
    let digits = take_while_m_n(0, 16, |byte: u8| byte.is_ascii_digit() || byte == b';');
    recognize((tag(&b"\x1b["[..]), digits, char('m'))).parse(text)
}
