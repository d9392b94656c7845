//! Rows for people and for programs. Strangers wrote the texts: nothing that a terminal or a spreadsheet acts upon gets out.

mod csv;
mod grid;
mod json;
mod lines;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::console::Look;
use crate::model::{ClientKey, Row};
use crate::store::Table;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal
    #[default]
    Table,
    /// One JSON array
    Json,
    /// One JSON object per line
    Ndjson,
    /// Comma-separated values with a header, safe to open in a spreadsheet
    Csv,
}

/// Writes the rows in the order given. `total` is how many there are in all, where these are only the first.
///
/// # Errors
/// Those of the output.
pub fn write(out: &mut dyn Write, rows: &[Row], total: Option<u64>, format: Format, look: &Look) -> io::Result<()> {
    match format {
        Format::Table => grid::write(out, rows, total, look)?,
        Format::Json => json::array(out, rows.iter())?,
        Format::Ndjson => json::lines(out, rows.iter())?,
        Format::Csv => csv::write(out, rows.iter())?,
    }
    out.flush()
}

/// Writes all rows of a table, one after the other: only columns that must fit them need all of them at once.
///
/// # Errors
/// Those of the output.
pub fn stream(out: &mut dyn Write, table: &Table, format: Format, look: &Look) -> io::Result<()> {
    match format {
        Format::Table => grid::write(out, &table.rows().collect::<Vec<_>>(), None, look)?,
        Format::Json => json::array(out, table.rows())?,
        Format::Ndjson => {
            let mut lines = lines::Lines::default();
            table.views().try_for_each(|row| lines.write(out, &row))?;
            lines.finish(out)?;
        }
        Format::Csv => csv::write(out, table.rows())?,
    }
    out.flush()
}

/// Writes rows one by one, as they change.
pub struct Lines(Style);

enum Style {
    Table(grid::Lines),
    Ndjson,
    Csv,
}

impl Lines {
    /// Lines in this format, with room for rows like these; none: the format has no lines.
    pub fn new(format: Format, rows: &[Row], look: &Look) -> Option<Lines> {
        match format {
            Format::Table => Some(Lines(Style::Table(grid::Lines::new(rows, look)))),
            Format::Ndjson => Some(Lines(Style::Ndjson)),
            Format::Csv => Some(Lines(Style::Csv)),
            Format::Json => None,
        }
    }

    /// Writes what stands above all rows.
    ///
    /// # Errors
    /// Those of the output.
    pub fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.0 {
            Style::Table(lines) => lines.head(out)?,
            Style::Ndjson => {}
            Style::Csv => csv::head(out)?,
        }
        out.flush()
    }

    /// Writes a row that is new or has changed.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        match &self.0 {
            Style::Table(lines) => lines.row(out, row)?,
            Style::Ndjson => json::lines(out, std::iter::once(row))?,
            Style::Csv => csv::row(out, row)?,
        }
        out.flush()
    }

    /// Writes that a row went: CSV, which has no place for it, says nothing.
    ///
    /// # Errors
    /// Those of the output.
    pub fn gone(&self, out: &mut dyn Write, key: &ClientKey) -> io::Result<()> {
        match &self.0 {
            Style::Table(lines) => lines.gone(out, key)?,
            Style::Ndjson => json::gone(out, key)?,
            Style::Csv => {}
        }
        out.flush()
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}
