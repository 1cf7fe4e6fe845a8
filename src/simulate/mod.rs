//! A market to try the pipeline on: events that look like a shop's, and the truth about who persuaded whom.
//!
//! Customers live in communities that share tastes, so friends buy alike whether or not anybody persuades anybody;
//! products become popular for no reason; rings of fake reviewers and paid accounts make noise. Only the planted
//! influencers, and with a smaller rate those whom they persuaded, make others buy. The same options and seed give the same
//! bytes everywhere.
//!
//! [`events`] gives the events one by one; [`write_value`] turns one into the JSON of its topic:
//!
//! ```
//! use bellwether::simulate::{Options, events, write_value};
//! let mut market = events(&Options::demo()).expect("the preset makes sense");
//! let mut value = Vec::new();
//! for event in market.by_ref().take(10) {
//!     value.clear();
//!     write_value(&event, &mut value);
//! }
//! assert_eq!(market.truth().influencers.len(), 12);
//! ```

mod command;
mod demand;
mod dice;
mod event;
mod graph;
mod market;
mod persuasion;
mod publish;
mod rings;
mod schedule;
mod truth;
mod world;
mod write;

pub use command::{SimulateArgs, simulate_command};
pub use event::{CATEGORIES, PLATFORMS, SimBody, SimEvent, SimMention};
pub use market::Market;
pub use publish::Feed;
pub use truth::{Counts, Planted, Truth};
pub use write::{write_id, write_key, write_line, write_value};

use crate::event::Time;
use crate::failure::Failure;

/// The size and the nature of a market. Rates are shares in 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub seed: u64,
    pub customers: u32,
    /// Follow events, the rings' own included.
    pub follows: u64,
    /// Purchase events: of everyday demand, influencers and the persuaded together.
    pub purchases: u64,
    pub products: u32,
    pub categories: u16,
    pub days: u32,
    /// Most follows happen in these days before the start.
    pub lead_days: u32,
    /// Beginning of the purchases.
    pub start: Time,
    pub influencers: u32,
    /// Probability that an action of an influencer makes a follower buy.
    pub beta: f64,
    /// Part of `beta` with which the persuaded persuade on.
    pub onward: f64,
    /// Mean days between two actions of an influencer.
    pub influencer_days: f64,
    pub rings: u32,
    /// Accounts with the largest audiences that are paid to post.
    pub sponsors: u32,
    /// Products that become popular for a few days.
    pub shocks: u32,
    /// Whether there are reviews and mentions at all.
    pub posts: bool,
    /// Share of buyers who review.
    pub review_rate: f64,
    /// Share of buyers who post.
    pub mention_rate: f64,
    /// Share of honest reviews that were rewarded.
    pub incentive_rate: f64,
    pub refund_rate: f64,
    pub unfollow_rate: f64,
    /// Share of events that the log repeats.
    pub duplicate_rate: f64,
    /// Share of events dated up to two seconds before their neighbours.
    pub disorder_rate: f64,
}

/// 2026-01-01T00:00:00Z.
const START: Time = Time(1_767_225_600_000);

impl Options {
    /// A market of `customers`, everything else in proportion.
    #[must_use]
    pub fn of_size(customers: u32) -> Self {
        Options {
            seed: 1,
            customers,
            follows: u64::from(customers) * 8,
            purchases: u64::from(customers) * 8,
            products: (customers / 10).clamp(50, 1_000_000),
            categories: 12,
            days: 60,
            lead_days: 7,
            start: START,
            influencers: (customers / 200).max(1),
            beta: 0.05,
            onward: 0.25,
            influencer_days: 3.0,
            rings: customers / 2_000,
            sponsors: customers / 1_000,
            shocks: (customers / 500).clamp(3, 500),
            posts: true,
            review_rate: 0.15,
            mention_rate: 0.05,
            incentive_rate: 0.05,
            refund_rate: 0.04,
            unfollow_rate: 0.02,
            duplicate_rate: 0.001,
            disorder_rate: 0.01,
        }
    }

