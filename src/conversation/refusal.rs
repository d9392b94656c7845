//! Makes a row of a refused connection.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::open::Opened;
use super::reason::{Cause, Latest, Words};
use crate::grammar::{Because, Grammar, Rule};
use crate::model::{Evidence, Field, Fields, Identity, Link, Millis, Reason, Reasons, Row, Twin};

/// The bound of a row's evidence.
const MAX_EVIDENCE: usize = 8;
/// Why a certificate was refused, so that nothing in it is proven.
const UNVERIFIED: [Reason; 4] =
    [Reason::X509AuthenticationFailure, Reason::PeerIdentityNotVerified, Reason::NoCertificatesInChain, Reason::CannotParseSslCredentials];

/// What the source says that the log does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The name of the source.
    pub broker: Arc<str>,
    /// The listeners that use TLS. Empty: not known.
    pub tls_ports: Vec<u16>,
    /// A terminator stands before the broker: connections of one address are not one client's.
    pub behind: bool,
}

impl Settings {
    /// Whether the listener of this port uses TLS, where the operator said which do.
    pub fn listener_tls(&self, port: Option<u16>) -> Option<bool> {
        port.filter(|_| !self.tls_ports.is_empty()).map(|port| self.tls_ports.contains(&port))
    }
}

/// Records that say more about the one that follows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// What they say.
    pub facts: Facts,
    /// Why the connection failed, as far as they say.
    pub why: Why,
    /// The lines.
    pub evidence: Evidence,
    /// The last one's time.
    pub ts: Millis,
    /// That time is not certain.
    pub ts_inferred: bool,
    /// The client ID may be one that the broker made up for a client that sent none.
    pub made_up: bool,
    /// The client ID is one that the broker made up at random: the client has none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random_id: bool,
    /// They may be the words of an accepted client.
    pub forgeable: bool,
    /// Their texts can be divided in more than one way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unclear: bool,
    /// Fields that are not certain.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub doubt: Fields,
    /// Fields whose reading is not certain: how a name was encoded, or where it ends.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub misread: Fields,
    /// Fields that are not certain where TLS cannot be ruled out.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub doubt_tls: Fields,
    /// Without TLS, a password was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub password_if_plain: bool,
    /// They are a group of their own: no other kind of record belongs to it.
    pub stack: bool,
    /// They are a refusal even when nothing follows.
    pub alone: bool,
    /// The rules that gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// When the last one was read.
    pub read_at: Millis,
    /// Another record may tell the same attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<Box<Twin>>,
}

/// Why a connection failed, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The first is the code, the others cannot be ruled out. Empty: not said.
    pub reasons: Reasons,
    /// Further ones if the connection may have used TLS.
    pub if_tls: Reasons,
    /// The broker's words.
    pub words: Words,
    /// How much the text tells, against others of the same failure.
    weight: usize,
    /// It is a general reason, which any other record's outdoes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    general: bool,
}

impl Why {
    /// What one record says, with its facts about TLS put into `facts`; and whether it is a handshake that failed.
    pub fn of(grammar: &Grammar, rule: &Rule, words: Option<&[u8]>, facts: &mut Facts) -> (Why, bool) {
        let mut why = Why { if_tls: Reasons::from_slice(&rule.reason_tls), weight: rule.weight, general: rule.general, ..Why::default() };
        if let Some(words) = &rule.words {
            why.words.push(Arc::clone(words));
        }
        if (rule.also || rule.words.is_none())
            && let Some(said) = words.filter(|words| !words.is_empty())
        {
            why.words.push(Arc::from(&*String::from_utf8_lossy(said)));
        }
        let mut handshake = false;
        match &rule.reason {
            Because::Unsaid => why.weight = 0,
            _ if !rule.reason_anonymous.is_empty() && facts.username.is_none() => why.reasons = Reasons::from_slice(&rule.reason_anonymous),
            Because::Given(reasons) if rule.also => why.own_texts(grammar, words.unwrap_or_default(), reasons, facts),
            Because::Given(reasons) => why.reasons = Reasons::from_slice(reasons),
            Because::Texts if grammar.own_texts.find(words.unwrap_or_default()).is_some() => {
                why.own_texts(grammar, words.unwrap_or_default(), &[], facts);
            }
            Because::Tls | Because::Texts => match grammar.texts.find(words.unwrap_or_default()) {
                Some(text) => {
                    why.reasons = Reasons::from_slice(&text.reasons);
                    why.weight = text.weight;
                    handshake = text.handshake;
                    if facts.tls.is_none() {
                        facts.tls = text.tls;
                        facts.tls_likely = text.tls_likely;
                    }
                }
                None => {
                    why.reasons = Reasons::from_slice(&[Reason::Other]);
                    why.weight = 1;
                    facts.tls = facts.tls.or(if rule.reason == Because::Tls { Some(true) } else { None });
                }
            },
        }
        (why, handshake)
    }

