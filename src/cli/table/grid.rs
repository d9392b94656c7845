//! Rows in columns.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use unicode_width::UnicodeWidthChar as _;

use crate::cli::console::Look;
use crate::model::{ClientKey, Evidence, Field, Identity, Reason, Reasons, Row};
use crate::text::display;

/// Between two columns.
const GAP: &str = "  ";

/// A text of fewer columns tells nothing.
const NARROWEST: usize = 6;

/// What nobody knows.
const UNKNOWN: &str = "–";

/// A column. It is as wide as its widest cell, and gives way down to `least` where the terminal is too narrow, and down to
/// `narrowest` where even that is not enough.
struct Column {
    title: &'static str,
    least: usize,
    narrowest: usize,
    width: usize,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    /// Deduced: a question mark stands behind it, whatever is cut off.
    inferred: bool,
}

pub(super) fn write(out: &mut dyn Write, rows: &[Row], total: Option<u64>, look: &Look) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "No clients.");
    }
    // Only where it tells something.
    let with_broker = rows.iter().any(|row| row.broker != rows[0].broker);
    let (columns, _) = fitted(rows, look, with_broker);
    head(out, &columns, look)?;
    for row in 0..rows.len() {
        line(out, &columns, row)?;
    }
    let (_, dim, plain) = styles(look);
    let count = rows.len();
    let noun = if total.unwrap_or(count as u64) == 1 { "client" } else { "clients" };
    match total.filter(|total| *total != count as u64) {
        Some(total) => writeln!(out, "{dim}{count} of {total} {noun}{plain}")?,
        None => writeln!(out, "{dim}{count} {noun}{plain}")?,
    }
    if columns.iter().flat_map(|column| &column.cells).any(|cell| cell.inferred) {
        writeln!(out, "{dim}? deduced from the log with less than certainty: do not act upon it alone{plain}")?;
    }
    Ok(())
}

/// Rows that come one by one, in columns whose widths were chosen before.
pub(super) struct Lines {
    look: Look,
    time_format: &'static str,
    /// Title and width.
    layout: Vec<(&'static str, usize)>,
}

impl Lines {
    /// Columns that suit these rows, and others like them.
    pub(super) fn new(rows: &[Row], look: &Look) -> Lines {
        let mut rows = rows.to_vec();
        rows.push(Row {
            client_id: "a-client-of-usual-size".to_owned(),
            ip_address: Some(IpAddr::V4(Ipv4Addr::BROADCAST)),
            ts: 0,
            username: Some("a-username".to_owned()),
            password_provided: Some(true),
            tls_used: Some(true),
            reason: "No Credentials Found (or Password Does Not Match): not authorised".into(),
            reason_code: Reason::Other,
            alternatives: Reasons::new(),
            inferred: vec![Field::IpAddress],
            identity: Identity::ClientId,
            broker: "mosquitto".into(),
            attempts: 1,
            first_ts: 0,
            evidence: Evidence::default(),
            peer: None,
            upstream: None,
            twin: None,
        });
        let (columns, time_format) = fitted(&rows, look, true);
        let layout = columns.iter().map(|column| (column.title, column.width)).collect();
        Lines { look: look.clone(), time_format, layout }
    }

    fn columns(&self, rows: &[Row]) -> Vec<Column> {
        let mut columns = columns(rows, &self.look, self.time_format, [0, 0], true);
        columns.retain_mut(|column| {
            let chosen = self.layout.iter().find(|(title, _)| *title == column.title);
            chosen.map(|(_, width)| column.width = *width).is_some()
        });
        columns
    }

    pub(super) fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        head(out, &self.columns(&[]), &self.look)
    }

    pub(super) fn row(&self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        line(out, &self.columns(std::slice::from_ref(row)), 0)
    }

    pub(super) fn gone(&self, out: &mut dyn Write, key: &ClientKey) -> io::Result<()> {
        let (_, dim, plain) = styles(&self.look);
        let (text, broker) = (display(&key.client_id), display(&key.broker));
        writeln!(out, "{dim}{}{plain}", cut(&format!("gone: {text} ({broker})"), self.look.width))
    }
}

