//! A new configuration in the place of the old one, all of it or nothing.

use std::path::PathBuf;
use std::sync::Arc;

use super::sockets::Sockets;
use crate::api::{Listen, Listener, Server, Tokens, bind};
use crate::config::{Config, ConfigArgs, Disk, Loaded, SourceConfig, Start, load};
use crate::conversation::Settings;
use crate::daemon::{self, Change, Changed, Changer, Finder};
use crate::engine::Options;
use crate::grammar::Library;
use crate::own_log::OwnLog;
use crate::source::{self, SourceSpec};
use crate::twin::{Shelf, brokers};

/// Makes what finds the logs of installed products.
pub(super) type Find = Arc<dyn Fn(&Arc<Library>) -> Finder + Send + Sync>;

/// What runs, and how it was asked for.
pub struct Runs {
    /// The command line: it goes on standing above the file.
    pub args: ConfigArgs,
    /// The configuration in use.
    pub config: Config,
    /// Our own log.
    pub log: OwnLog,
    /// Makes what finds the logs of installed products, where no source is configured.
    pub find: Find,
    /// The reading thread.
    pub changer: Changer,
    /// What a socket unit made.
    pub sockets: Sockets,
}

/// A new configuration of which everything that can fail is done: the sources are changed, the new places are listened on.
pub(super) struct Ready {
    config: Config,
    /// With the rules of the places, and their certificates, read anew.
    tokens: Tokens,
    listeners: Vec<Listener>,
    changed: Changed,
}

impl Runs {
    /// Reads the configuration again and prepares what it asks for. Why it cannot be used is said in one line.
    pub(super) fn prepare(&self, listening: Vec<Listen>) -> impl Future<Output = Result<Ready, String>> + Send + 'static {
        let (args, changer, sockets, find) = (self.args.clone(), self.changer.clone(), self.sockets, Arc::clone(&self.find));
        async move {
            let loaded = tokio::task::spawn_blocking(move || load(&args, &Disk)).await;
            let Loaded { config, library, .. } =
                loaded.map_err(|error| error.to_string())?.map_err(|error| one_line(&error.to_string()))?;
            let wanted = sockets.wanted(&config.listen);
            let new: Vec<Listen> = wanted.iter().filter(|place| !listening.contains(place)).cloned().collect();
            let tokens = config.access().map_err(|error| one_line(&error.to_string()))?;
            crate::api::allowed(&wanted, &tokens).map_err(|error| error.to_string())?;
            let listeners = bind(&new, &tokens).await.map_err(|error| clash(&new, &listening).unwrap_or_else(|| error.to_string()))?;
            let library = Arc::new(library);
            let (done, answer) = tokio::sync::oneshot::channel();
            changer.ask(Change {
                sources: daemon_sources(&config, &library),
                clear_on_success: config.clear_on_success,
                finder: config.looks_for_logs().then(|| find(&library)),
                library,
                // Nobody waits any more when the daemon ends.
                done: Box::new(move |result| drop(done.send(result))),
            });
            let changed = answer.await.map_err(|_| "reading has ended".to_owned())?.map_err(|error| error.to_string())?;
            Ok(Ready { config, tokens, listeners, changed })
        }
    }

    /// Puts what was prepared to use. Nothing of this can fail.
    pub(super) async fn adopt(&mut self, ready: Ready, server: &mut Server) {
        let Ready { config, tokens, listeners, changed } = ready;
        let mut api = (*server.api()).clone();
        // Who logged in stays logged in, as long as the token is still there.
        api.tokens = tokens.with_sessions_of(&api.tokens);
        api.hosts.clone_from(&config.hosts);
        server.replace(api);
        let wanted = self.sockets.wanted(&config.listen);
        let gone: Vec<Listen> = server.places().into_iter().filter(|place| !wanted.contains(place)).collect();
        server.leave(&gone).await;
        server.listen(listeners);
        self.log.set(config.log, config.log_format);
        for what in fixed(&self.config, &config) {
            tracing::warn!(what, "this changes with a restart only; everything else of the new configuration is in use");
        }
        let names = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        tracing::info!(
            added = names(&changed.added),
            removed = names(&changed.removed),
            changed = names(&changed.changed),
            "the configuration was read again and is in use"
        );
        let Config { database, retention, max_clients, search_memory, outputs, .. } = self.config.clone();
        // What is fixed stays what it is, so that the next reload says it again.
        self.config = Config { database, retention, max_clients, search_memory, outputs, ..config };
    }
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What of the new configuration cannot be put to use while the daemon runs.
fn fixed(old: &Config, new: &Config) -> Vec<&'static str> {
    let mut fixed = Vec::new();
    for (differs, what) in [
        (old.database != new.database, "database"),
        (old.retention != new.retention, "retention"),
        (old.max_clients != new.max_clients, "max_clients"),
        (old.search_memory != new.search_memory, "search_memory"),
        (old.outputs != new.outputs, "events and hooks"),
    ] {
        if differs {
            fixed.push(what);
        }
    }
    fixed
}

