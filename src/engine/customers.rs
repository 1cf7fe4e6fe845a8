//! Customers: whom they follow, what they did, what they earned. Knows nothing of products.

use super::params::Params;
use crate::event::{CategoryId, Credit, CustomerId, Factor, Layer, Money, Points, Time};

/// Most categories kept per customer.
pub const MAX_CATEGORIES: usize = 8;

/// One follow: 12 bytes, so that scanning a customer's followees touches few cache lines.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub followee: CustomerId,
    since: [u32; 2],
}

impl Edge {
    fn new(followee: CustomerId, since: Time) -> Edge {
        Edge { followee, since: [since.0 as u32, (since.0 >> 32) as u32] }
    }

    /// When the follow began.
    pub fn since(self) -> Time {
        Time(i64::from(self.since[0]) | (i64::from(self.since[1] as i32) << 32))
    }
}

/// Decayed amounts, all valid at the customer's `settled` time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amounts {
    /// Adoptions credited, directly and (weighted) indirectly.
    pub persuasion: f64,
    pub advocacy: f64,
    pub content: f64,
    pub interactions: f64,
    pub impressions: f64,
    pub helpful: f64,
    pub verified: f64,
    pub reviews: f64,
    pub positive: f64,
    pub negative: f64,
    pub repeats: f64,
}

/// What a customer did and earned in one category, decayed.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub category: CategoryId,
    pub activity: f64,
    pub credit: f64,
}

/// What was last published of a customer; `sequence` 0: nothing yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published {
    pub sequence: u32,
    pub score: Points,
    pub points: [Points; 7],
    pub layer: Layer,
}

/// One customer's influence state.
#[derive(Debug)]
pub struct Customer {
    /// In the order of the follows.
    pub followees: Vec<Edge>,
    /// At most [`MAX_CATEGORIES`].
    pub categories: Vec<Standing>,
    pub amounts: Amounts,
    settled: Time,
    /// Largest audience on any platform.
    pub audience: u64,
    /// Exposures opened: followers at each action that can earn credit, summed.
    pub exposures: u64,
    /// Credited adoptions, net of withdrawals.
    pub conversions: u32,
    pub followers: u32,
    pub own: Money,
    pub influenced_direct: Money,
    pub influenced_indirect: Money,
    pub direct: Credit,
    pub indirect: Credit,
    pub published: Published,
    /// Decay tick at which the score is looked at next; `i64::MAX` if none.
    pub decay_due: i64,
    /// Place in the list of the tick's touched customers, plus one; 0 if not touched.
    pub touched: u32,
    /// Occurred in an applied event, not only in one that waits.
    pub seen: bool,
    /// An audience reached the macro threshold of its platform.
    pub macro_audience: bool,
}

impl Default for Customer {
    fn default() -> Self {
        Customer {
            followees: Vec::new(),
            categories: Vec::new(),
            amounts: Amounts::default(),
            settled: Time::MIN,
            audience: 0,
            exposures: 0,
            conversions: 0,
            followers: 0,
            own: Money(0),
            influenced_direct: Money(0),
            influenced_indirect: Money(0),
            direct: Credit(0),
            indirect: Credit(0),
            published: Published::default(),
            decay_due: i64::MAX,
            touched: 0,
            seen: false,
            macro_audience: false,
        }
    }
}

/// The decay of each factor's amounts.
#[derive(Debug)]
pub struct Decay {
    half_lives_ms: [f64; 7],
    /// For each factor the first one with the same half-life, so that a power is computed once.
    same_as: [usize; 7],
}

impl Decay {
    pub fn new(params: &Params) -> Decay {
        let half_lives_ms = params.factors.map(|factor| factor.half_life_ms as f64);
        let first = |i: usize| half_lives_ms.iter().position(|&other| other == half_lives_ms[i]).unwrap_or(i);
        Decay { half_lives_ms, same_as: std::array::from_fn(first) }
    }

    /// What is left of one unit of a factor's amount after `ms`: 2^(−ms/half-life).
    pub fn left(&self, factor: Factor, ms: i64) -> f64 {
        libm::exp2(-(ms as f64) / self.half_lives_ms[factor as usize])
    }

    /// The same for all factors.
    fn all(&self, ms: i64) -> [f64; 7] {
        let mut left = [1.0; 7];
        for factor in Factor::ALL {
            let (i, first) = (factor as usize, self.same_as[factor as usize]);
            left[i] = if first == i { self.left(factor, ms) } else { left[first] };
        }
        left
    }
}

