//! Where bytes come from: files that are followed through every kind of rotation, standard input, FIFOs, and finished logs.
//!
//! File events are a hint, never the truth. [`Doorbell`] only says "look now"; [`Follower::poll`] is the one routine that
//! decides what every file is and how far it was read, whether an event, the timer or the start of the program called it.
//! A position is worth what proves it: beside the inode it holds hashes of the bytes before the offset and of the file's
//! first bytes, and is trusted only if both still hold.
//!
//! From the inside out: `lines` cuts bytes into lines, `part` is one open file, `names` and `chain` put rotated files in
//! order, `decide` holds the decisions as pure functions, `log` follows one path (`pump` reads it, `rotate` and `restore` find
//! what came in between), `follow` all paths of a source.

mod ahead;
mod chain;
mod chunks;
mod decide;
mod discover;
mod disk;
mod doorbell;
mod finished;
mod follow;
mod journal;
mod lines;
mod log;
mod names;
mod packed;
mod part;
mod position;
mod pump;
mod reader;
mod restore;
mod rotate;
mod spec;
mod stream;

pub use discover::logs_of;
pub use doorbell::{Bell, Doorbell, Ring, WatchState};
pub use finished::{Finished, SourceError};
pub use follow::Follower;
pub use journal::{Cursor, JOURNAL, Journal, journal_fault};
pub use position::{FileId, Kind, Mark, Position, Proof};
pub use spec::{DEFAULT_MAX_LINE, LogState, LogStatus, Progress, Sink, SourceSpec, Start};
pub use stream::{Stream, is_fifo};
