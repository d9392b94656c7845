//! Events to the local syslog socket, which rsyslog, syslog-ng or journald serves.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Format;
use super::deliver::{Deliver, Delivered};
use crate::clock::Clock;
use crate::store::StoredEvent;

/// Where it listens.
const SOCKET: &str = "/dev/log";
/// Facility authpriv, severity notice.
const PRIORITY: u8 = 10 * 8 + 5;

pub(super) struct Syslog {
    format: Format,
    clock: Arc<dyn Clock>,
    socket: PathBuf,
    open: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(format: Format, clock: Arc<dyn Clock>) -> Syslog {
        Syslog { format, clock, socket: SOCKET.into(), open: None }
    }

    fn send(&mut self, text: &str) -> std::io::Result<()> {
        let connect = |path: &Path| {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            // A syslog that does not read must not hold us up for ever.
            socket.set_write_timeout(Some(std::time::Duration::from_secs(5)))?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = match self.open.take() {
            Some(socket) => socket,
            None => connect(&self.socket)?,
        };
        socket.send(text.as_bytes())?;
        self.open = Some(socket);
        Ok(())
    }
}

impl Deliver for Syslog {
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String> {
        let now = jiff::Timestamp::from_millisecond(self.clock.now()).unwrap_or_default();
        let now = crate::config::system_zone().to_datetime(now);
        let head = format!("<{PRIORITY}>{} turnaway-event[{}]: ", now.strftime("%b %e %H:%M:%S"), std::process::id());
        for (done, event) in events.iter().enumerate() {
            if let Err(error) = self.send(&format!("{head}{}", self.format.line(event))) {
                // A syslog that was started anew has another socket.
                match self.send(&format!("{head}{}", self.format.line(event))) {
                    Ok(()) => {}
                    Err(_) if done > 0 => return Ok(Delivered { done, ..Delivered::default() }),
                    Err(_) => return Err(format!("cannot write to {}: {error}", self.socket.display())),
                }
            }
        }
        Ok(Delivered { done: events.len(), ..Delivered::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::tests::event;
    use super::*;

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> i64 {
            1_795_446_300_000
        }
    }

    #[test]
    fn a_datagram_for_each_and_a_new_socket_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut output = Syslog { socket: path.clone(), ..Syslog::new(Format::Json, Arc::new(Noon)) };
        assert!(output.deliver(&[event("a", None)]).unwrap_err().contains("No such file"));
        for _ in 0..2 {
            let server = UnixDatagram::bind(&path).unwrap();
            let sent = output.deliver(&[event("a\n<0>b", Some("192.0.2.7")), event("c", None)]).unwrap();
            assert_eq!(sent.done, 2);
            let mut buffer = [0; 4096];
            let len = server.recv(&mut buffer).unwrap();
            let text = std::str::from_utf8(&buffer[..len]).unwrap();
            assert!(text.starts_with("<85>Nov 23 ") && text.contains(r#""clientId":"a\u000a<0>b""#), "{text}");
            drop(server);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
