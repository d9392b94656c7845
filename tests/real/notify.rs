//! The service manager's end of sd_notify(3), played by the test.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// No message is waited for longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A socket that the daemon tells how it stands.
pub(crate) struct Manager {
    socket: UnixDatagram,
    /// What `NOTIFY_SOCKET` says.
    pub(crate) name: String,
}

impl Manager {
    /// On a path.
    pub(crate) fn at(path: &Path) -> Manager {
        Manager::new(UnixDatagram::bind(path).unwrap(), path.display().to_string())
    }

    /// In the abstract namespace, as in containers.
    pub(crate) fn abstract_one(name: &str) -> Manager {
        use std::os::linux::net::SocketAddrExt as _;
        let addr = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        Manager::new(UnixDatagram::bind_addr(&addr).unwrap(), format!("@{name}"))
    }

    fn new(socket: UnixDatagram, name: String) -> Manager {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Manager { socket, name }
    }

    /// The next message.
    pub(crate) fn next(&self) -> String {
        self.within(LIMIT).unwrap_or_else(|| panic!("no further message came"))
    }

    /// The next message, if one comes within this time.
    pub(crate) fn within(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
    }

    /// Takes messages until one has a line that begins so, and gives that message.
    pub(crate) fn until(&self, line: &str) -> String {
        loop {
            let message = self.next();
            if message.lines().any(|found| found.starts_with(line)) {
                return message;
            }
        }
    }
}
