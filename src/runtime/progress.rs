//! How far event time may go: the only wall clock of the data path. Its decisions are journalled, so that nothing after
//! this room depends on when something was read.
//!
//! *Partition time* is the largest event time read from a partition, less its topic's allowed disorder. An event of the
//! future counts as of now: one producer whose clock is ahead must not make everybody else late. The *watermark* is
//! - while records are left to read: the smallest partition time of the partitions that have some left;
//! - when all are read to their end: the largest partition time, or, if the newest event is close to the wall clock,
//!   the wall clock less the largest disorder, so that timers fire without events;
//! - when in addition nothing came for a while: the end of the newest event's tick, so that all but the future is released.
//!
//! A partition of which nothing is known yet, though it has records, holds the watermark. It never goes back.
//!
//! Not promised: that no record is ever late. A partition counts as read to its end after [`SETTLE`] without news, because
//! its end is learnt by asking, some milliseconds after the fact; what arrives later than that and is older than the
//! allowed disorder is for the allowed lateness to judge.

use super::kafka::Slot;
use crate::event::Time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Both clocks at one instant: pure functions take it as an argument.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For durations.
    pub instant: Instant,
    /// For comparing with event times.
    pub wall: Time,
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub fn read() -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { instant: Instant::now(), wall: Time(since.as_millis() as i64) }
    }
}

/// What progress depends on.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// By topic, in rank order.
    pub disorder_ms: [i64; 4],
    pub tick_ms: i64,
    /// The watermark follows the wall clock when the newest event is this close to it.
    pub live_within: Duration,
    /// After this long without a record, with nothing left to read, everything is released.
    pub idle_after: Duration,
}

/// A partition must have been at its end for this long before it stops holding others back: longer than the ends' age.
pub const SETTLE: Duration = Duration::from_millis(250);

/// Without records the watermark follows the wall clock in steps of this, so that a quiet hour is not 36,000 epochs.
const WALL_STEP_MS: i64 = 1_000;

/// Reading progress of all partitions.
#[derive(Clone, Debug)]
pub struct Progress {
    pace: Pace,
    partitions: Vec<Partition>,
    watermark: Time,
    /// When a record last came, from any partition.
    heard: Instant,
}

#[derive(Clone, Debug)]
struct Partition {
    slot: Slot,
    /// Largest event time read. Rejected records have none.
    newest: Option<Time>,
    /// Offset read up to.
    position: i64,
    /// Offset behind the last record of the log, as last asked.
    end: i64,
    /// When it was last not at its end.
    busy: Instant,
}

impl Progress {
    /// Nothing read yet of any slot; `positions` are where reading begins and `ends` where the log ends now.
    #[must_use]
    pub fn new(pace: Pace, slots: &[Slot], positions: &[i64], ends: &[i64], now: Now) -> Progress {
        let partitions = slots
            .iter()
            .zip(positions.iter().zip(ends))
            .map(|(slot, (position, end))| Partition {
                slot: *slot,
                newest: None,
                position: *position,
                end: *end,
                busy: now.instant,
            })
            .collect();
        Progress { pace, partitions, watermark: Time::MIN, heard: now.instant }
    }

    /// Records of `slot` were read, up to `position`, the newest of them at `newest`.
    pub fn read(&mut self, slot: usize, newest: Option<Time>, position: i64, now: Now) {
        let partition = &mut self.partitions[slot];
        partition.newest = partition.newest.max(newest);
        partition.position = partition.position.max(position);
        partition.busy = now.instant;
        self.heard = now.instant;
    }

    /// Positions without records: control records were passed. −1 where unknown.
    pub fn passed(&mut self, positions: &[i64]) {
        for (partition, position) in self.partitions.iter_mut().zip(positions) {
            partition.position = partition.position.max(*position);
        }
    }

    /// The log now ends here.
    pub fn extend(&mut self, ends: impl IntoIterator<Item = i64>, now: Now) {
        for (partition, end) in self.partitions.iter_mut().zip(ends) {
            partition.end = partition.end.max(end);
            if partition.position < partition.end {
                partition.busy = now.instant;
            }
        }
    }

    /// Decides how far event time goes, as described above.
    pub fn watermark(&mut self, now: Now) -> Time {
        let holding = self.partitions.iter().filter(|partition| !partition.drained(now));
        let candidate = match holding.map(|partition| partition.time(&self.pace, now.wall)).min() {
            Some(smallest) => smallest,
            None => self.all_drained(now),
        };
        self.watermark = self.watermark.max(candidate);
        self.watermark
    }

