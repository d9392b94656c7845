//! The daemon as a child process.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Client;

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    /// Where its API is.
    pub addr: SocketAddr,
}

impl Daemon {
    /// Starts it with these arguments, its database in `dir`, and waits until it has read all logs once.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(dir: &Path, arguments: &[String]) -> io::Result<Daemon> {
        let errors = std::fs::File::create(dir.join("turnaway.stderr"))?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_turnaway"))
            .arg("run")
            .args(arguments)
            .arg("--db")
            .arg(dir.join("turnaway.db"))
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or_else(|| io::Error::other("no output"))?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let addr = line.split("http://").nth(1).and_then(|rest| rest.trim_end().trim_end_matches('/').parse().ok());
        let Some(addr) = addr else {
            let _ = child.kill();
            let mut rest = String::new();
            let _ = out.read_to_string(&mut rest);
            let said = std::fs::read_to_string(dir.join("turnaway.stderr")).unwrap_or_default();
            return Err(io::Error::other(format!("the daemon does not start: {line}{rest}{said}")));
        };
        Ok(Daemon { child, addr })
    }

    /// Waits until all logs were read to their ends.
    ///
    /// # Errors
    /// It is gone, or takes more than ten minutes.
    pub fn caught_up(&self) -> io::Result<()> {
        let (mut client, begun) = (Client::new(self.addr)?, Instant::now());
        while client.get("/readyz")?.0 != 200 {
            if begun.elapsed() > Duration::from_secs(600) {
                return Err(io::Error::other("the daemon does not catch up"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
