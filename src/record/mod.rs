//! Records: one log event after unwrapping, split into stamp and message.

mod echo;
mod header;
mod multiline;
pub mod time;

pub use echo::{Echo, echoes};
pub use header::{HeaderReader, HeaderState, Parts};
pub use multiline::{Grown, Unfinished, begins};
