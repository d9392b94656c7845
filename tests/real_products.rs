//! Real products, real clients that fail, and the rows that come of their logs.
//!
//! They are left out of `cargo test`, because they need the products:
//!
//! ```text
//! cargo test --test real_products -- --ignored
//! ```
//!
//! Debian has `rabbitmq-server`, `ejabberd`, `haproxy`, `nginx` with `libnginx-mod-stream`, `stunnel4` and `mosquitto`. `TURNAWAY_AMQTT` names
//! the Python of an environment with the package `amqtt`, `TURNAWAY_RUMQTTD` the program of the crate `rumqttd`.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod real;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use real::product::{self, Files, Product};
use real::{Broker, Certs, Client, Connect, Fate, TlsClient, Truth, certain, connect, tls_attempt, wait_until};
use serde_json::Value;
use turnaway::conversation::Settings;
use turnaway::engine::{Options, Recognised};
use turnaway::grammar::Library;
use turnaway::replay::{ReplaySource, Watcher, replay};
use turnaway::store::Table;

const CREDENTIALS: &[&str] = &["no-credentials-found", "password-does-not-match", "no-password-provided", "cannot-parse-basic-credentials"];

struct Quiet;

impl Watcher for Quiet {
    fn recognised(&mut self, _: &std::path::Path, _: &Recognised) {}
    fn progress(&mut self, _: &std::path::Path, _: u64, _: Option<u64>) {}
}

