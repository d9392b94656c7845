//! Sums over the rows.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, params_from_iter};

use crate::model::{Millis, Reason};
use crate::store::query::Where;
use crate::store::summary::Sums;
use crate::store::{Filter, Summary};

/// The rows of one reason and source.
struct Group {
    reason: String,
    broker: String,
    clients: u64,
    attempts: u64,
}

/// One pass over the rows: SQLite would sort them all to group them.
pub(super) fn summary(conn: &mut Connection, filter: &Filter, spans: u32) -> rusqlite::Result<Summary> {
    let fits = Where::new(filter);
    let mut statement = conn.prepare_cached(&format!("SELECT reason_code, broker, attempts, ts FROM client {}", fits.sql))?;
    let mut rows = statement.query(params_from_iter(&fits.values))?;
    let mut groups: Vec<Group> = Vec::new();
    let mut times: Vec<Millis> = Vec::new();
    while let Some(row) = rows.next()? {
        let (reason, broker) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        let attempts: u64 = row.get(2)?;
        times.push(row.get(3)?);
        match groups.iter_mut().find(|group| group.reason == reason && group.broker == broker) {
            Some(group) => {
                group.clients += 1;
                group.attempts = group.attempts.saturating_add(attempts);
            }
            None => groups.push(Group { reason: reason.to_owned(), broker: broker.to_owned(), clients: 1, attempts }),
        }
    }
    let mut sums = Sums::default();
    for group in &groups {
        sums.add(reason(&group.reason)?, &group.broker, group.clients, group.attempts);
    }
    Ok(sums.summary(filter, &times, spans))
}

fn reason(code: &str) -> rusqlite::Result<Reason> {
    Reason::from_code(code).ok_or_else(|| FromSqlError::Other("the column reason_code holds what this program never writes".into()).into())
}
