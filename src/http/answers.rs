//! The JSON shapes of the answers. Names are those of the output topics where the meaning is the same.

use crate::event::{Cause, Factor, FactorPoints, Layer, Points, Position, Time, TotalValue};
use crate::view::{AsOf, Cascade, CascadeChanged, CategoryStanding, Customer, Node, ScoreChanged, Streamed};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The instant that an answer speaks of: the state after `epoch`, with everything before `watermark` counted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AsOfAnswer {
    pub epoch: u64,
    /// RFC 3339; null before the first event.
    pub watermark: Option<String>,
}

/// Points of a factor, now and in the change before.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FactorAnswer {
    pub points: f64,
    pub previous_points: f64,
}

/// Standing in a category.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CategoryAnswer {
    pub category: String,
    /// 0–100.
    pub score: f64,
    /// Decayed, in adoptions.
    pub credit: f64,
}

/// Net of refunds; decimal text in the reporting currency.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ValueAnswer {
    pub own: String,
    pub influenced_direct: String,
    pub influenced_indirect: String,
}

/// In adoptions, net of refunds, not decayed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditAnswer {
    pub direct: f64,
    pub indirect: f64,
}

/// Why a change happened: the last event that touched the customer, or `decay`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CauseAnswer {
    pub r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Where the event stands in the input log: topic/partition/offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

/// A change of a customer's score in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RecentAnswer {
    pub occurred_at: String,
    pub score: f64,
    pub previous_score: f64,
    pub layer: &'static str,
    pub cause: &'static str,
}

/// The latest published state of a customer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CustomerAnswer {
    pub as_of: AsOfAnswer,
    pub customer_id: String,
    /// Number of the customer's last change; counts from 1 without gaps.
    pub sequence: u32,
    /// 0–100; the sum of the factors' points.
    pub score: f64,
    pub previous_score: f64,
    pub layer: &'static str,
    pub previous_layer: &'static str,
    pub traits: Vec<String>,
    /// −1..1: against or for the brand.
    pub polarity: f64,
    /// 0–100: share of scored customers with a lower score.
    pub percentile: f64,
    pub factors: BTreeMap<&'static str, FactorAnswer>,
    pub categories: Vec<CategoryAnswer>,
    pub total_value: ValueAnswer,
    pub credit: CreditAnswer,
    pub followers: u32,
    /// Largest audience seen on any platform.
    pub audience: u64,
    pub cause: CauseAnswer,
    pub occurred_at: String,
    /// The last changes, newest first.
    pub recent: Vec<RecentAnswer>,
}

/// A customer's line on the leaderboard.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RankedAnswer {
    /// From 1.
    pub rank: usize,
    pub customer_id: String,
    pub score: f64,
    pub layer: &'static str,
    pub traits: Vec<String>,
    pub polarity: f64,
    pub percentile: f64,
    /// Points of the persuasion factor.
    pub persuasion: f64,
    pub credit: CreditAnswer,
    pub total_value: ValueAnswer,
    pub followers: u32,
    pub categories: Vec<CategoryAnswer>,
    pub cause: CauseAnswer,
    pub occurred_at: String,
}

/// The first customers by the measure asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LeaderboardAnswer {
    pub as_of: AsOfAnswer,
    pub by: &'static str,
    pub customers: Vec<RankedAnswer>,
}

/// A cascade as of its last change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CascadeSummary {
    /// 16 hexadecimal digits.
    pub cascade_id: String,
    pub product_id: String,
    pub category: String,
    /// What the last change was: detected, grew or closed.
    pub status: &'static str,
    pub root: String,
    pub size: u32,
    pub depth: u32,
    pub breadth: u32,
    /// Mean distance between two customers of the tree.
    pub virality: f64,
    /// Net of refunds; decimal text in the reporting currency.
    pub revenue: String,
    /// Adoptions refunded in full.
    pub withdrawn: u32,
    pub started_at: String,
    pub last_adoption_at: String,
    pub cause: CauseAnswer,
    pub occurred_at: String,
}

