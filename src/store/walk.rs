//! Going through the whole table in steps, each a short transaction of its own: an export that is read slowly keeps no old pages from
//! being given back.

use crate::model::Millis;

/// How far a walk has come. The order is that in which the rows were made; a row that stays for the whole walk comes exactly once, as it
/// is when the walk gets to it; one that is made meanwhile does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last row that was seen.
    pub(super) after: i64,
    /// The last row that was there when the walk began.
    pub(super) until: i64,
}

/// A row as it is stored, without a copy: what is only written out again need not be understood. The fields are those of
/// [`Row`](crate::model::Row).
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they are the row's")]
pub struct Stored<'r> {
    pub client_id: &'r str,
    pub identity: &'r str,
    pub broker: &'r str,
    pub ip_address: Option<&'r str>,
    pub ts: Millis,
    pub username: Option<&'r str>,
    pub password_provided: Option<bool>,
    pub tls_used: Option<bool>,
    pub reason: &'r str,
    pub reason_code: &'r str,
    /// A JSON array of codes.
    pub alternatives: &'r str,
    /// A JSON array of field names.
    pub inferred: &'r str,
    pub attempts: u64,
    pub first_ts: Millis,
    /// A JSON array of texts, in one line.
    pub evidence: &'r str,
}
