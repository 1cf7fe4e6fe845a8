//! Writing: one transaction per epoch, with its outputs, its journal record and the group's offsets.

use super::{BrokerError, client, settle};
use crate::config::{Kafka, Topics};
use crate::event::Topic;
use crate::wire::Outbox;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// The transactional producer. Opening one fences every older one with the same `transactional_id`.
pub struct Sink {
    producer: BaseProducer,
    group: ConsumerGroupMetadata,
    inputs: [String; 4],
    outputs: [String; 6],
}

/// Each step of a transaction is tried for this long; below the broker's own `transaction.timeout.ms`.
const STEP: Duration = Duration::from_secs(30);

/// Fencing waits until the coordinator has ended what an earlier instance left open.
const FENCING: Duration = Duration::from_secs(60);

/// Between two looks at what is still on its way.
const DELIVERY_LOOK: Duration = Duration::from_millis(4);

impl Sink {
    /// Connects and fences.
    pub fn open(kafka: &Kafka, topics: &Topics, group: ConsumerGroupMetadata) -> Result<Sink, BrokerError> {
        let ours = [
            // A request carries one partition's batch: the fewer, the less the broker works. Offsets take as long anyway.
            ("linger.ms", "20"),
            ("batch.size", "1048576"),
            ("batch.num.messages", "100000"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "500000"),
            ("queue.buffering.max.kbytes", "262144"),
            ("message.max.bytes", "8388608"),
            ("transaction.timeout.ms", "60000"),
        ];
        let fixed = [
            ("transactional.id", kafka.transactional_id.as_str()),
            ("enable.idempotence", "true"),
            // The commit fails if any record did; a report for each would be work for nothing.
            ("delivery.report.only.error", "true"),
            // As Java's: topics co-partition with those of the platform's other producers.
            ("partitioner", "murmur2_random"),
        ];
        let producer: BaseProducer = client(kafka, &ours, &fixed)
            .create()
            .map_err(|error| BrokerError::Fatal(format!("cannot make a producer: {error}")))?;
        settle("fencing", FENCING, || producer.init_transactions(STEP))?;
        Ok(Sink { producer, group, inputs: topics.inputs.clone(), outputs: topics.outputs.clone() })
    }

    /// Makes all of `outbox` and the offsets (next to read) visible at once, or nothing of it.
    pub fn commit(&self, outbox: &Outbox, offsets: &[(Topic, i32, i64)]) -> Result<(), BrokerError> {
        let committed = self.transact(outbox, offsets);
        if let Err(BrokerError::Aborted(_)) = committed {
            // The restart would abort it by fencing; doing it now frees readers earlier. So a failure here is no news.
            let _ = self.producer.abort_transaction(STEP);
        }
        committed
    }

    fn transact(&self, outbox: &Outbox, offsets: &[(Topic, i32, i64)]) -> Result<(), BrokerError> {
        settle("begin", STEP, || self.producer.begin_transaction())?;
        for record in outbox.iter() {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: *value });
            }
            let mut message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(&self.outputs[record.topic as usize]).headers(headers);
            message.key = record.key;
            message.payload = record.value;
            self.send(message)?;
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (topic, partition, next) in offsets {
            list.add_partition_offset(&self.inputs[*topic as usize], *partition, Offset::Offset(*next))
                .map_err(|error| BrokerError::Fatal(format!("offset {next}: {error}")))?;
        }
        if !offsets.is_empty() {
            settle("offsets", STEP, || self.producer.send_offsets_to_transaction(&list, &self.group, STEP))?;
        }
        self.deliver()?;
        settle("commit", STEP, || self.producer.commit_transaction(STEP))
    }

    /// Waits until everything produced is acknowledged or refused. The client's own flush, which the commit begins with,
    /// sleeps through whole tenths of a second while records are on their way; behind this it has nothing to wait for.
    fn deliver(&self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + STEP;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            // Sends what lingers at once; that it has not all arrived yet is no error.
            let _ = self.producer.flush(Duration::ZERO);
            self.producer.poll(DELIVERY_LOOK);
            // What is on its way when another instance takes over never arrives.
            if let Some((code, why)) = self.producer.client().fatal_error() {
                return Err(match code {
                    RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced => BrokerError::Fenced(why),
                    RDKafkaErrorCode::InvalidProducerEpoch => BrokerError::Fenced(why),
                    _ => BrokerError::Fatal(why),
                });
            }
        }
        Ok(())
    }

    fn send(&self, mut message: BaseRecord<'_, [u8], [u8]>) -> Result<(), BrokerError> {
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    message = returned;
                    self.producer.poll(Duration::from_millis(10));
                }
                // Never commit here: the client forgets a message that it refused (too large, say), and what was produced
                // before would become visible without its journal record. A fenced producer learns so from aborting, too.
                Err((error, _)) => {
                    settle("abort", STEP, || self.producer.abort_transaction(STEP))?;
                    return Err(BrokerError::Fatal(format!("cannot produce: {error}")));
                }
            }
        }
    }
}
