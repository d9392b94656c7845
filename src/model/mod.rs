//! The types that travel through the program: what an attempt is, what a row is, and the reasons.

mod attempt;
mod event;
mod evidence;
mod fields;
pub mod kept;
mod names;
mod reason;
mod row;

pub use attempt::{Attempt, Change, ClientKey, Ending, Identity, Link, Twin};
pub use event::{Event, EventKind, Told};
pub use evidence::Evidence;
pub use fields::Fields;
pub use names::Names;
pub use reason::{Family, Reason, Reasons};
pub use row::{Field, Row};

/// Milliseconds since the epoch, UTC.
pub type Millis = i64;
