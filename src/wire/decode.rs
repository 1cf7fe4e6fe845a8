//! Bytes → events: every record is either appended to a chunk or rejected with a reason.

use super::fields::{Field, Fields, too_deep};
use super::mapping::Mapping;
use super::number::Rate;
use super::read::Reader;
use super::reason::{Reason, Reject, shown};
use crate::event::{
    Body, Chunk, Mention, Money, Origin, Position, Purchase, Record, Refund, Review, Span, Time, Topic,
};

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

/// Where the fields of one topic are found when its values do not have the contract's shape: contract field → JSON path
/// (`$.customer.id`, `$['weird key']`, `$.items[0].sku`), or `=literal`. Fields not named stay where the contract has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldMapping {
    pub paths: Vec<(String, String)>,
}

/// What decoding depends on besides the bytes. All of it is part of the engine's fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeOptions {
    /// By [`crate::event::Topic`]; `None` means the contract's own shape.
    pub mappings: [Option<FieldMapping>; 4],
    /// ISO 4217; amounts in it are taken as they are.
    pub reporting_currency: String,
    /// Units of the reporting currency for one unit of another, as decimal text: `("USD", "0.92")`.
    pub rates: Vec<(String, String)>,
    /// How far `occurred_at` may be ahead of the record's log timestamp, in ms.
    pub future_tolerance_ms: i64,
    /// Longer values are rejected without being parsed.
    pub max_value_bytes: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        DecodeOptions {
            mappings: [const { None }; 4],
            reporting_currency: "EUR".to_owned(),
            rates: Vec::new(),
            future_tolerance_ms: 300_000,
            max_value_bytes: 1 << 20,
        }
    }
}

/// 1990-01-01: whatever claims to be older is a wrong unit or a default value.
const EARLIEST: Time = Time(631_152_000_000);

/// 2100-01-01: the bound for records without a timestamp of the log.
const LATEST: Time = Time(4_102_444_800_000);

/// Turns raw records into events.
#[derive(Clone, Debug)]
pub struct Decoder {
    mappings: [Option<Mapping>; 4],
    currencies: Currencies,
    future_tolerance_ms: i64,
    max_value_bytes: usize,
}

/// The currencies that amounts may be in.
#[derive(Clone, Debug)]
struct Currencies {
    reporting: String,
    rates: Vec<(String, Rate)>,
}

impl Decoder {
    /// Errors name the option that makes no sense.
    pub fn new(options: &DecodeOptions) -> Result<Self, String> {
        let mut mappings = [const { None }; 4];
        for (topic, mapping) in Topic::ALL.iter().zip(&options.mappings) {
            if let Some(mapping) = mapping {
                let compiled =
                    Mapping::new(mapping).map_err(|problem| format!("mapping of {}: {problem}", topic.name()))?;
                mappings[*topic as usize] = Some(compiled);
            }
        }
        if options.future_tolerance_ms < 0 {
            return Err(format!("future_tolerance_ms: {} is negative", options.future_tolerance_ms));
        }
        if options.max_value_bytes == 0 {
            return Err("max_value_bytes: 0 would reject everything".to_owned());
        }
        Ok(Decoder {
            mappings,
            currencies: Currencies::new(options)?,
            future_tolerance_ms: options.future_tolerance_ms,
            max_value_bytes: options.max_value_bytes,
        })
    }

    /// Appends the event to `chunk`, or says why not and leaves `chunk` as it was. A chunk's text must stay below 4 GiB.
    pub fn decode(&self, raw: &RawRecord<'_>, chunk: &mut Chunk) -> Result<(), Reject> {
        let value = self.text(raw.value)?;
        let reshaped;
        let contract = match &self.mappings[raw.position.topic as usize] {
            None => value,
            Some(mapping) => {
                reshaped = mapping.reshape(value)?;
                &reshaped
            }
        };
        let fields = Fields::read(contract)?;
        let end = chunk.text.len();
        let span = chunk.push_text(value);
        let mut reader = Reader::new(fields, value, span, &mut chunk.text);
        match self.event(raw, &mut reader) {
            Ok((event_id, at, body)) => {
                let origin = push_origin(raw, &mut chunk.origins);
                chunk.records.push(Record { position: raw.position, at, event_id, value: span, origin, body });
                Ok(())
            }
            Err(reject) => {
                chunk.text.truncate(end);
                Err(reject)
            }
        }
    }

