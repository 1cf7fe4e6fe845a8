//! A plain producer, for the simulator and the demo: events in, at least once.

use super::{ASK, BrokerError, client, settle};
use crate::config::Kafka;
use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Sends records without waiting for each; [`Publisher::flush`] waits for all.
pub struct Publisher {
    producer: BaseProducer<Deliveries>,
    failed: Arc<Failed>,
    sent: u64,
}

/// Records that the broker refused, and why the first one was.
#[derive(Default)]
struct Failed {
    count: AtomicU64,
    first: OnceLock<String>,
}

struct Deliveries {
    failed: Arc<Failed>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            self.failed.count.fetch_add(1, Ordering::Relaxed);
            let _ = self.failed.first.set(format!("{}: {error}", message.topic()));
        }
    }
}

/// Delivery reports are taken in once per this many records.
const REPORT_EVERY: u64 = 1024;

impl Publisher {
    pub fn open(kafka: &Kafka) -> Result<Publisher, BrokerError> {
        let ours = [
            ("linger.ms", "5"),
            ("batch.size", "1048576"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "500000"),
            ("queue.buffering.max.kbytes", "262144"),
            ("partitioner", "murmur2_random"),
            ("enable.idempotence", "true"),
        ];
        let failed = Arc::new(Failed::default());
        let producer = client(kafka, &ours, &[])
            .create_with_context(Deliveries { failed: Arc::clone(&failed) })
            .map_err(|error| BrokerError::Fatal(format!("cannot make a producer: {error}")))?;
        Ok(Publisher { producer, failed, sent: 0 })
    }

    /// Whether the broker answers and has the topics: queued records would be waited for in vain for minutes.
    pub fn check(&self, topics: &[String]) -> Result<(), BrokerError> {
        for name in topics {
            let ask = || self.producer.client().fetch_metadata(Some(name), ASK);
            let metadata = settle(&format!("asking for topic {name}"), ASK, ask)?;
            let exists = |topic: &MetadataTopic| topic.error().is_none() && !topic.partitions().is_empty();
            if !metadata.topics().first().is_some_and(exists) {
                return Err(BrokerError::Input(format!(
                    "topic {name} does not exist; topics are created by: bellwether topics --create"
                )));
            }
        }
        Ok(())
    }

    /// Queues one record; blocks while the queue is full. `timestamp_ms` becomes the record's CreateTime.
    pub fn send(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp_ms: Option<i64>,
    ) -> Result<(), BrokerError> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).payload(value);
        record.key = key;
        record.timestamp = timestamp_ms;
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    record = returned;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => return Err(BrokerError::Fatal(format!("cannot produce to {topic}: {error}"))),
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(REPORT_EVERY) {
            self.producer.poll(Duration::ZERO);
            self.refused()?;
        }
        Ok(())
    }

    /// Waits until everything sent is acknowledged. An error if `timeout` passes or a record was refused.
    pub fn flush(&self, timeout: Duration) -> Result<(), BrokerError> {
        self.producer.flush(timeout).map_err(|error| BrokerError::Fatal(format!("cannot produce: {error}")))?;
        self.refused()
    }

    fn refused(&self) -> Result<(), BrokerError> {
        match self.failed.count.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => {
                let first = self.failed.first.get().map_or("", String::as_str);
                Err(BrokerError::Fatal(format!("the broker did not take {failed} records: {first}")))
            }
        }
    }
}
