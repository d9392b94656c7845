//! One page of rows. All of it but the rows themselves is read from indexes that hold every column which pages are filtered or sorted
//! by; the rows are large, and reading past a million of them takes a second.

use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params_from_iter};

use super::read::{COLUMNS, row};
use crate::model::Row;
use crate::store::query::{SEARCH_KEY, Where, order_by};
use crate::store::{Order, Page, PageQuery, SortBy};

/// The page, and how many rows there are in all if the caller does not know (`known`).
pub(super) fn page(conn: &mut Connection, query: &PageQuery, known: Option<u64>) -> rusqlite::Result<Page> {
    let filter = Where::new(&query.filter);
    // One transaction, so that the total and the rows are of one moment.
    let transaction = conn.transaction()?;
    let total = match known {
        // The number of all rows is told by counting pages, not rows: that is quick.
        None if filter.sql.is_empty() => Some(count(&transaction, &filter)?),
        known => known,
    };
    let (size, offset) = (u64::from(query.page_size), u64::from(query.page) * u64::from(query.page_size));
    if total.is_some_and(|total| offset >= total) {
        return Ok(Page::new(query, Vec::new(), total.unwrap_or(0)));
    }
    let ids = match total {
        // The second half is nearer from the other end.
        Some(total) if offset > total / 2 => {
            let last = size.min(total - offset);
            let mut ids = ids(&transaction, query, &filter, query.order.reversed(), last, total - offset - last)?;
            ids.reverse();
            ids
        }
        _ => ids(&transaction, query, &filter, query.order, size, offset)?,
    };
    let total = match total {
        Some(total) => total,
        None => rest(&transaction, query, &filter, &ids, offset, size)?,
    };
    Ok(Page::new(query, rows(&transaction, &ids)?, total))
}

/// The rows themselves.
fn rows(transaction: &Transaction<'_>, ids: &[i64]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM client WHERE rowid = ?"))?;
    ids.iter().map(|id| statement.query_row([id], row)).collect()
}

fn count(transaction: &Transaction<'_>, filter: &Where) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM client {}", filter.sql);
    transaction.prepare_cached(&sql)?.query_row(params_from_iter(&filter.values), |row| row.get(0))
}

fn ids(
    transaction: &Transaction<'_>,
    query: &PageQuery,
    filter: &Where,
    order: Order,
    limit: u64,
    offset: u64,
) -> rusqlite::Result<Vec<i64>> {
    let index = index(query, filter);
    let sql = format!("SELECT rowid FROM client {index} {} {} LIMIT ? OFFSET ?", filter.sql, order_by(query.sort, order));
    let mut values = filter.values.clone();
    values.extend([limit, offset].map(|number| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))));
    transaction.prepare_cached(&sql)?.query_map(params_from_iter(&values), |row| row.get(0))?.collect()
}

/// The total, when these are the rows that were found of those that were wanted. What was passed over on the way is not counted again.
fn rest(transaction: &Transaction<'_>, query: &PageQuery, filter: &Where, ids: &[i64], offset: u64, wanted: u64) -> rusqlite::Result<u64> {
    let found = ids.len() as u64;
    let Some(last) = ids.last() else { return if offset == 0 { Ok(0) } else { count(transaction, filter) } };
    if found < wanted {
        return Ok(offset + found);
    }
    if query.sort != SortBy::Ts {
        return count(transaction, filter);
    }
    let beyond = match query.order {
        Order::Asc => ">",
        Order::Desc => "<",
    };
    let mut after = filter.clone();
    after.add(&format!("({SEARCH_KEY}) {beyond} (SELECT {SEARCH_KEY} FROM client WHERE rowid = ?)"), [Value::Integer(*last)]);
    Ok(offset + found + count(transaction, &after)?)
}

/// Which index has everything that is asked for. The planner may think that sorting is more work than fetching a million rows.
fn index(query: &PageQuery, filter: &Where) -> &'static str {
    match query.sort {
        SortBy::ClientId if filter.key_only => "",
        _ => "INDEXED BY client_search",
    }
}
