//! What people buy on their own: when, who, and which products are suddenly popular.

use super::Options;
use super::dice::{Dice, Scatter};
use super::world::World;
use crate::event::DAY_MS;

const HOUR_MS: i64 = DAY_MS / 24;
/// Relative demand by hour of the day (UTC): quiet nights, a peak in the evening.
const HOURS: [f64; 24] = [
    3.0, 2.0, 1.0, 1.0, 1.0, 2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 9.0, 10.0, 9.0, 8.0, 8.0, 9.0, 10.0, 12.0, 14.0, 15.0, 13.0,
    9.0, 5.0,
];
/// The most that one shock may add to the demand of the whole market.
const MOST_EXTRA: f64 = 0.02;

/// A product that is simply popular for a while: an honest burst that nobody in the graph brought about.
#[derive(Clone, Debug, PartialEq)]
pub struct Shock {
    pub product: u32,
    /// Epoch ms.
    pub from: i64,
    pub to: i64,
    /// Demand during the shock over the usual demand.
    pub factor: f64,
    /// Demand during the shock beyond the usual, as a share of the market's.
    extra: f64,
}

/// Demand over time.
#[derive(Debug)]
pub struct Demand {
    start: i64,
    days: f64,
    purchases: f64,
    /// Share of a day's demand before each hour.
    before_hour: [f64; 25],
    customers: usize,
    activity: Scatter,
    shocks: Vec<Shock>,
    /// Indices of the shocks that are on.
    active: Vec<usize>,
}

impl Demand {
    #[must_use]
    pub fn draw(options: &Options, world: &World, dice: &mut Dice) -> Self {
        let mut before_hour = [0.0; 25];
        let total: f64 = HOURS.iter().sum();
        for (hour, weight) in HOURS.iter().enumerate() {
            before_hour[hour + 1] = before_hour[hour] + weight / total;
        }
        let customers = options.customers as usize;
        let shocks = (0..options.shocks).map(|_| shock(options, world, dice)).collect();
        Demand {
            start: options.start.0,
            days: f64::from(options.days),
            purchases: options.purchases as f64,
            before_hour,
            customers,
            activity: Scatter::new(customers, 3),
            shocks,
            active: Vec::new(),
        }
    }

    #[must_use]
    pub fn shocks(&self) -> &[Shock] {
        &self.shocks
    }

    /// Purchases that should have happened before the time `at`.
    #[must_use]
    pub fn due(&self, at: i64) -> u64 {
        let since = (at - self.start).max(0);
        let (day, in_day) = (since / DAY_MS, since % DAY_MS);
        let hour = (in_day / HOUR_MS) as usize;
        let part = (in_day % HOUR_MS) as f64 / HOUR_MS as f64;
        let in_day = self.before_hour[hour] + part * (self.before_hour[hour + 1] - self.before_hour[hour]);
        ((day as f64 + in_day) / self.days * self.purchases).min(self.purchases) as u64
    }

    /// Looks at which shocks are on between two times.
    pub fn turn_to(&mut self, from: i64, to: i64) {
        self.active.clear();
        self.active.extend((0..self.shocks.len()).filter(|i| self.shocks[*i].from < to && from < self.shocks[*i].to));
    }

    /// Who buys: customers differ in activity, P(rank) ∝ rank^(−1/3) with a bounded top.
    pub fn buyer(&self, dice: &mut Dice) -> u32 {
        const LOW: f64 = 0.003;
        let u = LOW + (1.0 - LOW) * dice.unit();
        let rank = (u * u.sqrt() - LOW * LOW.sqrt()) * self.customers as f64;
        self.activity.place((rank as usize).min(self.customers - 1))
    }

    /// What the customer buys: a product in a shock, or what they like.
    pub fn choice(&self, customer: u32, at: i64, world: &World, dice: &mut Dice) -> u32 {
        if !self.active.is_empty() {
            let mut u = dice.unit();
            for shock in self.active.iter().map(|i| &self.shocks[*i]).filter(|s| s.from <= at && at < s.to) {
                if u < shock.extra {
                    return shock.product;
                }
                u -= shock.extra;
            }
        }
        world.wish(customer, dice)
    }
}

fn shock(options: &Options, world: &World, dice: &mut Dice) -> Shock {
    let category = dice.below(u64::from(options.categories)) as u16;
    let (first, count) = world.catalogue.range(category);
    let product = first + dice.below(u64::from(count)) as u32;
    let from = options.start.0 + (dice.unit() * f64::from(options.days) * DAY_MS as f64) as i64;
    let lasts = 1.0 + 3.0 * dice.unit();
    let factor = 5.0 + dice.below(26) as f64;
    let usual = world.catalogue.share(product) / f64::from(options.categories);
    let to = from + (lasts * DAY_MS as f64) as i64;
    Shock { product, from, to, factor, extra: ((factor - 1.0) * usual).min(MOST_EXTRA) }
}
