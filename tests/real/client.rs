//! An MQTT client over TCP, each with a source address of its own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, sockopt};

use super::mqtt::{Connect, DISCONNECT};

/// A client that was accepted.
pub(crate) struct Session {
    stream: TcpStream,
}

/// Connects from the given address.
pub(crate) fn dial(from: Ipv4Addr, port: u16) -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(from, 0)).unwrap();
    rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends these bytes as a client's first and waits for what becomes of it: a session, or the connection's end and the code of
/// the CONNACK, if there was one.
pub(crate) fn attempt(from: Ipv4Addr, port: u16, bytes: &[u8]) -> Result<Session, Option<u8>> {
    let mut stream = dial(from, port);
    // The broker may be done with this client before it has sent everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    loop {
        if let [0x20, _, _, code, ..] = answer[..] {
            if code == 0 {
                return Ok(Session { stream });
            }
            drain(&mut stream);
            return Err(Some(code));
        }
        if !read(&mut stream, &mut answer) {
            return Err(None);
        }
    }
}

/// Connects as this client.
pub(crate) fn connect(from: Ipv4Addr, port: u16, connect: &Connect) -> Result<Session, Option<u8>> {
    attempt(from, port, &connect.packet())
}

/// Sends these bytes, then nothing more, and waits until the broker has closed the connection.
pub(crate) fn half_close(from: Ipv4Addr, port: u16, bytes: &[u8]) {
    let mut stream = dial(from, port);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    drain(&mut stream);
}

impl Session {
    /// Says good-bye.
    pub(crate) fn disconnect(mut self) {
        self.stream.write_all(&DISCONNECT).unwrap();
        drain(&mut self.stream);
    }

    /// Goes without a word.
    pub(crate) fn cut(mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        drain(&mut self.stream);
    }

    /// Resets the connection; the broker may learn of it later.
    pub(crate) fn reset(self) {
        sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// Sends a packet and waits for the first byte of the answer.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        self.stream.write_all(packet).unwrap();
        let mut answer = Vec::new();
        while answer.is_empty() && read(&mut self.stream, &mut answer) {}
    }
}

/// Reads some bytes; false at the end, which may be rude.
fn read(stream: &mut TcpStream, into: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            into.extend(&buffer[..count]);
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
        Err(error) => panic!("the broker left the connection open: {error}"),
    }
}

fn drain(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    while read(stream, &mut rest) {}
}
