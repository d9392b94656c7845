//! Records: one log event after unwrapping, split into stamp and message.

mod colours;
mod echo;
mod fields;
mod framing;
mod header;
mod multiline;
mod secrets;
pub mod time;

pub use colours::off as colours_off;
pub use echo::{Echo, echoed};
pub use fields::Values;
pub use framing::{Gathered, Torn};
pub use header::{Found, HeaderReader, HeaderState, Parts};
pub use multiline::{Grown, Unfinished, begun};
pub use secrets::{MARK, scrubbed};
