//! The command line program: reads the arguments, runs the command, gives the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use turnaway::cli;
use turnaway::clock::SystemClock;

/// Keeps the latest failed connection attempt of every MQTT client, read from the logs that the broker already writes.
#[derive(Debug, Parser)]
#[command(name = "turnaway", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Exit codes: 0 fine, 1 the work failed, 2 wrong usage or configuration.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon: follows the logs, keeps the table, serves the page and the API.
    Run(cli::run::RunArgs),
    /// Prints the final table of finished logs.
    Replay(cli::replay::ReplayArgs),
    /// Says line by line what becomes of a log, and why.
    Explain(cli::explain::ExplainArgs),
    /// Lists, shows and tests grammars.
    Grammar(cli::grammar::GrammarArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clock = SystemClock;
    let result = match &arguments.command {
        Command::Run(args) => cli::run::run(args, clock),
        Command::Replay(args) => cli::replay::run(args, &clock),
        Command::Explain(args) => cli::explain::run(args, &clock),
        Command::Grammar(args) => cli::grammar::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "turnaway: {}", failure.message);
            ExitCode::from(failure.exit as u8)
        }
    }
}
