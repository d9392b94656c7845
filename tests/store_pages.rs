//! Pages out of the index are what a plain look at every row gives: any filter, any order, any page, also when totals are remembered.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::cmp::Ordering;

use proptest::prelude::*;
use turnaway::model::{Attempt, Identity, Millis, Reason, Row};
use turnaway::store::{Batch, Cursor, Filter, Order, PageQuery, Settings, SortBy, SqliteStore, Store};

const SORTS: [SortBy; 12] = [
    SortBy::ClientId,
    SortBy::IpAddress,
    SortBy::Ts,
    SortBy::Username,
    SortBy::PasswordProvided,
    SortBy::TlsUsed,
    SortBy::Reason,
    SortBy::ReasonCode,
    SortBy::Identity,
    SortBy::Broker,
    SortBy::Attempts,
    SortBy::FirstTs,
];

/// Few letters, so that filters find something; wildcards, other cases and other scripts among them.
const TEXT: &str = "[abAB1_%É é\u{1e9e}]{0,6}";

prop_compose! {
    fn rows()(client_id in TEXT, ip in proptest::option::of("192\\.0\\.2\\.[0-9]"), ts in 0..5i64, username in proptest::option::of(TEXT),
              password in any::<Option<bool>>(), tls in any::<Option<bool>>(), reason in TEXT, code in 0..3usize, identity in 0..2usize,
              broker in "[xy]") -> Row {
        Row {
            client_id,
            ip_address: ip.map(|ip| ip.parse().unwrap()),
            ts,
            username,
            password_provided: password,
            tls_used: tls,
            reason: reason.into(),
            reason_code: Reason::ALL[code],
            alternatives: Default::default(),
            inferred: vec![],
            identity: [Identity::ClientId, Identity::Username][identity],
            broker: broker.into(),
            attempts: 1,
            first_ts: ts,
            evidence: ["line"].into(),
            peer: None,
            upstream: None,
            twin: None,
        }
    }
}

prop_compose! {
    fn filters()(text_search in "[a_]{0,1}", client_id in "[abA%_é]{0,2}", ip_address in "(|\\.[0-9])", username in "[abB_]{0,2}", reason in "[aé%]{0,1}",
                 start in proptest::option::of(0..5i64), end in proptest::option::of(0..5i64), password_provided in proptest::collection::vec(any::<bool>(), 0..3),
                 tls_used in proptest::collection::vec(any::<bool>(), 0..2), broker in "[xy]{0,1}", code in proptest::option::of(0..3usize),
                 which in any::<[bool; 9]>()) -> Filter {
        // Each is left out half of the time; else hardly any row would fit all of them.
        let keep = |at: usize, text: String| if which[at] { text } else { String::new() };
        Filter {
            text_search: keep(0, text_search),
            start: start.filter(|_| which[1]),
            end: end.filter(|_| which[1]),
            client_id: keep(2, client_id),
            ip_address: keep(3, ip_address),
            username: keep(4, username),
            reason: keep(5, reason),
            password_provided: if which[6] { password_provided } else { vec![] },
            tls_used: if which[6] { tls_used } else { vec![] },
            broker: keep(7, broker),
            reason_code: code.filter(|_| which[8]).map(|code| vec![Reason::ALL[code]]).unwrap_or_default(),
        }
    }
}

/// A substring in any case with `%` and `_`, the slow and plain way. Where the filter is ASCII only ASCII is folded, as SQLite does.
fn contains(text: &str, part: &str) -> bool {
    fn like(text: &[char], part: &[char]) -> bool {
        match (part.split_first(), text.split_first()) {
            (None, _) => true,
            (Some(('%', rest)), _) => (0..=text.len()).any(|at| like(&text[at..], rest)),
            (Some(('_', rest)), Some((_, text))) => like(text, rest),
            (Some((wanted, rest)), Some((found, text))) => wanted == found && like(text, rest),
            (Some(_), None) => false,
        }
    }
    let full = !part.is_ascii();
    let fold = |text: &str| -> Vec<char> {
        match full {
            true => text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect(),
            false => text.chars().map(|c| c.to_ascii_lowercase()).collect(),
        }
    };
    let (text, part) = (fold(text), fold(part));
    (0..=text.len()).any(|at| like(&text[at..], &part))
}

fn fits(filter: &Filter, row: &Row) -> bool {
    let has = |part: &str, text: Option<&str>| part.is_empty() || text.is_some_and(|text| contains(text, part));
    let one_of = |list: &[bool], value: Option<bool>| list.is_empty() || value.is_some_and(|value| list.contains(&value));
    has(&filter.text_search, Some(&row.client_id))
        && has(&filter.client_id, Some(&row.client_id))
        && has(&filter.ip_address, row.ip_address.map(|ip| ip.to_string()).as_deref())
        && has(&filter.username, row.username.as_deref())
        && has(&filter.reason, Some(&row.reason))
        && filter.start.is_none_or(|start| row.ts >= start)
        && filter.end.is_none_or(|end| row.ts <= end)
        && one_of(&filter.password_provided, row.password_provided)
        && one_of(&filter.tls_used, row.tls_used)
        && (filter.broker.is_empty() || *filter.broker == *row.broker)
        && (filter.reason_code.is_empty() || filter.reason_code.contains(&row.reason_code))
}

