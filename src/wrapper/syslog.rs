//! Syslog, and the forms of journalctl that look like it.
//!
//! A head counts only as a whole, up to the colon after the program's name. A stamp with anything else behind it is the broker's own.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::character::complete::{char, digit1};
use nom::combinator::{eof, map, opt, peek, recognize, verify};
use nom::sequence::{delimited, terminated};
use nom::{IResult, Parser};

use super::Layer;
use super::piece::StreamId;
use super::prefix::is_level;
use super::recognise::Head;
use super::stamps::Reader;

type Read<'a, T> = IResult<&'a [u8], T, ()>;

/// Facility 23, severity 7.
const HIGHEST_PRIORITY: u32 = 191;

/// Any of the forms.
pub(super) fn head<'a>(text: &'a [u8], reader: &Reader<'_>) -> Option<Head<'a>> {
    let (rest, priority) = opt(pri).parse(text).ok()?;
    if let Some(head) = structured(rest, priority.is_some(), reader) {
        return Some(head);
    }
    let (layer, (stamp, after)) = match rest.first()? {
        b'0'..=b'9' => reader
            .iso(rest)
            .map(|read| (Layer::SyslogIso, read))
            .or_else(|| reader.home_assistant(rest).map(|read| (Layer::HomeAssistant, read)))
            .or_else(|| reader.unix(rest).map(|read| (Layer::Journal, read)))?,
        _ => reader
            .traditional(rest)
            .map(|read| (Layer::SyslogTraditional, read))
            .or_else(|| reader.full(rest).map(|read| (Layer::Journal, read)))?,
    };
    let after = after.strip_prefix(b" ")?;
    let (text, stream) = origin(after, priority.is_some()).ok()?;
    // This form is a broker's own header, but for the process behind the name.
    let own = layer == Layer::HomeAssistant && stream.pid.is_empty();
    (!own).then_some(Head::plain(layer, Some(stamp), stream, text))
}

/// `<6>text`, as programs write it for a collector that isn't there.
pub(super) fn priority(text: &[u8]) -> Option<Head<'_>> {
    let (text, _) = pri(text).ok()?;
    Some(Head::plain(Layer::Priority, None, StreamId::default(), text))
}

fn pri(text: &[u8]) -> Read<'_, u32> {
    let number = map(take_while_m_n(1, 3, |byte: u8| byte.is_ascii_digit()), |digits: &[u8]| {
        digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    });
    delimited(char('<'), verify(number, |number| *number <= HIGHEST_PRIORITY), char('>')).parse(text)
}

/// `HOST IDENT[PID]: `, and what follows it. Between a program and its collector the host is left out, and a priority stands first.
fn origin(text: &[u8], local: bool) -> Read<'_, StreamId<'_>> {
    if local { alt((with_host, program)).parse(text) } else { with_host(text) }
}

/// nginx writes a host name where a program on the same host should not: rsyslog then leaves a second blank, or the name twice.
fn with_host(text: &[u8]) -> Read<'_, StreamId<'_>> {
    let name = verify(take_while_m_n(1, 255, is_host), |host: &[u8]| !host.ends_with(b":") && !is_level(host));
    let (rest, (host, _)) = (name, take_while_m_n(1, 2, |byte| byte == b' ')).parse(text)?;
    let (rest, _) = opt((tag(host), char(' '))).parse(rest)?;
    let (rest, stream) = program(rest)?;
    Ok((rest, StreamId { host, ..stream }))
}

/// `ident[pid]: `, `ident: `, or `ident[pid] ` (rsyslog does that to RFC 5424).
fn program(text: &[u8]) -> Read<'_, StreamId<'_>> {
    let pid = || delimited(char('['), take_while_m_n(1, 32, is_pid), char(']'));
    let end = || alt((tag(&b" "[..]), peek(eof)));
    let (rest, ident) = verify(take_while_m_n(1, 128, is_ident), |ident: &[u8]| !is_level(ident)).parse(text)?;
    let (rest, pid) =
        alt((terminated(opt(pid()), (char(':'), end())), map(terminated(delimited(char('['), digit1, char(']')), char(' ')), Some)))
            .parse(rest)?;
    Ok((rest, StreamId { container: b"", host: b"", ident, pid: pid.unwrap_or_default() }))
}

/// RFC 5424, after the priority, which rsyslog may leave out in a file; then the stamp must be there.
fn structured<'a>(text: &'a [u8], priority: bool, reader: &Reader<'_>) -> Option<Head<'a>> {
    let rest = text.strip_prefix(b"1 ")?;
    let (stamp, rest) = match rest.strip_prefix(b"- ") {
        Some(rest) if priority => (None, rest),
        _ => reader.iso(rest).and_then(|(stamp, rest)| Some((Some(stamp), rest.strip_prefix(b" ")?)))?,
    };
    let word = || terminated(take_while_m_n(1, 255, |byte: u8| byte.is_ascii_graphic()), char(' '));
    let (rest, (host, ident, pid, _, _)) = (word(), word(), word(), word(), data).parse(rest).ok()?;
    let text = match rest {
        [] => rest,
        [b' ', text @ ..] => text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text),
        _ => return None,
    };
    let named = |word: &'a [u8]| if word == b"-" { &[][..] } else { word };
    let stream = StreamId { container: b"", host: named(host), ident: named(ident), pid: named(pid) };
    Some(Head::plain(Layer::Syslog5424, stamp, stream, text))
}

/// `-`, or `[id name="value" …]` once or more.
fn data(text: &[u8]) -> Read<'_, &[u8]> {
    alt((tag(&b"-"[..]), recognize(nom::multi::many_m_n(1, 64, element)))).parse(text)
}

/// One element, in which only a value may hold a bracket, and a value ends with a quote that isn't escaped.
fn element(text: &[u8]) -> Read<'_, ()> {
    let mut quoted = false;
    let mut bytes = text.iter().enumerate();
    if bytes.next().is_none_or(|(_, first)| *first != b'[') {
        return Err(nom::Err::Error(()));
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => drop(bytes.next()),
            b']' if !quoted => return Ok((text.get(at + 1..).unwrap_or_default(), ())),
            _ => {}
        }
    }
    Err(nom::Err::Error(()))
}

/// Names and addresses; nothing that a broker's header would open with.
fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%')
}

fn is_ident(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'[' | b']' | b':' | b'{' | b'}' | b'"' | b'<' | b'>' | b'=' | b',' | b';' | b'|')
}

fn is_pid(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/')
}
