//! Encoded records of one epoch in one buffer, so that an output costs no allocation of its own.

use std::ops::Range;

/// The output topics, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutTopic {
    ScoreChanges,
    Scores,
    Cascades,
    Alerts,
    Rejects,
    Journal,
}

impl OutTopic {
    pub const ALL: [OutTopic; 6] = [
        OutTopic::ScoreChanges,
        OutTopic::Scores,
        OutTopic::Cascades,
        OutTopic::Alerts,
        OutTopic::Rejects,
        OutTopic::Journal,
    ];

    /// The default name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OutTopic::ScoreChanges => "influence.score-changes",
            OutTopic::Scores => "influence.scores",
            OutTopic::Cascades => "influence.cascades",
            OutTopic::Alerts => "influence.alerts",
            OutTopic::Rejects => "influence.rejects",
            OutTopic::Journal => "influence.journal",
        }
    }
}

/// One record to publish, borrowed from an [`Outbox`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRecord<'a> {
    pub topic: OutTopic,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

/// Encoded records of one epoch, in publishing order, in one buffer.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Keys, values and header values.
    bytes: Vec<u8>,
    /// Names of headers that came with rejected records; all others are known.
    names: String,
    headers: Vec<(Name, Option<Range<usize>>)>,
    records: Vec<Entry>,
}

#[derive(Debug)]
enum Name {
    Known(&'static str),
    Given(Range<usize>),
}

#[derive(Debug)]
struct Entry {
    topic: OutTopic,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

impl Outbox {
    /// Empties the outbox and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.names.clear();
        self.headers.clear();
        self.records.clear();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = OutRecord<'_>> {
        let bytes = |range: &Option<Range<usize>>| range.clone().map(|range| &self.bytes[range]);
        self.records.iter().map(move |entry| OutRecord {
            topic: entry.topic,
            key: bytes(&entry.key),
            value: bytes(&entry.value),
            headers: self.headers[entry.headers.clone()]
                .iter()
                .map(|(name, value)| {
                    let name = match name {
                        Name::Known(name) => name,
                        Name::Given(range) => &self.names[range.clone()],
                    };
                    (name, bytes(value))
                })
                .collect(),
        })
    }

    /// Starts a record whose value `value` appends; without it the record is a tombstone. Headers follow.
    pub(super) fn record(&mut self, topic: OutTopic, key: Option<&[u8]>, value: Option<impl FnOnce(&mut Vec<u8>)>) {
        let key = key.map(|key| self.written(|bytes| bytes.extend_from_slice(key)));
        let value = value.map(|write| self.written(write));
        let headers = self.headers.len()..self.headers.len();
        self.records.push(Entry { topic, key, value, headers });
    }

    /// Adds a header of a name of ours to the last record.
    pub(super) fn header(&mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        let value = self.written(value);
        self.push_header(Name::Known(name), Some(value));
    }

    /// Adds a header as it came to the last record.
    pub(super) fn given_header(&mut self, name: &str, value: Option<&[u8]>) {
        let start = self.names.len();
        self.names.push_str(name);
        let value = value.map(|value| self.written(|bytes| bytes.extend_from_slice(value)));
        self.push_header(Name::Given(start..self.names.len()), value);
    }

    /// Topic, key and value of the last record.
    pub(super) fn last(&self) -> (OutTopic, Option<&[u8]>, Option<&[u8]>) {
        let entry = self.records.last().expect("called after a record was started");
        let bytes = |range: &Option<Range<usize>>| range.clone().map(|range| &self.bytes[range]);
        (entry.topic, bytes(&entry.key), bytes(&entry.value))
    }

    fn push_header(&mut self, name: Name, value: Option<Range<usize>>) {
        self.headers.push((name, value));
        let entry = self.records.last_mut().expect("headers follow a record");
        entry.headers.end = self.headers.len();
    }

    fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }
}
