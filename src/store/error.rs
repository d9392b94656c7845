//! What can go wrong with the store, and what to do about it.

use std::path::{Path, PathBuf};

/// A store that cannot be opened, read or written. The messages are for the operator; the API shows none of them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made, opened or locked.
    #[error("cannot open the database {}: {source}; check that its directory exists and that this user may write there", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process has the database open.
    #[error("the database {} is in use by another turnaway{}; stop that one, or choose another file with --db", path.display(), pid_note(.holder))]
    Locked {
        /// The database.
        path: PathBuf,
        /// What the lock file says about the holder.
        holder: String,
    },
    /// The file was written by a later version of this program.
    #[error(
        "the database {} has schema version {found}, this program knows versions up to {known}; \
         install the version that wrote it, or choose another file with --db", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// The file is damaged, or no database at all.
    #[error(
        "the database {} is damaged ({detail}); nothing was changed: move it aside (with its -wal and -shm files) and start again, \
         the rows come back from the logs that are still there", path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// A database, but another program's.
    #[error("the database {} belongs to another program; nothing was changed: choose another file with --db", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// No room left.
    #[error("no room left to write the database {}; free some space: nothing is lost, the write is tried again", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("cannot {doing} in the database {}: {source}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The cause.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anyone's change to the file.
    pub fn retry(&self) -> bool {
        match self {
            StoreError::Full { .. } => true,
            StoreError::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(
                    rusqlite::ErrorCode::DatabaseBusy
                        | rusqlite::ErrorCode::DatabaseLocked
                        | rusqlite::ErrorCode::SystemIoFailure
                        | rusqlite::ErrorCode::OutOfMemory
                        | rusqlite::ErrorCode::CannotOpen
                )
            ),
            _ => false,
        }
    }

    /// Sorts one of SQLite's errors into the cases that ask for different acts.
    pub(super) fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, detail: source.to_string() }
            }
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full { path },
            _ => StoreError::Sqlite { path, doing, source },
        }
    }
}

fn pid_note(holder: &str) -> String {
    // The lock file is ours, but anyone who may write it may have: show digits only.
    let pid: String = holder.chars().take_while(char::is_ascii_digit).take(10).collect();
    if pid.is_empty() { String::new() } else { format!(" (process {pid})") }
}
