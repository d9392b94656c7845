//! A listener with TLS, and certificates that are renewed while it runs.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use turnaway::api::{Tls, TlsFiles};

use super::harness::*;

const OLD: [&str; 2] = [include_str!("tls/old.pem"), include_str!("tls/old.key")];
const NEW: [&str; 2] = [include_str!("tls/new.pem"), include_str!("tls/new.key")];

struct Served {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    tls: Arc<Tls>,
    _stop: oneshot::Sender<()>,
}

impl Served {
    fn write(&self, name: &str, text: &str) {
        // As renewing programs do: a new file takes the place of the old one.
        let fresh = self.dir.path().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.dir.path().join(name)).unwrap();
    }

    /// Asks by TLS, trusting this certificate only.
    async fn ask(&self, trusted: &str) -> Result<Answer, std::io::Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(exchange(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await)
    }
}

async fn serve_tls(limits: Limits) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    std::fs::write(&files.certificate, OLD[0]).unwrap();
    std::fs::write(&files.key, OLD[1]).unwrap();
    let tls = Arc::new(Tls::load(files).unwrap());
    let place = Listen::Tcp("127.0.0.3:0".parse().unwrap());
    let rule = Rule { tls: Some(tls.clone()), ..Rule::default() };
    let tokens = Tokens::default().with_rules(Rules::new(vec![(place.clone(), rule)]));
    let listeners = bind(&[place], &tokens).await.unwrap();
    assert!(listeners[0].url(&tokens).starts_with("https://127.0.0.3:"));
    let addr = listeners[0].place().parse().unwrap();
    let api = Api {
        store: Arc::new(SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap()),
        clock: Arc::new(Still),
        tokens,
        hosts: vec![],
        sources: Arc::new(|| json!([])),
        ready: Arc::new(|| Ok(())),
        metrics: Arc::new(Metrics::default()),
        limits,
    };
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(serve(listeners, api, async {
        let _ = stopped.await;
    }));
    Served { dir, addr, tls, _stop: stop }
}

#[tokio::test]
async fn a_certificate_that_was_renewed_is_used_without_a_restart() {
    let served = serve_tls(Limits::default()).await;
    assert_eq!(served.ask(OLD[0]).await.unwrap().status, 200);
    assert!(served.ask(NEW[0]).await.is_err(), "not trusted yet");
    // The certificate comes before its key: until both are there the old one stays.
    served.write("cert.pem", NEW[0]);
    assert_eq!(served.ask(OLD[0]).await.unwrap().status, 200);
    assert!(served.tls.reload().unwrap_err().to_string().contains("cannot be used with the key"));
    served.write("key.pem", NEW[1]);
    assert_eq!(served.ask(NEW[0]).await.unwrap().status, 200);
    assert!(served.ask(OLD[0]).await.is_err());
    // What is no certificate takes nothing away.
    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
        served.write("cert.pem", text);
        assert_eq!(served.ask(NEW[0]).await.unwrap().status, 200, "{text}");
        assert!(served.tls.reload().unwrap_err().to_string().contains("cert.pem"));
    }
    std::fs::remove_file(served.dir.path().join("key.pem")).unwrap();
    assert_eq!(served.ask(NEW[0]).await.unwrap().status, 200);
    assert!(served.tls.reload().is_err());
    served.write("cert.pem", OLD[0]);
    served.write("key.pem", OLD[1]);
    served.tls.reload().unwrap();
    assert_eq!(served.ask(OLD[0]).await.unwrap().status, 200);
}

#[tokio::test]
async fn who_speaks_no_tls_or_stops_in_the_handshake_is_let_go() {
    let served = serve_tls(Limits { header_read: Duration::from_millis(20), connections: 1, ..Limits::default() }).await;
    for bytes in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"", b"\x16\x03\x01\x02", &[0xff; 4_000]] {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let answer = read_answer(stream).await;
        assert_eq!(answer.status, 0, "{answer:?}");
    }
    assert_eq!(served.ask(OLD[0]).await.unwrap().status, 200, "the one slot is free again");
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: dir.path().join("c"), key: dir.path().join("k") };
    let error = |files: &TlsFiles| Tls::load(files.clone()).unwrap_err().to_string();
    assert!(error(&files).starts_with("cannot read the certificate in"), "{}", error(&files));
    std::fs::write(&files.certificate, OLD[0]).unwrap();
    assert!(error(&files).starts_with("cannot read the key in"), "{}", error(&files));
    std::fs::write(&files.key, NEW[1]).unwrap();
    assert!(error(&files).starts_with("the certificate in"), "{}", error(&files));
}
