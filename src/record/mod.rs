//! Records: one log event after unwrapping, split into stamp and message.

mod header;
mod multiline;
pub mod time;

pub use header::{HeaderReader, HeaderState, Parts};
pub use multiline::{Grown, Unfinished, begins};
