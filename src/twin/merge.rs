//! Makes one row of two records of one attempt.

use std::cmp::Reverse;

use crate::conversation::reason;
use crate::model::{Field, Identity, Reason, Reasons, Row, Twin};

/// The bound of a row's evidence.
const MAX_EVIDENCE: usize = 8;

/// Whether nothing that both rows say contradicts, and something that both say is the same. A record that names neither client nor
/// address can only follow its twin in time.
pub(super) fn agree(first: &Row, second: &Row) -> bool {
    let same = |one: Option<&str>, other: Option<&str>| one.zip(other).map(|(one, other)| one == other);
    let addresses = first.ip_address.zip(second.ip_address).map(|(one, other)| one == other);
    let peers = first.peer.zip(second.peer).map(|(one, other)| one == other);
    let told = [addresses, peers, same(id(first), id(second)), same(first.username.as_deref(), second.username.as_deref())];
    let nameless = id(first).is_none() && first.ip_address.is_none();
    !told.contains(&Some(false)) && (told.contains(&Some(true)) || nameless)
}

/// The client ID.
pub(super) fn id(row: &Row) -> Option<&str> {
    (row.identity == Identity::ClientId).then_some(row.client_id.as_str())
}

/// Puts two records of one attempt together. The time is that of the second, which ends the attempt.
pub(super) fn merged(first: &Row, second: &Row) -> Row {
    // The better name names the row; where both are as good, the first record says more.
    let (base, other) = if name_rank(second) > name_rank(first) { (second, first) } else { (first, second) };
    let mut row = base.clone();
    (row.ts, row.first_ts) = (second.ts, second.first_ts);
    row.inferred.retain(|field| matches!(field, Field::ClientId));
    if base.identity == other.identity && base.client_id == other.client_id && !other.inferred.contains(&Field::ClientId) {
        row.inferred.clear();
    }
    row.peer = base.peer.or(other.peer);
    row.upstream = base.upstream.or(other.upstream);
    let mut doubts = Vec::new();
    row.ip_address = one_of(Field::IpAddress, (base, base.ip_address), (other, other.ip_address), &mut doubts);
    row.username = one_of(Field::Username, (base, base.username.clone()), (other, other.username.clone()), &mut doubts);
    row.password_provided = one_of(Field::PasswordProvided, (base, base.password_provided), (other, other.password_provided), &mut doubts);
    row.tls_used = one_of(Field::TlsUsed, (base, base.tls_used), (other, other.tls_used), &mut doubts);
    if second.inferred.contains(&Field::Ts) {
        doubts.push(Field::Ts);
    }
    let telling = if telling(second) > telling(first) { second } else { first };
    if telling.inferred.contains(&Field::Reason) {
        doubts.push(Field::Reason);
    }
    let mut reasons = Reasons::from_iter([telling.reason_code]);
    reasons.extend_from_slice(&telling.alternatives);
    reason::with_password(&mut reasons, row.password_provided.filter(|_| !doubts.contains(&Field::PasswordProvided)));
    row.reason_code = reasons.remove(0);
    row.alternatives = reasons;
    let mut words = words(first).to_vec();
    words.extend(self::words(second).iter().filter(|word| !words.contains(word)).cloned().collect::<Vec<_>>());
    row.reason = reason::text(row.reason_code, &row.alternatives, &words).into();
    row.evidence = first.evidence.clone();
    row.evidence.extend(second.evidence.iter().filter(|line| !first.evidence.contains(line)));
    while row.evidence.len() > MAX_EVIDENCE {
        // The first lines and the last are the telling ones.
        row.evidence.remove(MAX_EVIDENCE / 2);
    }
    row.inferred.extend(doubts);
    row.inferred.sort_unstable();
    row.inferred.dedup();
    let both = |twin: &Twin| Twin { words: words.clone(), ..twin.clone() };
    row.twin = second.twin.as_deref().map(both).map(Box::new);
    row
}

/// What either says; certain if one of them is. Where they contradict, nothing is.
fn one_of<T: PartialEq>(field: Field, base: (&Row, Option<T>), other: (&Row, Option<T>), doubts: &mut Vec<Field>) -> Option<T> {
    let sure = |row: &Row| !row.inferred.contains(&field);
    let (value, certain) = match (base.1, other.1) {
        (Some(one), Some(two)) if one == two => (Some(one), sure(base.0) || sure(other.0)),
        (Some(one), Some(two)) => match (sure(base.0), sure(other.0)) {
            (false, true) => (Some(two), true),
            (certain, other) => (Some(one), certain && !other),
        },
        (Some(one), None) => (Some(one), sure(base.0)),
        (None, Some(two)) => (Some(two), sure(other.0)),
        (None, None) => return None,
    };
    if !certain {
        doubts.push(field);
    }
    value
}

fn name_rank(row: &Row) -> (u8, bool) {
    let rank = match row.identity {
        Identity::ClientId => 3,
        Identity::Certificate => 2,
        Identity::Username => 1,
        Identity::Address => 0,
    };
    (rank, row.ip_address.is_some())
}

fn words(row: &Row) -> &[String] {
    row.twin.as_ref().map_or(&[], |twin| &twin.words)
}

/// How much a record tells of the reason; the order is that of the records of one log.
fn telling(row: &Row) -> (bool, bool, usize, Reverse<usize>) {
    let (general, weight) = row.twin.as_ref().map_or((false, 0), |twin| (twin.general, twin.weight));
    (!general, row.reason_code != Reason::Other, weight, Reverse(row.alternatives.len()))
}
