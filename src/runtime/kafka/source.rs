//! Reading: one consumer with a manual assignment of every partition of the four input topics.

use super::{ASK, BrokerError, Fate, client, fate, settle};
use crate::config::{Kafka, Topics};
use crate::event::{Position, Topic};
use crate::wire::{JournalEntry, OutTopic, RawRecord};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A partition of an input topic. Slots are numbered by topic rank, then partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub topic: Topic,
    pub partition: i32,
}

/// The consumer. Offsets are committed inside the transactions of the [`super::Sink`], never by this.
pub struct Source {
    consumer: BaseConsumer,
    names: [String; 4],
    slots: Vec<Slot>,
    /// First slot of each topic.
    bases: [usize; 4],
    /// When a passing error was last logged: `AllBrokersDown` comes with every poll.
    complained: Cell<Option<Instant>>,
}

/// Reads committed records only, and never commits by itself.
const FIXED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_committed"),
    // An offset that the log no longer has is an error, not a silent jump.
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
];

impl Source {
    /// Connects and learns the partitions of the input topics. Nothing is read before [`Source::assign`].
    pub fn open(kafka: &Kafka, topics: &Topics) -> Result<Source, BrokerError> {
        let ours = [
            ("group.id", kafka.group.as_str()),
            ("check.crcs", "true"),
            // One fetch brings at most this much of a partition; larger ones make partitions run further apart.
            ("fetch.message.max.bytes", "1048576"),
            ("fetch.max.bytes", "16777216"),
            // Bounds what a silent broker connection may delay, since requests of a connection are answered in order.
            ("fetch.wait.max.ms", "100"),
            ("fetch.queue.backoff.ms", "5"),
            ("queued.min.messages", "100000"),
            // Of all partitions together; with the channels' bounds this is the memory of the way in.
            ("queued.max.messages.kbytes", "65536"),
            ("socket.receive.buffer.bytes", "1048576"),
        ];
        let consumer: BaseConsumer = client(kafka, &ours, &FIXED)
            .create()
            .map_err(|error| BrokerError::Fatal(format!("cannot make a consumer: {error}")))?;
        let mut slots = Vec::new();
        let mut bases = [0; 4];
        for topic in Topic::ALL {
            let name = &topics.inputs[topic as usize];
            bases[topic as usize] = slots.len();
            let partitions = partition_count(&consumer, name)?;
            slots.extend((0..partitions).map(|partition| Slot { topic, partition }));
        }
        Ok(Source { consumer, names: topics.inputs.clone(), slots, bases, complained: Cell::new(None) })
    }

    /// All partitions, in slot order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What a transaction needs to commit the group's offsets.
    pub fn group(&self) -> Result<ConsumerGroupMetadata, BrokerError> {
        self.consumer.group_metadata().ok_or_else(|| BrokerError::Fatal("the consumer has no group".into()))
    }

    /// Reads every slot from its given offset on; what was fetched before is dropped.
    pub fn assign(&self, offsets: &[i64]) -> Result<(), BrokerError> {
        let list = self.list(|slot| Some(Offset::Offset(offsets[slot])))?;
        self.consumer.assign(&list).map_err(|error| BrokerError::Fatal(format!("cannot assign partitions: {error}")))
    }

