//! Sums over the rows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, params_from_iter};

use crate::model::{Millis, Reason};
use crate::store::query::Where;
use crate::store::summary::Spans;
use crate::store::{BrokerSum, Filter, ReasonSum, Summary};

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
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(Summary::default()) };
    let spans = Spans::new(filter, *first, *last, spans);
    let mut reasons: BTreeMap<Reason, (u64, u64)> = BTreeMap::new();
    let mut brokers: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut attempts: u64 = 0;
    for group in &groups {
        attempts = attempts.saturating_add(group.attempts);
        for (clients, sum) in [reasons.entry(reason(&group.reason)?).or_default(), brokers.entry(group.broker.as_str()).or_default()] {
            *clients += group.clients;
            *sum = sum.saturating_add(group.attempts);
        }
    }
    let mut reasons: Vec<_> =
        reasons.into_iter().map(|(reason_code, (clients, attempts))| ReasonSum { reason_code, clients, attempts }).collect();
    reasons.sort_by_key(|sum| Reverse(sum.clients));
    let brokers =
        brokers.into_iter().map(|(broker, (clients, attempts))| BrokerSum { broker: broker.to_owned(), clients, attempts }).collect();
    Ok(Summary {
        total_elements: times.len() as u64,
        attempts,
        start_time: Some(spans.start),
        step: spans.step,
        times: spans.counts(&times),
        reasons,
        brokers,
    })
}

fn reason(code: &str) -> rusqlite::Result<Reason> {
    Reason::from_code(code).ok_or_else(|| FromSqlError::Other("the column reason_code holds what this program never writes".into()).into())
}
