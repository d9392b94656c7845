//! How answers are made: one place for their headers.

use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use super::error::ApiError;
use crate::model::Millis;

/// Scripts, styles and data from us alone, no frames, nothing inline: hostile text in a row stays text.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The header that tells a caller who was let in what its role is.
pub(super) const ROLE: &str = "x-turnaway-role";

/// The header that tells how many rows were deleted.
pub const DELETED: &str = "x-turnaway-deleted";

/// JSON that was made already.
pub(super) fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    data(status, "application/json", body)
}

/// This value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Response<Body>, ApiError> {
    serde_json::to_vec(value).map(|body| json_bytes(StatusCode::OK, body)).map_err(|error| ApiError::internal(&error))
}

/// Text for programs.
pub(super) fn text(body: String) -> Response<Body> {
    data(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body.into_bytes())
}

/// 200 and nothing, as TBMQ answers a deletion; how many rows went stands in a header.
pub(super) fn deleted(rows: u64) -> Response<Body> {
    let mut response = data(StatusCode::OK, "", Vec::new());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(DELETED, HeaderValue::from(rows));
    response
}

/// An error, as TBMQ words it.
pub(super) fn error(error: &ApiError, now: Millis) -> Response<Body> {
    let body = serde_json::to_vec(&error.body(now)).unwrap_or_default();
    let mut response = json_bytes(error.status, body);
    let headers = response.headers_mut();
    if error.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"turnaway\""));
    }
    if let Some(allow) = error.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if matches!(error.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        // What is left of the body is not read.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A file of the page; `etag` is its version.
pub(super) fn asset(kind: &'static str, etag: &str, body: Option<&'static str>) -> Response<Body> {
    let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED };
    let mut response = with_headers(status, kind, Body::whole(Bytes::from_static(body.unwrap_or_default().as_bytes())), PAGE_POLICY);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// What is made while it is sent; `name` is the file that a browser makes of it.
pub(super) fn stream(kind: &'static str, name: Option<&'static str>, body: Body) -> Response<Body> {
    let mut response = with_headers(StatusCode::OK, kind, body, DATA_POLICY);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(name) = name {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    }
    // Proxies (nginx) are to hand the pieces on as they come.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn data(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = with_headers(status, kind, Body::whole(Bytes::from(body)), DATA_POLICY);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_headers(status: StatusCode, kind: &'static str, body: Body, policy: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
