//! What one epoch did, for metrics and logs. Counted by the data path, recorded by whoever observes it.

use super::kafka::Slot;
use crate::event::{Time, Topic};
use crate::metrics::OutputFigures;
use std::time::{Duration, Instant};

/// Figures of one epoch. Counts are of this epoch alone; the engine's totals come beside it.
#[derive(Clone, Debug)]
pub struct EpochReport {
    pub epoch: u64,
    pub watermark: Time,
    /// Records read, rejected ones included, by topic in rank order.
    pub records: [u64; 4],
    /// Rejected by the wire or the engine: topic, stable reason, count.
    pub rejects: Vec<(Topic, &'static str, u64)>,
    /// Records published, rejects included, the journal's own excluded.
    pub outputs: u64,
    /// What the outputs came to.
    pub figures: OutputFigures,
    /// Records between what was read and the end of the log.
    pub lags: Vec<(Slot, u64)>,
    /// Wall clock less watermark, at the decision; meaningful when live, huge when old data is read.
    pub watermark_lag: Duration,
    /// Spent in engine and encoder.
    pub step_time: Duration,
    /// The encoder's part of it.
    pub encode_time: Duration,
    /// From beginning the transaction to its end. Zero while restoring, which writes nothing.
    pub commit_time: Duration,
    /// From the first record read to the end of the commit. Zero while restoring, and short for an epoch without records.
    pub epoch_time: Duration,
    /// From the oldest log timestamp of the epoch's records to the end of its commit, by topic.
    pub latency: [Option<Duration>; 4],
    /// Published score distribution: customers at each whole point.
    pub score_histogram: [u64; 101],
    /// Whether the epoch was restored rather than live.
    pub restored: bool,
    pub(super) oldest_ms: [Option<i64>; 4],
    /// When the first record came.
    pub(super) begun: Option<Instant>,
}

impl Default for EpochReport {
    fn default() -> Self {
        EpochReport {
            epoch: 0,
            watermark: Time::MIN,
            records: [0; 4],
            rejects: Vec::new(),
            outputs: 0,
            figures: OutputFigures::default(),
            lags: Vec::new(),
            watermark_lag: Duration::ZERO,
            step_time: Duration::ZERO,
            encode_time: Duration::ZERO,
            commit_time: Duration::ZERO,
            epoch_time: Duration::ZERO,
            latency: [None; 4],
            score_histogram: [0; 101],
            restored: false,
            oldest_ms: [None; 4],
            begun: None,
        }
    }
}

impl EpochReport {
    pub(super) fn reject(&mut self, topic: Topic, reason: &'static str) {
        match self.rejects.iter_mut().find(|(of, why, _)| *of == topic && *why == reason) {
            Some((_, _, count)) => *count += 1,
            None => self.rejects.push((topic, reason, 1)),
        }
    }

    /// The commit ended now, after `commit_time`.
    pub(super) fn committed(&mut self, commit_time: Duration, wall: Time) {
        self.commit_time = commit_time;
        self.epoch_time = self.begun.map_or(self.step_time + commit_time, |begun| begun.elapsed());
        self.latency = self.oldest_ms.map(|at| at.map(|at| Duration::from_millis(wall.since(Time(at)).max(0) as u64)));
    }

    /// Records left to read, of all partitions.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lags.iter().map(|(_, lag)| lag).sum()
    }
}
