//! Joins the records of one connection until its outcome is known.
//!
//! `facts` is what is known of a connection, `open` the connections without an outcome, `keyed` the conversations whose records
//! name them, `lanes` the records that wait for the next one, `sessions` who is connected, `quote` a line that may be evidence, `reason` narrows why a connection failed, `refusal` makes a row of a finished one.
//! `joiner` decides what a record does: `joiner/applies` whether its rule may, `joiner/by_key` for records that name their
//! conversation, `joiner/waiting` for those that wait for others, `joiner/ends` for those that end a connection, `joiner/refused` for what waits for these, `joiner/usual` for connects
//! that concern nobody else, `joiner/strangers`
//! for what a torn record leaves in doubt; `joiner/merge` puts records together. Three kinds of join, from certain to deduced: by key
//! (both records name the connection), by adjacency (the product writes them in one breath), by elimination (only one connection can
//! be meant).

mod facts;
mod joiner;
mod keyed;
mod lanes;
mod open;
mod owed;
mod quote;
pub(crate) mod reason;
mod refusal;
mod sessions;

pub use facts::Facts;
pub use joiner::{Client, Connected, Effect, Joiner, Said, TORN_BYTES};
pub use open::{Found, Open, Opened};
pub use quote::Quote;
pub use refusal::{Context, Settings};
