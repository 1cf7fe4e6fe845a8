//! Bytes ↔ nouns: schemas in and out, rejects. The only room that knows JSON on the data path.

mod decode;
mod encode;
mod fields;
mod mapping;
mod number;
mod read;
mod reason;
mod time;

pub use decode::{DecodeOptions, Decoder, FieldMapping, RawRecord};
pub use encode::{Digest, EncodeOptions, Encoder, JournalEntry, OutRecord, OutTopic, Outbox};
pub use reason::{Reason, Reject};
