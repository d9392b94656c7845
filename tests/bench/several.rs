//! The logs of two brokers in one replay, which reads them at the same time, beside one after the other.

use std::fs;

use crate::Plan;
use crate::logs::{self, Kind, Log};
use crate::process::{Cost, median, run};
use crate::report::{Report, short};

/// Measures two large logs.
pub fn brokers(plan: &Plan, report: &mut Report) {
    let [one, other] = [Kind::Emqx, Kind::Docker].map(|kind| logs::make(&plan.dir, kind, plan.size).unwrap());
    [&one, &other].iter().for_each(|log| drop(fs::read(&log.path).unwrap()));
    let output = plan.dir.join("output");
    let source = |log: &Log| format!("--log {}='{}'", log.kind.grammar(), log.path.display().to_string().replace('\'', "'\\''"));
    let sets = [source(&one), source(&other), format!("{} {}", source(&one), source(&other))];
    let mut measured: [(Vec<Cost>, usize); 3] = std::array::from_fn(|_| (Vec::new(), 0));
    for _ in 0..plan.rounds {
        for (set, (costs, rows)) in sets.iter().zip(&mut measured) {
            costs.push(run(&format!("{{turnaway}} replay {set} --format ndjson"), &one.path, &output).unwrap());
            *rows = fs::read_to_string(&output).unwrap().lines().count();
        }
    }
    let megabytes = (one.bytes + other.bytes) as f64 / 1e6;
    report.table(&format!("Two brokers: {megabytes:.0} MB"), &["logs", "CPU s", "wall s", "peak MB", "rows"]);
    let middle = |costs: &[Cost], of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<_>>());
    for (name, (costs, rows)) in [one.kind.name(), other.kind.name(), "both in one replay"].iter().zip(&measured) {
        let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or(0) as f64 / 1e6;
        let seconds = |of| format!("{:.3}", middle(costs, of));
        report.row(&[(*name).to_owned(), seconds(|cost| cost.cpu), seconds(|cost| cost.wall), format!("{peak:.0}"), rows.to_string()]);
    }
    let [(first, rows), (second, others), (both, all)] = &measured;
    let apart = middle(first, |cost| cost.wall) + middle(second, |cost| cost.wall);
    report.note(format!(
        "both brokers' logs at the same time take {} of the time of one after the other",
        short(middle(both, |cost| cost.wall) / apart)
    ));
    if rows + others != *all {
        report.fault(format!("two brokers: {all} rows together, {rows} and {others} alone"));
    }
}
