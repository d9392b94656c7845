//! Talks to the running daemon.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::CliError;
pub use super::client_error::ClientError;
use super::events::{Event, Reader};
pub use super::server::Server;
use super::server::from_config;
use super::trust::Trust;
use crate::api::{DELETED, Role};
use crate::config::Files;
use crate::text::escaped;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before a stream that ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of an answer.
const ANSWER_BYTES: usize = 64 << 20;

/// Bytes of a stranger's message that are shown.
const MESSAGE_BYTES: usize = 400;

/// Where the daemon is, and who asks.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServerArgs {
    /// Where the daemon listens [default: the configuration's first Unix socket, else its first address, else 127.0.0.1:8099]
    #[arg(long, value_name = "ADDRESS:PORT|https://HOST[:PORT]|unix:PATH")]
    pub server: Option<Server>,

    /// With https:// trust the certificate authorities in this file (PEM) alone [default: the system's list]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// The daemon's configuration file, to find out where it listens [default: /etc/turnaway/turnaway.toml]
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// A file that holds the access token [default: the environment variable TURNAWAY_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// An answer whose body comes yet, and what keeps its connection open.
type Answer = (http1::SendRequest<Empty<Bytes>>, Response<Incoming>);

/// The daemon's stream of changes.
#[derive(Debug)]
pub(super) struct Events<'c> {
    client: &'c Client,
    body: Incoming,
    reader: Reader,
    waiting: VecDeque<Event>,
    _sender: http1::SendRequest<Empty<Bytes>>,
}

impl Events<'_> {
    /// The next event; none: the stream ended, or was silent for longer than the daemon ever is.
    ///
    /// # Errors
    /// What comes is no event of ours.
    pub(super) fn next(&mut self) -> Result<Option<Event>, ClientError> {
        while self.waiting.is_empty() {
            let frame = async { tokio::time::timeout(PATIENCE, self.body.frame()).await };
            let Ok(Some(Ok(frame))) = self.client.runtime.block_on(frame) else { return Ok(None) };
            if let Some(bytes) = frame.data_ref() {
                self.waiting.extend(self.reader.push(bytes).map_err(|error| self.client.foreign(&error))?);
            }
        }
        Ok(self.waiting.pop_front())
    }
}

/// Asks the daemon, one request at a time.
#[derive(Debug)]
pub struct Client {
    server: Server,
    /// For TLS.
    trust: Option<Trust>,
    token: Option<HeaderValue>,
    runtime: tokio::runtime::Runtime,
}

/// An error as the API words it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    message: String,
    #[expect(dead_code, reason = "that it is there tells our errors from others'")]
    error_code: u32,
}

