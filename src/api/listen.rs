//! Where the server listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener};

use super::Tokens;
use super::rule::Rule;

/// A place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket; who may open it is an operator, unless its rule says otherwise.
    Unix(PathBuf),
}

/// A place that is listened on.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Socket,
    /// As the configuration writes it; none: the socket was handed to us.
    configured: Option<Listen>,
}

/// What is listened with.
#[derive(Debug)]
pub(super) enum Socket {
    /// A TCP address.
    Tcp(TcpListener),
    /// A Unix socket; its file is removed when this is dropped, unless it is somebody else's.
    Unix(UnixListener, #[expect(dead_code, reason = "held until it is dropped")] Option<SocketFile>),
}

/// The file of a Unix socket that we made.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

/// A socket that listens already: the service manager made it before we began.
#[derive(Debug)]
pub enum Inherited {
    /// On a TCP address.
    Tcp(std::net::TcpListener),
    /// On a path; whoever made it has chosen who may open it.
    Unix(std::os::unix::net::UnixListener),
}

/// A place that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Open to the network without tokens.
    #[error(
        "refusing to listen on {addr}, which other machines can reach, without tokens: make one with \
         `turnaway token new --role auditor` and put its hash into the configuration, or listen on 127.0.0.1"
    )]
    NeedsToken {
        /// The address.
        addr: SocketAddr,
    },
    /// Something listens there already.
    #[error("cannot listen on {place}: another program (or another turnaway) already does; stop it, or choose another place with --listen")]
    InUse {
        /// The address or path.
        place: String,
    },
    /// A file that is no socket stands where the socket should.
    #[error("cannot listen on {}: there is a file that is no socket; remove it, or choose another path", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be given to the group.
    #[error("cannot give the socket {} to the group {group}: {source}; the daemon's user must be a member of it", path.display())]
    Group {
        /// The path.
        path: PathBuf,
        /// The group's number.
        group: u32,
        /// The cause.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {place}: {source}")]
    Io {
        /// The address or path.
        place: String,
        /// The cause.
        source: io::Error,
    },
}

impl Listener {
    /// The address or path, for the log.
    pub fn place(&self) -> String {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |addr| addr.to_string()),
            Socket::Unix(listener, _) => {
                let addr = listener.local_addr().ok();
                let path = addr.as_ref().and_then(|addr| addr.as_pathname());
                path.map_or_else(|| "a socket without a path".to_owned(), |path| path.display().to_string())
            }
        }
    }

    /// How to reach it: `http://127.0.0.1:8099/`, `https://…`, or the socket's path.
    pub fn url(&self, tokens: &Tokens) -> String {
        match (self.is_tcp(), tokens.rule(self.configured()).tls) {
            (true, Some(_)) => format!("https://{}/", self.place()),
            (true, None) => format!("http://{}/", self.place()),
            (false, _) => self.place(),
        }
    }

    /// Whether browsers can reach it.
    pub fn is_tcp(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
    }

    /// The place as the configuration writes it; none for a socket that was handed to us in place of none of them.
    pub fn configured(&self) -> Option<&Listen> {
        self.configured.as_ref()
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that stays is taken over at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens on all of these places, or on none. Without tokens only loopback is allowed. It changes the process' umask for a
/// moment, to a stricter one.
///
/// # Errors
/// The first place that cannot be listened on.
pub async fn bind(places: &[Listen], tokens: &Tokens) -> Result<Vec<Listener>, ListenError> {
    allowed(places, tokens)?;
    let mut listeners = Vec::with_capacity(places.len());
    for place in places {
        let socket = match place {
            Listen::Tcp(addr) => Socket::Tcp(TcpListener::bind(addr).await.map_err(|source| failure(addr.to_string(), source))?),
            Listen::Unix(path) => unix(path, &tokens.rule(Some(place))).await?,
        };
        listeners.push(Listener { socket, configured: Some(place.clone()) });
    }
    Ok(listeners)
}

/// Whether these places may be listened on: without tokens only loopback is allowed.
///
/// # Errors
/// The first place that may not.
pub fn allowed(places: &[Listen], tokens: &Tokens) -> Result<(), ListenError> {
    let open = places.iter().find_map(|place| match place {
        Listen::Tcp(addr) if tokens.is_empty() && !addr.ip().to_canonical().is_loopback() => Some(*addr),
        _ => None,
    });
    open.map_or(Ok(()), |addr| Err(ListenError::NeedsToken { addr }))
}

/// Listens with sockets that the service manager made, under the same rule. One on a place of the configuration stands for it.
///
/// # Errors
/// A socket that other machines can reach without tokens, or that cannot be used.
pub fn adopt(sockets: Vec<Inherited>, places: &[Listen], tokens: &Tokens) -> Result<Vec<Listener>, ListenError> {
    let one = |socket| {
        let (socket, place) = match socket {
            Inherited::Tcp(listener) => {
                let addr = listener.local_addr().map_err(handed)?;
                allowed(&[Listen::Tcp(addr)], tokens)?;
                listener.set_nonblocking(true).map_err(handed)?;
                (Socket::Tcp(TcpListener::from_std(listener).map_err(handed)?), Some(Listen::Tcp(addr)))
            }
            Inherited::Unix(listener) => {
                let addr = listener.local_addr().map_err(handed)?;
                listener.set_nonblocking(true).map_err(handed)?;
                let place = addr.as_pathname().map(|path| Listen::Unix(path.to_owned()));
                (Socket::Unix(UnixListener::from_std(listener).map_err(handed)?, None), place)
            }
        };
        Ok(Listener { socket, configured: place.filter(|place| places.contains(place)) })
    };
    sockets.into_iter().map(one).collect()
}

fn handed(source: io::Error) -> ListenError {
    ListenError::Io { place: "a socket that was handed over".to_owned(), source }
}

async fn unix(path: &Path, rule: &Rule) -> Result<Socket, ListenError> {
    let place = || path.display().to_string();
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NoSocket { path: path.to_owned() }),
        // A socket that nobody answers on was left by a process that was killed.
        Ok(_) => match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(|source| failure(place(), source))?;
            }
            Ok(_) => return Err(ListenError::InUse { place: place() }),
            Err(source) => return Err(failure(place(), source)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(failure(place(), source)),
    }
    // The mode must be right from the first instant: between bind and chmod anyone could connect.
    let before = umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.map_err(|source| failure(place(), source))?;
    let file = SocketFile(path.to_owned());
    if rule.group.is_some() {
        std::os::unix::fs::chown(path, None, rule.group).map_err(|source| ListenError::Group {
            path: path.to_owned(),
            group: rule.group.unwrap_or_default(),
            source,
        })?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(rule.mode)).map_err(|source| failure(place(), source))?;
    Ok(Socket::Unix(listener, Some(file)))
}

fn failure(place: String, source: io::Error) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { place },
        _ => ListenError::Io { place, source },
    }
}
