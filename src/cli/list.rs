//! `turnaway list`.

use std::collections::BTreeSet;

use form_urlencoded::Serializer;
use serde::Deserialize;

use super::client::{Client, ServerArgs};
use super::error::written;
use super::table::{self, Format};
use super::{CliError, Console};
use crate::api::Role;
use crate::config::Files;
use crate::grammar::near;
use crate::model::{Reason, Row};
use crate::store::SortBy;

/// Rows that are asked for at once: far below the server's limit, so that an answer stays small.
const PAGE: u64 = 250;

/// Show the clients that were refused, from the running daemon
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Texts are looked for anywhere in the field, in any case; % stands for any text and _ for any one character.\n\n\
    Examples:\n  turnaway list\n  turnaway list --client-id sensor- --sort attempts --limit 20\n  \
    turnaway list --reason-code password-does-not-match --format csv > refused.csv\n  \
    turnaway list --server unix:/run/turnaway/turnaway.sock --format ndjson | jq .ipAddress\n  \
    TURNAWAY_TOKEN=turnaway_… turnaway list --server 192.0.2.1:8099")]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// How to print the rows
    #[arg(long, short, value_enum, default_value_t)]
    format: Format,
    /// Only client IDs with this text
    #[arg(long, value_name = "TEXT")]
    client_id: Option<String>,
    /// Only usernames with this text
    #[arg(long, value_name = "TEXT")]
    username: Option<String>,
    /// Only addresses with this text
    #[arg(long, value_name = "TEXT")]
    ip: Option<String>,
    /// Only reasons with this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only this reason, by its code; may be given several times
    #[arg(long, value_name = "CODE", value_parser = reason_code)]
    reason_code: Vec<Reason>,
    /// Only the source with this exact name
    #[arg(long, value_name = "NAME")]
    broker: Option<String>,
    /// The field to sort by, by its name in the JSON
    #[arg(long, value_name = "FIELD", value_parser = sort_field, default_value = "ts")]
    sort: &'static str,
    /// Which end comes first [default: desc for times and counts, asc for texts]
    #[arg(long, value_enum)]
    order: Option<OrderArg>,
    /// Print at most this many rows [default: all]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
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

fn reason_code(text: &str) -> Result<Reason, String> {
    Reason::from_code(text).ok_or_else(|| near(text, Reason::ALL.iter().map(|reason| reason.code()), "the codes are"))
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
    let (rows, total) = fetch(args, &client)?;
    written(table::write(console.output, &rows, Some(total), args.format, &console.look))
}

/// The rows, and how many there are in all.
fn fetch(args: &ListArgs, client: &Client) -> Result<(Vec<Row>, u64), CliError> {
    let limit = args.limit.unwrap_or(u64::MAX);
    let size = PAGE.min(limit);
    let (mut rows, mut seen, mut total) = (Vec::new(), BTreeSet::new(), 0);
    for page in 0.. {
        let body: PageBody = client.get(&target(args, size, page), Role::Auditor)?;
        total = body.total_elements;
        let is_last = body.data.is_empty() || !body.has_next;
        for mut row in body.data {
            if args.format == Format::Table {
                // It is most of a row, and the table does not show it.
                row.evidence = Vec::new();
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

fn target(args: &ListArgs, size: u64, page: u32) -> String {
    let order = args.order.unwrap_or(match args.sort {
        "ts" | "firstTs" | "attempts" => OrderArg::Desc,
        _ => OrderArg::Asc,
    });
    let mut query = Serializer::new(String::new());
    query.append_pair("pageSize", &size.to_string()).append_pair("page", &page.to_string());
    query.append_pair("sortProperty", args.sort);
    query.append_pair("sortOrder", if order == OrderArg::Asc { "ASC" } else { "DESC" });
    for (name, text) in [
        ("clientId", &args.client_id),
        ("username", &args.username),
        ("ipAddress", &args.ip),
        ("reason", &args.reason),
        ("broker", &args.broker),
    ] {
        if let Some(text) = text {
            query.append_pair(name, text);
        }
    }
    for code in &args.reason_code {
        query.append_pair("reasonCode", code.code());
    }
    format!("/api/unauthorized/client/v2?{}", query.finish())
}
