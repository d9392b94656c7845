//! A real Mosquitto as a child process, with a configuration, a log and ports of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::wait_until;

/// A running broker. Stopped by its process ID when dropped.
pub(crate) struct Broker {
    child: Child,
    log: PathBuf,
    ports: Vec<u16>,
}

impl Broker {
    /// Starts a broker in this directory. `config` gets the ports of its listeners, as many as it asks for.
    pub(crate) fn start<const N: usize>(dir: &Path, config: impl Fn([u16; N]) -> String) -> Broker {
        passwords(dir);
        // Another process may take a port between the choice and the broker's start.
        for _ in 0..5 {
            let ports = free_ports::<N>();
            if let Some(broker) = Broker::try_start(dir, ports.to_vec(), &config(ports)) {
                return broker;
            }
        }
        panic!("the broker did not start: {}", std::fs::read_to_string(dir.join("stderr")).unwrap_or_default());
    }

    fn try_start(dir: &Path, ports: Vec<u16>, config: &str) -> Option<Broker> {
        let log = dir.join("mosquitto.log");
        std::fs::write(&log, "").unwrap();
        // Started by root it would become a user who may not write here; started by another it stays that one.
        let text = format!("user root\nlog_dest file {}\npassword_file {}\n{config}\n", log.display(), dir.join("passwd").display());
        std::fs::write(dir.join("mosquitto.conf"), text).unwrap();
        let stderr = std::fs::File::create(dir.join("stderr")).unwrap();
        let child = Command::new(program("mosquitto", "mosquitto"))
            .arg("-c")
            .arg(dir.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut broker = Broker { child, log, ports };
        let running = wait_until("the broker's start", || {
            let log = String::from_utf8_lossy(&broker.log()).into_owned();
            let started = log.lines().any(|line| line.contains("mosquitto version ") && line.ends_with(" running"));
            if started {
                return Ok(true);
            }
            let ended = broker.child.try_wait().unwrap().is_some();
            if ended { Ok(false) } else { Err(log) }
        });
        running.then_some(broker)
    }

    /// The port of the listener with this number.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports[index]
    }

    /// The path of the log.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    /// The log as it stands.
    pub(crate) fn log(&self) -> Vec<u8> {
        std::fs::read(&self.log).unwrap_or_default()
    }

    /// The release, as the log names it.
    pub(crate) fn version(&self) -> (u32, u32, u32) {
        let log = String::from_utf8_lossy(&self.log()).into_owned();
        let version = log.split("mosquitto version ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        let mut parts = version.split('.').map(|part| part.parse().unwrap());
        let mut next = || parts.next().unwrap();
        (next(), next(), next())
    }

    /// Whether a refused password check shows the client ID.
    pub(crate) fn names_refused(&self) -> bool {
        self.version() >= (2, 0, 13)
    }

    /// Waits until the log holds this text.
    pub(crate) fn wait_for(&self, text: &str) {
        let finder = memchr::memmem::Finder::new(text);
        wait_until(text, || {
            let log = self.log();
            finder.find(&log).map(|_| ()).ok_or_else(|| String::from_utf8_lossy(&log).into_owned())
        });
    }

    /// Has it open its log anew.
    pub(crate) fn reopen_log(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports on which nothing listens, all at once so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// alice has a password; nobody else is known.
fn passwords(dir: &Path) {
    std::fs::write(dir.join("passwd"), "alice:right\n").unwrap();
    let done = Command::new(program("mosquitto_passwd", "mosquitto")).arg("-U").arg(dir.join("passwd")).output().unwrap();
    assert!(done.status.success(), "mosquitto_passwd: {}", String::from_utf8_lossy(&done.stderr));
}

/// Debian puts the broker where only root's search path finds it.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places
        .map(|place| place.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("these tests need {name} (Debian: apt-get install {package})"))
}
