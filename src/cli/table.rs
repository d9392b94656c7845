//! stub
use crate::model::Row;
/// f
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Format {
    /// t
    Table,
    /// n
    Ndjson,
}
/// r
pub fn render(rows: &[Row], _format: Format, _terminal: bool) -> String {
    rows.iter().map(|r| serde_json::to_string(r).unwrap_or_default() + "\n").collect()
}
