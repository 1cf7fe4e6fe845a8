//! The values that are published, as types for their JSON Schemas. `values.rs` writes them; a test holds the two together.
#![expect(dead_code, reason = "these types are only looked at by schemars")]

use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Points, 0 to 100 with at most two decimals.
#[derive(JsonSchema)]
#[schemars(extend("minimum" = 0, "maximum" = 100))]
struct PointsValue(f64);

/// Amount of money as decimal text with two to four decimals; below zero when more was given back than is remembered.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = r"^-?[0-9]+\.[0-9]{2,4}$"))]
struct MoneyText(String);

/// Event time in RFC 3339, UTC, with milliseconds.
#[derive(JsonSchema)]
#[schemars(extend("format" = "date-time"))]
struct TimeText(String);

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum LayerName {
    Member,
    MicroInfluencer,
    MacroInfluencer,
    CoreAdvocate,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum CauseType {
    Followed,
    Unfollowed,
    Mentioned,
    Reviewed,
    Purchased,
    Refunded,
    Credited,
    CreditTakenBack,
    Referred,
    Decay,
}

/// Why: the last event that touched the customer before the change. With type `decay` time passed and nothing else happened.
/// Its position in the log is in the header `ce_position`.
#[derive(JsonSchema)]
struct CauseValue {
    #[schemars(rename = "type")]
    kind: CauseType,
    /// Role of the input topic, whatever the broker calls it. Absent for `decay`.
    topic: Option<String>,
    /// Absent for `decay`.
    event_id: Option<String>,
}

#[derive(JsonSchema)]
struct FactorChangeValue {
    points: PointsValue,
    /// Points when the score was last published.
    previous_points: PointsValue,
}

#[derive(JsonSchema)]
struct FactorValue {
    points: PointsValue,
}

#[derive(JsonSchema)]
struct CategoryValue {
    category: String,
    score: PointsValue,
    /// Decayed credit earned in the category, in adoptions.
    credit: f64,
}

/// What the customer spent and what the people whom they persuaded spent, net of refunds.
#[derive(JsonSchema)]
struct TotalValueValue {
    own: MoneyText,
    influenced_direct: MoneyText,
    influenced_indirect: MoneyText,
    currency: String,
}

/// Adoptions credited to the customer, net of refunds, with at most nine decimals.
#[derive(JsonSchema)]
struct CreditValue {
    direct: f64,
    indirect: f64,
}

/// Whether the influence is proven. Absent until evidence is computed.
#[derive(JsonSchema)]
struct EvidenceValue {
    observed: f64,
    expected: f64,
    log10_e: f64,
    proven: bool,
}

/// One change of one customer's score. `sequence` and `previous_score` chain a customer's changes without gaps.
#[derive(JsonSchema)]
#[schemars(title = "influence.score-changes")]
pub(super) struct ScoreChangeValue {
    customer_id: String,
    /// 1 for the first change of a customer, then +1.
    #[schemars(range(min = 1))]
    sequence: u32,
    /// Sum of the factors' points.
    score: PointsValue,
    /// Score of the change before; 0 for the first.
    previous_score: PointsValue,
    /// Score less previous score.
    #[schemars(range(min = -100, max = 100))]
    delta: f64,
    layer: LayerName,
    previous_layer: LayerName,
    /// Points by factor.
    factors: BTreeMap<String, FactorChangeValue>,
    /// `super_connector`, `critic`, `expert:<category>`.
    traits: Vec<String>,
    /// Against (−1) or for (1) the brand, apart from strength.
    #[schemars(range(min = -1, max = 1))]
    polarity: f64,
    /// Percent of scored customers with a lower score.
    #[schemars(range(min = 0, max = 100))]
    percentile: f64,
    /// Standing by category, best first.
    categories: Vec<CategoryValue>,
    total_value: TotalValueValue,
    credit: CreditValue,
    /// Followers in the graph.
    followers: u32,
    /// Largest audience seen on any platform.
    audience: u64,
    evidence: Option<EvidenceValue>,
    cause: CauseValue,
    occurred_at: TimeText,
    /// Fingerprint of the rules that made this.
    model: String,
}

/// The latest state of a customer. A tombstone means that the customer was erased.
#[derive(JsonSchema)]
#[schemars(title = "influence.scores")]
pub(super) struct ScoreValue {
    customer_id: String,
    /// Number of the change that led here.
    #[schemars(range(min = 1))]
    sequence: u32,
    /// Sum of the factors' points.
    score: PointsValue,
    layer: LayerName,
    /// Points by factor.
    factors: BTreeMap<String, FactorValue>,
    /// `super_connector`, `critic`, `expert:<category>`.
    traits: Vec<String>,
    /// Against (−1) or for (1) the brand, apart from strength.
    #[schemars(range(min = -1, max = 1))]
    polarity: f64,
    /// Percent of scored customers with a lower score.
    #[schemars(range(min = 0, max = 100))]
    percentile: f64,
    /// Standing by category, best first.
    categories: Vec<CategoryValue>,
    total_value: TotalValueValue,
    credit: CreditValue,
    /// Followers in the graph.
    followers: u32,
    /// Largest audience seen on any platform.
    audience: u64,
    evidence: Option<EvidenceValue>,
    cause: CauseValue,
    occurred_at: TimeText,
    /// Fingerprint of the rules that made this.
    model: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum CascadeStatusName {
    Detected,
    Grew,
    Closed,
}

/// A change of a cascade: adoptions of one product that followed one another from a root.
#[derive(JsonSchema)]
#[schemars(title = "influence.cascades")]
pub(super) struct CascadeValue {
    /// The same in every run over the same log.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    cascade_id: String,
    product_id: String,
    category: String,
    status: CascadeStatusName,
    /// Customer with whom it began.
    root: String,
    /// Customers in the tree, its root included.
    size: u32,
    /// Longest path from the root, in edges.
    depth: u32,
    /// Largest number of customers at one depth.
    breadth: u32,
    /// Mean distance between two customers of the tree, with at most six decimals.
    #[schemars(range(min = 0))]
    virality: f64,
    /// Revenue of the tree's adoptions, net of refunds.
    revenue: MoneyText,
    currency: String,
    /// Adoptions of the tree that were refunded in full.
    withdrawn: u32,
    started_at: TimeText,
    last_adoption_at: TimeText,
    /// Absent until evidence is computed.
    observed: Option<f64>,
    /// Absent until evidence is computed.
    expected: Option<f64>,
    /// Absent until evidence is computed.
    log10_e: Option<f64>,
    cause: CauseValue,
    occurred_at: TimeText,
    /// Fingerprint of the rules that made this.
    model: String,
}
