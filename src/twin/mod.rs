//! Makes one attempt of what several records of one broker say of it, in whichever of its logs they stand.
//!
//! Some products write more than one log: HiveMQ's `event.log` names the client of a refusal, its `hivemq.log` says why the handshake
//! failed; VerneMQ's `error.log` repeats lines of its `console.log`. Each log is read by an engine of its own; here their attempts
//! meet, whatever log is read first:
//!
//! - **Copies** (`copies`): the same line in another log, or the same row at the very same millisecond, is the same attempt. The
//!   second line of one log is the copy of the second line of another, so that a client that failed twice counts twice.
//! - **Twins** (`stage`, `merge`): a grammar says which records tell the same attempt (`same_as`). Two of them are joined when the
//!   facts that both hold agree, in the order in which each log has them. The one that must come first waits for the other; nothing
//!   is joined that contradicts.
//!
//! What comes out is in the order of time as far as the logs that are still being read allow: a client's refusal in one log and its
//! acceptance in another end as they happened.

mod copies;
mod group;
mod halves;
mod merge;
mod stage;
#[cfg(test)]
mod tests;

pub use group::{Shelf, brokers};
pub use stage::{LogId, Twins, TwinsState, log_id};