    /// What the product's own texts say, the heaviest first, with the reasons that the rule gives at their place among them.
    fn own_texts(&mut self, grammar: &Grammar, words: &[u8], given: &[Reason], facts: &mut Facts) {
        let mut texts = grammar.own_texts.all(words);
        texts.sort_by_key(|text| std::cmp::Reverse(text.weight));
        let first = texts.iter().take_while(|text| text.weight > self.weight).count();
        for (index, text) in texts.iter().enumerate() {
            if index == first {
                self.reasons.extend_from_slice(given);
            }
            self.reasons.extend_from_slice(&text.reasons);
            facts.tls = facts.tls.or(text.tls);
            facts.tls_likely |= text.tls_likely;
            facts.password_provided = facts.password_provided.or(text.password_provided);
        }
        if first == texts.len() {
            self.reasons.extend_from_slice(given);
        }
        self.weight = texts.first().map_or(self.weight, |text| text.weight.max(self.weight));
    }

    /// Adds what another record of the same failure says. The one that tells more gives the reason; the words are kept of all.
    pub fn add(&mut self, other: Why) {
        let rank = |why: &Why| {
            let documented = why.reasons.first().is_some_and(|reason| *reason != Reason::Other);
            (!why.reasons.is_empty(), !why.general, documented, why.weight, std::cmp::Reverse(why.reasons.len() + why.if_tls.len()))
        };
        if rank(&other) > rank(self) {
            self.reasons = other.reasons;
            self.if_tls = other.if_tls;
            self.weight = other.weight;
            self.general = other.general;
        }
        for words in other.words {
            // Mostly they are the same rule's.
            let known = |own: &Arc<str>| Arc::ptr_eq(own, &words) || *own == words;
            if !self.words.iter().any(known) && self.words.len() < MAX_EVIDENCE {
                self.words.push(words);
            }
        }
    }
}

impl Context {
    /// Adds a line to the evidence, if it is not there, which is bounded: the first lines and the last are the telling ones.
    pub(super) fn add_line(&mut self, add: impl FnOnce(&mut Evidence)) {
        add(&mut self.evidence);
        self.evidence.pop_copy();
        if self.evidence.len() > MAX_EVIDENCE {
            self.evidence.remove(MAX_EVIDENCE / 2);
        }
    }

    /// The connection that it belongs to was found: its facts come in, and its line. What is left of it is memory.
    pub fn joined(&mut self, mut opened: Box<Opened>) -> Box<Opened> {
        opened.line.insert_into(&mut self.evidence, 0);
        self.facts.add(std::mem::take(&mut opened.facts));
        self.evidence.truncate(MAX_EVIDENCE);
        opened
    }

    /// What is not certain. What may be a stranger's words never is.
    pub fn doubts(&self) -> Fields {
        let mut doubts = self.doubt | self.misread;
        if self.forgeable || self.unclear {
            doubts.extend([Field::ClientId, Field::IpAddress, Field::Username]);
        }
        doubts
    }

    /// What a terminator's log says of a connection that it handed on.
    pub fn link(&self, settings: &Settings) -> Link {
        let facts = &self.facts;
        Link {
            terminator: settings.broker.clone(),
            upstream_ip: facts.upstream_ip,
            upstream_port: facts.upstream_port,
            client_ip: facts.client_ip,
            client_port: facts.client_port,
            subject: facts.subject.clone(),
            tls_used: facts.tls.or(facts.listener_tls).or(settings.listener_tls(facts.server_port)),
            client_id: facts.client_id.clone(),
            username: facts.username.clone(),
            password_provided: facts.password_provided,
            inferred: self.doubts().into(),
            ts: self.ts,
            ended: facts.ends_after.map(|after| self.ts.saturating_add(after)).or(facts.lasted.map(|_| self.ts)),
            lasted: facts.ends_after.or(facts.lasted),
            sent_bytes: facts.sent_bytes,
            evidence: self.evidence.clone(),
        }
    }

