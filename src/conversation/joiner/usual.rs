//! What most clients do: a connection is opened, and the next record that counts accepts its client. Where nothing waits, the first leaves nothing
//! behind but what the second asks of it.

use super::*;
use crate::grammar::ip;

/// A connection that was opened, and whose client was accepted by the next record that counts.
#[derive(Debug)]
pub struct Connected<'a> {
    /// Both lines, and where in each the message begins.
    pub lines: [(&'a [u8], usize); 2],
    /// The address and port that both show.
    pub peer: &'a [u8],
    /// The rule that took the second.
    pub rule: &'a Rule,
    /// The second's time.
    pub ts: Millis,
}

/// Whom the record accepted.
#[derive(Debug)]
pub enum Client<'a> {
    /// A client of this ID, which is certain; nobody else is called so. Whether anybody asks what became of it.
    Named(&'a [u8], bool),
    /// Whom the record says.
    Heard(Heard<'a>),
}

impl Joiner {
    /// Whether a connection that is opened and accepted at once concerns nobody else.
    pub fn is_quiet(&self) -> bool {
        !self.is_waiting() && !self.is_doubting() && self.guessed.is_empty() && self.open.owed() == 0
    }

    /// A connection was opened and its client accepted: what both records do, one after the other. None: it was open already, or too many are;
    /// then nothing was done.
    ///
    /// Only where [`Joiner::is_quiet`], and for records of plain rules that show the same address and port.
    pub fn connected(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        connected: &Connected<'_>,
        client: &Client<'_>,
        out: &mut Vec<Attempt>,
    ) -> Option<Effect> {
        let Connected { lines, peer, rule, ts } = *connected;
        if self.open.is_full() || !self.open.is_empty() && self.open.has(&opened(peer)) {
            return None;
        }
        self.open.set_behind(settings.behind);
        self.open.went_by();
        self.closed = false;
        self.accepted = match self.accepted.take() {
            before if !rule.is_recalled => {
                self.is_over(before);
                None
            }
            Some(Accepted::Usual(connect)) => Some(connect),
            before => {
                self.is_over(before);
                Some(Box::<Connect>::default())
            }
        }
        .map(|mut connect| {
            connect.set(ts, lines);
            Accepted::Usual(connect)
        });
        let (name, client_id) = match client {
            Client::Named(name, false) => {
                self.knows(grammar, name);
                return Some(Effect::Accepted);
            }
            Client::Named(name, true) => (*name, Some(String::from_utf8_lossy(name).into_owned())),
            Client::Heard(heard) => {
                let doubtful = heard.captures.ambiguous || is_forgeable(rule, heard);
                (heard.raw(Fact::ClientId).unwrap_or_default(), Facts::client_id(grammar, heard).filter(|_| !doubtful))
            }
        };
        self.knows(grammar, name);
        let Some(client_id) = client_id else { return Some(Effect::AcceptedUnclear) };
        out.push(Attempt::Accepted(ClientKey { broker: settings.broker.clone(), identity: Identity::ClientId, client_id }, ts));
        Some(Effect::Accepted)
    }
}

/// The connection from this address and port.
fn opened(peer: &[u8]) -> Facts {
    let colon = peer.iter().rposition(|byte| *byte == b':').unwrap_or(peer.len());
    let (address, port) = peer.split_at(colon);
    let port = port.strip_prefix(b":").and_then(|port| std::str::from_utf8(port).ok()?.parse().ok());
    Facts { client_ip: ip(address), client_port: port, ..Facts::default() }
}
