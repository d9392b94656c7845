//! Just enough of HTTP to ask the daemon.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// GET over TCP; an error when the daemon is not there.
pub(crate) fn get(addr: SocketAddr, target: &str) -> std::io::Result<(u16, Value)> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    ask(stream, "GET", target, &addr.to_string())
}

/// DELETE over the Unix socket, which makes an operator of whoever may open it.
pub(crate) fn delete(socket: &Path, target: &str) -> std::io::Result<(u16, Value)> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    ask(stream, "DELETE", target, "localhost")
}

fn ask(mut stream: impl Read + Write, method: &str, target: &str, host: &str) -> std::io::Result<(u16, Value)> {
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).map_err(std::io::Error::other)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other(answer.clone()))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| std::io::Error::other(head.to_owned()))?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// A text as part of a query.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
