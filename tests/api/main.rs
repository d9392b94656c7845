//! The API over real sockets: every route for every role, TBMQ's answers, other sites' pages, events, exports, TLS, and every limit.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod events;
mod export;
mod harness;
mod limits;
mod openapi;
mod other_sites;
mod pages;
mod roles;
mod service;
mod tbmq;
mod tls;
