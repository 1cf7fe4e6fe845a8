//! Progress for people: how far a long backfill is, how fast it goes and when it will be done.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two progress lines.
pub const TELL_EVERY: Duration = Duration::from_secs(5);

/// Fewer records than this are no backfill worth a line.
const WORTH_TELLING: u64 = 100_000;

/// Tells every few seconds while much is left to read: a bar on a terminal, log lines elsewhere.
pub struct Backfill {
    read: u64,
    /// At the last line: when, and how much had been read.
    told: (Instant, u64),
    bar: Option<ProgressBar>,
}

impl Backfill {
    #[must_use]
    pub fn new(now: Instant) -> Backfill {
        Backfill { read: 0, told: (now, 0), bar: None }
    }

    /// `records` more were read, `lag` are left.
    pub fn tell(&mut self, records: u64, lag: u64, now: Instant) {
        self.read += records;
        if lag == 0 {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let (then, before) = self.told;
        if now.duration_since(then) < TELL_EVERY {
            return;
        }
        self.told = (now, self.read);
        let figures = figures(self.read, lag, self.read - before, now.duration_since(then));
        if lag < WORTH_TELLING && self.bar.is_none() {
            return;
        }
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("{bar:30} {percent}% {pos}/{len} events, {msg}");
                ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            });
            bar.set_length(self.read + lag);
            bar.set_position(self.read);
            bar.set_message(format!("{:.0} events/s, {} s left", figures.per_second, figures.seconds_left));
        } else {
            tracing::info!(
                done_percent = figures.percent,
                events_per_second = figures.per_second.round(),
                lag_records = lag,
                seconds_left = figures.seconds_left,
                "backfill"
            );
        }
    }
}

#[derive(Debug, PartialEq)]
struct Figures {
    percent: u64,
    per_second: f64,
    seconds_left: u64,
}

fn figures(read: u64, lag: u64, recent: u64, span: Duration) -> Figures {
    let per_second = recent as f64 / span.as_secs_f64().max(0.001);
    let seconds_left = if recent == 0 { u64::MAX } else { (lag as f64 / per_second).ceil() as u64 };
    Figures { percent: read * 100 / (read + lag).max(1), per_second, seconds_left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_from_the_recent_rate() {
        let expected = Figures { percent: 25, per_second: 1000.0, seconds_left: 30 };
        assert_eq!(figures(10_000, 30_000, 5_000, Duration::from_secs(5)), expected);
        assert_eq!(figures(0, 10, 0, Duration::from_secs(5)).seconds_left, u64::MAX, "a standstill never ends");
    }
}
