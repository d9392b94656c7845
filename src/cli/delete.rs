//! `turnaway delete`.

use form_urlencoded::Serializer;
use hyper::StatusCode;
use serde::Deserialize;

use super::client::{Client, ClientError, ServerArgs};
use super::{CliError, Console};
use crate::api::Role;
use crate::config::Files;

const CLIENT: &str = "/api/unauthorized/client";

/// Client IDs that a question lists; of more it tells the number.
const LISTED: usize = 5;

/// Delete the rows of clients, or all, from the running daemon's table
///
/// A deletion is durable: lines that were read before it never bring the row back. A client that is refused again gets a new row.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  turnaway delete sensor-7\n  turnaway delete sensor-7 sensor-8 --yes\n  turnaway delete -- -odd-name\n  \
    turnaway delete --all --yes\n\n\
    Deleting needs the role operator: the daemon's Unix socket, or a token made with `turnaway token new --role operator`."
)]
pub struct DeleteArgs {
    /// The client IDs, exactly as `turnaway list --format json` shows them
    #[arg(value_name = "CLIENT_ID", required_unless_present = "all", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    client_ids: Vec<String>,
    /// Delete all clients
    #[arg(long, conflicts_with = "client_ids")]
    all: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Of a page, what tells how many rows there are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    total_elements: u64,
}

/// Runs the command.
///
/// # Errors
/// Nobody is there to ask, the daemon cannot be asked or says no, or the output fails. What was deleted before is said.
pub fn run(args: &DeleteArgs, console: &mut Console<'_>, files: &dyn Files) -> Result<(), CliError> {
    let client = Client::new(&args.server, console.token.as_deref(), files)?;
    if !args.yes && !console.confirm(&question(args, console.is_interactive, &client)?)? {
        return console.say("Nothing was deleted.");
    }
    if args.all {
        let deleted = client.delete(CLIENT)?;
        return console.say(&match deleted {
            // A daemon of another version.
            None => "Deleted all clients.".to_owned(),
            Some(0) => "There were no clients.".to_owned(),
            Some(1) => "Deleted the only client.".to_owned(),
            Some(rows) => format!("Deleted all {rows} clients."),
        });
    }
    let mut missing = Vec::new();
    for client_id in &args.client_ids {
        let query = Serializer::new(String::new()).append_pair("clientId", client_id).finish();
        match client.delete(&format!("{CLIENT}?{query}")) {
            Ok(_) => console.say(&format!("Deleted {client_id:?}."))?,
            Err(ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) => missing.push(client_id.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(ClientError::NoClient { client_ids: missing }.into()) }
}

fn question(args: &DeleteArgs, is_interactive: bool, client: &Client) -> Result<String, CliError> {
    let server = client.server();
    match &args.client_ids[..] {
        // Nobody reads it: the number need not be fetched.
        [] if !is_interactive => Ok(String::new()),
        [] => {
            let count: Count = client.get(&format!("{CLIENT}?pageSize=1&page=0"), Role::Auditor)?;
            let noun = if count.total_elements == 1 { "client" } else { "clients" };
            Ok(format!("Delete all {} {noun} at {server}?", count.total_elements))
        }
        ids => {
            let mut names: Vec<String> = ids.iter().take(LISTED).map(|id| format!("{id:?}")).collect();
            if ids.len() > LISTED {
                names.push(format!("{} more", ids.len() - LISTED));
            }
            let last = names.pop().unwrap_or_default();
            let before = names.join(", ");
            let and = if before.is_empty() { "" } else { " and " };
            Ok(format!("Delete {before}{and}{last} at {server}?"))
        }
    }
}
