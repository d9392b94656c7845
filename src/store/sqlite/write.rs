//! What is written to the file. Every function runs within the caller's transaction.

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};

use crate::model::{ClientKey, Identity, Millis, Row};
use crate::store::batch::{Known, Pending};
use crate::store::mirror::Delta;
use crate::store::{Batch, CommitStats, Expired, LogState};

/// Writes over the row that stands there, and goes on from its attempts unless the client connected in between (?17).
/// Sums past the greatest integer stay there (SQLite makes them floating, hence the `min`).
const UPDATE: &str = "
    UPDATE client SET
        ip_address = ?4, ts = ?5, username = ?6, password_provided = ?7, tls_used = ?8, reason = ?9, reason_code = ?10,
        alternatives = ?11, inferred = ?12,
        attempts = CASE WHEN ?17 THEN ?13 ELSE min(attempts + ?13, 9223372036854775807) END,
        first_ts = CASE WHEN ?17 THEN ?14 ELSE first_ts END,
        evidence = ?15, recorded_at = ?16
    WHERE client_id = ?1 AND identity = ?2 AND broker = ?3";

/// Writes a row where none stands. That there are two statements tells without counting how many rows there are.
const INSERT: &str = "
    INSERT INTO client (client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code,
                        alternatives, inferred, attempts, first_ts, evidence, recorded_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// Writes a batch. Returns what it did, and how many rows are new; `deltas` gets it row by row, if somebody wants that.
pub(super) fn batch(
    transaction: &Transaction<'_>,
    batch: &Batch,
    retention: Option<Millis>,
    now: Millis,
    mut deltas: Option<&mut Vec<Delta>>,
) -> rusqlite::Result<(CommitStats, u64)> {
    let (mut stats, mut new) = (CommitStats::default(), 0);
    let mut statements = (transaction.prepare_cached(UPDATE)?, transaction.prepare_cached(INSERT)?);
    // In the order of the index: neighbours share its pages.
    let mut changes: Vec<(&ClientKey, &Pending)> = batch.changes().collect();
    changes.sort_unstable_by(|(a, _), (b, _)| index_order(a).cmp(&index_order(b)));
    for (key, pending) in changes {
        // The usual case writes from where the row stands in the batch; only the other one makes a copy.
        let resolved;
        let change = match pending {
            Pending::Fresh(change) => change,
            Pending::Mixed(_) => match pending.resolve(known(transaction, key, retention, now)?) {
                Some(change) => {
                    resolved = change;
                    &resolved
                }
                None => {
                    stats.ignored += 1;
                    continue;
                }
            },
        };
        match &change.row {
            Some(row) => {
                new += u64::from(upsert(&mut statements, row, change.clear, now)?);
                stats.written += 1;
                if let Some(deltas) = &mut deltas {
                    deltas.push(Delta::Put(Box::new(row.as_ref().into()), change.clear));
                }
            }
            None if change.clear => {
                let mut clear = transaction.prepare_cached("DELETE FROM client WHERE client_id = ?1 AND identity = ?2 AND broker = ?3")?;
                stats.cleared += clear.execute(params![key.client_id, key.identity.code(), key.broker])? as u64;
                if let Some(deltas) = &mut deltas {
                    deltas.push(Delta::Removed(key.clone()));
                }
            }
            None => {}
        }
    }
    for (source, log) in &batch.forgotten {
        transaction.prepare_cached("DELETE FROM position WHERE source = ?1 AND log = ?2")?.execute(params![source, log])?;
        transaction.prepare_cached("DELETE FROM conversation WHERE source = ?1 AND log = ?2")?.execute(params![source, log])?;
    }
    for LogState { source, log, state } in &batch.positions {
        transaction
            .prepare_cached("REPLACE INTO position (source, log, state) VALUES (?1, ?2, ?3)")?
            .execute(params![source, log, state])?;
    }
    for LogState { source, log, state } in &batch.conversations {
        transaction
            .prepare_cached("REPLACE INTO conversation (source, log, state) VALUES (?1, ?2, ?3)")?
            .execute(params![source, log, state])?;
    }
    Ok((stats, new))
}

/// Removes the rows of this client and leaves a mark for each, so that reading its log again does not bring it back. Returns the
/// keys of the rows.
pub(super) fn delete(transaction: &Transaction<'_>, client_id: &str, now: Millis) -> rusqlite::Result<Vec<ClientKey>> {
    transaction
        .prepare_cached(
            "INSERT INTO deleted (client_id, identity, broker, ts, deleted_at)
             SELECT client_id, identity, broker, ts, ?2 FROM client WHERE client_id = ?1
             ON CONFLICT (client_id, identity, broker) DO UPDATE SET ts = max(ts, excluded.ts), deleted_at = excluded.deleted_at",
        )?
        .execute(params![client_id, now])?;
    let mut gone = Vec::new();
    remove(transaction, "DELETE FROM client WHERE client_id = ?1", params![client_id], Some(&mut gone))?;
    Ok(gone)
}

/// Removes all rows and leaves one mark for each broker.
pub(super) fn delete_all(transaction: &Transaction<'_>, now: Millis) -> rusqlite::Result<u64> {
    transaction.execute(
        "INSERT INTO deleted_all (broker, ts, deleted_at)
         SELECT broker, max(ts), ?1 FROM client WHERE true GROUP BY broker
         ON CONFLICT (broker) DO UPDATE SET ts = max(ts, excluded.ts), deleted_at = excluded.deleted_at",
        params![now],
    )?;
    Ok(transaction.execute("DELETE FROM client", [])? as u64)
}

/// Removes what is older than the retention, and the oldest marks beyond the limit. The keys of the rows go into `gone`.
pub(super) fn expire(
    transaction: &Transaction<'_>,
    retention: Option<Millis>,
    max_marks: u64,
    now: Millis,
    gone: Option<&mut Vec<ClientKey>>,
) -> rusqlite::Result<Expired> {
    let mut expired = Expired::default();
    if let Some(oldest) = retention.map(|retention| now.saturating_sub(retention)) {
        expired.rows = remove(transaction, "DELETE FROM client WHERE recorded_at < ?1", [oldest], gone)?;
        // What these marks keep away is older than the retention too, and that alone keeps it away from here on.
        expired.marks = transaction.execute("DELETE FROM deleted WHERE deleted_at < ?1 AND ts < ?1", [oldest])? as u64;
        expired.marks += transaction.execute("DELETE FROM deleted_all WHERE deleted_at < ?1 AND ts < ?1", [oldest])? as u64;
    }
    let marks: u64 = transaction.query_row("SELECT count(*) FROM deleted", [], |row| row.get(0))?;
    if let Some(excess) = marks.checked_sub(max_marks).filter(|excess| *excess > 0) {
        expired.marks += transaction.execute(
            "DELETE FROM deleted WHERE (client_id, identity, broker) IN
                 (SELECT client_id, identity, broker FROM deleted ORDER BY deleted_at LIMIT ?1)",
            [excess],
        )? as u64;
    }
    Ok(expired)
}

/// Removes the oldest rows beyond the limit, of this many. Returns how many went; their keys go into `gone`.
pub(super) fn evict(
    transaction: &Transaction<'_>,
    rows: u64,
    max_clients: u64,
    gone: Option<&mut Vec<ClientKey>>,
) -> rusqlite::Result<u64> {
    let Some(excess) = rows.checked_sub(max_clients).filter(|excess| *excess > 0) else {
        return Ok(0);
    };
    let sql = "DELETE FROM client WHERE rowid IN (SELECT rowid FROM client ORDER BY recorded_at, ts LIMIT ?1)";
    remove(transaction, sql, [excess], gone)
}

/// Deletes rows and says how many there were. Their keys are asked for only if somebody wants them.
fn remove(
    transaction: &Transaction<'_>,
    sql: &str,
    values: impl rusqlite::Params,
    gone: Option<&mut Vec<ClientKey>>,
) -> rusqlite::Result<u64> {
    let Some(gone) = gone else {
        return Ok(transaction.prepare_cached(sql)?.execute(values)? as u64);
    };
    let before = gone.len();
    let mut statement = transaction.prepare_cached(&format!("{sql} RETURNING broker, identity, client_id"))?;
    let keys = statement.query_map(values, |row| {
        let identity: String = row.get(1)?;
        let identity = Identity::from_code(&identity).ok_or_else(|| super::read::unreadable("identity"))?;
        Ok(ClientKey { broker: row.get(0)?, identity, client_id: row.get(2)? })
    })?;
    for key in keys {
        gone.push(key?);
    }
    Ok((gone.len() - before) as u64)
}

/// Writes a row; true: there was none of this client.
fn upsert(
    (update, insert): &mut (CachedStatement<'_>, CachedStatement<'_>),
    row: &Row,
    clear: bool,
    now: Millis,
) -> rusqlite::Result<bool> {
    let address = row.ip_address.map(|ip| ip.to_string());
    let (alternatives, inferred, evidence) = (json(&row.alternatives)?, json(&row.inferred)?, json(&row.evidence)?);
    let attempts = i64::try_from(row.attempts).unwrap_or(i64::MAX);
    let key = params![row.client_id, row.identity.code(), row.broker];
    let rest = params![
        address,
        row.ts,
        row.username,
        row.password_provided,
        row.tls_used,
        row.reason,
        row.reason_code.code(),
        alternatives,
        inferred,
        attempts,
        row.first_ts,
        evidence,
        now,
    ];
    let values = key.iter().chain(rest).copied();
    if update.execute(rusqlite::params_from_iter(values.clone().chain([&clear as &dyn rusqlite::ToSql])))? > 0 {
        return Ok(false);
    }
    insert.execute(rusqlite::params_from_iter(values))?;
    Ok(true)
}

pub(super) fn known(transaction: &Transaction<'_>, key: &ClientKey, retention: Option<Millis>, now: Millis) -> rusqlite::Result<Known> {
    let ClientKey { broker, identity, client_id } = key;
    let row = transaction
        .prepare_cached("SELECT ts FROM client WHERE client_id = ?1 AND identity = ?2 AND broker = ?3")?
        .query_row(params![client_id, identity.code(), broker], |row| row.get(0))
        .optional()?;
    let deleted: Option<Millis> = transaction
        .prepare_cached(
            "SELECT max(ts) FROM (SELECT ts FROM deleted WHERE client_id = ?1 AND identity = ?2 AND broker = ?3
                                  UNION ALL SELECT ts FROM deleted_all WHERE broker = ?3)",
        )?
        .query_row(params![client_id, identity.code(), broker], |row| row.get(0))?;
    // An attempt this old was recorded when its line was first read, and its row has been removed since.
    let expired = retention.map(|retention| now.saturating_sub(retention).saturating_sub(1));
    Ok(Known { row, floor: deleted.max(expired).unwrap_or(Millis::MIN) })
}

fn index_order(key: &ClientKey) -> (&str, &str, &str) {
    (&key.client_id, key.identity.code(), &key.broker)
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
