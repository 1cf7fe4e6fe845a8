//! What was planted and what came of it: the answers that an evaluation compares scores with.

use super::event::CATEGORIES;
use super::market::Market;
use crate::event::Money;
use serde::Serialize;

/// The truth beside the events. `influencers` alone is what other makers of events give as well.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    pub data: &'static str,
    pub seed: u64,
    /// Ids of the planted influencers, sorted.
    pub influencers: Vec<String>,
    pub planted: Vec<Planted>,
    pub persuaded: Persuaded,
    pub rings: Vec<Vec<String>>,
    pub campaigns: Vec<RingCampaign>,
    /// Ids of the authors of sponsored posts.
    pub sponsored: Vec<String>,
    pub shocks: Vec<PopularityShock>,
    /// Events written, by kind. Repeats are counted under `duplicates` alone.
    pub counts: Counts,
    /// Sum of all purchases, before refunds: decimal text.
    pub revenue: String,
    pub refunded: String,
    pub currency: &'static str,
}

/// One planted influencer.
#[derive(Clone, Debug, Serialize)]
pub struct Planted {
    pub customer_id: String,
    pub category: &'static str,
    pub beta: f64,
    pub followers: u32,
    pub referral_code: Option<String>,
    pub actions: u64,
    pub caused_adoptions: u64,
    pub caused_onward: u64,
}

/// Adoptions that would not have happened without influence.
#[derive(Clone, Debug, Serialize)]
pub struct Persuaded {
    /// By followers of influencers.
    pub direct: u64,
    /// By followers of the persuaded.
    pub onward: u64,
}

/// A product praised by a ring within an hour.
#[derive(Clone, Debug, Serialize)]
pub struct RingCampaign {
    /// Index into `rings`.
    pub ring: u32,
    pub product: String,
    pub at: i64,
}

/// See [`super::demand::Shock`].
#[derive(Clone, Debug, Serialize)]
pub struct PopularityShock {
    pub product: String,
    pub from: i64,
    pub to: i64,
    pub factor: f64,
}

/// Events by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub follows: u64,
    pub unfollows: u64,
    pub mentions: u64,
    pub reviews: u64,
    pub purchases: u64,
    pub refunds: u64,
    /// Repeats of any of these.
    pub duplicates: u64,
    /// Events dated up to two seconds before their neighbours.
    pub out_of_order: u64,
}

impl Truth {
    /// The truth of a market as far as it was iterated.
    #[must_use]
    pub fn of(market: &Market) -> Self {
        let customer = |number: u32| format!("c{number}");
        let planted: Vec<Planted> = market
            .influencers()
            .iter()
            .map(|i| Planted {
                customer_id: customer(i.customer),
                category: CATEGORIES[usize::from(i.category)],
                beta: i.beta,
                followers: market.graph().audience(i.customer),
                referral_code: i.code.then(|| format!("R{}", i.customer)),
                actions: i.actions,
                caused_adoptions: i.caused,
                caused_onward: i.caused_onward,
            })
            .collect();
        let mut influencers: Vec<String> = planted.iter().map(|p| p.customer_id.clone()).collect();
        influencers.sort();
        let (revenue, refunded) = market.money();
        Truth {
            data: "simulated",
            seed: market.options().seed,
            influencers,
            persuaded: Persuaded {
                direct: planted.iter().map(|p| p.caused_adoptions).sum(),
                onward: planted.iter().map(|p| p.caused_onward).sum(),
            },
            planted,
            rings: market.rings().rings().iter().map(|r| r.iter().map(|m| customer(*m)).collect()).collect(),
            campaigns: market
                .rings()
                .campaigns()
                .iter()
                .map(|c| RingCampaign { ring: c.ring, product: format!("p{}", c.product), at: c.at })
                .collect(),
            sponsored: market.sponsors().iter().map(|s| customer(*s)).collect(),
            shocks: market
                .shocks()
                .iter()
                .map(|s| PopularityShock {
                    product: format!("p{}", s.product),
                    from: s.from,
                    to: s.to,
                    factor: s.factor,
                })
                .collect(),
            counts: market.counts(),
            revenue: revenue.to_string(),
            refunded: refunded.to_string(),
            currency: "EUR",
        }
    }

    /// Writes the truth as one JSON object, for people as well.
    pub fn write(&self, out: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(out, self).map_err(std::io::Error::from)
    }
}

/// Hundredths as money.
#[must_use]
pub fn money(cents: i64) -> Money {
    Money(cents * (Money::UNIT / 100))
}
