//! Which product wrote an unknown log.

use std::sync::Arc;

use super::log_engine::{Engine, Options};
use super::trace::Trace;
use crate::grammar::{Grammar, Library};

/// How many lines of an unknown log are looked at.
const LINES: usize = 400;

/// A grammar that fits an unknown log.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// The grammar.
    pub grammar: Arc<Grammar>,
    /// Lines that only this product writes.
    pub telling: usize,
    /// Lines that a rule of it takes.
    pub known: usize,
    /// Lines looked at.
    pub of: usize,
}

impl Recognised {
    fn count(&mut self, trace: Option<&Trace>) {
        if let Some(trace) = trace.filter(|trace| trace.rule.is_some()) {
            self.known += 1;
            self.telling += usize::from(self.grammar.is_telling(trace.message.as_bytes()));
        }
    }
}

/// The grammar whose rules fit the first lines best; none when no line fits any.
pub fn recognise(library: &Library, options: &Options, head: &[u8]) -> Option<Recognised> {
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(LINES).collect();
    let tried = library.each().map(|grammar| {
        let mut engine = Engine::new(Arc::clone(&grammar), options.clone());
        let mut found = Recognised { grammar, telling: 0, known: 0, of: lines.len() };
        for line in &lines {
            let mut trace = Trace::default();
            engine.line(line, 0, &mut Vec::new(), Some(&mut trace));
            found.count(trace.earlier.as_deref());
            found.count(Some(&trace));
        }
        found.count(engine.finish_traced(&mut Vec::new()).as_ref());
        found
    });
    tried.filter(|found| found.known > 0).max_by_key(|found| (found.telling, found.known))
}
