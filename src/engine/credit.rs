//! How an adoption is split among those who exposed the adopter, in whole billionths, so that nothing is lost or made up.

use super::params::{Attribution, Params};
use crate::event::{Credit, CustomerId, DAY_MS};
use smallvec::SmallVec;

/// Smallest indirect share worth keeping: a thousandth of an adoption.
const LEAST_INDIRECT: i64 = Credit::ONE.0 / 1000;

/// Somebody whose action may have persuaded the adopter.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub customer: CustomerId,
    /// Hash of the id: breaks ties the same way in every run.
    pub hash: u64,
    /// Time since the exposing action, in ms; `None` for the owner of a referral code who did not act.
    pub lag_ms: Option<i64>,
    /// Conversion rate as it stood before the exposing action.
    pub beta: f64,
}

/// A part of an adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub customer: CustomerId,
    pub credit: Credit,
}

/// Direct shares of an adoption, largest first (ties: smallest lag, then smallest hash). Their sum is at most one; the
/// rest is organic. `mu` is the adopter's background hazard per day, `tau_ms` the decay of an exposure; `referrer`
/// gets at least the configured floor.
///
/// share(v) = β_v·k(Δ_v) / (μ + Σ β·k), the responsibilities of competing hazards (the M-step of a Hawkes process).
pub fn direct_shares(
    candidates: &[Candidate],
    mu: f64,
    tau_ms: i64,
    referrer: Option<CustomerId>,
    params: &Params,
    shares: &mut Vec<Share>,
) {
    shares.clear();
    if candidates.is_empty() {
        return;
    }
    let days = |ms: i64| ms as f64 / DAY_MS as f64;
    let flat = 1.0 / days(params.window_ms);
    let last = candidates.iter().filter_map(|c| c.lag_ms.map(|lag| (lag, c.hash))).min();
    let hazard = |candidate: &Candidate| {
        let Some(lag) = candidate.lag_ms else { return 0.0 };
        match params.attribution {
            Attribution::TimeDecayed => candidate.beta * libm::exp(-days(lag) / days(tau_ms)) / days(tau_ms),
            Attribution::Equal => params.beta_prior * flat,
            Attribution::LastTouch if Some((lag, candidate.hash)) == last => candidate.beta * flat,
            Attribution::LastTouch => 0.0,
        }
    };
    let hazards: SmallVec<[f64; 16]> = candidates.iter().map(hazard).collect();
    let total = mu + hazards.iter().sum::<f64>();
    let part = |hazard: f64| if total > 0.0 { hazard / total } else { 0.0 };
    let referred = candidates.iter().position(|c| Some(c.customer) == referrer).map(|i| part(hazards[i]));
    let scale = match referred {
        Some(part) if part < params.referral_floor => (1.0 - params.referral_floor) / (1.0 - part),
        _ => 1.0,
    };
    let mut ranked: Vec<(Credit, &Candidate)> = candidates
        .iter()
        .zip(&hazards)
        .map(|(candidate, &hazard)| {
            let floored = Some(candidate.customer) == referrer && scale < 1.0;
            let part = if floored { params.referral_floor } else { part(hazard) * scale };
            (Credit((part * Credit::ONE.0 as f64) as i64), candidate)
        })
        .filter(|(credit, _)| credit.0 > 0)
        .collect();
    ranked.sort_by_key(|&(credit, c)| (std::cmp::Reverse(credit), c.lag_ms.unwrap_or(i64::MAX), c.hash));
    shares.extend(ranked.iter().map(|&(credit, c)| Share { customer: c.customer, credit }));
    // Each share is floored from an exact split, but the sum of rounded doubles may still exceed one by some billionths.
    let excess = shares.iter().map(|share| share.credit.0).sum::<i64>() - Credit::ONE.0;
    if excess > 0 {
        shares[0].credit.0 -= excess;
    }
}

/// Adds what `through`, who earned `share`, passes up to its own creditors.
pub fn pass_up(through: &[Share], share: Credit, damping: Credit, sums: &mut Vec<Share>) {
    for up in through {
        let undamped = i128::from(up.credit.0) * i128::from(share.0) / i128::from(Credit::ONE.0);
        let credit = Credit((undamped * i128::from(damping.0) / i128::from(Credit::ONE.0)) as i64);
        match sums.iter_mut().find(|sum| sum.customer == up.customer) {
            Some(sum) => sum.credit.0 += credit.0,
            None => sums.push(Share { customer: up.customer, credit }),
        }
    }
}

/// Keeps the `max` largest of at least a thousandth (ties: smallest hash) and returns what was dropped.
pub fn truncate(shares: &mut Vec<Share>, max: usize, hash: impl Fn(CustomerId) -> u64) -> Credit {
    let before: i64 = shares.iter().map(|share| share.credit.0).sum();
    shares.retain(|share| share.credit.0 >= LEAST_INDIRECT);
    shares.sort_by_key(|share| (std::cmp::Reverse(share.credit), hash(share.customer)));
    shares.truncate(max);
    Credit(before - shares.iter().map(|share| share.credit.0).sum::<i64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(id: u32, lag_days: f64, beta: f64) -> Candidate {
        let lag_ms = Some((lag_days * DAY_MS as f64) as i64);
        Candidate { customer: CustomerId(id), hash: u64::from(id), lag_ms, beta }
    }

    fn split(attribution: Attribution, mu: f64, candidates: &[Candidate], referrer: Option<u32>) -> Vec<(u32, i64)> {
        let params = Params { attribution, ..Params::default() };
        let mut shares = Vec::new();
        direct_shares(candidates, mu, params.tau_ms, referrer.map(CustomerId), &params, &mut shares);
        shares.iter().map(|s| (s.customer.0, s.credit.0)).collect()
    }

    #[test]
    fn without_a_background_everything_is_credited() {
        let two = [candidate(1, 1.0, 0.02), candidate(2, 1.0, 0.02)];
        assert_eq!(split(Attribution::TimeDecayed, 0.0, &two, None), [(1, 500_000_000), (2, 500_000_000)]);
        assert_eq!(split(Attribution::LastTouch, 0.0, &two, None), [(1, 1_000_000_000)]);
    }

    #[test]
    fn the_owner_of_a_code_gets_at_least_the_floor() {
        let two = [candidate(1, 1.0, 0.02), Candidate { lag_ms: None, ..candidate(2, 0.0, 0.02) }];
        assert_eq!(split(Attribution::TimeDecayed, 0.0, &two, Some(2)), [(1, 500_000_000), (2, 500_000_000)]);
        assert_eq!(split(Attribution::TimeDecayed, 0.0, &two[..1], Some(1)), [(1, 1_000_000_000)]);
    }

    proptest! {
        #[test]
        fn never_more_than_one_adoption(
            lags in prop::collection::vec((0.001f64..14.0, 0.0001f64..1.0), 1..60), mu in 0.0f64..0.1, referrer in 0u32..60,
        ) {
            let all: Vec<Candidate> = lags.iter().zip(0..).map(|(&(lag, beta), id)| candidate(id, lag, beta)).collect();
            for attribution in [Attribution::TimeDecayed, Attribution::Equal, Attribution::LastTouch] {
                let shares = split(attribution, mu, &all, Some(referrer));
                prop_assert!(shares.iter().all(|&(_, credit)| credit > 0));
                prop_assert!(shares.iter().map(|&(_, credit)| credit).sum::<i64>() <= Credit::ONE.0);
            }
        }
    }
}
