//! Events with owned texts, and their chunk. A chunk's value is the event's debug text, so equal values mean equal events.

use bellwether::event::{
    Body, Chunk, DAY_MS, Mention, Money, Position, Purchase, Record, Refund, Review, Span, Time, Topic,
};

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub at: i64,
    pub id: String,
    pub partition: i32,
    pub offset: i64,
    pub who: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Follow { followee: String, follows: bool },
    Mention(Said),
    Review { product: String, category: String, rating: u8, verified: bool, helpful: u64, incentivised: bool },
    Purchase { order: String, product: String, category: String, amount: i64, code: Option<String> },
    Refund { order: String, product: String, amount: i64 },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub product: Option<String>,
    pub category: Option<String>,
    pub platform: String,
    pub sentiment: Option<f64>,
    pub audience: Option<u64>,
    pub impressions: Option<u64>,
    pub likes: u64,
    pub comments: u64,
    pub shares: u64,
    pub code: Option<String>,
    pub sponsored: bool,
}

impl Event {
    pub fn topic(&self) -> Topic {
        match self.what {
            What::Follow { .. } => Topic::Follows,
            What::Mention(_) => Topic::Mentions,
            What::Review { .. } => Topic::Reviews,
            What::Purchase { .. } | What::Refund { .. } => Topic::Purchases,
        }
    }

    pub fn position(&self) -> Position {
        Position { topic: self.topic(), partition: self.partition, offset: self.offset }
    }

    /// The bytes of the record. The position is not among them: a repeat elsewhere in the log has an equal value.
    pub fn value(&self) -> String {
        format!("{} {} {} {:?}", self.at, self.id, self.who, self.what)
    }
}

impl std::fmt::Display for Event {
    /// The line that [`super::text`] reads as this event.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Event { at, id, who, .. } = self;
        write!(f, "{}d{}s #{id} {who} ", at.div_euclid(DAY_MS), at.rem_euclid(DAY_MS) as f64 / 1000.0)?;
        let word =
            |f: &mut std::fmt::Formatter<'_>, on: bool, word: &str| if on { write!(f, " {word}") } else { Ok(()) };
        match &self.what {
            What::Follow { followee, follows } => {
                write!(f, "{} {followee}", if *follows { "follows" } else { "unfollows" })
            }
            What::Purchase { order, product, category, amount, code } => {
                write!(f, "buys {product} for {} order {order} in {category}", Money(*amount))?;
                code.iter().try_for_each(|c| write!(f, " code {c}"))
            }
            What::Refund { order, product, amount } => write!(f, "refunds {order} {product} {}", Money(*amount)),
            What::Review { product, category, rating, verified, helpful, incentivised } => {
                write!(f, "reviews {product} {rating} helpful {helpful} in {category}")?;
                word(f, *verified, "verified")?;
                word(f, *incentivised, "incentivised")
            }
            What::Mention(m) => {
                write!(f, "mentions {} on {}", m.product.as_deref().unwrap_or("-"), m.platform)?;
                m.sentiment.iter().try_for_each(|s| write!(f, " sentiment {s}"))?;
                m.audience.iter().try_for_each(|s| write!(f, " audience {s}"))?;
                m.impressions.iter().try_for_each(|s| write!(f, " impressions {s}"))?;
                write!(f, " likes {} comments {} shares {}", m.likes, m.comments, m.shares)?;
                m.code.iter().try_for_each(|s| write!(f, " code {s}"))?;
                m.category.iter().try_for_each(|s| write!(f, " in {s}"))?;
                word(f, m.sponsored, "sponsored")
            }
        }
    }
}

/// The events as the wire would hand them over.
pub fn chunk(events: &[Event]) -> Chunk {
    let mut chunk = Chunk::default();
    for event in events {
        let event_id = chunk.push_text(&event.id);
        let value = chunk.push_text(&event.value());
        let body = body(&mut chunk, event);
        chunk.records.push(Record {
            position: event.position(),
            at: Time(event.at),
            event_id,
            value,
            origin: None,
            body,
        });
    }
    chunk
}

fn body(chunk: &mut Chunk, event: &Event) -> Body {
    let who = chunk.push_text(&event.who);
    let optional =
        |chunk: &mut Chunk, text: &Option<String>| -> Option<Span> { text.as_ref().map(|t| chunk.push_text(t)) };
    match &event.what {
        What::Follow { followee, follows } => {
            Body::Follow { follower: who, followee: chunk.push_text(followee), follows: *follows }
        }
        What::Mention(said) => Body::Mention(Box::new(Mention {
            author: who,
            product: optional(chunk, &said.product),
            category: optional(chunk, &said.category),
            platform: chunk.push_text(&said.platform),
            sentiment: said.sentiment,
            author_followers: said.audience,
            impressions: said.impressions,
            likes: said.likes,
            comments: said.comments,
            shares: said.shares,
            referral_code: optional(chunk, &said.code),
            sponsored: said.sponsored,
        })),
        What::Review { product, category, rating, verified, helpful, incentivised } => Body::Review(Review {
            customer: who,
            product: chunk.push_text(product),
            category: chunk.push_text(category),
            rating: *rating,
            verified: *verified,
            helpful_votes: *helpful,
            incentivised: *incentivised,
        }),
        What::Purchase { order, product, category, amount, code } => Body::Purchase(Purchase {
            customer: who,
            order: chunk.push_text(order),
            product: chunk.push_text(product),
            category: chunk.push_text(category),
            amount: Money(*amount),
            referral_code: optional(chunk, code),
        }),
        What::Refund { order, product, amount } => Body::Refund(Refund {
            customer: who,
            order: chunk.push_text(order),
            product: chunk.push_text(product),
            amount: Money(*amount),
        }),
    }
}
