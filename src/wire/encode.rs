//! Outputs → bytes: keys, values and CloudEvents headers, collected in an outbox, with the digest that chains them.

use super::decode::RawRecord;
use super::fields::Field;
use super::journal::{Digest, JournalEntry};
use super::json;
use super::outbox::{OutTopic, Outbox};
use super::reason::{Reason, Reject};
use super::time::push_rfc3339;
use super::values::{self, Common, Names};
use crate::event::{CascadeChange, CascadeStatus, Cause, EngineReason, Output, Position, Rejected, ScoreChange, Time};
use xxhash_rust::xxh3::xxh3_128;

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
#[derive(Clone, Debug)]
pub struct Encoder {
    options: EncodeOptions,
    digest: Digest,
    /// Reused for hashed text.
    scratch: Vec<u8>,
}

impl Encoder {
    /// An encoder at the beginning of the log, with an empty digest.
    #[must_use]
    pub fn new(options: EncodeOptions) -> Self {
        Encoder { options, digest: Digest::default(), scratch: Vec::new() }
    }

    /// Encodes `outputs` in order: a score change becomes a record on `ScoreChanges` and one on `Scores`.
    pub fn outputs(&mut self, outputs: &[Output], names: &impl Names, outbox: &mut Outbox) {
        for output in outputs {
            match output {
                Output::Score(change) => self.score(change, names, outbox),
                Output::Cascade(change) => self.cascade(change, names, outbox),
            }
        }
    }

    /// A record that the wire rejected: original key, value and headers, plus the reason in headers.
    pub fn reject(&mut self, raw: &RawRecord<'_>, reject: &Reject, outbox: &mut Outbox) {
        self.rejected(raw.key, raw.value, outbox);
        for &(name, value) in &raw.headers {
            outbox.given_header(name, value);
        }
        let why = Why { reason: reject.reason, field: reject.field.as_deref(), detail: &reject.detail };
        self.reject_headers(raw.position, "VALUE_CONVERTER", "bellwether.wire.Decoder", &why, outbox);
    }

    /// A record that the engine rejected.
    pub fn engine_reject(&mut self, rejected: &Rejected, outbox: &mut Outbox) {
        let origin = rejected.origin.as_deref();
        self.rejected(origin.and_then(|origin| origin.key.as_deref()), Some(rejected.value.as_bytes()), outbox);
        for (name, value) in origin.map_or(&[][..], |origin| &origin.headers) {
            outbox.given_header(name, value.as_deref());
        }
        let field = match rejected.reason {
            EngineReason::TooLate => Field::OccurredAt,
            EngineReason::UnknownOrder => Field::OrderId,
            EngineReason::RefundExceedsOrder => Field::Amount,
        };
        let reason = Reason::from(rejected.reason);
        let why = Why { reason: reason.name(), field: Some(field.name()), detail: reason.meaning() };
        self.reject_headers(rejected.position, "TASK_PUT", "bellwether.engine.Engine", &why, outbox);
    }

    /// The journal record of an epoch.
    pub fn journal(&mut self, entry: &JournalEntry, outbox: &mut Outbox) {
        outbox.record(OutTopic::Journal, None, Some(|out: &mut Vec<u8>| out.extend_from_slice(&entry.value())));
        outbox.header("content-type", |out| out.extend_from_slice(b"application/json"));
    }

    /// Digest of everything encoded so far, journal records excepted.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Goes on from the digest of a snapshot or journal entry.
    pub fn resume(&mut self, digest: Digest) {
        self.digest = digest;
    }

    fn score(&mut self, change: &ScoreChange, names: &impl Names, outbox: &mut Outbox) {
        let key = names.customer(change.customer);
        let id = self.id(&[key.as_bytes(), &change.sequence.to_le_bytes()]);
        let mut shared = 0..0;
        outbox.record(
            OutTopic::ScoreChanges,
            Some(key.as_bytes()),
            Some(|out: &mut Vec<u8>| {
                shared.start = values::score_change(out, change, names, self.common());
                shared.end = out.len();
            }),
        );
        let head = Head { id, key, cause: &change.cause, at: change.at };
        self.chain(outbox);
        self.cloud_event("bellwether.score.changed.v1", &head, outbox);

        outbox.record(
            OutTopic::Scores,
            Some(key.as_bytes()),
            Some(|out: &mut Vec<u8>| values::score(out, change, names, shared)),
        );
        self.chain(outbox);
        self.cloud_event("bellwether.score.v1", &head, outbox);
    }

