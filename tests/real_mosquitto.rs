//! A real Mosquitto, real clients that fail in every way, and the rows that come of it, compared with what the clients did.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::net::Ipv4Addr;

use real::{
    Broker, Certs, Client, Connect, Daemon, Fate, Session, Setup, TlsClient, Truth, attempt, certain, connect, dial, engine_rows,
    half_close, subscribe, tls_attempt, unsubscribe, wait_until,
};
use serde_json::Value;

const CREDENTIALS: &[&str] = &["no-credentials-found"];
const PASSWORD: &[&str] = &["password-does-not-match"];
const NO_PASSWORD: &[&str] = &["no-password-provided"];
const MALFORMED: &[&str] = &["cannot-parse-basic-credentials"];
/// Up to 2.0 the log hides that the username was what was malformed.
const MALFORMED_OR_HIDDEN: &[&str] = &["cannot-parse-basic-credentials", "other"];
const OTHER: &[&str] = &["other"];

/// A broker, the daemon that reads its log, and what was done to the broker.
struct Scene {
    dir: tempfile::TempDir,
    broker: Broker,
    daemon: Option<Daemon>,
    setup: Setup,
    truth: Truth,
    next: u16,
}

impl Scene {
    /// `tls` are the listeners that use TLS.
    fn start<const N: usize>(config: impl Fn(&std::path::Path, [u16; N]) -> String, tls: &[usize]) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let broker = Broker::start(dir.path(), |ports| config(dir.path(), ports));
        let mut setup = Setup::new(dir.path());
        setup.tls_ports = tls.iter().map(|index| broker.port(*index)).collect();
        let daemon = Some(setup.start_ready());
        Scene { dir, broker, daemon, setup, truth: Truth::default(), next: 0 }
    }

    /// One plaintext listener.
    fn plaintext(more: &str) -> Scene {
        Scene::start(|_, [port]: [u16; 1]| format!("listener {port} 127.0.0.1\nallow_anonymous false\nmax_packet_size 2000\n{more}"), &[])
    }

    fn port(&self) -> u16 {
        self.broker.port(0)
    }

    /// An address that no other client of this test has.
    fn address(&mut self) -> Ipv4Addr {
        self.next += 1;
        let [high, low] = (self.next + 300).to_be_bytes();
        Ipv4Addr::new(127, 40 + high, low, 7)
    }

    fn note(&mut self, what: &'static str, from: Ipv4Addr, client: Option<&Connect>, fate: Fate, why: &'static [&'static str]) {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.truth.clients.push(Client {
            from,
            what,
            client_id: client.map(|client| text(&client.client_id)).unwrap_or_default(),
            username: client.and_then(|client| client.username.as_ref()).map(text),
            password: client.is_some_and(|client| client.password.is_some()),
            tls: false,
            fate,
            why,
        });
    }

    /// A client that must be refused.
    fn refused(&mut self, what: &'static str, client: Connect, why: &'static [&'static str]) {
        let from = self.address();
        assert!(connect(from, self.port(), &client).is_err(), "{what} was accepted");
        self.note(what, from, Some(&client), Fate::Refused, why);
    }

    /// Bytes that are no CONNECT, or none that can be read.
    fn garbage(&mut self, what: &'static str, bytes: &[u8]) {
        let from = self.address();
        assert!(attempt(from, self.port(), bytes).is_err(), "{what} was accepted");
        self.note(what, from, None, Fate::Refused, OTHER);
    }

    /// A client that goes before it has said enough to be refused.
    fn leaves(&mut self, what: &'static str, bytes: &[u8], fate: Fate) {
        let from = self.address();
        half_close(from, self.port(), bytes);
        self.note(what, from, None, fate, OTHER);
    }

    /// A client that must be accepted.
    fn accepted(&mut self, client: Connect) -> Session {
        let (from, client) = (self.address(), client.username("alice").password("right"));
        let session = connect(from, self.port(), &client).unwrap_or_else(|code| panic!("{client:?} was refused: {code:?}"));
        self.note("accepted", from, Some(&client), Fate::Accepted, &[]);
        session
    }

    /// A client whose row goes because it connected later.
    fn forget(&mut self, client_id: &str) {
        let gone = |client: &&mut Client| client.client_id == client_id && client.fate == Fate::Refused;
        self.truth.clients.iter_mut().find(gone).unwrap().fate = Fate::Left;
    }

    /// The rows, when the broker has written everything: as the API gives them, and they are those of an uninterrupted run.
    fn rows(&mut self) -> Vec<Value> {
        self.accepted(Connect::new("the last one")).disconnect();
        self.broker.wait_for("Client the last one disconnected");
        let rows = engine_rows(&self.broker.log(), &self.setup.tls_ports);
        if let Some(daemon) = &self.daemon {
            daemon.wait_for_rows(&rows);
        }
        rows
    }
}

