//! What goes out: score changes and cascades by number, and records that the engine could not use.

use super::{CategoryId, Credit, CustomerId, Money, Origin, Position, ProductId, Time};
use compact_str::CompactString;

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
