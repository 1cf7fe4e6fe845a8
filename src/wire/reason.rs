//! Why a record cannot be used: one table, which metrics, documents and tests read.

use super::fields::Field;
use crate::event::EngineReason;
use std::borrow::Cow;

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Stable snake_case name, also a metrics label: `not_utf8`, `not_json`, `missing_field` … See [`Reason`].
    pub reason: &'static str,
    pub field: Option<Cow<'static, str>>,
    /// For people: what was found and what is expected.
    pub detail: String,
}

macro_rules! reasons {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// Every reason for which a record goes to the rejects topic, those of the engine included.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $meaning] $variant,)* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The stable name, as in headers and metrics.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }

            /// One line for people.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    Tombstone "tombstone" "The record has no value.";
    EmptyValue "empty_value" "The value is empty or only whitespace.";
    TooLarge "too_large" "The value is longer than `max_value_bytes`; it was not parsed.";
    NotUtf8 "not_utf8" "The value is not UTF-8.";
    TooDeep "too_deep" "Objects and arrays are nested more than 64 deep.";
    NotJson "not_json" "The value is not JSON (RFC 8259); `NaN` and raw control characters are not either.";
    NotAnObject "not_an_object" "The value is JSON, but an array or a scalar.";
    DuplicateKey "duplicate_key" "A key occurs twice at the top level, so that its value is anybody's guess.";
    MissingField "missing_field" "A required field is absent or null.";
    WrongType "wrong_type" "A field has another JSON type than the contract's.";
    EmptyId "empty_id" "An id is the empty string.";
    IdTooLong "id_too_long" "An id is longer than 256 bytes.";
    ControlCharacter "control_character" "An id contains a control character.";
    SelfFollow "self_follow" "Follower and followee are the same.";
    RatingOutOfRange "rating_out_of_range" "The rating is not one of 1, 2, 3, 4, 5.";
    SentimentOutOfRange "sentiment_out_of_range" "The sentiment is not within -1 to 1.";
    CountOutOfRange "count_out_of_range" "A count is larger than a million millions.";
    NegativeAmount "negative_amount" "The amount is below zero; money given back is a refund with a positive amount.";
    AmountOutOfRange "amount_out_of_range" "The amount is larger than ten thousand millions.";
    BadAmount "bad_amount" "The amount is text but not a decimal such as 12.50.";
    TooManyDecimals "too_many_decimals" "The amount has more than four significant decimals.";
    UnknownCurrency "unknown_currency" "The configuration has no rate for the currency.";
    BadTime "bad_time" "The time is neither RFC 3339 text nor integer epoch milliseconds.";
    TimeOutOfRange "time_out_of_range" "The time is before 1990.";
    InTheFuture "in_the_future" "The time is further ahead of the record's log timestamp than tolerated, or after 2100.";
    UnknownAction "unknown_action" "The action is neither `follow` nor `unfollow`.";
    UnknownKind "unknown_kind" "The kind is neither `purchase` nor `refund`.";
    TooLate "too_late" "The record is further behind the watermark than the allowed lateness.";
    UnknownOrder "unknown_order" "The refund is of an order line that is not remembered.";
    RefundExceedsOrder "refund_exceeds_order" "The refund is of more than is left of the order line.";
}

impl From<EngineReason> for Reason {
    fn from(reason: EngineReason) -> Reason {
        match reason {
            EngineReason::TooLate => Reason::TooLate,
            EngineReason::UnknownOrder => Reason::UnknownOrder,
            EngineReason::RefundExceedsOrder => Reason::RefundExceedsOrder,
        }
    }
}

impl Reason {
    /// A reject of the whole record.
    pub(super) fn whole(self, detail: impl Into<String>) -> Reject {
        Reject { reason: self.name(), field: None, detail: detail.into() }
    }

    /// A reject because of one field.
    pub(super) fn at(self, field: Field, detail: impl Into<String>) -> Reject {
        Reject { reason: self.name(), field: Some(Cow::Borrowed(field.name())), detail: detail.into() }
    }
}

/// What was found, short enough for a header: at most 60 characters.
pub(super) fn shown(found: &str) -> Cow<'_, str> {
    match found.char_indices().nth(60) {
        None => Cow::Borrowed(found),
        Some((end, _)) => Cow::Owned(format!("{}…", &found[..end])),
    }
}
