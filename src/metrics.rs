//! Counters of what the daemon did since it started, and their text for Prometheus. No label comes from a log.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Reason;

/// The counters. They only grow; any thread may add to them.
#[derive(Debug, Default)]
pub struct Metrics {
    lines: AtomicU64,
    matched: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    accepted: AtomicU64,
    commits: AtomicU64,
    commit_errors: AtomicU64,
}

impl Metrics {
    /// This many lines were read.
    pub fn lines(&self, count: u64) {
        self.lines.fetch_add(count, Ordering::Relaxed);
    }

    /// This many records fitted a rule.
    pub fn matched(&self, count: u64) {
        self.matched.fetch_add(count, Ordering::Relaxed);
    }

    /// A connection was refused for this reason.
    pub fn refused(&self, reason: Reason) {
        // The reasons stand in ALL in the order of their declaration; a test holds that.
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A batch was written.
    pub fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// A batch could not be written.
    pub fn commit_failed(&self) {
        self.commit_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters in Prometheus' text format, and the number of rows where it is known.
    pub fn render(&self, rows: Option<u64>) -> String {
        let mut text = String::new();
        if let Some(rows) = rows {
            metric(&mut text, "turnaway_rows", "gauge", "Clients in the table.", &[("", rows)]);
        }
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let attempts: Vec<(&str, u64)> =
            Reason::ALL.iter().zip(&self.refused).map(|(reason, count)| (reason.code(), read(count))).collect();
        for (name, help, values) in [
            ("turnaway_lines_total", "Log lines read.", &[("", read(&self.lines))][..]),
            ("turnaway_matched_total", "Records that fitted a rule.", &[("", read(&self.matched))]),
            ("turnaway_attempts_total", "Refused connection attempts by reason.", &attempts),
            ("turnaway_accepted_total", "Accepted connections.", &[("", read(&self.accepted))]),
            ("turnaway_commits_total", "Batches written to the store.", &[("", read(&self.commits))]),
            ("turnaway_commit_errors_total", "Batches that could not be written at once.", &[("", read(&self.commit_errors))]),
        ] {
            metric(&mut text, name, "counter", help, values);
        }
        text
    }
}

/// One metric with its values; the label, if any, is a reason.
fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(&str, u64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (reason, value) in values {
        let label = if reason.is_empty() { String::new() } else { format!("{{reason=\"{reason}\"}}") };
        let _ = writeln!(text, "{name}{label} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let metrics = Metrics::default();
        for (n, reason) in Reason::ALL.iter().enumerate() {
            (0..=n).for_each(|_| metrics.refused(*reason));
        }
        let text = metrics.render(None);
        for (n, reason) in Reason::ALL.iter().enumerate() {
            assert!(text.contains(&format!("turnaway_attempts_total{{reason=\"{reason}\"}} {}\n", n + 1)), "{text}");
        }
        assert!(!text.contains("turnaway_rows"));
    }

    #[test]
    fn the_counters_add_up() {
        let metrics = Metrics::default();
        metrics.lines(3);
        metrics.lines(4);
        metrics.matched(2);
        metrics.accepted();
        metrics.committed();
        metrics.commit_failed();
        let text = metrics.render(Some(9));
        for line in [
            "turnaway_rows 9",
            "turnaway_lines_total 7",
            "turnaway_matched_total 2",
            "turnaway_accepted_total 1",
            "turnaway_commits_total 1",
            "turnaway_commit_errors_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
