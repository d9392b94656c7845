//! `turnaway list --watch`: the rows that are there, then every change, as the daemon tells it.

use std::collections::{HashMap, HashSet};
use std::io;

use super::client::{Client, Events};
use super::error::written;
use super::events::Event;
use super::list::fetch;
use super::table::{Format, Lines};
use super::{CliError, Console};
use crate::api::Role;
use crate::model::{ClientKey, Millis, Row};

/// Prints until nobody reads it any more.
///
/// # Errors
/// The daemon cannot be asked or says no, or the output fails. Once the first rows are printed a daemon that goes away is waited for.
pub(super) fn watch(client: &Client, filter: &str, format: Format, limit: Option<u64>, console: &mut Console<'_>) -> Result<(), CliError> {
    let target = format!("/api/unauthorized/client/events?{filter}");
    // First the stream, then the table: what changes in between is told by the stream.
    let mut events = client.follow(&target, Role::Auditor)?;
    let rows = newest_last(client, filter, limit, format)?;
    let Some(lines) = Lines::new(format, &rows, &console.look) else {
        let message = "--watch prints a line for each change, and one JSON array has none: use --format ndjson, csv or table";
        return Err(CliError::Usage(message.to_owned()));
    };
    let mut watcher = Watcher { client, filter, format, lines, shown: HashMap::new() };
    let mut printed = watcher.lines.head(console.output).and_then(|()| rows.iter().try_for_each(|row| watcher.show(row, console)));
    // With a limit only the newest were shown: the others are known, but no news.
    if limit.is_some() {
        watcher.remember(&newest_last(client, filter, None, format)?);
    }
    loop {
        match printed {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            printed => written(printed)?,
        }
        match events.next()? {
            Some(event) => printed = watcher.take(event, console)?,
            None => {
                note(console, "the daemon ended the stream; waiting for it to come back")?;
                events = again(client, &target)?;
                printed = watcher.catch_up(console)?;
            }
        }
    }
}

/// Opens the stream as soon as the daemon is there again; what it says by itself (no, or nonsense) is final.
fn again<'c>(client: &'c Client, target: &str) -> Result<Events<'c>, CliError> {
    loop {
        client.pause();
        match client.follow(target, Role::Auditor) {
            Err(error) if error.may_pass() => {}
            other => return Ok(other?),
        }
    }
}

fn note(console: &mut Console<'_>, words: &str) -> Result<(), CliError> {
    writeln!(console.notes, "{words}").and_then(|()| console.notes.flush()).map_err(CliError::Output)
}

fn newest_last(client: &Client, filter: &str, limit: Option<u64>, format: Format) -> Result<Vec<Row>, CliError> {
    let (mut rows, _) = fetch(client, filter, ("ts", "DESC"), limit, format != Format::Table)?;
    rows.reverse();
    Ok(rows)
}

struct Watcher<'c> {
    client: &'c Client,
    filter: &'c str,
    format: Format,
    lines: Lines,
    /// The rows that stand in the table as far as was told: time and attempts, by which a change is known.
    shown: HashMap<ClientKey, (Millis, u64)>,
}

impl Watcher<'_> {
    fn remember(&mut self, rows: &[Row]) {
        self.shown.extend(rows.iter().map(|row| (row.key(), (row.ts, row.attempts))));
    }

    fn show(&mut self, row: &Row, console: &mut Console<'_>) -> io::Result<()> {
        self.remember(std::slice::from_ref(row));
        self.lines.row(console.output, row)
    }

    fn take(&mut self, event: Event, console: &mut Console<'_>) -> Result<io::Result<()>, CliError> {
        match event {
            Event::Ready => Ok(Ok(())),
            // What the table showed already is no news.
            Event::Changed(row) if self.shown.get(&row.key()) == Some(&(row.ts, row.attempts)) => Ok(Ok(())),
            Event::Changed(row) => Ok(self.show(&row, console)),
            Event::Removed(key) => Ok(self.drop_rows(&[key], console)),
            Event::Cleared => {
                let mut keys: Vec<ClientKey> = self.shown.keys().cloned().collect();
                keys.sort_unstable();
                Ok(self.drop_rows(&keys, console))
            }
            Event::Reset => self.catch_up(console),
        }
    }

    fn drop_rows(&mut self, keys: &[ClientKey], console: &mut Console<'_>) -> io::Result<()> {
        keys.iter().filter(|key| self.shown.remove(*key).is_some()).try_for_each(|key| self.lines.gone(console.output, key))
    }

    /// Reads the table again, and prints in what it differs from what was told.
    fn catch_up(&mut self, console: &mut Console<'_>) -> Result<io::Result<()>, CliError> {
        let rows = newest_last(self.client, self.filter, None, self.format)?;
        let there: HashSet<ClientKey> = rows.iter().map(Row::key).collect();
        let mut gone: Vec<ClientKey> = self.shown.keys().filter(|key| !there.contains(key)).cloned().collect();
        gone.sort_unstable();
        let news = |row: &&Row| self.shown.get(&row.key()) != Some(&(row.ts, row.attempts));
        let changed: Vec<&Row> = rows.iter().filter(news).collect();
        Ok(self.drop_rows(&gone, console).and_then(|()| changed.into_iter().try_for_each(|row| self.show(row, console))))
    }
}
