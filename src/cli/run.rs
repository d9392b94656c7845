//! `turnaway run`: the daemon.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use super::common::Failure;
use super::found;
use crate::api::{Api, Limits, Listener, Server, Tokens};
use crate::clock::Clock;
use crate::config::{Config, ConfigArgs, ConfigError, Disk, Loaded, load};
use crate::daemon::{Ingest, Shared};
use crate::events::Outputs;
use crate::grammar::Library;
use crate::metrics::Metrics;
use crate::own_log::OwnLog;
use crate::service::{Notifier, Runs, Service, Sockets, Watchdog, daemon_sources, inherited, supervise};
use crate::signals::Signals;
use crate::store::{self, SqliteStore};

/// How long threads that wait for the disk are waited for at the end.
const LAST_WORK: std::time::Duration = std::time::Duration::from_secs(1);

/// Events that are taken from the system at once.
const EVENTS: usize = 128;

/// What `run` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  turnaway run --log /var/log/mosquitto/mosquitto.log
  turnaway run --log mosquitto='/var/log/mosquitto/*.log' --tls-port 8883 --db /tmp/turnaway.db --listen 127.0.0.1:8099
  turnaway run --config /etc/turnaway/turnaway.toml

SIGTERM or Ctrl-C ends it; a second one ends it at once. Killing it at any moment loses and doubles nothing. SIGHUP reads the
configuration again: all of it is put to use, or, if anything in it is wrong, nothing. SIGUSR1 writes the state to the log.

Under systemd it says when it is ready and how it stands, feeds the watchdog while it makes progress, and takes over the sockets
of a socket unit.")]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs until a signal comes.
///
/// # Errors
/// A wrong configuration, a database or address that cannot be used, a store that breaks.
pub fn run(args: &RunArgs, clock: impl Clock + 'static) -> Result<(), Failure> {
    let wrong = |error: ConfigError| Failure::usage(error.render(std::io::stderr().is_terminal()));
    let Loaded { config, library, .. } = load(&args.config, &Disk).map_err(wrong)?;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let log = OwnLog::start(config.log, config.log_format, Arc::clone(&clock));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).max_io_events_per_tick(EVENTS).build();
    let runtime = runtime.map_err(|error| Failure::work(format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(args, config, library, log, clock));
    runtime.shutdown_timeout(LAST_WORK);
    result
}

async fn serve(args: &RunArgs, config: Config, library: Library, log: OwnLog, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let work = |error: &dyn std::fmt::Display| Failure::work(error.to_string());
    let signals = Signals::listen().map_err(|error| Failure::work(format!("cannot listen for signals: {error}")))?;
    let settings = store::Settings { retention: config.retention, max_clients: config.max_clients, search_memory: config.search_memory };
    let store: Arc<dyn store::Store> = Arc::new(SqliteStore::open(&config.database, settings).map_err(|error| work(&error))?);
    let (metrics, shared, library) = (Arc::new(Metrics::default()), Arc::new(Shared::new()), Arc::new(library));
    let tokens = config.access().map_err(|error| work(&error))?;
    let handed = inherited().map_err(Failure::work)?;
    let (sockets, listeners) = Sockets::open(handed, &config.listen, &tokens).await.map_err(|error| work(&error))?;
    let ingest = Ingest::open(
        daemon_sources(&config, &library),
        config.clear_on_success,
        Arc::clone(&library),
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&metrics),
        Arc::clone(&shared),
    );
    let mut ingest = ingest.map_err(|error| work(&error))?;
    let arguments = args.config.clone();
    let find = Arc::new(move |library: &Arc<Library>| found::finder(&arguments, Arc::clone(library)));
    if config.looks_for_logs() {
        ingest.find_more(find(&library));
    }
    let outputs = Outputs::start(&config.outputs, &store, &clock, &metrics).map_err(|error| work(&error))?;
    if let Some(notice) = outputs.notice() {
        ingest.tell_events(notice);
    }
    if let Some(watchdog) = Watchdog::of_environment() {
        ingest.stay_awake(watchdog.every / 2);
    }
    // The files are opened before anybody hears that we run: a rotation from here on is followed.
    ingest.begin().map_err(|error| work(&error))?;
    announce(&config, &listeners, &tokens);
    let (sources, ready) = (Arc::clone(&shared), Arc::clone(&shared));
    let api = Api {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        tokens,
        hosts: config.hosts.clone(),
        sources: Arc::new(move || sources.sources()),
        ready: Arc::new(move || ready.ready()),
        metrics,
        limits: Limits::default(),
    };
    let runs = Runs { args: args.config.clone(), config, log, find, changer: ingest.changer(), sockets };
    let server = Server::start(listeners, api);
    let service = Service { runs, server, shared, store, clock, signals, notifier: Notifier::of_environment() };
    let result = supervise(ingest, service).await.map_err(|error| work(&error));
    outputs.stop();
    result
}

/// Where the page is, on standard output; everything else goes to the log.
fn announce(config: &Config, listeners: &[Listener], tokens: &Tokens) {
    for source in &config.sources {
        tracing::info!(
            source = source.name,
            paths = source.paths.join(", "),
            grammar = source.grammar.as_deref().unwrap_or("to be recognised"),
            "watching"
        );
    }
    tracing::info!(path = %config.database.display(), "rows are kept in this database");
    let mut out = std::io::stdout().lock();
    for listener in listeners {
        let what = if listener.is_tcp() { "page and API" } else { "API" };
        let _ = writeln!(out, "turnaway: {what} on {}", listener.url(tokens));
    }
    let _ = out.flush();
}
