//! Just enough of HTTP to ask the daemon over one connection that stays open.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody is there.
    pub fn new(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Client { stream: BufReader::new(stream), host: addr.to_string() })
    }

    /// GET: the status and the body.
    ///
    /// # Errors
    /// The connection broke, or what came is no HTTP.
    pub fn get(&mut self, target: &str) -> io::Result<(u16, Vec<u8>)> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (0, 0);
        for number in 0.. {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the daemon closed the connection"));
            }
            let line = line.trim_end();
            if number == 0 {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| io::Error::other(line.to_owned()))?;
            } else if line.is_empty() {
                break;
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
