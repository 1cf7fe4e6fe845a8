//! The nouns: times, money, positions, events, score changes.
//!
//! Nothing here reads a clock, does IO or knows JSON. Events come in as a [`Batch`] whose texts are [`Span`]s into one
//! buffer per [`Chunk`], so that a record costs no allocation between the wire and the engine. What goes out
//! ([`Output`]) names customers, products and categories by their interned numbers; the engine's names turn them back
//! into text when the wire encodes them.

use compact_str::CompactString;
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

/// Number of an interned customer id. Depends on the order of arrival: never to be seen in an output or to decide an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(pub u32);

/// Number of an interned product id; see [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u32);

/// Number of an interned category; see [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryId(pub u16);

/// The score's named factors, in the order in which they are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Factor {
    Persuasion,
    Advocacy,
    Content,
    Engagement,
    Credibility,
    Affinity,
    Reach,
}

impl Factor {
    pub const ALL: [Factor; 7] = [
        Factor::Persuasion,
        Factor::Advocacy,
        Factor::Content,
        Factor::Engagement,
        Factor::Credibility,
        Factor::Affinity,
        Factor::Reach,
    ];

    /// The name in configuration, outputs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Factor::Persuasion => "persuasion",
            Factor::Advocacy => "advocacy",
            Factor::Content => "content",
            Factor::Engagement => "engagement",
            Factor::Credibility => "credibility",
            Factor::Affinity => "affinity",
            Factor::Reach => "reach",
        }
    }
}

/// Points in hundredths: 0 to 10,000 for 0.00 to 100.00. Integers, so that factors add up to the score exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(pub u16);

impl Points {
    /// As a number of points, 0–100.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// The layer of a customer among the brand's people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Layer {
    #[default]
    Member,
    MicroInfluencer,
    MacroInfluencer,
    CoreAdvocate,
}

impl Layer {
    pub const ALL: [Layer; 4] = [Layer::Member, Layer::MicroInfluencer, Layer::MacroInfluencer, Layer::CoreAdvocate];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Member => "member",
            Layer::MicroInfluencer => "micro_influencer",
            Layer::MacroInfluencer => "macro_influencer",
            Layer::CoreAdvocate => "core_advocate",
        }
    }
}

/// Traits beside the layer. `experts` are the categories of `expert:<category>`, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    pub super_connector: bool,
    pub critic: bool,
    pub experts: Vec<CategoryId>,
}

/// Points of one factor, now and when last published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactorPoints {
    pub points: Points,
    pub previous: Points,
}

/// Standing in one category, 0–100, and the decayed credit earned in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoryScore {
    pub category: CategoryId,
    pub score: Points,
    /// Decayed direct and damped indirect credit, in adoptions.
    pub credit: f64,
}

/// What a customer is worth: what they spent and what the people whom they persuaded spent, net of refunds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalValue {
    pub own: Money,
    pub influenced_direct: Money,
    pub influenced_indirect: Money,
}

/// Credit held now, net of refunds, never decayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreditHeld {
    pub direct: Credit,
    pub indirect: Credit,
}

/// Why a customer's score was looked at: the last event that touched the customer before the change, or time itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    Event {
        kind: CauseKind,
        event_id: CompactString,
        position: Position,
    },
    /// Nothing happened: decayed amounts fell by a step.
    Decay,
}

/// How the causing event touched the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CauseKind {
    Followed,
    Unfollowed,
    Mentioned,
    Reviewed,
    Purchased,
    Refunded,
    /// Somebody else adopted, and this customer earned direct or indirect credit.
    Credited,
    /// A follower's refund took credit back.
    CreditTakenBack,
    /// Somebody used this customer's referral code.
    Referred,
}

impl CauseKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CauseKind::Followed => "followed",
            CauseKind::Unfollowed => "unfollowed",
            CauseKind::Mentioned => "mentioned",
            CauseKind::Reviewed => "reviewed",
            CauseKind::Purchased => "purchased",
            CauseKind::Refunded => "refunded",
            CauseKind::Credited => "credited",
            CauseKind::CreditTakenBack => "credit_taken_back",
            CauseKind::Referred => "referred",
        }
    }
}

/// A published change of one customer's score. `sequence` and `previous_score` chain a customer's changes without gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreChange {
    pub customer: CustomerId,
    /// 1 for the first change of a customer, then +1.
    pub sequence: u32,
    pub score: Points,
    pub previous_score: Points,
    pub layer: Layer,
    pub previous_layer: Layer,
    pub traits: Traits,
    /// −100..=100, hundredths of −1..1: against or for the brand, apart from strength.
    pub polarity: i8,
    /// 0..=1000, tenths of a percent: share of scored customers with a lower score, as of the tick before.
    pub percentile: u16,
    pub factors: [FactorPoints; 7],
    /// Best first; empty without credit.
    pub categories: Vec<CategoryScore>,
    pub value: TotalValue,
    pub credit: CreditHeld,
    pub followers: u32,
    /// Largest audience seen on any platform.
    pub audience: u64,
    pub cause: Cause,
    /// Event time of the cause; for a decay, the instant at which it was noticed.
    pub at: Time,
}

/// Status of a cascade in a [`CascadeChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CascadeStatus {
    Detected,
    Grew,
    Closed,
}

impl CascadeStatus {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CascadeStatus::Detected => "detected",
            CascadeStatus::Grew => "grew",
            CascadeStatus::Closed => "closed",
        }
    }
}

/// A published change of one cascade.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadeChange {
    /// Hash of product, root and start: the same in every run over the same log.
    pub cascade: u64,
    pub product: ProductId,
    pub category: CategoryId,
    pub status: CascadeStatus,
    pub root: CustomerId,
    /// Customers in the tree, its root included.
    pub size: u32,
    /// Longest path from the root, in edges.
    pub depth: u32,
    /// Largest number of customers at one depth.
    pub breadth: u32,
    /// Mean distance between two customers of the tree (Goel et al. 2016, structural virality).
    pub virality: f64,
    /// Revenue of the tree's adoptions, net of refunds.
    pub revenue: Money,
    /// Adoptions of the tree that were refunded in full.
    pub withdrawn: u32,
    pub started_at: Time,
    pub last_adoption_at: Time,
    /// What caused the change; `Decay` when the window passed (closed).
    pub cause: Cause,
    pub at: Time,
}

/// A customer joined a detected cascade (or was in it when it was detected): for readers that draw the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeJoin {
    pub cascade: u64,
    pub customer: CustomerId,
    /// `None` for the root.
    pub parent: Option<CustomerId>,
    pub depth: u32,
    pub at: Time,
}

/// Something to publish, in the order in which it must be published.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Score(Box<ScoreChange>),
    Cascade(Box<CascadeChange>),
}

/// A record that the engine could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub position: Position,
    pub reason: EngineReason,
    pub value: Box<str>,
    pub origin: Option<Box<Origin>>,
}

/// Why the engine rejects a record that the wire accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineReason {
    /// Further behind the watermark than the allowed lateness.
    TooLate,
    /// A refund of an order line that is not remembered.
    UnknownOrder,
    /// A refund of more than is left of the order line.
    RefundExceedsOrder,
}
