//! Pages of rows: what can be asked, and the SQL for it.

use std::fmt::Write as _;

use rusqlite::types::Value;
use serde::Serialize;

use super::text::Pattern;
use crate::model::{ClientKey, Millis, Reason, Row};

/// Which rows. Everything given must hold; what is empty or none does not filter. Texts are case-insensitive substrings
/// in which `%` stands for any text and `_` for any one character; none of them fits a field that is null.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Part of the client ID; in addition to `client_id`.
    pub text_search: String,
    /// Earliest time of the attempt, inclusive.
    pub start: Option<Millis>,
    /// Latest time of the attempt, inclusive.
    pub end: Option<Millis>,
    /// Part of the client ID.
    pub client_id: String,
    /// Part of the address.
    pub ip_address: String,
    /// Part of the username.
    pub username: String,
    /// Part of the reason's text.
    pub reason: String,
    /// Whether a password was sent is one of these.
    pub password_provided: Vec<bool>,
    /// Whether TLS was used is one of these.
    pub tls_used: Vec<bool>,
    /// The source's exact name.
    pub broker: String,
    /// The reason is one of these.
    pub reason_code: Vec<Reason>,
}

impl Filter {
    /// Whether a row with this key may fit, as far as the key can tell.
    pub fn may_fit(&self, key: &ClientKey) -> bool {
        let within = |part: &String| part.is_empty() || Pattern::contains(part).matches(&key.client_id);
        (self.broker.is_empty() || *self.broker == *key.broker) && within(&self.text_search) && within(&self.client_id)
    }
}

/// What a page is sorted by; the client ID, identity and broker decide between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    /// The client ID.
    #[default]
    ClientId,
    /// The address, as text.
    IpAddress,
    /// The time of the attempt.
    Ts,
    /// The username.
    Username,
    /// Whether a password was sent.
    PasswordProvided,
    /// Whether TLS was used.
    TlsUsed,
    /// The reason's text.
    Reason,
    /// The reason's code.
    ReasonCode,
    /// What the client ID was taken from.
    Identity,
    /// The source.
    Broker,
    /// The number of attempts.
    Attempts,
    /// The time of the first attempt.
    FirstTs,
}

impl SortBy {
    const NAMES: &'static [(&'static str, SortBy, &'static str)] = &[
        ("clientId", SortBy::ClientId, "client_id"),
        ("ipAddress", SortBy::IpAddress, "ip_address"),
        ("ts", SortBy::Ts, "ts"),
        ("username", SortBy::Username, "username"),
        ("passwordProvided", SortBy::PasswordProvided, "password_provided"),
        ("tlsUsed", SortBy::TlsUsed, "tls_used"),
        ("reason", SortBy::Reason, "reason"),
        ("reasonCode", SortBy::ReasonCode, "reason_code"),
        ("identity", SortBy::Identity, "identity"),
        ("broker", SortBy::Broker, "broker"),
        ("attempts", SortBy::Attempts, "attempts"),
        ("firstTs", SortBy::FirstTs, "first_ts"),
    ];

    /// How many there are.
    pub(super) const COUNT: usize = SortBy::NAMES.len();

    /// All of them, in the order of their numbers.
    pub(super) fn all() -> impl Iterator<Item = SortBy> {
        SortBy::NAMES.iter().map(|(_, sort, _)| *sort)
    }

    /// The field with this JSON name, if pages can be sorted by it.
    pub fn from_name(name: &str) -> Option<SortBy> {
        SortBy::NAMES.iter().find(|(json, ..)| *json == name).map(|(_, sort, _)| *sort)
    }

    /// The JSON names that [`SortBy::from_name`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SortBy::NAMES.iter().map(|(json, ..)| *json)
    }

    fn can_be_null(self) -> bool {
        matches!(self, SortBy::IpAddress | SortBy::Username | SortBy::PasswordProvided | SortBy::TlsUsed)
    }

    fn column(self) -> &'static str {
        SortBy::NAMES.iter().find(|(_, sort, _)| *sort == self).map_or("client_id", |(_, _, column)| *column)
    }
}

/// Which end comes first. Null counts as greater than everything, as in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The smallest first.
    #[default]
    Asc,
    /// The greatest first.
    Desc,
}

