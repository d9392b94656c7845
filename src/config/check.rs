//! Makes the configuration of the file, the command line and the grammars.

use super::args::ConfigArgs;
use super::error::{ConfigError, Invalid};
use super::model::{Config, DEFAULT_MAX_LINE, SourceConfig};
use super::name::names;
use super::read::{Raw, RawSource};
use super::system_zone;
use crate::api::{Listen, ListenError};
use crate::grammar::{Diagnostic, Faults, LibraryError, near};
use crate::source::{JOURNAL, journal_fault};

/// For logs that the command line names the database lies in the working directory: a quick look needs no rights.
const DATABASE_WITHOUT_FILE: &str = "turnaway.db";

impl Raw {
    /// The configuration that this file (none: no file at all) and the command line come to. `grammars` holds the names of the
    /// known grammars, or says why they could not be loaded.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every fault of the file, of the grammars and of the command line.
    pub fn check(file: Option<Raw>, args: &ConfigArgs, grammars: Result<Vec<String>, LibraryError>) -> Result<Config, ConfigError> {
        let is_quick_look = file.is_none() && !args.logs.is_empty();
        let mut raw = file.unwrap_or_default();
        let (known, broken) = match grammars {
            Ok(names) => (Some(names), None),
            Err(error) => (None, Some(error)),
        };
        let mut checker = Checker { known, invalid: Invalid { grammars: broken, ..Invalid::default() } };
        let from_file = checker.sources(&mut raw);
        checker.listen(&mut raw, args);
        let mut sources = if args.logs.is_empty() { from_file } else { checker.logs(args) };
        for source in &mut sources {
            if let Some(zone) = &args.timezone {
                source.zone = zone.clone();
            }
            if !args.tls_ports.is_empty() {
                source.tls_ports.clone_from(&args.tls_ports);
            }
        }
        if !raw.faults.is_empty() {
            raw.faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
            checker.invalid.file = Some(Faults { file: raw.file, text: raw.text, found: raw.faults });
        }
        if !checker.invalid.is_empty() {
            return Err(ConfigError::Invalid(Box::new(checker.invalid)));
        }
        let plain = Config::default();
        let database = args.database.clone().or(raw.database);
        Ok(Config {
            database: database.unwrap_or_else(|| if is_quick_look { DATABASE_WITHOUT_FILE.into() } else { plain.database }),
            grammars: raw.grammars.map(|text| text.value.into()),
            retention: raw.retention.unwrap_or(plain.retention),
            max_clients: raw.max_clients.unwrap_or(plain.max_clients),
            search_memory: raw.search_memory.unwrap_or(plain.search_memory),
            clear_on_success: raw.clear_on_success.unwrap_or(plain.clear_on_success),
            listen: match (&args.listen[..], &raw.listen[..]) {
                ([], []) => plain.listen,
                ([], places) => places.iter().map(|(place, _)| place.clone()).collect(),
                (places, _) => places.to_vec(),
            },
            listeners: raw.listeners,
            hosts: raw.hosts,
            log: raw.log.unwrap_or(plain.log),
            log_format: args.log_format.or(raw.log_format).unwrap_or(plain.log_format),
            journalctl: if raw.journalctl.is_empty() { plain.journalctl } else { raw.journalctl },
            tokens: raw.tokens,
            sources,
            outputs: raw.outputs,
        })
    }
}

struct Checker {
    /// None when the grammars could not be loaded: then nothing can be said about their names.
    known: Option<Vec<String>>,
    invalid: Invalid,
}

impl Checker {
    /// What to say about a grammar that is not known.
    fn unknown(&self, name: &str) -> Option<String> {
        let known = self.known.as_ref().filter(|known| !known.iter().any(|grammar| grammar == name))?;
        Some(near(name, known.iter().map(String::as_str), "the grammars are"))
    }

