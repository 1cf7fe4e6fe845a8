//! How far a replay is, for people, on stderr: a bar on a terminal, a log line now and then elsewhere.

use crate::event::Time;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const BETWEEN_LOG_LINES: Duration = Duration::from_secs(5);

/// The progress of reading.
pub struct Progress {
    read: Arc<AtomicU64>,
    /// Bytes of all files, if none is a stream.
    total: Option<u64>,
    started: Instant,
    shown: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `read` counts the bytes taken from the files.
    pub fn new(read: Arc<AtomicU64>, total: Option<u64>) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match total {
                Some(total) => (ProgressBar::new(total), "{bar:24} {percent:>3}%  {msg}  {eta} left"),
                None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}"),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Progress { read, total, started: now, shown: now, bar }
    }

    /// `events` were read, the newest of them of `newest`.
    pub fn at(&mut self, events: u64, newest: Time) {
        let read = self.read.load(Ordering::Relaxed);
        let rate = events as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        if let Some(bar) = &self.bar {
            bar.set_position(read);
            bar.set_message(format!("{} events/s, at {}", grouped(rate as u64), date(newest)));
        } else if self.shown.elapsed() >= BETWEEN_LOG_LINES {
            self.shown = Instant::now();
            let done = self.total.map(|total| format!("{:.1}%", 100.0 * read as f64 / total.max(1) as f64));
            tracing::info!(events, events_per_second = rate as u64, done, event_time = date(newest), "replaying");
        }
    }

    /// Removes the bar.
    pub fn finish(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An event time as RFC 3339 to the second.
pub fn date(time: Time) -> String {
    match jiff::Timestamp::from_second(time.0.div_euclid(1000)) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => "-".to_owned(),
    }
}
