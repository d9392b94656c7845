//! What is known of one connection, collected from its records.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::grammar::{Fact, Grammar, Heard, Key, Kind, Rule, decode, ip};
use crate::model::{Field, Fields, Millis};

/// No text that a client sends over MQTT is longer.
const MAX_TEXT: usize = 65_535;

/// A TLS record is no longer, and what a product reads of a packet is often just the first: a text of this length may be cut.
const MAX_CERTAIN: usize = 16_000;

/// The facts of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The MQTT client ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// A name that may be the client ID or the address: what follows decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The client sent no ID: one that its records name is made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// What the client sent as its ID and username, byte for byte: how the names that its records show are spelt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Box<(String, Option<String>)>>,
    /// The username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The log says that no username was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_username: bool,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// The client's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_port: Option<u16>,
    /// The listener's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_port: Option<u16>,
    /// The subject of the client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What names the connection in this log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What names the writer of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// A terminator's own address on its way to the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_ip: Option<IpAddr>,
    /// A terminator's own port on its way to the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_port: Option<u16>,
    /// How many bytes a terminator passed on to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_bytes: Option<u64>,
    /// How long after the record's stamp the session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_after: Option<Millis>,
    /// How long before the record's stamp, which is that of its end, the session began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted: Option<Millis>,
    /// Whether the listener uses TLS, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_tls: Option<bool>,
    /// What the records say of TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// What the records say of TLS is likely, not certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_likely: bool,
    /// What the records say of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_provided: Option<bool>,
    /// The broker had read the CONNECT.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connect: bool,
}

impl Facts {
    /// The facts of one record.
    pub fn of(grammar: &Grammar, rule: &Rule, heard: &Heard<'_>) -> Facts {
        Facts::but(None, grammar, rule, heard)
    }

    /// Those of a record that accepts a client: nobody asks for its username.
    pub fn of_accepted(grammar: &Grammar, rule: &Rule, heard: &Heard<'_>) -> Facts {
        Facts::but(Some(Fact::Username), grammar, rule, heard)
    }

    fn but(left_out: Option<Fact>, grammar: &Grammar, rule: &Rule, heard: &Heard<'_>) -> Facts {
        let mut facts = Facts { tls: rule.tls, password_provided: rule.password_provided, connect: rule.connect, ..Facts::default() };
        let mut later = false;
        heard.each(|fact, kind, raw| later |= Some(fact) != left_out && !facts.read(grammar, fact, kind, raw));
        if later {
            facts.read_later(grammar, heard);
        }
        facts
    }

    /// The facts that say what others mean.
    fn read_later(&mut self, grammar: &Grammar, heard: &Heard<'_>) {
        if let Some(claimed) = heard.raw(Fact::ClaimedIp).filter(|_| !heard.has(Fact::ClientIp)) {
            self.client_ip = ip(claimed);
        }
        if heard.has(Fact::ClientIdEnd) {
            self.mend_client_id(heard);
        }
        if let Some(name) = heard.raw(Fact::ClientName).filter(|name| !grammar.is_nobody(name) && !name.is_empty()) {
            self.name(name, heard.raw(Fact::ClientIp));
        }
        if let Some(flags) = heard.raw(Fact::ConnectFlags).and_then(decode::number) {
            self.password_provided = self.password_provided.or(Some(flags & 0x40 != 0));
        }
        if let Some(packet) = heard.raw(Fact::ConnectPacket) {
            self.read_packet(packet, true);
        }
        if let Some(packet) = heard.raw(Fact::ConnectHead) {
            self.read_packet(packet, false);
        }
    }

    /// Nothing but who wrote a record.
    pub fn of_writer(heard: &Heard<'_>) -> Facts {
        Facts { thread: heard.value(Fact::Thread).filter(|name| !name.is_empty()).map(text), ..Facts::default() }
    }

