//! A whole log to the final table, beside the tools that can do some of it.

use std::fs;

use turnaway::grammar::{Grammar, Library};

use crate::Plan;
use crate::logs::{self, Kind, Log};
use crate::process::{Cost, installed, median, run};
use crate::report::{Report, short};
use crate::tools::{CROWDSEC, Prints, Score, Tool, score, tools};

/// Measures one log.
pub fn end_to_end(plan: &Plan, report: &mut Report, kind: Kind) {
    let size = if kind == Kind::Flood { plan.flood } else { plan.size };
    let log = logs::make(&plan.dir, kind, size).unwrap();
    // Into the page cache, for all alike.
    drop(fs::read(&log.path).unwrap());
    let all = tools(&log, &literals(&library().get(kind.grammar()).unwrap().clone()));
    let mut measured: Vec<(Tool, Vec<Cost>, Score)> = Vec::new();
    for tool in all {
        match tool.needs.iter().find(|need| !installed(need)) {
            Some(missing) => report.note(format!("{} left out: {missing} is not installed", tool.name)),
            None => measured.push((tool, Vec::new(), Score::default())),
        }
    }
    // In turn, so that whatever else the machine does falls upon all of them.
    for round in 0..plan.rounds {
        for (tool, costs, right) in &mut measured {
            if tool.slow && round > 0 {
                continue;
            }
            let output = plan.dir.join("output");
            match run(&tool.command, &log.path, &output) {
                Ok(cost) => costs.push(cost),
                Err(error) => {
                    if round == 0 {
                        report.note(format!("{} left out: {error}", tool.name));
                    }
                    continue;
                }
            }
            if round == 0 && tool.prints != Prints::Count {
                *right = score(&log, tool.prints, &output).unwrap();
            }
        }
    }
    measured.retain(|(_, costs, _)| !costs.is_empty());
    show(report, &log, &measured);
    judge(report, &log, &measured);
}

/// Our time against another's, round by round.
fn ratio(ours: &[Cost], other: &[Cost]) -> f64 {
    median(&ours.iter().zip(other).map(|(a, b)| a.cpu / b.cpu.max(1e-6)).collect::<Vec<_>>())
}

fn show(report: &mut Report, log: &Log, measured: &[(Tool, Vec<Cost>, Score)]) {
    let title = format!("{}: {:.0} MB, {} lines, {} clients refused", log.kind.name(), log.bytes as f64 / 1e6, log.lines, log.truth.len());
    report.table(
        &title,
        &[
            "tool",
            "CPU s, median (min to max)",
            "MB/s",
            "k lines/s",
            "CPU against ours",
            "wall s",
            "peak MB",
            "clients found",
            "rows right",
        ],
    );
    let ours = &measured[0].1;
    for (tool, costs, score) in measured {
        let cpu: Vec<f64> = costs.iter().map(|cost| cost.cpu).collect();
        let middle = median(&cpu);
        let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or(0);
        let count = |number: usize| if tool.prints == Prints::Count { String::new() } else { number.to_string() };
        report.row(&[
            tool.name.to_owned(),
            format!("{middle:.3} ({:.3} to {:.3})", cpu.iter().copied().fold(f64::MAX, f64::min), cpu.iter().copied().fold(0.0, f64::max)),
            format!("{:.0}", log.bytes as f64 / 1e6 / middle.max(1e-6)),
            format!("{:.0}", log.lines as f64 / 1e3 / middle.max(1e-6)),
            short(1.0 / ratio(ours, costs)),
            format!("{:.2}", median(&costs.iter().map(|cost| cost.wall).collect::<Vec<_>>())),
            format!("{:.0}", peak as f64 / 1e6),
            count(score.found),
            count(score.right),
        ]);
    }
}

fn judge(report: &mut Report, log: &Log, measured: &[(Tool, Vec<Cost>, Score)]) {
    let (ours, name) = (&measured[0], log.kind.name());
    let mut against = |tool: &str, sign: &'static str, bound: f64, flip: bool| {
        if let Some((_, costs, _)) = measured.iter().find(|(other, ..)| other.name == tool) {
            let times = ratio(&ours.1, costs);
            let (text, value) = if flip {
                (format!("{name}: CPU of {tool} / ours"), 1.0 / times)
            } else {
                (format!("{name}: CPU of ours / {tool}"), times)
            };
            report.target(text, value, sign, bound, "");
        }
    };
    if log.kind == Kind::Flood {
        let cpu = median(&ours.1.iter().map(|cost| cost.cpu).collect::<Vec<_>>());
        report.target("flood: lines per second of CPU", log.lines as f64 / cpu, ">=", 1_000_000.0, "");
        let peak = ours.1.iter().map(|cost| cost.peak).max().unwrap_or(0);
        report.target("flood: peak memory for each client", peak as f64 / log.truth.len() as f64, "<=", 200.0, " bytes");
    } else {
        against("rg -c -F, same literals", "<=", 1.5, false);
        against("rg -F \\| gawk", "<=", 1.0, false);
        against("mtail", ">=", 100.0, true);
        against("fail2ban-regex", ">=", 150.0, true);
        against(CROWDSEC, ">=", 500.0, true);
    }
    let best = measured[1..].iter().filter(|(tool, ..)| tool.prints == Prints::Rows).map(|(.., score)| score.right).max().unwrap_or(0);
    if ours.2.wrong > 0 || ours.2.invented > 0 {
        report.fault(format!("{name}: {} certain rows of ours are wrong, {} invented", ours.2.wrong, ours.2.invented));
    }
    if ours.2.found < log.truth.len() {
        report.fault(format!("{name}: {} of {} clients are missing from our table", log.truth.len() - ours.2.found, log.truth.len()));
    }
    if ours.2.right < best {
        report.fault(format!("{name}: another tool has {best} right rows, we have {}", ours.2.right));
    }
}

/// The built-in grammars.
pub fn library() -> Library {
    Library::load(None).unwrap()
}

/// The literals that the engine looks for in this product's logs.
pub fn literals(grammar: &Grammar) -> Vec<String> {
    let texts = turnaway::engine::literals(grammar).unwrap_or_default();
    texts.into_iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}