    fn all_drained(&self, now: Now) -> Time {
        let Some(newest) = self.newest().map(|newest| not_ahead(newest, now.wall)) else { return Time::MIN };
        let times = self.partitions.iter().map(|partition| partition.time(&self.pace, now.wall));
        let mut candidate = times.max().unwrap_or(Time::MIN);
        if now.wall.since(newest).abs() <= self.pace.live_within.as_millis() as i64 {
            let disorder = self.pace.disorder_ms.into_iter().max().unwrap_or(0);
            candidate = candidate.max(wall_step(now.wall.plus(-disorder)));
        }
        if now.instant.duration_since(self.heard) >= self.pace.idle_after {
            candidate = candidate.max(tick_end(newest, self.pace.tick_ms));
        }
        candidate
    }

    /// A watermark that was journalled: what is decided from now on does not go behind it.
    pub fn resume(&mut self, watermark: Time) {
        self.watermark = self.watermark.max(watermark);
    }

    /// Largest event time read anywhere.
    #[must_use]
    pub fn newest(&self) -> Option<Time> {
        self.partitions.iter().filter_map(|partition| partition.newest).max()
    }

    /// Records between what was read and the end of the log, by slot.
    pub fn lags(&self) -> impl Iterator<Item = (Slot, u64)> {
        self.partitions.iter().map(|partition| (partition.slot, (partition.end - partition.position).max(0) as u64))
    }

    /// Slots that run ahead of the one that holds the watermark: what back-pressure pauses. The one that holds it is never
    /// among them, so that whatever waits for it is released in the end.
    #[must_use]
    pub fn ahead(&self) -> Vec<usize> {
        let unread = self.partitions.iter().filter(|partition| partition.position < partition.end);
        let time = |partition: &Partition| partition.time(&self.pace, Time(i64::MAX));
        let Some(smallest) = unread.map(time).min() else { return Vec::new() };
        let ahead = |partition: &Partition| time(partition) > smallest;
        (0..self.partitions.len()).filter(|slot| ahead(&self.partitions[*slot])).collect()
    }
}

impl Partition {
    fn time(&self, pace: &Pace, wall: Time) -> Time {
        let disorder = pace.disorder_ms[self.slot.topic as usize];
        self.newest.map_or(Time::MIN, |newest| not_ahead(newest, wall).plus(-disorder))
    }

    fn drained(&self, now: Now) -> bool {
        self.position >= self.end && now.instant.duration_since(self.busy) >= SETTLE
    }
}

/// An event time as far as it counts at `wall`: in the future, as of now.
fn not_ahead(at: Time, wall: Time) -> Time {
    if at > wall { wall_step(wall) } else { at }
}

fn wall_step(at: Time) -> Time {
    Time(at.0.div_euclid(WALL_STEP_MS) * WALL_STEP_MS)
}

