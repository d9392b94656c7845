//! The table of routes, and what each does.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Serialize;

use super::answer;
use super::auth::{self, Caller, Peer, Role};
use super::body::Body;
use super::error::ApiError;
use super::params::Params;
use super::server::Place;
use super::{Api, events, export, guard, login, page, rows, summary};
use crate::model::{Family, Reason};

/// What the API is, for programs (OpenAPI 3.1). A test compares it with the table below.
pub const OPENAPI: &str = include_str!("openapi.json");

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
    Export,
    Events,
    Reasons,
    Sources,
    Metrics,
    Login,
    Renew,
    OpenApi,
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
    route("GET", "/api/unauthorized/client/export", AUDITOR, Endpoint::Export),
    route("GET", "/api/unauthorized/client/events", AUDITOR, Endpoint::Events),
    route("GET", "/api/reasons", AUDITOR, Endpoint::Reasons),
    route("GET", "/api/sources", AUDITOR, Endpoint::Sources),
    route("GET", "/metrics", AUDITOR, Endpoint::Metrics),
    route("POST", "/api/auth/login", Access::Public, Endpoint::Login),
    route("POST", "/api/auth/token", Access::Public, Endpoint::Renew),
    route("GET", "/openapi.json", Access::Public, Endpoint::OpenApi),
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
    let answered = match super::server::read_body(&api.limits, body).await {
        Ok(body) => dispatch(api, place, peer, &parts, &body).await,
        Err(error) => Err(error),
    };
    let response = answered.unwrap_or_else(|error| answer::error(&error, api.clock.now()));
    // What is in no table is one, whatever a stranger asks for.
    let (method, path) = find(parts.method.as_str(), parts.uri.path()).map_or(("other", "other"), |route| (route.method, route.path));
    api.metrics.request(method, path, response.status().as_u16());
    response
}

async fn dispatch(
    api: &Arc<Api>,
    place: &Arc<Place>,
    peer: Peer,
    parts: &hyper::http::request::Parts,
    body: &Bytes,
) -> Result<Response<Body>, ApiError> {
    let (uri, headers) = (&parts.uri, &parts.headers);
    guard::host(peer, uri, headers, &api.hosts)?;
    if uri.path().len() + uri.query().map_or(0, str::len) > api.limits.uri_bytes {
        let message = format!("The path and query are longer than {} bytes!", api.limits.uri_bytes);
        return Err(ApiError::limit(StatusCode::URI_TOO_LONG, message));
    }
    let route = find(parts.method.as_str(), uri.path())?;
    let params = Params::parse(uri.query().unwrap_or_default());
    match route.access {
        Access::Public => {
            if route.method != "GET" {
                guard::origin(headers, &api.hosts)?;
            }
            open(api, route, headers, body)
        }
        Access::Needs(role) => {
            let caller = auth::caller(&api.tokens, place.configured.as_ref(), peer, headers, api.clock.now())?;
            auth::require(&api.tokens, &caller, role)?;
            if route.method != "GET" {
                guard::origin(headers, &api.hosts)?;
            }
            let request = Asked { api, place, params: &params, headers, is_head: parts.method == Method::HEAD };
            let role = caller.role;
            let mut response = closed(request, route.endpoint, caller).await?;
            response.headers_mut().insert(answer::ROLE, HeaderValue::from_static(role.word()));
            Ok(response)
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
fn open(api: &Arc<Api>, route: &Route, headers: &HeaderMap, body: &Bytes) -> Result<Response<Body>, ApiError> {
    match route.endpoint {
        Endpoint::Login => login::login(api, headers, body),
        Endpoint::Renew => login::renew(api, headers, body),
        Endpoint::OpenApi => Ok(answer::json_bytes(StatusCode::OK, OPENAPI.as_bytes().to_vec())),
        Endpoint::Page => page::serve(route.path, headers),
        Endpoint::Alive => match api.silence() {
            Some(silence) => Err(ApiError::not_ready(format!("the thread that reads the logs has not moved for {silence} seconds"))),
            None => answer::json(&Status {
                status: "alive",
                configuration: api.metrics.reload_failed().then_some("old: the new one is wrong, see the log"),
            }),
        },
        Endpoint::Ready => match (api.ready)() {
            Ok(()) => answer::json(&Status { status: "ready", configuration: None }),
            Err(why) => Err(ApiError::not_ready(why)),
        },
        _ => Err(ApiError::no_such_path()),
    }
}

/// A request of somebody whose role is known.
struct Asked<'r> {
    api: &'r Arc<Api>,
    place: &'r Arc<Place>,
    params: &'r Params,
    headers: &'r HeaderMap,
    is_head: bool,
}

/// What needs a role, after it was shown.
async fn closed(request: Asked<'_>, endpoint: Endpoint, caller: Caller) -> Result<Response<Body>, ApiError> {
    let Asked { api, place, params, headers, is_head } = request;
    match endpoint {
        Endpoint::ListOrOne => rows::list_or_one(api, params).await,
        Endpoint::ListFiltered => rows::list_filtered(api, params).await,
        Endpoint::Summary => summary::summary(api, params).await,
        Endpoint::Delete => rows::delete(api, params, caller).await,
        Endpoint::Export => export::serve(api, place, params, is_head).await,
        Endpoint::Events => events::serve(api, place, params, headers),
        Endpoint::Reasons => answer::json(&Reason::ALL.iter().copied().map(ReasonBody::from).collect::<Vec<_>>()),
        Endpoint::Sources => answer::json(&(api.sources)()),
        Endpoint::Metrics => {
            // A store that cannot be read takes one number away, not all.
            let rows = api.blocking(|store, _| store.count()).await.ok();
            Ok(answer::text(api.metrics.render(rows, api.clock.now())))
        }
        Endpoint::Login | Endpoint::Renew | Endpoint::OpenApi | Endpoint::Alive | Endpoint::Ready | Endpoint::Page => {
            Err(ApiError::no_such_path())
        }
    }
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<&'static str>,
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
