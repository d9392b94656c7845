//! What the commands share: options of logs, exit codes, printing.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;

use crate::config::{self, DEFAULT_GRAMMARS, system_zone};
use crate::conversation::Settings;
use crate::engine::Options;
use crate::grammar::{Library, LibraryError};
use crate::record::time::TimeFormat;
use crate::replay::ReplayError;

/// How a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing is wrong.
    Fine = 0,
    /// The work failed: a sample, an unreadable file, a daemon that does not answer.
    Work = 1,
    /// Wrong usage or configuration.
    Usage = 2,
}

/// A failed command: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong, where, and what to do.
    pub message: String,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Usage }
    }

    /// Nobody reads the output any more: no failure, but no reason to go on.
    pub fn closed() -> Failure {
        Failure { message: String::new(), exit: Exit::Fine }
    }

    /// The work failed.
    pub fn work(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Work }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Failure {
        Failure::usage(error.to_string())
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Failure {
        let exit = if matches!(error, ReplayError::NoGrammar { .. }) { Exit::Usage } else { Exit::Work };
        Failure { message: error.to_string(), exit }
    }
}

/// Options of commands that read logs without a configuration.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// The zone of stamps that name none, for example Europe/Berlin; the system's if absent.
    #[arg(long, value_name = "ZONE", value_parser = config::zone)]
    pub timezone: Option<TimeZone>,
    /// A listener that uses TLS (may be given several times): tells TLS from plaintext where the log names the port.
    #[arg(long = "tls-port", value_name = "N")]
    pub tls_ports: Vec<u16>,
    /// The address of a TLS terminator or proxy before the broker (may be given several times): it is nobody's.
    #[arg(long = "proxy", value_name = "ADDR")]
    pub proxies: Vec<std::net::IpAddr>,
    /// The broker's time format as in strftime, where it is not recognised: '%d/%b/%Y:%H:%M:%S'.
    #[arg(long, value_name = "FORMAT")]
    pub time_format: Option<String>,
    /// A directory of further grammars, instead of /etc/turnaway/grammars.
    #[arg(long, value_name = "DIR")]
    pub grammars: Option<PathBuf>,
}

/// The engine's options from the command line.
///
/// # Errors
/// A format that is none.
pub fn options(args: &LogArgs) -> Result<Options, Failure> {
    let zone = args.timezone.clone().unwrap_or_else(system_zone);
    let time_format = args.time_format.as_deref().map(time_format).transpose()?;
    Ok(Options {
        settings: Settings { tls_ports: args.tls_ports.clone(), ..Settings::default() },
        zone,
        time_format,
        proxies: args.proxies.clone(),
    })
}

fn time_format(text: &str) -> Result<TimeFormat, Failure> {
    TimeFormat::parse_format(text).map_err(|error| {
        Failure::usage(format!("the time format \"{text}\" cannot be used: {error} (at character {})", error.position() + 1))
    })
}

/// The grammars: built in, and those of the directory. That the default directory is absent is fine.
///
/// # Errors
/// Faults of grammar files.
pub fn library(directory: Option<&Path>) -> Result<Library, LibraryError> {
    let default = Path::new(DEFAULT_GRAMMARS);
    Library::load(directory.or_else(|| default.is_dir().then_some(default)))
}

/// Prints to standard output.
///
/// # Errors
/// Standard output cannot be written, or nobody reads it any more ([`Failure::closed`]).
pub fn print(text: &str) -> Result<(), Failure> {
    print_with(|out| out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The same, piece by piece.
///
/// # Errors
/// Likewise.
pub fn print_with(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> Result<(), Failure> {
    // Standard output would be written line by line.
    let mut out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::closed()),
        Err(error) => Err(Failure::work(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
