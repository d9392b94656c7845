use super::*;

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "{line} in {text}");
}

#[test]
fn every_reason_has_its_own_counter() {
    let metrics = Metrics::default();
    for (n, reason) in Reason::ALL.iter().enumerate() {
        (0..=n).for_each(|_| metrics.refused("b", *reason));
    }
    let text = metrics.render(None, 0);
    for (n, reason) in Reason::ALL.iter().enumerate() {
        has(&text, &format!("turnaway_attempts_total{{broker=\"b\",reason=\"{reason}\"}} {}", n + 1));
    }
    assert!(!text.contains("turnaway_rows"));
}

#[test]
fn the_counters_add_up() {
    let metrics = Metrics::default();
    let counts = Counts { lines: 3, bytes: 40, matched: 2, suspicious: 1, evicted: 5, gaps: 6 };
    let state = State { following: 1, waiting: 2, failing: 0, lag: 7, caught_up: Some(1_000) };
    metrics.read("a \"b\"", &counts, State::default());
    metrics.read("a \"b\"", &counts, state);
    metrics.accepted("a \"b\"");
    metrics.committed(4);
    metrics.commit_failed();
    metrics.request("GET", "/metrics", 200);
    metrics.request("GET", "/metrics", 200);
    metrics.events("out", 1, 2, 3);
    metrics.event_error("out");
    metrics.alive(1_795_446_174_250);
    let text = metrics.render(Some(9), 3_500);
    for line in [
        "turnaway_rows 9",
        r#"turnaway_lines_total{source="a \"b\""} 6"#,
        r#"turnaway_read_bytes_total{source="a \"b\""} 80"#,
        r#"turnaway_matched_total{source="a \"b\""} 4"#,
        r#"turnaway_unmatched_suspicious_total{source="a \"b\""} 2"#,
        r#"turnaway_join_evictions_total{source="a \"b\""} 10"#,
        r#"turnaway_gaps_total{source="a \"b\""} 12"#,
        r#"turnaway_accepted_total{source="a \"b\""} 1"#,
        r#"turnaway_lag_bytes{source="a \"b\""} 7"#,
        r#"turnaway_lag_seconds{source="a \"b\""} 2.500"#,
        r#"turnaway_logs{source="a \"b\"",state="waiting"} 2"#,
        "turnaway_commits_total 1",
        "turnaway_commit_errors_total 1",
        "turnaway_events_dropped_total 4",
        r#"turnaway_events_total{output="out",result="given_up"} 3"#,
        r#"turnaway_event_errors_total{output="out"} 1"#,
        "turnaway_last_pass_timestamp_seconds 1795446174.250",
        r#"turnaway_http_requests_total{method="GET",route="/metrics",status="200"} 2"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn a_log_that_goes_is_no_step_back() {
    let before = Counts { lines: 9, ..Counts::default() };
    assert_eq!(Counts { lines: 4, ..Counts::default() }.since(&before), Counts::default());
}

#[test]
fn the_dashboard_and_the_rules_speak_of_metrics_that_there_are() {
    let metrics = Metrics::default();
    metrics.alive(1);
    let text = metrics.render(Some(0), 0);
    let known: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let name = regex::Regex::new(r"turnaway_[a-z_]+").unwrap();
    for file in [include_str!("../../contrib/grafana/turnaway.json"), include_str!("../../contrib/prometheus/turnaway.rules.yml")] {
        let named: Vec<&str> = name.find_iter(file).map(|found| found.as_str()).collect();
        assert!(named.len() > 5);
        named.iter().for_each(|name| assert!(known.contains(name), "{name}"));
    }
}
