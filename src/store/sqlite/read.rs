//! What is read from the file.

use rusqlite::types::{FromSqlError, Value};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde::de::DeserializeOwned;

use crate::model::{ClientKey, Identity, Reason, Row};
use crate::store::mirror::Entry;
use crate::store::query::Where;
use crate::store::{Cursor, Filter, Loaded, LogState, Stored};

/// The columns of a row, in the order that [`row`] reads and the upsert writes.
pub(super) const COLUMNS: &str = "client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code, \
                       alternatives, inferred, attempts, first_ts, evidence";

/// What the copy in memory holds, in the order of time; [`entry`] reads it.
pub(super) const ENTRIES: &str = "SELECT client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code, \
                                  attempts, first_ts FROM client INDEXED BY client_search ORDER BY ts, client_id, identity, broker";

pub(super) fn count(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT count(*) FROM client")?.query_row([], |row| row.get(0))
}

pub(super) fn load(conn: &mut Connection) -> rusqlite::Result<Loaded> {
    // One transaction: a position and the conversations that go with it are of one commit.
    let transaction = conn.transaction()?;
    let states = |table: &str| -> rusqlite::Result<Vec<LogState>> {
        let mut statement = transaction.prepare(&format!("SELECT source, log, state FROM {table} ORDER BY source, log"))?;
        let found = statement.query_map([], |row| Ok(LogState { source: row.get(0)?, log: row.get(1)?, state: row.get(2)? }))?;
        found.collect()
    };
    Ok(Loaded { positions: states("position")?, conversations: states("conversation")? })
}

pub(super) fn get(conn: &mut Connection, client_id: &str) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM client WHERE client_id = ?1 ORDER BY ts DESC, identity, broker");
    conn.prepare_cached(&sql)?.query_map(params![client_id], row)?.collect()
}

/// The rows with these keys that the filter lets through, all as they are at one moment.
pub(super) fn look_up(conn: &mut Connection, filter: &Filter, keys: &[ClientKey]) -> rusqlite::Result<Vec<Option<Row>>> {
    let mut filter = Where::new(filter);
    filter.add("client_id = ? AND identity = ? AND broker = ?", []);
    let transaction = conn.transaction()?;
    let mut statement = transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM client {}", filter.sql))?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let key = [&key.client_id, key.identity.code(), &key.broker].map(|text| Value::Text(text.to_owned()));
        found.push(statement.query_row(params_from_iter(filter.values.iter().chain(&key)), row).optional()?);
    }
    Ok(found)
}

pub(super) fn cursor(conn: &Connection) -> rusqlite::Result<Cursor> {
    let until = conn.prepare_cached("SELECT coalesce(max(rowid), 0) FROM client")?.query_row([], |row| row.get(0))?;
    Ok(Cursor { after: 0, until })
}

/// One step of a walk.
pub(super) fn walk(
    conn: &Connection,
    filter: &Filter,
    cursor: Cursor,
    each: &mut dyn FnMut(&Stored<'_>) -> bool,
) -> rusqlite::Result<Option<Cursor>> {
    let mut filter = Where::new(filter);
    filter.add("rowid > ? AND rowid <= ?", [Value::Integer(cursor.after), Value::Integer(cursor.until)]);
    // In the order of the table itself: every page of it is read once, one after the other.
    let sql = format!("SELECT {COLUMNS}, rowid FROM client NOT INDEXED {} ORDER BY rowid", filter.sql);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&filter.values))?;
    while let Some(row) = rows.next()? {
        if !each(&stored(row)?) {
            return Ok(Some(Cursor { after: row.get(15)?, ..cursor }));
        }
    }
    Ok(None)
}

/// A text, where it stands.
fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

/// A text that may be null.
fn perhaps<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

fn stored<'r>(row: &'r rusqlite::Row<'_>) -> rusqlite::Result<Stored<'r>> {
    Ok(Stored {
        client_id: text(row, 0)?,
        identity: text(row, 1)?,
        broker: text(row, 2)?,
        ip_address: perhaps(row, 3)?,
        ts: row.get(4)?,
        username: perhaps(row, 5)?,
        password_provided: row.get(6)?,
        tls_used: row.get(7)?,
        reason: text(row, 8)?,
        reason_code: text(row, 9)?,
        alternatives: text(row, 10)?,
        inferred: text(row, 11)?,
        attempts: row.get(12)?,
        first_ts: row.get(13)?,
        evidence: text(row, 14)?,
    })
}

pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let identity: String = row.get(1)?;
    let ip_address: Option<String> = row.get(3)?;
    let reason_code: String = row.get(9)?;
    Ok(Row {
        client_id: row.get(0)?,
        identity: Identity::from_code(&identity).ok_or_else(|| unreadable("identity"))?,
        broker: row.get(2)?,
        ip_address: ip_address.map(|ip| ip.parse()).transpose().map_err(|_| unreadable("ip_address"))?,
        ts: row.get(4)?,
        username: row.get(5)?,
        password_provided: row.get(6)?,
        tls_used: row.get(7)?,
        reason: row.get(8)?,
        reason_code: Reason::from_code(&reason_code).ok_or_else(|| unreadable("reason_code"))?,
        alternatives: json(row, 10)?,
        inferred: json(row, 11)?,
        attempts: row.get(12)?,
        first_ts: row.get(13)?,
        evidence: json(row, 14)?,
        peer: None,
        upstream: None,
        twin: None,
    })
}

pub(super) fn entry<'r>(row: &'r rusqlite::Row<'_>) -> rusqlite::Result<Entry<'r>> {
    Ok(Entry {
        client_id: text(row, 0)?,
        identity: Identity::from_code(text(row, 1)?).ok_or_else(|| unreadable("identity"))?,
        broker: text(row, 2)?,
        ip_address: perhaps(row, 3)?,
        ts: row.get(4)?,
        username: perhaps(row, 5)?,
        password_provided: row.get(6)?,
        tls_used: row.get(7)?,
        reason: text(row, 8)?,
        reason_code: Reason::from_code(text(row, 9)?).ok_or_else(|| unreadable("reason_code"))?,
        attempts: row.get(10)?,
        first_ts: row.get(11)?,
    })
}

fn json<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| FromSqlError::Other(Box::new(error)).into())
}

pub(super) fn unreadable(column: &'static str) -> rusqlite::Error {
    FromSqlError::Other(format!("the column {column} holds what this program never writes").into()).into()
}
