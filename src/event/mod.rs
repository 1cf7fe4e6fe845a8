//! The nouns: times, money, positions, events, score changes.
//!
//! Nothing here reads a clock, does IO or knows JSON. Events come in as a [`Batch`] whose texts are [`Span`]s into one
//! buffer per [`Chunk`], so that a record costs no allocation between the wire and the engine. What goes out
//! ([`Output`]) names customers, products and categories by their interned numbers; the engine's names turn them back
//! into text when the wire encodes them.

mod input;
mod output;

pub use input::{Batch, Body, Chunk, Mention, Origin, Purchase, Record, Refund, Review, Span};
pub use output::*;

use std::fmt;

/// Event time: milliseconds since the Unix epoch. Never the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Before every event: the watermark of an engine that has seen nothing.
    pub const MIN: Time = Time(i64::MIN);

    /// This time moved by `ms` (later if positive), saturating at the ends of the scale.
    #[must_use]
    pub fn plus(self, ms: i64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; negative if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// An amount in the reporting currency, in ten-thousandths. Never a binary float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i64);

impl Money {
    /// Ten-thousandths in one unit of the currency.
    pub const UNIT: i64 = 10_000;
}

impl fmt::Display for Money {
    /// Plain decimal with at least two and at most four digits after the point: `12.50`, `-0.0001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / Self::UNIT as u64, magnitude % Self::UNIT as u64);
        if fraction % 100 == 0 {
            write!(f, "{sign}{whole}.{:02}", fraction / 100)
        } else if fraction % 10 == 0 {
            write!(f, "{sign}{whole}.{:03}", fraction / 10)
        } else {
            write!(f, "{sign}{whole}.{fraction:04}")
        }
    }
}

/// A share of adoptions in billionths, so that credit adds up exactly: `ONE` is one whole adoption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credit(pub i64);

impl Credit {
    /// One whole adoption.
    pub const ONE: Credit = Credit(1_000_000_000);

    /// As a number of adoptions, for points and for people.
    #[must_use]
    pub fn adoptions(self) -> f64 {
        self.0 as f64 / Self::ONE.0 as f64
    }

    /// The part of `amount` that this share earns, rounded towards zero to a ten-thousandth.
    #[must_use]
    pub fn of(self, amount: Money) -> Money {
        Money((i128::from(amount.0) * i128::from(self.0) / i128::from(Self::ONE.0)) as i64)
    }
}

/// The four input topics, by role; their names on the broker are configuration. The order is the topic rank that
/// breaks ties between events of the same instant: a follow counts before an action, a mention before a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Topic {
    Follows,
    Mentions,
    Reviews,
    Purchases,
}

impl Topic {
    /// All topics in rank order.
    pub const ALL: [Topic; 4] = [Topic::Follows, Topic::Mentions, Topic::Reviews, Topic::Purchases];

    /// The default name, which is also the name in causes and summaries whatever the broker calls the topic.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Topic::Follows => "social.follows",
            Topic::Mentions => "social.mentions",
            Topic::Reviews => "commerce.reviews",
            Topic::Purchases => "commerce.purchases",
        }
    }
}

/// Where a record stands in the input log. In a replayed file, the partition is the file's number and the offset its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub topic: Topic,
    pub partition: i32,
    pub offset: i64,
}

/// Number of an interned customer id. Depends on the order of arrival: never to be seen in an output or to decide an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(pub u32);

/// Number of an interned product id; see [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u32);

/// Number of an interned category; see [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryId(pub u16);