/// A new place that cannot be opened beside one of the old ones.
fn clash(new: &[Listen], old: &[Listen]) -> Option<String> {
    let port = |place: &Listen| match place {
        Listen::Tcp(addr) if addr.port() != 0 => Some(addr.port()),
        _ => None,
    };
    let (new, old) = new.iter().find_map(|new| Some((port(new)?, old.iter().filter_map(port).find(|old| Some(*old) == port(new))?)))?;
    (new == old).then(|| format!("port {new} is listened on already at another address; changing the address of a port needs a restart"))
}

/// The sources as the daemon runs them. That each grammar exists has been checked.
pub fn daemon_sources(config: &Config, library: &Library) -> Vec<daemon::SourceConfig> {
    let grammars: Vec<_> = config.sources.iter().map(|source| source.grammar.as_deref().and_then(|name| library.get(name))).collect();
    let first = |source: &SourceConfig| source.paths.first().map(PathBuf::from).unwrap_or_default();
    let files: Vec<PathBuf> = config.sources.iter().map(first).collect();
    let shelves = files.iter().zip(&grammars).map(|(path, grammar)| Shelf { grammar: grammar.map(|grammar| &**grammar), path });
    let numbers = brokers(&shelves.collect::<Vec<_>>());
    let sources = config.sources.iter().zip(numbers).map(|(source, number)| {
        let mut made = daemon_source(source, &config.journalctl, library);
        // The other log of a broker that is read already.
        if source.broker.is_none() {
            made.options.settings.broker = config.sources[number].name.as_str().into();
        }
        made
    });
    sources.collect()
}

/// A source as the daemon runs it; `journalctl` reads the journal for it.
pub fn daemon_source(source: &SourceConfig, journalctl: &[String], library: &Library) -> daemon::SourceConfig {
    let mut spec = SourceSpec::new(&source.name, source.paths.clone());
    spec.start = match source.start {
        Start::Beginning => source::Start::Beginning,
        Start::End => source::Start::End,
    };
    spec.max_line = source.max_line;
    spec.journalctl = journalctl.to_vec();
    daemon::SourceConfig {
        spec,
        grammar: source.grammar.as_deref().and_then(|name| library.get(name)).cloned(),
        options: Options {
            settings: Settings {
                broker: source.broker.as_deref().unwrap_or(&source.name).into(),
                tls_ports: source.tls_ports.clone(),
                ..Settings::default()
            },
            zone: source.zone.clone(),
            time_format: source.time_format.clone(),
            proxies: source.proxies.clone(),
        },
    }
}

/// A message of several lines, as one: the log and the status have no room for more.
fn one_line(text: &str) -> String {
    let drawn = |line: &&str| !line.is_empty() && line.chars().any(char::is_alphanumeric);
    let lines = text.lines().map(|line| line.trim().trim_matches(|c| matches!(c, '|' | ' '))).filter(drawn);
    lines.collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_several_lines_becomes_one() {
        let text = "error: there is no grammar \"mosqito\"\n --> x.toml:3:11\n  |\n3 | grammar = \"mosqito\"\n  |           ^^^^^^^^^ did you mean mosquitto\n";
        assert_eq!(
            one_line(text),
            "error: there is no grammar \"mosqito\" / --> x.toml:3:11 / 3 | grammar = \"mosqito\" / ^^^^^^^^^ did you mean mosquitto"
        );
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let old = Config::default();
        let new = Config { database: "/other.db".into(), max_clients: 5, hosts: vec!["x".to_owned()], ..Config::default() };
        assert_eq!(fixed(&old, &new), ["database", "max_clients"]);
        assert_eq!(fixed(&old, &old), Vec::<&str>::new());
        let tcp = |text: &str| Listen::Tcp(text.parse().unwrap());
        assert!(clash(&[tcp("0.0.0.0:80")], &[tcp("127.0.0.1:80")]).is_some_and(|why| why.contains("port 80")));
        assert_eq!(clash(&[tcp("127.0.0.1:81")], &[tcp("127.0.0.1:80")]), None);
    }
}
