//! Searches for several dozen texts at once.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::packed::{Config, MatchKind, Searcher as Packed};
use aho_corasick::{AhoCorasick, Input};

use super::arrange::{FEW, arranged, narrowed};
use super::merge::merged;

/// After so many bytes of a log the searcher is fitted to what this log holds, which takes as long as searching a megabyte; in a large one
/// it pays to look for fewer texts, which takes as long as searching ten.
const FITTED: [usize; 3] = [256 << 10, 16 << 20, 1 << 30];

/// What searches. Copies have its tables in common until they are fitted to logs of their own.
#[derive(Debug, Clone)]
pub(super) struct Searcher {
    texts: Arc<[Vec<u8>]>,
    kind: Kind,
    /// Bytes of the log that were searched, and how often the searcher was fitted to them.
    searched: usize,
    fitted: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    /// As fast as memory is read.
    Packed(Arc<Packed>),
    /// For more texts than that one takes: a tenth as fast.
    Automaton(AhoCorasick),
}

impl Searcher {
    /// For these texts; none when they are too many for anything.
    pub(super) fn new(texts: &[&[u8]]) -> Option<Searcher> {
        let kind = packed(texts).map(Kind::Packed).or_else(|| {
            let kind = aho_corasick::MatchKind::LeftmostFirst;
            AhoCorasick::builder().match_kind(kind).build(texts).ok().map(Kind::Automaton)
        });
        Some(Searcher { kind: kind?, texts: texts.iter().map(|text| text.to_vec()).collect(), searched: 0, fitted: 0 })
    }

    /// How many texts it looks for.
    pub(super) fn texts(&self) -> usize {
        self.texts.len()
    }

    /// Where the first text at or after `from` stands.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        match &self.kind {
            Kind::Packed(searcher) => searcher.find_in(bytes, (from..bytes.len()).into()).map(|hit| hit.start()..hit.end()),
            Kind::Automaton(automaton) => automaton.find(Input::new(bytes).range(from..)).map(|hit| hit.range()),
        }
    }

    /// Fits it to the log that these bytes are of, when it is time for that. It finds all that it found before.
    pub(super) fn fit(&mut self, log: &[u8]) {
        self.searched = self.searched.saturating_add(log.len());
        if !matches!(self.kind, Kind::Packed(_)) || FITTED.get(self.fitted).is_none_or(|size| self.searched < *size) {
            return;
        }
        self.fitted = FITTED.iter().filter(|size| **size <= self.searched).count();
        let texts: Vec<&[u8]> = self.texts.iter().map(Vec::as_slice).collect();
        let texts = match self.fitted {
            1 => arranged(&texts, log),
            _ => narrowed(&merged(&texts, log, FEW.1).unwrap_or(texts), log),
        };
        if let Some(searcher) = packed(&texts) {
            self.kind = Kind::Packed(searcher);
        }
    }
}

fn packed(texts: &[&[u8]]) -> Option<Arc<Packed>> {
    Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(texts).build().map(Arc::new)
}
