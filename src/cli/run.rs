//! `turnaway run`: the daemon.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing_subscriber::filter::LevelFilter;

use super::common::Failure;
use super::found;
use crate::api::{Api, Limits, Listener, Tokens, bind, serve};
use crate::clock::Clock;
use crate::config::{Config, ConfigArgs, ConfigError, Disk, Level, Loaded, SourceConfig, Start, load};
use crate::conversation::Settings;
use crate::daemon::{self, Ingest, IngestError, Shared};
use crate::engine::Options;
use crate::events::Outputs;
use crate::grammar::Library;
use crate::metrics::Metrics;
use crate::signals::Stop;
use crate::source::{self, SourceSpec};
use crate::store::{self, SqliteStore};

/// What `run` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  turnaway run --log /var/log/mosquitto/mosquitto.log
  turnaway run --log mosquitto='/var/log/mosquitto/*.log' --tls-port 8883 --db /tmp/turnaway.db --listen 127.0.0.1:8099
  turnaway run --config /etc/turnaway/turnaway.toml

SIGTERM or Ctrl-C ends it; a second one ends it at once. Killing it at any moment loses and doubles nothing.")]
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
    start_log(config.log);
    let settings = store::Settings { retention: config.retention, max_clients: config.max_clients };
    let store: Arc<dyn store::Store> =
        Arc::new(SqliteStore::open(&config.database, settings).map_err(|error| Failure::work(error.to_string()))?);
    let library = Arc::new(library);
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::new(Shared::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build();
    let runtime = runtime.map_err(|error| Failure::work(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let stop = Stop::listen().map_err(|error| Failure::work(format!("cannot listen for signals: {error}")))?;
        let tokens = config.access().map_err(|error| Failure::work(error.to_string()))?;
        let listeners = bind(&config.listen, &tokens).await.map_err(|error| Failure::work(error.to_string()))?;
        let sources = sources(&config, &library);
        let ingest = Ingest::open(
            sources,
            config.clear_on_success,
            Arc::clone(&library),
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            Arc::clone(&shared),
        );
        let mut ingest = ingest.map_err(|error| Failure::work(error.to_string()))?;
        if config.looks_for_logs() {
            ingest.find_more(found::finder(&args.config, Arc::clone(&library)));
        }
        let outputs = Outputs::start(&config.outputs, &store, &clock, &metrics).map_err(|error| Failure::work(error.to_string()))?;
        if let Some(notice) = outputs.notice() {
            ingest.tell_events(notice);
        }
        // The files are opened before anybody hears that we run: a rotation from here on is followed.
        ingest.begin().map_err(|error| Failure::work(error.to_string()))?;
        announce(&config, &listeners, &tokens);
        let api = Api {
            store,
            clock,
            tokens,
            hosts: config.hosts.clone(),
            sources: {
                let shared = Arc::clone(&shared);
                Arc::new(move || shared.sources())
            },
            ready: Arc::new(move || shared.ready()),
            metrics,
            limits: Limits::default(),
        };
        let result = work(ingest, listeners, api, stop).await;
        outputs.stop();
        result
    })
}

/// Reads on a thread of its own and serves on this one, until a signal comes or reading fails.
async fn work(ingest: Ingest, listeners: Vec<Listener>, api: Api, stop: Stop) -> Result<(), Failure> {
    let (flag, bell) = ingest.stopper();
    let (failed, failure) = tokio::sync::oneshot::channel::<()>();
    let reading = std::thread::Builder::new().name("ingest".to_owned()).spawn(move || {
        let result = ingest.run();
        drop(failed);
        result
    });
    let reading = reading.map_err(|error| Failure::work(format!("cannot start a thread: {error}")))?;
    serve(listeners, api, async {
        tokio::select! {
            () = stop.asked() => tracing::info!("asked to stop"),
            _ = failure => {}
        }
    })
    .await;
    flag.store(true, Ordering::Release);
    bell.ring();
    match reading.join() {
        Ok(result) => result.map_err(|error: IngestError| Failure::work(error.to_string())),
        Err(_) => Err(Failure::work("the reading thread broke; this is a fault of turnaway: please report it with the log above")),
    }
}

/// The sources as the daemon runs them. That each grammar exists has been checked.
fn sources(config: &Config, library: &Library) -> Vec<daemon::SourceConfig> {
    config.sources.iter().map(|source| one(source, library)).collect()
}

pub(super) fn one(source: &SourceConfig, library: &Library) -> daemon::SourceConfig {
    let mut spec = SourceSpec::new(&source.name, source.paths.clone());
    spec.start = match source.start {
        Start::Beginning => source::Start::Beginning,
        Start::End => source::Start::End,
    };
    spec.max_line = source.max_line;
    daemon::SourceConfig {
        spec,
        grammar: source.grammar.as_deref().and_then(|name| library.get(name)).cloned(),
        options: Options {
            settings: Settings { broker: source.name.clone(), tls_ports: source.tls_ports.clone(), ..Settings::default() },
            zone: source.zone.clone(),
            time_format: source.time_format.clone(),
            proxies: source.proxies.clone(),
        },
    }
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

fn start_log(level: Level) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}
