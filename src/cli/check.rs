//! `turnaway check`.

use std::path::Path;

use super::found::ROOT;
use super::probe::{self, Found, Writable};
use super::{CliError, Console};
use crate::api::{Listen, Role};
use crate::config::{Config, ConfigArgs, DEFAULT_GRAMMARS, Files, ListenerConfig, Loaded, SourceConfig, Start, load};
use crate::conversation::Settings;
use crate::discover::{Discover, Found as Product, Missing};
use crate::engine::{Options, recognise};
use crate::grammar::{Grammar, Library, Origin};
use crate::source::JOURNAL;
use crate::text::display;

/// Paths of one source that are shown.
const SHOWN_PATHS: usize = 20;

/// Say what `turnaway run` would do with the same options, and what is wrong
///
/// Nothing is changed, and no port is opened. Ends with 0 when all is well or only warned of, and with 2 when something has to be mended.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  turnaway check\n  turnaway check --config ./turnaway.toml\n  \
    sudo -u turnaway turnaway check      (sees what the service sees)\n  turnaway check --log /var/log/mosquitto/mosquitto.log")]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was found so far.
struct Report<'r, 'c> {
    console: &'r mut Console<'c>,
    problems: usize,
}

/// Runs the command.
///
/// # Errors
/// Something has to be mended, or the output fails.
pub fn run(args: &CheckArgs, console: &mut Console<'_>, files: &dyn Files) -> Result<(), CliError> {
    look(args, console, files, Path::new(ROOT))
}

/// The same on the machine whose files stand under this path.
fn look(args: &CheckArgs, console: &mut Console<'_>, files: &dyn Files, root: &Path) -> Result<(), CliError> {
    let Loaded { config, library, file } = load(&args.config, files)?;
    let mut report = Report { console, problems: 0 };
    let none = if config.looks_for_logs() { "none: everything is as shipped" } else { "none: the command line says it all" };
    let name = file.as_ref().map_or_else(|| none.to_owned(), |file| file.display().to_string());
    report.say("configuration", &name)?;
    report.database(&config)?;
    report.grammars(&config, &library)?;
    report.listen(&config)?;
    report.tokens(&config)?;
    if config.looks_for_logs() {
        report.found(&Discover::new(&library, root), &args.config, &library)?;
    }
    for source in &config.sources {
        report.source(source, &library)?;
    }
    match report.problems {
        0 => Ok(()),
        problems => Err(CliError::Problems(problems)),
    }
}

impl Report<'_, '_> {
    fn say(&mut self, what: &str, text: &str) -> Result<(), CliError> {
        self.console.say(&format!("{what:<15}{}", display(text)))
    }

    fn problem(&mut self, text: &str) -> Result<(), CliError> {
        self.problems += 1;
        self.mark("problem", "\x1b[31m", text)
    }

    fn warn(&mut self, text: &str) -> Result<(), CliError> {
        self.mark("warning", "\x1b[33m", text)
    }

    fn mark(&mut self, word: &str, colour: &str, text: &str) -> Result<(), CliError> {
        let (colour, plain) = if self.console.look.colour { (colour, "\x1b[0m") } else { ("", "") };
        self.console.say(&format!("  {colour}{word}{plain}: {}", display(text)))
    }

    fn database(&mut self, config: &Config) -> Result<(), CliError> {
        let path = config.database.display();
        let state = probe::writable(&config.database);
        let note = match state {
            Writable::There => "is there",
            Writable::New => "will be made",
            Writable::NoDirectory(_) | Writable::Forbidden(_) => "cannot be used",
        };
        self.say("database", &format!("{path} ({note})"))?;
        match state {
            Writable::There | Writable::New => {}
            Writable::NoDirectory(directory) => {
                self.problem(&format!("there is no directory {}: make it, or choose another file with --db", directory.display()))?;
            }
            Writable::Forbidden(place) => self.problem(&format!(
                "this user may not write {}: run as the service's user, or choose another file with --db",
                place.display()
            ))?,
        }
        let kept = config.retention.map_or_else(|| "for ever".to_owned(), |millis| format!("for {}", duration(millis)));
        let clear = if config.clear_on_success { "goes when its client connects" } else { "stays when its client connects" };
        self.say("rows", &format!("at most {}, kept {kept}; a row {clear}", config.max_clients))
    }

