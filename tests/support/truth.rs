//! Compares the rows of a replay with what every client really did.
//!
//! For every row that must come out:
//! - missing: no row for a client whose refusal the log shows
//! - spurious: a row for a client or an address that was never refused: a false accusation
//! - doubtful: the same, but the row says so itself (who or where it was stands in `inferred`)
//! - wrong: a certain field (neither null nor in `inferred`) that differs from the truth: the worst defect
//! - lost: a field that the log reveals and the row has not right

#![allow(unreachable_pub, reason = "each test program uses its own part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;
use turnaway::model::{Field, Identity, Reason, Row};

/// How late a row's time may be, in milliseconds: the broker's clock is read once a turn, and time-outs take their time.
const EARLY: i64 = -5_000;
const LATE: i64 = 240_000;

/// One connection as its maker saw it.
#[derive(Debug, Clone, Deserialize)]
pub struct Truth {
    seq: u64,
    at: String,
    scenario: String,
    client_id: Option<String>,
    username: Option<String>,
    password_provided: Option<bool>,
    tls: Option<bool>,
    client_ip: Option<String>,
    outcome: Outcome,
    documented_reason: Option<Reason>,
    #[serde(default)]
    also_true: Vec<Reason>,
    /// Reasons that the broker's own table names.
    #[serde(default)]
    reasons_in_tbmq_row: Option<Vec<Reason>>,
    #[serde(default)]
    also_acceptable: Vec<Reason>,
    log_lines: Vec<u64>,
    shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Accepted,
    Refused,
    TlsFailed,
    Dropped,
}

impl Outcome {
    fn is_refusal(self) -> bool {
        matches!(self, Outcome::Refused | Outcome::TlsFailed)
    }
}

/// Which fields the log's lines reveal.
#[derive(Debug, Clone, Deserialize)]
struct Shown {
    client_id: bool,
    username: bool,
    password_provided: bool,
    tls: bool,
    client_ip: bool,
    reason: ShownReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ShownReason {
    None,
    Generic,
    Exact,
}

/// What a row is looked for by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    ClientId(String),
    Username(String),
    Address(Option<IpAddr>),
    Unknown,
}

/// What came of the comparison.
#[derive(Debug, Default)]
pub struct Score {
    /// Rows that must come out.
    pub expected: usize,
    /// Missing, spurious, doubtful and wrong, in words.
    pub faults: BTreeSet<String>,
    /// Fields that the log reveals.
    pub revealed: usize,
    /// Those of them that the rows lack.
    pub lost: Vec<String>,
}

/// Reads a truth file. Where a broker is `silent`, the client of a refusal saw no more than the end of its connection.
pub fn read(text: &str, silent: bool) -> Vec<Truth> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut truth: Vec<Truth> = lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect();
    for dropped in truth.iter_mut().filter(|truth| silent && truth.outcome == Outcome::Dropped && truth.documented_reason.is_some()) {
        dropped.outcome = Outcome::Refused;
    }
    truth
}

/// Compares.
pub fn score(rows: &[Row], truth: &[Truth]) -> Score {
    score_of(rows, truth, &|_| true)
}

/// What rows of a log that lacks lines say that is not true. `seen` says whether a line, counted from 1, is there. That rows are
/// missing is fine.
pub fn untrue(rows: &[Row], truth: &[Truth], seen: &dyn Fn(u64) -> bool) -> BTreeSet<String> {
    let last = |truth: &Truth| truth.log_lines.iter().max().is_some_and(|line| seen(*line));
    let any = |truth: &Truth| truth.log_lines.iter().any(|line| seen(*line));
    // Which line of an attempt makes the row is the product's: what is true of an attempt of which a part is seen is true.
    let about = |fault: &String| fault.split(": ").next().unwrap_or_default().to_owned();
    // And where the telling part of an attempt is lost, the row is still the attempt's before it.
    let all = |truth: &Truth| truth.log_lines.iter().all(|line| seen(*line));
    let faults_of = |seen: &dyn Fn(&Truth) -> bool| -> BTreeSet<String> { score_of(rows, truth, seen).faults.iter().map(about).collect() };
    let (either, whole) = (faults_of(&any), faults_of(&all));
    let mut faults = score_of(rows, truth, &last).faults;
    let wrong = |fault: &String| fault.starts_with("wrong ") && either.contains(&about(fault)) && whole.contains(&about(fault));
    faults.retain(|fault| wrong(fault) || fault.starts_with("spurious "));
    faults
}