/// The first tick boundary behind `at`: everything at or before `at` lies before it.
fn tick_end(at: Time, tick_ms: i64) -> Time {
    Time(at.0.saturating_add(1).saturating_add(tick_ms - 1).div_euclid(tick_ms).saturating_mul(tick_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Topic;

    const DISORDER: i64 = 5_000;
    /// Long before the tests' wall clock.
    const OLD: i64 = 1_000_000;

    /// A story of reading, told in lines; time passes only by [`Story::after`].
    struct Story {
        progress: Progress,
        now: Now,
    }

    impl Story {
        /// Slot n is the only partition of topic n; each log starts at 0 and ends at `ends[n]`.
        fn new(ends: [i64; 4]) -> Story {
            let slots = Topic::ALL.map(|topic| Slot { topic, partition: 0 });
            let pace = Pace {
                disorder_ms: [DISORDER; 4],
                tick_ms: 100,
                live_within: Duration::from_secs(60),
                idle_after: Duration::from_secs(2),
            };
            let now = Now { instant: Instant::now(), wall: Time(2_000_000_000_000) };
            Story { progress: Progress::new(pace, &slots, &[0; 4], &ends, now), now }
        }

        fn read(&mut self, slot: usize, newest: i64, position: i64) -> &mut Story {
            self.progress.read(slot, Some(Time(newest)), position, self.now);
            self
        }

        fn after(&mut self, ms: u64) -> &mut Story {
            self.now.instant += Duration::from_millis(ms);
            self.now.wall = self.now.wall.plus(ms as i64);
            self
        }

        fn watermark(&mut self) -> i64 {
            self.progress.watermark(self.now).0
        }
    }

    #[test]
    fn an_unread_partition_with_records_holds_the_watermark() {
        let mut story = Story::new([10, 10, 0, 0]);
        assert_eq!(story.read(0, OLD, 5).after(10_000).watermark(), i64::MIN);
    }

    #[test]
    fn the_slowest_partition_with_records_left_decides() {
        let mut story = Story::new([10, 10, 0, 0]);
        assert_eq!(story.read(0, OLD + 9_000, 5).read(1, OLD, 5).after(10_000).watermark(), OLD - DISORDER);
    }

    #[test]
    fn a_partition_read_to_its_end_holds_nobody_back_once_settled() {
        let mut story = Story::new([10, 10, 0, 0]);
        story.read(0, OLD, 10).read(1, OLD + 90_000, 5);
        assert_eq!(story.watermark(), i64::MIN, "the empty ones have not settled");
        assert_eq!(story.after(250).watermark(), OLD + 90_000 - DISORDER);
    }

    #[test]
    fn at_the_end_of_all_the_newest_partition_decides_then_silence_releases_everything() {
        let mut story = Story::new([10, 10, 0, 0]);
        story.read(0, OLD, 10).read(1, OLD + 90_001, 10);
        assert_eq!(story.after(300).watermark(), OLD + 90_001 - DISORDER);
        assert_eq!(story.after(2_000).watermark(), OLD + 90_100, "the end of the newest event's tick");
        assert_eq!(story.after(60_000).watermark(), OLD + 90_100, "old data does not follow the wall clock");
    }

    #[test]
    fn the_newest_event_on_a_boundary_is_released_too() {
        assert_eq!(tick_end(Time(1_000), 100), Time(1_100));
        assert_eq!(tick_end(Time(1_099), 100), Time(1_100));
        assert_eq!(tick_end(Time(-1), 100), Time(0));
    }

    #[test]
    fn close_to_the_wall_clock_time_passes_without_events() {
        let mut story = Story::new([1, 0, 0, 0]);
        let wall = story.now.wall.0;
        story.read(0, wall - 10, 1);
        assert_eq!(story.after(300).watermark(), wall - DISORDER);
        assert_eq!(story.after(1_000).watermark(), wall + 1_000 - DISORDER, "in steps of a second");
        story.after(61_000);
        story.progress.heard = story.now.instant;
        assert_eq!(story.watermark(), wall + 1_000 - DISORDER, "the newest event is too old by now");
    }

    #[test]
    fn a_clock_that_is_ahead_makes_nobody_late() {
        let mut story = Story::new([10, 10, 0, 0]);
        let wall = story.now.wall.0;
        story.read(0, wall, 10).read(1, wall + 86_400_000, 10);
        assert_eq!(story.after(300).watermark(), wall - DISORDER);
        story.after(30_000);
        let later = wall + 30_000;
        assert!((later - DISORDER..=later + 1_100).contains(&story.watermark()), "the future is released as it comes");
    }

    #[test]
    fn the_watermark_never_goes_back() {
        let mut story = Story::new([10, 0, 0, 0]);
        let first = story.read(0, OLD, 10).after(300).watermark();
        story.progress.extend([10, 10, 0, 0], story.now);
        assert_eq!(story.after(300).watermark(), first, "a new partition with records is unread");
        story.progress.resume(Time(OLD * 2));
        assert_eq!(story.read(1, OLD, 10).after(300).watermark(), OLD * 2);
    }

    #[test]
    fn more_to_read_holds_back_again() {
        let mut story = Story::new([10, 10, 0, 0]);
        story.read(0, OLD, 10).read(1, OLD + 10_000, 10);
        story.progress.extend([20, 10, 0, 0], story.now);
        assert_eq!(story.after(300).watermark(), OLD - DISORDER);
    }

    #[test]
    fn control_records_count_as_read() {
        let mut story = Story::new([11, 0, 0, 0]);
        story.read(0, OLD, 10);
        assert_eq!(story.progress.lags().map(|(_, lag)| lag).sum::<u64>(), 1);
        story.progress.passed(&[11, -1, -1, -1]);
        assert_eq!(story.progress.lags().map(|(_, lag)| lag).sum::<u64>(), 0);
        assert_eq!(story.after(300).watermark(), OLD - DISORDER);
    }

    #[test]
    fn back_pressure_never_pauses_the_partition_that_holds_the_watermark() {
        let mut story = Story::new([10, 10, 10, 0]);
        story.read(0, OLD, 5).read(1, OLD + 1, 5).read(2, OLD - 1, 10);
        assert_eq!(story.progress.ahead(), vec![1], "the third is read to its end and holds nothing");
        let mut unread = Story::new([10, 10, 0, 0]);
        assert_eq!(unread.read(0, OLD, 5).progress.ahead(), vec![0], "an unread partition must be read first");
        let all_read = Story::new([0; 4]);
        assert!(all_read.progress.ahead().is_empty());
    }
}
