//! Opening the file: the lock, the checks, the connections.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use crate::store::text::Pattern;
use crate::store::{StoreError, schema};

/// How long a connection waits for another one's lock.
const BUSY: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 32;

/// What the write-ahead log shrinks to after a burst, in bytes.
const WAL_BYTES: i64 = 16 * 1024 * 1024;

/// The settings that decide how fast a connection writes.
pub(super) const MEASURED: &[&str] = &["synchronous", "cache_size", "wal_autocheckpoint", "journal_size_limit"];

/// A lock on a database, held until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Drop for Claim {
    /// Closing the file is not enough: a child that was forked just now, as for a hook, has it open, too, until it executes its program.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Makes the file if there is none, and locks it against other processes. Returns its real path, so that two links to
/// one file have one lock.
pub(super) fn claim(path: &Path) -> Result<(PathBuf, Claim), StoreError> {
    let error = |source| StoreError::Open { path: path.to_owned(), source };
    // Made here rather than by SQLite for its mode: the rows name people and addresses.
    match OpenOptions::new().write(true).create_new(true).mode(0o640).open(path) {
        Ok(_) => {}
        Err(found) if found.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(error(source)),
    }
    let path = path.canonicalize().map_err(error)?;
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let lock = take(&lock_path).map_err(|failure| match failure {
        Ok(holder) => StoreError::Locked { path: path.clone(), holder },
        Err(source) => StoreError::Open { path: lock_path.clone(), source },
    })?;
    Ok((path, Claim(lock)))
}

/// Takes the lock; fails with what the file says when another process has it.
fn take(path: &Path) -> Result<File, Result<String, io::Error>> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(path).map_err(Err)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = Vec::new();
            // Only for the message; without it the message is shorter.
            let _ = (&mut file).take(32).read_to_end(&mut holder);
            return Err(Ok(String::from_utf8_lossy(&holder).into_owned()));
        }
        Err(TryLockError::Error(source)) => return Err(Err(source)),
    }
    // The content is a help for people; the lock itself is the kernel's, so a full disk is no reason to fail.
    let _ = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    Ok(file)
}

/// The connection that writes; checks the file before anything is changed in it.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let error = |source| StoreError::sqlite(path, "open it", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(error)?;
    conn.busy_timeout(BUSY).map_err(error)?;
    schema::check(&conn, path)?;
    conn.pragma_update(None, "journal_mode", "WAL").map_err(error)?;
    conn.pragma_update(None, "journal_size_limit", WAL_BYTES).map_err(error)?;
    conn.pragma_update(None, "synchronous", "NORMAL").map_err(error)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::migrate(&mut conn, path)?;
    Ok(conn)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let error = |source| StoreError::sqlite(path, "open it for reading", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(error)?;
    conn.busy_timeout(BUSY).map_err(error)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("contains", 2, flags, |context| {
        let pattern = context.get_or_create_aux(1, |value| value.as_str().map(Pattern::contains))?;
        Ok(match context.get_raw(0) {
            rusqlite::types::ValueRef::Null => false,
            text => pattern.matches(text.as_str()?),
        })
    })
    .map_err(error)?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_has_not_executed_its_program_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let (_, claimed) = claim(&path).unwrap();
        let inherited = claimed.0.try_clone().unwrap();
        assert!(matches!(claim(&path), Err(StoreError::Locked { .. })));
        drop(claimed);
        claim(&path).unwrap();
        drop(inherited);
    }
}
