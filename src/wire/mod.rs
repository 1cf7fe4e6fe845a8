//! Bytes ↔ nouns: schemas in and out, rejects. The only room that knows JSON on the data path.

mod decode;
mod encode;
mod fields;
mod journal;
mod json;
mod mapping;
mod number;
mod outbox;
mod read;
mod reason;
mod time;
mod values;

pub use decode::{DecodeOptions, Decoder, FieldMapping, RawRecord};
pub use encode::{EncodeOptions, Encoder};
pub use journal::{Digest, JournalEntry};
pub use outbox::{OutRecord, OutTopic, Outbox};
pub use reason::{Reason, Reject};
pub use values::Names;
