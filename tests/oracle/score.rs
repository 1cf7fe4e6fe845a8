//! From amounts to points, layers and published changes.

use super::{Amount, Oracle, Published, Touch, decay, hash};
use crate::common::run::{Score, Seen};
use bellwether::event::{Factor, Layer};
use std::collections::BTreeMap;

impl Oracle {
    /// Remembers how close an unrounded figure came to the boundary at which it would round the other way.
    pub fn near(&mut self, unrounded: f64, scale: f64) {
        let margin = (unrounded - unrounded.round()).abs() * scale;
        if unrounded != unrounded.round() {
            self.run.margin = self.run.margin.min(margin);
        }
    }

    fn amount(&self, who: &str, amount: Amount, factor: Factor, at: i64) -> f64 {
        let half_life = self.params.factor(factor).half_life_ms;
        let mine = self.customers[who].amounts.iter().filter(|a| a.0 == amount);
        mine.map(|(_, since, by)| by * decay(at - since, half_life)).sum()
    }

    fn activity(&self, who: &str, at: i64) -> BTreeMap<String, f64> {
        let half_life = self.params.factor(Factor::Credibility).half_life_ms;
        let mut by_category = BTreeMap::new();
        for (category, since) in &self.customers[who].activity {
            *by_category.entry(category.clone()).or_insert(0.0) += decay(at - since, half_life);
        }
        by_category
    }

    /// Direct and indirect credit held by a customer, by category: decayed, in adoptions.
    fn credit(&self, who: &str, at: i64) -> BTreeMap<String, (f64, f64)> {
        let half_life = self.params.factor(Factor::Persuasion).half_life_ms;
        let mut by_category: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for adoption in &self.adoptions {
            let share = |shares: &[(String, i64)]| {
                let mine: i64 = shares.iter().filter(|s| s.0 == who).map(|s| s.1).sum();
                mine as f64 / 1e9 * decay(at - adoption.at, half_life)
            };
            let (direct, indirect) = (share(&adoption.direct), share(&adoption.indirect));
            if direct + indirect > 0.0 {
                let sums = by_category.entry(adoption.category.clone()).or_default();
                *sums = (sums.0 + direct, sums.1 + indirect);
            }
        }
        by_category
    }

    pub fn followers(&self, who: &str) -> u32 {
        self.edges.iter().filter(|e| e.followee == who).count() as u32
    }

    fn factor_amount(&self, who: &str, factor: Factor, at: i64) -> f64 {
        let amount = |a| self.amount(who, a, factor, at);
        match factor {
            Factor::Persuasion => {
                let credit = self.credit(who, at);
                let (direct, indirect) = credit.values().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
                direct + self.params.indirect_weight * indirect
            }
            Factor::Advocacy => amount(Amount::Advocacy),
            Factor::Content => amount(Amount::Content),
            Factor::Engagement => amount(Amount::Interactions) / (amount(Amount::Impressions) + 100.0),
            Factor::Credibility => {
                let activity = self.activity(who, at);
                let largest = activity.values().copied().fold(0.0, f64::max);
                libm::log(1.0 + amount(Amount::Helpful))
                    + amount(Amount::Verified) / (amount(Amount::Reviews) + 3.0)
                    + largest / (activity.values().sum::<f64>() + 5.0)
            }
            Factor::Affinity => {
                (amount(Amount::Positive) + amount(Amount::Repeats) - amount(Amount::Negative)).max(0.0)
            }
            Factor::Reach => {
                let followers = u64::from(self.followers(who));
                libm::log(1.0 + followers.max(self.customers[who].audience) as f64)
            }
        }
    }

    /// weight·(1 − 2^(−amount/half)) in hundredths, rounded half up.
    fn points(&mut self, weight: f64, amount: f64, half: f64) -> u16 {
        let hundredths = weight * (1.0 - libm::exp2(-amount / half)) * 100.0 + 0.5;
        self.near(hundredths, 1.0);
        hundredths.floor() as u16
    }

    fn factors(&mut self, who: &str, at: i64) -> [u16; 7] {
        Factor::ALL.map(|factor| {
            let amount = self.factor_amount(who, factor, at);
            let p = *self.params.factor(factor);
            self.points(p.weight, amount, p.half)
        })
    }

    fn layer(&self, who: &str, factors: &[u16; 7], at: i64) -> Layer {
        let l = &self.params.layers;
        let now = self.customers[who].published.unwrap_or_default().layer;
        let reaches = |layer: Layer, factor: Factor, threshold: u16| {
            let slack = if now == layer { l.hysteresis.0 } else { 0 };
            factors[factor as usize] >= threshold.saturating_sub(slack)
        };
        let customer = &self.customers[who];
        let repeats = self.amount(who, Amount::Repeats, Factor::Affinity, at);
        if reaches(Layer::CoreAdvocate, Factor::Affinity, l.core_affinity.0)
            && reaches(Layer::CoreAdvocate, Factor::Advocacy, l.core_advocacy.0)
            && repeats >= l.core_repeats * if now == Layer::CoreAdvocate { 0.8 } else { 1.0 }
        {
            Layer::CoreAdvocate
        } else if customer.macro_audience {
            Layer::MacroInfluencer
        } else if reaches(Layer::MicroInfluencer, Factor::Persuasion, l.micro_persuasion.0)
            || reaches(Layer::MicroInfluencer, Factor::Engagement, l.micro_engagement.0)
        {
            Layer::MicroInfluencer
        } else {
            Layer::Member
        }
    }