    /// A small, lively market whose influencers are felt within the first days.
    #[must_use]
    pub fn demo() -> Self {
        Options {
            seed: 7,
            follows: 20_000,
            purchases: 24_000,
            products: 240,
            categories: 8,
            lead_days: 1,
            influencers: 12,
            beta: 0.12,
            influencer_days: 1.0,
            rings: 2,
            sponsors: 3,
            shocks: 8,
            ..Options::of_size(2_000)
        }
    }

    /// [`Options::demo`] with another number of customers, everything else in proportion, and another seed.
    #[must_use]
    pub fn demo_of(customers: u32, seed: u64) -> Self {
        let demo = Options::demo();
        let share = f64::from(customers) / f64::from(demo.customers);
        let scaled = |count: u32| ((f64::from(count) * share).round() as u32).max(1);
        Options {
            seed,
            customers,
            follows: (demo.follows as f64 * share) as u64,
            purchases: (demo.purchases as f64 * share) as u64,
            products: scaled(demo.products),
            influencers: scaled(demo.influencers),
            rings: (f64::from(demo.rings) * share) as u32,
            sponsors: scaled(demo.sponsors),
            shocks: scaled(demo.shocks),
            ..demo
        }
    }

    /// The reference market for measurements, times `scale`: exactly 1 M customers, 8 M follows (85 % of them in the day
    /// before the start) and 8 M purchases in 60 days of 100,000 products, 5,000 planted influencers among the buyers; no other events,
    /// no repeats, no disorder.
    #[must_use]
    pub fn reference(scale: f64) -> Self {
        let scaled = |count: f64| (count * scale).round();
        Options {
            follows: scaled(8e6) as u64,
            purchases: scaled(8e6) as u64,
            products: scaled(1e5) as u32,
            categories: 24,
            lead_days: 1,
            rings: 0,
            sponsors: 0,
            posts: false,
            refund_rate: 0.0,
            unfollow_rate: 0.0,
            duplicate_rate: 0.0,
            disorder_rate: 0.0,
            ..Options::of_size(scaled(1e6) as u32)
        }
    }

    /// All that makes no sense, at once.
    pub fn check(&self) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        let mut ask = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        let customers = u64::from(self.customers);
        ask((10..=100_000_000).contains(&self.customers), "customers must be 10 to 100,000,000".to_owned());
        ask(
            self.follows <= customers * customers / 8 && self.follows < u64::from(u32::MAX),
            format!("{} customers cannot have {} follows", self.customers, self.follows),
        );
        ask(
            (1..=world::MAX_CATEGORIES).contains(&self.categories),
            format!("categories must be 1 to {}", world::MAX_CATEGORIES),
        );
        ask(self.products >= u32::from(self.categories), "there must be a product in every category".to_owned());
        ask((1..=3_650).contains(&self.days), "days must be 1 to 3650".to_owned());
        ask((1..=3_650).contains(&self.lead_days), "lead days must be 1 to 3650".to_owned());
        ask(u64::from(self.rings) * 24 <= customers / 2, "rings would take more than half of the customers".to_owned());
        ask(
            u64::from(self.influencers) <= customers && u64::from(self.sponsors) <= customers,
            "there cannot be more influencers or sponsors than customers".to_owned(),
        );
        ask(self.influencer_days > 0.0, "the days between actions of an influencer must be positive".to_owned());
        for (name, rate) in [
            ("beta", self.beta),
            ("onward", self.onward),
            ("review rate", self.review_rate),
            ("mention rate", self.mention_rate),
            ("incentive rate", self.incentive_rate),
            ("refund rate", self.refund_rate),
            ("unfollow rate", self.unfollow_rate),
            ("duplicate rate", self.duplicate_rate),
            ("disorder rate", self.disorder_rate),
        ] {
            ask((0.0..=1.0).contains(&rate), format!("{name} must be 0 to 1, not {rate}"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failure::Usage(wrong.join("\n"))) }
    }
}

/// The events of a market, one by one. Fails with what is wrong about the options.
pub fn events(options: &Options) -> Result<Market, Failure> {
    options.check()?;
    Ok(Market::draw(options))
}
