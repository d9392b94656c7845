//! The table that an uninterrupted run makes of a log: the engine alone, without tail, store and API.

use std::sync::Arc;

use serde_json::Value;
use turnaway::conversation::Settings;
use turnaway::engine::{Engine, Options};
use turnaway::grammar::Library;
use turnaway::model::Row;
use turnaway::store::Table;

/// What the source of these tests says.
pub(crate) fn broker_options(tls_ports: &[u16]) -> Options {
    Options {
        settings: Settings { broker: "mosquitto".into(), tls_ports: tls_ports.to_vec(), ..Settings::default() },
        ..Options::default()
    }
}

/// The rows of a whole Mosquitto log.
pub(crate) fn table_of(log: &[u8], options: Options) -> Vec<Row> {
    let library = Library::load(None).unwrap();
    let mut engine = Engine::new(Arc::clone(library.get("mosquitto").unwrap()), options);
    let mut attempts = Vec::new();
    engine.feed(log, 0, &mut attempts);
    engine.finish(&mut attempts);
    let mut table = Table::default();
    for attempt in attempts {
        table.push(attempt, true);
    }
    table.into_rows()
}

/// The same as the API would give them.
pub(crate) fn engine_rows(log: &[u8], tls_ports: &[u16]) -> Vec<Value> {
    table_of(log, broker_options(tls_ports)).iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}
