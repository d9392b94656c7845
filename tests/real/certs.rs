//! Certificates for the tests, made by the `openssl` command.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of certificates: `ca`, `server`, `client`, `expired`, `future`, `nameless` (no common name), all from `ca`;
/// `stranger` from `other-ca`; `self-signed`. Each is `NAME.pem` with `NAME.key`.
pub(crate) struct Certs {
    dir: PathBuf,
}

/// Only needed to write certificates that are not valid today.
const CONFIG: &str = "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nnew_certs_dir = .\nserial = serial\ndefault_md = sha256\n\
                      policy = any\nunique_subject = no\n[any]\ncommonName = optional\norganizationName = optional\n";

impl Certs {
    /// Makes them all.
    pub(crate) fn make(dir: &Path) -> Certs {
        let certs = Certs { dir: dir.to_owned() };
        std::fs::create_dir_all(dir).unwrap();
        for (name, text) in
            [("ca.cnf", CONFIG), ("index.txt", ""), ("serial", "1000"), ("san", "subjectAltName = DNS:localhost,IP:127.0.0.1\n")]
        {
            std::fs::write(dir.join(name), text).unwrap();
        }
        certs.root("ca");
        certs.root("other-ca");
        certs.root("self-signed");
        certs.signed("server", "/CN=localhost", "ca", &["-days", "7", "-extfile", "san"]);
        certs.signed("client", "/CN=sensor", "ca", &["-days", "7"]);
        certs.signed("nameless", "/O=nobody", "ca", &["-days", "7"]);
        certs.signed("stranger", "/CN=sensor", "other-ca", &["-days", "7"]);
        certs.dated("expired", "20200101000000Z", "20200201000000Z");
        certs.dated("future", "20480101000000Z", "20480201000000Z");
        certs
    }

    /// The certificate of this name.
    pub(crate) fn pem(&self, name: &str) -> String {
        self.dir.join(format!("{name}.pem")).display().to_string()
    }

    /// Its key.
    pub(crate) fn key(&self, name: &str) -> String {
        self.dir.join(format!("{name}.key")).display().to_string()
    }

    fn root(&self, name: &str) {
        let subject = format!("/CN={name}");
        self.key_and(&["-x509", "-days", "7", "-out", &format!("{name}.pem")], name, &subject);
    }

    fn signed(&self, name: &str, subject: &str, by: &str, more: &[&str]) {
        let (request, out) = (format!("{name}.csr"), format!("{name}.pem"));
        let (ca, key) = (format!("{by}.pem"), format!("{by}.key"));
        self.key_and(&["-out", &request], name, subject);
        self.openssl(&[&["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &key, "-CAcreateserial", "-out", &out], more].concat());
    }

    fn dated(&self, name: &str, from: &str, to: &str) {
        let (request, out) = (format!("{name}.csr"), format!("{name}.pem"));
        self.key_and(&["-out", &request], name, "/CN=sensor");
        let who = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
        self.openssl(&[&who[..], &["-in", &request, "-out", &out, "-startdate", from, "-enddate", to]].concat());
    }

    fn key_and(&self, more: &[&str], name: &str, subject: &str) {
        let key = format!("{name}.key");
        let curve = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", &key, "-subj", subject];
        self.openssl(&[&curve[..], more].concat());
    }

    fn openssl(&self, args: &[&str]) {
        let done = Command::new("openssl").args(args).current_dir(&self.dir).output();
        let done = done.unwrap_or_else(|error| panic!("these tests need the openssl command (Debian: apt-get install openssl): {error}"));
        assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}