    fn cascade(&mut self, change: &CascadeChange, names: &impl Names, outbox: &mut Outbox) {
        let key = names.product(change.product);
        let id = self.id(&[&change.cascade.to_le_bytes(), change.status.name().as_bytes(), &change.size.to_le_bytes()]);
        let write = |out: &mut Vec<u8>| values::cascade(out, change, names, self.common());
        outbox.record(OutTopic::Cascades, Some(key.as_bytes()), Some(write));
        self.chain(outbox);
        let kind = match change.status {
            CascadeStatus::Detected => "bellwether.cascade.detected.v1",
            CascadeStatus::Grew => "bellwether.cascade.grew.v1",
            CascadeStatus::Closed => "bellwether.cascade.closed.v1",
        };
        self.cloud_event(kind, &Head { id, key, cause: &change.cause, at: change.at }, outbox);
    }

    fn common(&self) -> Common<'_> {
        Common { model: &self.options.model, currency: &self.options.currency }
    }

    /// A `ce_id`: the same for the same change in every run of the same model.
    fn id(&mut self, parts: &[&[u8]]) -> u128 {
        self.scratch.clear();
        for part in parts.iter().chain([&self.options.model.as_bytes()]) {
            self.scratch.extend_from_slice(&(part.len() as u32).to_le_bytes());
            self.scratch.extend_from_slice(part);
        }
        xxh3_128(&self.scratch)
    }

    /// CloudEvents 1.0, Kafka protocol binding, binary content mode.
    fn cloud_event(&self, kind: &'static str, head: &Head<'_>, outbox: &mut Outbox) {
        outbox.header("ce_specversion", |out| out.extend_from_slice(b"1.0"));
        outbox.header("ce_id", |out| json::hex128(out, head.id));
        outbox.header("ce_type", |out| out.extend_from_slice(kind.as_bytes()));
        outbox.header("ce_source", |out| out.extend_from_slice(self.options.source.as_bytes()));
        outbox.header("ce_subject", |out| out.extend_from_slice(head.key.as_bytes()));
        outbox.header("ce_time", |out| push_rfc3339(head.at, out));
        if let Cause::Event { position, .. } = head.cause {
            outbox.header("ce_position", |out| {
                out.extend_from_slice(self.topic(*position).as_bytes());
                out.push(b'/');
                json::integer(out, position.partition.into());
                out.push(b'/');
                json::integer(out, position.offset);
            });
        }
        outbox.header("content-type", |out| out.extend_from_slice(b"application/json"));
    }

    /// Folds the last record of the outbox into the digest. Lengths are folded in too, so that no two sequences read alike.
    fn chain(&mut self, outbox: &Outbox) {
        let (topic, key, value) = outbox.last();
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let mut link = [0; 64];
        link[..16].copy_from_slice(&self.digest.chain.to_le_bytes());
        link[16..32].copy_from_slice(&xxh3_128(key).to_le_bytes());
        link[32..48].copy_from_slice(&xxh3_128(value).to_le_bytes());
        link[48..52].copy_from_slice(&(key.len() as u32).to_le_bytes());
        link[52..56].copy_from_slice(&(value.len() as u32).to_le_bytes());
        link[56] = topic as u8;
        self.digest.chain = xxh3_128(&link);
    }

    /// Starts a record on the rejects topic. A sum does not depend on the order in which partitions arrive.
    fn rejected(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, outbox: &mut Outbox) {
        outbox.record(OutTopic::Rejects, key, value.map(|value| |out: &mut Vec<u8>| out.extend_from_slice(value)));
        self.digest.rejects = self.digest.rejects.wrapping_add(xxh3_128(value.unwrap_or_default()));
    }

    /// Why, in our own headers and in those that tools for Kafka Connect's dead letter queues read.
    fn reject_headers(&self, position: Position, stage: &str, class: &str, why: &Why<'_>, outbox: &mut Outbox) {
        let mut text =
            |name: &'static str, value: &str| outbox.header(name, |out| out.extend_from_slice(value.as_bytes()));
        let (topic, partition, offset) =
            (self.topic(position), position.partition.to_string(), position.offset.to_string());
        text("bellwether.reject.topic", topic);
        text("bellwether.reject.partition", &partition);
        text("bellwether.reject.offset", &offset);
        text("bellwether.reject.reason", why.reason);
        if let Some(field) = why.field {
            text("bellwether.reject.field", field);
        }
        text("bellwether.reject.detail", why.detail);
        text("__connect.errors.topic", topic);
        text("__connect.errors.partition", &partition);
        text("__connect.errors.offset", &offset);
        text("__connect.errors.stage", stage);
        text("__connect.errors.class.name", class);
        text("__connect.errors.exception.class.name", why.reason);
        text("__connect.errors.exception.message", why.detail);
    }

    fn topic(&self, position: Position) -> &str {
        &self.options.input_topics[position.topic as usize]
    }
}

/// What the headers of an output say of it.
struct Head<'a> {
    id: u128,
    key: &'a str,
    cause: &'a Cause,
    at: Time,
}

/// Why a record is on the rejects topic.
struct Why<'a> {
    reason: &'a str,
    field: Option<&'a str>,
    detail: &'a str,
}
