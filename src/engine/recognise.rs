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
    fn rank(&self) -> (usize, usize, &str) {
        (self.telling, self.known, &self.grammar.name)
    }

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
    let try_one = |grammar: Arc<Grammar>| {
        let mut engine = Engine::without_prefilter(Arc::clone(&grammar), options.clone());
        let mut found = Recognised { grammar, telling: 0, known: 0, of: lines.len() };
        for line in &lines {
            let mut trace = Trace::default();
            engine.line(line, 0, &mut Vec::new(), Some(&mut trace));
            found.count(trace.earlier.as_deref());
            found.count(Some(&trace));
        }
        found.count(engine.finish_traced(&mut Vec::new()).as_ref());
        found
    };
    let best =
        |tried: &mut dyn Iterator<Item = Recognised>| tried.filter(|found| found.known > 0).max_by(|one, two| one.rank().cmp(&two.rank()));
    // One line that only one product writes counts more than any number that several do: the others need not be tried then.
    let (telling, others) = library.by_telling(&lines.concat());
    let first = best(&mut telling.map(try_one));
    if first.as_ref().is_some_and(|found| found.telling > 0) {
        return first;
    }
    best(&mut first.into_iter().chain(others.map(try_one)))
}
