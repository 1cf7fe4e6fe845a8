//! Bytes ↔ nouns: schemas in and out, rejects. The only room that knows JSON on the data path.

mod decode;
mod encode;

pub use decode::{DecodeOptions, Decoder, FieldMapping, RawRecord, Reject};
pub use encode::{Digest, EncodeOptions, Encoder, JournalEntry, OutRecord, OutTopic, Outbox};