    /// The value as text that is safe to parse.
    fn text<'v>(&self, value: Option<&'v [u8]>) -> Result<&'v str, Reject> {
        let Some(value) = value else {
            return Err(Reason::Tombstone.whole("found no value, expected a JSON object"));
        };
        if value.len() > self.max_value_bytes {
            let (len, max) = (value.len(), self.max_value_bytes);
            return Err(Reason::TooLarge.whole(format!("found {len} bytes, expected at most {max}")));
        }
        let text = std::str::from_utf8(value)
            .map_err(|error| Reason::NotUtf8.whole(format!("byte {} is not UTF-8", error.valid_up_to())))?;
        if text.trim_ascii().is_empty() {
            return Err(Reason::EmptyValue.whole(format!("found {} blank bytes, expected a JSON object", text.len())));
        }
        if too_deep(text) {
            return Err(Reason::TooDeep.whole("found more than 64 nested objects or arrays"));
        }
        Ok(text)
    }

    fn event(&self, raw: &RawRecord<'_>, reader: &mut Reader<'_, '_>) -> Result<(Span, Time, Body), Reject> {
        let event_id = reader.id(Field::EventId)?;
        let at = self.time(raw.timestamp_ms, reader)?;
        let body = match raw.position.topic {
            Topic::Follows => follow(reader)?,
            Topic::Mentions => mention(reader)?,
            Topic::Reviews => review(reader)?,
            Topic::Purchases => self.purchase(reader)?,
        };
        Ok((event_id, at, body))
    }

    fn time(&self, log_timestamp_ms: Option<i64>, reader: &Reader<'_, '_>) -> Result<Time, Reject> {
        let at = reader.time(Field::OccurredAt)?;
        let found = || reader.shown(Field::OccurredAt);
        if at < EARLIEST {
            let detail = format!("found {}, expected 1990 or later (numbers are milliseconds)", found());
            return Err(Reason::TimeOutOfRange.at(Field::OccurredAt, detail));
        }
        // Kafka writes -1 where a producer gave no timestamp.
        let log_time = log_timestamp_ms.filter(|ms| *ms >= 0);
        let latest = log_time.map_or(LATEST, |ms| Time(ms).plus(self.future_tolerance_ms).min(LATEST));
        if at > latest {
            let bound = log_time
                .map_or("2100".to_owned(), |ms| format!("the log's timestamp {ms} + {} ms", self.future_tolerance_ms));
            return Err(
                Reason::InTheFuture.at(Field::OccurredAt, format!("found {}, expected at most {bound}", found()))
            );
        }
        Ok(at)
    }

    fn purchase(&self, reader: &mut Reader<'_, '_>) -> Result<Body, Reject> {
        let refund = match reader.optional_text(Field::Kind)?.as_deref() {
            None | Some("purchase") => false,
            Some("refund") => true,
            Some(other) => {
                let detail = format!("found {}, expected purchase or refund", shown(other));
                return Err(Reason::UnknownKind.at(Field::Kind, detail));
            }
        };
        let customer = reader.id(Field::CustomerId)?;
        let order = reader.id(Field::OrderId)?;
        let product = reader.id(Field::ProductId)?;
        let category = reader.id(Field::Category)?;
        let amount = reader.money(Field::Amount)?;
        let amount = self.currencies.convert(amount, &reader.text(Field::Currency)?)?;
        let referral_code = reader.optional_id(Field::ReferralCode)?;
        Ok(if refund {
            Body::Refund(Refund { customer, order, product, amount })
        } else {
            Body::Purchase(Purchase { customer, order, product, category, amount, referral_code })
        })
    }
}

