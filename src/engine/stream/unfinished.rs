//! Records of several lines in logs whose lines all stand for themselves otherwise.

use super::*;

impl Stream {
    pub(super) fn unframed(&mut self, line: Line<'_>, around: &mut Surroundings<'_>, trace: &mut Option<&mut Trace>) {
        let Some(mut unfinished) = self.unfinished.take() else { return self.record(line, true, around, trace) };
        match unfinished.grow(around.grammar, line.text, line.read_at) {
            Grown::More => {
                self.unfinished = Some(unfinished);
                set(trace, |trace| trace.fate = Fate::Part);
            }
            Grown::Whole(text) => {
                let whole = Line { text: &text, raw: &text, ..line };
                self.record(whole, false, around, trace);
            }
            Grown::Apart(lines) => {
                let last = lines.len().saturating_sub(1);
                for (index, text) in lines.iter().enumerate() {
                    let apart = Line { text, raw: text, ..line };
                    // The first line does not begin a record again; the others may.
                    let mut nobody = None;
                    let trace = if index == last { &mut *trace } else { &mut nobody };
                    if index == 0 { self.record(apart, false, around, trace) } else { self.unframed(apart, around, trace) }
                }
            }
        }
    }

    /// The end of a record did not come: each of its lines stands for itself.
    pub(super) fn give_up(&mut self, around: &mut Surroundings<'_>) {
        while let Some(unfinished) = self.unfinished.take() {
            let read_at = unfinished.read_at;
            for (index, text) in unfinished.lines.iter().enumerate() {
                let line = Line { text, raw: text, returns: false, stamp: None, read_at, doubtful: false };
                if index == 0 { self.record(line, false, around, &mut None) } else { self.unframed(line, around, &mut None) }
            }
        }
    }
}
