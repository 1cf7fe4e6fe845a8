//! The embedded broker carries the pipeline from end to end, in one process: what the demo rests on. It is no proof of
//! exactly-once.

use crate::client::Reading;
use crate::stream;
use bellwether::config::Config;
use bellwether::runtime::{EmbeddedBroker, Pipeline, Publisher};
use bellwether::view::View;
use libtest_mimic::Failed;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub fn carries_the_pipeline() -> Result<(), Failed> {
    let mut config = Config::default();
    let topics = config.runtime.topics.clone();
    let inputs = topics.inputs.iter().map(|name| (name.clone(), 4));
    let outputs = topics.outputs.iter().map(|name| (name.clone(), if name.ends_with("journal") { 1 } else { 4 }));
    let broker = EmbeddedBroker::start(&inputs.chain(outputs).collect::<Vec<_>>()).map_err(|e| e.to_string())?;
    config.runtime.kafka.brokers = broker.brokers().into();
    config.runtime.epoch.idle_after = Duration::from_millis(500);

    let events = stream::events(1, 5_000);
    let mut publisher = Publisher::open(&config.runtime.kafka).map_err(|e| e.to_string())?;
    for event in &events {
        let sent = publisher.send(event.topic, Some(event.key.as_bytes()), event.value.as_bytes(), None);
        sent.map_err(|e| e.to_string())?;
    }
    publisher.flush(Duration::from_secs(30)).map_err(|e| e.to_string())?;

    let view = Arc::new(View::new(100, 100));
    let (read, watermark) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicI64::new(i64::MIN)));
    let (read_seen, watermark_seen) = (Arc::clone(&read), Arc::clone(&watermark));
    let pipeline = Pipeline::start(config, view, Arc::new(AtomicBool::new(false)), move |report, _| {
        read_seen.fetch_add(report.records.iter().sum(), Ordering::Relaxed);
        watermark_seen.store(report.watermark.0, Ordering::Relaxed);
    })
    .map_err(|e| e.to_string())?;
    let newest = events.iter().map(|event| event.at).max().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while watermark.load(Ordering::Relaxed) <= newest && !pipeline.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    pipeline.stop();
    pipeline.join().map_err(|e| e.to_string())?;
    assert_eq!(read.load(Ordering::Relaxed), events.len() as u64);
    assert!(watermark.load(Ordering::Relaxed) > newest, "everything should be released");
    assert!(!Reading::new(broker.brokers(), "influence.score-changes").all().is_empty());
    Ok(())
}
