//! Errors as TBMQ words them.

use hyper::StatusCode;
use serde::Serialize;

use crate::model::Millis;
use crate::store::StoreError;

/// TBMQ's numbers for kinds of errors.
mod code {
    pub(super) const GENERAL: u32 = 2;
    pub(super) const AUTHENTICATION: u32 = 10;
    pub(super) const EXPIRED: u32 = 11;
    pub(super) const PERMISSION: u32 = 20;
    pub(super) const BAD_REQUEST: u32 = 31;
    pub(super) const NOT_FOUND: u32 = 32;
    pub(super) const DATABASE: u32 = 46;
}

/// What the caller gets to see of a failure. It names no path and no SQL: those go to our log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
    /// The methods that the path has, for 405.
    pub(super) allow: Option<String>,
}

/// The body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody<'a> {
    status: u16,
    message: &'a str,
    error_code: u32,
    timestamp: Millis,
}

impl ApiError {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), allow: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    pub(super) fn limit(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError::new(status, code::BAD_REQUEST, message)
    }

    pub(super) fn unauthenticated() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, code::AUTHENTICATION, "Authentication failed")
    }

    pub(super) fn expired() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, code::EXPIRED, "Token has expired")
    }

    pub(super) fn wrong_login() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, code::AUTHENTICATION, "Invalid username or password")
    }

    pub(super) fn media_type() -> ApiError {
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::BAD_REQUEST, "The body must be sent as application/json!")
    }

    pub(super) fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, code::PERMISSION, message)
    }

    pub(super) fn no_such_row() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code::NOT_FOUND, "Requested item wasn't found!")
    }

    pub(super) fn no_such_path() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code::NOT_FOUND, "There is nothing at this path.")
    }

    pub(super) fn method(allow: String) -> ApiError {
        let message = format!("This path only has {allow}.");
        ApiError { allow: Some(allow), ..ApiError::new(StatusCode::METHOD_NOT_ALLOWED, code::BAD_REQUEST, message) }
    }

    pub(super) fn misdirected() -> ApiError {
        let message =
            "The Host header names none of this server's hosts. Ask by its address, or add the name to `hosts` in the configuration.";
        ApiError::new(StatusCode::MISDIRECTED_REQUEST, code::PERMISSION, message)
    }

    pub(super) fn not_ready(why: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code::GENERAL, why)
    }

    /// A failure of ours that is no store's.
    pub(super) fn internal(detail: &dyn std::fmt::Display) -> ApiError {
        tracing::error!(%detail, "a request failed");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, code::GENERAL, "Internal error")
    }

    pub(super) fn body(&self, now: Millis) -> ErrorBody<'_> {
        ErrorBody { status: self.status.as_u16(), message: &self.message, error_code: self.code, timestamp: now }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        tracing::error!(%error, "a request failed");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, code::DATABASE, "Database error")
    }
}