    /// One fact of a record. False: it is one of those that say what others mean, which are read after all these.
    fn read(&mut self, grammar: &Grammar, fact: Fact, kind: Kind, raw: &[u8]) -> bool {
        let value = || decode::value(kind, raw);
        let some = || value().filter(|bytes| !bytes.is_empty()).map(text);
        match fact {
            Fact::ClientId => self.client_id = client_id(grammar, value()),
            Fact::Username => {
                let name = value();
                self.no_username = name.as_ref().is_none_or(|name| grammar.is_no_username(name));
                self.username = name.filter(|name| !name.is_empty() && !self.no_username).map(text);
            }
            Fact::ClientIp => self.client_ip = ip(raw),
            Fact::ClientPort => self.client_port = port(raw),
            Fact::ServerPort => self.server_port = port(raw),
            Fact::Subject => self.subject = some().filter(|subject| !grammar.is_nobody(subject.as_bytes())),
            Fact::Connection => self.connection = some(),
            Fact::Thread => self.thread = some(),
            Fact::UpstreamIp => self.upstream_ip = ip(raw),
            Fact::UpstreamPort => self.upstream_port = port(raw),
            Fact::SentBytes => self.sent_bytes = decimal(raw),
            Fact::EndsAfter => self.ends_after = decimal(raw).filter(|after| *after >= 0),
            Fact::Lasted => self.lasted = decimal::<f64>(raw).and_then(milliseconds),
            Fact::Transport => self.listener_tls = grammar.transport_tls(raw),
            Fact::Tls => self.tls = self.tls.or(Some(raw == b"true")),
            Fact::PasswordProvided => self.password_provided = self.password_provided.or(Some(raw == b"true")),
            Fact::ClaimedIp | Fact::ClientName | Fact::ClientIdEnd | Fact::ConnectFlags | Fact::ConnectPacket | Fact::ConnectHead => {
                return false;
            }
            Fact::Words | Fact::Code | Fact::Secret | Fact::Ignored => {}
        }
        true
    }

    /// The record repeats the ID with commas in the place of its raw line feeds: what followed the last of them is known.
    fn mend_client_id(&mut self, heard: &Heard<'_>) {
        if let Some(end) = heard.value(Fact::ClientIdEnd).map(text)
            && let Some(id) = &mut self.client_id
            && let Some(start) = id.strip_suffix(&*end).and_then(|start| start.strip_suffix(", "))
        {
            *id = format!("{start}\n{end}");
        }
    }

    /// The client ID alone, in a record that shows it as it is.
    pub fn client_id(grammar: &Grammar, heard: &Heard<'_>) -> Option<String> {
        client_id(grammar, heard.value(Fact::ClientId))
    }

    /// What cannot be certain in a record with these facts: how a name was encoded, where a long one ends, what somebody claims.
    pub fn doubts(heard: &Heard<'_>) -> Fields {
        let mut doubts = Fields::NONE;
        for (fact, field) in [(Fact::ClientId, Field::ClientId), (Fact::Username, Field::Username)] {
            if let Some(raw) = heard.raw(fact) {
                let misread = || heard.captures.is_doubtful(fact, heard.bytes) || heard.is_doubtful(fact);
                doubts.insert_if(raw.len() > MAX_CERTAIN || !raw.is_ascii() && misread(), field);
            }
        }
        doubts.insert_if(heard.has(Fact::ClaimedIp), Field::IpAddress);
        doubts
    }

    /// What names the conversation that this record belongs to.
    pub fn key(&self, keys: &[Key]) -> Option<String> {
        keys.iter().find_map(|key| match key {
            Key::Connection => self.connection.as_ref().map(|name| format!("c:{name}")),
            Key::Address => Some(format!("a:{} {}", self.client_ip?, self.client_port?)),
            Key::ClientId => self.client_id.as_ref().map(|name| format!("i:{name}")),
        })
    }

