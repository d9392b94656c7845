//! Waits for whatever comes next: a signal, the time to say how it stands, the end of reading.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::notify::{Notifier, Watchdog};
use super::reload::{Ready, Runs};
use super::state;
use crate::api::Server;
use crate::clock::Clock;
use crate::daemon::{Ingest, IngestError, Shared};
use crate::signals::{Asked, Signals};
use crate::store::Store;

/// How often the service manager is told how it stands, if that changed, and the own log what it left out.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// The same without a service manager: the log counts what it left out by the minute, and each look wakes the processor.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long reading may take to come to an end: one commit.
const LAST_COMMIT: Duration = Duration::from_secs(15);

/// A daemon whose logs are open and whose places are listened on.
pub struct Service {
    /// Its configuration, and how to change it.
    pub runs: Runs,
    /// The API.
    pub server: Server,
    /// What the reading thread shows.
    pub shared: Arc<Shared>,
    /// The rows.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What asks for something.
    pub signals: Signals,
    /// Whoever started us.
    pub notifier: Notifier,
}

/// Why a service came to an end that was not asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Reading failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// No thread can be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The reading thread panicked.
    #[error("the reading thread broke; this is a fault of turnaway: please report it with the log above")]
    Broken,
    /// The last commit does not end.
    #[error("the last write to the database has not ended after {} s; what it holds is read again at the next start", LAST_COMMIT.as_secs())]
    Hung,
}

/// Reads on a thread of its own and serves on this one, until a signal comes or reading fails.
///
/// # Errors
/// Why it ended, unless it was asked to.
pub async fn supervise(ingest: Ingest, mut service: Service) -> Result<(), ServiceError> {
    let (flag, bell) = ingest.stopper();
    let (end, mut ended) = oneshot::channel::<()>();
    let reading = std::thread::Builder::new().name("ingest".to_owned()).spawn(move || {
        let result = ingest.run();
        drop(end);
        result
    });
    let reading = reading.map_err(ServiceError::Thread)?;
    service.work(&mut ended).await;
    service.notifier.stopping("ending: requests and the last commit are waited for");
    let Service { server, runs, .. } = service;
    flag.store(true, Ordering::Release);
    bell.ring();
    server.shutdown().await;
    // A thread that waits for the disk cannot be stopped; the process ends without it.
    let hung = !reading.is_finished() && tokio::time::timeout(LAST_COMMIT, ended).await.is_err();
    runs.log.flush();
    if hung {
        return Err(ServiceError::Hung);
    }
    Ok(reading.join().map_err(|_| ServiceError::Broken)??)
}

impl Service {
    /// Comes back when it is to end.
    async fn work(&mut self, ended: &mut oneshot::Receiver<()>) {
        let mut watchdog = Watchdog::of_environment();
        let mut feed = tokio::time::interval(watchdog.as_ref().map_or(LOOK_EVERY, |watchdog| watchdog.every));
        let mut look = tokio::time::interval(if self.notifier.is_on() { STATUS_EVERY } else { LOOK_EVERY });
        for interval in [&mut feed, &mut look] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let mut said = String::new();
        let mut loading: Option<JoinHandle<Result<Ready, String>>> = None;
        let mut again = false;
        self.notifier.ready(&self.status().await);
        loop {
            tokio::select! {
                asked = self.signals.asked() => match asked {
                    Asked::Stop => {
                        tracing::info!("asked to stop");
                        break;
                    }
                    Asked::Reload if loading.is_some() => again = true,
                    Asked::Reload => loading = Some(self.reload()),
                    Asked::Tell => self.tell().await,
                },
                loaded = outcome(&mut loading), if loading.is_some() => {
                    loading = None;
                    self.reloaded(loaded).await;
                    if std::mem::take(&mut again) {
                        loading = Some(self.reload());
                    }
                }
                _ = feed.tick(), if watchdog.is_some() => {
                    if watchdog.as_mut().is_some_and(|watchdog| watchdog.alive(self.shared.turns())) {
                        self.notifier.watchdog();
                    }
                }
                _ = look.tick() => {
                    self.runs.log.flush();
                    if self.notifier.is_on() {
                        let status = self.status().await;
                        if status != said {
                            self.notifier.status(&status);
                            said = status;
                        }
                    }
                }
                _ = &mut *ended => break,
            }
        }
        if let Some(loading) = loading {
            loading.abort();
        }
    }

    /// Begins to read the configuration again.
    fn reload(&self) -> JoinHandle<Result<Ready, String>> {
        tracing::info!("asked to read the configuration again");
        self.notifier.reloading();
        tokio::spawn(self.runs.prepare(self.server.places()))
    }

    /// What came of it.
    async fn reloaded(&mut self, loaded: Result<Ready, String>) {
        match loaded {
            Ok(ready) => {
                self.runs.adopt(ready, &mut self.server).await;
                self.shared.set_reload_failure(None);
            }
            Err(why) => {
                tracing::error!(why, "the new configuration cannot be used; the old one stays in use");
                self.shared.set_reload_failure(Some(why));
            }
        }
        self.server.api().metrics.reloaded(self.shared.reload_failure().is_none());
        self.notifier.ready(&self.status().await);
    }

    async fn status(&self) -> String {
        state::status(&self.shared, self.rows().await, self.clock.now())
    }

    async fn tell(&self) {
        let places: Vec<String> = self.server.all_places();
        state::tell(&self.shared, self.rows().await, &places, self.shared.turns());
    }

    async fn rows(&self) -> Option<u64> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.count().ok()).await.ok().flatten()
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("runs", &self.runs).finish_non_exhaustive()
    }
}

/// What came of loading; never, where nothing is loaded.
async fn outcome(loading: &mut Option<JoinHandle<Result<Ready, String>>>) -> Result<Ready, String> {
    match loading {
        Some(loading) => loading.await.unwrap_or_else(|error| Err(format!("reading it failed, which is a fault of turnaway: {error}"))),
        None => std::future::pending().await,
    }
}