/// The cascades that are kept, open ones first, each with the latest change first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CascadesAnswer {
    pub as_of: AsOfAnswer,
    pub cascades: Vec<CascadeSummary>,
}

/// A customer in a cascade's tree.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NodeAnswer {
    pub customer_id: String,
    /// Index of the parent in `tree`; null for the root.
    pub parent: Option<u32>,
    pub depth: u32,
    pub joined_at: String,
}

/// A cascade with its tree. The tree may be ahead of the figures, which are those of the last published change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CascadeAnswer {
    pub as_of: AsOfAnswer,
    #[serde(flatten)]
    pub summary: CascadeSummary,
    /// Parents before their children.
    pub tree: Vec<NodeAnswer>,
    /// Customers who are not in `tree` because it is bounded.
    pub left_out: u32,
}

/// A score change on the stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScoreStreamed {
    pub as_of: AsOfAnswer,
    pub customer_id: String,
    pub sequence: u32,
    pub score: f64,
    pub previous_score: f64,
    pub delta: f64,
    pub layer: &'static str,
    pub previous_layer: &'static str,
    pub traits: Vec<String>,
    pub factors: BTreeMap<&'static str, FactorAnswer>,
    pub cause: CauseAnswer,
    pub occurred_at: String,
}

/// A cascade change on the stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CascadeStreamed {
    pub as_of: AsOfAnswer,
    #[serde(flatten)]
    pub summary: CascadeSummary,
}

impl From<AsOf> for AsOfAnswer {
    fn from(as_of: AsOf) -> Self {
        AsOfAnswer { epoch: as_of.epoch, watermark: (as_of.watermark != Time::MIN).then(|| rfc3339(as_of.watermark)) }
    }
}

impl CustomerAnswer {
    pub fn new(as_of: AsOf, customer: &Customer) -> Self {
        CustomerAnswer {
            as_of: as_of.into(),
            customer_id: customer.id.to_string(),
            sequence: customer.sequence,
            score: customer.score.value(),
            previous_score: customer.previous_score.value(),
            layer: customer.layer.name(),
            previous_layer: customer.previous_layer.name(),
            traits: traits(customer),
            polarity: f64::from(customer.polarity) / 100.0,
            percentile: f64::from(customer.percentile) / 10.0,
            factors: factors(&customer.factors),
            categories: categories(customer),
            total_value: value(&customer.value),
            credit: credit(customer),
            followers: customer.followers,
            audience: customer.audience,
            cause: cause(&customer.cause),
            occurred_at: rfc3339(customer.at),
            recent: customer
                .recent
                .iter()
                .rev()
                .map(|recent| RecentAnswer {
                    occurred_at: rfc3339(recent.at),
                    score: recent.score.value(),
                    previous_score: recent.previous_score.value(),
                    layer: recent.layer.name(),
                    cause: recent.cause.map_or(DECAY, |kind| kind.name()),
                })
                .collect(),
        }
    }
}

impl RankedAnswer {
    pub fn new(rank: usize, customer: &Customer) -> Self {
        RankedAnswer {
            rank,
            customer_id: customer.id.to_string(),
            score: customer.score.value(),
            layer: customer.layer.name(),
            traits: traits(customer),
            polarity: f64::from(customer.polarity) / 100.0,
            percentile: f64::from(customer.percentile) / 10.0,
            persuasion: customer.factors[Factor::Persuasion as usize].points.value(),
            credit: credit(customer),
            total_value: value(&customer.value),
            followers: customer.followers,
            categories: categories(customer),
            cause: cause(&customer.cause),
            occurred_at: rfc3339(customer.at),
        }
    }
}

impl CascadeSummary {
    pub fn new(changed: &CascadeChanged) -> Self {
        let change = &changed.change;
        CascadeSummary {
            cascade_id: format!("{:016x}", change.cascade),
            product_id: changed.product.to_string(),
            category: changed.category.to_string(),
            status: change.status.name(),
            root: changed.root.to_string(),
            size: change.size,
            depth: change.depth,
            breadth: change.breadth,
            virality: change.virality,
            revenue: change.revenue.to_string(),
            withdrawn: change.withdrawn,
            started_at: rfc3339(change.started_at),
            last_adoption_at: rfc3339(change.last_adoption_at),
            cause: cause(&change.cause),
            occurred_at: rfc3339(change.at),
        }
    }
}

