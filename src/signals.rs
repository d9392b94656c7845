//! Signals: what each of them asks for, and nothing else knows their numbers.

use std::io::{self, IsTerminal as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::{flag, low_level::pipe};
use tokio::io::AsyncReadExt as _;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To end: SIGTERM (systemd, kill) and SIGINT (Ctrl-C), and SIGHUP of a terminal that is gone.
    Stop,
    /// To read the configuration again: SIGHUP (`systemctl reload`).
    Reload,
    /// To write the state to the log: SIGUSR1.
    Tell,
}

/// The signals that are listened for.
#[derive(Debug)]
pub struct Signals {
    stop: tokio::net::UnixStream,
    reload: tokio::net::UnixStream,
    tell: tokio::net::UnixStream,
    /// The process belongs to a terminal: its SIGHUP says that the terminal is gone.
    at_terminal: bool,
}

impl Signals {
    /// Listens. A second SIGTERM or SIGINT ends the process at once: it is safe at any moment, because rows and positions change
    /// in one transaction.
    ///
    /// # Errors
    /// The system refuses the handlers. Must be called inside a tokio runtime.
    pub fn listen() -> io::Result<Signals> {
        let (stop, on_stop) = pair()?;
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            pipe::register(signal, on_stop.try_clone()?)?;
        }
        let (reload, on_reload) = pair()?;
        pipe::register(SIGHUP, on_reload)?;
        let (tell, on_tell) = pair()?;
        pipe::register(SIGUSR1, on_tell)?;
        Ok(Signals { stop, reload, tell, at_terminal: io::stderr().is_terminal() })
    }

    /// Comes back when something is asked for. Signals of one kind that come before that count as one.
    pub async fn asked(&mut self) -> Asked {
        let (mut stops, mut reloads, mut tells) = ([0; 64], [0; 64], [0; 64]);
        tokio::select! {
            biased;
            _ = self.stop.read(&mut stops) => Asked::Stop,
            _ = self.reload.read(&mut reloads) => if self.at_terminal { Asked::Stop } else { Asked::Reload },
            _ = self.tell.read(&mut tells) => Asked::Tell,
        }
    }
}

fn pair() -> io::Result<(tokio::net::UnixStream, UnixStream)> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    Ok((tokio::net::UnixStream::from_std(read)?, write))
}