    fn grammars(&mut self, config: &Config, library: &Library) -> Result<(), CliError> {
        let of_files = |origin: &Origin| matches!(origin, Origin::File(_));
        let own: Vec<&str> = library.names().filter(|(_, origin)| of_files(origin)).map(|(name, _)| name).collect();
        let built_in = library.names().count() - own.len();
        let more = match (&config.grammars, own.is_empty()) {
            (Some(directory), false) => format!("{} in {}: {}", own.len(), directory.display(), own.join(", ")),
            (Some(directory), true) => format!("none in {}", directory.display()),
            (None, _) => format!("no directory {DEFAULT_GRAMMARS}"),
        };
        self.say("grammars", &format!("{built_in} built in; {more}"))
    }

    fn listen(&mut self, config: &Config) -> Result<(), CliError> {
        for place in &config.listen {
            let listener = config.listeners.iter().find(|listener| listener.place == *place);
            if let Some(listener) = listener {
                self.listener(listener)?;
                continue;
            }
            match place {
                Listen::Tcp(addr) if config.tokens.is_empty() => {
                    self.say("listen", &format!("http://{addr}/ (reading needs no token, deleting is not allowed)"))?;
                }
                Listen::Tcp(addr) => self.say("listen", &format!("http://{addr}/ (with a token)"))?,
                Listen::Unix(path) => {
                    self.say("listen", &format!("unix:{} (its owner and group may read and delete)", path.display()))?;
                    if let Writable::NoDirectory(directory) = probe::writable(path) {
                        let directory = directory.display();
                        self.warn(&format!("there is no directory {directory}: make it (the systemd unit does so for /run/turnaway)"))?;
                    }
                }
            }
        }
        if config.hosts.is_empty() { Ok(()) } else { self.say("hosts", &config.hosts.join(", ")) }
    }

    /// A place with rules of its own.
    fn listener(&mut self, listener: &ListenerConfig) -> Result<(), CliError> {
        let may = match listener.role {
            Role::Auditor => "for reading only",
            Role::Operator => "reading and deleting, as the caller's role allows",
        };
        match &listener.place {
            Listen::Tcp(addr) => {
                let scheme = if listener.tls.is_some() { "https" } else { "http" };
                self.say("listen", &format!("{scheme}://{addr}/ ({may})"))?;
                if listener.tls.is_none() && !addr.ip().to_canonical().is_loopback() {
                    self.warn(&format!(
                        "tokens go to {addr} as plain text: name a tls_certificate, or listen on loopback behind a terminator"
                    ))?;
                }
            }
            Listen::Unix(path) => {
                let group = listener.group.as_ref().map_or_else(String::new, |group| format!(", group {group}"));
                self.say("listen", &format!("unix:{} (mode {:04o}{group}; {may})", path.display(), listener.mode))?;
            }
        }
        match listener.rule() {
            Ok(_) => Ok(()),
            Err(error) => self.problem(&error.to_string()),
        }
    }

    fn tokens(&mut self, config: &Config) -> Result<(), CliError> {
        let role = |role| match role {
            Role::Auditor => "auditor",
            Role::Operator => "operator",
        };
        let tokens: Vec<String> = config.tokens.iter().map(|token| format!("{} ({})", token.name, role(token.role))).collect();
        self.say("tokens", &if tokens.is_empty() { "none".to_owned() } else { tokens.join(", ") })
    }

    /// What is watched when no source is named.
    fn found(&mut self, discover: &Discover, args: &ConfigArgs, library: &Library) -> Result<(), CliError> {
        let found = discover.look();
        let watched = found.iter().filter(|found| !found.paths.is_empty()).count();
        self.say(
            "sources",
            &format!("none is named: {watched} found where installed products keep their logs; a log that appears later is watched, too"),
        )?;
        for product in &found {
            if !product.paths.is_empty() {
                self.source(&SourceConfig::found(&product.name, product.paths.clone(), args), library)?;
            }
            // What cannot be read was said of the path.
            let missing = product.missing.iter().filter(|missing| !matches!(missing, Missing::Unreadable(_))).cloned().collect();
            for advice in (Product { missing, ..product.clone() }).advice(discover) {
                self.warn(&advice)?;
            }
        }
        if found.is_empty() {
            let products: Vec<&str> = discover.products().map(|(name, _)| name).collect();
            self.warn(&format!("none of these is installed: {}; name a log in a [[source]]", products.join(", ")))?;
        }
        Ok(())
    }

    /// The settings of the product that would reveal more.
    fn more(&mut self, grammar: &Grammar) -> Result<(), CliError> {
        for tells in &grammar.tells {
            if let Some(more) = &tells.more {
                self.say("  for more", &format!("{}: {more}", tells.at))?;
            }
        }
        Ok(())
    }

