//! Raw JSON fields → validated values. Each refusal names the field, what was found and what is expected.

use super::fields::{Field, Fields};
use super::number::{Decimal, MAX_COUNT, NotMoney};
use super::reason::{Reason, Reject, shown};
use super::time::parse_rfc3339;
use crate::event::{Money, Span, Time};
use std::borrow::Cow;

/// Longest id in bytes.
const MAX_ID_BYTES: usize = 256;

/// The fields of one event on their way into a chunk.
pub(super) struct Reader<'v, 'c> {
    fields: Fields<'v>,
    value: &'v str,
    /// Where the value stands in `text`.
    span: Span,
    text: &'c mut String,
}

impl<'v, 'c> Reader<'v, 'c> {
    /// `span` is where `value` was appended to the chunk's `text`.
    pub(super) fn new(fields: Fields<'v>, value: &'v str, span: Span, text: &'c mut String) -> Self {
        Reader { fields, value, span, text }
    }

    /// The raw JSON of a field, for people.
    pub(super) fn shown(&self, field: Field) -> Cow<'v, str> {
        shown(self.fields.raw(field).unwrap_or("nothing"))
    }

    /// The text of a span made by this reader.
    pub(super) fn resolve(&self, span: Span) -> &str {
        &self.text[span.start as usize..][..span.len as usize]
    }

    /// Required text, unescaped.
    pub(super) fn text(&self, field: Field) -> Result<Cow<'v, str>, Reject> {
        unescaped(field, self.required(field)?)
    }

    /// Optional text, unescaped.
    pub(super) fn optional_text(&self, field: Field) -> Result<Option<Cow<'v, str>>, Reject> {
        self.fields.raw(field).map(|raw| unescaped(field, raw)).transpose()
    }

    /// Required id: 1–256 bytes without control characters, otherwise left alone.
    pub(super) fn id(&mut self, field: Field) -> Result<Span, Reject> {
        let raw = self.required(field)?;
        self.id_span(field, raw)
    }

    /// Optional id or name.
    pub(super) fn optional_id(&mut self, field: Field) -> Result<Option<Span>, Reject> {
        self.fields.raw(field).map(|raw| self.id_span(field, raw)).transpose()
    }

    /// RFC 3339 text or integer epoch milliseconds, not yet judged by its range.
    pub(super) fn time(&self, field: Field) -> Result<Time, Reject> {
        let raw = self.required(field)?;
        let bad = || {
            let detail =
                format!("found {}, expected RFC 3339 such as 2026-03-01T12:00:00Z or integer epoch ms", shown(raw));
            Reason::BadTime.at(field, detail)
        };
        if raw.starts_with('"') {
            return parse_rfc3339(&unescaped(field, raw)?).ok_or_else(bad);
        }
        let decimal = Decimal::parse(raw).filter(|decimal| decimal.is_integer()).ok_or_else(bad)?;
        if decimal.is_negative() {
            return Ok(Time::MIN);
        }
        Ok(Time(decimal.unsigned().and_then(|ms| i64::try_from(ms).ok()).unwrap_or(i64::MAX)))
    }

    /// Required amount: decimal text or a number.
    pub(super) fn money(&self, field: Field) -> Result<Money, Reject> {
        let raw = self.required(field)?;
        let decimal = if raw.starts_with('"') {
            Decimal::parse(&unescaped(field, raw)?).ok_or_else(|| {
                Reason::BadAmount.at(field, format!("found {}, expected a decimal such as \"12.50\"", shown(raw)))
            })?
        } else {
            Decimal::parse(raw).ok_or_else(|| wrong_type(field, raw, "a decimal as text or number"))?
        };
        decimal.money().map_err(|problem| {
            let (reason, expected) = match problem {
                NotMoney::Negative => (Reason::NegativeAmount, "0 or more"),
                NotMoney::OutOfRange => (Reason::AmountOutOfRange, "at most 10000000000"),
                NotMoney::TooManyDecimals => (Reason::TooManyDecimals, "at most 4 decimals"),
            };
            reason.at(field, format!("found {}, expected {expected}", shown(raw)))
        })
    }

    /// Required rating.
    pub(super) fn rating(&self, field: Field) -> Result<u8, Reject> {
        let raw = self.required(field)?;
        let expected = "an integer from 1 to 5";
        let decimal = Decimal::parse(raw).ok_or_else(|| wrong_type(field, raw, expected))?;
        match decimal.unsigned() {
            Some(rating @ 1..=5) => Ok(rating as u8),
            _ => Err(Reason::RatingOutOfRange.at(field, format!("found {}, expected {expected}", shown(raw)))),
        }
    }

    /// Optional sentiment.
    pub(super) fn sentiment(&self, field: Field) -> Result<Option<f64>, Reject> {
        let Some(raw) = self.fields.raw(field) else { return Ok(None) };
        let number = Decimal::parse(raw).and_then(|_| raw.parse::<f64>().ok());
        let sentiment = number.ok_or_else(|| wrong_type(field, raw, "a number from -1 to 1"))?;
        if sentiment.abs() > 1.0 {
            let detail = format!("found {}, expected a number from -1 to 1", shown(raw));
            return Err(Reason::SentimentOutOfRange.at(field, detail));
        }
        // Adding zero makes a negative zero positive: two spellings of nothing must not differ in an output.
        Ok(Some(sentiment + 0.0))
    }

    /// Optional integer of 0 or more.
    pub(super) fn count(&self, field: Field) -> Result<Option<u64>, Reject> {
        let Some(raw) = self.fields.raw(field) else { return Ok(None) };
        let decimal = Decimal::parse(raw).filter(|decimal| decimal.is_integer() && !decimal.is_negative());
        let decimal = decimal.ok_or_else(|| wrong_type(field, raw, "an integer of 0 or more"))?;
        match decimal.unsigned() {
            Some(count) if count <= MAX_COUNT => Ok(Some(count)),
            _ => Err(Reason::CountOutOfRange.at(field, format!("found {}, expected at most {MAX_COUNT}", shown(raw)))),
        }
    }

    /// Optional boolean; absent is false.
    pub(super) fn flag(&self, field: Field) -> Result<bool, Reject> {
        match self.fields.raw(field) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(raw) => Err(wrong_type(field, raw, "true or false")),
        }
    }

    fn required(&self, field: Field) -> Result<&'v str, Reject> {
        self.fields
            .raw(field)
            .ok_or_else(|| Reason::MissingField.at(field, "found nothing or null, but it is required"))
    }

    fn id_span(&mut self, field: Field, raw: &'v str) -> Result<Span, Reject> {
        let id = unescaped(field, raw)?;
        if id.is_empty() {
            return Err(Reason::EmptyId.at(field, "found an empty text, expected 1 to 256 bytes"));
        }
        if id.len() > MAX_ID_BYTES {
            let detail = format!("found {} bytes, expected at most {MAX_ID_BYTES}: {}", id.len(), shown(&id));
            return Err(Reason::IdTooLong.at(field, detail));
        }
        if let Some(control) = id.chars().find(|c| c.is_control()) {
            let detail =
                format!("found U+{:04X} in {}, expected no control characters", u32::from(control), id.escape_debug());
            return Err(Reason::ControlCharacter.at(field, shown(&detail).into_owned()));
        }
        Ok(self.span_of(&id))
    }

    /// Text that is a piece of the value needs no copy; what was unescaped or comes from a mapping is appended.
    fn span_of(&mut self, text: &str) -> Span {
        let offset = (text.as_ptr() as usize).wrapping_sub(self.value.as_ptr() as usize);
        let len = text.len() as u32;
        if offset <= self.value.len() && offset + text.len() <= self.value.len() {
            return Span { start: self.span.start + offset as u32, len };
        }
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, len }
    }
}

/// The text of a JSON string, borrowed unless it has escapes.
fn unescaped<'v>(field: Field, raw: &'v str) -> Result<Cow<'v, str>, Reject> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Err(wrong_type(field, raw, "text")),
        Some(inner) if !inner.as_bytes().contains(&b'\\') => Ok(Cow::Borrowed(inner)),
        // The pass over the whole value skips strings without joining surrogates, so that a lone one is found only here.
        Some(_) => serde_json::from_str(raw)
            .map(Cow::Owned)
            .map_err(|error| Reason::NotJson.at(field, format!("{}: {error}", shown(raw)))),
    }
}

fn wrong_type(field: Field, raw: &str, expected: &str) -> Reject {
    Reason::WrongType.at(field, format!("found {}, expected {expected}", shown(raw)))
}
