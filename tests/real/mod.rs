//! What the tests with real processes share: a broker and the daemon as child processes, an MQTT client made of bytes,
//! certificates, and the table that the engine alone makes of the same log.

#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

mod broker;
mod certs;
mod client;
mod daemon;
mod http;
mod journal;
mod mqtt;
mod notify;
pub(crate) mod product;
pub(crate) mod service;
mod table;
mod tls;
mod truth;
mod wait;

pub(crate) use broker::Broker;
pub(crate) use certs::Certs;
pub(crate) use client::{Session, attempt, connect, dial, half_close};
pub(crate) use daemon::{Daemon, Setup};
pub(crate) use http::delete as http_delete;
pub(crate) use journal::Journal;
pub(crate) use mqtt::{Connect, subscribe, unsubscribe};
pub(crate) use notify::Manager;
pub(crate) use table::engine_rows;
pub(crate) use tls::{TlsClient, tls_attempt};
pub(crate) use truth::{Client, Fate, Truth, certain};
pub(crate) use wait::wait_until;
