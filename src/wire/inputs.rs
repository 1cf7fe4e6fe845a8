//! The values that producers send, as types for their JSON Schemas. Decoding reads the same names from raw JSON (`fields.rs`),
//! because a refusal must name its field; a test holds the two together.
#![expect(dead_code, reason = "these types are only looked at by schemars")]

use schemars::JsonSchema;

/// Opaque id or name of 1 to 256 bytes without control characters; left alone, also its case.
#[derive(JsonSchema)]
#[schemars(extend("minLength" = 1, "maxLength" = 256, "pattern" = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"))]
struct Id(String);

/// Event time: RFC 3339 text or integer milliseconds since 1970; not before 1990.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum EventTime {
    Text(#[schemars(extend("format" = "date-time"))] String),
    Millis(#[schemars(range(min = 631_152_000_000_i64))] i64),
}

/// Amount of money, 0 or more, with at most 4 decimals and at most 10000000000; preferably decimal text.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Amount {
    Text(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))] String),
    Number(#[schemars(range(min = 0, max = 10_000_000_000_i64))] f64),
}

/// How many, at most a million millions.
#[derive(JsonSchema)]
#[schemars(extend("minimum" = 0, "maximum" = 1_000_000_000_000_u64))]
struct Count(u64);

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum FollowAction {
    Follow,
    Unfollow,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum PurchaseKind {
    Purchase,
    Refund,
}

/// A customer began or ceased to follow another.
#[derive(JsonSchema)]
#[schemars(title = "social.follows")]
pub(super) struct FollowInput {
    /// Unique per event; a repeat within the dedupe horizon is dropped.
    event_id: Id,
    occurred_at: EventTime,
    follower_id: Id,
    /// Somebody else than the follower.
    followee_id: Id,
    action: FollowAction,
    platform: Option<Id>,
}

/// A post about a brand, product or category.
#[derive(JsonSchema)]
#[schemars(title = "social.mentions")]
pub(super) struct MentionInput {
    /// Unique per event; a repeat within the dedupe horizon is dropped.
    event_id: Id,
    occurred_at: EventTime,
    author_id: Id,
    platform: Id,
    product_id: Option<Id>,
    category: Option<Id>,
    community_id: Option<Id>,
    text: Option<String>,
    /// −1 (against) to 1 (for).
    #[schemars(range(min = -1, max = 1))]
    sentiment: Option<f64>,
    /// Audience of the author on the platform.
    author_followers: Option<Count>,
    impressions: Option<Count>,
    likes: Option<Count>,
    comments: Option<Count>,
    shares: Option<Count>,
    /// A code of the author that followers may buy with.
    referral_code: Option<Id>,
    /// Paid posts persuade, but earn no credit.
    sponsored: Option<bool>,
}

/// A rating of a product.
#[derive(JsonSchema)]
#[schemars(title = "commerce.reviews")]
pub(super) struct ReviewInput {
    /// Unique per event; a repeat within the dedupe horizon is dropped.
    event_id: Id,
    occurred_at: EventTime,
    customer_id: Id,
    product_id: Id,
    category: Id,
    #[schemars(range(min = 1, max = 5))]
    rating: u8,
    text: Option<String>,
    /// The reviewer bought the product.
    verified: Option<bool>,
    helpful_votes: Option<Count>,
    /// The review was rewarded.
    incentivised: Option<bool>,
    community_id: Option<Id>,
}

/// A bought order line, or money given back for one.
#[derive(JsonSchema)]
#[schemars(title = "commerce.purchases")]
pub(super) struct PurchaseInput {
    /// Unique per event; a repeat within the dedupe horizon is dropped.
    event_id: Id,
    occurred_at: EventTime,
    customer_id: Id,
    order_id: Id,
    product_id: Id,
    category: Id,
    amount: Amount,
    /// ISO 4217; the reporting currency or one with a configured rate.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    currency: String,
    quantity: Option<f64>,
    referral_code: Option<Id>,
    /// Absent means purchase.
    kind: Option<PurchaseKind>,
}
