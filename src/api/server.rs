//! Accepting connections, within limits, until told to stop.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use super::auth::Peer;
use super::error::ApiError;
use super::listen::Socket;
use super::stall::Stall;
use super::{Limits, Listen, Listener, Tokens, routes};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::Millis;
use crate::store::{Store, StoreError};

/// What the routes need.
#[derive(Clone)]
pub struct Api {
    /// The rows.
    pub store: Arc<dyn Store>,
    /// Stamps deletions and errors.
    pub clock: Arc<dyn Clock>,
    /// Who may come in, and what holds where.
    pub tokens: Tokens,
    /// Names of this machine, without port, that a `Host` header may have besides loopback and the address itself.
    pub hosts: Vec<String>,
    /// The state of each source, as `/api/sources` shows it.
    pub sources: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// Whether the first pass over all logs is done; if not, what is missing.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// What the daemon counts.
    pub metrics: Arc<Metrics>,
    /// What a caller may take.
    pub limits: Limits,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("hosts", &self.hosts).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The thread that reads goes round at least every other second; after this it hangs.
const HANGS: Millis = 60_000;

impl Api {
    /// For how many seconds the thread that reads has not gone round, if that is too long.
    pub(super) fn silence(&self) -> Option<Millis> {
        let silence = self.clock.now() - self.metrics.last_pass()?;
        (silence > HANGS).then_some(silence / 1000)
    }

    /// Asks the store on a thread where waiting for the disk holds nobody up.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store, Millis) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        match tokio::task::spawn_blocking(move || work(&*store, now)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(ApiError::internal(&error)),
        }
    }
}

/// A place that is listened on, with what its callers share.
pub(super) struct Place {
    /// The newest API.
    pub(super) api: watch::Receiver<Arc<Api>>,
    /// Connections. One count for each listener, so that a flood by TCP does not shut the Unix socket.
    slots: Arc<Semaphore>,
    /// Event streams and exports.
    pub(super) streams: Arc<Semaphore>,
    /// As the configuration writes it; none: the socket was handed to us.
    pub(super) configured: Option<Listen>,
    /// Ready when nobody listens here any more.
    pub(super) stopped: watch::Receiver<()>,
    /// When the server began: places in the list of changes are good for this run only.
    began: Millis,
}

impl Place {
    /// A place in the list of changes, as an event's ID.
    pub(super) fn event_id(&self, place: u64) -> String {
        format!("{:x}-{place}", self.began)
    }

    /// The place that an event's ID stands for, if it is one of this run.
    pub(super) fn event_place(&self, id: &str) -> Option<u64> {
        let (began, place) = id.split_once('-')?;
        let place = place.parse().ok()?;
        (began == format!("{:x}", self.began)).then_some(place)
    }
}

/// A server at work: what it knows and where it listens can be changed while it runs. Dropping it closes everything at once.
pub struct Server {
    /// Each request takes what is the newest at that moment: a token that was taken away is worth nothing on a connection that
    /// is open already.
    api: watch::Sender<Arc<Api>>,
    running: Vec<Running>,
    graceful: Arc<GracefulShutdown>,
    began: Millis,
}

/// The task that listens on a place.
struct Running {
    /// As the configuration writes it; none: the socket was handed to us.
    configured: Option<Listen>,
    place: String,
    stop: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves on these places. Runs on a current-thread runtime too.
    pub fn start(listeners: Vec<Listener>, api: Api) -> Server {
        let mut server = Server {
            began: api.clock.now(),
            api: watch::Sender::new(Arc::new(api)),
            running: Vec::with_capacity(listeners.len()),
            graceful: Arc::new(GracefulShutdown::new()),
        };
        server.listen(listeners);
        server
    }

    /// The places of the configuration that are listened on.
    pub fn places(&self) -> Vec<Listen> {
        self.running.iter().filter_map(|running| running.configured.clone()).collect()
    }

    /// All places that are listened on, for people.
    pub fn all_places(&self) -> Vec<String> {
        self.running.iter().map(|running| running.place.clone()).collect()
    }

    /// Puts another API in the place of the present one, for all requests from now on.
    pub fn replace(&self, api: Api) {
        self.api.send_replace(Arc::new(api));
    }

    /// What it answers with at the moment.
    pub fn api(&self) -> Arc<Api> {
        Arc::clone(&self.api.borrow())
    }

