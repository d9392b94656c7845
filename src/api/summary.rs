//! `GET /api/unauthorized/client/summary`: what the rows that fit come to.

use std::sync::Arc;

use hyper::Response;

use super::Api;
use super::answer;
use super::body::Body;
use super::error::ApiError;
use super::params::Params;
use super::rows::filter;

/// Spans of time, if the caller does not say how many at most.
const SPANS: u32 = 60;

/// Spans of time that a caller may ask for.
const MOST_SPANS: u32 = 500;

/// The filters are those of `/v2`; `spans` is how many spans of time there may be.
pub(super) async fn summary(api: &Arc<Api>, params: &Params) -> Result<Response<Body>, ApiError> {
    let filter = filter(params, api.limits.filter_bytes)?;
    let spans = params.number("spans")?.unwrap_or(SPANS);
    if !(1..=MOST_SPANS).contains(&spans) {
        return Err(ApiError::bad_request(format!("Parameter 'spans' must be from 1 to {MOST_SPANS}, not {spans}!")));
    }
    let summary = api.blocking(move |store, _| store.summary(&filter, spans)).await?;
    answer::json(&summary)
}
