//! What was measured, as Markdown.

use std::fs;

use crate::Plan;

/// Tables, targets and faults.
#[derive(Debug, Default)]
pub struct Report {
    text: String,
    targets: Vec<(String, f64, &'static str, f64, &'static str)>,
    notes: Vec<String>,
    faults: Vec<String>,
    /// So little was measured that the numbers say nothing.
    smoke: bool,
}

impl Report {
    /// Begins with the machine.
    pub fn new(plan: &Plan) -> Report {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1)).unwrap_or(" unknown").trim().to_owned();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
        let text = format!(
            "{cores} cores of {model}, Linux {}, load at the start {load}; large logs of {} MB, {} rounds.\n",
            kernel.trim(),
            plan.size / 1_000_000,
            plan.rounds
        );
        Report { text, smoke: plan.smoke, ..Report::default() }
    }

    /// Begins a table.
    pub fn table(&mut self, title: &str, columns: &[&str]) {
        self.text.push_str(&format!("\n### {title}\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len())));
    }

    /// A line of the table.
    pub fn row(&mut self, cells: &[String]) {
        self.text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    /// Something that was left out, or that must be known to read a table.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("{text}");
        self.notes.push(text);
    }

    /// A goal: the value must be at most or at least (`<=`, `>=`) this.
    pub fn target(&mut self, what: impl Into<String>, value: f64, sign: &'static str, bound: f64, unit: &'static str) {
        self.targets.push((what.into(), value, sign, bound, unit));
    }

    /// Something is wrong, whatever the speed.
    pub fn fault(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("WRONG: {text}");
        self.faults.push(text);
    }

    /// How much is wrong.
    pub fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Prints the tables that are done.
    pub fn tables(&mut self) {
        println!("{}", std::mem::take(&mut self.text));
    }

    /// Prints what all tables come to.
    pub fn end(&self) {
        if !self.targets.is_empty() && !self.smoke {
            println!("### Targets\n\n| what | measured | wanted | |\n|---|---|---|---|");
            for (what, value, sign, bound, unit) in &self.targets {
                let met = if *sign == "<=" { value <= bound } else { value >= bound };
                println!(
                    "| {what} | {}{unit} | {sign} {}{unit} | {} |",
                    short(*value),
                    short(*bound),
                    if met { "met" } else { "**missed**" }
                );
            }
            println!();
        }
        for note in &self.notes {
            println!("- {note}");
        }
        for fault in &self.faults {
            println!("- **wrong**: {fault}");
        }
    }
}

/// A number with as many digits as it deserves.
pub fn short(value: f64) -> String {
    match value.abs() {
        value_abs if value_abs >= 100.0 => format!("{value:.0}"),
        value_abs if value_abs >= 10.0 => format!("{value:.1}"),
        value_abs if value_abs >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
