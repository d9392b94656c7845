//! Joins a terminator's log with the log of the broker behind it.
//!
//! Behind a TLS terminator a broker sees the terminator's address. The terminator's log has the client's, and the certificate. What
//! proves that two records are about one connection is the terminator's own port on its way to the broker, which both logs show,
//! or, with the PROXY protocol, the client's own address and port. Where neither is logged, the order of the ends of connections is
//! left, which is that of the lines in both logs (`align`, `ends`): such a join is marked as deduced. Without a join the client's address is not known, and the
//! terminator's is never shown in its place.
//!
//! Either record may come first: `passages` keeps what terminators handed on, `Linker` holds a broker's refusal for a moment.

mod align;
mod ends;
mod held;
mod linker;
mod merge;
mod passages;
#[cfg(test)]
mod tests;

pub use linker::{Linker, LinkerState, Side};