    /// Gives the next record to `read`, or `None` if nothing came for `timeout`. Passing errors count as nothing.
    pub fn poll<R>(
        &self,
        timeout: Duration,
        read: impl FnOnce(usize, &RawRecord<'_>) -> R,
    ) -> Result<Option<R>, BrokerError> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => {
                let topic = self.topic(&message)?;
                let raw = RawRecord {
                    position: Position { topic, partition: message.partition(), offset: message.offset() },
                    key: message.key(),
                    value: message.payload(),
                    headers: headers(&message),
                    timestamp_ms: message.timestamp().to_millis(),
                };
                Ok(Some(read(self.bases[topic as usize] + message.partition() as usize, &raw)))
            }
            Some(Err(error)) => self.judge(error).map(|()| None),
        }
    }

    /// Next offset of every slot, control records that were passed included; −1 where nothing was read yet.
    pub fn positions(&self) -> Result<Vec<i64>, BrokerError> {
        let list = settle("positions", ASK, || self.consumer.position())?;
        Ok(self.by_slot(&list))
    }

    /// Stops (`true`) or resumes fetching of slots.
    pub fn pause(&self, slots: &[usize], paused: bool) -> Result<(), BrokerError> {
        if slots.is_empty() {
            return Ok(());
        }
        let list = self.list(|slot| slots.contains(&slot).then_some(Offset::Invalid))?;
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        done.map_err(|error| BrokerError::Fatal(format!("cannot pause partitions: {error}")))
    }

    fn topic(&self, message: &BorrowedMessage<'_>) -> Result<Topic, BrokerError> {
        let name = message.topic();
        Topic::ALL
            .into_iter()
            .find(|topic| self.names[*topic as usize] == name)
            .ok_or_else(|| BrokerError::Fatal(format!("a record of {name}, which was not asked for")))
    }

    fn judge(&self, error: KafkaError) -> Result<(), BrokerError> {
        match fate(&error) {
            Fate::Retry => {
                if self.complained.get().is_none_or(|last| last.elapsed() > COMPLAIN_EVERY) {
                    self.complained.set(Some(Instant::now()));
                    tracing::warn!(%error, "reading is interrupted");
                }
                Ok(())
            }
            Fate::Input => Err(BrokerError::Input(format!(
                "cannot read the input topics: {error}. If the log no longer reaches back to the journalled offsets, \
                 history cannot be replayed: lengthen the topics' retention, and start anew with another [kafka] group"
            ))),
            Fate::Fenced => Err(BrokerError::Fenced(error.to_string())),
            Fate::Abort | Fate::Fatal => Err(BrokerError::Fatal(format!("reading: {error}"))),
        }
    }

    fn list(&self, offset: impl Fn(usize) -> Option<Offset>) -> Result<TopicPartitionList, BrokerError> {
        slot_list(&self.slots, &self.names, offset)
    }

    fn by_slot(&self, list: &TopicPartitionList) -> Vec<i64> {
        slot_offsets(&self.slots, &self.names, list)
    }
}

/// Passing errors are logged at most this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Asks for the ends of the log, over connections of its own, so that it never waits behind a long fetch.
pub struct LogProbe {
    consumer: BaseConsumer,
    names: [String; 4],
    slots: Vec<Slot>,
}

impl LogProbe {
    pub fn open(kafka: &Kafka, topics: &Topics, slots: &[Slot]) -> Result<LogProbe, BrokerError> {
        let consumer: BaseConsumer = client(kafka, &[("group.id", kafka.group.as_str())], &FIXED)
            .create()
            .map_err(|error| BrokerError::Fatal(format!("cannot make a consumer: {error}")))?;
        Ok(LogProbe { consumer, names: topics.inputs.clone(), slots: slots.to_vec() })
    }

    /// Oldest offset of every slot.
    pub fn starts(&self) -> Result<Vec<i64>, BrokerError> {
        self.ask(Offset::Beginning)
    }

    /// Offset behind the last committed record of every slot.
    pub fn ends(&self) -> Result<Vec<i64>, BrokerError> {
        self.ask(Offset::End)
    }

    /// The protocol takes −2 and −1 for times: the first and the last offset.
    fn ask(&self, what: Offset) -> Result<Vec<i64>, BrokerError> {
        let answer = settle("asking for the ends of the log", ASK, || {
            let list = slot_list(&self.slots, &self.names, |_| Some(what))
                .map_err(|_| KafkaError::Canceled /* cannot be: offsets are constants */)?;
            let answer = self.consumer.offsets_for_times(list, ASK)?;
            answer.elements().iter().try_for_each(|element| element.error())?;
            Ok(answer)
        })?;
        Ok(slot_offsets(&self.slots, &self.names, &answer))
    }
}