impl Order {
    /// The other one.
    pub(super) fn reversed(self) -> Order {
        match self {
            Order::Asc => Order::Desc,
            Order::Desc => Order::Asc,
        }
    }
}

/// What page of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Which rows.
    pub filter: Filter,
    /// Rows on a page, at least 1.
    pub page_size: u32,
    /// The number of the page, from 0.
    pub page: u32,
    /// What it is sorted by.
    pub sort: SortBy,
    /// In which order.
    pub order: Order,
}

/// A page, as TBMQ's clients expect it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The rows of this page.
    pub data: Vec<Row>,
    /// Pages in all.
    pub total_pages: u64,
    /// Rows in all.
    pub total_elements: u64,
    /// Whether a page follows.
    pub has_next: bool,
}

impl Page {
    pub(super) fn new(query: &PageQuery, data: Vec<Row>, total: u64) -> Page {
        let total_pages = total.div_ceil(u64::from(query.page_size.max(1)));
        Page { data, total_pages, total_elements: total, has_next: u64::from(query.page) + 1 < total_pages }
    }
}

/// A condition and its values, in the order of its question marks. Everything a stranger wrote is a value.
#[derive(Debug, Clone, Default)]
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// Only columns of the key are looked at, which its index holds.
    pub(super) key_only: bool,
}

impl Where {
    pub(super) fn new(filter: &Filter) -> Where {
        let mut this = Where { key_only: true, ..Where::default() };
        for (column, text) in [
            ("client_id", &filter.text_search),
            ("client_id", &filter.client_id),
            ("ip_address", &filter.ip_address),
            ("username", &filter.username),
            ("reason", &filter.reason),
        ] {
            if !text.is_empty() {
                this.add(&format!("contains({column}, ?)"), [Value::Text(text.clone())]);
            }
        }
        if let Some(start) = filter.start {
            this.add("ts >= ?", [Value::Integer(start)]);
        }
        if let Some(end) = filter.end {
            this.add("ts <= ?", [Value::Integer(end)]);
        }
        if !filter.broker.is_empty() {
            this.add("broker = ?", [Value::Text(filter.broker.clone())]);
        }
        for (column, list) in [("password_provided", &filter.password_provided), ("tls_used", &filter.tls_used)] {
            // Both values together still leave null out, as SQL's IN does.
            if !list.is_empty() {
                let (yes, no) = (list.contains(&true), list.contains(&false));
                let values = [(yes, 1), (no, 0)].into_iter().filter(|(given, _)| *given);
                this.one_of(column, values.map(|(_, value)| Value::Integer(value)).collect());
            }
        }
        if !filter.reason_code.is_empty() {
            let mut codes = filter.reason_code.clone();
            codes.sort_unstable();
            codes.dedup();
            this.one_of("reason_code", codes.into_iter().map(|code| Value::Text(code.code().to_owned())).collect());
        }
        this
    }

    fn one_of(&mut self, column: &str, values: Vec<Value>) {
        let marks = vec!["?"; values.len()].join(", ");
        self.add(&format!("{column} IN ({marks})"), values);
    }

    pub(super) fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.key_only &= ["contains(client_id,", "broker "].iter().any(|column| condition.starts_with(column));
        let word = if self.sql.is_empty() { "WHERE" } else { " AND" };
        // Writing to a string cannot fail.
        let _ = write!(self.sql, "{word} {condition}");
        self.values.extend(values);
    }
}

/// What follows the time in the index that pages are read from, and decides between equal ones.
pub(super) const SEARCH_KEY: &str = "ts, client_id, identity, broker";

/// The order clause; built from our own names only. The other order is exactly the reverse.
pub(super) fn order_by(sort: SortBy, order: Order) -> String {
    let (direction, nulls) = match order {
        Order::Asc => ("ASC", " NULLS LAST"),
        Order::Desc => ("DESC", " NULLS FIRST"),
    };
    let mut clause = "ORDER BY ".to_owned();
    if sort != SortBy::ClientId {
        // Said of a column that is never null it would keep the index from being used.
        let nulls = if sort.can_be_null() { nulls } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(clause, "{} {direction}{nulls}, ", sort.column());
    }
    let _ = write!(clause, "client_id {direction}, identity {direction}, broker {direction}");
    clause
}
