//! `turnaway delete`.

use form_urlencoded::Serializer;
use hyper::Method;
use serde::Deserialize;

use super::client::{Client, ClientError, ServerArgs};
use super::{CliError, Console};
use crate::api::Role;
use crate::config::Files;

const CLIENT: &str = "/api/unauthorized/client";

/// Delete a client's rows, or all, from the running daemon's table
///
/// A deletion is durable: lines that were read before it never bring the row back. A client that is refused again gets a new row.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  turnaway delete sensor-7\n  turnaway delete -- -odd-name\n  turnaway delete --all --yes\n\n\
    Deleting needs the role operator: the daemon's Unix socket, or a token made with `turnaway token new --role operator`.")]
pub struct DeleteArgs {
    /// The client ID, exactly as `turnaway list --format json` shows it
    #[arg(required_unless_present = "all", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    client_id: Option<String>,
    /// Delete all clients
    #[arg(long, conflicts_with = "client_id")]
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
/// Nobody is there to ask, the daemon cannot be asked or says no, or the output fails.
pub fn run(args: &DeleteArgs, console: &mut Console<'_>, files: &dyn Files) -> Result<(), CliError> {
    let client = Client::new(&args.server, console.token.as_deref(), files)?;
    if !args.yes && !console.confirm(&question(args, console.is_interactive, &client)?)? {
        return console.say("Nothing was deleted.");
    }
    match &args.client_id {
        None => {
            client.ask(Method::DELETE, CLIENT, Role::Operator)?;
            console.say("Deleted all clients.")
        }
        Some(client_id) => {
            let query = Serializer::new(String::new()).append_pair("clientId", client_id).finish();
            match client.ask(Method::DELETE, &format!("{CLIENT}?{query}"), Role::Operator) {
                Ok(_) => console.say(&format!("Deleted {client_id:?}.")),
                Err(ClientError::Refused { status, .. }) if status == hyper::StatusCode::NOT_FOUND => {
                    Err(ClientError::NoClient { client_id: client_id.clone() }.into())
                }
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn question(args: &DeleteArgs, is_interactive: bool, client: &Client) -> Result<String, CliError> {
    let server = client.server();
    match &args.client_id {
        Some(client_id) => Ok(format!("Delete {client_id:?} at {server}?")),
        // Nobody reads it: the number need not be fetched.
        None if !is_interactive => Ok(String::new()),
        None => {
            let count: Count = client.get(&format!("{CLIENT}?pageSize=1&page=0"), Role::Auditor)?;
            let noun = if count.total_elements == 1 { "client" } else { "clients" };
            Ok(format!("Delete all {} {noun} at {server}?", count.total_elements))
        }
    }
}