/// The table that these logs give.
fn rows(logs: &[(&'static str, PathBuf)], tls_ports: &[u16]) -> Vec<Value> {
    let library = Library::load(None).unwrap_or_else(|error| panic!("{error}"));
    let options = |name: &str| Options {
        settings: Settings { broker: name.into(), tls_ports: tls_ports.to_vec(), ..Settings::default() },
        ..Options::default()
    };
    let sources: Vec<ReplaySource> = logs
        .iter()
        .map(|(name, path)| ReplaySource { grammar: Some((*name).to_owned()), paths: vec![path.clone()], options: options(name) })
        .collect();
    let mut table = Table::default();
    replay(&library, &sources, 1_800_000_000_000, &mut table, &mut Quiet).unwrap_or_else(|error| panic!("{error}"));
    table.into_rows().iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

fn client(what: &'static str, from: Ipv4Addr, connect: &Connect, tls: bool, fate: Fate, why: &'static [&'static str]) -> Client {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    Client {
        from,
        what,
        client_id: text(&connect.client_id),
        username: connect.username.as_ref().map(text),
        password: connect.password.is_some(),
        tls,
        fate,
        why,
    }
}

/// Who is refused by any broker that knows alice alone; the last is accepted.
fn clients() -> Vec<(&'static str, Connect)> {
    let alice = |id: &str| Connect::new(id).username("alice");
    vec![
        ("wrong password", alice("wrong-1").password("wrong")),
        ("unknown user", Connect::new("unknown-1").username("mallory").password("R1ver!Stone")),
        ("anonymous", Connect::new("anonymous-1")),
        ("no password", alice("nopass-1")),
        ("imitates a line", alice("x disconnected, not authorised. 192.0.2.9").password("wrong")),
        ("accepted", alice("good-1").password("right")),
    ]
}

/// Lets the clients connect one after the other, and compares the rows with what they did. `found` says how a client's row is
/// known in this product's log.
fn drive(product: &Product, found: impl Fn(&Value, &Client) -> bool) {
    let mut truth = Truth::default();
    for (index, (what, packet)) in clients().into_iter().enumerate() {
        let from = Ipv4Addr::new(127, 60, 0, 10 + index as u8);
        let session = connect(from, product.port, &packet);
        assert_eq!(session.is_ok(), what == "accepted", "{what}: {}", tail(product));
        let fate = if session.is_ok() { Fate::Accepted } else { Fate::Refused };
        truth.clients.push(client(what, from, &packet, false, fate, CREDENTIALS));
        if let Ok(session) = session {
            session.disconnect();
        }
    }
    wait_until("the rows", || {
        let rows = rows(&product.logs, &[]);
        let missing: Vec<&Client> =
            truth.clients.iter().filter(|client| client.fate == Fate::Refused && !rows.iter().any(|row| found(row, client))).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:#?}\nrows: {rows:#?}\n{}", tail(product))) }
    });
    let rows = rows(&product.logs, &[]);
    truth.no_certain_error(&rows);
    let text = serde_json::to_string(&rows).unwrap();
    assert!(!text.contains("R1ver!Stone"), "a password is shown: {text}");
}

fn tail(product: &Product) -> String {
    let text = std::fs::read(&product.logs[0].1).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(4_000)..]).into_owned()
}

fn by_id(row: &Value, client: &Client) -> bool {
    row["clientId"] == *client.client_id
}

#[test]
#[ignore = "needs rabbitmq-server"]
fn rabbitmq() {
    let dir = tempfile::tempdir().unwrap();
    drive(&product::rabbitmq(dir.path()), |row, client| by_id(row, client) && certain(row, "ipAddress").is_some());
}

#[test]
#[ignore = "needs ejabberd"]
fn ejabberd() {
    let dir = tempfile::tempdir().unwrap();
    drive(&product::ejabberd(dir.path()), |row, client| by_id(row, client) && certain(row, "ipAddress").is_some());
}

#[test]
#[ignore = "needs amqtt"]
fn amqtt() {
    let python = std::env::var("TURNAWAY_AMQTT").expect("TURNAWAY_AMQTT names the Python of an environment with amqtt");
    let dir = tempfile::tempdir().unwrap();
    drive(&product::amqtt(dir.path(), &python), by_id);
}

#[test]
#[ignore = "needs rumqttd"]
fn rumqttd() {
    let program = std::env::var("TURNAWAY_RUMQTTD").expect("TURNAWAY_RUMQTTD names the program");
    let dir = tempfile::tempdir().unwrap();
    drive(&product::rumqttd(dir.path(), &program), by_id);
}

/// A terminator before a real Mosquitto: the row has the client's address from the one log and the refusal from the other.
fn terminated(start: impl Fn(&std::path::Path, &Files, u16) -> Product) {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let certs = Certs::make(keys.path());
    let broker = Broker::start(dir.path(), |[port]: [u16; 1]| format!("listener {port} 127.0.0.1\nallow_anonymous false\n"));
    let files = Files { ca: certs.pem("ca"), pem: certs.pem("server"), key: certs.key("server") };
    let terminator = start(dir.path(), &files, broker.port(0));
    let mut truth = Truth::default();
    let mut attempt = |what, own: Option<&str>, packet: Connect, why: &'static [&'static str]| {
        let from = Ipv4Addr::new(127, 61, 0, 10 + truth.clients.len() as u8);
        let own = own.map(|name| (certs.pem(name), certs.key(name)));
        let own = own.as_ref().map(|(pem, key)| (pem.as_str(), key.as_str()));
        let accepted = tls_attempt(from, terminator.port, TlsClient { own, ..TlsClient::default() }, &packet);
        assert_eq!(accepted, why.is_empty(), "{what}");
        let fate = if accepted { Fate::Accepted } else { Fate::Refused };
        truth.clients.push(client(what, from, &packet, true, fate, why));
    };
    attempt("no certificate", None, Connect::new("a"), &["peer-identity-not-verified", "other"]);
    attempt("expired certificate", Some("expired"), Connect::new("b"), &["x509-authentication-failure"]);
    attempt("unknown authority", Some("stranger"), Connect::new("c"), &["x509-authentication-failure"]);
    attempt("wrong password", Some("client"), Connect::new("d").username("alice").password("wrong"), CREDENTIALS);
    attempt("accepted", Some("client"), Connect::new("e").username("alice").password("right"), &[]);
    let logs = [terminator.logs.clone(), vec![("mosquitto", broker.log_path().to_owned())]].concat();
    for order in [logs.clone(), logs.into_iter().rev().collect()] {
        wait_until("the rows", || {
            let rows = rows(&order, &[terminator.port]);
            let has = |client: &&Client| rows.iter().any(|row| certain(row, "ipAddress").is_some_and(|ip| *ip == client.from.to_string()));
            let missing: Vec<&Client> = truth.clients.iter().filter(|client| client.fate == Fate::Refused && !has(client)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:#?}\nrows: {rows:#?}\n{}", tail(&terminator))) }
        });
        let rows = rows(&order, &[terminator.port]);
        truth.no_certain_error(&rows);
        assert!(rows.iter().all(|row| row["ipAddress"] != "127.0.0.1"), "the terminator's own address is shown: {rows:#?}");
    }
}

#[test]
#[ignore = "needs haproxy and mosquitto"]
fn haproxy_before_mosquitto() {
    terminated(product::haproxy);
}

#[test]
#[ignore = "needs nginx with its stream module and mosquitto"]
fn nginx_before_mosquitto() {
    terminated(product::nginx);
}

#[test]
#[ignore = "needs stunnel and mosquitto"]
fn stunnel_before_mosquitto() {
    terminated(product::stunnel);
}
