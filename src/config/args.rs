//! What the command line gives in place of the file.

use std::path::PathBuf;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::model::LogFormat;
use super::value;
use crate::api::Listen;

/// Which configuration, and what stands in its place. Each option replaces what the file says, `--log` all its sources.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigArgs {
    /// The configuration file [default: /etc/turnaway/turnaway.toml; none when --log is given]
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// A log to watch, in place of the file's sources; may be given several times
    ///
    /// PATH is a file, a glob in quotes, - for standard input, or journal:UNIT for what a unit writes to the journal. GRAMMAR names the product that writes it (`turnaway grammar
    /// list` shows them); without it the product is recognised from the first lines. A path that has a = in it is written
    /// with a leading ./ or /.
    #[arg(long = "log", short, value_name = "[GRAMMAR=]PATH")]
    pub logs: Vec<LogArg>,

    /// The database [default: the file's; ./turnaway.db without a file]
    #[arg(long = "db", value_name = "FILE")]
    pub database: Option<PathBuf>,

    /// Where to listen, in place of the file's places; may be given several times [default: 127.0.0.1:8099]
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH", value_parser = value::listen)]
    pub listen: Vec<Listen>,

    /// The zone of time stamps that name none, like Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE", value_parser = value::zone)]
    pub timezone: Option<TimeZone>,

    /// A port of the broker on which clients speak TLS; may be given several times
    #[arg(long = "tls-port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub tls_ports: Vec<u16>,

    /// The form of the daemon's own log, in place of the file's [default: text]
    #[arg(long, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
}

/// A log that the command line names: `[GRAMMAR=]PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogArg {
    /// The grammar's name; none: to be recognised.
    pub grammar: Option<String>,
    /// A path or glob; `-` is standard input.
    pub path: String,
}

impl FromStr for LogArg {
    type Err = String;

    fn from_str(text: &str) -> Result<LogArg, String> {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let (grammar, path) = match text.split_once('=') {
            Some((grammar, path)) if is_name(grammar) => (Some(grammar.to_owned()), path),
            _ => (None, text),
        };
        match path {
            "" => Err("there is no path; expected PATH or GRAMMAR=PATH".to_owned()),
            path => Ok(LogArg { grammar, path: path.to_owned() }),
        }
    }
}
