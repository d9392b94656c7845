//! The counters in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::{Metrics, Output, Source, lock};
use crate::model::{Millis, Reason};

/// A label's name and value.
type Label<'a> = (&'static str, &'a str);

impl Metrics {
    /// All of them at this time, and the number of rows where it is known.
    pub fn render(&self, rows: Option<u64>, now: Millis) -> String {
        let mut text = Text(String::with_capacity(8192));
        let version = env!("CARGO_PKG_VERSION");
        text.begin("turnaway_build_info", "gauge", "The version that runs.");
        text.value(&[("version", version)], 1);
        if let Some(rows) = rows {
            text.begin("turnaway_rows", "gauge", "Clients in the table.");
            text.value(&[], rows);
        }
        text.begin("turnaway_config_reload_failed", "gauge", "Whether an older configuration is in use because the newest one is wrong.");
        text.value(&[], self.reload_failed().into());
        self.sources(&mut text, now);
        self.outputs(&mut text);
        text.begin("turnaway_commits_total", "counter", "Batches written to the store.");
        text.value(&[], self.commits.load(Ordering::Relaxed));
        text.begin("turnaway_commit_errors_total", "counter", "Batches that could not be written at once.");
        text.value(&[], self.commit_errors.load(Ordering::Relaxed));
        text.begin("turnaway_events_dropped_total", "counter", "Events that went untold because too many waited.");
        text.value(&[], self.dropped_events.load(Ordering::Relaxed));
        if let Some(pass) = self.last_pass() {
            text.begin("turnaway_last_pass_timestamp_seconds", "gauge", "When the thread that reads the logs last went round.");
            text.seconds(&[], pass);
        }
        text.begin("turnaway_http_requests_total", "counter", "Requests to the API by route and status.");
        for ((method, route, status), count) in lock(&self.requests).iter() {
            text.value(&[("method", method), ("route", route), ("status", &status.to_string())], *count);
        }
        text.0
    }

    fn sources(&self, text: &mut Text, now: Millis) {
        let sources = lock(&self.sources);
        type Of = fn(&Source) -> u64;
        let counters: [(&str, &str, Of); 7] = [
            ("turnaway_lines_total", "Log lines read.", |source| source.counts.lines),
            ("turnaway_read_bytes_total", "Bytes of logs read.", |source| source.counts.bytes),
            ("turnaway_matched_total", "Records that fitted a rule.", |source| source.counts.matched),
            (
                "turnaway_unmatched_suspicious_total",
                "Records that fitted no rule and speak of a failure: perhaps a grammar is out of date.",
                |source| source.counts.suspicious,
            ),
            (
                "turnaway_join_evictions_total",
                "Open connections and unfinished conversations that were forgotten because there were too many.",
                |source| source.counts.evicted,
            ),
            ("turnaway_gaps_total", "Times that lines were, or may have been, lost.", |source| source.counts.gaps),
            ("turnaway_accepted_total", "Accepted connections.", |source| source.accepted),
        ];
        for (name, help, value) in counters {
            text.begin(name, "counter", help);
            sources.iter().for_each(|(name, source)| text.value(&[("source", name)], value(source)));
        }
        text.begin("turnaway_attempts_total", "counter", "Refused connection attempts by broker and reason.");
        for (name, source) in sources.iter() {
            for reason in Reason::ALL {
                let count = source.refused.get(reason).copied().unwrap_or_default();
                text.value(&[("broker", name), ("reason", reason.code())], count);
            }
        }
        text.begin("turnaway_lag_bytes", "gauge", "Bytes of logs that are not read yet.");
        sources.iter().for_each(|(name, source)| text.value(&[("source", name)], source.state.lag));
        text.begin("turnaway_lag_seconds", "gauge", "For how long there has been something left to read.");
        for (name, source) in sources.iter() {
            let since = source.state.caught_up.filter(|_| source.state.lag > 0);
            text.seconds(&[("source", name)], since.map_or(0, |since| (now - since).max(0)));
        }
        text.begin("turnaway_logs", "gauge", "Logs of a source by their state.");
        for (name, source) in sources.iter() {
            let state = source.state;
            for (word, count) in [("following", state.following), ("waiting", state.waiting), ("failing", state.failing)] {
                text.value(&[("source", name), ("state", word)], count);
            }
        }
    }

    fn outputs(&self, text: &mut Text) {
        let outputs = lock(&self.outputs);
        text.begin("turnaway_events_total", "counter", "Events that an output is done with.");
        for (name, Output { told, skipped, given_up, .. }) in outputs.iter() {
            for (word, count) in [("told", told), ("skipped", skipped), ("given_up", given_up)] {
                text.value(&[("output", name), ("result", word)], *count);
            }
        }
        text.begin("turnaway_event_errors_total", "counter", "Times that an output could not be told.");
        outputs.iter().for_each(|(name, output)| text.value(&[("output", name)], output.errors));
    }
}

struct Text(String);

impl Text {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail. The name comes again before each value.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, labels: &[Label<'_>], value: u64) {
        self.sample(labels, &value.to_string());
    }

    /// Milliseconds as seconds.
    fn seconds(&mut self, labels: &[Label<'_>], millis: Millis) {
        self.sample(labels, &format!("{}.{:03}", millis / 1000, millis % 1000));
    }

    fn sample(&mut self, labels: &[Label<'_>], value: &str) {
        let name = self.0.rfind("# TYPE ").and_then(|at| self.0[at + 7..].split(' ').next()).unwrap_or_default().to_owned();
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
