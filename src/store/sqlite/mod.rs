//! The store in one SQLite file: one connection writes, others read, and a lock keeps a second daemon out.

mod commit;
mod copied;
mod copy;
mod open;
mod outbox;
mod page;
mod read;
mod summary;
mod totals;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction};

use super::mirror::Delta;
use super::{Batch, CommitStats, Cursor, Due, Expired, Feed, Filter, Loaded, Page, PageQuery, Store, StoreError, Stored, Summary, Touched};
use crate::model::{ClientKey, Millis, Row};
use commit::note;
use copy::Copy;
use totals::Totals;

/// Reading connections that are kept open; more may read at once, at the price of opening one.
const IDLE_READERS: usize = 4;

/// What bounds the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a row stays after it was recorded, in milliseconds; none: for ever.
    pub retention: Option<Millis>,
    /// How many rows there may be.
    pub max_clients: u64,
    /// How much memory a copy of what large tables are filtered and sorted by may take, in bytes; 0: none is made.
    pub search_memory: u64,
}

impl Default for Settings {
    /// Three days, as in TBMQ, and 100,000 clients; memory for about two million.
    fn default() -> Settings {
        Settings { retention: Some(3 * 24 * 60 * 60 * 1000), max_clients: 100_000, search_memory: 256 << 20 }
    }
}

/// A store in one SQLite file (WAL). Dropping it closes the file and lets go of the lock.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    settings: Settings,
    /// Before the writer, so that they are dropped first: who closes the file last takes the write-ahead log in, and they may
    /// not write.
    readers: Mutex<Vec<Connection>>,
    writer: Arc<Mutex<Writer>>,
    feed: Feed,
    totals: Totals,
    copy: Arc<Copy>,
    /// Makes the copy, or something of it.
    worker: Mutex<Option<JoinHandle<()>>>,
    /// Held, not read. The last field, so that it is dropped after the connections.
    _lock: open::Claim,
}

#[derive(Debug)]
struct Writer {
    conn: Connection,
    /// How many rows there are: counting them for every commit would cost more than the commit.
    rows: u64,
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings an older one up to date. A damaged, foreign or newer
    /// file, and one that another process has open, is refused and left as it is.
    pub fn open(path: &Path, settings: Settings) -> Result<SqliteStore, StoreError> {
        let (path, lock) = open::claim(path)?;
        let conn = open::writer(&path)?;
        let rows = read::count(&conn).map_err(|source| StoreError::sqlite(&path, "count the rows", source))?;
        let writer = Arc::new(Mutex::new(Writer { conn, rows }));
        Ok(SqliteStore {
            path,
            settings,
            writer,
            readers: Mutex::new(Vec::new()),
            feed: Feed::default(),
            totals: Totals::new(rows),
            copy: Arc::new(Copy::new(settings.search_memory)),
            worker: Mutex::new(None),
            _lock: lock,
        })
    }

    /// The file, as an absolute path without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings of the connection that writes: with them a benchmark measures what SQLite alone does.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pragmas(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let writer = lock(&self.writer);
        let read = |name: &str| writer.conn.pragma_query_value(None, name, |row| row.get(0)).map(|value| (name.to_owned(), value));
        let all = open::MEASURED.iter().map(|name| read(name)).collect::<rusqlite::Result<_>>();
        all.map_err(|source| StoreError::sqlite(&self.path, "read the settings", source))
    }

    /// Waits until what is being made for fast pages is there. Returns the bytes of memory that it takes; 0: nothing is there. For benchmarks.
    pub fn await_copy(&self) -> usize {
        let worker = lock(&self.worker).take();
        // A thread that broke has said so.
        worker.into_iter().for_each(|worker| drop(worker.join()));
        self.copy.bytes()
    }

    fn read<T>(&self, doing: &'static str, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => open::reader(&self.path)?,
        };
        let found = work(&mut conn).map_err(|source| StoreError::sqlite(&self.path, doing, source))?;
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(conn);
        }
        Ok(found)
    }
}

impl Store for SqliteStore {
    fn load(&self) -> Result<Loaded, StoreError> {
        self.read("read the positions", read::load)
    }

    fn commit(&self, batch: &Batch, now: Millis) -> Result<CommitStats, StoreError> {
        if batch.is_empty() {
            return Ok(CommitStats::default());
        }
        let mut writer = lock(&self.writer);
        let (before, settings) = (writer.rows, self.settings);
        let is_watched = self.feed.is_watched(now);
        let (stats, rows, gone) = self.write(&mut writer, "write a batch", |transaction, mut deltas| {
            let dropped_events = outbox::write(transaction, &batch.events, settings.retention, now)?;
            let (mut stats, new) = write::batch(transaction, batch, settings.retention, now, deltas.as_deref_mut())?;
            stats.dropped_events = dropped_events;
            let rows = (before + new).saturating_sub(stats.cleared);
            let mut gone = (is_watched || deltas.is_some()).then(Vec::new);
            stats.evicted = write::evict(transaction, rows, settings.max_clients, gone.as_mut())?;
            note(deltas, gone.as_deref());
            Ok((stats, rows.saturating_sub(stats.evicted), gone))
        })?;
        writer.rows = rows;
        self.totals.set_rows(writer.rows);
        match gone.filter(|_| is_watched) {
            Some(gone) => self.tell(batch.changes().map(|(key, _)| key.clone()).chain(gone).collect(), now),
            None if batch.clients() > 0 => self.feed.skip(now),
            None => {}
        }
        drop(writer);
        self.copy.tick(now);
        Ok(stats)
    }

    fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        if self.is_slow(query)
            && let Some(page) = self.copied_page(query)?
        {
            return Ok(page);
        }
        let began = self.totals.commits();
        let known = self.totals.known(&query.filter);
        let mut page = self.read("read a page", |conn| page::page(conn, query, known))?;
        if known.is_some() && self.totals.commits() != began {
            // Written to meanwhile: the total may be of another moment than the rows.
            page = self.read("read a page", |conn| page::page(conn, query, None))?;
        }
        self.totals.learn(&query.filter, page.total_elements, began);
        Ok(page)
    }

    fn summary(&self, filter: &Filter, spans: u32) -> Result<Summary, StoreError> {
        match self.copied_summary(filter, spans)? {
            Some(summary) => Ok(summary),
            None => self.read("sum up the rows", |conn| summary::summary(conn, filter, spans)),
        }
    }

    fn get(&self, client_id: &str) -> Result<Vec<Row>, StoreError> {
        self.read("read a client", |conn| read::get(conn, client_id))
    }

    fn look_up(&self, filter: &Filter, keys: &[ClientKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.read("read rows", |conn| read::look_up(conn, filter, keys))
    }

    fn cursor(&self) -> Result<Cursor, StoreError> {
        self.read("read the table", |conn| read::cursor(conn))
    }

    fn walk(&self, filter: &Filter, cursor: Cursor, each: &mut dyn FnMut(&Stored<'_>) -> bool) -> Result<Option<Cursor>, StoreError> {
        self.read("read the table", |conn| read::walk(conn, filter, cursor, each))
    }

    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn delete(&self, client_id: &str, now: Millis) -> Result<u64, StoreError> {
        let count = |gone: &Vec<ClientKey>| gone.len() as u64;
        let gone = self.remove_durably("delete a client", count, |transaction, deltas| {
            let gone = write::delete(transaction, client_id, now)?;
            note(deltas, Some(&gone));
            Ok(gone)
        })?;
        let rows = gone.len() as u64;
        if self.feed.is_watched(now) {
            self.tell(gone, now)
        } else {
            self.feed.skip(now)
        }
        Ok(rows)
    }

    fn delete_all(&self, now: Millis) -> Result<u64, StoreError> {
        let count = |rows: &u64| *rows;
        let rows = self.remove_durably("delete all clients", count, |transaction, deltas| {
            deltas.into_iter().for_each(|deltas| deltas.push(Delta::Cleared));
            write::delete_all(transaction, now)
        })?;
        self.feed.push([Touched::All].into_iter(), now);
        Ok(rows)
    }

    fn expire(&self, now: Millis) -> Result<Expired, StoreError> {
        let mut writer = lock(&self.writer);
        let (before, settings) = (writer.rows, self.settings);
        let is_watched = self.feed.is_watched(now);
        let (expired, rows, gone) = self.write(&mut writer, "remove old rows", |transaction, deltas| {
            let mut gone = (is_watched || deltas.is_some()).then(Vec::new);
            let mut expired = write::expire(transaction, settings.retention, settings.max_clients, now, gone.as_mut())?;
            let rows = before.saturating_sub(expired.rows);
            expired.evicted = write::evict(transaction, rows, settings.max_clients, gone.as_mut())?;
            note(deltas, gone.as_deref());
            Ok((expired, rows.saturating_sub(expired.evicted), gone))
        })?;
        writer.rows = rows;
        self.totals.set_rows(writer.rows);
        match gone.filter(|_| is_watched) {
            Some(gone) => self.tell(gone, now),
            None if expired.rows + expired.evicted > 0 => self.feed.skip(now),
            None => {}
        }
        drop(writer);
        self.copy.tick(now);
        Ok(expired)
    }

    fn outputs(&self, names: &[String]) -> Result<(), StoreError> {
        self.write(&mut lock(&self.writer), "note the outputs", |transaction, _| outbox::name(transaction, names))
    }

    fn next_events(&self, output: &str, done: Option<u64>, until: Millis, now: Millis, most: usize) -> Result<Due, StoreError> {
        let next = |transaction: &Transaction<'_>, _: Option<&mut Vec<Delta>>| outbox::next(transaction, output, done, until, now, most);
        self.write(&mut lock(&self.writer), "read the next events", next)
    }

    fn count(&self) -> Result<u64, StoreError> {
        self.read("count the rows", |conn| read::count(conn))
    }
}

impl Drop for SqliteStore {
    /// No other thread holds the file when it is closed.
    fn drop(&mut self) {
        self.copy.end();
        self.await_copy();
    }
}

/// A panic elsewhere leaves no half-done work behind a lock: transactions roll back on their own.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod tests;
