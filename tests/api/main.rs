//! The API over real sockets: every route for every role, TBMQ's answers, other sites' pages, events, and every limit.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod events;
mod harness;
mod limits;
mod other_sites;
mod pages;
mod roles;
mod service;