impl Currencies {
    fn new(options: &DecodeOptions) -> Result<Currencies, String> {
        let code = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let reporting = options.reporting_currency.clone();
        if !code(&reporting) {
            return Err(format!("reporting_currency: {reporting:?} is not an ISO 4217 code such as EUR"));
        }
        let mut rates: Vec<(String, Rate)> = Vec::new();
        for (currency, text) in &options.rates {
            if !code(currency) {
                return Err(format!("rates: {currency:?} is not an ISO 4217 code such as USD"));
            }
            if *currency == reporting || rates.iter().any(|(known, _)| known == currency) {
                return Err(format!("rates: {currency} is there twice or the reporting currency itself"));
            }
            let rate = Rate::parse(text)
                .ok_or_else(|| format!("rates: {currency}: {text:?} is not a positive decimal such as 0.92"))?;
            rates.push((currency.clone(), rate));
        }
        Ok(Currencies { reporting, rates })
    }

    fn convert(&self, amount: Money, currency: &str) -> Result<Money, Reject> {
        if currency == self.reporting {
            return Ok(amount);
        }
        let rate = self.rates.iter().find(|(known, _)| known == currency).ok_or_else(|| {
            let detail = format!("found {}, expected {} or a currency with a rate", shown(currency), self.reporting);
            Reason::UnknownCurrency.at(Field::Currency, detail)
        })?;
        rate.1.convert(amount).ok_or_else(|| {
            let detail = format!("found {amount} {currency}, which is beyond 10000000000 {}", self.reporting);
            Reason::AmountOutOfRange.at(Field::Amount, detail)
        })
    }
}

fn follow(reader: &mut Reader<'_, '_>) -> Result<Body, Reject> {
    let follower = reader.id(Field::FollowerId)?;
    let followee = reader.id(Field::FolloweeId)?;
    let follows = match &*reader.text(Field::Action)? {
        "follow" => true,
        "unfollow" => false,
        other => {
            let detail = format!("found {}, expected follow or unfollow", shown(other));
            return Err(Reason::UnknownAction.at(Field::Action, detail));
        }
    };
    if reader.resolve(follower) == reader.resolve(followee) {
        let detail = format!("{} follows itself", shown(reader.resolve(follower)));
        return Err(Reason::SelfFollow.at(Field::FolloweeId, detail));
    }
    Ok(Body::Follow { follower, followee, follows })
}

fn mention(reader: &mut Reader<'_, '_>) -> Result<Body, Reject> {
    Ok(Body::Mention(Box::new(Mention {
        author: reader.id(Field::AuthorId)?,
        platform: reader.id(Field::Platform)?,
        product: reader.optional_id(Field::ProductId)?,
        category: reader.optional_id(Field::Category)?,
        sentiment: reader.sentiment(Field::Sentiment)?,
        author_followers: reader.count(Field::AuthorFollowers)?,
        impressions: reader.count(Field::Impressions)?,
        likes: reader.count(Field::Likes)?.unwrap_or(0),
        comments: reader.count(Field::Comments)?.unwrap_or(0),
        shares: reader.count(Field::Shares)?.unwrap_or(0),
        referral_code: reader.optional_id(Field::ReferralCode)?,
        sponsored: reader.flag(Field::Sponsored)?,
    })))
}

fn review(reader: &mut Reader<'_, '_>) -> Result<Body, Reject> {
    Ok(Body::Review(Review {
        customer: reader.id(Field::CustomerId)?,
        product: reader.id(Field::ProductId)?,
        category: reader.id(Field::Category)?,
        rating: reader.rating(Field::Rating)?,
        verified: reader.flag(Field::Verified)?,
        helpful_votes: reader.count(Field::HelpfulVotes)?.unwrap_or(0),
        incentivised: reader.flag(Field::Incentivised)?,
    }))
}

/// Keeps the key and the headers, if there are any, and returns their place.
fn push_origin(raw: &RawRecord<'_>, origins: &mut Vec<Origin>) -> Option<u32> {
    if raw.key.is_none() && raw.headers.is_empty() {
        return None;
    }
    let header = |(name, value): &(&str, Option<&[u8]>)| ((*name).to_owned(), value.map(<[u8]>::to_vec));
    origins.push(Origin { key: raw.key.map(<[u8]>::to_vec), headers: raw.headers.iter().map(header).collect() });
    Some(origins.len() as u32 - 1)
}
