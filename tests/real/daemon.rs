//! The daemon as a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::http;
use super::wait::wait_until;

/// What a daemon is started with, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) tls_ports: Vec<u16>,
    /// What stands behind each `--log`.
    pub(crate) logs: Vec<String>,
    pub(crate) timezone: Option<String>,
}

/// A running daemon. Killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    addr: SocketAddr,
    setup: Setup,
}

impl Setup {
    /// A daemon that reads `mosquitto.log` of this directory and keeps its table there.
    pub(crate) fn new(dir: &std::path::Path) -> Setup {
        let log = dir.join("mosquitto.log");
        let logs = vec![format!("mosquitto={}", log.display())];
        Setup { dir: dir.to_owned(), log, tls_ports: vec![], logs, timezone: None }
    }

    /// Where the rows are kept.
    pub(crate) fn db(&self) -> PathBuf {
        self.dir.join("turnaway.db")
    }

    /// The Unix socket of the API.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("turnaway.sock")
    }

    /// Starts it and waits until it has read all logs once: from then on it knows every file that is renamed.
    pub(crate) fn start_ready(&self) -> Daemon {
        let daemon = self.start();
        wait_until("readiness", || match daemon.get("/readyz") {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        daemon
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&self) -> Daemon {
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("turnaway.stderr")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnaway"));
        command.arg("run");
        for log in &self.logs {
            command.arg("--log").arg(log);
        }
        if let Some(zone) = &self.timezone {
            command.arg("--timezone").arg(zone);
        }
        command.arg("--db").arg(self.db()).args(["--listen", "127.0.0.1:0", "--listen"]).arg(format!("unix:{}", self.socket().display()));
        for port in &self.tls_ports {
            command.args(["--tls-port", &port.to_string()]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let mut daemon = Daemon { child, addr: ([127, 0, 0, 1], 0).into(), setup: self.clone() };
        let place = loop {
            let line =
                receive.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|error| panic!("no address: {error}: {}", daemon.said()));
            if let Some((_, place)) = line.split_once("http://") {
                break place.trim_end_matches('/').to_owned();
            }
        };
        daemon.addr = place.parse().unwrap();
        daemon
    }
}

impl Daemon {
    /// What it wrote to its own log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.setup.dir.join("turnaway.stderr")).unwrap_or_default()
    }

    /// GET.
    pub(crate) fn get(&self, target: &str) -> (u16, Value) {
        http::get(self.addr, target).unwrap_or_else(|error| panic!("GET {target}: {error}\n{}", self.said()))
    }

    /// All rows, in the order of their client IDs.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for page in 0.. {
            let (status, body) = self.get(&format!("/api/unauthorized/client?pageSize=100&page={page}&sortProperty=clientId"));
            assert_eq!(status, 200, "{body}");
            rows.extend(body["data"].as_array().unwrap().iter().cloned());
            if body["hasNext"] == false {
                break;
            }
        }
        rows
    }

    /// Waits until the table is this one.
    pub(crate) fn wait_for_rows(&self, want: &[Value]) {
        let sorted = |mut rows: Vec<Value>| {
            rows.sort_by_key(|row| (row["clientId"].to_string(), row["identity"].to_string()));
            rows
        };
        let want = sorted(want.to_vec());
        wait_until("the table", || {
            let rows = sorted(self.rows());
            if rows == want { Ok(()) } else { Err(difference(&rows, &want)) }
        });
    }

    /// Waits until a client has a row, and gives it.
    pub(crate) fn wait_for(&self, client_id: &str) -> Value {
        let target = format!("/api/unauthorized/client?clientId={}", http::encoded(client_id));
        wait_until(client_id, || match self.get(&target) {
            (200, row) => Ok(row),
            other => Err(format!("{other:?}\n{}", self.said())),
        })
    }

    /// Deletes a client's row.
    pub(crate) fn delete(&self, client_id: &str) -> u16 {
        let target = format!("/api/unauthorized/client?clientId={}", http::encoded(client_id));
        http::delete(&self.setup.socket(), &target).unwrap().0
    }

    /// Kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What two tables do not share.
fn difference(rows: &[Value], want: &[Value]) -> String {
    let lacking: Vec<&Value> = want.iter().filter(|row| !rows.contains(row)).collect();
    let surplus: Vec<&Value> = rows.iter().filter(|row| !want.contains(row)).collect();
    let show = |rows: &[&Value]| rows.iter().take(3).map(|row| format!("{row:#}")).collect::<Vec<_>>().join("\n");
    format!("lacking {}:\n{}\nsurplus {}:\n{}", lacking.len(), show(&lacking), surplus.len(), show(&surplus))
}
