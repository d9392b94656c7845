//! Where the server listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener};

use super::Tokens;

/// A place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket; who may open it is an operator, so it gets the mode 0660.
    Unix(PathBuf),
}

/// A place that is listened on.
#[derive(Debug)]
pub enum Listener {
    /// A TCP address.
    Tcp(TcpListener),
    /// A Unix socket, removed when this is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

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
        match self {
            Listener::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |addr| addr.to_string()),
            Listener::Unix(_, file) => file.0.display().to_string(),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that stays is taken over at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens on all of these places, or on none. Without tokens only loopback is allowed. Call it while the program starts:
/// it changes the process' umask for a moment.
pub async fn bind(places: &[Listen], tokens: &Tokens) -> Result<Vec<Listener>, ListenError> {
    for place in places {
        if let Listen::Tcp(addr) = place
            && tokens.is_empty()
            && !addr.ip().to_canonical().is_loopback()
        {
            return Err(ListenError::NeedsToken { addr: *addr });
        }
    }
    let mut listeners = Vec::with_capacity(places.len());
    for place in places {
        listeners.push(match place {
            Listen::Tcp(addr) => Listener::Tcp(TcpListener::bind(addr).await.map_err(|source| failure(addr.to_string(), source))?),
            Listen::Unix(path) => unix(path).await?,
        });
    }
    Ok(listeners)
}

async fn unix(path: &Path) -> Result<Listener, ListenError> {
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
    let before = umask(Mode::from_raw_mode(0o117));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.map_err(|source| failure(place(), source))?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(|source| failure(place(), source))?;
    Ok(Listener::Unix(listener, file))
}

fn failure(place: String, source: io::Error) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { place },
        _ => ListenError::Io { place, source },
    }
}
