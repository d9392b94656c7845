//! What is written to the file. Every function runs within the caller's transaction.

use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::model::{ClientKey, Identity, Millis, Row};
use crate::store::batch::{Known, Pending};
use crate::store::{Batch, CommitStats, Expired, LogState};

/// Writes a row: over the older one and going on from its attempts, unless the client connected in between (?17).
/// Sums past the greatest integer stay there (SQLite makes them floating, hence the `min`).
const UPSERT: &str = "
    INSERT INTO client (client_id, identity, broker, ip_address, ts, username, password_provided, tls_used, reason, reason_code,
                        alternatives, inferred, attempts, first_ts, evidence, recorded_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
    ON CONFLICT (client_id, identity, broker) DO UPDATE SET
        ip_address = excluded.ip_address, ts = excluded.ts, username = excluded.username,
        password_provided = excluded.password_provided, tls_used = excluded.tls_used,
        reason = excluded.reason, reason_code = excluded.reason_code,
        alternatives = excluded.alternatives, inferred = excluded.inferred,
        attempts = CASE WHEN ?17 THEN excluded.attempts ELSE min(attempts + excluded.attempts, 9223372036854775807) END,
        first_ts = CASE WHEN ?17 THEN excluded.first_ts ELSE first_ts END,
        evidence = excluded.evidence, recorded_at = excluded.recorded_at";

pub(super) fn batch(transaction: &Transaction<'_>, batch: &Batch, retention: Option<Millis>, now: Millis) -> rusqlite::Result<CommitStats> {
    let mut stats = CommitStats::default();
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
                upsert(transaction, row, change.clear, now)?;
                stats.written += 1;
            }
            None if change.clear => {
                let mut clear = transaction.prepare_cached("DELETE FROM client WHERE client_id = ?1 AND identity = ?2 AND broker = ?3")?;
                stats.cleared += clear.execute(params![key.client_id, key.identity.code(), key.broker])? as u64;
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
    Ok(stats)
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

/// Removes the oldest rows beyond the limit. Returns how many went and how many there are now; the keys go into `gone`.
pub(super) fn evict(transaction: &Transaction<'_>, max_clients: u64, gone: Option<&mut Vec<ClientKey>>) -> rusqlite::Result<(u64, u64)> {
    let rows = super::read::count(transaction)?;
    let Some(excess) = rows.checked_sub(max_clients).filter(|excess| *excess > 0) else {
        return Ok((0, rows));
    };
    let sql = "DELETE FROM client WHERE rowid IN (SELECT rowid FROM client ORDER BY recorded_at, ts LIMIT ?1)";
    let evicted = remove(transaction, sql, [excess], gone)?;
    Ok((evicted, rows - evicted))
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

fn upsert(transaction: &Transaction<'_>, row: &Row, clear: bool, now: Millis) -> rusqlite::Result<()> {
    transaction.prepare_cached(UPSERT)?.execute(params![
        row.client_id,
        row.identity.code(),
        row.broker,
        row.ip_address.map(|ip| ip.to_string()),
        row.ts,
        row.username,
        row.password_provided,
        row.tls_used,
        row.reason,
        row.reason_code.code(),
        json(&row.alternatives)?,
        json(&row.inferred)?,
        i64::try_from(row.attempts).unwrap_or(i64::MAX),
        row.first_ts,
        json(&row.evidence)?,
        now,
        clear,
    ])?;
    Ok(())
}

fn known(transaction: &Transaction<'_>, key: &ClientKey, retention: Option<Millis>, now: Millis) -> rusqlite::Result<Known> {
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
