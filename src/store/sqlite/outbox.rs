//! Events on their way to the outputs. They are written in the transaction of the rows that they are about and of the positions
//! they came from, so a crash neither loses nor doubles one; each output takes them from here at its own pace.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::write::known;
use crate::model::{Event, EventKind, Millis, Told};
use crate::store::{Due, StoredEvent};

/// Events that wait for the slowest output; past it the oldest go.
const MOST: i64 = 100_000;

/// Writes the events of a batch, in order. Returns how many old ones had to go.
///
/// What may have been read before counts as for the rows: only what is newer than all that is known of the client. So this runs
/// before the rows of the batch are written.
pub(super) fn write(transaction: &Transaction<'_>, told: &[Told], retention: Option<Millis>, now: Millis) -> rusqlite::Result<u64> {
    if told.is_empty() || outputs(transaction)? == 0 {
        return Ok(0);
    }
    for Told { key, event, reread } in told {
        if event.kind == EventKind::Revised {
            if revise(transaction, key, event)? || *reread {
                continue;
            }
        } else if *reread {
            let known = known(transaction, key, retention, now)?;
            if event.ts <= known.row.map_or(known.floor, |ts| ts.max(known.floor)) {
                continue;
            }
        }
        transaction
            .prepare_cached("INSERT INTO event (broker, identity, client_id, ts, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![key.broker, key.identity.code(), key.client_id, event.ts, now, body(event)?])?;
    }
    let dropped = transaction.prepare_cached("DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?1")?.execute([MOST])?;
    Ok(dropped as u64)
}

/// An attempt is known better before it was told to anybody: it is told so from the start.
fn revise(transaction: &Transaction<'_>, key: &crate::model::ClientKey, event: &Event) -> rusqlite::Result<bool> {
    let event = Event { kind: EventKind::Refused, ..event.clone() };
    let seq: Option<i64> = transaction
        .prepare_cached(
            "SELECT max(seq) FROM event WHERE client_id = ?1 AND ts = ?2 AND identity = ?3 AND broker = ?4
             AND seq > (SELECT max(claimed) FROM output)",
        )?
        .query_row(params![key.client_id, event.ts, key.identity.code(), key.broker], |row| row.get(0))?;
    let Some(seq) = seq else { return Ok(false) };
    transaction.prepare_cached("UPDATE event SET body = ?2 WHERE seq = ?1")?.execute(params![seq, body(&event)?])?;
    Ok(true)
}

/// Names the outputs. A new one is told what happens from now on; what waits for none is forgotten.
pub(super) fn name(transaction: &Transaction<'_>, names: &[String]) -> rusqlite::Result<()> {
    let known: Vec<String> =
        transaction.prepare("SELECT name FROM output")?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in known.iter().filter(|name| !names.contains(name)) {
        transaction.execute("DELETE FROM output WHERE name = ?1", [name])?;
    }
    let last: Option<i64> =
        transaction.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'event'", [], |row| row.get(0)).optional()?;
    for name in names {
        transaction.execute("INSERT OR IGNORE INTO output (name, done, claimed) VALUES (?1, ?2, ?2)", params![name, last.unwrap_or(0)])?;
    }
    prune(transaction)
}

/// Notes what an output has told, and hands out what it is to tell next: at most `most` events that were written by `until`.
pub(super) fn next(
    transaction: &Transaction<'_>,
    output: &str,
    done: Option<u64>,
    until: Millis,
    now: Millis,
    most: usize,
) -> rusqlite::Result<Due> {
    if let Some(done) = done {
        transaction
            .prepare_cached("UPDATE output SET done = max(done, ?2) WHERE name = ?1")?
            .execute(params![output, i64::try_from(done).unwrap_or(i64::MAX)])?;
        prune(transaction)?;
    }
    let store: String = transaction.prepare_cached("SELECT id FROM event_store")?.query_row([], |row| row.get(0))?;
    let mut statement = transaction
        .prepare_cached("SELECT seq, at, body FROM event WHERE seq > (SELECT done FROM output WHERE name = ?1) ORDER BY seq LIMIT ?2")?;
    let mut rows = statement.query(params![output, i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut due = Due::default();
    while let Some(row) = rows.next()? {
        let (seq, at, body): (i64, Millis, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // What seems to come from the future was written before the clock was set back.
        if at > until && at <= now {
            due.waiting = true;
            break;
        }
        let seq = u64::try_from(seq).unwrap_or_default();
        let event = serde_json::from_str(&body).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        due.events.push(StoredEvent { id: format!("{store}-{seq}"), seq, event });
    }
    drop(rows);
    if let Some(last) = due.events.last() {
        transaction
            .prepare_cached("UPDATE output SET claimed = max(claimed, ?2) WHERE name = ?1")?
            .execute(params![output, i64::try_from(last.seq).unwrap_or(i64::MAX)])?;
    }
    Ok(due)
}

fn prune(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let done: Option<i64> = transaction.query_row("SELECT min(done) FROM output", [], |row| row.get(0))?;
    transaction.prepare_cached("DELETE FROM event WHERE seq <= ?1")?.execute([done.unwrap_or(i64::MAX)])?;
    Ok(())
}

fn outputs(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    transaction.prepare_cached("SELECT count(*) FROM output")?.query_row([], |row| row.get(0))
}

fn body(event: &Event) -> rusqlite::Result<String> {
    serde_json::to_string(event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