    /// Whether its key is a connection's: it names one attempt only.
    pub fn names_connection(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| match key {
            Key::Connection => self.connection.is_some(),
            Key::Address => self.client_ip.is_some() && self.client_port.is_some(),
            Key::ClientId => false,
        })
    }

    /// A CONNECT whose bytes the product printed.
    fn read_packet(&mut self, printed: &[u8], whole: bool) {
        let bytes = if printed.starts_with(b"<<") {
            decode::erlang::codes(printed).into_iter().map_while(|code| u8::try_from(code).ok()).collect()
        } else {
            decode::hexes(printed)
        };
        if let Some(connect) = decode::packet::connect(&bytes) {
            self.anonymous = connect.client_id.is_empty();
            if !whole {
                self.sent = Some(Box::new((connect.client_id, connect.username)));
            } else {
                self.client_id = self.client_id.take().or(Some(connect.client_id).filter(|id| !id.is_empty()));
                self.username = self.username.take().or(connect.username);
            }
            self.password_provided = self.password_provided.or(Some(connect.password_provided));
        }
    }

    /// Whether this name is that of nobody: the broker prints the address where it does not know the client ID.
    pub fn is_nameless(grammar: &Grammar, heard: &Heard<'_>) -> bool {
        let name = heard.raw(Fact::ClientName).or_else(|| heard.raw(Fact::ClientId));
        let address = heard.raw(Fact::ClientIp);
        name.is_some_and(|name| grammar.is_nobody(name) || name.is_empty() || Some(name) == address)
    }

    /// A name that stands beside the address it may be is decided at once; another waits.
    fn name(&mut self, name: &[u8], address: Option<&[u8]>) {
        match address {
            Some(address) if address == name => {}
            Some(_) => self.client_id = Some(text(name)),
            None if ip(name).is_some() => self.client_name = Some(text(name)),
            None => self.client_id = Some(text(name)),
        }
    }

    /// Whether a field of the row is known.
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::ClientId => self.client_id.is_some(),
            Field::IpAddress => self.client_ip.is_some(),
            Field::Username => self.username.is_some(),
            Field::PasswordProvided => self.password_provided.is_some(),
            Field::TlsUsed => self.tls.is_some(),
            _ => false,
        }
    }

    /// Adds what another record of the same connection says; what is known already stays.
    pub fn add(&mut self, other: Facts) {
        fn fill<T>(mine: &mut Option<T>, other: Option<T>) {
            if mine.is_none() {
                *mine = other;
            }
        }
        self.anonymous |= other.anonymous;
        fill(&mut self.client_id, other.client_id);
        self.client_id.take_if(|_| self.anonymous);
        fill(&mut self.sent, other.sent);
        fill(&mut self.client_name, other.client_name);
        fill(&mut self.username, other.username);
        if let Some(sent) = &self.sent {
            let (id, username) = &**sent;
            self.client_id = self.client_id.take().map(|_| id.clone());
            // Where it sent none, the one that the records show is the certificate's.
            self.username = self.username.take().map(|shown| username.clone().unwrap_or(shown));
        }
        self.no_username |= other.no_username && self.username.is_none();
        fill(&mut self.client_ip, other.client_ip);
        fill(&mut self.client_port, other.client_port);
        fill(&mut self.server_port, other.server_port);
        fill(&mut self.subject, other.subject);
        fill(&mut self.connection, other.connection);
        fill(&mut self.thread, other.thread);
        fill(&mut self.upstream_ip, other.upstream_ip);
        fill(&mut self.upstream_port, other.upstream_port);
        fill(&mut self.sent_bytes, other.sent_bytes);
        fill(&mut self.ends_after, other.ends_after);
        fill(&mut self.lasted, other.lasted);
        fill(&mut self.listener_tls, other.listener_tls);
        if self.tls.is_none() {
            self.tls = other.tls;
            self.tls_likely = other.tls_likely;
        }
        fill(&mut self.password_provided, other.password_provided);
        self.connect |= other.connect;
    }

    /// Adds what a later record of the same connection says: what is known already counts only where that one does not say it.
    pub fn add_later(&mut self, later: Facts) {
        let known = std::mem::replace(self, later);
        self.add(known);
    }

    /// Whether both can be the same connection.
    pub fn agree(&self, other: &Facts) -> bool {
        fn same<T: PartialEq>(one: &Option<T>, two: &Option<T>) -> bool {
            one.is_none() || two.is_none() || one == two
        }
        let names = match (&self.client_name, &other.client_id) {
            (Some(name), Some(id)) => name == id,
            _ => true,
        };
        // A name that reads as another address than the known one is not the same connection's.
        let address = |name: &Option<String>| name.as_ref().and_then(|name| ip(name.as_bytes()));
        let addresses = match (address(&self.client_name).or(self.client_ip), address(&other.client_name).or(other.client_ip)) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        names
            && addresses
            && same(&self.client_id, &other.client_id)
            && same(&self.client_ip, &other.client_ip)
            && same(&self.client_port, &other.client_port)
            && same(&self.connection, &other.connection)
    }

    /// Settles a name that may be an address, now that the record it belongs to is known: a record that has a client ID of its
    /// own says that the name is the ID; one that knows no ID says that the name is the address.
    pub fn settle_name(&mut self, followed_by: &Facts) {
        if let Some(name) = self.client_name.take()
            && followed_by.client_id.is_none()
            && self.client_ip.is_none()
        {
            self.client_ip = ip(name.as_bytes());
        }
    }
}

fn client_id(grammar: &Grammar, value: Option<Cow<'_, [u8]>>) -> Option<String> {
    value.filter(|id| !id.is_empty() && !grammar.is_nobody(id)).map(text)
}

/// Bytes of the log as text: what is no UTF-8 becomes a replacement character, and no text is longer than MQTT allows.
fn text(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut end = bytes.len().min(MAX_TEXT);
    while end < bytes.len() && end > 0 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    let bytes = &bytes[..end];
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

/// A port in decimal digits.
fn port(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.iter().map(|byte| byte.wrapping_sub(b'0'));
    let number =
        digits.into_iter().try_fold(0_u32, |number, digit| (digit < 10 && number <= 6_553).then(|| number * 10 + u32::from(digit)));
    u16::try_from(number?).ok().filter(|_| !bytes.is_empty())
}

/// A number in decimal digits.
fn decimal<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Seconds with a fraction in milliseconds; no session lasts longer than a year.
fn milliseconds(seconds: f64) -> Option<Millis> {
    const YEAR: f64 = 366.0 * 86_400.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is bounded")]
    (0.0..YEAR).contains(&seconds).then(|| (seconds * 1_000.0).round() as Millis)
}
