//! TLS for a listener: certificate and key from files, read anew when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Where a listener's certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM, not encrypted.
    pub key: PathBuf,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("cannot read the {what} in {}: {source}; check the path, its permissions and that it is PEM", path.display())]
    Read {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: pem::Error,
    },
    /// The two do not go together.
    #[error("the certificate in {} cannot be used with the key in {}: {source}", files.certificate.display(), files.key.display())]
    Mismatch {
        /// The files.
        files: TlsFiles,
        /// The cause.
        source: rustls::Error,
    },
}

/// A certificate in use. Connections that are open keep the one they began with.
pub struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

struct State {
    acceptor: TlsAcceptor,
    /// What the files looked like when they were read last, whatever came of it.
    seen: [Seen; 2],
}

/// What tells that a file was changed: replaced, or written to.
type Seen = Option<(u64, u64, Option<SystemTime>)>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be read, or they do not go together.
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        let seen = look(&files);
        let acceptor = read(&files)?;
        Ok(Tls { files, state: Mutex::new(State { acceptor, seen }) })
    }

    /// Reads the files again. If that fails, the old certificate stays in use.
    ///
    /// # Errors
    /// As for [`Tls::load`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let seen = look(&self.files);
        let read = read(&self.files);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen = seen;
        state.acceptor = read?;
        Ok(())
    }

    /// What the next connection begins with: a renewed certificate as soon as its files are there. Looking costs two calls of the
    /// system, and a connection many.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let state = || self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = state().seen != look(&self.files);
        if is_changed {
            match self.reload() {
                Ok(()) => tracing::info!(certificate = %self.files.certificate.display(), "the certificate was renewed"),
                // Said once for each change: a certificate may be there before its key.
                Err(error) => tracing::warn!(%error, "the changed certificate is not used; the old one stays"),
            }
        }
        let state = state();
        state.acceptor.clone()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Two are the same when they read the same files.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        self.files == other.files
    }
}

fn look(files: &TlsFiles) -> [Seen; 2] {
    use std::os::unix::fs::MetadataExt as _;
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).ok().map(|found| (found.ino(), found.len(), found.modified().ok())))
}

fn read(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Read { what, path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(failed("certificate", &files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(failed("key", &files.key))?;
    let mismatch = |source| TlsError::Mismatch { files: files.clone(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
