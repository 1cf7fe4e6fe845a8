//! Lets the market happen at the demo's tempo.

use super::past::Past;
use super::tempo::Tempo;
use crate::config::Config;
use crate::failure::Failure;
use crate::simulate::{Feed, Market};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Records sent and not yet committed. The embedded broker drops the oldest of a partition beyond 5 MiB, read or not.
const MOST_UNREAD: u64 = 8_000;
/// Longest wait for the broker and the pipeline.
const PATIENCE: Duration = Duration::from_secs(10);
const NAP: Duration = Duration::from_millis(5);

/// What the threads of the demo know of each other.
#[derive(Debug, Default)]
pub struct Counters {
    pub sent: AtomicU64,
    /// Records of committed epochs.
    pub read: AtomicU64,
    pub rejected: AtomicU64,
    pub changes: AtomicU64,
    pub watermark: AtomicI64,
    /// Days pass slowly now.
    pub slow: AtomicBool,
    /// The market is over.
    pub over: AtomicBool,
    /// Milliseconds that the race took, and records read by then.
    race_ms: AtomicU64,
    raced: AtomicU64,
}

impl Counters {
    /// Events per second while the days raced, or so far.
    #[must_use]
    pub fn fastest(&self) -> u64 {
        self.raced.load(Ordering::Relaxed) * 1000 / self.race_ms.load(Ordering::Relaxed).max(1)
    }

    fn race(&self, begun: Instant) {
        self.race_ms.store(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.raced.store(self.read.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Publishes the market to its end, or until `stop`.
///
pub fn direct(
    market: Market,
    config: &Config,
    tempo: &Tempo,
    past: &Mutex<Past>,
    counters: &Counters,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let result = publish(market, config, tempo, past, counters, stop);
    if result.is_err() {
        stop.store(true, Ordering::Relaxed);
    }
    result
}

fn publish(
    market: Market,
    config: &Config,
    tempo: &Tempo,
    past: &Mutex<Past>,
    counters: &Counters,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut feed = Feed::open(config)?;
    let begun = Instant::now();
    for event in market {
        wait(stop, Duration::MAX, || begun.elapsed() >= tempo.due(event.at));
        wait(stop, PATIENCE, || counters.unread() < MOST_UNREAD);
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let slow = event.at >= tempo.slow_from();
        feed.send(&event)?;
        past.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        counters.sent.fetch_add(1, Ordering::Relaxed);
        if slow {
            counters.slow.store(true, Ordering::Relaxed);
        } else {
            counters.race(begun);
        }
    }
    feed.flush(PATIENCE)?;
    wait(stop, PATIENCE, || counters.unread() == 0);
    counters.over.store(true, Ordering::Relaxed);
    Ok(())
}

impl Counters {
    fn unread(&self) -> u64 {
        self.sent.load(Ordering::Relaxed).saturating_sub(self.read.load(Ordering::Relaxed))
    }
}

/// Until `done`, or `stop`, or `limit` has passed.
fn wait(stop: &AtomicBool, limit: Duration, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() && !stop.load(Ordering::Relaxed) && begun.elapsed() < limit {
        std::thread::sleep(NAP);
    }
}
