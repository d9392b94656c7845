//! The parts of the engine alone, in memory, on one thread.

use std::sync::Arc;

use turnaway::engine::{Engine, Options};
use turnaway::grammar::{Grammar, Message};

use crate::Plan;
use crate::logs::{self, Kind};
use crate::process::{median, thread_cpu};
use crate::replay::{library, literals};
use crate::report::Report;

/// What a daemon reads at a time.
const CHUNK: usize = 256 << 10;

/// Scanning, matching, joining.
pub fn all(plan: &Plan, report: &mut Report) {
    report.table("The engine's parts (one thread, in memory)", &["what", "input", "MB/s", "k lines/s"]);
    for kind in [Kind::Mosquitto, Kind::Docker, Kind::Emqx] {
        let log = logs::make(&plan.dir, kind, plan.size.min(64 << 20)).unwrap();
        let grammar = library().get(kind.grammar()).unwrap().clone();
        let bytes = std::fs::read(&log.path).unwrap();
        let wanted = literals(&grammar);
        let wanted: Vec<&[u8]> = wanted.iter().map(|text| text.as_bytes()).collect();
        let (hits, others): (Vec<&[u8]>, Vec<&[u8]>) = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .partition(|line| wanted.iter().any(|text| line.windows(text.len()).any(|window| window == *text)));
        let others = others.concat();
        let hit = hits.concat();
        measure(plan, report, "scan only: lines that concern nobody", kind, &others, &mut |bytes| feed(&grammar, bytes));
        if kind == Kind::Mosquitto {
            // The message without the stamp; each is tried against all rules.
            let messages: Vec<&[u8]> = hits.iter().filter_map(|line| line.get(12..line.len().saturating_sub(1))).collect();
            measure(plan, report, "parse only: match a message, capture its values", kind, &hit, &mut |_| {
                messages.iter().filter(|message| grammar.find(Message::plain(message), |_, _| true).is_some()).count()
            });
        }
        measure(plan, report, "lines of connections: header, match, join, row", kind, &hit, &mut |bytes| feed(&grammar, bytes));
        measure(plan, report, "whole log", kind, &bytes, &mut |bytes| feed(&grammar, bytes));
    }
}

fn feed(grammar: &Arc<Grammar>, bytes: &[u8]) -> usize {
    let mut engine = Engine::new(Arc::clone(grammar), Options::default());
    let (mut out, mut count, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let end = (at + CHUNK).min(bytes.len());
        // Whole lines, as the followers hand them over.
        let end =
            if end == bytes.len() { end } else { bytes[at..end].iter().rposition(|byte| *byte == b'\n').map_or(end, |last| at + last + 1) };
        engine.feed(&bytes[at..end], 0, &mut out);
        count += out.len();
        out.clear();
        at = end;
    }
    engine.finish(&mut out);
    count + out.len()
}

fn measure(plan: &Plan, report: &mut Report, what: &str, kind: Kind, bytes: &[u8], work: &mut dyn FnMut(&[u8]) -> usize) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let times: Vec<f64> = (0..plan.rounds)
        .map(|_| {
            let begun = thread_cpu();
            std::hint::black_box(work(std::hint::black_box(bytes)));
            thread_cpu() - begun
        })
        .collect();
    let seconds = median(&times).max(1e-9);
    report.row(&[
        what.to_owned(),
        kind.name().to_owned(),
        format!("{:.0}", bytes.len() as f64 / 1e6 / seconds),
        format!("{:.0}", lines as f64 / 1e3 / seconds),
    ]);
}
