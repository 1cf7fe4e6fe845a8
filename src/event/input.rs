//! What comes in: accepted events, in chunks whose texts they point into.

use super::{Money, Position, Time};

/// A piece of a chunk's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// An accepted event with its position. Spans point into the text of its [`Chunk`].
#[derive(Clone, Debug)]
pub struct Record {
    pub position: Position,
    /// `occurred_at`.
    pub at: Time,
    pub event_id: Span,
    /// The original value, byte for byte, for the rejects topic.
    pub value: Span,
    /// Index into the chunk's `origins` if the record came with a key or headers.
    pub origin: Option<u32>,
    pub body: Body,
}

/// What happened. Validated by the wire: ids are 1–256 bytes without control characters, ratings 1–5, sentiments −1..1,
/// amounts ≥ 0 in the reporting currency.
#[derive(Clone, Debug)]
pub enum Body {
    Follow { follower: Span, followee: Span, follows: bool },
    Mention(Box<Mention>),
    Review(Review),
    Purchase(Purchase),
    Refund(Refund),
}

/// A post about a brand, product or category.
#[derive(Clone, Debug, Default)]
pub struct Mention {
    pub author: Span,
    pub product: Option<Span>,
    pub category: Option<Span>,
    pub platform: Span,
    /// −1..1.
    pub sentiment: Option<f64>,
    /// Audience of the author on the platform.
    pub author_followers: Option<u64>,
    pub impressions: Option<u64>,
    pub likes: u64,
    pub comments: u64,
    pub shares: u64,
    pub referral_code: Option<Span>,
    pub sponsored: bool,
}

/// A rating of a product.
#[derive(Clone, Debug)]
pub struct Review {
    pub customer: Span,
    pub product: Span,
    pub category: Span,
    /// 1..=5.
    pub rating: u8,
    pub verified: bool,
    pub helpful_votes: u64,
    pub incentivised: bool,
}

/// A bought order line.
#[derive(Clone, Debug)]
pub struct Purchase {
    pub customer: Span,
    pub order: Span,
    pub product: Span,
    pub category: Span,
    pub amount: Money,
    pub referral_code: Option<Span>,
}

/// Money given back for an order line bought earlier.
#[derive(Clone, Debug)]
pub struct Refund {
    pub customer: Span,
    pub order: Span,
    pub product: Span,
    pub amount: Money,
}

/// What a record brought besides its value; kept so that a reject is the original, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Records decoded together, with the text that their spans point into.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    pub text: String,
    pub records: Vec<Record>,
    pub origins: Vec<Origin>,
}

impl Chunk {
    /// The text of a span of this chunk.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        &self.text[span.start as usize..(span.start + span.len) as usize]
    }

    /// Appends `text` and returns its span.
    pub fn push_text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }
}

/// The engine's input for one step: records that arrived, in any order, then the watermark that holds after them.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    pub chunks: &'a [Chunk],
    /// Everything with an event time before this is released in total order. A watermark below the engine's own is ignored.
    pub watermark: Time,
}
