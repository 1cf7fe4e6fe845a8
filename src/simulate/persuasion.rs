//! Planted influence: the only place where one customer makes another one buy.

use super::Options;
use super::dice::{Dice, mix};
use super::graph::Graph;
use super::rings::Rings;
use super::schedule::{Schedule, What};
use super::world::Catalogue;
use crate::event::DAY_MS;
use hashbrown::HashSet;

/// Mean time from an exposure to the adoption, beyond the first day.
const LAG_DAYS: f64 = 3.0;
/// Persuaded people persuade on up to this distance from the influencer.
const MOST_HOPS: u8 = 4;
/// Audience that a planted influencer should have.
const AUDIENCE: std::ops::Range<u32> = 15..1_000;
/// Chance that the next action is about the same product again.
const AGAIN: f64 = 0.4;

/// A customer who persuades: each action of theirs makes each follower who has not bought the product yet buy it with
/// probability `beta` after 1 + Exp(3) days.
#[derive(Clone, Debug)]
pub struct Influencer {
    pub customer: u32,
    pub category: u16,
    pub beta: f64,
    /// Has a referral code, which some of the persuaded use.
    pub code: bool,
    /// The code was made known.
    pub announced: bool,
    pub actions: u64,
    /// Adoptions by followers whom the influencer persuaded.
    pub caused: u64,
    /// Adoptions further down, by followers of the persuaded.
    pub caused_onward: u64,
    product: Option<u32>,
}

/// All planted influence of a market.
#[derive(Debug)]
pub struct Persuasion {
    pub influencers: Vec<Influencer>,
    /// Hashes of (customer, product) bought: 32 bits, since a rare collision only spares somebody a persuasion.
    bought: HashSet<u32>,
    onward: f64,
    pause_days: f64,
}

impl Persuasion {
    /// Chooses the influencers, spread over the categories, among customers with an audience.
    #[must_use]
    pub fn draw(options: &Options, graph: &Graph, rings: &Rings, dice: &mut Dice) -> Self {
        let able = |customer: &u32| AUDIENCE.contains(&graph.audience(*customer)) && !rings.has(*customer);
        let mut candidates: Vec<u32> = (0..options.customers).filter(able).collect();
        dice.shuffle(&mut candidates);
        let influencers = candidates
            .into_iter()
            .take(options.influencers as usize)
            .enumerate()
            .map(|(i, customer)| Influencer {
                customer,
                category: (i % usize::from(options.categories)) as u16,
                beta: options.beta,
                code: options.posts && i % 2 == 0,
                announced: false,
                actions: 0,
                caused: 0,
                caused_onward: 0,
                product: None,
            })
            .collect();
        Persuasion { influencers, bought: HashSet::new(), onward: options.onward, pause_days: options.influencer_days }
    }

    /// Plans everybody's first action, within one pause of the start.
    pub fn begin(&self, start: i64, schedule: &mut Schedule, dice: &mut Dice) {
        for influencer in 0..self.influencers.len() as u32 {
            let wait = (dice.unit() * self.pause_days * DAY_MS as f64) as i64;
            schedule.plan(start + wait, What::Influence { influencer });
        }
    }

    /// What the influencer acts on now; plans the next action.
    pub fn act(
        &mut self,
        influencer: u32,
        at: i64,
        catalogue: &Catalogue,
        schedule: &mut Schedule,
        dice: &mut Dice,
    ) -> u32 {
        let wait = (dice.exponential(self.pause_days) * DAY_MS as f64) as i64;
        schedule.plan(at + wait, What::Influence { influencer });
        let planted = &mut self.influencers[influencer as usize];
        planted.actions += 1;
        if let Some(product) = planted.product.filter(|_| dice.chance(AGAIN)) {
            return product;
        }
        let (first, count) = catalogue.range(planted.category);
        let product = first + dice.below(u64::from(count)) as u32;
        planted.product = Some(product);
        product
    }

    /// Notes a purchase. True if the customer had not bought the product before.
    pub fn buys(&mut self, customer: u32, product: u32) -> bool {
        // Without influencers nobody asks.
        !self.influencers.is_empty() && self.bought.insert(pair(customer, product))
    }

    #[must_use]
    pub fn has_bought(&self, customer: u32, product: u32) -> bool {
        self.bought.contains(&pair(customer, product))
    }

    /// `actor` acted on `product`, `hop` steps below the influencer: plans the purchases of those whom that persuades.
    #[allow(clippy::too_many_arguments)]
    pub fn expose(
        &self,
        actor: u32,
        product: u32,
        influencer: u32,
        hop: u8,
        at: i64,
        graph: &Graph,
        schedule: &mut Schedule,
        dice: &mut Dice,
    ) {
        let beta = self.influencers[influencer as usize].beta;
        let beta = if hop == 0 { beta } else { beta * self.onward };
        if hop >= MOST_HOPS || beta <= 0.0 {
            return;
        }
        for customer in graph.followers(actor) {
            if dice.chance(beta) && !self.has_bought(customer, product) {
                let wait = ((1.0 + dice.exponential(LAG_DAYS)) * DAY_MS as f64) as i64;
                schedule.plan(at + wait, What::Persuaded { customer, product, influencer, hop: hop + 1 });
            }
        }
    }
}

fn pair(customer: u32, product: u32) -> u32 {
    mix(u64::from(customer) << 32 | u64::from(product)) as u32
}
