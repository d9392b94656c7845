//! The schema's versions, and how an older file becomes the newest.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Marks the file as ours: "turn" in ASCII.
const APPLICATION_ID: i64 = 0x7475_726e;

/// One step for each version, in order; a released step never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_rows.sql"),
    include_str!("migrations/0002_events.sql"),
    include_str!("migrations/0003_search.sql"),
    include_str!("migrations/0004_revision.sql"),
];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Refuses a file that is damaged, another program's, or a later version's. Changes nothing.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let error = |source| StoreError::sqlite(path, "read the schema", source);
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(error)?;
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(error)?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(error)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail: verdict });
    }
    Ok(())
}

/// Brings the file to [`VERSION`], each step in a transaction of its own.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let error = |source| StoreError::sqlite(path, "bring the schema up to date", source);
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
    for (done, step) in MIGRATIONS.iter().enumerate().skip(usize::try_from(version).unwrap_or(0)) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(error)?;
        transaction.execute_batch(step).map_err(error)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?;
        transaction.pragma_update(None, "user_version", done as i64 + 1).map_err(error)?;
        transaction.commit().map_err(error)?;
    }
    Ok(())
}