impl CascadeAnswer {
    pub fn new(as_of: AsOf, cascade: &Cascade) -> Self {
        let node = |node: &Node| NodeAnswer {
            customer_id: node.customer.to_string(),
            parent: node.parent,
            depth: node.depth,
            joined_at: rfc3339(node.at),
        };
        CascadeAnswer {
            as_of: as_of.into(),
            summary: CascadeSummary::new(&cascade.latest),
            tree: cascade.tree.iter().map(node).collect(),
            left_out: cascade.left_out,
        }
    }
}

impl ScoreStreamed {
    pub fn new(streamed: &Streamed, changed: &ScoreChanged) -> Self {
        let change = &changed.change;
        let delta = Points(change.score.0.abs_diff(change.previous_score.0)).value();
        ScoreStreamed {
            as_of: streamed.as_of.into(),
            customer_id: changed.customer.to_string(),
            sequence: change.sequence,
            score: change.score.value(),
            previous_score: change.previous_score.value(),
            delta: if change.score < change.previous_score { -delta } else { delta },
            layer: change.layer.name(),
            previous_layer: change.previous_layer.name(),
            traits: trait_names(change.traits.super_connector, change.traits.critic, &changed.experts),
            factors: factors(&change.factors),
            cause: cause(&change.cause),
            occurred_at: rfc3339(change.at),
        }
    }
}

const DECAY: &str = "decay";

/// RFC 3339 in UTC. Times outside of jiff's years (−9999 to 9999) cannot come through the wire.
pub(super) fn rfc3339(time: Time) -> String {
    jiff::Timestamp::from_millisecond(time.0).map_or_else(|_| time.0.to_string(), |timestamp| timestamp.to_string())
}

/// `GET /v1/leaderboard?layer=`.
pub(super) fn layer(name: &str) -> Option<Layer> {
    Layer::ALL.into_iter().find(|layer| layer.name() == name)
}

fn cause(cause: &Cause) -> CauseAnswer {
    match cause {
        Cause::Event { kind, event_id, position: Position { topic, partition, offset } } => CauseAnswer {
            r#type: kind.name(),
            event_id: Some(event_id.to_string()),
            position: Some(format!("{}/{partition}/{offset}", topic.name())),
        },
        Cause::Decay => CauseAnswer { r#type: DECAY, event_id: None, position: None },
    }
}

fn factors(points: &[FactorPoints; 7]) -> BTreeMap<&'static str, FactorAnswer> {
    let answer = |factor: Factor| {
        let points = points[factor as usize];
        FactorAnswer { points: points.points.value(), previous_points: points.previous.value() }
    };
    Factor::ALL.into_iter().map(|factor| (factor.name(), answer(factor))).collect()
}

fn traits(customer: &Customer) -> Vec<String> {
    trait_names(customer.super_connector, customer.critic, &customer.experts)
}

fn trait_names(super_connector: bool, critic: bool, experts: &[Arc<str>]) -> Vec<String> {
    let flags = [("super_connector", super_connector), ("critic", critic)];
    let flags = flags.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned());
    flags.chain(experts.iter().map(|category| format!("expert:{category}"))).collect()
}

fn categories(customer: &Customer) -> Vec<CategoryAnswer> {
    let answer = |standing: &CategoryStanding| CategoryAnswer {
        category: standing.category.to_string(),
        score: standing.score.value(),
        credit: standing.credit,
    };
    customer.categories.iter().map(answer).collect()
}

fn value(value: &TotalValue) -> ValueAnswer {
    ValueAnswer {
        own: value.own.to_string(),
        influenced_direct: value.influenced_direct.to_string(),
        influenced_indirect: value.influenced_indirect.to_string(),
    }
}

fn credit(customer: &Customer) -> CreditAnswer {
    CreditAnswer { direct: customer.credit.direct.adoptions(), indirect: customer.credit.indirect.adoptions() }
}