/// Null is greater than everything.
fn nullable<T: Ord>(a: &Option<T>, b: &Option<T>) -> Ordering {
    (a.is_none(), a).cmp(&(b.is_none(), b))
}

fn compare(sort: SortBy, a: &Row, b: &Row) -> Ordering {
    let key = match sort {
        SortBy::ClientId => Ordering::Equal,
        SortBy::IpAddress => nullable(&a.ip_address.map(|ip| ip.to_string()), &b.ip_address.map(|ip| ip.to_string())),
        SortBy::Ts => a.ts.cmp(&b.ts),
        SortBy::Username => nullable(&a.username, &b.username),
        SortBy::PasswordProvided => nullable(&a.password_provided, &b.password_provided),
        SortBy::TlsUsed => nullable(&a.tls_used, &b.tls_used),
        SortBy::Reason => a.reason.cmp(&b.reason),
        SortBy::ReasonCode => a.reason_code.code().cmp(b.reason_code.code()),
        SortBy::Identity => a.identity.code().cmp(b.identity.code()),
        SortBy::Broker => a.broker.cmp(&b.broker),
        SortBy::Attempts => a.attempts.cmp(&b.attempts),
        SortBy::FirstTs => a.first_ts.cmp(&b.first_ts),
    };
    key.then_with(|| (&a.client_id, a.identity.code(), &a.broker).cmp(&(&b.client_id, b.identity.code(), &b.broker)))
}

fn walked(store: &SqliteStore, filter: &Filter) -> Vec<(String, String, String)> {
    let (mut keys, mut next): (_, Option<Cursor>) = (Vec::new(), Some(store.cursor().unwrap()));
    while let Some(cursor) = next {
        let mut step = 0;
        next = store
            .walk(filter, cursor, &mut |row| {
                keys.push((row.client_id.to_owned(), row.identity.to_owned(), row.broker.to_owned()));
                step += 1;
                step < 3
            })
            .unwrap();
    }
    keys.sort();
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_page_is_what_a_plain_look_gives(
        first in proptest::collection::vec(rows(), 0..40), second in proptest::collection::vec(rows(), 0..4),
        questions in proptest::collection::vec((filters(), 0..12usize, any::<bool>(), 1..8u32), 1..8),
    ) {
        const NOW: Millis = 1_767_225_600_000;
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("t.db"), Settings { retention: None, max_clients: 1_000, ..Settings::default() }).unwrap();
        let mut all: Vec<Row> = Vec::new();
        for batch_rows in [first, second] {
            let mut batch = Batch::default();
            for row in batch_rows {
                batch.push(Attempt::Refused(Box::new(row)), true, false);
            }
            store.commit(&batch, NOW).unwrap();
            let everything = PageQuery { filter: Filter::default(), page_size: 1_000, page: 0, sort: SortBy::ClientId, order: Order::Asc };
            all.clear();
            all.extend(store.page(&everything).unwrap().data);
            for (filter, sort, desc, page_size) in &questions {
                let (sort, order) = (SORTS[*sort], if *desc { Order::Desc } else { Order::Asc });
                let mut wanted: Vec<&Row> = all.iter().filter(|row| fits(filter, row)).collect();
                wanted.sort_by(|a, b| if *desc { compare(sort, b, a) } else { compare(sort, a, b) });
                let size = usize::try_from(*page_size).unwrap();
                let pages = wanted.len().div_ceil(size);
                // Every page, one past the end, then the first again: then the total is known.
                for page in (0..=pages + 1).chain([0]) {
                    let query = PageQuery { filter: filter.clone(), page_size: *page_size, page: u32::try_from(page).unwrap(), sort, order };
                    let found = store.page(&query).unwrap();
                    let expected: Vec<&Row> = wanted.iter().copied().skip(page * size).take(size).collect();
                    prop_assert_eq!(found.data.iter().collect::<Vec<_>>(), expected, "{:?}", query);
                    prop_assert_eq!((found.total_elements, found.total_pages), (wanted.len() as u64, pages as u64), "{:?}", query);
                    prop_assert_eq!(found.has_next, page + 1 < pages);
                }
                let mut keys: Vec<_> = wanted.iter().map(|row| (row.client_id.clone(), row.identity.code().to_owned(), row.broker.to_string())).collect();
                keys.sort();
                prop_assert_eq!(walked(&store, filter), keys.clone());
                let asked: Vec<_> = all.iter().map(Row::key).collect();
                let looked_up = store.look_up(filter, &asked).unwrap();
                prop_assert_eq!(looked_up.iter().flatten().count(), keys.len());
                prop_assert!(all.iter().zip(&looked_up).all(|(row, found)| found.is_none() || filter.may_fit(&row.key())));
            }
        }
    }
}