fn score_of(rows: &[Row], truth: &[Truth], seen: &dyn Fn(&Truth) -> bool) -> Score {
    let table = expected(truth, seen);
    let mut score = Score::default();
    let mut used: BTreeSet<*const Row> = BTreeSet::new();
    for (key, truth) in table.iter().filter(|(key, _)| **key != Key::Unknown) {
        score.expected += 1;
        let found: Vec<&Row> = rows.iter().filter(|row| is_of(row, key)).collect();
        used.extend(found.iter().map(|row| std::ptr::from_ref(*row)));
        // The last of the latest, as a reader of the table would see it.
        match found.iter().rev().max_by_key(|row| row.ts) {
            None => drop(score.faults.insert(format!("missing {} ({})", named(key), truth.scenario))),
            Some(row) => compare(row, key, truth, &mut score),
        }
    }
    let refused = Refused::of(truth);
    for row in rows.iter().filter(|row| !used.contains(&std::ptr::from_ref(*row)) && !refused.has(row)) {
        let doubt = [Field::ClientId, Field::Username, Field::IpAddress].iter().any(|field| row.inferred.contains(field));
        let kind = if doubt { "doubtful" } else { "spurious" };
        score.faults.insert(format!("{kind} {} {:?} from {}", row.identity.code(), row.client_id, shown_ip(row.ip_address)));
    }
    score
}

/// The final table, as far as the log reveals it: the last refusal of each client, unless it was accepted later.
fn expected<'t>(truth: &'t [Truth], seen: &dyn Fn(&Truth) -> bool) -> BTreeMap<Key, &'t Truth> {
    // The last line of an attempt is the one that makes the row.
    let mut shown: Vec<&Truth> = truth.iter().filter(|truth| !truth.log_lines.is_empty() && seen(truth)).collect();
    shown.sort_by_key(|truth| (truth.log_lines.iter().max(), truth.seq));
    let mut table = BTreeMap::new();
    for truth in shown {
        let key = key(truth);
        if truth.outcome == Outcome::Accepted {
            if matches!(key, Key::ClientId(_)) {
                table.remove(&key);
            }
        } else if truth.outcome.is_refusal() && truth.shown.reason != ShownReason::None {
            table.insert(key, truth);
        }
    }
    table
}

fn key(truth: &Truth) -> Key {
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    match (given(&truth.client_id), given(&truth.username)) {
        (Some(id), _) if truth.shown.client_id => Key::ClientId(id),
        (_, Some(name)) if truth.shown.username => Key::Username(name),
        _ if truth.shown.client_ip => Key::Address(ip(&truth.client_ip)),
        _ => Key::Unknown,
    }
}

fn is_of(row: &Row, key: &Key) -> bool {
    match key {
        // A username that happens to be the same names another row.
        Key::ClientId(id) => row.client_id == *id && row.identity != Identity::Username,
        Key::Username(name) => row.client_id == *name || (row.username.as_ref() == Some(name) && row.identity != Identity::ClientId),
        Key::Address(address) => row.ip_address == *address && row.identity != Identity::ClientId,
        Key::Unknown => false,
    }
}