    fn source(&mut self, source: &SourceConfig, library: &Library) -> Result<(), CliError> {
        self.say("source", &source.name)?;
        if let Some(broker) = source.broker.as_ref().filter(|broker| **broker != source.name) {
            self.say("  broker", &format!("{broker}: sources with one broker are its logs, and an attempt counts once"))?;
        }
        let start = match source.start {
            Start::Beginning => "at the beginning",
            Start::End => "at the end",
        };
        let offset = || source.zone.to_fixed_offset().map_or_else(|_| "the system's".to_owned(), |offset| offset.to_string());
        let zone = source.zone.iana_name().map_or_else(offset, str::to_owned);
        let ports: Vec<String> = source.tls_ports.iter().map(u16::to_string).collect();
        let tls = if ports.is_empty() { String::new() } else { format!(", TLS on {}", ports.join(", ")) };
        self.say("  reading", &format!("a log that was never read starts {start}; stamps without zone are {zone}{tls}"))?;
        if let Some(grammar) = &source.grammar {
            self.say("  grammar", grammar)?;
        }
        if let Some(grammar) = source.grammar.as_ref().and_then(|name| library.get(name)) {
            self.more(grammar)?;
        }
        for pattern in &source.paths {
            let paths = crate::source::logs_of(pattern);
            for path in paths.iter().take(SHOWN_PATHS) {
                self.path(source, pattern, path, library)?;
            }
            if paths.len() > SHOWN_PATHS {
                self.say("  path", &format!("… and {} more that fit {pattern}", paths.len() - SHOWN_PATHS))?;
            }
        }
        Ok(())
    }

    fn path(&mut self, source: &SourceConfig, pattern: &str, path: &Path, library: &Library) -> Result<(), CliError> {
        let name = path.display();
        if let Some(what) = pattern.strip_prefix(JOURNAL) {
            return self.say("  path", &format!("the journal: what {what} writes to it, read through journalctl"));
        }
        match probe::look(path) {
            Found::Stdin => self.say("  path", "standard input"),
            Found::Fifo => self.say("  path", &format!("{name} (a FIFO)")),
            Found::Log(size, head) => {
                self.say("  path", &format!("{name} ({size} bytes)"))?;
                self.product(source, &head, library)
            }
            Found::Missing => {
                let pattern =
                    if path == Path::new(pattern) && pattern.contains(['*', '?', '[']) { "nothing fits it yet" } else { "not there yet" };
                self.say("  path", &format!("{name} ({pattern})"))?;
                self.warn("it is waited for: check the spelling if the broker has run already")
            }
            Found::Directory => {
                self.say("  path", &format!("{name} (a directory)"))?;
                self.problem(&format!("a directory is no log: name its files, for example {}", path.join("*.log").display()))
            }
            Found::Unreadable(error) => {
                self.say("  path", &format!("{name} (cannot be read)"))?;
                self.problem(&format!("{error}: let this user read it, for example as a member of the file's group"))
            }
        }
    }

    /// Which product writes the log, and whether that is what the configuration says.
    fn product(&mut self, source: &SourceConfig, head: &[u8], library: &Library) -> Result<(), CliError> {
        let settings = Settings { broker: source.name.as_str().into(), tls_ports: source.tls_ports.clone(), ..Settings::default() };
        let options =
            Options { settings, zone: source.zone.clone(), time_format: source.time_format.clone(), proxies: source.proxies.clone() };
        let found = if head.is_empty() { None } else { recognise(library, &options, head) };
        match (found, &source.grammar) {
            (Some(found), None) => {
                let (known, of) = (found.known, found.of);
                self.say("  grammar", &format!("{} (recognised: it knows {known} of the first {of} lines)", found.grammar.name))?;
                self.more(&found.grammar)
            }
            (Some(found), Some(given)) if found.telling > 0 && found.grammar.name != *given => {
                self.warn(&format!("this looks like a log of {}, not of {given}", found.grammar.name))
            }
            (None, None) if head.is_empty() => self.warn("it is empty: the product will be recognised when lines come"),
            (None, None) => {
                self.warn("no grammar knows its first lines: name one with grammar = \"…\" (`turnaway grammar list` shows them)")
            }
            (_, Some(_)) => Ok(()),
        }
    }
}

/// In the largest unit that leaves nothing over.
fn duration(millis: i64) -> String {
    let seconds = millis / 1000;
    let (unit, name) =
        [(86_400, "day"), (3_600, "hour"), (60, "minute")].into_iter().find(|(unit, _)| seconds % unit == 0).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