/// Everything that can be wrong with one client at a time, on a plaintext listener.
fn every_failure(scene: &mut Scene) {
    let alice = |id: &str| Connect::new(id).username("alice");
    let no_username = |id: &str| Connect::new(id).password("secret");

    scene.refused("wrong password", alice("wrong-1").password("wrong"), PASSWORD);
    scene.refused("wrong password, 3.1", alice("wrong-2").password("wrong").v31(), PASSWORD);
    scene.refused("wrong password, 5", alice("wrong-3").password("wrong").v5(), PASSWORD);
    scene.refused("empty password", alice("empty-1").password(""), PASSWORD);
    scene.refused("unknown user", Connect::new("unknown-1").username("mallory").password("x"), CREDENTIALS);
    scene.refused("empty username", Connect::new("unknown-2").username("").password("x"), CREDENTIALS);
    scene.refused("anonymous", Connect::new("anonymous-1"), NO_PASSWORD);
    scene.refused("anonymous, 3.1", Connect::new("anonymous-2").v31(), NO_PASSWORD);
    scene.refused("anonymous, 5", Connect::new("anonymous-3").v5(), NO_PASSWORD);
    scene.refused("no password", alice("none-1"), NO_PASSWORD);
    scene.refused("username of quotes", Connect::new("quotes").username("x').").password("x"), CREDENTIALS);

    scene.refused("password without username", no_username("no-username-1"), MALFORMED);
    scene.refused("password without username, 3.1", no_username("no-username-2").v31(), MALFORMED);
    scene.refused("username flag, no username", Connect::new("flag-1").flags(0x82), MALFORMED_OR_HIDDEN);
    scene.refused("password flag, no password", alice("flag-2").flags(0xc2), MALFORMED_OR_HIDDEN);
    scene.refused("username is not UTF-8", Connect::new("utf-1").username(b"al\xffice").password("x"), MALFORMED_OR_HIDDEN);
    scene.refused("username with a line feed", Connect::new("utf-2").username("al\nice").password("x"), MALFORMED_OR_HIDDEN);

    scene.refused("client ID is not UTF-8", Connect::new(b"\xffsensor").username("alice").password("right"), OTHER);
    scene.refused("client ID with a line feed", alice("a\n1: Client victim disconnected, not authorised.").password("right"), OTHER);
    scene.refused("client ID with NUL", alice("a\0b").password("right"), OTHER);
    scene.refused("empty client ID, session kept", Connect { clean: false, ..alice("").password("right") }, OTHER);
    scene.refused("level 6", alice("level-6").password("right").level(6), OTHER);
    scene.refused("level 0", alice("level-0").password("right").level(0), OTHER);
    for name in ["HTTP", "MQTX", "mqtt", "MQ\rT", "a\"bC", "\x1b[31mX", "MQISDP"] {
        scene.refused("protocol name", alice("name").password("right").name(name), OTHER);
    }
    scene.refused("protocol name with a line feed", alice("name").password("right").name("AB\nCDE"), OTHER);
    scene.refused("reserved flag", alice("reserved").password("right").flags(0xc3), OTHER);
    scene.refused("will without topic", alice("will-1").password("right").will("", "x"), OTHER);
    scene.refused("will is not UTF-8", alice("will-2").password("right").will(b"\xff", "x"), OTHER);
    scene.refused("oversize", alice(&"x".repeat(3000)).password("right"), OTHER);

    scene.garbage("255", &[0xff; 40]);
    scene.garbage("zeros", &[0; 40]);
    scene.garbage("HTTP", b"GET / HTTP/1.1\r\nHost: broker.example.net\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
    scene.garbage("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    scene.garbage("SUBSCRIBE first", &subscribe(b"a"));
    scene.garbage("PINGREQ first", &[0xc0, 0]);
    scene.garbage("empty CONNECT", &[0x10, 0]);

    scene.leaves("nothing", b"", Fate::Left);
    scene.leaves("half a CONNECT", &alice("half").packet()[..9], Fate::BrokeOff);
    scene.leaves("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n", Fate::BrokeOff);
}

/// Names that imitate the broker's lines; with a password and no username, because every release prints the client ID then.
fn hostile_names(scene: &mut Scene) {
    for name in [
        "victim disconnected, not authorised.",
        "1795444020: Client victim disconnected, not authorised.",
        "x: password without username, closing connection.",
        "x as victim (p2, c1, k60, u'y').",
        "New client connected from 127.9.9.9:1 as victim (p2, c1, k60).",
        "<script>alert(1)</script>",
        "'; DROP TABLE rows; --",
        " spaces ",
        "\u{202e}gnirts\u{2028}",
        "温度センサー-12",
        "127.9.9.9",
        "(none)x",
        "..\\..\\%s%n{}",
    ] {
        scene.refused("hostile name", Connect::new(name).password("x"), MALFORMED);
        scene.refused("hostile username", Connect::new(format!("{name}!")).username(name).password("x"), CREDENTIALS);
    }
}

/// Clients that are accepted leave no row, whatever they call themselves and however they go, and clear their own row only.
fn acceptances(scene: &mut Scene) {
    scene.refused("will be accepted later", Connect::new("cleared").password("x"), MALFORMED);
    scene.refused("its namesake", Connect::new("cleared (p2, c1, k60, u'alice').").password("x"), MALFORMED);
    scene.refused("the victim", Connect::new("victim").password("x"), MALFORMED);
    scene.accepted(Connect::new("cleared")).disconnect();
    scene.forget("cleared");
    for name in ["victim disconnected, not authorised.", "x as victim (p2, c1, k60, u'y').", "Client victim", "Victim", "victim "] {
        scene.accepted(Connect::new(format!("{name}?"))).disconnect();
        scene.accepted(Connect::new(format!("{name}?"))).cut();
    }
    scene.accepted(Connect::new("3.1").v31()).disconnect();
    scene.accepted(Connect::new("5").v5()).disconnect();
    scene.accepted(Connect::new("goes without a word")).cut();
    scene.accepted(Connect::new("reset")).reset();
    scene.broker.wait_for("Client reset ");
    let taken_over = scene.accepted(Connect::new("twice"));
    scene.accepted(Connect::new("twice")).disconnect();
    drop(taken_over);
    let mut twice = scene.accepted(Connect::new("second CONNECT"));
    twice.send(&Connect::new("second CONNECT").packet());
}

/// TLS listeners that require a certificate; the second takes the username from it.
const TLS: usize = 1;
const IDENTITY: usize = 2;

fn tls_scene(more: &str) -> (Scene, Certs, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::make(dir.path());
    let scene = Scene::start(
        |_, [plain, tls, identity]: [u16; 3]| {
            let (ca, pem, key) = (certs.pem("ca"), certs.pem("server"), certs.key("server"));
            let files = format!("cafile {ca}\ncertfile {pem}\nkeyfile {key}\nrequire_certificate true\n");
            format!(
                "allow_anonymous false\nlistener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\n{files}listener {identity} 127.0.0.1\n\
                 {files}use_identity_as_username true\n{more}"
            )
        },
        &[TLS, IDENTITY],
    );
    (scene, certs, dir)
}

/// Every way to fail before or in the TLS handshake.
fn tls_failures(more: &str) {
    let (mut scene, certs, _files) = tls_scene(more);
    let pair = |name: &str| (certs.pem(name), certs.key(name));
    let (ca, other) = (certs.pem("ca"), certs.pem("other-ca"));
    let alice = |id: &str| Connect::new(id).username("alice");
    let chain: &[&str] = &["x509-authentication-failure"];
    let tls = |scene: &mut Scene, what, listener, own: Option<&str>, tls: TlsClient<'_>, client: Connect, why: &'static [&'static str]| {
        let from = scene.address();
        let own = own.map(pair);
        let own = own.as_ref().map(|(pem, key)| (pem.as_str(), key.as_str()));
        let accepted = tls_attempt(from, scene.broker.port(listener), TlsClient { own, ..tls }, &client);
        assert_eq!(accepted, why.is_empty(), "{what}");
        scene.note(what, from, Some(&client), if accepted { Fate::Accepted } else { Fate::Refused }, why);
        scene.truth.clients.last_mut().unwrap().tls = true;
    };
    let any = TlsClient::default();
    let tls12 = TlsClient { options: &["-tls1_2"], ..any };
    for (what, version) in [("TLS 1.3", any), ("TLS 1.2", tls12)] {
        tls(&mut scene, what, TLS, None, version, alice("a"), &["peer-identity-not-verified"]);
        tls(&mut scene, what, TLS, Some("self-signed"), version, alice("b"), chain);
        tls(&mut scene, what, TLS, Some("stranger"), version, alice("c"), chain);
        tls(&mut scene, what, TLS, Some("expired"), version, alice("d"), chain);
        tls(&mut scene, what, TLS, Some("future"), version, alice("e"), chain);
        let wary = TlsClient { trusts: Some(&other), ..version };
        tls(&mut scene, what, TLS, Some("client"), wary, alice("f"), OTHER);
        let trusting = TlsClient { trusts: Some(&ca), ..version };
        tls(&mut scene, what, TLS, Some("client"), trusting, alice(&format!("{what}-0")).password("wrong"), PASSWORD);
        tls(&mut scene, what, TLS, Some("client"), trusting, alice("TLS and right password").password("right"), &[]);
        tls(
            &mut scene,
            what,
            IDENTITY,
            Some("nameless"),
            version,
            Connect::new(format!("{what}-1")),
            &["failed-to-get-client-certificate-cn"],
        );
        tls(&mut scene, what, IDENTITY, Some("client"), version, Connect::new(format!("{what}-2")), &[]);
        tls(&mut scene, what, IDENTITY, None, version, Connect::new("g"), &["peer-identity-not-verified"]);
    }
    let plain: [(&str, Vec<u8>); 3] = [
        ("MQTT to a TLS port", alice("plain").password("right").packet()),
        ("HTTP to a TLS port", b"GET / HTTP/1.1\r\nHost: broker.example.net\r\n\r\n".to_vec()),
        ("garbage to a TLS port", vec![0xff; 64]),
    ];
    for (what, bytes) in plain {
        let from = scene.address();
        assert!(attempt(from, scene.broker.port(TLS), &bytes).is_err());
        scene.note(what, from, None, Fate::Refused, OTHER);
    }
    let from = scene.address();
    half_close(from, scene.broker.port(TLS), b"");
    scene.note("probe of a TLS port", from, None, Fate::BrokeOff, OTHER);
    let from = scene.address();
    let client = alice("TLS to a plaintext port").password("right");
    assert!(!tls_attempt(from, scene.port(), any, &client));
    scene.note("TLS to a plaintext port", from, Some(&client), Fate::Refused, OTHER);
    scene.truth.clients.last_mut().unwrap().tls = true;
    scene.refused("plaintext", alice("no TLS").password("wrong"), PASSWORD);

    let rows = scene.rows();
    scene.truth.each_has_its_row(&rows);
    for client in scene.truth.clients.iter().filter(|client| client.fate == Fate::Refused && client.why != OTHER) {
        let row = rows.iter().find(|row| row["ipAddress"] == client.from.to_string()).unwrap();
        assert_eq!(certain(row, "tlsUsed"), Some(&Value::from(client.tls)), "{client:#?}\n{row:#}");
    }
}

#[test]
fn every_failure_of_tls_has_its_row() {
    tls_failures("");
}

#[test]
fn every_failure_of_tls_has_its_row_in_the_most_talkative_log() {
    tls_failures("log_type all");
}

fn one_after_the_other(more: &str) {
    let mut scene = Scene::plaintext(more);
    every_failure(&mut scene);
    hostile_names(&mut scene);
    acceptances(&mut scene);
    let rows = scene.rows();
    scene.truth.each_has_its_row(&rows);
    if scene.broker.names_refused() {
        assert!(rows.iter().any(|row| row["clientId"] == "wrong-1"), "{rows:#?}");
    }
}

#[test]
fn every_refused_client_and_nobody_else_has_a_row() {
    one_after_the_other("");
}

#[test]
fn the_same_with_the_most_talkative_log() {
    one_after_the_other("log_type all");
}

#[test]
fn the_same_with_readable_stamps() {
    one_after_the_other("log_timestamp_format %Y-%m-%dT%H:%M:%S%z");
}

/// Silent connections stay open all the while, and clients fail at once: nothing that is said for certain may be wrong.
#[test]
fn many_at_once() {
    for more in ["", "log_type all"] {
        let mut scene = Scene::plaintext(more);
        let port = scene.port();
        let mut silent = Vec::new();
        for round in 0..8 {
            let from = scene.address();
            silent.push(dial(from, port));
            scene.note("silent", from, None, Fate::Left, &[]);
            let clients: Vec<(Ipv4Addr, Connect)> = (0..8)
                .map(|number| (scene.address(), Connect::new(format!("many-{round}-{number}")).username("alice").password("wrong")))
                .collect();
            std::thread::scope(|scope| {
                for (from, client) in &clients {
                    scope.spawn(move || assert!(connect(*from, port, client).is_err()));
                }
            });
            for (from, client) in &clients {
                scene.note("one of many", *from, Some(client), Fate::Refused, PASSWORD);
            }
            if round % 2 == 1 {
                drop(silent.remove(0));
            }
        }
        let rows = scene.rows();
        scene.truth.no_certain_error(&rows);
        let attempts: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum();
        assert_eq!(attempts, 64, "{rows:#?}");
    }
}

/// Renamed while the broker still writes it, then opened anew: what Debian's logrotate does.
#[test]
fn the_broker_changes_its_log() {
    let mut scene = Scene::plaintext("");
    let alice = |id: String| Connect::new(id).username("alice").password("wrong");
    let mut whole = Vec::new();
    for turn in 0..4 {
        scene.refused("before", alice(format!("before-{turn}")), PASSWORD);
        let old = scene.dir.path().join(format!("mosquitto.log.{turn}"));
        std::fs::rename(scene.broker.log_path(), &old).unwrap();
        scene.refused("between", alice(format!("between-{turn}")), PASSWORD);
        scene.broker.reopen_log();
        wait_until("the new log", || if scene.broker.log_path().exists() { Ok(()) } else { Err(String::new()) });
        whole.extend(std::fs::read(&old).unwrap());
    }
    scene.refused("after", alice("after".to_owned()), PASSWORD);
    scene.accepted(Connect::new("the last one")).disconnect();
    scene.broker.wait_for("Client the last one disconnected");
    whole.extend(scene.broker.log());
    let rows = engine_rows(&whole, &[]);
    if let Some(daemon) = &scene.daemon {
        daemon.wait_for_rows(&rows);
    }
    scene.truth.each_has_its_row(&rows);
}

/// The daemon is killed while clients are being refused.
#[test]
fn killed_while_clients_are_refused() {
    let mut scene = Scene::plaintext("");
    for turn in 0..6 {
        let silent = dial(scene.address(), scene.port());
        scene.note("silent", silent.local_addr().map(|addr| addr.ip().to_string().parse().unwrap()).unwrap(), None, Fate::Left, &[]);
        scene.refused("one", Connect::new(format!("killed-{turn}")).password("x"), MALFORMED);
        if let Some(daemon) = scene.daemon.take() {
            daemon.kill();
        }
        scene.refused("two", Connect::new("anonymous"), NO_PASSWORD);
        drop(silent);
        scene.daemon = Some(scene.setup.start());
        scene.refused("three", Connect::new("alice").username("alice").password("wrong"), PASSWORD);
    }
    let rows = scene.rows();
    scene.truth.no_certain_error(&rows);
}

/// An accepted client whose subscriptions are logged writes lines that begin with its name: none of them may make a row of
/// another client, or take one away.
#[test]
#[ignore = "not yet: with log_type all an accepted client's subscriptions are taken for the broker's own words"]
fn subscriptions_forge_nothing_for_certain() {
    let mut scene = Scene::plaintext("log_type all");
    scene.refused("the victim", Connect::new("victim").password("x"), MALFORMED);
    let silent = dial(scene.address(), scene.port());
    scene.note("silent", silent.local_addr().map(|addr| addr.ip().to_string().parse().unwrap()).unwrap(), None, Fate::Left, &[]);
    for (name, topic) in [
        ("Client bystander disconnected, not", "authorised."),
        ("Client bystander", "disconnected, not authorised."),
        ("Client bystander", "x disconnected, not authorised."),
        ("Client <unknown>", "disconnected, not authorised."),
        ("Client <unknown> disconnected, not", "authorised."),
        ("Client connection from 127.9.9.9", "denied: max_connections exceeded."),
        ("Client connection from 127.9.9.9 denied:", "max_connections exceeded."),
        ("Client connection from 127.9.9.9 failed: error:0A000086:SSL routines::certificate verify", "failed."),
        ("Protocol error from bystander: password without username, closing", "connection."),
        ("Invalid protocol \"MQTX\" in CONNECT from", "127.9.9.9."),
        ("New client connected from 127.9.9.9:1 as victim (p2, c1, k60, u'x", "')."),
        ("New client connected from 127.9.9.9:1 as victim (p2, c1,", "k60)."),
        ("New connection from 127.9.9.9:1 on port", "1883."),
        ("mosquitto version 2.0.11", "starting"),
        ("Sending CONNACK to", "127.9.9.9 (0, 5)"),
        ("Sending CONNACK to 127.9.9.9 (0,", "5)"),
    ] {
        let mut session = scene.accepted(Connect::new(name));
        session.send(&subscribe(topic.as_bytes()));
        session.send(&unsubscribe(topic.as_bytes()));
        session.disconnect();
    }
    // A forged connection or restart must not lend its address to a real refusal.
    scene.refused("wrong password", Connect::new("after").username("alice").password("wrong"), PASSWORD);
    let rows = scene.rows();
    let log = || String::from_utf8_lossy(&scene.broker.log()).into_owned();
    assert!(rows.iter().any(|row| row["clientId"] == "victim"), "the victim's row is gone: {}", log());
    for row in &rows {
        assert_ne!(certain(row, "clientId"), Some(&Value::from("bystander")), "{row:#}");
        assert_ne!(certain(row, "ipAddress"), Some(&Value::from("127.9.9.9")), "{row:#}");
    }
    scene.truth.no_certain_error(&rows);
    drop(silent);
}
