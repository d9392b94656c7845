//! TLS on the way to the daemon: whom it trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::CliError;
use crate::config::Files;

/// Where systems keep the authorities that everybody trusts: Debian and its kin, Red Hat's, SUSE's, Alpine and the BSDs.
const SYSTEM: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Opens TLS connections to those whose certificate an authority vouches for.
pub(super) struct Trust(TlsConnector);

impl Trust {
    /// Trusts the authorities in this file, or those of the system. A certificate that vouches for itself is its own authority.
    ///
    /// # Errors
    /// There is no such file, or no certificate in it.
    pub(super) fn new(ca_file: Option<&Path>, files: &dyn Files) -> Result<Trust, CliError> {
        let pem = match ca_file {
            Some(path) => files.read(path).map_err(|error| {
                CliError::Usage(format!("cannot read the authorities in {}: {error}; check the path and its permissions", path.display()))
            })?,
            None => SYSTEM.iter().find_map(|path| files.read(Path::new(path)).ok()).ok_or_else(|| {
                CliError::Usage(
                    "this system has no list of certificate authorities (Debian: the package ca-certificates); name a file with --ca-file"
                        .to_owned(),
                )
            })?,
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.map_err(|error| error.to_string()).and_then(|one| roots.add(one).map_err(|error| error.to_string()));
            // Lists of systems hold some that nobody can use; a file that was named is to be right.
            if let (Err(error), Some(path)) = (added, ca_file) {
                return Err(CliError::Usage(format!("the authorities in {} cannot be used: {error}", path.display())));
            }
        }
        if roots.is_empty() {
            let path = ca_file.map_or_else(|| "the system's list".to_owned(), |path| path.display().to_string());
            return Err(CliError::Usage(format!("there is no certificate in {path}; expected PEM, -----BEGIN CERTIFICATE-----")));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| CliError::System(io::Error::other(error)))?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(Trust(TlsConnector::from(Arc::new(config))))
    }

    /// Makes sure that who answers is the host of this address, HOST:PORT.
    ///
    /// # Errors
    /// It is not, speaks no TLS, or the connection breaks.
    pub(super) async fn connect(&self, address: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}
