//! What the engine can be tuned by: plain values, already validated. Changing any of them changes history.

use crate::event::{DAY_MS, Factor, Points};

/// How an adoption is split among those who exposed the adopter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// Conversion rate × exponential decay since the exposing action (default).
    TimeDecayed,
    /// Every exposing followee alike.
    Equal,
    /// Only the most recent exposing action.
    LastTouch,
}

/// One factor of the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactorParams {
    /// Points that the factor approaches as its amount grows: whole hundredths; all weights sum to 100.
    pub weight: f64,
    /// The amount that earns half of the weight.
    pub half: f64,
    /// Time in which the amount decays to half without events, in ms.
    pub half_life_ms: i64,
}

/// Where a layer begins; it ends `hysteresis` points below.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerParams {
    /// `core_advocate` needs at least this many points of affinity …
    pub core_affinity: Points,
    /// … and of advocacy …
    pub core_advocacy: Points,
    /// … and this much decayed repeat purchasing.
    pub core_repeats: f64,
    /// `micro_influencer` needs this many points of persuasion …
    pub micro_persuasion: Points,
    /// … or of engagement.
    pub micro_engagement: Points,
    /// Audience from which a customer is a `macro_influencer` …
    pub macro_audience: u64,
    /// … unless the platform of the mention that told the audience has a threshold of its own.
    pub macro_audience_by_platform: Vec<(String, u64)>,
    /// Points by which a threshold must be undercut before the layer is left.
    pub hysteresis: Points,
    /// More graph followers than this make a `super_connector`.
    pub super_connector_followers: u32,
    /// Category score from which a customer is an `expert:<category>`.
    pub expert_score: Points,
    /// Polarity (hundredths) at or below which a customer is a `critic`.
    pub critic_polarity: i8,
}

/// All parameters of the engine. `Default` is what `config/engine.toml` ships.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Length of the event-time tick in which a customer changes at most once, in ms.
    pub tick_ms: i64,
    /// How far behind its partition's newest event a record may be without being late, in ms. By topic, in rank order.
    pub disorder_ms: [i64; 4],
    /// How far behind the watermark a record may be and still count, in ms.
    pub lateness_ms: i64,
    /// Event time for which an `event_id` is remembered at least, in ms.
    pub dedupe_horizon_ms: i64,
    /// Most event ids remembered in one half of the horizon.
    pub dedupe_max: usize,
    /// Most followees kept of one customer.
    pub max_followees: usize,
    /// `W`: how long an action exposes followers, in ms.
    pub window_ms: i64,
    /// How long an adoption is remembered after its customer's last action on the product, in ms.
    pub adoption_memory_ms: i64,
    /// Whether a review counts as an adoption, like a purchase does.
    pub review_adopts: bool,
    pub attribution: Attribution,
    /// τ: time constant of the decay of an exposure, in ms, by category name.
    pub tau_ms: i64,
    pub tau_by_category_ms: Vec<(String, i64)>,
    /// β before anything is known of a customer: adoptions per exposure.
    pub beta_prior: f64,
    /// How many exposures the prior is worth.
    pub beta_strength: f64,
    /// Half-life of a product's background rate of adoption, in ms.
    pub background_half_life_ms: i64,
    /// Smallest share of the owner of a referral code that was used, 0..1.
    pub referral_floor: f64,
    /// Most direct shares kept per adoption; what the others would have earned is organic.
    pub max_credited: usize,
    /// δ: what a hop takes of the credit that is passed up, 0..1.
    pub hop_damping: f64,
    /// Ancestors kept per adoption for indirect credit.
    pub max_ancestors: usize,
    /// What indirect credit is worth in the persuasion factor, beside direct credit.
    pub indirect_weight: f64,
    /// Size from which a cascade is published.
    pub cascade_size: u32,
    /// Depth from which an adoption starts a cascade of its own.
    pub cascade_max_depth: u32,
    /// By [`Factor`], in its order.
    pub factors: [FactorParams; 7],
    /// Credit in a category that earns a category score of 50.
    pub category_half: f64,
    /// Change of the score that is published.
    pub step: Points,
    /// A score that falls without events is looked at on multiples of this, in ms.
    pub decay_tick_ms: i64,
    pub layers: LayerParams,
}

impl Params {
    /// The parameters of one factor.
    #[must_use]
    pub fn factor(&self, factor: Factor) -> &FactorParams {
        &self.factors[factor as usize]
    }
}

impl Default for Params {
    fn default() -> Self {
        let factor = |weight, half, days: i64| FactorParams { weight, half, half_life_ms: days * DAY_MS };
        Params {
            tick_ms: 100,
            disorder_ms: [5_000; 4],
            lateness_ms: 60_000,
            dedupe_horizon_ms: DAY_MS,
            dedupe_max: 2_000_000,
            max_followees: 20_000,
            window_ms: 14 * DAY_MS,
            adoption_memory_ms: 90 * DAY_MS,
            review_adopts: true,
            attribution: Attribution::TimeDecayed,
            tau_ms: 4 * DAY_MS,
            tau_by_category_ms: Vec::new(),
            beta_prior: 0.02,
            beta_strength: 20.0,
            background_half_life_ms: 30 * DAY_MS,
            referral_floor: 0.5,
            max_credited: 32,
            hop_damping: 0.5,
            max_ancestors: 8,
            indirect_weight: 0.5,
            cascade_size: 5,
            cascade_max_depth: 64,
            factors: [
                factor(40.0, 5.0, 90),
                factor(15.0, 10.0, 90),
                factor(10.0, 30.0, 30),
                factor(10.0, 0.03, 30),
                factor(10.0, 3.0, 90),
                factor(10.0, 20.0, 90),
                factor(5.0, 5.0, 90),
            ],
            category_half: 3.0,
            step: Points(100),
            decay_tick_ms: 3_600_000,
            layers: LayerParams {
                core_affinity: Points(300),
                core_advocacy: Points(400),
                core_repeats: 1.0,
                micro_persuasion: Points(1000),
                micro_engagement: Points(700),
                macro_audience: 100_000,
                macro_audience_by_platform: vec![
                    ("instagram".into(), 100_000),
                    ("youtube".into(), 250_000),
                    ("facebook".into(), 250_000),
                ],
                hysteresis: Points(100),
                super_connector_followers: 1000,
                expert_score: Points(5000),
                critic_polarity: -30,
            },
        }
    }
}
