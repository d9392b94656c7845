//! `turnaway replay`: the final table of finished logs.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::common::{Failure, library, options};
use super::console::Look;
use super::progress::Progress;
use super::table::{Format, stream};
use crate::clock::Clock;
use crate::config::LogArg;
use crate::engine::Recognised;
use crate::replay::{ReplayError, ReplaySource, Watcher, replay};
use crate::source::SourceError;
use crate::store::Table;
use crate::text::display;

/// A shorter replay needs no progress bar.
const LONG: u64 = 64 << 20;

/// What `replay` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  turnaway replay /var/log/mosquitto/mosquitto.log
  turnaway replay --timezone Europe/Berlin --tls-port 8883 mosquitto.log.2.gz mosquitto.log.1 mosquitto.log
  journalctl -u mosquitto -o cat | turnaway replay --format csv -

Files that are named together are one broker's logs: rotated ones are read one after the other, others side by side, and an attempt
that several of them tell counts once. Each --log is a broker of its own, unless it is another log of the same broker (HiveMQ's
event.log and hivemq.log, VerneMQ's console.log and error.log), or a terminator before it (HAProxy, nginx, stunnel): its log says
who the clients behind it are. The order in which logs are named does not matter.")]
pub struct ReplayArgs {
    /// Logs of one broker: plain, gzip or zstd; `-` is standard input.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A log of a further broker, with its grammar's name before it.
    #[arg(long = "log", value_name = "[GRAMMAR=]PATH")]
    pub logs: Vec<LogArg>,
    /// The grammar of the PATHs, instead of recognising it.
    #[arg(long, value_name = "NAME")]
    pub grammar: Option<String>,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    #[command(flatten)]
    common: super::common::LogArgs,
}

/// Runs it.
///
/// # Errors
/// What could not be read or recognised.
pub fn run(args: &ReplayArgs, clock: &dyn Clock) -> Result<(), Failure> {
    let library = library(args.common.grammars.as_deref())?;
    let options = options(&args.common)?;
    let mut sources: Vec<ReplaySource> = Vec::new();
    for log in &args.logs {
        sources.push(ReplaySource { grammar: log.grammar.clone(), paths: vec![PathBuf::from(&log.path)], options: options.clone() });
    }
    if !args.paths.is_empty() {
        sources.push(ReplaySource { grammar: args.grammar.clone(), paths: args.paths.clone(), options });
    }
    if sources.is_empty() {
        return Err(Failure::usage(
            "no log to replay: name one (`turnaway replay /var/log/mosquitto/mosquitto.log`), or - for standard input",
        ));
    }
    if args.grammar.is_some() && args.paths.is_empty() {
        return Err(Failure::usage("--grammar belongs to the PATHs; a --log names its grammar itself: --log mosquitto=FILE"));
    }
    let mut table = Table::default();
    let mut progress = Progress::default();
    let broken = match replay(&library, &sources, clock.now(), &mut table, &mut progress) {
        Ok(_) => None,
        // What could be read is shown; the exit code says that it is not all.
        Err(error @ ReplayError::Source(SourceError::Read { .. })) => Some(Failure::from(error)),
        Err(error) => {
            progress.done();
            return Err(error.into());
        }
    };
    progress.done();
    let look = Look::system(std::io::stdout().is_terminal());
    super::common::print_with(|out| stream(out, &table, args.format, &look))?;
    broken.map_or(Ok(()), Err)
}

impl Watcher for Progress {
    fn recognised(&mut self, path: &Path, found: &Recognised) {
        self.done();
        let path = path.display().to_string();
        let sure = if found.telling > 0 { "" } else { " (not sure: no line that only it writes)" };
        let _ = writeln!(
            std::io::stderr(),
            "{}: {}, {} of the first {} lines known{sure}",
            display(&path),
            found.grammar.title,
            found.known,
            found.of
        );
    }

    fn progress(&mut self, path: &Path, done: u64, total: Option<u64>) {
        let Some(total) = total.filter(|total| *total >= LONG && std::io::stderr().is_terminal()) else { return };
        self.show(&display(&path.display().to_string()), done, total);
    }
}
