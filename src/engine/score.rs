//! From a customer's amounts to points, layer and traits; and when a score will next fall by itself.

use super::customers::{Amounts, Customer, Decay};
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

/// What a customer's factor amounts are made of, at the time to which the customer is settled.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    amounts: Amounts,
    /// Activity in the category with the most, and in all.
    most: f64,
    all: f64,
    /// ln(1 + audience); does not decay.
    reach: f64,
}

impl Basis {
    pub fn of(customer: &Customer) -> Basis {
        let (mut most, mut all) = (0.0_f64, 0.0);
        for standing in &customer.categories {
            most = most.max(standing.activity);
            all += standing.activity;
        }
        let reach = libm::log1p(customer.audience.max(u64::from(customer.followers)) as f64);
        Basis { amounts: customer.amounts, most, all, reach }
    }

    /// The same after a time in which nothing happened, of which `left` of each factor's amounts is left.
    fn after(&self, left: &[f64; 7]) -> Basis {
        let credibility = left[Factor::Credibility as usize];
        let amounts = self.amounts.after(left);
        Basis { amounts, most: self.most * credibility, all: self.all * credibility, reach: self.reach }
    }

    /// The amounts behind the factors, in [`Factor`] order.
    pub fn factor_amounts(&self) -> [f64; 7] {
        let Amounts { persuasion, advocacy, content, interactions, impressions, .. } = self.amounts;
        let Amounts { helpful, verified, reviews, positive, negative, repeats, .. } = self.amounts;
        [
            persuasion.max(0.0),
            advocacy.max(0.0),
            content,
            interactions / (impressions + PRIOR_IMPRESSIONS),
            libm::log1p(helpful) + verified / (reviews + PRIOR_REVIEWS) + self.most / (self.all + PRIOR_ACTIVITY),
            (positive + repeats - negative).max(0.0),
            self.reach,
        ]
    }
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

/// When a score that is above `floor` at `now` can first have fallen to it if nothing happens, in ms from now: a lower bound,
/// cheap enough for every touch; `None` if it is so near that only [`falls_at`] can tell.
///
/// Every amount falls at most as fast as exponential decay, so a factor's points fall at most by
/// weight·ln2·u·2^(−u)·(ln2/half-life) per ms with u = amount/half; u·2^(−u) rises to its largest value at u = 1/ln2.
pub fn stays_above(amounts: &[f64; 7], score: Points, floor: Points, params: &Params) -> Option<i64> {
    use std::f64::consts::{LN_2, LOG2_E};
    let gap = score.value() - floor.value() - ROUNDING;
    if gap <= 0.0 {
        return None;
    }
    let mut rate = 0.0;
    for factor in Factor::ALL.into_iter().filter(|&factor| factor != Factor::Reach) {
        let FactorParams { weight, half, half_life_ms } = *params.factor(factor);
        let u = (amounts[factor as usize] / half).min(LOG2_E);
        if u > 0.0 {
            rate += weight * LN_2 * u * libm::exp2(-u) * LN_2 / half_life_ms as f64;
        }
    }
    Some(if rate > 0.0 { (gap / rate).min(NEVER as f64) as i64 } else { NEVER })
}

/// Longer than any score takes to fall, in ms: about 30,000 years.
pub const NEVER: i64 = 1 << 50;

/// The first of the times `first`, `first + every`, … (in ms from now) at which the score has fallen to `floor`, if nothing
/// happens; `None` if it never does. Points fall with their amounts and rounding keeps their order, so bisection finds it.
pub fn falls_at(basis: &Basis, floor: Points, first: i64, every: i64, decay: &Decay, params: &Params) -> Option<i64> {
    let fallen = |n: i64| {
        let then = basis.after(&decay.all(first + n * every));
        score(&then.factor_amounts(), params).1 <= floor
    };
    let mut after = 1;
    while !fallen(after - 1) {
        after *= 2;
        if after > NEVER / every {
            return None;
        }
    }
    // Not fallen at after/2 − 1 (or nothing is known before the first), fallen at after − 1.
    let (mut low, mut high) = (after / 2, after - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if fallen(middle) { high = middle } else { low = middle + 1 }
    }
    Some(first + low * every)
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
    fn a_score_falls_when_it_is_said_to_and_not_before() {
        let params = Params::default();
        let decay = Decay::new(&params);
        for persuasion in [0.3, 2.0, 7.0, 30.0] {
            for step in [3, 50, 100, 400] {
                let amounts = Amounts { persuasion, advocacy: 1.0, content: 3.0, positive: 4.0, ..Amounts::default() };
                let basis = Basis { amounts, most: 3.0, all: 5.0, reach: 3.0 };
                let at = |ms| score(&basis.after(&decay.all(ms)).factor_amounts(), &params).1;
                let floor = Points(at(0).0.saturating_sub(step));
                let bound = stays_above(&basis.factor_amounts(), at(0), floor, &params);
                assert_eq!(bound.is_none(), step == 3, "nearer than the rounding");
                let falls = falls_at(&basis, floor, 1000, 3_600_000, &decay, &params).expect("it falls");
                assert!(at(bound.unwrap_or(0)) > floor && bound.unwrap_or(0) <= falls);
                assert!(at(falls) <= floor && (falls == 1000 || at(falls - 3_600_000) > floor));
            }
        }
        let still = Basis { amounts: Amounts::default(), most: 0.0, all: 0.0, reach: 6.0 };
        assert_eq!(falls_at(&still, Points(100), 0, 3_600_000, &decay, &params), None, "reach does not decay");
    }
}
