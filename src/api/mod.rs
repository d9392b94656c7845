//! The HTTP API and the page.
//!
//! | route | what | who |
//! |---|---|---|
//! | `GET /api/unauthorized/client?pageSize&page` | a page of rows (TBMQ's) | auditor |
//! | `GET /api/unauthorized/client?clientId` | one row (TBMQ's) | auditor |
//! | `GET /api/unauthorized/client/v2?pageSize&page` | a page with all filters (TBMQ's, and ours: `broker`, `reasonCode`) | auditor |
//! | `GET /api/unauthorized/client/summary` | what the rows that fit the same filters come to: over time, by reason, by broker | auditor |
//! | `DELETE /api/unauthorized/client[?clientId]` | delete one, or all (TBMQ's) | operator |
//! | `GET /api/unauthorized/client/events` | what changes, as it changes (docs/api.md) | auditor |
//! | `GET /api/unauthorized/client/export` | the filtered table as a file | auditor |
//! | `POST /api/auth/login`, `/api/auth/token` | TBMQ's login, with a token as password | anyone |
//! | `GET /api/reasons` | the reasons with cause and solution | auditor |
//! | `GET /api/sources` | the state of each source | auditor |
//! | `GET /metrics` | counters for Prometheus | auditor |
//! | `GET /openapi.json` | all of this, for programs | anyone |
//! | `GET /healthz`, `/readyz` | alive; ready | anyone |
//! | `GET /`, `/page.js` and its parts, `/page.css` | the page; it holds no data | anyone |
//!
//! Paths, parameters, shapes and errors of the first four are TBMQ's, so that its clients work unchanged. We differ where TBMQ
//! answers a caller's mistake with 500 (a number that is none, an unknown sort property): that is 400 here; and a DELETE
//! with a parameter that nobody knows is refused, for a misspelt `clientId` must not delete everything.
//!
//! Status codes: 400 the request is wrong; 401 no or a wrong token; 403 not allowed, or sent by another site's page; 404 no
//! such row or path; 405 not this method; 408, 413, 414, 431 a limit; 415 no JSON; 421 the `Host` is not one of ours; 500 our fault, see our log;
//! 503 not ready.

mod answer;
mod auth;
mod body;
mod error;
mod events;
mod export;
mod guard;
mod limits;
mod listen;
mod login;
mod page;
mod params;
mod routes;
mod rows;
mod rule;
mod server;
mod session;
mod stall;
mod summary;
mod tls;
mod token;

pub use answer::DELETED;
pub use auth::{Role, Tokens};
pub use limits::Limits;
pub use listen::{Inherited, Listen, ListenError, Listener, adopt, allowed, bind};
pub use routes::{Access, OPENAPI, ROUTES, Route};
pub use rule::{Rule, Rules, SOCKET_MODE};
pub use server::{Api, Server, serve};
pub use tls::{Tls, TlsError, TlsFiles};
pub use token::{Hash, HashError, NewToken, TokenConfig};
