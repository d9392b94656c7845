//! Takes in chunks of a log, and passes over what no rule can take.
//!
//! A line on its own is passed over unread. Where records may have several lines, what is found may stand in any of them: then it is stepped
//! back to where the record begins, so that what is read is a record from its first line on. What stood before it can change nothing: the record
//! before was ended, and records that no rule takes leave nothing behind.

use std::ops::Range;

use super::log_engine::{Engine, text_of};
use super::prefilter::Need;
use super::stream::{Place, Surroundings};
use crate::grammar::{Continues, EchoForm, Framing};
use crate::model::{Attempt, Millis};
use crate::record::colours_off;
use crate::record::time::TimeContext;
use crate::wrapper::Piece;

/// Of so many lines in a row that rules took, only the first few are searched for: where every line counts, as in a flood, it need not be found
/// out that the next is one to be read.
const ROW: u32 = 128;
const SEARCHED: u32 = 8;

/// What a line is that was looked at, but not taken in.
struct Seen {
    place: Place,
    /// It goes on with the record that is being gathered.
    goes_on: bool,
    /// Its header, where lines with the same one belong together.
    header: Vec<u8>,
}

impl Engine {
    /// Takes in whole lines; the last may lack its line end. Lines that no rule can take are passed over unread where the log's
    /// wrappers allow it.
    pub fn feed(&mut self, bytes: &[u8], read_at: Millis, out: &mut Vec<Attempt>) {
        self.feed_each(bytes, read_at, out, &mut |_| {});
    }

    /// The same; `each` is called after each line that was looked at. The memory of attempts that it takes away is used again at once.
    pub fn feed_each(&mut self, bytes: &[u8], read_at: Millis, out: &mut Vec<Attempt>, each: &mut dyn FnMut(&mut Vec<Attempt>)) {
        let grammar = std::sync::Arc::clone(&self.grammar);
        let (mut at, mut wanted, mut ahead, mut row) = (0, 0, None, 0);
        while at < bytes.len() {
            if let Some(end) = self.skim(bytes, at, read_at) {
                at = end;
                continue;
            }
            let crowded = row % ROW >= SEARCHED;
            let hit = if at < wanted || crowded { None } else { self.next_hit(bytes, at, &mut ahead) };
            let found = hit.is_some() || crowded;
            let next = match (hit, &grammar.framing) {
                (None, _) => line_at(bytes, at),
                (Some(hit), _) if hit.start == at => hit,
                (Some(hit), None) => {
                    let start = if self.tells_echoes() { unechoed(&grammar.echoes, bytes, at, &hit) } else { hit.start };
                    self.stats.lines += lines(&bytes[at..start]);
                    if start < hit.start {
                        (at, wanted) = (start, hit.end);
                        continue;
                    }
                    hit
                }
                (Some(hit), Some(framing)) if !self.is_gathering() => {
                    let start = self.record_start(framing, bytes, at, &hit, read_at);
                    self.stats.lines += lines(&bytes[at..start]);
                    (at, wanted) = (start, hit.end);
                    continue;
                }
                (Some(_), Some(framing)) => {
                    let line = line_at(bytes, at);
                    if self.see(framing, &bytes[line.clone()], read_at).is_some_and(|seen| !seen.goes_on) {
                        self.each(out, |stream, around| stream.end_gathered(around));
                        each(out);
                        continue;
                    }
                    line
                }
            };
            if next.is_empty() {
                break;
            }
            let (alone, taken) = (next.start > at, self.stats.matched);
            at = next.end;
            match if found { self.usual(bytes, &next, read_at, out, &mut ahead) } else { None } {
                Some(end) => at = end,
                None => self.line(&bytes[next], read_at, out, None),
            }
            row = if alone || self.stats.matched == taken { 0 } else { row + 1 };
            each(out);
        }
    }

