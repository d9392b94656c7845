//! Rows as CSV.

use std::borrow::Borrow;
use std::io::{self, Write};

use crate::csv::{Cells, HEADER};
use crate::model::Row;

pub(super) fn write<R: Borrow<Row>>(out: &mut dyn Write, mut rows: impl Iterator<Item = R>) -> io::Result<()> {
    head(out)?;
    rows.try_for_each(|each| row(out, each.borrow()))
}

pub(super) fn head(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())
}

pub(super) fn row(out: &mut dyn Write, row: &Row) -> io::Result<()> {
    let mut line = String::new();
    Cells::from(row).write(&mut line);
    out.write_all(line.as_bytes())
}