    /// The row. `latest`: what was told before it.
    pub(super) fn into_row(mut self: Box<Self>, settings: &Settings, mut inferred: Fields, latest: &mut Latest) -> Row {
        let facts = &self.facts;
        let listener = facts.listener_tls.or(settings.listener_tls(facts.server_port));
        let tls_used = facts.tls.or(if facts.connect { listener } else { None });
        // A name of which it is not known whether the client sent it does not name the client by itself.
        let borrowed = self.doubt.has(Field::Username) || tls_used == Some(true) && self.doubt_tls.has(Field::Username);
        if tls_used == Some(false) {
            self.facts.password_provided = self.facts.password_provided.or(self.password_if_plain.then_some(true));
        } else {
            inferred |= self.doubt_tls;
        }
        let facts = &mut self.facts;
        // A certificate that was refused names nobody: whoever made it wrote any name into it. The address is the better name.
        let refused_certificate = self.why.reasons.first().is_some_and(|reason| UNVERIFIED.contains(reason));
        let client_id = facts.client_id.take().filter(|_| !self.random_id);
        let subject = facts.subject.as_ref().filter(|_| !refused_certificate || facts.client_ip.is_none());
        let (identity, client_id) = match (client_id, subject, &facts.username, facts.client_ip) {
            (Some(id), ..) => (Identity::ClientId, id),
            (None, Some(subject), ..) => (Identity::Certificate, subject.clone()),
            (None, None, Some(username), Some(address)) if borrowed => (Identity::Address, format!("{username}@{address}")),
            (None, None, Some(username), _) => (Identity::Username, username.clone()),
            (None, None, None, Some(address)) => (Identity::Address, format!("unknown@{address}")),
            (None, None, None, None) => (Identity::Address, "unknown".to_owned()),
        };
        let facts = &self.facts;
        match &facts.subject {
            Some(_) if identity == Identity::Certificate && refused_certificate => inferred.insert(Field::ClientId),
            Some(subject) if identity != Identity::Certificate => self.why.words.push(format!("certificate {subject}").into()),
            _ => {}
        }
        let named_by_doubt = match identity {
            Identity::ClientId => self.made_up,
            Identity::Address => inferred.has(Field::IpAddress),
            Identity::Username => inferred.has(Field::Username),
            Identity::Certificate => false,
        };
        inferred.insert_if(named_by_doubt, Field::ClientId);
        if tls_used.is_none() || facts.tls.is_some() {
            // Where the log says so itself, what was deduced of the listener does not count.
            inferred.remove(Field::TlsUsed);
            inferred.insert_if(tls_used.is_some() && facts.tls_likely, Field::TlsUsed);
        }
        inferred.retain(|field| match field {
            Field::IpAddress => facts.client_ip.is_some(),
            Field::Username => facts.username.is_some(),
            Field::PasswordProvided => facts.password_provided.is_some(),
            _ => true,
        });
        inferred.insert_if(self.ts_inferred, Field::Ts);
        let peer = facts.client_ip.zip(facts.client_port).map(SocketAddr::from);
        let upstream = facts.upstream_port.map(|port| (facts.upstream_ip, port));
        let twin = self.twin.take().map(|mut twin| {
            twin.words = self.why.words.iter().map(ToString::to_string).collect();
            (twin.weight, twin.general) = (self.why.weight, self.why.general);
            twin
        });
        let certain = !inferred.has(Field::PasswordProvided);
        let told = latest.told(Cause {
            reasons: self.why.reasons,
            others: if tls_used == Some(false) { Reasons::new() } else { self.why.if_tls },
            password: facts.password_provided.map(|provided| (provided, certain)),
            words: self.why.words,
        });
        Row {
            client_id,
            ip_address: self.facts.client_ip,
            ts: self.ts,
            username: self.facts.username.take(),
            password_provided: self.facts.password_provided,
            tls_used,
            reason: told.text,
            reason_code: told.code,
            alternatives: told.alternatives,
            inferred: inferred.into(),
            identity,
            broker: settings.broker.clone(),
            attempts: 1,
            first_ts: self.ts,
            evidence: self.evidence,
            peer,
            upstream,
            twin,
        }
    }
}
