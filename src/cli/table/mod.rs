//! Rows for people and for programs. Strangers wrote the texts: nothing that a terminal or a spreadsheet acts upon gets out.

mod csv;
mod grid;
mod json;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::console::Look;
use crate::model::Row;

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

/// Writes all rows, one after the other: only columns that must fit them need all of them at once.
///
/// # Errors
/// Those of the output.
pub fn stream(out: &mut dyn Write, rows: impl Iterator<Item = Row>, format: Format, look: &Look) -> io::Result<()> {
    match format {
        Format::Table => grid::write(out, &rows.collect::<Vec<_>>(), None, look)?,
        Format::Json => json::array(out, rows)?,
        Format::Ndjson => json::lines(out, rows)?,
        Format::Csv => csv::write(out, rows)?,
    }
    out.flush()
}
