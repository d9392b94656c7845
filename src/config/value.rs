//! The single values: how each is written, and what to say when it is not.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use crate::api::Listen;
use crate::grammar::near;
use crate::model::Millis;

/// The kernel's limit for the path of a Unix socket: 108 bytes with the NUL at its end.
const SOCKET_PATH_BYTES: usize = 107;

/// Longer than any log is kept; times stay far from the end of their range.
const MAX_RETENTION: Millis = 100 * 366 * DAY;

const DAY: Millis = 24 * 60 * 60 * 1000;

/// How long rows are kept, in milliseconds: a whole number with one of the units s, m, h, d; `0` (none) is for ever.
///
/// # Errors
/// What was expected.
pub fn retention(text: &str) -> Result<Option<Millis>, String> {
    let expected = || "expected a number with a unit (s, m, h, d) like \"3d\" or \"36h\"; \"0\" keeps rows for ever".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: Millis = number.parse().map_err(|_| expected())?;
    let unit = match unit {
        "" if number == 0 => DAY,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => DAY,
        _ => return Err(expected()),
    };
    match number.checked_mul(unit).filter(|millis| *millis <= MAX_RETENTION) {
        Some(0) => Ok(None),
        Some(millis) => Ok(Some(millis)),
        None => Err("that is longer than 100 years; \"0\" keeps rows for ever".to_owned()),
    }
}

/// A time that passes, in milliseconds: the same units, and not nothing.
///
/// # Errors
/// What was expected.
pub(super) fn duration(text: &str) -> Result<Millis, String> {
    let wrong = || "expected a number with a unit (s, m, h, d) like \"10s\"".to_owned();
    retention(text).map_err(|_| wrong())?.ok_or_else(wrong)
}

/// Where to post to: `http://HOST[:PORT][/PATH]`.
///
/// # Errors
/// What was expected.
pub(super) fn http(text: &str) -> Result<hyper::Uri, String> {
    let expected = "expected http://HOST:PORT/PATH; for https use a command, like [\"/usr/bin/curl\", …], or a proxy on this machine";
    let uri: hyper::Uri = text.parse().map_err(|_| expected.to_owned())?;
    let is_plain = uri.scheme_str() == Some("http") && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if is_plain { Ok(uri) } else { Err(expected.to_owned()) }
}

/// A place to listen on: `ADDRESS:PORT`, or `unix:PATH`.
///
/// # Errors
/// What was expected.
pub fn listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.len() {
            0 => Err("expected a path after unix:, like unix:/run/turnaway/turnaway.sock".to_owned()),
            1..=SOCKET_PATH_BYTES if !path.contains('\0') => Ok(Listen::Unix(PathBuf::from(path))),
            _ => Err(format!("the path of a Unix socket has at most {SOCKET_PATH_BYTES} bytes; choose a shorter one")),
        };
    }
    text.parse::<SocketAddr>().map(Listen::Tcp).map_err(|_| {
        let port = text.rsplit_once(':').map_or(text, |(_, port)| port);
        match (text.starts_with('/'), port.parse::<u16>()) {
            (true, _) => format!("a Unix socket is written unix:{text}"),
            (false, Ok(port)) => {
                format!("expected an address and a port; on this machine only: 127.0.0.1:{port}, on all networks: 0.0.0.0:{port}")
            }
            (false, Err(_)) => "expected an address and a port like 127.0.0.1:8099 or [::1]:8099, or unix:/path/of/socket".to_owned(),
        }
    })
}

/// A time zone: a name like `Europe/Berlin`, an offset like `+02:00`, or `system`.
///
/// # Errors
/// What was expected.
pub fn zone(text: &str) -> Result<TimeZone, String> {
    if text == "system" {
        return Ok(super::system_zone());
    }
    DateTimeParser::new().parse_time_zone(text).map_err(|_| {
        let expected = "expected a name like \"Europe/Berlin\" or \"UTC\", an offset like \"+02:00\", or \"system\"";
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let close = near(text, names.iter().map(String::as_str), "");
        if close.starts_with("did you mean") { close } else { expected.to_owned() }
    })
}

/// A name of this machine, as a `Host` header has it without the port.
pub(super) fn host(text: &str) -> Result<String, String> {
    if text.contains("://") || text.contains('/') {
        return Err("expected the name alone, without http:// and path".to_owned());
    }
    let ipv6 = text.starts_with('[') && text.ends_with(']');
    if text.contains(':') && !ipv6 {
        return Err("expected the name alone, without port (an IPv6 address stands in brackets)".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > 253 || !(ipv6 || text.chars().all(plain)) {
        return Err("expected a name like \"mqtt.example.org\"".to_owned());
    }
    Ok(text.to_owned())
}

/// A name that we show: what is wrong with it, if anything.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("expected a name")
    } else if name.len() > 64 {
        Some("expected a name of at most 64 bytes")
    } else if name.trim() != name || crate::text::display(name) != name {
        Some("expected a name without control characters and without space at its ends")
    } else {
        None
    }
}

/// An IP address.
///
/// # Errors
/// What it is instead.
pub(super) fn address(text: &str) -> Result<std::net::IpAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is no IP address"))
}
