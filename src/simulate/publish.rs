//! The market into Kafka, as fast as the broker takes it or at a given rate.

use super::event::SimEvent;
use super::market::Market;
use super::write::{write_key, write_value};
use crate::config::Config;
use crate::failure::Failure;
use crate::runtime::{Publisher, on_signals};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the broker may take to acknowledge the last records.
const FLUSH: Duration = Duration::from_secs(120);
/// Longest sleep, so that a signal is noticed.
const NAP: Duration = Duration::from_millis(100);
/// Between two progress lines where there is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Publishes simulated events on the input topics, keyed by the customer who acts.
pub struct Feed {
    publisher: Publisher,
    topics: [String; 4],
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Feed {
    /// Connects, and looks for the topics.
    pub fn open(config: &Config) -> Result<Feed, Failure> {
        let publisher = Publisher::open(&config.runtime.kafka)?;
        let topics = config.runtime.topics.inputs.clone();
        publisher.check(&topics)?;
        Ok(Feed { publisher, topics, key: Vec::new(), value: Vec::new() })
    }

    /// Queues one event, stamped with the present; waits while the queue is full.
    pub fn send(&mut self, event: &SimEvent) -> Result<(), Failure> {
        self.key.clear();
        self.value.clear();
        write_key(event, &mut self.key);
        write_value(event, &mut self.value);
        let topic = &self.topics[event.topic() as usize];
        Ok(self.publisher.send(topic, Some(&self.key), &self.value, None)?)
    }

    /// Waits until everything sent is acknowledged.
    pub fn flush(&self, timeout: Duration) -> Result<(), Failure> {
        Ok(self.publisher.flush(timeout)?)
    }
}

/// Publishes the whole market, `rate` events per second or (0) as fast as it goes. A signal ends it early and in order.
pub fn publish(market: &mut Market, brokers: &str, config: Option<&Path>, rate: f64) -> Result<(), Failure> {
    if !(rate >= 0.0 && rate.is_finite()) {
        return Err(Failure::Usage(format!("--rate must be 0 or more events per second, not {rate}")));
    }
    let mut config = Config::load_or_fail(config)?;
    config.runtime.kafka.brokers = brokers.to_owned();
    let stop = on_signals()?;
    let mut feed = Feed::open(&config)?;
    let mut told = Told::new(market);
    let begun = Instant::now();
    let mut sent: u64 = 0;
    while let Some(event) = market.next() {
        if rate > 0.0 {
            sleep_until(begun + Duration::from_secs_f64(sent as f64 / rate), &stop);
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        feed.send(&event)?;
        sent += 1;
        told.tell(sent, market);
    }
    feed.flush(FLUSH)?;
    told.end();
    let seconds = begun.elapsed().as_secs_f64();
    let ended = if stop.load(Ordering::Relaxed) { ", stopped early" } else { "" };
    eprintln!("{sent} events delivered to {brokers} in {seconds:.1} s, {:.0}/s{ended}", sent as f64 / seconds);
    Ok(())
}

/// Sleeps, but not through a signal.
fn sleep_until(due: Instant, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(NAP));
    }
}

/// A bar on a terminal, lines elsewhere.
struct Told {
    bar: Option<ProgressBar>,
    last: Instant,
    before: u64,
}

impl Told {
    fn new(market: &Market) -> Told {
        let options = market.options();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg}, {eta} left");
            let bar = ProgressBar::new(options.follows + options.purchases);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Told { bar, last: Instant::now(), before: 0 }
    }

    fn tell(&mut self, sent: u64, market: &Market) {
        let every = if self.bar.is_some() { NAP } else { TELL_EVERY };
        let passed = self.last.elapsed();
        if passed < every {
            return;
        }
        let rate = (sent - self.before) as f64 / passed.as_secs_f64();
        (self.last, self.before) = (Instant::now(), sent);
        match &self.bar {
            Some(bar) => {
                let counts = market.counts();
                bar.set_position(counts.follows + counts.purchases);
                bar.set_message(format!("{rate:.0} events/s"));
            }
            None => eprintln!("{sent} events sent, {rate:.0}/s"),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
