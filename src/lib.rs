//! turnaway: the latest failed connection attempt of every MQTT client, from the logs that a broker already writes.
//!
//! The modules stand in the order in which a line travels:
//!
//! ```text
//! source ── bytes ──▶ wrapper ──▶ record ──▶ grammar ──▶ conversation ──▶ store ──▶ api, cli
//!  tail,     unwrap     header,    match,     join,         SQLite         hyper,
//!  rotate    the line   stamp      capture    outcome                      page
//! ```
//!
//! Data flows one way: a later module never calls an earlier one. `engine` wires wrapper to conversation for one log,
//! `daemon` wires all of it, `model` holds the types that travel.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conversation;
pub mod csv;
pub mod daemon;
pub mod discover;
pub mod engine;
pub mod events;
pub mod grammar;
pub mod grammar_test;
pub mod link;
pub mod metrics;
pub mod model;
pub mod own_log;
pub mod record;
pub mod replay;
pub mod scaffold;
pub mod service;
pub mod signals;
pub mod source;
pub mod store;
pub mod text;
pub mod twin;
pub mod wrapper;
