//! Where the daemon is: as it is written, and as the configuration says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::CliError;
use crate::api::Listen;
use crate::config::{ConfigError, DEFAULT_FILE, Files, Raw, default_listen};

/// Where the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// A host and a port.
    Tcp(String),
    /// The same, by TLS.
    Tls(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Server, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err("expected a path after unix:".to_owned()) } else { Ok(Server::Unix(path.into())) };
        }
        let (text, has_tls) = text.strip_prefix("https://").map_or((text, false), |rest| (rest.strip_suffix('/').unwrap_or(rest), true));
        let plain = |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@?#\"\\".contains(&byte));
        // The colons of an IPv6 address stand in brackets.
        let port = text.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        match port {
            Some((host, port)) if plain(host) && port.parse::<u16>().is_ok_and(|port| port != 0) => {
                Ok(if has_tls { Server::Tls(text.to_owned()) } else { Server::Tcp(text.to_owned()) })
            }
            None if has_tls && plain(text) => Ok(Server::Tls(format!("{text}:443"))),
            _ => Err("expected a host and a port like 127.0.0.1:8099 (without http://), https://host, or unix:/path/of/socket".to_owned()),
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Server::Tcp(address) => f.write_str(address),
            Server::Tls(address) => write!(f, "https://{address}"),
            Server::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<&Listen> for Server {
    /// How to reach who listens there, from this machine.
    fn from(place: &Listen) -> Server {
        match place {
            Listen::Unix(path) => Server::Unix(path.clone()),
            Listen::Tcp(addr) => {
                let ip = match addr.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
                    ip => ip,
                };
                Server::Tcp(SocketAddr::new(ip, addr.port()).to_string())
            }
        }
    }
}

/// Where the daemon of this configuration listens. Without the default file, or the right to read it, at the default place.
pub(super) fn from_config(path: Option<&Path>, files: &dyn Files) -> Result<Server, CliError> {
    let default = || Server::from(&default_listen());
    let file = path.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match files.read(file) {
        Ok(text) => text,
        Err(error) if path.is_none() && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(default());
        }
        Err(source) => return Err(ConfigError::Read { path: file.to_owned(), source }.into()),
    };
    // Faults elsewhere in the file are no reason not to ask a daemon that runs.
    let raw = Raw::read(&file.display().to_string(), &text);
    let places = raw.places();
    let socket = places.iter().find(|place| matches!(place, Listen::Unix(_)));
    Ok(socket.or(places.first()).map_or_else(default, |place| match Server::from(place) {
        Server::Tcp(address) if raw.has_tls(place) => Server::Tls(address),
        server => server,
    }))
}