impl Customer {
    /// Brings all decayed amounts to `now`. Time never runs backwards: an earlier `now` changes nothing.
    pub fn settle(&mut self, now: Time, decay: &Decay) {
        if self.settled == Time::MIN {
            self.settled = now;
            return;
        }
        let ms = now.since(self.settled);
        if ms <= 0 {
            return;
        }
        self.settled = now;
        let [persuasion, advocacy, content, engagement, credibility, affinity, _] = decay.all(ms);
        let amounts = &mut self.amounts;
        amounts.persuasion *= persuasion;
        amounts.advocacy *= advocacy;
        amounts.content *= content;
        amounts.interactions *= engagement;
        amounts.impressions *= engagement;
        amounts.helpful *= credibility;
        amounts.verified *= credibility;
        amounts.reviews *= credibility;
        amounts.positive *= affinity;
        amounts.negative *= affinity;
        amounts.repeats *= affinity;
        for standing in &mut self.categories {
            standing.credit *= persuasion;
            standing.activity *= credibility;
        }
    }

    /// The standing in `category`, opened if need be. A ninth category displaces the least of the others, ties decided by
    /// `hash` of the category's name.
    pub fn standing(&mut self, category: CategoryId, hash: impl Fn(CategoryId) -> u64) -> &mut Standing {
        let fresh = Standing { category, activity: 0.0, credit: 0.0 };
        let at = match self.categories.iter().position(|standing| standing.category == category) {
            Some(at) => at,
            None if self.categories.len() < MAX_CATEGORIES => {
                self.categories.push(fresh);
                self.categories.len() - 1
            }
            None => {
                let weight = |s: &Standing| s.activity + s.credit;
                let least = |&a: &usize, &b: &usize| {
                    let (a, b) = (&self.categories[a], &self.categories[b]);
                    weight(a).total_cmp(&weight(b)).then_with(|| hash(a.category).cmp(&hash(b.category)))
                };
                let at = (0..MAX_CATEGORIES).min_by(least).expect("the list is full");
                self.categories[at] = fresh;
                at
            }
        };
        &mut self.categories[at]
    }

    /// The standing in `category`, if there is one still.
    pub fn standing_in(&mut self, category: CategoryId) -> Option<&mut Standing> {
        self.categories.iter_mut().find(|standing| standing.category == category)
    }

    /// β, the shrunk conversion rate: credited adoptions per exposure opened, the prior counting for `strength` exposures.
    pub fn conversion_rate(&self, prior: f64, strength: f64) -> f64 {
        (f64::from(self.conversions) + prior * strength) / (self.exposures as f64 + strength)
    }

    /// Adds an edge at the end; `Ok(false)` if there is one already, `Err` if the customer follows too many.
    pub fn follow(&mut self, followee: CustomerId, since: Time, max: usize) -> Result<bool, LimitHit> {
        if self.followees.iter().any(|edge| edge.followee == followee) {
            return Ok(false);
        }
        if self.followees.len() >= max {
            return Err(LimitHit);
        }
        self.followees.push(Edge::new(followee, since));
        Ok(true)
    }

    /// Removes an edge, keeping the order of the others; `false` if there is none.
    pub fn unfollow(&mut self, followee: CustomerId) -> bool {
        let at = self.followees.iter().position(|edge| edge.followee == followee);
        at.map(|at| self.followees.remove(at)).is_some()
    }

    /// Heap bytes held beside the struct itself: edges, others.
    pub fn heap_bytes(&self) -> (usize, usize) {
        (self.followees.capacity() * size_of::<Edge>(), self.categories.capacity() * size_of::<Standing>())
    }
}

/// A named limit was reached; the caller counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitHit;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_keeps_its_time_to_the_millisecond() {
        for ms in [0, 1, -1, 1_790_000_000_123, i64::from(u32::MAX), i64::MIN, i64::MAX] {
            assert_eq!(Edge::new(CustomerId(7), Time(ms)).since(), Time(ms));
        }
        assert_eq!(size_of::<Edge>(), 12);
    }

    #[test]
    fn settling_twice_equals_settling_once() {
        let decay = Decay::new(&Params::default());
        let mut twice = Customer::default();
        twice.settle(Time(0), &decay);
        twice.amounts.persuasion = 8.0;
        twice.settle(Time(30 * crate::event::DAY_MS), &decay);
        twice.settle(Time(90 * crate::event::DAY_MS), &decay);
        assert!((twice.amounts.persuasion - 4.0).abs() < 1e-12, "90 days are one half-life");
        twice.settle(Time(0), &decay);
        assert!((twice.amounts.persuasion - 4.0).abs() < 1e-12, "time does not run backwards");
    }

    #[test]
    fn the_least_category_makes_room() {
        let mut customer = Customer::default();
        for i in 0..9u16 {
            customer.standing(CategoryId(i), |c| u64::from(c.0)).activity += if i == 3 { 0.5 } else { 1.0 };
        }
        let kept: Vec<u16> = customer.categories.iter().map(|s| s.category.0).collect();
        assert_eq!(kept, [0, 1, 2, 8, 4, 5, 6, 7]);
    }
}
