//! Searches for several dozen texts at once.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::packed::{Config, MatchKind, Searcher as Packed};
use aho_corasick::{AhoCorasick, Input};

use super::arrange::{FEW, arranged};
use super::begin::begun;
use super::merge::merged;

/// When so many bytes of a log will have been searched, the searcher is fitted to what this log holds, and again later, because its beginning
/// may not be like the rest.
const FITTED: [usize; 3] = [256 << 10, 16 << 20, 1 << 30];
/// It is fitted to a piece of at least so many bytes: a few lines would tell nothing.
const LEAST: usize = 64 << 10;
/// So much of the piece is looked at, in so many places; all of it takes as long as searching three megabytes.
const MOST: usize = 128 << 10;
const PLACES: usize = 16_384;

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

    /// Where the first text at or after `from` stands. The bytes are a piece of the one log that is searched.
    pub(super) fn find(&mut self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        // A log's first line may be all that is ever searched for these texts: it tells what is looked for in the others.
        let due = FITTED.get(self.fitted).is_some_and(|size| self.searched.saturating_add(bytes.len() - from) >= *size);
        if due && self.searched > 0 && bytes.len() >= LEAST {
            self.fit(&bytes[..bytes.len().min(MOST)]);
        }
        let hit = match &self.kind {
            Kind::Packed(searcher) => searcher.find_in(bytes, (from..bytes.len()).into()).map(|hit| hit.start()..hit.end()),
            Kind::Automaton(automaton) => automaton.find(Input::new(bytes).range(from..)).map(|hit| hit.range()),
        };
        self.searched = self.searched.saturating_add(hit.as_ref().map_or(bytes.len(), |hit| hit.end) - from);
        hit
    }

    /// Fits it to the log that these bytes are of. It finds all that it found before.
    fn fit(&mut self, log: &[u8]) {
        self.fitted += 1;
        if matches!(self.kind, Kind::Packed(_)) {
            let texts: Vec<&[u8]> = self.texts.iter().map(Vec::as_slice).collect();
            let texts = begun(&merged(&texts, log, FEW.1).unwrap_or(texts), log);
            let texts = arranged(&texts, log, PLACES);
            self.kind = packed(&texts).map_or_else(|| self.kind.clone(), Kind::Packed);
        }
    }
}

fn packed(texts: &[&[u8]]) -> Option<Arc<Packed>> {
    Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(texts).build().map(Arc::new)
}
