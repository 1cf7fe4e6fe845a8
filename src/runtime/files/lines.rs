//! The JSON of replayed files: envelopes in, lines out.
//!
//! In: `{"topic":"social.follows","value":{…}}`, optionally `key`, `timestamp_ms`, `partition`. Bytes that are no JSON can be
//! given as `value_text` (any text) or `value_base64` (any bytes) instead of `value`.
//! Out: `{"topic","key","headers","value"}`. The value is the encoded bytes, verbatim; a reject whose value is no JSON
//! has `value_text` instead, or `value_base64` if it is not even text. A tombstone is `"value":null`.

use crate::event::Topic;
use crate::wire::{OutRecord, Reject};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{self, Write};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
    #[serde(default)]
    timestamp_ms: Option<i64>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value_base64: Option<Cow<'a, str>>,
}

/// `null` is a value (a tombstone), unlike no value at all.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A record as a line of an input file tells it.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub topic: Topic,
    pub key: Option<Cow<'a, str>>,
    pub timestamp_ms: Option<i64>,
    pub value: Option<Cow<'a, [u8]>>,
}

/// Reads a line. `names` are the broker names of the input topics, which count beside the contract's.
pub fn parse<'a>(line: &'a [u8], names: &[String; 4]) -> Result<Envelope<'a>, Reject> {
    let line: Line<'a> = serde_json::from_slice(line).map_err(|error| bad_envelope("", error.to_string()))?;
    let topic = Topic::ALL
        .into_iter()
        .find(|topic| topic.name() == line.topic || names[*topic as usize] == line.topic)
        .ok_or_else(|| Reject {
            reason: "unknown_topic",
            field: Some("topic".into()),
            detail: format!("found \"{}\", expected one of {}", line.topic, Topic::ALL.map(Topic::name).join(", ")),
        })?;
    let value = match (line.value, line.value_text, line.value_base64) {
        (Some(raw), None, None) if raw.get() == "null" => None,
        (Some(raw), None, None) => Some(Cow::Borrowed(raw.get().as_bytes())),
        (None, Some(Cow::Borrowed(text)), None) => Some(Cow::Borrowed(text.as_bytes())),
        (None, Some(Cow::Owned(text)), None) => Some(Cow::Owned(text.into_bytes())),
        (None, None, Some(base64)) => match from_base64(&base64) {
            Some(bytes) => Some(Cow::Owned(bytes)),
            None => return Err(bad_envelope("value_base64", "is no base64".to_owned())),
        },
        (None, None, None) => return Err(bad_envelope("value", "missing".to_owned())),
        _ => return Err(bad_envelope("value", "given more than once".to_owned())),
    };
    Ok(Envelope { topic, key: line.key, timestamp_ms: line.timestamp_ms, value })
}

/// A line that is no record.
pub fn bad_envelope(field: &'static str, detail: String) -> Reject {
    let field = (!field.is_empty()).then_some(Cow::Borrowed(field));
    Reject { reason: "bad_envelope", field, detail }
}

/// Writes one line.
pub fn write(out: &mut impl Write, topic: &str, record: &OutRecord<'_>) -> io::Result<()> {
    out.write_all(b"{\"topic\":")?;
    text(out, topic)?;
    out.write_all(b",\"key\":")?;
    match record.key {
        Some(key) => text(out, &String::from_utf8_lossy(key))?,
        None => out.write_all(b"null")?,
    }
    out.write_all(b",\"headers\":{")?;
    for (i, (name, value)) in record.headers.iter().enumerate() {
        out.write_all(if i == 0 { b"" } else { b"," })?;
        text(out, name)?;
        out.write_all(b":")?;
        match value {
            Some(value) => text(out, &String::from_utf8_lossy(value))?,
            None => out.write_all(b"null")?,
        }
    }
    out.write_all(b"}")?;
    match record.value {
        None => out.write_all(b",\"value\":null")?,
        // What the encoder made is JSON on one line; only rejects are somebody else's bytes.
        Some(value) if record.topic != crate::wire::OutTopic::Rejects || is_json_line(value) => {
            out.write_all(b",\"value\":")?;
            out.write_all(value)?;
        }
        Some(value) => match std::str::from_utf8(value) {
            Ok(value) => {
                out.write_all(b",\"value_text\":")?;
                text(out, value)?;
            }
            Err(_) => write!(out, ",\"value_base64\":\"{}\"", to_base64(value))?,
        },
    }
    out.write_all(b"}\n")
}

fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

/// Whether the bytes can stand inside a line as they are. `null` cannot, since it would be read as a tombstone.
fn is_json_line(value: &[u8]) -> bool {
    !value.contains(&b'\n')
        && serde_json::from_slice::<&RawValue>(value)
            .is_ok_and(|raw| raw.get().len() == value.len() && raw.get() != "null")
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for digit in digits.bytes() {
        bits = bits << 6 | BASE64.iter().position(|known| *known == digit)? as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one_and_reads_back() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(to_base64(bytes.as_bytes()), expected);
            assert_eq!(from_base64(expected).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_base64(&to_base64(&all)), Some(all));
        assert_eq!(from_base64("Zg"), None);
        assert_eq!(from_base64("Z!=="), None);
    }

    #[test]
    fn lines_that_are_no_records_say_why() {
        let names = Topic::ALL.map(|topic| topic.name().to_owned());
        for (line, reason) in [
            ("", "bad_envelope"),
            ("{}", "bad_envelope"),
            ("[1]", "bad_envelope"),
            (r#"{"topic":"social.follows"}"#, "bad_envelope"),
            (r#"{"topic":"social.follows","value":{}"#, "bad_envelope"),
            (r#"{"topic":"social.follows","value":1,"value_text":"2"}"#, "bad_envelope"),
            (r#"{"topic":"social.follows","value_base64":"?"}"#, "bad_envelope"),
            (r#"{"topic":"social.likes","value":{}}"#, "unknown_topic"),
        ] {
            assert_eq!(parse(line.as_bytes(), &names).expect_err(line).reason, reason, "{line}");
        }
        assert_eq!(parse(b"\"\xff\"", &names).expect_err("not UTF-8").reason, "bad_envelope");
    }

    #[test]
    fn a_value_is_taken_verbatim_and_null_is_a_tombstone() {
        let names = Topic::ALL.map(|topic| format!("prod.{}", topic.name()));
        let value_of = |line: &str| parse(line.as_bytes(), &names).expect(line).value.map(Cow::into_owned);
        let line = r#"{"topic":"prod.social.follows","value":{ "a" : 1.0e0 }, "more": true}"#;
        assert_eq!(value_of(line).as_deref(), Some(br#"{ "a" : 1.0e0 }"#.as_slice()));
        assert_eq!(value_of(r#"{"topic":"social.follows","value":null}"#), None);
        assert_eq!(value_of(r#"{"topic":"social.follows","value_text":"{"}"#).as_deref(), Some(b"{".as_slice()));
    }
}
