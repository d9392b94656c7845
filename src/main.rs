//! The command line program: reads the arguments, runs the command, gives the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use turnaway::cli::arguments::{Arguments, Command};
use turnaway::cli::common::Failure;
use turnaway::cli::{self, CliError, Console};
use turnaway::clock::SystemClock;
use turnaway::config::Disk;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clock = SystemClock;
    let result = match &arguments.command {
        Command::Run(args) => cli::run::run(args, clock),
        Command::Replay(args) => cli::replay::run(args, &clock),
        Command::Explain(args) => cli::explain::run(args, &clock),
        Command::Grammar(args) => cli::grammar::run(args),
        Command::List(args) => at_console(|console| cli::list::run(args, console, &Disk)),
        Command::Delete(args) => at_console(|console| cli::delete::run(args, console, &Disk)),
        Command::Token(args) => at_console(|console| cli::token::run(args, console)),
        Command::Check(args) => at_console(|console| cli::check::run(args, console, &Disk)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.message.is_empty() => ExitCode::from(failure.exit as u8),
        Err(failure) => {
            // Faults with a place have their own heading.
            let heading =
                if failure.message.starts_with(['e', 'w', '\u{1b}']) && failure.message.contains(" --> ") { "" } else { "turnaway: " };
            let message = failure.message.strip_prefix("error: ").filter(|_| !heading.is_empty()).unwrap_or(&failure.message);
            let _ = writeln!(std::io::stderr(), "{heading}{message}");
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// For the commands that talk to people. The others read standard input themselves.
fn at_console(work: impl FnOnce(&mut Console<'_>) -> Result<(), CliError>) -> Result<(), Failure> {
    let (mut input, mut output, mut notes) = (std::io::stdin().lock(), std::io::stdout(), std::io::stderr());
    work(&mut Console::system(&mut input, &mut output, &mut notes)).map_err(Into::into)
}
