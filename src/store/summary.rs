//! What the rows that fit a filter come to: the numbers behind the page's charts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::Filter;
use crate::model::{Millis, Reason};

/// Lengths of a span of time, in ms: those that people count in.
const STEPS: &[Millis] =
    &[1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000, 43_200_000, DAY, 7 * DAY, 30 * DAY];

const DAY: Millis = 86_400_000;

/// A filter's bounds are followed this far beyond the rows: one at the end of time would leave all in one span.
const FAR: Millis = 10 * 366 * DAY;

/// Sums over the rows that fit a filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The rows.
    pub total_elements: u64,
    /// Their attempts.
    pub attempts: u64,
    /// Where the first span of `times` begins, in ms since the epoch; none without rows.
    pub start_time: Option<Millis>,
    /// How long each span is, in ms; 0 without rows.
    pub step: Millis,
    /// How many rows have their last attempt in each span.
    pub times: Vec<u64>,
    /// Sums for each reason, the most rows first.
    pub reasons: Vec<ReasonSum>,
    /// Sums for each source, by name.
    pub brokers: Vec<BrokerSum>,
}

/// Sums for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonSum {
    /// The reason.
    pub reason_code: Reason,
    /// Rows with it.
    pub clients: u64,
    /// Their attempts.
    pub attempts: u64,
}

/// Sums for a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerSum {
    /// Its name.
    pub broker: String,
    /// Rows from it.
    pub clients: u64,
    /// Their attempts.
    pub attempts: u64,
}

/// What becomes a summary.
#[derive(Debug, Default)]
pub(super) struct Sums {
    attempts: u64,
    reasons: BTreeMap<Reason, (u64, u64)>,
    brokers: BTreeMap<String, (u64, u64)>,
}

impl Sums {
    /// Adds rows of one reason and source.
    pub(super) fn add(&mut self, reason: Reason, broker: &str, clients: u64, attempts: u64) {
        self.attempts = self.attempts.saturating_add(attempts);
        for (all, sum) in [self.reasons.entry(reason).or_default(), self.brokers.entry(broker.to_owned()).or_default()] {
            *all += clients;
            *sum = sum.saturating_add(attempts);
        }
    }

    /// The summary of rows with these times.
    pub(super) fn summary(self, filter: &Filter, times: &[Millis], spans: u32) -> Summary {
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Summary::default() };
        let spans = Spans::new(filter, *first, *last, spans);
        let reasons = self.reasons.into_iter().map(|(reason_code, (clients, attempts))| ReasonSum { reason_code, clients, attempts });
        let brokers = self.brokers.into_iter().map(|(broker, (clients, attempts))| BrokerSum { broker, clients, attempts });
        let mut reasons: Vec<_> = reasons.collect();
        reasons.sort_by_key(|sum| Reverse(sum.clients));
        Summary {
            total_elements: times.len() as u64,
            attempts: self.attempts,
            start_time: Some(spans.start),
            step: spans.step,
            times: spans.counts(times),
            reasons,
            brokers: brokers.collect(),
        }
    }
}

/// Equal spans of time that hold all rows: `count` of them from `start`, each `step` ms long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) start: Millis,
    pub(super) step: Millis,
    pub(super) count: usize,
}

impl Spans {
    /// At most `most` spans from the filter's start, or the first row, to its end, or the last.
    pub(super) fn new(filter: &Filter, first: Millis, last: Millis, most: u32) -> Spans {
        let from = filter.start.unwrap_or(first).clamp(first.saturating_sub(FAR), first);
        let to = filter.end.unwrap_or(last).clamp(last, last.saturating_add(FAR));
        let most = i64::from(most.max(1));
        let spans = |step: Millis| to.div_euclid(step).saturating_sub(from.div_euclid(step)).saturating_add(1);
        let mut step = STEPS.iter().copied().find(|step| spans(*step) <= most).unwrap_or(30 * DAY);
        while spans(step) > most && step < Millis::MAX {
            step = step.saturating_mul(2);
        }
        let count = usize::try_from(spans(step)).unwrap_or(1);
        Spans { start: from.div_euclid(step).saturating_mul(step), step, count }
    }

    /// How many of these times fall into each span.
    pub(super) fn counts(&self, times: &[Millis]) -> Vec<u64> {
        let mut counts = vec![0; self.count];
        for time in times {
            let span = time.saturating_sub(self.start) / self.step;
            if let Some(count) = usize::try_from(span).ok().and_then(|span| counts.get_mut(span)) {
                *count += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_lengths_that_people_count_in_and_hold_all_rows() {
        let all = Filter::default();
        assert_eq!(Spans::new(&all, 61_000, 61_000, 60), Spans { start: 61_000, step: 1_000, count: 1 });
        assert_eq!(Spans::new(&all, 0, 59 * 60_000, 60), Spans { start: 0, step: 60_000, count: 60 });
        assert_eq!(Spans::new(&all, 59_999, 60 * 60_000, 60), Spans { start: 0, step: 300_000, count: 13 });
        assert_eq!(Spans::new(&all, 0, 2_500, 60).counts(&[0, 999, 1_000, 2_500]), [2, 1, 1]);
        let day = Filter { start: Some(DAY), end: Some(2 * DAY - 1), ..Filter::default() };
        assert_eq!(Spans::new(&day, DAY + 5, DAY + 6, 24), Spans { start: DAY, step: 3_600_000, count: 24 });
    }

    #[test]
    fn bounds_at_the_ends_of_time_are_followed_some_way() {
        let wide = Filter { start: Some(Millis::MIN), end: Some(Millis::MAX), ..Filter::default() };
        let spans = Spans::new(&wide, 1_000 * DAY, 1_000 * DAY, 60);
        assert!(spans.count <= 60 && spans.step <= 480 * DAY, "{spans:?}");
        for (first, last) in [(Millis::MIN, Millis::MAX), (Millis::MIN, Millis::MIN), (Millis::MAX, Millis::MAX)] {
            assert!(Spans::new(&wide, first, last, 60).count <= 60);
        }
    }
}
