//! Passes over the lines in which a broker repeats a client's own words.
//!
//! What such a line is goes by the one before it, so each must be looked at. But only at how it begins: the first that is something else ends
//! it, and is searched like any other.

use super::log_engine::{Engine, text_of};
use crate::model::Millis;
use crate::record::time::TimeContext;
use crate::wrapper::Piece;

impl Engine {
    /// The end of the line that begins here, if it is a client's own words and nothing is to be done about it. Only in logs without
    /// wrappers: to take a line out of its wrapper is most of the work.
    pub(super) fn skim(&mut self, bytes: &[u8], at: usize, read_at: Millis) -> Option<usize> {
        let latest = self.latest(read_at);
        let Engine { grammar, options, prefilter, unwrapper, streams, stats, .. } = self;
        let [writer] = streams.list.as_mut_slice() else { return None };
        if prefilter.is_none() || !writer.stream.is_echoing(grammar) || !unwrapper.is_bare() {
            return None;
        }
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
        let line = text_of(&bytes[at..end]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Piece::Whole(unwrapped) = unwrapper.line(line, latest) else { return None };
        let context = TimeContext { zone: &options.zone, reference: latest };
        writer.stream.skim(grammar, unwrapped.text, &context).then(|| {
            stats.lines += 1;
            end
        })
    }
}
