//! Pages and sums by way of the copy in memory.

use std::sync::Arc;
use std::thread;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::copy::{self, Answer};
use super::{SqliteStore, lock, read};
use crate::model::{ClientKey, Row};
use crate::store::mirror::Mirror;
use crate::store::{Filter, Page, PageQuery, SortBy, StoreError, Summary};

/// Rows from the beginning or the end of an index that are a short walk.
const WALK: u64 = 1_000;

/// How often a reader tries to see a moment that the copy is not beyond yet.
const TRIES: usize = 3;

impl SqliteStore {
    /// Whether the file would be slow at this page: the rows have to be sorted, looked at one by one, or passed over.
    pub(super) fn is_slow(&self, query: &PageQuery) -> bool {
        let rows = self.totals.rows();
        let end = u64::from(query.page).saturating_add(1) * u64::from(query.page_size);
        let is_walk = matches!(query.sort, SortBy::Ts | SortBy::ClientId) && (end <= WALK || end + WALK >= rows);
        self.copy.is_for(rows) && !(is_walk && query.filter == Filter::default())
    }

    /// The page out of the copy; none: it is not there, or not in this order, and is being made.
    pub(super) fn copied_page(&self, query: &PageQuery) -> Result<Option<Page>, StoreError> {
        let page = self.by_copy(
            "read a page",
            |mirror| mirror.page(query),
            |transaction, found| {
                let Some(found) = found else { return Ok(None) };
                let rows: Option<Vec<Row>> = rows(transaction, &found.keys)?;
                Ok(Some(rows.map(|rows| Page::new(query, rows, found.total))))
            },
        )?;
        match page {
            Some(Some(Some(page))) => Ok(Some(page)),
            // Rows that the file does not have: it was changed by another program just now.
            Some(Some(None)) => {
                self.copy.close();
                Ok(None)
            }
            Some(None) => {
                let (copy, sort) = (Arc::clone(&self.copy), query.sort);
                self.aside(move || copy.make_order(sort));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The sums out of the copy; none: it is not there.
    pub(super) fn copied_summary(&self, filter: &Filter, spans: u32) -> Result<Option<Summary>, StoreError> {
        if !self.copy.is_for(self.totals.rows()) {
            return Ok(None);
        }
        self.by_copy("sum up the rows", |mirror| mirror.summary(filter, spans), |_, summary| Ok(summary))
    }

    /// Asks the copy, and then the file as it is at the same moment. None: there is no copy (yet).
    fn by_copy<F, T>(
        &self,
        doing: &'static str,
        ask: impl Fn(&Mirror) -> F,
        then: impl Fn(&Transaction<'_>, F) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.copy.ask_for();
        self.copy.check(&self.writer);
        if !self.copy.is_there() {
            let (copy, writer, path) = (Arc::clone(&self.copy), Arc::clone(&self.writer), self.path.clone());
            self.aside(move || copy.make(&writer, &path));
            return Ok(None);
        }
        self.read(doing, |conn: &mut Connection| {
            for _ in 0..TRIES {
                let transaction = conn.transaction()?;
                match self.copy.at(copy::number(&transaction)?, &ask) {
                    Answer::Found(found) => return then(&transaction, found).map(Some),
                    Answer::Absent => return Ok(None),
                    Answer::Later => {}
                }
            }
            Ok(None)
        })
    }

    /// Lets a thread do this; not when it has something to do already: who asks again finds it free.
    fn aside(&self, work: impl FnOnce() + Send + 'static) {
        let mut worker = lock(&self.worker);
        if worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
            return;
        }
        match thread::Builder::new().name("copy".to_owned()).spawn(work) {
            Ok(started) => *worker = Some(started),
            Err(error) => tracing::warn!(%error, "cannot start a thread; pages of a large table stay slow"),
        }
    }
}

/// The rows with these keys; none: one of them is not there.
fn rows(transaction: &Transaction<'_>, keys: &[ClientKey]) -> rusqlite::Result<Option<Vec<Row>>> {
    let sql = format!("SELECT {} FROM client WHERE client_id = ?1 AND identity = ?2 AND broker = ?3", read::COLUMNS);
    let mut statement = transaction.prepare_cached(&sql)?;
    keys.iter().map(|key| statement.query_row(params![key.client_id, key.identity.code(), key.broker], read::row).optional()).collect()
}