    /// Takes in the line that opens a connection and the one that accepts its client, where this and the next that counts are that. Where the
    /// second ends.
    fn usual(
        &mut self,
        bytes: &[u8],
        opened: &Range<usize>,
        read_at: Millis,
        out: &mut Vec<Attempt>,
        ahead: &mut Option<(Need, Range<usize>)>,
    ) -> Option<usize> {
        let line = |range: &Range<usize>| bytes[range.clone()].strip_suffix(b"\n");
        let latest = self.latest(read_at);
        let writer = if let [writer] = self.streams.list.as_mut_slice() { Some(writer) } else { None };
        let writer = writer.filter(|writer| writer.stream.knows_usual())?;
        let opening = line(opened).filter(|line| self.unwrapper.is_plain(line))?;
        let context = TimeContext { zone: &self.options.zone, reference: latest };
        let opening = writer.stream.opening(&self.grammar, opening, &context)?;
        // Mostly it is the very next one, and need not be searched for.
        let next = line_at(bytes, opened.end);
        let accepted = match writer.stream.may_answer(&opening, &bytes[next.clone()]) {
            true => next,
            false => self.next_hit(bytes, opened.end, ahead)?,
        };
        let acceptance = line(&accepted).filter(|line| self.unwrapper.is_plain(line))?;
        if self.tells_echoes() && unechoed(&self.grammar.echoes, bytes, opened.end, &accepted) < accepted.start {
            return None;
        }
        let Engine { grammar, options, streams, stats, rows, .. } = self;
        let mut around = Surroundings { grammar, settings: &options.settings, zone: &options.zone, out, stats, gap: &mut false, latest };
        streams.list.first_mut()?.stream.accepted(&opening, acceptance, rows.as_deref(), &mut around)?;
        self.stats.lines += 2 + lines(&bytes[opened.end..accepted.start]);
        Some(accepted.end)
    }

    /// The next line that a rule may take; an empty one behind the last if there is none. None: what stands here must be looked at,
    /// whatever it is.
    fn next_hit(&mut self, bytes: &[u8], at: usize, ahead: &mut Option<(Need, Range<usize>)>) -> Option<Range<usize>> {
        let need = self.need();
        let prefilter = self.prefilter.as_mut()?;
        if !self.unwrapper.searchable() || self.streams.list.iter().any(|writer| writer.stream.needs_every_line()) {
            return None;
        }
        // Lines of several writers stand among each other.
        if self.grammar.framing.is_some() && (!self.unwrapper.is_one_writers() || self.streams.list.len() != 1) {
            return None;
        }
        // What was found before the record that is gathered was known may not be all that is looked for after it.
        if let Some((_, hit)) = ahead.as_ref().filter(|(of, hit)| *of == need && hit.start >= at) {
            return Some(hit.clone());
        }
        let hit = prefilter.next_line(&self.grammar, bytes, at, self.unwrapper.hides(), need).unwrap_or(bytes.len()..bytes.len());
        *ahead = Some((need, hit.clone()));
        Some(hit)
    }

    /// What the log is searched for in this state.
    fn need(&self) -> Need {
        let waits = self.streams.list.iter().any(|writer| !writer.stream.joiner.is_calm());
        Need { echoes: !self.tells_echoes(), ends: waits || self.options.settings.behind }
    }

    /// Whether which lines repeat a client's words is told from the lines before them, and not by looking at each record that they may follow.
    fn tells_echoes(&self) -> bool {
        self.tells_echoes && self.unwrapper.is_bare()
    }

    fn is_gathering(&self) -> bool {
        self.streams.list.iter().any(|writer| writer.stream.is_gathering())
    }

    /// Where the record begins that this line may belong to; no line before `from` does. For no line at all: where the last record begins, which
    /// may go on in the next chunk.
    fn record_start(&mut self, framing: &Framing, bytes: &[u8], from: usize, hit: &Range<usize>, read_at: Millis) -> usize {
        // A line that may be a part of one must not be read twice.
        let last = if self.unwrapper.hides().long.is_some() { hit.start } else { hit.end };
        let (mut end, mut begun, mut header) = (last, None, Vec::new());
        while end > from {
            let start = memchr::memrchr(b'\n', &bytes[from..end - 1]).map_or(from, |feed| from + feed + 1);
            if let Some(seen) = self.see(framing, &bytes[start..end], read_at) {
                let here = if end == last { start } else { end };
                match seen.place {
                    Place::Ends | Place::Alone => return begun.unwrap_or(here),
                    Place::Bare if !framing.joins(Continues::Unstamped) => return begun.unwrap_or(here),
                    Place::Bare => {}
                    Place::Begins { joins, .. } if !joins || !framing.joins(Continues::SameHeader) => return begun.unwrap_or(start),
                    Place::Begins { .. } if begun.is_some() && header != seen.header => return begun.unwrap_or(start),
                    Place::Begins { .. } => (begun, header) = (Some(start), seen.header),
                }
            }
            end = start;
        }
        begun.unwrap_or(from)
    }

