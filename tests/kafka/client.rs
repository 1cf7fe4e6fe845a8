//! An independent client: creates topics, produces, and reads back what is committed.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

const ASK: Duration = Duration::from_secs(10);

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config
}

fn consumer(address: &str, group: &str) -> BaseConsumer {
    config(address)
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "50")
        .create()
        .unwrap()
}

/// Whether the broker answers questions about its topics.
pub fn answers(address: &str) -> bool {
    consumer(address, "probe").fetch_metadata(None, Duration::from_secs(2)).is_ok()
}

pub fn create_topic(address: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = config(address).create().unwrap();
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answers = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    answers.into_iter().for_each(|answer| drop(answer.unwrap()));
}

/// Deletes what partition 0 holds before `offset`.
pub fn delete_records(address: &str, topic: &str, offset: i64) {
    let admin: AdminClient<DefaultClientContext> = config(address).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
}

/// Headers to send, in their order.
pub type Headed<'a> = &'a [(&'a str, Option<&'a [u8]>)];

/// Sends records and waits until all are acknowledged.
pub struct Producing(BaseProducer);

impl Producing {
    pub fn new(address: &str) -> Producing {
        let producer = config(address)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "20")
            .set("enable.idempotence", "true")
            .create()
            .unwrap();
        Producing(producer)
    }

    pub fn send(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>, headers: Headed<'_>) {
        self.send_at(topic, None, key, value, headers);
    }

    /// `created_ms` becomes the record's CreateTime instead of now.
    pub fn send_at(
        &self,
        topic: &str,
        created_ms: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headed<'_>,
    ) {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        record.timestamp = created_ms;
        record.key = key;
        record.payload = value;
        if !headers.is_empty() {
            let all =
                headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: *value }));
            record = record.headers(all);
        }
        while let Err((error, returned)) = self.0.send(record) {
            assert!(error.to_string().contains("Queue full"), "{error}");
            record = returned;
            self.0.poll(Duration::from_millis(10));
        }
    }

    pub fn finish(self) {
        self.0.flush(Duration::from_secs(60)).unwrap();
    }
}

/// A reader of one topic, from its beginning.
pub struct Reading {
    consumer: BaseConsumer,
    topic: String,
}

impl Reading {
    pub fn new(address: &str, topic: &str) -> Reading {
        let consumer = consumer(address, "reading");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions(&consumer, topic) {
            list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        Reading { consumer, topic: topic.into() }
    }

    /// The next committed record, if one comes in time.
    pub fn next(&self, patience: Duration) -> Option<Record> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(20)) {
                let headers = message.headers().map_or(Vec::new(), |headers| {
                    headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
                });
                let own = |bytes: &[u8]| bytes.to_vec();
                let (key, value) = (message.key().map(own), message.payload().map(own));
                return Some(Record { partition: message.partition(), key, value, headers });
            }
        }
        None
    }

    /// Everything up to the end of the topic as it is now.
    pub fn all(&self) -> Vec<Record> {
        let count = partitions(&self.consumer, &self.topic);
        let ends: Vec<i64> = (0..count)
            .map(|partition| self.consumer.fetch_watermarks(&self.topic, partition, ASK).unwrap().1)
            .collect();
        let mut records = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(record) = self.next(Duration::from_millis(50)) {
                records.push(record);
                continue;
            }
            let position = self.consumer.position().unwrap();
            let done = position.elements().iter().all(|element| {
                let end = ends[element.partition() as usize];
                end == 0 || element.offset().to_raw().unwrap() >= end
            });
            if done {
                return records;
            }
            assert!(Instant::now() < deadline, "{} cannot be read to its end", self.topic);
        }
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    consumer.fetch_metadata(Some(topic), ASK).unwrap().topics()[0].partitions().len() as i32
}

/// Committed offset and end of the log of every partition.
pub fn committed(address: &str, group: &str, topic: &str) -> Vec<(i64, i64)> {
    let consumer = consumer(address, group);
    let mut list = TopicPartitionList::new();
    let count = partitions(&consumer, topic);
    list.add_partition_range(topic, 0, count - 1);
    let committed = consumer.committed_offsets(list, ASK).unwrap();
    let offset = |partition| committed.find_partition(topic, partition).unwrap().offset().to_raw().unwrap();
    (0..count)
        .map(|partition| (offset(partition), consumer.fetch_watermarks(topic, partition, ASK).unwrap().1))
        .collect()
}
