//! The table of routes, and what each does.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde::Serialize;

use super::answer;
use super::auth::{self, Caller, Peer, Role};
use super::body::Body;
use super::error::ApiError;
use super::params::Params;
use super::server::Place;
use super::{Api, events, guard, page, rows, summary};
use crate::model::{Family, Reason};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone: it gives no data away.
    Public,
    /// Who has this role.
    Needs(Role),
}

/// A route of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method; GET answers HEAD too.
    pub method: &'static str,
    /// The exact path.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    endpoint: Endpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    ListOrOne,
    ListFiltered,
    Summary,
    Delete,
    Events,
    Reasons,
    Sources,
    Metrics,
    Alive,
    Ready,
    Page,
}

const fn route(method: &'static str, path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method, path, access, endpoint }
}

const AUDITOR: Access = Access::Needs(Role::Auditor);
const OPERATOR: Access = Access::Needs(Role::Operator);

/// All routes. There is no other way in: what is not here is 404 or 405.
pub const ROUTES: &[Route] = &[
    route("GET", "/api/unauthorized/client", AUDITOR, Endpoint::ListOrOne),
    route("GET", "/api/unauthorized/client/v2", AUDITOR, Endpoint::ListFiltered),
    route("GET", "/api/unauthorized/client/summary", AUDITOR, Endpoint::Summary),
    route("DELETE", "/api/unauthorized/client", OPERATOR, Endpoint::Delete),
    route("GET", "/api/unauthorized/client/events", AUDITOR, Endpoint::Events),
    route("GET", "/api/reasons", AUDITOR, Endpoint::Reasons),
    route("GET", "/api/sources", AUDITOR, Endpoint::Sources),
    route("GET", "/metrics", AUDITOR, Endpoint::Metrics),
    route("GET", "/healthz", Access::Public, Endpoint::Alive),
    route("GET", "/readyz", Access::Public, Endpoint::Ready),
    route("GET", "/", Access::Public, Endpoint::Page),
    route("GET", "/page.js", Access::Public, Endpoint::Page),
    route("GET", "/api.js", Access::Public, Endpoint::Page),
    route("GET", "/dialogs.js", Access::Public, Endpoint::Page),
    route("GET", "/dom.js", Access::Public, Endpoint::Page),
    route("GET", "/filters.js", Access::Public, Endpoint::Page),
    route("GET", "/live.js", Access::Public, Endpoint::Page),
    route("GET", "/model.js", Access::Public, Endpoint::Page),
    route("GET", "/overview.js", Access::Public, Endpoint::Page),
    route("GET", "/table.js", Access::Public, Endpoint::Page),
    route("GET", "/page.css", Access::Public, Endpoint::Page),
];

/// Answers a request, whatever it is.
pub(super) async fn answer(api: &Arc<Api>, place: &Arc<Place>, peer: Peer, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = match super::server::drain(&api.limits, body).await {
        Ok(()) => dispatch(api, place, peer, &parts).await,
        Err(error) => Err(error),
    };
    let response = answered.unwrap_or_else(|error| answer::error(&error, api.clock.now()));
    // What is in no table is one, whatever a stranger asks for.
    let (method, path) = find(parts.method.as_str(), parts.uri.path()).map_or(("other", "other"), |route| (route.method, route.path));
    api.metrics.request(method, path, response.status().as_u16());
    response
}

async fn dispatch(api: &Arc<Api>, place: &Arc<Place>, peer: Peer, parts: &hyper::http::request::Parts) -> Result<Response<Body>, ApiError> {
    let (uri, headers) = (&parts.uri, &parts.headers);
    guard::host(peer, uri, headers, &api.hosts)?;
    if uri.path().len() + uri.query().map_or(0, str::len) > api.limits.uri_bytes {
        let message = format!("The path and query are longer than {} bytes!", api.limits.uri_bytes);
        return Err(ApiError::limit(StatusCode::URI_TOO_LONG, message));
    }
    let route = find(parts.method.as_str(), uri.path())?;
    let params = Params::parse(uri.query().unwrap_or_default());
    match route.access {
        Access::Public => open(api, route, headers),
        Access::Needs(role) => {
            let caller = auth::caller(&api.tokens, peer, headers)?;
            auth::require(&api.tokens, &caller, role)?;
            if route.method != "GET" {
                guard::origin(headers, &api.hosts)?;
            }
            closed(api, place, route.endpoint, &params, headers, caller).await
        }
    }
}

fn find(method: &str, path: &str) -> Result<&'static Route, ApiError> {
    // HEAD is GET without the body, which hyper leaves out.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut here = ROUTES.iter().filter(|route| route.path == path).peekable();
    if here.peek().is_none() {
        return Err(ApiError::no_such_path());
    }
    let methods: Vec<&str> = here.clone().map(|route| route.method).collect();
    here.find(|route| route.method == method).ok_or_else(|| ApiError::method(methods.join(", ")))
}

/// What anyone may have.
fn open(api: &Arc<Api>, route: &Route, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
    match route.endpoint {
        Endpoint::Page => page::serve(route.path, headers),
        Endpoint::Alive => match api.silence() {
            Some(silence) => Err(ApiError::not_ready(format!("the thread that reads the logs has not moved for {silence} seconds"))),
            None => answer::json(&Status { status: "alive" }),
        },
        Endpoint::Ready => match (api.ready)() {
            Ok(()) => answer::json(&Status { status: "ready" }),
            Err(why) => Err(ApiError::not_ready(why)),
        },
        _ => Err(ApiError::no_such_path()),
    }
}

/// What needs a role, after it was shown.
async fn closed(
    api: &Arc<Api>,
    place: &Arc<Place>,
    endpoint: Endpoint,
    params: &Params,
    headers: &HeaderMap,
    caller: Caller,
) -> Result<Response<Body>, ApiError> {
    match endpoint {
        Endpoint::ListOrOne => rows::list_or_one(api, params).await,
        Endpoint::ListFiltered => rows::list_filtered(api, params).await,
        Endpoint::Summary => summary::summary(api, params).await,
        Endpoint::Delete => rows::delete(api, params, caller).await,
        Endpoint::Events => events::serve(api, place, params, headers),
        Endpoint::Reasons => answer::json(&Reason::ALL.iter().copied().map(ReasonBody::from).collect::<Vec<_>>()),
        Endpoint::Sources => answer::json(&(api.sources)()),
        Endpoint::Metrics => {
            // A store that cannot be read takes one number away, not all.
            let rows = api.blocking(|store, _| store.count()).await.ok();
            Ok(answer::text(api.metrics.render(rows, api.clock.now())))
        }
        Endpoint::Alive | Endpoint::Ready | Endpoint::Page => Err(ApiError::no_such_path()),
    }
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// A reason, for people who look it up.
#[derive(Serialize)]
struct ReasonBody {
    code: &'static str,
    title: &'static str,
    family: Family,
    cause: &'static str,
    solution: &'static str,
}

impl From<Reason> for ReasonBody {
    fn from(reason: Reason) -> ReasonBody {
        ReasonBody {
            code: reason.code(),
            title: reason.title(),
            family: reason.family(),
            cause: reason.cause(),
            solution: reason.solution(),
        }
    }
}
