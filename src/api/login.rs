//! TBMQ's login, so that its clients need no other one.

use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::answer;
use super::body::Body;
use super::error::ApiError;
use super::session::Invalid;

/// The username is not looked at: the token alone says who it is.
#[derive(Deserialize)]
struct Login {
    #[serde(rename = "username")]
    _username: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refresh {
    refresh_token: String,
}

/// `POST /api/auth/login`.
pub(super) fn login(api: &Api, headers: &HeaderMap, body: &Bytes) -> Result<Response<Body>, ApiError> {
    let login: Login = read(headers, body)?;
    let pair = api.tokens.login(login.password.trim(), api.clock.now()).ok_or_else(ApiError::wrong_login)?;
    answer::json(&pair)
}

/// `POST /api/auth/token`.
pub(super) fn renew(api: &Api, headers: &HeaderMap, body: &Bytes) -> Result<Response<Body>, ApiError> {
    let refresh: Refresh = read(headers, body)?;
    let pair = api.tokens.renew(&refresh.refresh_token, api.clock.now()).map_err(|invalid| match invalid {
        Invalid::Foreign => ApiError::unauthenticated(),
        Invalid::Expired => ApiError::expired(),
    })?;
    answer::json(&pair)
}

/// The body as JSON. A page of another site cannot send it with this type unless we allow that, and we do not.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::media_type());
    }
    // The error would repeat what was sent, and that may be a secret.
    serde_json::from_slice(body).map_err(|_| ApiError::bad_request("The body is not the JSON that is expected!"))
}
