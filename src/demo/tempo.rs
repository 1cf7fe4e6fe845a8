//! How fast the demo's days pass.

use crate::event::{DAY_MS, Time};
use std::time::Duration;

/// Days that pass slowly, at the end.
const SLOW_DAYS: i64 = 5;
/// The days before the market opens, in which people begin to follow each other.
const LEAD: Duration = Duration::from_millis(1_200);
/// The weeks that race.
const RACE: Duration = Duration::from_millis(6_500);
/// The days at the end: a few dozen events per second, for as long as a visitor looks around.
const STROLL: Duration = Duration::from_secs(180);

/// When each moment of the market is due, since the demo's start: straight lines between a few points.
#[derive(Clone, Debug)]
pub struct Tempo {
    points: [(Time, Duration); 4],
}

impl Tempo {
    /// A market of `days` that begins `lead_days` earlier and whose last moment is due exactly when it is dated, if the
    /// demo starts at `now`. So nothing is ever dated in the future, and in the end the market is live.
    #[must_use]
    pub fn ending_at(now: Time, days: u32, lead_days: u32) -> Tempo {
        let all = LEAD + RACE + STROLL;
        let end = now.plus(all.as_millis() as i64);
        let start = end.plus(-i64::from(days) * DAY_MS);
        Tempo {
            points: [
                (start.plus(-i64::from(lead_days) * DAY_MS), Duration::ZERO),
                (start, LEAD),
                (end.plus(-SLOW_DAYS.min(i64::from(days)) * DAY_MS), LEAD + RACE),
                (end, all),
            ],
        }
    }

    /// When the market opens.
    #[must_use]
    pub fn start(&self) -> Time {
        self.points[1].0
    }

    /// From here on days pass slowly.
    #[must_use]
    pub fn slow_from(&self) -> Time {
        self.points[2].0
    }

    /// When that is due.
    #[must_use]
    pub fn slow_after(&self) -> Duration {
        self.points[2].1
    }

    /// When an event is due, since the demo's start.
    #[must_use]
    pub fn due(&self, at: Time) -> Duration {
        for pair in self.points.windows(2) {
            let ((from, due), (to, next)) = (pair[0], pair[1]);
            if at < to {
                let share = at.since(from).max(0) as f64 / to.since(from).max(1) as f64;
                return due + (next - due).mul_f64(share);
            }
        }
        self.points[3].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_moment_is_due_when_it_is_dated_and_nothing_before_its_time() {
        let now = Time(1_800_000_000_000);
        let tempo = Tempo::ending_at(now, 60, 1);
        let mut before = Duration::ZERO;
        for hour in -24..=60 * 24 {
            let at = tempo.start().plus(hour * 3_600_000);
            let due = tempo.due(at);
            assert!(due >= before, "time does not go back");
            assert!(at <= now.plus(due.as_millis() as i64), "hour {hour} is dated in the future");
            before = due;
        }
        assert_eq!(before, LEAD + RACE + STROLL);
        assert_eq!(tempo.due(tempo.slow_from()), tempo.slow_after());
        assert_eq!(tempo.due(Time(0)), Duration::ZERO);
    }
}
