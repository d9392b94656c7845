//! Where the rows live, together with how far each log was read, so that both change in one transaction.
//!
//! [`Store`] is the whole interface; [`SqliteStore`] keeps it in one file. [`Table`] has the rows' semantics in memory
//! alone, for the replay of finished logs. What both do with an attempt is decided once, in `batch`:
//!
//! - a row is found by broker, identity and client ID; the newest attempt wins by order of arrival, not by its stamp;
//! - attempts are summed and the time of the first is kept, until the client connects, which removes its row;
//! - an attempt from lines that were read before (`reread`) is ignored unless it is newer than all that is known of the
//!   client: its row, a deletion of its row or of all rows, and what retention would have removed.

mod batch;
mod bytes;
mod error;
mod feed;
mod form;
mod mirror;
mod packed;
mod query;
mod schema;
mod sqlite;
mod summary;
mod table;
mod text;
mod texts;
mod walk;

pub use batch::{Batch, LogState};
pub(crate) use bytes::put_address;
pub use error::StoreError;
pub use feed::{Feed, Since, Touched, Watcher};
pub(crate) use form::{Form, Places};
pub(crate) use packed::{Packer, View, Why};
pub use query::{Filter, Order, Page, PageQuery, SortBy};
pub use sqlite::{Settings, SqliteStore};
pub use summary::{BrokerSum, ReasonSum, Summary};
pub use table::Table;
pub(crate) use texts::Text;
pub use walk::{Cursor, Stored};

use crate::model::{ClientKey, Event, Millis, Row};

/// What [`Store::load`] finds: where reading goes on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// How far each log was read.
    pub positions: Vec<LogState>,
    /// The conversations that were open there.
    pub conversations: Vec<LogState>,
}

/// What one commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitStats {
    /// Rows made or replaced.
    pub written: u64,
    /// Rows removed because their client connected.
    pub cleared: u64,
    /// Clients whose attempts were all known before (a log that was read again).
    pub ignored: u64,
    /// Rows that went because the table was full.
    pub evicted: u64,
    /// Events that went because an output did not take them.
    pub dropped_events: u64,
}

/// An event that an output is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The same however often it is told, and no other event's.
    pub id: String,
    /// Its number in this store.
    pub seq: u64,
    /// What is told.
    pub event: Event,
}

/// What [`Store::next_events`] gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The events, in order.
    pub events: Vec<StoredEvent>,
    /// There are others that have to settle first.
    pub waiting: bool,
}

/// What one pass of [`Store::expire`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Rows recorded longer ago than the retention.
    pub rows: u64,
    /// Rows that went because the table was full.
    pub evicted: u64,
    /// Marks of deletions that nothing can bring back any more.
    pub marks: u64,
}

/// The rows and the positions of the logs they come from. Every call blocks until it is done; calls from several
/// threads are safe, and reading never waits for writing.
pub trait Store: Send + Sync {
    /// How far the logs were read, in no particular order.
    fn load(&self) -> Result<Loaded, StoreError>;

    /// Writes a batch in one transaction: all of it or, on an error, nothing. The caller keeps the batch and may commit
    /// it again when [`StoreError::retry`] says so.
    fn commit(&self, batch: &Batch, now: Millis) -> Result<CommitStats, StoreError>;

    /// One page of rows.
    fn page(&self, query: &PageQuery) -> Result<Page, StoreError>;

    /// What the rows that fit come to, their times in at most `spans` spans of equal length.
    fn summary(&self, filter: &Filter, spans: u32) -> Result<Summary, StoreError>;

    /// The rows of this client (several brokers and identities may know the same name), the newest attempt first.
    fn get(&self, client_id: &str) -> Result<Vec<Row>, StoreError>;

    /// The rows with these keys, in their order; none where there is no such row, or the filter does not let it through.
    fn look_up(&self, filter: &Filter, keys: &[ClientKey]) -> Result<Vec<Option<Row>>, StoreError>;

    /// Where a walk through the rows that are there now begins.
    fn cursor(&self) -> Result<Cursor, StoreError>;

    /// Goes on with a walk: shows rows that the filter lets through, until `each` has had enough (false), and says where the next step
    /// begins; none: that was the end. Between two steps nothing is held.
    fn walk(&self, filter: &Filter, cursor: Cursor, each: &mut dyn FnMut(&Stored<'_>) -> bool) -> Result<Option<Cursor>, StoreError>;

    /// What changed in the table; watching it holds nobody up.
    fn feed(&self) -> &Feed;

    /// Deletes the rows of this client, durably, and says how many there were.
    fn delete(&self, client_id: &str, now: Millis) -> Result<u64, StoreError>;

    /// Deletes all rows, durably, and says how many there were.
    fn delete_all(&self, now: Millis) -> Result<u64, StoreError>;

    /// Removes what is older than the retention, and the oldest rows beyond the limit.
    fn expire(&self, now: Millis) -> Result<Expired, StoreError>;

    /// Names those to whom events are told. Only then the events of a batch are kept; a store that cannot keep them tells none.
    fn outputs(&self, _names: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Notes that an output has told everything up to the number `done`, and gives what it is to tell next: at most `most` events
    /// that were written at `until` or before. What was given and not noted as done is given again after a restart.
    fn next_events(&self, _output: &str, _done: Option<u64>, _until: Millis, _now: Millis, _most: usize) -> Result<Due, StoreError> {
        Ok(Due::default())
    }

    /// How many rows there are.
    fn count(&self) -> Result<u64, StoreError>;
}
