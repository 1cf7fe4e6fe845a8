//! Bytes ↔ nouns: schemas in and out, rejects. The only room that knows JSON on the data path.

mod asyncapi;
mod decode;
mod encode;
mod fields;
mod inputs;
mod journal;
mod json;
mod mapping;
mod number;
mod outbox;
mod outputs;
mod read;
mod reason;
mod schema;
mod time;
mod values;

pub use asyncapi::asyncapi;
pub use decode::{DecodeOptions, Decoder, FieldMapping, RawRecord};
pub use encode::{EncodeOptions, Encoder};
pub use journal::{Digest, JournalEntry};
pub use outbox::{OutRecord, OutTopic, Outbox};
pub use reason::{Reason, Reject};
pub use schema::{SchemaArgs, json_schemas, schema_command};
pub use values::Names;

#[cfg(test)]
mod tests;
