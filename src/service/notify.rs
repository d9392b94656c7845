//! What the service manager is told, by the protocol of sd_notify(3). Without one nothing is sent.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock;
use crate::text::escaped;

/// The longest status in bytes.
const LONGEST: usize = 400;

/// Tells the service manager.
#[derive(Debug, Clone, Copy)]
pub struct Notifier {
    on: bool,
}

impl Notifier {
    /// The one that started this process, if it wants to be told.
    pub fn of_environment() -> Notifier {
        Notifier { on: std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty()) }
    }

    /// Whether anybody listens.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// It runs: all logs were opened, all places are listened on.
    pub fn ready(self, status: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&line(status))]);
    }

    /// How it stands, in one line.
    pub fn status(self, status: &str) {
        self.send(&[NotifyState::Status(&line(status))]);
    }

    /// It reads its configuration again; `ready` follows, whatever comes of it.
    pub fn reloading(self) {
        match clock::monotonic_micros() {
            Some(micros) => self.send(&[NotifyState::Reloading, NotifyState::MonotonicUsec(micros)]),
            None => self.send(&[NotifyState::Reloading]),
        }
    }

    /// It ends.
    pub fn stopping(self, status: &str) {
        self.send(&[NotifyState::Stopping, NotifyState::Status(&line(status))]);
    }

    /// It is alive.
    pub fn watchdog(self) {
        self.send(&[NotifyState::Watchdog]);
    }

    fn send(self, state: &[NotifyState<'_>]) {
        let text: String = state.iter().map(|state| format!("{state}\n")).collect();
        if self.on
            && let Err(error) = post(&text)
        {
            tracing::warn!(%error, "cannot tell the service manager how it stands");
        }
    }
}

/// Sends a message to the manager's socket, which may be an abstract one (in containers it is; sd_notify's crate knows paths only).
fn post(text: &str) -> io::Result<()> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let addr = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &addr).map(|_| ())
}

/// A line feed would begin another message.
fn line(status: &str) -> String {
    escaped(status.as_bytes(), LONGEST)
}

/// Feeds the service manager's watchdog, but only while the reading loop turns.
#[derive(Debug)]
pub struct Watchdog {
    /// How often to look: four times within the manager's patience.
    pub every: Duration,
    seen: Option<u64>,
}

impl Watchdog {
    /// The watchdog that the manager asks for, if it does.
    pub fn of_environment() -> Option<Watchdog> {
        let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())?;
        Some(Watchdog { every: patience / 4, seen: None })
    }

    /// Whether the loop has turned since this was last asked; `turns` is how often it has turned in all.
    pub fn alive(&mut self, turns: u64) -> bool {
        self.seen.replace(turns) != Some(turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loop_that_turns_is_alive() {
        let mut watchdog = Watchdog { every: Duration::from_secs(1), seen: None };
        assert!(watchdog.alive(0), "it has just begun");
        assert!(!watchdog.alive(0));
        assert!(watchdog.alive(3));
        assert!(!watchdog.alive(3));
        assert!(watchdog.alive(4));
    }

    #[test]
    fn a_status_is_one_line_of_limited_length() {
        assert_eq!(line("a\nREADY=1"), "a\\nREADY=1");
        assert!(line(&"x".repeat(1000)).len() < 410);
    }
}
