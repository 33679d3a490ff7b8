//! From samples to the few numbers that say something.

use serde::Serialize;

use crate::work::Taken;

/// All times in microseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// All answers, those of the warming-up, too: what a proxy's processor time is divided by.
    pub(crate) all: usize,
    /// Decisions that are not `allow`.
    pub(crate) denied: usize,
    /// Answers that have a sample.
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
    /// Every sample, so that rounds can be merged before percentiles are taken.
    pub(crate) samples: Vec<u64>,
    /// Of each stream, the time of each event from its sending to its arrival.
    pub(crate) events: Vec<Vec<u64>>,
}

impl Summary {
    pub(crate) fn of(taken: Taken, seconds: u64) -> Self {
        let mut samples: Vec<u64> =
            taken.samples.iter().map(|sample| u64::try_from(sample.as_micros()).unwrap_or(u64::MAX)).collect();
        samples.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
        let per_second = samples.len() as f64 / seconds as f64;
        Self {
            all: taken.all,
            denied: taken.denied,
            count: samples.len(),
            per_second,
            p50: percentile(&samples, 50),
            p90: percentile(&samples, 90),
            p99: percentile(&samples, 99),
            max: samples.last().copied().unwrap_or_default(),
            samples,
            events: taken.events,
        }
    }
}

/// Nearest rank: the smallest sample that at least `percent` of all do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Summary, percentile};
    use crate::work::Taken;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (percent, value) in [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(percentile(&hundred, percent), value);
        }
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn a_summary_sorts_and_counts() {
        let samples = vec![Duration::from_micros(30), Duration::from_micros(10)];
        let summary = Summary::of(Taken { all: 3, samples, denied: 1, events: Vec::new() }, 2);
        assert_eq!(summary.denied, 1);
        assert_eq!((summary.count, summary.p50, summary.max), (2, 10, 30));
        assert!((summary.per_second - 1.0).abs() < f64::EPSILON);
    }
}
