//! The table's routes: TBMQ's parameters, messages and shapes.

use std::sync::Arc;

use hyper::{Response, StatusCode};

use super::Api;
use super::answer;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::params::{Params, shorten};
use crate::model::Reason;
use crate::store::{Filter, Order, PageQuery, SortBy};

/// `GET /api/unauthorized/client`: a page, or one row.
pub(super) async fn list_or_one(api: &Arc<Api>, params: &Params) -> Result<Response<Body>, ApiError> {
    if params.has("pageSize") && params.has("page") {
        let filter = Filter { text_search: params.text("textSearch", api.limits.filter_bytes)?, ..Filter::default() };
        return page(api, page_query(params, api.limits.page_size, filter)?).await;
    }
    let Some(client_id) = params.one("clientId")? else {
        return Err(ApiError::bad_request("Give 'pageSize' and 'page' for a page of rows, or 'clientId' for one row!"));
    };
    if client_id.trim().is_empty() {
        return Err(ApiError::bad_request("Parameter 'clientId' can't be empty!"));
    }
    let client_id = client_id.to_owned();
    let found = api.blocking(move |store, _| store.get(&client_id)).await?;
    // Several brokers may know the name; the latest attempt comes first.
    found.first().map(answer::json).unwrap_or_else(|| Err(ApiError::no_such_row()))
}

/// `GET /api/unauthorized/client/v2`: a page with all filters.
pub(super) async fn list_filtered(api: &Arc<Api>, params: &Params) -> Result<Response<Body>, ApiError> {
    if !(params.has("pageSize") && params.has("page")) {
        return Err(ApiError::bad_request("Parameters 'pageSize' and 'page' are needed!"));
    }
    let query = page_query(params, api.limits.page_size, filter(params, api.limits.filter_bytes)?)?;
    page(api, query).await
}

/// `DELETE /api/unauthorized/client`: one client, or all. A parameter that is not known, given twice or empty deletes nothing:
/// it may be a `clientId` that got lost.
pub(super) async fn delete(api: &Arc<Api>, params: &Params, caller: Caller) -> Result<Response<Body>, ApiError> {
    if let Some(name) = params.stranger(&["clientId"]) {
        return Err(ApiError::bad_request(format!("Unknown parameter '{}': nothing was deleted!", shorten(name))));
    }
    let Some(client_id) = params.one("clientId")?.map(str::to_owned) else {
        let rows = api.blocking(|store, now| store.delete_all(now)).await?;
        tracing::info!(who = %caller.name, rows, "deleted all clients");
        return Ok(answer::deleted(rows));
    };
    if client_id.is_empty() {
        return Err(ApiError::bad_request("Incorrect clientId "));
    }
    let id = client_id.clone();
    let rows = api.blocking(move |store, now| store.delete(&id, now)).await?;
    if rows == 0 {
        return Err(ApiError::no_such_row());
    }
    // As a debug string: a stranger chose it, and it may hold line ends and escape codes.
    tracing::info!(who = %caller.name, ?client_id, rows, "deleted a client");
    Ok(answer::deleted(rows))
}

async fn page(api: &Arc<Api>, query: PageQuery) -> Result<Response<Body>, ApiError> {
    // A large page is turned into JSON where it does not hold up other requests.
    let made = api.blocking(move |store, _| store.page(&query).map(|page| serde_json::to_vec(&page))).await?;
    made.map(|body| answer::json_bytes(StatusCode::OK, body)).map_err(|error| ApiError::internal(&error))
}

/// The filters of `/v2`, of the export, of the sums and of the events.
pub(super) fn filter(params: &Params, limit: usize) -> Result<Filter, ApiError> {
    let mut reason_code = Vec::new();
    for code in params.list("reasonCode") {
        reason_code.push(
            Reason::from_code(code)
                .ok_or_else(|| ApiError::bad_request(format!("Unknown reason code '{}'! /api/reasons lists them.", shorten(code))))?,
        );
    }
    Ok(Filter {
        text_search: params.text("textSearch", limit)?,
        start: params.number("startTime")?,
        end: params.number("endTime")?,
        client_id: params.text("clientId", limit)?,
        ip_address: params.text("ipAddress", limit)?,
        username: params.text("username", limit)?,
        reason: params.text("reason", limit)?,
        password_provided: params.booleans("passwordProvidedList"),
        tls_used: params.booleans("tlsUsedList"),
        broker: params.text("broker", limit)?,
        reason_code,
    })
}

fn page_query(params: &Params, limit: u32, filter: Filter) -> Result<PageQuery, ApiError> {
    let size: i64 = params.number("pageSize")?.unwrap_or_default();
    if size < 1 {
        return Err(ApiError::bad_request(format!("Incorrect page link page size '{size}'. Page size must be greater than zero.")));
    }
    let page_size = u32::try_from(size).ok().filter(|size| *size <= limit).ok_or_else(|| {
        ApiError::bad_request(format!("Incorrect page link page size '{size}'. Page size must not be greater than {limit}."))
    })?;
    let page: i64 = params.number("page")?.unwrap_or_default();
    let page = u32::try_from(page)
        .map_err(|_| ApiError::bad_request(format!("Incorrect page link page '{page}'. Page must be positive integer.")))?;
    let (mut sort, mut order) = (SortBy::default(), Order::default());
    if let Some(name) = params.one("sortProperty")?.filter(|name| !name.is_empty()) {
        sort = sort_property(name)?;
        order = sort_order(params.one("sortOrder")?.unwrap_or_default())?;
    }
    Ok(PageQuery { filter, page_size, page, sort, order })
}

fn sort_property(name: &str) -> Result<SortBy, ApiError> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(ApiError::bad_request("Invalid sort property"));
    }
    SortBy::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = SortBy::names().collect();
        ApiError::bad_request(format!("Unknown sort property '{}'! Known are {}.", shorten(name), names.join(", ")))
    })
}

fn sort_order(text: &str) -> Result<Order, ApiError> {
    match text {
        "" => Ok(Order::Asc),
        text if text.eq_ignore_ascii_case("asc") => Ok(Order::Asc),
        text if text.eq_ignore_ascii_case("desc") => Ok(Order::Desc),
        text => Err(ApiError::bad_request(format!("Unsupported sort order '{}'! Only 'ASC' or 'DESC' types are allowed.", shorten(text)))),
    }
}
