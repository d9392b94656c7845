//! Server-sent events: what changed in the table, as it changes. The wire form is described in docs/api.md.
//!
//! Each watcher has a place in the store's [`Feed`](crate::store::Feed) and reads the rows that changed since then from the store, at
//! its own pace: what it has not told yet comes together, each row once.

use std::collections::HashSet;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::{HeaderMap, Response};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::answer;
use super::body::{Body, Pieces};
use super::error::ApiError;
use super::params::Params;
use super::rows;
use super::server::{Api, Place};
use crate::model::Identity;
use crate::store::{Filter, Since, Touched};

/// Rows that are told one by one; when more have changed at once, loading the table again is less work for everybody.
const TOLD: usize = 500;

/// Bytes of a `Last-Event-ID` that are looked at; ours are shorter.
const ID_BYTES: usize = 64;

/// How long a browser waits before it comes back, in the stream's words.
const RETRY: &str = "retry: 3000\n\n";

/// `GET /api/unauthorized/client/events`.
pub(super) fn serve(api: &Arc<Api>, place: &Arc<Place>, params: &Params, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    let filter = rows::filter(params, api.limits.filter_bytes)?;
    let slot = Arc::clone(&place.streams)
        .try_acquire_owned()
        .map_err(|_| ApiError::not_ready(format!("There are {} streams already; try again when one has ended.", api.limits.streams)))?;
    let last = match params.one("lastEventId")? {
        Some(last) => Some(last),
        None => headers.get("last-event-id").and_then(|id| id.to_str().ok()),
    };
    let last = last.map(str::trim).filter(|last| !last.is_empty() && last.len() <= ID_BYTES).map(str::to_owned);
    let (pieces, body) = Body::pieces();
    tokio::spawn(watch(Arc::clone(api), Arc::clone(place), slot, filter, last, pieces));
    Ok(answer::stream("text/event-stream", None, body))
}

/// Tells until the caller goes away, the server stops, or the configuration changed: then the caller has to show again who it is.
async fn watch(api: Arc<Api>, place: Arc<Place>, _slot: OwnedSemaphorePermit, filter: Filter, last: Option<String>, pieces: Pieces) {
    let (mut stopped, mut replaced) = (place.stopped.clone(), place.api.clone());
    if !Arc::ptr_eq(&api, &replaced.borrow_and_update()) {
        return;
    }
    tokio::select! {
        () = tell(&api, &place, &filter, last.as_deref(), &pieces) => {}
        () = pieces.closed() => {}
        _ = stopped.changed() => {}
        _ = replaced.changed() => {}
    }
}

async fn tell(api: &Api, place: &Place, filter: &Filter, last: Option<&str>, pieces: &Pieces) {
    let feed = api.store.feed();
    let limits = api.limits;
    let mut watcher = feed.watch();
    // None: a place that nobody knows, of a daemon that has been started anew since.
    let mut at = last.map_or_else(|| Some(feed.place()), |last| place.event_place(last));
    let mut text = RETRY.to_owned();
    if let Some(at) = at {
        event(&mut text, "ready", &Empty {});
        id(&mut text, &place.event_id(at));
    }
    loop {
        let (since, next) = at.map_or_else(|| (Since::Lost, feed.place()), |at| feed.since(at));
        let before = text.len();
        let told = match since {
            Since::Changes(changes) => tell_changes(api, filter, changes, &mut text).await,
            Since::Lost => Ok(false),
        };
        match told {
            Ok(true) => {}
            Ok(false) => event(&mut text, "reset", &Empty {}),
            Err(_) => return,
        }
        at = Some(next);
        if text.len() > before {
            // With the last event only: who loses the connection before it gets all of them again.
            id(&mut text, &place.event_id(next));
        }
        if !text.is_empty() && pieces.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
            return;
        }
        // Changes of the same moment are told together.
        tokio::time::sleep(limits.event_pause).await;
        if tokio::time::timeout(limits.heartbeat, watcher.changed()).await.is_err() {
            // The place goes along: what the filter kept back need not be looked at again.
            text.push_str(": still here\n\n");
            id(&mut text, &place.event_id(next));
        }
    }
}

/// Tells these changes, each row once. False: there are more than are told, or than are known.
async fn tell_changes(api: &Api, filter: &Filter, changes: Vec<Touched>, text: &mut String) -> Result<bool, ApiError> {
    let cleared = changes.iter().rposition(|change| *change == Touched::All);
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for change in changes.into_iter().skip(cleared.map_or(0, |at| at + 1)) {
        if let Touched::Row(key) = change
            && filter.may_fit(&key)
            && seen.insert(key.clone())
        {
            keys.push(key);
        }
    }
    if keys.len() > TOLD {
        return Ok(false);
    }
    if cleared.is_some() {
        event(text, "cleared", &Empty {});
    }
    if keys.is_empty() {
        return Ok(true);
    }
    let filter = filter.clone();
    let (keys, rows) = api.blocking(move |store, _| store.look_up(&filter, &keys).map(|rows| (keys, rows))).await?;
    for (key, row) in keys.iter().zip(rows) {
        match row {
            Some(row) => event(text, "changed", &row),
            None => event(text, "removed", &Gone { client_id: &key.client_id, identity: key.identity, broker: &key.broker }),
        }
    }
    Ok(true)
}

/// A row that is not (or no longer) among those that the filter lets through.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gone<'k> {
    client_id: &'k str,
    identity: Identity,
    broker: &'k str,
}

#[derive(Serialize)]
struct Empty {}

/// Writes one event. JSON has no line feeds, so the data is one line, whatever a stranger wrote.
fn event<T: Serialize>(text: &mut String, name: &str, data: &T) {
    let data = serde_json::to_string(data).unwrap_or_default();
    for part in ["event: ", name, "\ndata: ", &data, "\n\n"] {
        text.push_str(part);
    }
}

/// Adds the place that was reached to what was written last.
fn id(text: &mut String, id: &str) {
    // The blank line that ended it comes after.
    text.truncate(text.trim_end_matches('\n').len());
    for part in ["\nid: ", id, "\n\n"] {
        text.push_str(part);
    }
}
