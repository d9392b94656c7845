//! Wrappers: what a collector puts around the line that a broker wrote, recognised without being told.
//!
//! | Layer | Looks like |
//! |---|---|
//! | syslog, traditional (also `journalctl -o short`, `short-precise`) | `Nov 23 15:05:52 host ident[1]: text` |
//! | syslog, ISO (also `journalctl -o short-iso`, `short-iso-precise`) | `2026-11-23T15:05:52.1+00:00 host ident[1]: text` |
//! | syslog, RFC 5424 | `<30>1 2026-11-23T15:05:52Z host ident 1 - - text` |
//! | `journalctl -o short-full`, `with-unit`, `short-unix` | `Mon 2026-11-23 15:05:52 UTC host ident[1]: text` |
//! | `journalctl -o json`, `json-seq` | `{"__REALTIME_TIMESTAMP":"…","MESSAGE":"text"}` |
//! | Docker json-file, `docker logs -t` | `{"log":"text\n","stream":"stdout","time":"…"}` |
//! | Kubernetes CRI, `kubectl logs --prefix` | `2026-11-23T15:05:52.1Z stdout F text` |
//! | docker compose, swarm, podman-compose | <code>mosquitto-1  &#124; text</code> |
//! | Home Assistant's journal | `2026-11-23 15:05:52.123 host addon[1]: text` |
//!
//! **What a stranger writes must not pass for a wrapper.** A client ID may stand at the start of a broker's line, so shape alone
//! is no proof: the first lines of a log decide which wrappers it has ([`Unwrapper`] learns them), and a line in any other wrapper
//! is the broker's own text. Within a wrapper the same holds for what stands inside it, for each writer on its own.

mod container;
mod docker;
mod held;
mod journal;
pub(crate) mod json;
mod layer;
mod learned;
mod octal;
mod piece;
mod prefix;
mod recognise;
mod stamps;
mod syslog;
mod text;
mod unwrapper;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod split_tests;

pub use held::{HELD_BYTES, HELD_PARTS, HeldCounts};
pub use layer::{Kind, Layer};
pub use piece::{Piece, StreamId, Unwrapped};
pub use unwrapper::{Hides, SPLIT_MARKS, Snapshot, Unwrapper};
