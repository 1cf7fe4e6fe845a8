//! From a customer's amounts to points, layer and traits; and when a score will next fall by itself.

use super::customers::{Amounts, Customer};
use super::params::{FactorParams, LayerParams, Params};
use crate::event::{CategoryId, Factor, Layer, Points, Traits};

/// Impressions that the engagement rate is shrunk by, so that one like on one view is no perfect record.
const PRIOR_IMPRESSIONS: f64 = 100.0;
/// Reviews that the verified share is shrunk by.
const PRIOR_REVIEWS: f64 = 3.0;
/// Actions that the category concentration is shrunk by.
const PRIOR_ACTIVITY: f64 = 5.0;
/// What hundredths can hide: seven rounded factors now, and seven then, in points.
const ROUNDING: f64 = 0.07;

/// The amounts behind the factors, in [`Factor`] order.
pub fn factor_amounts(customer: &Customer) -> [f64; 7] {
    let Amounts { persuasion, advocacy, content, interactions, impressions, .. } = customer.amounts;
    let Amounts { helpful, verified, reviews, positive, negative, repeats, .. } = customer.amounts;
    let (mut most, mut all) = (0.0_f64, 0.0);
    for standing in &customer.categories {
        most = most.max(standing.activity);
        all += standing.activity;
    }
    [
        persuasion.max(0.0),
        advocacy.max(0.0),
        content,
        interactions / (impressions + PRIOR_IMPRESSIONS),
        libm::log1p(helpful) + verified / (reviews + PRIOR_REVIEWS) + most / (all + PRIOR_ACTIVITY),
        (positive + repeats - negative).max(0.0),
        libm::log1p(customer.audience.max(u64::from(customer.followers)) as f64),
    ]
}

/// Points of an amount: weight·(1 − 2^(−amount/half)), rounded half up to hundredths.
pub fn points(amount: f64, factor: &FactorParams) -> Points {
    // Most factors of most customers are empty: worth not asking for 2^0.
    if amount == 0.0 {
        return Points(0);
    }
    Points((factor.weight * (1.0 - libm::exp2(-amount / factor.half)) * 100.0 + 0.5) as u16)
}

/// Standing in a category on the same scale, 0–100.
pub fn category_points(credit: f64, half: f64) -> Points {
    points(credit.max(0.0), &FactorParams { weight: 100.0, half, half_life_ms: 1 })
}

/// Points of all factors, and their sum.
pub fn score(amounts: &[f64; 7], params: &Params) -> ([Points; 7], Points) {
    let all: [Points; 7] = std::array::from_fn(|i| points(amounts[i], &params.factors[i]));
    (all, Points(all.iter().map(|points| points.0).sum()))
}

/// How long the score stays above `floor` at least, in ms, if nothing happens; never more than a lower bound.
///
/// Every amount falls at most as fast as exponential decay, so a factor's points fall at most by
/// weight·ln2·u·2^(−u)·(ln2/half-life) per ms with u = amount/half; u·2^(−u) rises to its largest value at u = 1/ln2.
pub fn stays_above(amounts: &[f64; 7], score: Points, floor: Points, params: &Params) -> i64 {
    use std::f64::consts::{LN_2, LOG2_E};
    let mut rate = 0.0;
    for factor in Factor::ALL.into_iter().filter(|&factor| factor != Factor::Reach) {
        let FactorParams { weight, half, half_life_ms } = *params.factor(factor);
        let u = (amounts[factor as usize] / half).min(LOG2_E);
        if u == 0.0 {
            continue;
        }
        rate += weight * LN_2 * u * libm::exp2(-u) * LN_2 / half_life_ms as f64;
    }
    let gap = score.value() - floor.value() - ROUNDING;
    if gap <= 0.0 {
        return 0;
    }
    if rate > 0.0 { (gap / rate).min(i64::MAX as f64 / 4.0) as i64 } else { i64::MAX / 4 }
}

/// The layer that follows from points and audience; a layer held now is left `hysteresis` below where it begins.
pub fn layer(customer: &Customer, points: &[Points; 7], params: &LayerParams) -> Layer {
    let held = customer.published.layer;
    let reaches = |factor: Factor, threshold: Points, layer: Layer| {
        let slack = if held == layer { params.hysteresis.0 } else { 0 };
        points[factor as usize].0 >= threshold.0.saturating_sub(slack)
    };
    let core = Layer::CoreAdvocate;
    let repeats = params.core_repeats * if held == core { 0.8 } else { 1.0 };
    let micro = Layer::MicroInfluencer;
    if reaches(Factor::Affinity, params.core_affinity, core)
        && reaches(Factor::Advocacy, params.core_advocacy, core)
        && customer.amounts.repeats >= repeats
    {
        core
    } else if customer.macro_audience {
        Layer::MacroInfluencer
    } else if reaches(Factor::Persuasion, params.micro_persuasion, micro)
        || reaches(Factor::Engagement, params.micro_engagement, micro)
    {
        micro
    } else {
        Layer::Member
    }
}

/// Polarity in hundredths: (positive − negative)/(positive + negative + 1), rounded half away from zero.
pub fn polarity(amounts: &Amounts) -> i8 {
    let Amounts { positive, negative, .. } = *amounts;
    let hundredths = (positive - negative) / (positive + negative + 1.0) * 100.0;
    (hundredths + if hundredths < 0.0 { -0.5 } else { 0.5 }) as i8
}

/// Standings worth publishing, best first (ties by the hash of the name): category, points, credit.
pub fn standings(
    customer: &Customer,
    params: &Params,
    hash: impl Fn(CategoryId) -> u64,
) -> Vec<(CategoryId, Points, f64)> {
    let mut all: Vec<(CategoryId, Points, f64)> = customer
        .categories
        .iter()
        .map(|standing| (standing.category, category_points(standing.credit, params.category_half), standing.credit))
        .filter(|(_, points, _)| points.0 > 0)
        .collect();
    all.sort_by_key(|&(category, points, _)| (std::cmp::Reverse(points), hash(category)));
    all
}

/// Traits beside the layer.
pub fn traits(customer: &Customer, standings: &[(CategoryId, Points, f64)], params: &LayerParams) -> Traits {
    Traits {
        super_connector: customer.followers > params.super_connector_followers,
        critic: polarity(&customer.amounts) <= params.critic_polarity,
        experts: standings.iter().filter(|s| s.1 >= params.expert_score).map(|s| s.0).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_amount_earns_half_the_points() {
        let factor = FactorParams { weight: 40.0, half: 5.0, half_life_ms: 1 };
        assert_eq!(points(0.0, &factor), Points(0));
        assert_eq!(points(5.0, &factor), Points(2000));
        assert_eq!(points(10.0, &factor), Points(3000));
        assert_eq!(points(1e9, &factor), Points(4000));
    }

    #[test]
    fn a_score_never_falls_before_the_bound() {
        let params = Params::default();
        for persuasion in [0.3, 2.0, 7.0, 30.0] {
            for step in [50, 100, 400] {
                let amounts = [persuasion, 1.0, 3.0, 0.02, 1.0, 4.0, 3.0];
                let (_, now) = score(&amounts, &params);
                let floor = Points(now.0.saturating_sub(step));
                let ms = stays_above(&amounts, now, floor, &params);
                let then: [f64; 7] = std::array::from_fn(|i| {
                    if i == Factor::Reach as usize {
                        return amounts[i];
                    }
                    amounts[i] * libm::exp2(-(ms as f64) / params.factors[i].half_life_ms as f64)
                });
                assert!(score(&then, &params).1 > floor, "persuasion {persuasion} step {step} after {ms} ms");
            }
        }
    }
}