impl Client {
    /// Finds out where the daemon is and who asks; nothing is sent yet. `token` is the environment's.
    ///
    /// # Errors
    /// The configuration, the token's file or that of the authorities cannot be read.
    pub fn new(args: &ServerArgs, token: Option<&str>, files: &dyn Files) -> Result<Client, CliError> {
        let server = match &args.server {
            Some(server) => server.clone(),
            None => from_config(args.config.as_deref(), files)?,
        };
        let token = match &args.token_file {
            Some(path) => Some(files.read(path).map_err(|error| {
                CliError::Usage(format!("cannot read the token in {}: {error}; check the path and its permissions", path.display()))
            })?),
            None => token.map(str::to_owned),
        };
        let token = token.map(|token| bearer(token.trim())).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::System)?;
        let has_tls = matches!(server, Server::Tls(_));
        let trust = has_tls.then(|| Trust::new(args.ca_file.as_deref(), files)).transpose()?;
        Ok(Client { server, trust, token, runtime })
    }

    /// Where the daemon is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The body of the answer to this request, which needs this role.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no success.
    pub fn ask(&self, method: Method, target: &str, role: Role) -> Result<Bytes, ClientError> {
        self.answer(method, target, role).map(|(_, body)| body)
    }

    /// Deletes rows, and says how many there were; none: the daemon does not say.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no success.
    pub fn delete(&self, target: &str) -> Result<Option<u64>, ClientError> {
        let (head, _) = self.answer(Method::DELETE, target, Role::Operator)?;
        Ok(head.headers.get(DELETED).and_then(|rows| rows.to_str().ok()?.parse().ok()))
    }

    fn answer(&self, method: Method, target: &str, role: Role) -> Result<(Parts, Bytes), ClientError> {
        let answer = async { tokio::time::timeout(PATIENCE, self.exchange(method, target)).await };
        let (head, body) = self.runtime.block_on(answer).unwrap_or_else(|_| Err(ClientError::Silent { server: self.server.clone() }))?;
        if head.status.is_success() { Ok((head, body)) } else { Err(self.refusal(head.status, &body, role)) }
    }

    /// The same, as the value that its JSON stands for.
    ///
    /// # Errors
    /// Those of [`Client::ask`], and an answer that stands for no such value.
    pub fn get<T: for<'de> Deserialize<'de>>(&self, target: &str, role: Role) -> Result<T, ClientError> {
        let body = self.ask(Method::GET, target, role)?;
        serde_json::from_slice(&body).map_err(|error| self.foreign(&error))
    }

    /// Opens a stream of events; `role` is what it needs.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no stream.
    pub(super) fn follow(&self, target: &str, role: Role) -> Result<Events<'_>, ClientError> {
        let opened = async { tokio::time::timeout(PATIENCE, self.open(Method::GET, target)).await };
        let (sender, answer) =
            self.runtime.block_on(opened).unwrap_or_else(|_| Err(ClientError::Silent { server: self.server.clone() }))?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            let body = async { Limited::new(body, ANSWER_BYTES).collect().await.map(|body| body.to_bytes()).unwrap_or_default() };
            return Err(self.refusal(head.status, &self.runtime.block_on(body), role));
        }
        let kind = head.headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        if !kind.starts_with(b"text/event-stream") {
            return Err(self.foreign(&"its answer is no stream of events"));
        }
        Ok(Events { client: self, body, reader: Reader::default(), waiting: VecDeque::new(), _sender: sender })
    }

    /// Waits before the daemon is asked again.
    pub(super) fn pause(&self) {
        self.runtime.block_on(async { tokio::time::sleep(PAUSE).await });
    }

    async fn exchange(&self, method: Method, target: &str) -> Result<(Parts, Bytes), ClientError> {
        let (_sender, answer) = self.open(method, target).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| self.foreign(&error))?;
        Ok((head, body.to_bytes()))
    }

    async fn open(&self, method: Method, target: &str) -> Result<Answer, ClientError> {
        let unreachable = |source: io::Error| match (&self.server, source.kind()) {
            (Server::Unix(_), io::ErrorKind::PermissionDenied) => ClientError::Socket { server: self.server.clone() },
            _ => ClientError::Unreachable { server: self.server.clone(), source },
        };
        match &self.server {
            Server::Tcp(address) => self.send(TcpStream::connect(address).await.map_err(unreachable)?, method, target).await,
            Server::Tls(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                let stream = match &self.trust {
                    Some(trust) => trust.connect(address, stream).await,
                    None => Err(io::Error::other("nobody is trusted")),
                };
                self.send(stream.map_err(|source| ClientError::Tls { server: self.server.clone(), source })?, method, target).await
            }
            Server::Unix(path) => self.send(UnixStream::connect(path).await.map_err(unreachable)?, method, target).await,
        }
    }

    async fn send<S>(&self, stream: S, method: Method, target: &str) -> Result<Answer, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source: hyper::Error| match source.is_parse() {
            true => self.foreign(&source),
            false => ClientError::Broken { server: self.server.clone(), source },
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the sender; what goes wrong in it the sender reports.
        tokio::spawn(connection);
        let host = match &self.server {
            Server::Tcp(address) | Server::Tls(address) => address.as_str(),
            Server::Unix(_) => "localhost",
        };
        let mut request = Request::builder().method(method).uri(target).header(HOST, host);
        if let Some(token) = self.token.as_ref().filter(|_| !matches!(self.server, Server::Unix(_))) {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| self.foreign(&error))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        Ok((sender, answer))
    }

    fn refusal(&self, status: StatusCode, body: &[u8], role: Role) -> ClientError {
        let server = self.server.clone();
        let Ok(said) = serde_json::from_slice::<ErrorBody>(body) else {
            return self.foreign(&format!("it answered {status}"));
        };
        let role = role.word();
        match status {
            StatusCode::UNAUTHORIZED => ClientError::Token { server, role, sent: self.token.is_some() },
            StatusCode::FORBIDDEN => ClientError::Role { server, role },
            status => ClientError::Refused { server, status, message: escaped(said.message.as_bytes(), MESSAGE_BYTES) },
        }
    }

    fn foreign(&self, detail: &dyn std::fmt::Display) -> ClientError {
        ClientError::Foreign { server: self.server.clone(), detail: escaped(detail.to_string().as_bytes(), MESSAGE_BYTES) }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, CliError> {
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = Some(format!("Bearer {token}"))
        .filter(|_| plain)
        .and_then(|value| HeaderValue::from_str(&value).ok())
        .ok_or_else(|| CliError::Usage("this is no token: expected one line, as `turnaway token new` prints it".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
