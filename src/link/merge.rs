//! Makes one row of what the broker and the terminator before it say of one attempt.

use crate::conversation::reason;
use crate::model::{Evidence, Field, Identity, Link, Reason, Reasons, Row};
use crate::text::escaped;

/// The bounds of a row's texts.
const MAX_EVIDENCE: usize = 8;
const MAX_REASON: usize = 1_024;

/// How a broker's refusal was joined to a terminator's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Both logs show the same address and port.
    Port,
    /// Only one connection fits in time.
    Time,
}

/// Adds what the terminator knows to the broker's row.
pub(super) fn joined(mut row: Row, link: &Link, own: Option<&Row>, proof: Proof) -> Row {
    // Which of several connections it was may have been a guess already: then the terminator's words are about that guess.
    let guessed = row.inferred.contains(&Field::IpAddress) || proof == Proof::Time;
    row.ip_address = link.client_ip;
    row.tls_used = link.tls_used;
    row.inferred.retain(|field| !matches!(field, Field::IpAddress | Field::TlsUsed));
    let mut deduced = Vec::new();
    if row.ip_address.is_some() {
        deduced.push(Field::IpAddress);
    }
    if row.tls_used.is_some() {
        deduced.push(Field::TlsUsed);
    }
    let named = row.identity == Identity::ClientId;
    // What the broker could not read the terminator may have misread.
    let was_read = own.is_some() || row.reason_code != Reason::Other;
    let client_id = link.client_id.as_ref().filter(|_| was_read);
    let mut unread = Vec::new();
    let added = if was_read { &mut deduced } else { &mut unread };
    let names = row.username.clone().or_else(|| link.username.clone().filter(|_| was_read));
    if row.username.is_none() && link.username.is_some() {
        row.username.clone_from(&link.username);
        added.push(Field::Username);
    }
    if row.password_provided.is_none() && link.password_provided.is_some() {
        row.password_provided = link.password_provided;
        added.push(Field::PasswordProvided);
        if was_read {
            with_password(&mut row);
        }
    }
    if let Some(own) = own.filter(|own| tells_more(own, &row)) {
        (row.reason_code, row.alternatives) = (own.reason_code, own.alternatives.clone());
        row.reason.clone_from(&own.reason);
        deduced.push(Field::Reason);
    }
    row.inferred.extend(link.inferred.iter().filter(|field| !named || **field != Field::ClientId));
    if !named {
        // The certificate was accepted and the login refused: many devices may share one, so it stands in the reason only.
        (row.identity, row.client_id) = match (client_id, &names, row.ip_address) {
            (Some(client_id), ..) => (Identity::ClientId, client_id.clone()),
            (None, Some(username), _) => (Identity::Username, username.clone()),
            (None, None, Some(address)) => (Identity::Address, format!("unknown@{address}")),
            (None, None, None) => (Identity::Address, "unknown".to_owned()),
        };
        row.inferred.retain(|field| *field != Field::ClientId || link.inferred.contains(&Field::ClientId));
        deduced.push(Field::ClientId);
    }
    if let Some(subject) = &link.subject {
        row.reason = escaped(format!("{}; certificate {subject}", row.reason).as_bytes(), MAX_REASON).into();
    }
    row.inferred.extend(unread);
    if guessed {
        row.inferred.extend(deduced);
    }
    row.inferred.sort_unstable();
    row.inferred.dedup();
    let room = MAX_EVIDENCE.saturating_sub(row.evidence.len());
    let more: Evidence = link.evidence.iter().filter(|line| !row.evidence.contains(line)).take(room).collect();
    let own = std::mem::replace(&mut row.evidence, more);
    row.evidence.extend(own.iter());
    row
}

/// Whether a password was sent tells some of the broker's reasons apart.
fn with_password(row: &mut Row) {
    let mut reasons = Reasons::from_iter([row.reason_code]);
    reasons.extend_from_slice(&row.alternatives);
    reason::with_password(&mut reasons, row.password_provided);
    let code = reasons.remove(0);
    if (code, &reasons) != (row.reason_code, &row.alternatives) {
        let words: Vec<String> = row.reason.split_once(": ").map(|(_, words)| words.to_owned()).into_iter().collect();
        row.reason = reason::text(code, &reasons, &words).into();
        (row.reason_code, row.alternatives) = (code, reasons);
    }
}

/// A row of which nothing is known but the terminator's own address, which is nobody's.
pub(super) fn unjoined(mut row: Row) -> Row {
    row.ip_address = None;
    row.tls_used = None;
    if row.identity == Identity::Address {
        row.client_id = "unknown".to_owned();
    }
    row.inferred.retain(|field| {
        !matches!(field, Field::IpAddress | Field::TlsUsed) && (*field != Field::ClientId || row.identity != Identity::Address)
    });
    row
}

/// Whether the terminator's verdict is nearer to one reason than the broker's.
fn tells_more(own: &Row, broker: &Row) -> bool {
    let rank = |row: &Row| (row.reason_code != Reason::Other, std::cmp::Reverse(row.alternatives.len()));
    rank(own) > rank(broker)
}
