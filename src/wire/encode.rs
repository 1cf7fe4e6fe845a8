//! Outputs → bytes: keys, values and CloudEvents headers, collected in an outbox, with the digest that chains them.

use super::decode::RawRecord;
use super::reason::Reject;
use crate::engine::Engine;
use crate::event::{Output, Rejected, Time};

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
pub struct Outbox {}

impl Outbox {
    pub fn clear(&mut self) {}

    #[must_use]
    pub fn len(&self) -> usize {
        0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = OutRecord<'_>> {
        std::iter::empty()
    }
}

/// Running proof of all outputs: `chain` folds topic, key and value (not headers) of every output but the rejects, in order, so
/// that it does not depend on where epochs end; `rejects` adds up the hashes of the rejects' values, whose order is the arrival's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub chain: u128,
    pub rejects: u128,
}

/// What one epoch's transaction says of itself on the journal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    pub epoch: u64,
    /// Per input topic role and partition: the next offset to read.
    pub ends: Vec<(crate::event::Topic, i32, i64)>,
    pub watermark: Time,
    pub digest: Digest,
    /// Outputs since the beginning, rejects included.
    pub outputs: u64,
    /// Fingerprint of everything that changes history.
    pub model: String,
}

/// What encoding depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodeOptions {
    /// `rules-<fingerprint>`: the `model` of every output.
    pub model: String,
    /// `ce_source`.
    pub source: String,
    /// Reporting currency.
    pub currency: String,
    /// Broker names of the input topics, for positions in headers.
    pub input_topics: [String; 4],
}

/// Turns outputs into records.
pub struct Encoder {}

impl Encoder {
    #[must_use]
    pub fn new(_options: EncodeOptions) -> Self {
        todo!()
    }

    /// Encodes `outputs` in order: a score change becomes a record on `ScoreChanges` and one on `Scores`.
    pub fn outputs(&mut self, _outputs: &[Output], _engine: &Engine, _outbox: &mut Outbox) {
        todo!()
    }

    /// A record that the wire rejected: original key, value and headers, plus the reason in headers.
    pub fn reject(&mut self, _raw: &RawRecord<'_>, _reject: &Reject, _outbox: &mut Outbox) {
        todo!()
    }

    /// A record that the engine rejected.
    pub fn engine_reject(&mut self, _rejected: &Rejected, _outbox: &mut Outbox) {
        todo!()
    }

    /// The journal record of an epoch.
    pub fn journal(&mut self, _entry: &JournalEntry, _outbox: &mut Outbox) {
        todo!()
    }

    /// Digest of everything encoded so far, journal records excepted.
    #[must_use]
    pub fn digest(&self) -> Digest {
        todo!()
    }
}

impl JournalEntry {
    /// Reads a journal record back.
    pub fn parse(_value: &[u8]) -> Result<JournalEntry, String> {
        todo!()
    }
}