/// All journal entries that were committed, oldest first. Read once, at start, after fencing.
pub fn read_journal(kafka: &Kafka, topics: &Topics) -> Result<Vec<JournalEntry>, BrokerError> {
    let name = &topics.outputs[OutTopic::Journal as usize];
    let consumer: BaseConsumer = client(kafka, &[("group.id", kafka.group.as_str())], &FIXED)
        .create()
        .map_err(|error| BrokerError::Fatal(format!("cannot make a consumer: {error}")))?;
    let (low, high) = settle("asking for the journal", ASK, || consumer.fetch_watermarks(name, 0, ASK))?;
    let mut list = TopicPartitionList::new();
    let assigned = list
        .add_partition_offset(name, 0, Offset::Offset(low))
        .and_then(|()| consumer.assign(&list))
        .map_err(|error| BrokerError::Fatal(format!("cannot read the journal: {error}")));
    assigned?;
    let mut entries = Vec::new();
    let mut position = low;
    let mut silent_since = Instant::now();
    // The last record of the log is a commit marker, which shows in the position only.
    while position < high {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                silent_since = Instant::now();
                position = message.offset() + 1;
                let value = message.payload().unwrap_or_default();
                let entry = JournalEntry::parse(value)
                    .map_err(|why| BrokerError::Fatal(format!("{name} at offset {}: {why}", message.offset())))?;
                entries.push(entry);
            }
            Some(Err(error)) if fate(&error) == Fate::Retry => {}
            Some(Err(error)) => return Err(BrokerError::Fatal(format!("reading the journal: {error}"))),
            None => {
                let list = settle("positions", ASK, || consumer.position())?;
                let reached = list.elements().first().and_then(|element| element.offset().to_raw()).unwrap_or(-1);
                position = position.max(reached);
                if silent_since.elapsed() > JOURNAL_SILENCE {
                    return Err(BrokerError::Fatal(format!(
                        "{name} stops at offset {position}, before its end {high}"
                    )));
                }
            }
        }
    }
    Ok(entries)
}

/// Longest wait for the next journal record; a transaction left open by a dead instance was ended by fencing.
const JOURNAL_SILENCE: Duration = Duration::from_secs(60);

fn partition_count(consumer: &BaseConsumer, name: &str) -> Result<i32, BrokerError> {
    let metadata = settle(&format!("asking for {name}"), ASK, || consumer.fetch_metadata(Some(name), ASK))?;
    match metadata.topics().first() {
        Some(topic) if topic.error().is_none() && !topic.partitions().is_empty() => Ok(topic.partitions().len() as i32),
        _ => Err(BrokerError::Input(format!("topic {name} does not exist"))),
    }
}

/// The headers whose names are UTF-8, as the protocol wants them. The client library panics over any other name, and no
/// producer may end the pipeline by a header: such a one is left out.
fn headers<'a>(message: &'a BorrowedMessage<'_>) -> Vec<(&'a str, Option<&'a [u8]>)> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let read = |number| catch_unwind(AssertUnwindSafe(|| headers.get(number))).ok();
    (0..headers.count()).filter_map(read).map(|header| (header.key, header.value)).collect()
}

fn slot_list(
    slots: &[Slot],
    names: &[String; 4],
    offset: impl Fn(usize) -> Option<Offset>,
) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::with_capacity(slots.len());
    for (number, slot) in slots.iter().enumerate() {
        if let Some(offset) = offset(number) {
            list.add_partition_offset(&names[slot.topic as usize], slot.partition, offset)
                .map_err(|error| BrokerError::Fatal(format!("offset {offset:?}: {error}")))?;
        }
    }
    Ok(list)
}

fn slot_offsets(slots: &[Slot], names: &[String; 4], list: &TopicPartitionList) -> Vec<i64> {
    let mut offsets = vec![-1; slots.len()];
    for element in list.elements() {
        let slot = slots
            .iter()
            .position(|slot| slot.partition == element.partition() && names[slot.topic as usize] == element.topic());
        if let (Some(slot), Offset::Offset(offset)) = (slot, element.offset()) {
            offsets[slot] = offset;
        }
    }
    offsets
}
