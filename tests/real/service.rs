//! The daemon as a service manager runs it: with a configuration file, told by signals, telling how it stands.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::http::get as http_get;
use super::notify::Manager;
use super::wait::wait_until;

/// A configuration in a directory, and a daemon that runs with it.
pub(crate) struct Scene {
    dir: tempfile::TempDir,
    pub(crate) manager: Manager,
    pub(crate) config: PathBuf,
}

pub(crate) struct Served {
    child: Child,
    pub(crate) addr: std::net::SocketAddr,
    log: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let (manager, config) = (Manager::at(&dir.path().join("notify")), dir.path().join("turnaway.toml"));
        let scene = Scene { dir, manager, config };
        scene.refuse("a.log", "first");
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Appends a connection that is refused to a log.
    pub(crate) fn refuse(&self, log: &str, client: &str) {
        let text = format!(
            "1795446174: New connection from 192.0.2.1:5000 on port 1883.\n1795446174: Client {client} disconnected, not authorised.\n"
        );
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(self.path(log)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Writes the configuration: these sources (name and log), and these lines before them.
    pub(crate) fn configure(&self, sources: &[(&str, &str)], more: &str) {
        let mut text = format!("database = \"{}\"\n{more}\n", self.path("rows.db").display());
        for (name, log) in sources {
            let path = self.path(log);
            text.push_str(&format!("[[source]]\nname = \"{name}\"\ngrammar = \"mosquitto\"\npath = \"{}\"\n", path.display()));
        }
        std::fs::write(&self.config, text).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnaway"));
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.path("own.log")).unwrap();
        command.arg("run").arg("--config").arg(&self.config);
        command.env("NOTIFY_SOCKET", &self.manager.name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }

    pub(crate) fn start(&self, command: &mut Command) -> Served {
        let mut child = command.spawn().unwrap();
        let mut addr = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some((_, place)) = line.unwrap().split_once("http://") {
                addr = Some(place.trim_end_matches('/').parse().unwrap());
                break;
            }
        }
        let log = self.path("own.log");
        let addr = addr.unwrap_or_else(|| panic!("no address: {}", std::fs::read_to_string(&log).unwrap()));
        Served { child, addr, log }
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn run(&self) -> Served {
        let daemon = self.start(&mut self.command());
        self.manager.until("READY=1");
        daemon
    }

    /// Asks to read the configuration again, and gives the status that follows.
    pub(crate) fn reload(&self, daemon: &Served) -> String {
        daemon.signal("HUP");
        let reloading = self.manager.until("RELOADING=1");
        assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
        self.manager.until("READY=1")
    }
}

impl Served {
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap().success());
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn says(&self, text: &str) {
        wait_until(text, || if self.said().contains(text) { Ok(()) } else { Err(self.said()) });
    }

    pub(crate) fn get(&self, target: &str) -> (u16, Value) {
        http_get(self.addr, target).unwrap()
    }

    pub(crate) fn has(&self, client: &str) -> Value {
        let target = format!("/api/unauthorized/client?clientId={client}");
        wait_until(client, || match self.get(&target) {
            (200, row) => Ok(row),
            other => Err(format!("{other:?} {}", self.said())),
        })
    }

    pub(crate) fn source(&self, name: &str) -> Option<Value> {
        let (_, sources) = self.get("/api/sources");
        sources.as_array().unwrap().iter().find(|source| source["name"] == name).cloned()
    }

    /// The state of a source, once it is so: it is told after the rows.
    pub(crate) fn source_once(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait_until("the state of the source", || match self.source(name) {
            Some(source) if is_so(&source) => Ok(source),
            other => Err(format!("{other:#?}")),
        })
    }

    pub(crate) fn ends(&mut self) -> ExitStatus {
        wait_until("the end", || self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const ANY: &str = "listen = [\"127.0.0.1:0\"]";
