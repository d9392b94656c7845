//! What is read from the file.

use rusqlite::types::{FromSqlError, Value};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde::de::DeserializeOwned;

use crate::model::{ClientKey, Identity, Reason, Row};
use crate::store::query::{Where, order_by};
use crate::store::{Filter, Loaded, LogState, Page, PageQuery};

/// The columns of a row, in the order that [`row`] reads and the upsert writes.
const COLUMNS: &str = "client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code, \
                       alternatives, inferred, attempts, first_ts, evidence";

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

pub(super) fn page(conn: &mut Connection, query: &PageQuery) -> rusqlite::Result<Page> {
    let filter = Where::new(&query.filter);
    // One transaction, so that the total and the rows are of one moment.
    let transaction = conn.transaction()?;
    let total: u64 = transaction
        .prepare_cached(&format!("SELECT count(*) FROM client {}", filter.sql))?
        .query_row(params_from_iter(&filter.values), |row| row.get(0))?;
    let offset = u64::from(query.page) * u64::from(query.page_size);
    if offset >= total {
        return Ok(Page::new(query, Vec::new(), total));
    }
    let sql = format!("SELECT {COLUMNS} FROM client {} {} LIMIT ? OFFSET ?", filter.sql, order_by(query.sort, query.order));
    let mut values = filter.values;
    values.push(Value::Integer(i64::from(query.page_size)));
    values.push(Value::Integer(i64::try_from(offset).unwrap_or(i64::MAX)));
    let data = transaction.prepare_cached(&sql)?.query_map(params_from_iter(&values), row)?.collect::<Result<_, _>>()?;
    Ok(Page::new(query, data, total))
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

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
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
    })
}

fn json<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| FromSqlError::Other(Box::new(error)).into())
}

pub(super) fn unreadable(column: &'static str) -> rusqlite::Error {
    FromSqlError::Other(format!("the column {column} holds what this program never writes").into()).into()
}
