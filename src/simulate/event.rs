//! A simulated event: small numbers instead of texts, which `write` turns into JSON.

use crate::event::{Time, Topic};

/// An event of the market. Customers, products, orders and codes are numbers; their ids are `c…`, `p…`, `o…`, `CODE…`.
#[derive(Clone, Debug, PartialEq)]
pub struct SimEvent {
    /// Makes the `event_id`; a repeated event has the number of the first.
    pub number: u64,
    /// `occurred_at`.
    pub at: Time,
    pub body: SimBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum SimBody {
    Follow { follower: u32, followee: u32, follows: bool },
    Mention(Box<SimMention>),
    Review { customer: u32, product: u32, category: u16, rating: u8, verified: bool, helpful: u32, incentivised: bool },
    Purchase { customer: u32, order: u64, product: u32, category: u16, cents: i64, code: Option<u32> },
    Refund { customer: u32, order: u64, product: u32, category: u16, cents: i64 },
}

/// A post.
#[derive(Clone, Debug, PartialEq)]
pub struct SimMention {
    pub author: u32,
    pub product: u32,
    pub category: u16,
    /// Index into [`PLATFORMS`].
    pub platform: u8,
    /// In hundredths, −100..=100.
    pub sentiment: i8,
    pub author_followers: u64,
    pub impressions: u64,
    pub likes: u64,
    pub comments: u64,
    pub shares: u64,
    /// The customer whose code it is.
    pub code: Option<u32>,
    pub sponsored: bool,
}

/// Where people post.
pub const PLATFORMS: [&str; 4] = ["instagram", "youtube", "tiktok", "facebook"];

/// What is sold, most popular first; a market with fewer categories takes the first.
pub const CATEGORIES: [&str; 30] = [
    "fashion",
    "beauty",
    "electronics",
    "groceries",
    "sports",
    "home",
    "toys",
    "books",
    "travel",
    "music",
    "games",
    "garden",
    "pets",
    "coffee",
    "fitness",
    "shoes",
    "jewellery",
    "cycling",
    "photography",
    "baby",
    "wine",
    "outdoor",
    "cosmetics",
    "furniture",
    "stationery",
    "health",
    "watches",
    "tools",
    "kitchen",
    "crafts",
];

impl SimEvent {
    #[must_use]
    pub fn topic(&self) -> Topic {
        match &self.body {
            SimBody::Follow { .. } => Topic::Follows,
            SimBody::Mention(_) => Topic::Mentions,
            SimBody::Review { .. } => Topic::Reviews,
            SimBody::Purchase { .. } | SimBody::Refund { .. } => Topic::Purchases,
        }
    }

    /// The customer who acts: follower, author, reviewer or buyer. Producers use it as the record's key.
    #[must_use]
    pub fn customer(&self) -> u32 {
        match &self.body {
            SimBody::Follow { follower, .. } => *follower,
            SimBody::Mention(mention) => mention.author,
            SimBody::Review { customer, .. }
            | SimBody::Purchase { customer, .. }
            | SimBody::Refund { customer, .. } => *customer,
        }
    }
}
