//! The checked configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::args::ConfigArgs;
use super::listener::{ListenerConfig, RuleError};
use super::system_zone;
use crate::api::{Listen, Rules, TokenConfig, Tokens};
use crate::events::OutputConfig;
use crate::model::Millis;
use crate::record::time::TimeFormat;

/// The database of an installed daemon.
pub const DEFAULT_DATABASE: &str = "/var/lib/turnaway/turnaway.db";

/// The longest line in bytes that is read whole: 1 MiB.
pub const DEFAULT_MAX_LINE: usize = 1 << 20;

/// The port that is listened on unless the configuration says otherwise.
const DEFAULT_PORT: u16 = 8099;

/// The place that is listened on unless the configuration says otherwise: 127.0.0.1:8099.
pub fn default_listen() -> Listen {
    Listen::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)))
}

/// What to run. Every value has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The database's file.
    pub database: PathBuf,
    /// The directory of additional grammars, if there is one.
    pub grammars: Option<PathBuf>,
    /// How long a row stays, in milliseconds; none: for ever.
    pub retention: Option<Millis>,
    /// How many rows there may be.
    pub max_clients: u64,
    /// How much memory the store may use to search and sort large tables, in bytes; 0: none.
    pub search_memory: u64,
    /// Whether a successful connect removes the client's row.
    pub clear_on_success: bool,
    /// Where to listen; there is at least one place.
    pub listen: Vec<Listen>,
    /// What holds at the places of `[[listener]]` tables.
    pub listeners: Vec<ListenerConfig>,
    /// Names of this machine, without port, that a `Host` header may have.
    pub hosts: Vec<String>,
    /// How much our own log says.
    pub log: Level,
    /// In which form it says it.
    pub log_format: LogFormat,
    /// The program that reads the journal, with its first arguments.
    pub journalctl: Vec<String>,
    /// Who may come in by TCP.
    pub tokens: Vec<TokenConfig>,
    /// The logs; their names differ. None: those of installed products are looked for.
    pub sources: Vec<SourceConfig>,
    /// Who is told of refused attempts.
    pub outputs: Vec<OutputConfig>,
}

impl Config {
    /// Whether the logs of installed products are to be looked for, because none is named.
    pub fn looks_for_logs(&self) -> bool {
        self.sources.is_empty()
    }

    /// Who may come in, and where: reads the certificates and looks for the groups that `[[listener]]` tables name.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn access(&self) -> Result<Tokens, RuleError> {
        let rules = self.listeners.iter().map(|listener| Ok((listener.place.clone(), listener.rule()?)));
        let rules = rules.collect::<Result<_, RuleError>>()?;
        Ok(Tokens::new(self.tokens.clone()).with_rules(Rules::new(rules)))
    }
}

impl Default for Config {
    fn default() -> Config {
        let bounds = crate::store::Settings::default();
        Config {
            database: PathBuf::from(DEFAULT_DATABASE),
            grammars: None,
            retention: bounds.retention,
            max_clients: bounds.max_clients,
            search_memory: bounds.search_memory,
            clear_on_success: true,
            listen: vec![default_listen()],
            listeners: Vec::new(),
            hosts: Vec::new(),
            log: Level::default(),
            log_format: LogFormat::default(),
            journalctl: vec!["journalctl".to_owned()],
            tokens: Vec::new(),
            sources: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

/// One source: logs of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name.
    pub name: String,
    /// The broker of its rows, which other sources may have, too: then they are logs of one broker. None: to be told by the files
    /// and the grammar.
    pub broker: Option<String>,
    /// Paths and globs, at least one; `-` is standard input.
    pub paths: Vec<String>,
    /// The grammar's name; none: to be recognised.
    pub grammar: Option<String>,
    /// Where to begin in a file that was never read.
    pub start: Start,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// The listeners that use TLS; empty: not known.
    pub tls_ports: Vec<u16>,
    /// The addresses of terminators and proxies before the broker: they are no client's.
    pub proxies: Vec<std::net::IpAddr>,
    /// The broker's time format, where it is declared.
    pub time_format: Option<TimeFormat>,
    /// The longest line in bytes.
    pub max_line: usize,
}

impl SourceConfig {
    /// The log of an installed product that was found where the product's grammar says.
    pub fn found(grammar: &str, paths: Vec<String>, args: &ConfigArgs) -> SourceConfig {
        let mut source = SourceConfig::new(grammar, paths);
        source.grammar = Some(grammar.to_owned());
        source.zone = args.timezone.clone().unwrap_or(source.zone);
        source.tls_ports.clone_from(&args.tls_ports);
        source
    }

    /// A source with the default settings, in the system's zone.
    pub fn new(name: impl Into<String>, paths: Vec<String>) -> SourceConfig {
        SourceConfig {
            name: name.into(),
            broker: None,
            paths,
            grammar: None,
            start: Start::default(),
            zone: system_zone(),
            tls_ports: Vec::new(),
            proxies: Vec::new(),
            time_format: None,
            max_line: DEFAULT_MAX_LINE,
        }
    }
}

/// Where to begin in a file that was never read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At its first line, so that the failures of the last days are there at once.
    #[default]
    Beginning,
    /// At its end.
    End,
}

impl Start {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Start::Beginning => "beginning",
            Start::End => "end",
        }
    }
}

/// How much our own log says; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// What failed.
    Error,
    /// What may go wrong.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// Details.
    Debug,
}

impl Level {
    /// All of them.
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// The word in the configuration, which is a filter directive of `tracing` as well.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// The form of our own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: a line with its fields behind the message.
    #[default]
    Text,
    /// For programs: a JSON object on each line.
    Json,
}

impl LogFormat {
    /// Both.
    pub const ALL: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}