    /// Looks at a line that is no part of one, in a log of one writer, of which the wrappers are known: that changes nothing.
    fn see(&mut self, framing: &Framing, line: &[u8], read_at: Millis) -> Option<Seen> {
        let line = text_of(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let latest = self.latest(read_at);
        let Engine { grammar, options, unwrapper, streams, stats, .. } = self;
        let Piece::Whole(unwrapped) = unwrapper.line(line, latest) else { return None };
        let text = colours_off(grammar.colours, unwrapped.raw.unwrap_or(unwrapped.text));
        let stream = &mut streams.list.first_mut()?.stream;
        let (out, gap) = (&mut Vec::new(), &mut false);
        let around = Surroundings { grammar, settings: &options.settings, zone: &options.zone, out, stats, gap, latest };
        let place = stream.place(framing, &text, &around);
        let header = match place {
            Place::Begins { header, .. } if framing.joins(Continues::SameHeader) => text[..header].trim_ascii_end().to_vec(),
            _ => Vec::new(),
        };
        Some(Seen { place, goes_on: stream.goes_on(framing, &text, &place), header })
    }
}

/// Where to begin to read, so that it is known whether this line repeats a client's words: at the last line that surely does not, because
/// neither it nor the line before it holds the text that stands between a client's words. For no line at all the next one is not known: then it is
/// the last line that must not be one of those, nor one after which they are repeated.
fn unechoed(echoes: &[EchoForm], bytes: &[u8], from: usize, hit: &Range<usize>) -> usize {
    if hit.start <= from {
        return from;
    }
    if hit.is_empty() {
        let last = memchr::memrchr(b'\n', &bytes[from..hit.start - 1]).map_or(from, |feed| from + feed + 1)..hit.start;
        let start = unechoed(echoes, bytes, from, &last);
        let begins = |text: &Vec<u8>| memchr::memmem::find(&bytes[last.clone()], text).is_some();
        let begun = echoes.iter().flat_map(|form| &form.literals).any(begins);
        return if start < last.start || begun { start } else { hit.start };
    }
    // Its first byte stands in few lines, and is found quicker than the whole of it.
    let holds = |line: &[u8], text: &[u8]| text.first().is_none_or(|byte| memchr::memchr(*byte, line).is_some());
    let between = |line: &[u8]| echoes.iter().any(|form| holds(line, &form.between));
    let (mut start, mut holds) = (hit.start, between(&bytes[hit.clone()]));
    while start > from {
        let before = memchr::memrchr(b'\n', &bytes[from..start - 1]).map_or(from, |feed| from + feed + 1);
        let held = std::mem::replace(&mut holds, between(&bytes[before..start]));
        if !held && !holds {
            return start;
        }
        start = before;
    }
    from
}

/// The line that begins here, with its line end.
fn line_at(bytes: &[u8], at: usize) -> Range<usize> {
    at..memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1)
}

/// How many lines stand here; the last may lack its end.
fn lines(bytes: &[u8]) -> u64 {
    bytecount::count(bytes, b'\n') as u64 + u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::Options;
    use crate::grammar::{Texts, load};

    const GRAMMAR: &str = r#"
format = 1
name = "gathered"
title = "Gathered"
detect = ["[{_}] was refused"]
header = ["{time:%Y-%m-%d %H:%M:%S} {message}"]

[record]
continues = "unstamped"

[[rule]]
name = "why"
match = "reason for this: {words}"
outcome = "context"
reason = ["other"]

[[rule]]
name = "ended"
match = "[{_}] went away"
outcome = "ended"

[[rule]]
name = "refused"
match = "[{client_id}] was refused"
outcome = "refused"
reason = ["other"]

[[sample]]
log = "2026-11-23 15:00:00 [a] was refused"
rows = []
"#;

    /// A record of which it is not known yet that it is whole makes the end of a session count.
    #[test]
    fn the_end_of_a_session_counts_while_a_record_waits() {
        let (grammar, _) = load("gathered.toml", GRAMMAR, &Arc::<Texts>::default()).unwrap_or_else(|faults| panic!("{faults}"));
        let grammar = Arc::new(grammar);
        let line = |text: &str| format!("2026-11-23 15:00:00 {text}\n");
        let log = [line("nothing").repeat(9), line("reason for this: no"), line("[b] went away"), line("[a] was refused")].concat();
        let reasons = |mut engine: Engine| {
            let mut out = Vec::new();
            engine.feed(log.as_bytes(), 0, &mut out);
            engine.finish(&mut out);
            let reason = |attempt| if let Attempt::Refused(row) = attempt { Some(row.reason.to_string()) } else { None };
            out.into_iter().filter_map(reason).collect::<Vec<_>>()
        };
        let options = Options::default;
        assert!(Engine::new(Arc::clone(&grammar), options()).prefilter.is_some());
        assert_eq!(reasons(Engine::new(Arc::clone(&grammar), options())), ["Other"]);
        assert_eq!(reasons(Engine::without_prefilter(grammar, options())), ["Other"]);
    }
}