    fn sources(&mut self, raw: &mut Raw) -> Vec<SourceConfig> {
        let mut sources: Vec<SourceConfig> = Vec::new();
        let mut stdin = false;
        for source in std::mem::take(&mut raw.sources) {
            if let Some(text) = &source.grammar
                && let Some(expected) = self.unknown(&text.value)
            {
                raw.faults.push(fault(text.span.clone(), format!("there is no grammar {:?}", text.value), expected));
            }
            for text in source.paths.iter().filter(|text| text.value == "-") {
                if std::mem::replace(&mut stdin, true) {
                    raw.faults.push(fault(text.span.clone(), "standard input is read already", "only one source can read it"));
                }
            }
            let Some(name) = &source.name else { continue };
            if sources.iter().any(|other| other.name == name.value) {
                let expected = "expected a name of its own: it tells its rows from others";
                raw.faults.push(fault(name.span.clone(), format!("another source is named {:?}", name.value), expected));
                continue;
            }
            sources.push(made(name.value.clone(), source));
        }
        sources
    }

    /// Other machines reach the place, and nobody could be told from anybody.
    fn listen(&mut self, raw: &mut Raw, args: &ConfigArgs) {
        if raw.has_tokens {
            return;
        }
        let is_open = |place: &Listen| match place {
            Listen::Tcp(addr) if !addr.ip().to_canonical().is_loopback() => Some(*addr),
            _ => None,
        };
        if args.listen.is_empty() {
            for (place, span) in &raw.listen {
                if let Some(addr) = is_open(place) {
                    let expected = "make one with `turnaway token new --role auditor`, or listen on 127.0.0.1";
                    let message = format!("other machines can reach {addr}, and there is no [[token]]");
                    raw.faults.push(fault(span.clone(), message, expected));
                }
            }
        }
        for addr in args.listen.iter().filter_map(is_open) {
            self.invalid.arguments.push(ListenError::NeedsToken { addr }.to_string());
        }
    }

    fn logs(&mut self, args: &ConfigArgs) -> Vec<SourceConfig> {
        let mut sources = Vec::new();
        for (log, name) in args.logs.iter().zip(names(&args.logs)) {
            if let Some(grammar) = &log.grammar
                && let Some(expected) = self.unknown(grammar)
            {
                let path = &log.path;
                self.invalid.arguments.push(format!(
                    "--log {grammar}={path}: there is no grammar {grammar:?}: {expected} (if this is a path with a = in it, write ./{grammar}={path})"
                ));
            }
            if let Some(what) = log.path.strip_prefix(JOURNAL) {
                if let Some(expected) = journal_fault(what) {
                    self.invalid.arguments.push(format!("--log {}: this is nothing of the journal: {expected}", log.path));
                }
            } else if let Err(error) = glob::Pattern::new(&log.path) {
                self.invalid.arguments.push(format!(
                    "--log {}: this glob is not complete: {}; a [ that stands for itself is written [[]",
                    log.path, error.msg
                ));
            }
            sources.push(SourceConfig { grammar: log.grammar.clone(), ..SourceConfig::new(name, vec![log.path.clone()]) });
        }
        if args.logs.iter().filter(|log| log.path == "-").count() > 1 {
            self.invalid.arguments.push("--log -: standard input can be read only once".to_owned());
        }
        sources
    }
}

fn made(name: String, source: RawSource) -> SourceConfig {
    SourceConfig {
        broker: Some(source.broker.map_or_else(|| name.clone(), |text| text.value)),
        name,
        paths: source.paths.into_iter().map(|text| text.value).collect(),
        grammar: source.grammar.map(|text| text.value),
        start: source.start,
        zone: source.zone.unwrap_or_else(system_zone),
        tls_ports: source.tls_ports,
        proxies: source.proxies,
        time_format: source.time_format,
        max_line: source.max_line.unwrap_or(DEFAULT_MAX_LINE),
    }
}

fn fault(span: std::ops::Range<usize>, message: impl Into<String>, expected: impl Into<String>) -> Diagnostic {
    Diagnostic { span, message: message.into(), expected: expected.into(), warning: false }
}
