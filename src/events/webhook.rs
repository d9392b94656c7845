//! Posts one event to an HTTP address.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;

use super::Format;
use crate::store::StoredEvent;

/// More of an answer is not read.
const ANSWER: usize = 64 * 1024;

/// Posts with a runtime of its own, on the output's thread.
pub(super) struct Poster {
    uri: Uri,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Poster {
    pub(super) fn new(uri: Uri) -> Poster {
        Poster { uri, runtime: None }
    }

    /// Posts it as JSON. `Idempotency-Key` holds its id, by which a second telling can be known.
    ///
    /// # Errors
    /// It was not answered in time, or not with 2xx.
    pub(super) fn post(&mut self, timeout: Duration, event: &StoredEvent) -> Result<(), String> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| format!("cannot start: {error}"))?,
            ),
        };
        let sent = send(&self.uri, event);
        runtime
            .block_on(async { tokio::time::timeout(timeout, sent).await })
            .unwrap_or_else(|_| Err(format!("no answer within {} seconds", timeout.as_secs())))
            .map_err(|error| format!("cannot post to {}: {error}", self.uri))
    }
}

async fn send(uri: &Uri, event: &StoredEvent) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| error.to_string();
    let host = uri.host().unwrap_or_default();
    let place = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let stream = tokio::net::TcpStream::connect(place).await.map_err(|error| said(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
    let connection = tokio::spawn(connection);
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("idempotency-key", &event.id)
        .body(Full::new(Bytes::from(Format::Json.line(event))))
        .map_err(|error| said(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| said(&error))?;
    let status = answer.status();
    // Reading the answer tells that the other side is done.
    let _ = http_body_util::Limited::new(answer.into_body(), ANSWER).collect().await;
    connection.abort();
    if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::super::format::tests::event;
    use super::*;

    /// What the server got, and what came of it.
    fn posted(answer: &'static str) -> (String, Result<(), String>) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri: Uri = format!("http://{}/hook?a=b", server.local_addr().unwrap()).parse().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            while !text.ends_with(b"}") {
                let len = stream.read(&mut buffer).unwrap();
                text.extend_from_slice(&buffer[..len]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(text).unwrap()
        });
        let result = Poster::new(uri).post(Duration::from_secs(60), &event("a\nb", Some("192.0.2.7")));
        (serving.join().unwrap(), result)
    }

    #[test]
    fn it_is_posted_with_its_id() {
        let (request, result) = posted("HTTP/1.1 204 No Content\r\n\r\n");
        result.unwrap();
        assert!(request.starts_with("POST /hook?a=b HTTP/1.1\r\nhost: 127.0.0.1:"), "{request}");
        assert!(request.contains("\r\nidempotency-key: 5f3a00112233-7\r\n"), "{request}");
        assert!(request.contains(r#""clientId":"a\u000ab""#), "{request}");
    }

    #[test]
    fn another_answer_is_a_failure() {
        let (_, result) = posted("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        assert!(result.unwrap_err().ends_with(": answered 503 Service Unavailable"));
    }
}
