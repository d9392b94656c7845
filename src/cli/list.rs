//! `turnaway list`.

use std::collections::BTreeSet;

use form_urlencoded::Serializer;
use serde::Deserialize;

use super::client::{Client, ServerArgs};
use super::error::written;
use super::filter_args::FilterArgs;
use super::table::{self, Format};
use super::watch::watch;
use super::{CliError, Console};
use crate::api::Role;
use crate::config::Files;
use crate::grammar::near;
use crate::model::Row;
use crate::store::SortBy;

/// Rows that are asked for at once: far below the server's limit, so that an answer stays small.
const PAGE: u64 = 250;

/// Show the clients that were refused, from the running daemon
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Texts are looked for anywhere in the field, in any case; % stands for any text and _ for any one character.\n\n\
    Examples:\n  turnaway list\n  turnaway list --client-id sensor- --sort attempts --limit 20\n  \
    turnaway list --since 1h --password no\n  turnaway list --watch\n  \
    turnaway list --reason-code password-does-not-match --format csv > refused.csv\n  \
    turnaway list --server unix:/run/turnaway/turnaway.sock --format ndjson | jq .ipAddress\n  \
    TURNAWAY_TOKEN=turnaway_… turnaway list --server 192.0.2.1:8099")]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// How to print the rows
    #[arg(long, short, value_enum, default_value_t)]
    format: Format,
    /// The field to sort by, by its name in the JSON
    #[arg(long, value_name = "FIELD", value_parser = sort_field, default_value = "ts")]
    sort: &'static str,
    /// Which end comes first [default: desc for times and counts, asc for texts]
    #[arg(long, value_enum)]
    order: Option<OrderArg>,
    /// Print at most this many rows [default: all]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on with each row that is made, changed or removed, until Ctrl-C; the rows that are there come first, the latest last
    #[arg(long, short, conflicts_with_all = ["sort", "order"])]
    watch: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OrderArg {
    /// The smallest or oldest
    Asc,
    /// The greatest or newest
    Desc,
}

/// A page, as the API gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    data: Vec<Row>,
    total_elements: u64,
    has_next: bool,
}

fn sort_field(text: &str) -> Result<&'static str, String> {
    SortBy::names().find(|name| *name == text).ok_or_else(|| near(text, SortBy::names().collect::<Vec<_>>().into_iter(), "the fields are"))
}

/// Runs the command.
///
/// # Errors
/// The daemon cannot be asked or says no, or the output fails.
pub fn run(args: &ListArgs, console: &mut Console<'_>, files: &dyn Files) -> Result<(), CliError> {
    let client = Client::new(&args.server, console.token.as_deref(), files)?;
    let mut query = Serializer::new(String::new());
    args.filter.add_to(&mut query, &console.look.zone, console.now)?;
    let filter = query.finish();
    if args.watch {
        return watch(&client, &filter, args.format, args.limit, console);
    }
    let (rows, total) = fetch(&client, &filter, (args.sort, order(args)), args.limit, args.format != Format::Table)?;
    written(table::write(console.output, &rows, Some(total), args.format, &console.look))
}

fn order(args: &ListArgs) -> &'static str {
    let natural = match args.sort {
        "ts" | "firstTs" | "attempts" => OrderArg::Desc,
        _ => OrderArg::Asc,
    };
    if args.order.unwrap_or(natural) == OrderArg::Asc { "ASC" } else { "DESC" }
}

/// The rows, and how many there are in all. The evidence is most of a row: it is thrown away where it is not wanted.
///
/// # Errors
/// The daemon cannot be asked or says no.
pub(super) fn fetch(
    client: &Client,
    filter: &str,
    (sort, order): (&str, &str),
    limit: Option<u64>,
    with_evidence: bool,
) -> Result<(Vec<Row>, u64), CliError> {
    let limit = limit.unwrap_or(u64::MAX);
    let size = PAGE.min(limit);
    let (mut rows, mut seen, mut total) = (Vec::new(), BTreeSet::new(), 0);
    for page in 0.. {
        let target = format!(
            "/api/unauthorized/client/v2?pageSize={size}&page={page}&sortProperty={sort}&sortOrder={order}{}{filter}",
            if filter.is_empty() { "" } else { "&" }
        );
        let body: PageBody = client.get(&target, Role::Auditor)?;
        total = body.total_elements;
        let is_last = body.data.is_empty() || !body.has_next;
        for mut row in body.data {
            if !with_evidence {
                row.evidence.clear();
            }
            // The table changes while we read: a row may move to the next page.
            if (rows.len() as u64) < limit && seen.insert(row.key()) {
                rows.push(row);
            }
        }
        if is_last || rows.len() as u64 >= limit {
            break;
        }
    }
    let count = rows.len() as u64;
    let total = if count < limit { count } else { total.max(count) };
    Ok((rows, total))
}
