//! Bytes → events: every record is either appended to a chunk or rejected with a reason.

use crate::event::{Chunk, Position};
use std::borrow::Cow;

/// A record as it came from the log.
#[derive(Clone, Debug)]
pub struct RawRecord<'a> {
    pub position: Position,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// The log's own timestamp (CreateTime or LogAppendTime): bounds how far ahead `occurred_at` may be.
    pub timestamp_ms: Option<i64>,
}

/// Where the fields of one topic are found when its values do not have the contract's shape: contract field → JSON path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldMapping {
    pub paths: Vec<(String, String)>,
}

/// What decoding depends on besides the bytes. All of it is part of the engine's fingerprint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecodeOptions {
    /// By [`crate::event::Topic`]; `None` means the contract's own shape.
    pub mappings: [Option<FieldMapping>; 4],
    /// ISO 4217; amounts in it are taken as they are.
    pub reporting_currency: String,
    /// Units of the reporting currency for one unit of another, as decimal text: `("USD", "0.92")`.
    pub rates: Vec<(String, String)>,
    /// How far `occurred_at` may be ahead of the record's log timestamp, in ms.
    pub future_tolerance_ms: i64,
    pub max_value_bytes: usize,
}

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Stable snake_case name, also a metrics label: `not_utf8`, `not_json`, `missing_field` …
    pub reason: &'static str,
    pub field: Option<Cow<'static, str>>,
    /// For people: what was found and what is expected.
    pub detail: String,
}

/// Turns raw records into events.
pub struct Decoder {}

impl Decoder {
    /// Errors name the option that makes no sense.
    pub fn new(_options: &DecodeOptions) -> Result<Self, String> {
        todo!()
    }

    /// Appends the event to `chunk`, or says why not and leaves `chunk` as it was.
    pub fn decode(&self, _raw: &RawRecord<'_>, _chunk: &mut Chunk) -> Result<(), Reject> {
        todo!()
    }
}
