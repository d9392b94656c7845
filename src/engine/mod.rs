//! One log from bytes to attempts: wrapper, record, grammar and conversation in a row.
//!
//! `run`, `replay`, `explain` and the grammars' samples all use this one engine.

mod arrange;
mod begin;
mod feeding;
mod hidden;
mod log_engine;
mod merge;
mod prefilter;
mod recognise;
mod searcher;
mod skim;
mod stream;
mod stumbles;
mod suspicion;
#[cfg(test)]
mod torn_tests;
mod trace;

pub use log_engine::{Engine, EngineState, Options, Stats};
pub(crate) use prefilter::Prefilter;
pub use prefilter::{literals, looked_at, searched_for};
pub use recognise::{Recognised, recognise};
pub(crate) use suspicion::prepare;
pub use trace::{Fate, Trace};
