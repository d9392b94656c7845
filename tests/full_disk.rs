//! A store that has no room when the daemon starts: the start is not held up, and nothing is lost.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use turnaway::clock::Clock;
use turnaway::daemon::{Ingest, Shared, SourceConfig};
use turnaway::engine::Options;
use turnaway::grammar::Library;
use turnaway::metrics::Metrics;
use turnaway::model::{ClientKey, Millis, Row};
use turnaway::source::{SourceSpec, Start};
use turnaway::store::{
    Batch, CommitStats, Cursor, Expired, Feed, Filter, Loaded, Page, PageQuery, Settings, SqliteStore, Store, StoreError, Stored, Summary,
};

struct Tight {
    store: SqliteStore,
    full: AtomicBool,
}

impl Store for Tight {
    fn load(&self) -> Result<Loaded, StoreError> {
        self.store.load()
    }
    fn commit(&self, batch: &Batch, now: Millis) -> Result<CommitStats, StoreError> {
        match self.full.load(Ordering::Acquire) {
            true => Err(StoreError::Full { path: PathBuf::from("t.db") }),
            false => self.store.commit(batch, now),
        }
    }
    fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        self.store.page(query)
    }
    fn summary(&self, filter: &Filter, spans: u32) -> Result<Summary, StoreError> {
        self.store.summary(filter, spans)
    }
    fn get(&self, client_id: &str) -> Result<Vec<Row>, StoreError> {
        self.store.get(client_id)
    }
    fn look_up(&self, filter: &Filter, keys: &[ClientKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.store.look_up(filter, keys)
    }
    fn cursor(&self) -> Result<Cursor, StoreError> {
        self.store.cursor()
    }
    fn walk(&self, filter: &Filter, cursor: Cursor, each: &mut dyn FnMut(&Stored<'_>) -> bool) -> Result<Option<Cursor>, StoreError> {
        self.store.walk(filter, cursor, each)
    }
    fn feed(&self) -> &Feed {
        self.store.feed()
    }
    fn delete(&self, client_id: &str, now: Millis) -> Result<u64, StoreError> {
        self.store.delete(client_id, now)
    }
    fn delete_all(&self, now: Millis) -> Result<u64, StoreError> {
        self.store.delete_all(now)
    }
    fn expire(&self, now: Millis) -> Result<Expired, StoreError> {
        self.store.expire(now)
    }
    fn count(&self) -> Result<u64, StoreError> {
        self.store.count()
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Millis {
        1_795_446_300_000
    }
}

#[test]
fn a_full_disk_at_the_start_holds_nothing_up_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("mosquitto.log");
    let refused = "1795446174: Client pump-4 disconnected, not authorised.\n";
    std::fs::write(&log, format!("1795446174: mosquitto version 2.0.22 starting\n{refused}")).unwrap();
    let store = SqliteStore::open(&dir.path().join("t.db"), Settings::default()).unwrap();
    let store = Arc::new(Tight { store, full: AtomicBool::new(true) });
    let library = Library::load(None).unwrap();
    let mut spec = SourceSpec::new("mosquitto", vec![log.display().to_string()]);
    spec.start = Start::Beginning;
    let source = SourceConfig { spec, grammar: library.get("mosquitto").cloned(), options: Options::default() };
    let mut ingest = Ingest::open(
        vec![source],
        true,
        Arc::new(library),
        Arc::clone(&store) as Arc<dyn Store>,
        Arc::new(Noon),
        Arc::new(Metrics::default()),
        Arc::new(Shared::new()),
    )
    .unwrap();
    ingest.begin().unwrap();
    assert_eq!(store.count().unwrap(), 0);
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(refused.as_bytes()).unwrap();
    store.full.store(false, Ordering::Release);
    ingest.pass().unwrap();
    assert_eq!(store.get("pump-4").unwrap()[0].attempts, 2);
}
