//! A filter over a large table: two threads read half of the index each. Reading it from end to end is all the work there is, and a million
//! entries take one processor a tenth of a second.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::SqliteStore;
use super::page;
use crate::model::{Millis, Row};
use crate::store::query::Where;
use crate::store::{Filter, Order, Page, PageQuery, SortBy, StoreError};

/// Below this many rows a second thread is not worth it.
const ROWS: u64 = 100_000;

/// Pages further down are read in one piece: both halves would have to be read up to there.
const DEPTH: u64 = 500;

/// After this many commits the middle is looked for again.
const STALE: u64 = 2_000;

/// Where the index is cut, and how many commits there had been.
#[derive(Debug, Clone, Copy)]
pub(super) struct Middle {
    ts: Millis,
    commits: u64,
}

/// What one half has to say.
struct Half {
    /// The first rows of it.
    rows: Vec<Row>,
    total: u64,
    /// The commits that it saw; none: one was being made at that moment.
    commits: Option<u64>,
}

impl SqliteStore {
    /// Whether a page is better read in halves: texts have to be looked at, and nearly all of them.
    pub(super) fn has_halves(&self, query: &PageQuery) -> bool {
        let Filter { text_search, client_id, ip_address, username, reason, start, end, .. } = &query.filter;
        let has_text = [text_search, client_id, ip_address, username, reason].into_iter().any(|text| !text.is_empty());
        let depth = (u64::from(query.page) + 1) * u64::from(query.page_size);
        has_text && start.is_none() && end.is_none() && query.sort == SortBy::Ts && depth <= DEPTH && self.totals.rows() >= ROWS
    }

    /// The page; none: something was written between the beginnings of the two halves, so that they may be of two moments.
    pub(super) fn page_in_halves(&self, query: &PageQuery) -> Result<Option<Page>, StoreError> {
        let middle = self.middle()?;
        let newer = || self.half(query, "ts >= ?", middle);
        let older = || self.half(query, "ts < ?", middle);
        let (newer, older) = std::thread::scope(|scope| {
            let newer = scope.spawn(newer);
            let older = older();
            (newer.join(), older)
        });
        // A thread that broke has said so; the page is read in one piece.
        let (Ok(newer), older) = (newer, older?) else { return Ok(None) };
        let newer = newer?;
        if newer.commits.is_none() || newer.commits != older.commits {
            return Ok(None);
        }
        let total = newer.total + older.total;
        let (first, second) = match query.order {
            Order::Asc => (older.rows, newer.rows),
            Order::Desc => (newer.rows, older.rows),
        };
        let size = query.page_size as usize;
        let data = first.into_iter().chain(second).skip(query.page as usize * size).take(size).collect();
        Ok(Some(Page::new(query, data, total)))
    }

    fn half(&self, query: &PageQuery, condition: &str, middle: Millis) -> Result<Half, StoreError> {
        self.read("read a page", |conn| {
            let transaction = conn.transaction()?;
            // The first look decides what moment the transaction sees.
            let before = self.totals.settled();
            transaction.prepare_cached("SELECT max(rowid) FROM client")?.query_row([], |_| Ok(()))?;
            let commits = self.totals.settled().filter(|commits| Some(*commits) == before);
            let mut filter = Where::new(&query.filter);
            filter.add(condition, [Value::Integer(middle)]);
            let depth = (u64::from(query.page) + 1) * u64::from(query.page_size);
            let ids = page::ids(&transaction, query, &filter, query.order, depth, 0)?;
            let total = page::rest(&transaction, query, &filter, &ids, 0, depth)?;
            Ok(Half { rows: page::rows(&transaction, &ids)?, total, commits })
        })
    }

    /// The time at which about half of the rows are older. It decides the speed, not the answer.
    fn middle(&self) -> Result<Millis, StoreError> {
        let commits = self.totals.commits();
        let known = *super::lock(&self.middle);
        if let Some(middle) = known.filter(|middle| commits.saturating_sub(middle.commits) < STALE) {
            return Ok(middle.ts);
        }
        let ts = self.read("read a page", |conn: &mut Connection| {
            let sql = "SELECT ts FROM client INDEXED BY client_search ORDER BY ts LIMIT 1 OFFSET ?";
            let skip = i64::try_from(self.totals.rows() / 2).unwrap_or(0);
            let mut statement = conn.prepare_cached(sql)?;
            let mut rows = statement.query([skip])?;
            rows.next()?.map_or(Ok(0), |row| row.get(0))
        })?;
        *super::lock(&self.middle) = Some(Middle { ts, commits });
        Ok(ts)
    }
}
