//! What the clients did, and whether the rows say so.

use std::net::Ipv4Addr;

use serde_json::Value;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The broker ended it.
    Refused,
    /// The broker took the client in.
    Accepted,
    /// The client left before it had said who it was.
    Left,
    /// The client broke off in the middle of a packet: the broker may call that a failure.
    BrokeOff,
}

/// One attempt, as the client knows it. Each has an address of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) from: Ipv4Addr,
    pub(crate) what: &'static str,
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: bool,
    pub(crate) tls: bool,
    pub(crate) fate: Fate,
    /// Why it was refused: any of these.
    pub(crate) why: &'static [&'static str],
}

/// All attempts of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) clients: Vec<Client>,
}

fn may_have_row(client: &Client) -> bool {
    matches!(client.fate, Fate::Refused | Fate::BrokeOff)
}

/// The field's value where the row says that it is certain.
pub(crate) fn certain<'a>(row: &'a Value, field: &str) -> Option<&'a Value> {
    let inferred = row["inferred"].as_array().unwrap().iter().any(|name| name == field);
    let identity = field != "clientId" || row["identity"] == "client-id";
    (!inferred && identity && !row[field].is_null()).then(|| &row[field])
}

impl Truth {
    /// Who came from this address.
    fn from(&self, address: &Value) -> &Client {
        let address = address.as_str().unwrap();
        self.clients.iter().find(|client| client.from.to_string() == address).unwrap_or_else(|| panic!("nobody came from {address}"))
    }

    /// Nothing that a row says with certainty is wrong.
    pub(crate) fn no_certain_error(&self, rows: &[Value]) {
        for row in rows {
            let client = match (certain(row, "ipAddress"), certain(row, "clientId")) {
                (Some(address), _) => self.from(address),
                (None, Some(id)) => {
                    let client = self.clients.iter().find(|client| client.client_id == *id && client.fate == Fate::Refused);
                    client.unwrap_or_else(|| panic!("no client of this name was refused: {row:#}"))
                }
                (None, None) => continue,
            };
            let wrong = |what: &str| panic!("{what} is wrong:\n{row:#}\n{client:#?}");
            if !may_have_row(client) {
                wrong("that the client was refused");
            }
            if certain(row, "clientId").is_some_and(|id| *id != client.client_id) {
                wrong("the client ID");
            }
            if certain(row, "username").is_some_and(|name| Some(name.as_str().unwrap()) != client.username.as_deref()) {
                wrong("the username");
            }
            if certain(row, "passwordProvided").is_some_and(|sent| *sent != client.password) {
                wrong("whether a password was sent");
            }
            if certain(row, "tlsUsed").is_some_and(|tls| *tls != client.tls) {
                wrong("whether it used TLS");
            }
            let codes: Vec<&str> =
                row["alternatives"].as_array().unwrap().iter().chain([&row["reasonCode"]]).filter_map(Value::as_str).collect();
            let reason_is_inferred = row["inferred"].as_array().unwrap().iter().any(|name| name == "reason");
            if !reason_is_inferred && !client.why.iter().any(|why| codes.contains(why)) {
                wrong("the reason");
            }
        }
    }

    /// Every client that was refused, one after the other, has a row with its address for certain; and only they.
    pub(crate) fn each_has_its_row(&self, rows: &[Value]) {
        self.no_certain_error(rows);
        let refused: Vec<&Client> = self.clients.iter().filter(|client| client.fate == Fate::Refused).collect();
        for client in &refused {
            let address = client.from.to_string();
            let found = rows.iter().filter(|row| certain(row, "ipAddress").is_some_and(|ip| *ip == address)).count();
            assert_eq!(found, 1, "rows of {client:#?}\namong {rows:#?}");
        }
        let expected: Vec<String> =
            self.clients.iter().filter(|client| may_have_row(client)).map(|client| client.from.to_string()).collect();
        let surplus: Vec<&Value> = rows.iter().filter(|row| !expected.iter().any(|from| row["ipAddress"] == **from)).collect();
        assert!(surplus.is_empty(), "rows of nobody who was refused: {surplus:#?}");
    }
}