    /// Listens on these places, too.
    pub fn listen(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let place = listener.place();
            tracing::info!(place, "listening");
            let (stop, stopped) = watch::channel(());
            let configured = listener.configured().cloned();
            let limits = self.api.borrow().limits;
            let shared = Place {
                api: self.api.subscribe(),
                slots: Arc::new(Semaphore::new(limits.connections)),
                streams: Arc::new(Semaphore::new(limits.streams)),
                configured: configured.clone(),
                stopped,
                began: self.began,
            };
            let task = tokio::spawn(accept_all(listener, Arc::new(shared), Arc::clone(&self.graceful)));
            self.running.push(Running { configured, place, stop, task });
        }
    }

    /// Listens no more on these places of the configuration; connections that are open there go on.
    pub async fn leave(&mut self, places: &[Listen]) {
        let is_left = |running: &Running| running.configured.as_ref().is_some_and(|place| places.contains(place));
        let (left, kept) = std::mem::take(&mut self.running).into_iter().partition(is_left);
        self.running = kept;
        closed(left).await;
    }

    /// Ends: open requests have [`Limits::drain`] for it.
    pub async fn shutdown(mut self) {
        // First no new connections (and no socket files), then an end to the old ones.
        closed(std::mem::take(&mut self.running)).await;
        let drain = self.api.borrow().limits.drain;
        let Some(graceful) = Arc::into_inner(self.graceful) else { return };
        if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("closed connections whose requests did not end in time");
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("places", &self.places()).finish_non_exhaustive()
    }
}

async fn closed(running: Vec<Running>) {
    for Running { stop, task, .. } in running {
        drop(stop);
        // It does nothing but accept: it cannot fail in a way that concerns anybody.
        let _ = task.await;
    }
}

/// Serves until `shutdown` is ready; then open requests have [`Limits::drain`] to end.
pub async fn serve(listeners: Vec<Listener>, api: Api, shutdown: impl Future<Output = ()>) {
    let server = Server::start(listeners, api);
    shutdown.await;
    server.shutdown().await;
}

async fn accept_all(listener: Listener, place: Arc<Place>, graceful: Arc<GracefulShutdown>) {
    let mut stopped = place.stopped.clone();
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = accept(&listener, &place.slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let (place, watcher) = (Arc::clone(&place), graceful.watcher());
                tokio::spawn(async move {
                    connection(stream, peer, place, watcher).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Mostly "too many open files": it passes when connections end.
                tracing::warn!(%error, place = %listener.place(), "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Accepted = (Box<dyn Stream>, Peer, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &Listener, slots: &Arc<Semaphore>) -> io::Result<Accepted> {
    // First the slot: whoever is too many waits in the kernel's queue.
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    match &listener.socket {
        Socket::Tcp(listener) => {
            let (stream, remote) = listener.accept().await?;
            let local = stream.local_addr()?;
            // Only for speed, and a caller who is gone already makes it fail.
            let _ = stream.set_nodelay(true);
            Ok((Box::new(stream), Peer::Tcp { local, remote }, slot))
        }
        Socket::Unix(listener, _) => {
            let (stream, _) = listener.accept().await?;
            let user = stream.peer_cred().ok().map(|peer| peer.uid());
            Ok((Box::new(stream), Peer::Unix(user), slot))
        }
    }
}

async fn connection(stream: Box<dyn Stream>, peer: Peer, place: Arc<Place>, watcher: Watcher) {
    let (limits, tls) = {
        let api = place.api.borrow();
        (api.limits, api.tokens.rule(place.configured.as_ref()).tls)
    };
    let stream: Box<dyn Stream> = match tls {
        None => stream,
        Some(tls) => match tokio::time::timeout(limits.header_read, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake did not come to its end in time"),
        },
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let (api, place) = (Arc::clone(&place.api.borrow()), Arc::clone(&place));
        async move { Ok::<_, Infallible>(routes::answer(&api, &place, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_bytes)
        .max_headers(64)
        .serve_connection(TokioIo::new(Stall::new(stream, limits.write_stall)), service);
    if let Err(error) = watcher.watch(connection).await {
        // Callers that go away in the middle, and bytes that are no HTTP: theirs to know, not ours to warn about.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Reads a body within the limits. Few routes use it; the others throw it away.
pub(super) async fn read_body(limits: &Limits, body: Incoming) -> Result<Bytes, ApiError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let too_large = || ApiError::limit(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is longer than {} bytes!", limits.body_bytes));
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(too_large());
    }
    let late = || ApiError::limit(StatusCode::REQUEST_TIMEOUT, "The body did not come in time!");
    let read = tokio::time::timeout(limits.body_read, Limited::new(body, limits.body_bytes).collect());
    let read = read.await.map_err(|_| late())?;
    read.map(|body| body.to_bytes()).map_err(|_| too_large())
}