    /// The end of a tick: everybody touched in it is scored.
    pub fn flush(&mut self, at: i64) {
        let touched: Vec<(String, Touch)> = std::mem::take(&mut self.touched).into_iter().collect();
        let mut changes = Vec::new();
        for (who, touch) in touched {
            let factors = self.factors(&who, at);
            let layer = self.layer(&who, &factors, at);
            let last = self.customers[&who].published.unwrap_or_default();
            let score: u16 = factors.iter().sum();
            if score.abs_diff(last.score) >= self.params.step.0 || layer != last.layer {
                changes.push((who, touch, factors, layer));
            }
        }
        self.publish_scores(changes, at);
    }

    /// A decay tick: everybody whose score fell by a step.
    pub fn fall(&mut self, at: i64) {
        let mut changes = Vec::new();
        for who in self.customers.keys().cloned().collect::<Vec<_>>() {
            let Some(last) = self.customers[&who].published else { continue };
            let factors = self.factors(&who, at);
            let score: u16 = factors.iter().sum();
            if score + self.params.step.0 <= last.score {
                let layer = self.layer(&who, &factors, at);
                changes.push((who, ("decay", String::new(), at), factors, layer));
            }
        }
        self.publish_scores(changes, at);
    }

    fn publish_scores(&mut self, mut changes: Vec<(String, Touch, [u16; 7], Layer)>, at: i64) {
        changes.sort_by_key(|change| hash(&change.0));
        let before: Vec<u16> = self.customers.values().filter_map(|c| c.published).map(|p| p.score).collect();
        for (who, touch, factors, layer) in changes {
            let change = self.change(&who, touch, factors, layer, &before, at);
            let (score, sequence) = (change.score, change.sequence);
            self.customer(&who).published = Some(Published { sequence, score, layer, factors });
            self.publish(Seen::Score(change));
        }
    }

    fn change(&mut self, who: &str, touch: Touch, factors: [u16; 7], layer: Layer, before: &[u16], at: i64) -> Score {
        let last = self.customers[who].published.unwrap_or_default();
        let score: u16 = factors.iter().sum();
        let lower = before.iter().filter(|s| **s < score).count();
        let positive = self.amount(who, Amount::Positive, Factor::Affinity, at);
        let negative = self.amount(who, Amount::Negative, Factor::Affinity, at);
        let polarity = ((positive - negative) / (positive + negative + 1.0) * 100.0 + 0.5).floor() as i8;

        let mut categories = Vec::new();
        for (category, (direct, indirect)) in self.credit(who, at) {
            let credit = direct + self.params.indirect_weight * indirect;
            categories.push((category, self.points(100.0, credit, self.params.category_half), credit));
        }
        categories.retain(|c| c.1 > 0);
        categories.sort_by_key(|c: &(String, u16, f64)| (std::cmp::Reverse(c.1), hash(&c.0)));
        let mut traits = Vec::new();
        traits.extend(
            (self.followers(who) > self.params.layers.super_connector_followers).then(|| "super_connector".into()),
        );
        traits.extend((polarity <= self.params.layers.critic_polarity).then(|| "critic".into()));
        traits.extend(
            categories.iter().filter(|c| c.1 >= self.params.layers.expert_score.0).map(|c| format!("expert:{}", c.0)),
        );

        let held = |indirect: bool| self.shares_of(who, indirect).map(|(share, _)| share).sum::<i64>();
        let influenced =
            |indirect: bool| self.shares_of(who, indirect).map(|(s, paid)| super::credit::earned(paid, s)).sum::<i64>();
        Score {
            customer: who.to_owned(),
            sequence: last.sequence + 1,
            score,
            previous_score: last.score,
            layer: layer.name(),
            previous_layer: last.layer.name(),
            traits,
            polarity,
            percentile: (lower * 1000 / before.len().max(1)) as u16,
            factors,
            previous_factors: last.factors,
            categories,
            own: self.customers[who].own,
            influenced_direct: influenced(false),
            influenced_indirect: influenced(true),
            direct: held(false),
            indirect: held(true),
            followers: self.followers(who),
            audience: self.customers[who].audience,
            cause: format!("{} {}", touch.0, touch.1).trim().to_owned(),
            at: touch.2,
        }
    }

    /// A customer's share of each adoption, with the adoption's revenue.
    fn shares_of<'a>(&'a self, who: &'a str, indirect: bool) -> impl Iterator<Item = (i64, i64)> + 'a {
        self.adoptions.iter().flat_map(move |adoption| {
            let shares = if indirect { &adoption.indirect } else { &adoption.direct };
            shares.iter().filter(move |s| s.0 == who).map(|s| (s.1, adoption.revenue()))
        })
    }
}