/// Bold, dim, and neither.
fn styles(look: &Look) -> (&'static str, &'static str, &'static str) {
    if look.colour { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") }
}

fn head(out: &mut dyn Write, columns: &[Column], look: &Look) -> io::Result<()> {
    let (bold, _, plain) = styles(look);
    let titles: Vec<String> = columns.iter().map(|column| padded(&cut(column.title, column.width), column.width)).collect();
    writeln!(out, "{bold}{}{plain}", titles.join(GAP).trim_end())
}

fn line(out: &mut dyn Write, columns: &[Column], row: usize) -> io::Result<()> {
    let cells: Vec<String> = columns.iter().map(|column| shown(&column.cells[row], column.width)).collect();
    writeln!(out, "{}", cells.join(GAP).trim_end())
}

/// Columns that fit the terminal, and how their times are written.
fn fitted(rows: &[Row], look: &Look, with_broker: bool) -> (Vec<Column>, &'static str) {
    // Where there is little room the reason is worth more than the year.
    let (long, short) = ("%Y-%m-%d %H:%M:%S", "%m-%d %H:%M");
    let mut columns = self::columns(rows, look, long, [14, 20], with_broker);
    if fit(&mut columns, look.width) {
        return (columns, long);
    }
    columns = self::columns(rows, look, short, [9, 12], with_broker);
    if !fit(&mut columns, look.width) {
        columns = self::columns(rows, look, short, [9, 12], with_broker);
        columns.retain(|column| column.cells.iter().any(|cell| cell.text != UNKNOWN));
        if !fit(&mut columns, look.width) {
            columns.iter_mut().for_each(|column| column.least = column.least.min(column.narrowest));
            fit(&mut columns, look.width);
        }
    }
    (columns, short)
}

fn columns(rows: &[Row], look: &Look, time_format: &str, [least_id, least_reason]: [usize; 2], with_broker: bool) -> Vec<Column> {
    let column = |title, least, field: Option<Field>, text: &dyn Fn(&Row) -> String| {
        let cells = rows.iter().map(|row| Cell { text: text(row), inferred: field.is_some_and(|field| row.inferred.contains(&field)) });
        Column { title, least, narrowest: if least == usize::MAX { least } else { NARROWEST }, width: 0, cells: cells.collect() }
    };
    let mut columns = vec![
        column("Last update", usize::MAX, Some(Field::Ts), &|row| time(row, look, time_format)),
        column("Client ID", least_id, Some(Field::ClientId), &|row| display(&row.client_id).into_owned()),
        column("Username", 8, Some(Field::Username), &|row| known(row.username.as_deref().map(display))),
        column("Password", usize::MAX, Some(Field::PasswordProvided), &|row| flag(row.password_provided)),
        column("TLS", usize::MAX, Some(Field::TlsUsed), &|row| flag(row.tls_used)),
        column("Client IP", usize::MAX, Some(Field::IpAddress), &|row| known(row.ip_address)),
        column("Reason", least_reason, Some(Field::Reason), &|row| display(&row.reason).into_owned()),
    ];
    if with_broker {
        columns.insert(columns.len() - 1, column("Broker", 8, None, &|row| display(&row.broker).into_owned()));
    }
    for column in &mut columns {
        let widest = column.cells.iter().map(|cell| width(&cell.text) + usize::from(cell.inferred)).max().unwrap_or(0);
        column.width = widest.max(width(column.title)).min(look.width.max(20));
        column.least = column.least.min(column.width);
    }
    columns
}

/// Takes from the widest column that can give, until all fit or none can; says whether they fit.
fn fit(columns: &mut [Column], room: usize) -> bool {
    let room = room.saturating_sub(GAP.len() * columns.len().saturating_sub(1));
    loop {
        let total: usize = columns.iter().map(|column| column.width).sum();
        let widest = columns.iter_mut().filter(|column| column.width > column.least).max_by_key(|column| column.width);
        match widest {
            Some(column) if total > room => column.width -= 1,
            _ => return total <= room,
        }
    }
}

fn time(row: &Row, look: &Look, format: &str) -> String {
    let time = Timestamp::from_millisecond(row.ts).ok();
    time.map_or_else(|| row.ts.to_string(), |time| time.to_zoned_datetime(look.zone.clone()).strftime(format).to_string())
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

fn flag(flag: Option<bool>) -> String {
    known(flag.map(|flag| if flag { "yes" } else { "no" }))
}

fn shown(cell: &Cell, room: usize) -> String {
    let mark = if cell.inferred { "?" } else { "" };
    let mut text = cut(&cell.text, room.saturating_sub(mark.len()));
    text.push_str(mark);
    padded(&text, room)
}

/// The text in this many columns, with a mark where something is missing.
fn cut(text: &str, room: usize) -> String {
    // Marks that stand above others take no room, but a thousand of them are no name.
    if width(text) <= room && text.chars().count() <= 4 * room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars().take(4 * room) {
        used += char_width(c);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

fn padded(text: &str, room: usize) -> String {
    format!("{text}{}", " ".repeat(room.saturating_sub(width(text))))
}

fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match c {
        // Makes the sign before it an emoji, which is two columns wide.
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}
