//! The whole command line, for the program, its man pages and its completions.

use clap::{CommandFactory as _, Parser, Subcommand};

/// Keeps the latest failed connection attempt of every MQTT client, read from the logs that the broker already writes.
#[derive(Debug, Parser)]
#[command(name = "turnaway", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or configuration.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon: follows the logs, keeps the table, serves the page and the API.
    Run(super::run::RunArgs),
    /// Prints the final table of finished logs.
    Replay(super::replay::ReplayArgs),
    /// Says line by line what becomes of a log, and why.
    Explain(super::explain::ExplainArgs),
    /// Lists, shows and tests grammars.
    Grammar(super::grammar::GrammarArgs),
    /// Lists the rows of the running daemon.
    List(super::list::ListArgs),
    /// Deletes rows of the running daemon.
    Delete(super::delete::DeleteArgs),
    /// Makes tokens for the API.
    Token(super::token::TokenArgs),
    /// Says what would run, and what is wrong.
    Check(super::check::CheckArgs),
}

/// Its definition.
pub fn command() -> clap::Command {
    Arguments::command()
}
