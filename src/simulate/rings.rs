//! Rings of fake reviewers: they follow each other and praise the same products within the hour.

use super::Options;
use super::dice::{Dice, Scatter};
use super::schedule::{Schedule, What};
use crate::event::DAY_MS;

/// All reviews of a campaign fall into this time.
const CAMPAIGN_MS: u64 = 55 * 60_000;
/// Mean time between two campaigns of a ring.
const PAUSE_DAYS: f64 = 4.0;

/// A product praised by a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    pub ring: u32,
    pub product: u32,
    /// Epoch ms of its beginning.
    pub at: i64,
}

/// The rings and what they did.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Vec<u32>>,
    /// All members, sorted.
    members: Vec<u32>,
    campaigns: Vec<Campaign>,
}

impl Rings {
    /// Rings of 8 to 24 customers from anywhere in the market.
    #[must_use]
    pub fn draw(options: &Options, dice: &mut Dice) -> Self {
        let scatter = Scatter::new(options.customers as usize, 11);
        let mut taken = 0;
        let rings: Vec<Vec<u32>> = (0..options.rings)
            .map(|_| {
                let size = 8 + dice.index(17);
                taken += size;
                (taken - size..taken.min(options.customers as usize)).map(|rank| scatter.place(rank)).collect()
            })
            .collect();
        let mut members = rings.concat();
        members.sort_unstable();
        Rings { rings, members, campaigns: Vec::new() }
    }

    #[must_use]
    pub fn rings(&self) -> &[Vec<u32>] {
        &self.rings
    }

    #[must_use]
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    #[must_use]
    pub fn has(&self, customer: u32) -> bool {
        self.members.binary_search(&customer).is_ok()
    }

    /// Plans each ring's first campaign.
    pub fn begin(&self, start: i64, schedule: &mut Schedule, dice: &mut Dice) {
        for ring in 0..self.rings.len() as u32 {
            schedule.plan(start + pause(dice), What::Campaign { ring });
        }
    }

    /// Sends the ring out for `product` and plans its next campaign. One that would not end before `end` is called off.
    pub fn campaign(&mut self, ring: u32, product: u32, at: i64, end: i64, schedule: &mut Schedule, dice: &mut Dice) {
        if at + CAMPAIGN_MS as i64 > end {
            return;
        }
        self.campaigns.push(Campaign { ring, product, at });
        for member in &self.rings[ring as usize] {
            let at = at + dice.below(CAMPAIGN_MS) as i64;
            schedule.plan(at, What::FakeReview { customer: *member, product });
        }
        schedule.plan(at + pause(dice), What::Campaign { ring });
    }
}

fn pause(dice: &mut Dice) -> i64 {
    (dice.exponential(PAUSE_DAYS) * DAY_MS as f64) as i64
}