fn compare(row: &Row, key: &Key, truth: &Truth, score: &mut Score) {
    let by_id = matches!(key, Key::ClientId(_));
    let shown = &truth.shown;
    let mut field = |field: Field, revealed: bool, got: Option<String>, want: Option<String>| {
        let right = got == want;
        score.revealed += usize::from(revealed);
        let said = format!("{} of {}: {}, really {} ({})", name(field), named(key), text(&got), text(&want), truth.scenario);
        if !right && got.is_some() && by_id && !row.inferred.contains(&field) {
            score.faults.insert(format!("wrong {said}"));
        }
        if !right && revealed {
            score.lost.push(said);
        }
    };
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    let address = |address: Option<IpAddr>| address.map(|address| address.to_string());
    field(Field::IpAddress, shown.client_ip, address(row.ip_address), address(ip(&truth.client_ip)));
    field(Field::Username, shown.username, row.username.clone(), truth.username.clone());
    field(Field::PasswordProvided, shown.password_provided, flag(row.password_provided), flag(truth.password_provided));
    field(Field::TlsUsed, shown.tls, flag(row.tls_used), flag(truth.tls));
    let late = row.ts - when(truth);
    if !row.inferred.contains(&Field::Ts) && !(EARLY..=LATE).contains(&late) {
        score.faults.insert(format!("wrong ts of {}: {late} ms from the attempt ({})", named(key), truth.scenario));
    }
    if by_id {
        reason(row, key, truth, score);
    }
}

/// A reason that stands alone claims to be the one; with alternatives beside it, one of them must be.
fn reason(row: &Row, key: &Key, truth: &Truth, score: &mut Score) {
    let really = truth.documented_reason.unwrap_or(Reason::Other);
    let listed = |reason: &Reason| truth.reasons_in_tbmq_row.as_ref().is_some_and(|reasons| reasons.contains(reason));
    let fits =
        |reason: &Reason| *reason == really || truth.also_true.contains(reason) || truth.also_acceptable.contains(reason) || listed(reason);
    let certain = row.alternatives.is_empty() && !row.inferred.contains(&Field::Reason);
    let named_somewhere = fits(&row.reason_code) || row.alternatives.iter().any(fits);
    let other = row.reason_code == Reason::Other;
    let (wrong, lost) = match truth.shown.reason {
        ShownReason::Exact => (certain && !fits(&row.reason_code), Some(!fits(&row.reason_code))),
        ShownReason::Generic => (certain && !named_somewhere && !other, Some(!named_somewhere)),
        ShownReason::None => (certain && !fits(&row.reason_code) && !other, None),
    };
    let said = format!("reason of {}: {}, really {really} ({})", named(key), row.reason_code, truth.scenario);
    if wrong {
        score.faults.insert(format!("wrong {said}"));
    }
    score.revealed += usize::from(lost.is_some());
    if lost == Some(true) {
        score.lost.push(said);
    }
}

/// Who was ever refused, or dropped: a row for anyone else is a false accusation.
#[derive(Default)]
struct Refused {
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// Of clients without an ID: the broker may make one up.
    nameless: BTreeSet<IpAddr>,
}

impl Refused {
    fn of(truth: &[Truth]) -> Refused {
        let mut refused = Refused::default();
        for truth in truth.iter().filter(|truth| truth.outcome != Outcome::Accepted) {
            refused.names.extend(truth.client_id.iter().chain(&truth.username).cloned());
            refused.addresses.extend(ip(&truth.client_ip));
            if truth.client_id.as_deref().unwrap_or_default().is_empty() {
                refused.nameless.extend(ip(&truth.client_ip));
            }
        }
        refused
    }

    fn has(&self, row: &Row) -> bool {
        let among = |addresses: &BTreeSet<IpAddr>| row.ip_address.is_some_and(|address| addresses.contains(&address));
        match row.identity {
            Identity::ClientId | Identity::Username => self.names.contains(&row.client_id) || among(&self.nameless),
            Identity::Certificate | Identity::Address => row.ip_address.is_none() || among(&self.addresses),
        }
    }
}

fn ip(text: &Option<String>) -> Option<IpAddr> {
    let text = text.as_deref()?;
    let address: IpAddr = text.split('%').next()?.parse().ok()?;
    Some(address.to_canonical())
}

fn when(truth: &Truth) -> i64 {
    truth.at.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("attempt {}: {error}", truth.seq)).as_millisecond()
}

fn named(key: &Key) -> String {
    match key {
        Key::ClientId(id) => format!("client-id {id:?}"),
        Key::Username(name) => format!("username {name:?}"),
        Key::Address(address) => format!("address {}", shown_ip(*address)),
        Key::Unknown => "unknown".to_owned(),
    }
}

fn name(field: Field) -> String {
    serde_json::to_value(field).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("null")
}

fn shown_ip(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "nowhere".to_owned(), |address| address.to_string())
}
