//! Signals: which of them end the daemon, and nothing else knows their numbers.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use tokio::io::AsyncReadExt as _;

/// Waits for the first signal that asks the daemon to stop.
#[derive(Debug)]
pub struct Stop(tokio::net::UnixStream);

impl Stop {
    /// Listens for SIGTERM (systemd, kill) and SIGINT (Ctrl-C). A second one ends the process at once: it is safe at any
    /// moment, because rows and positions change in one transaction.
    ///
    /// # Errors
    /// The system refuses the handlers. Must be called inside a tokio runtime.
    pub fn listen() -> io::Result<Stop> {
        let (read, write) = UnixStream::pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            pipe::register(signal, write.try_clone()?)?;
        }
        read.set_nonblocking(true)?;
        Ok(Stop(tokio::net::UnixStream::from_std(read)?))
    }

    /// Comes back when the daemon is to stop.
    pub async fn asked(mut self) {
        let _ = self.0.read_u8().await;
    }
}
