//! The definitions of the engine's documentation, recomputed from the whole history in the plainest way.
//!
//! Everything that ever happened stays in a `Vec`; every sum is taken anew over it; every customer is asked at every decay
//! tick. Slow on purpose, and written from the documentation alone.

mod credit;
mod score;
mod tree;

use crate::common::event::{Event, Said, What};
use crate::common::run::{Run, Seen};
use crate::common::text::Epoch;
use bellwether::engine::Params;
use bellwether::event::{Layer, Topic};
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// Runs the oracle over the epochs.
pub fn oracle(params: &Params, epochs: &[Epoch]) -> Run {
    let mut oracle = Oracle { params: params.clone(), watermark: i64::MIN, ..Oracle::default() };
    oracle.run.margin = f64::INFINITY;
    for epoch in epochs {
        oracle.step(epoch);
    }
    oracle.sum_up();
    oracle.run
}

pub fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// The hash that orders events of one instant and topic.
fn place(event: &Event) -> u64 {
    xxh3_128_with_seed(event.id.as_bytes(), event.topic() as u64) as u64
}

/// 2^(−age/half-life).
pub fn decay(age_ms: i64, half_life_ms: i64) -> f64 {
    libm::exp2(-(age_ms as f64) / half_life_ms as f64)
}

/// A record that waits, with the instant at which it is applied.
struct Waiting {
    applied: i64,
    late: bool,
    event: Event,
}

struct Edge {
    follower: String,
    followee: String,
    at: i64,
}

/// Customer `who` did something about a product.
struct Action {
    who: String,
    product: String,
    at: i64,
    /// Conversion rate of the actor before this action.
    beta: f64,
    earns: bool,
}

struct Line {
    order: String,
    left: i64,
}

struct Adoption {
    who: String,
    product: String,
    category: String,
    /// When it was applied.
    at: i64,
    by_purchase: bool,
    last_action: i64,
    withdrawn: bool,
    direct: Vec<(String, i64)>,
    indirect: Vec<(String, i64)>,
    lines: Vec<Line>,
    tree: Option<usize>,
}

impl Adoption {
    fn revenue(&self) -> i64 {
        self.lines.iter().map(|l| l.left).sum()
    }
}

/// What an event adds to one of an actor's decayed amounts.
#[derive(Clone, Copy, PartialEq)]
enum Amount {
    Content,
    Interactions,
    Impressions,
    Helpful,
    Reviews,
    Verified,
    Positive,
    Negative,
    Repeats,
    Advocacy,
}

#[derive(Default)]
struct Customer {
    amounts: Vec<(Amount, i64, f64)>,
    activity: Vec<(String, i64)>,
    exposures: f64,
    conversions: f64,
    audience: u64,
    /// Some audience reached the threshold of its platform.
    macro_audience: bool,
    own: i64,
    published: Option<Published>,
}

#[derive(Clone, Copy, Default)]
struct Published {
    sequence: u32,
    score: u16,
    layer: Layer,
    factors: [u16; 7],
}

/// Why a customer is scored at the end of the tick: kind and id of the event, and its own time.
type Touch = (&'static str, String, i64);

#[derive(Default)]
pub struct Oracle {
    params: Params,
    watermark: i64,
    waiting: Vec<Waiting>,
    seen_ids: BTreeSet<(Topic, String)>,
    customers: BTreeMap<String, Customer>,
    products: BTreeSet<String>,
    /// Customers known when the current tick began, and the end of that tick.
    known: usize,
    tick_end: Option<i64>,
    touched: BTreeMap<String, Touch>,
    next_decay: Option<i64>,
    edges: Vec<Edge>,
    actions: Vec<Action>,
    adoptions: Vec<Adoption>,
    codes: BTreeMap<String, Option<String>>,
    trees: Vec<tree::Tree>,
    run: Run,
}

impl Oracle {
    fn step(&mut self, epoch: &Epoch) {
        for event in &epoch.events {
            let topic = event.topic() as usize;
            if self.watermark != i64::MIN && event.at < self.watermark - self.params.lateness_ms {
                self.run.totals.too_late[topic] += 1;
                self.run.rejects.push((event.id.clone(), "TooLate".to_owned()));
                continue;
            }
            let late = event.at < self.watermark;
            self.waiting.push(Waiting { applied: event.at.max(self.watermark), late, event: event.clone() });
        }
        self.watermark = self.watermark.max(epoch.watermark);
        self.waiting.sort_by_key(|w| (w.applied, w.event.topic(), place(&w.event), hash(&w.event.value())));
        while self.waiting.first().is_some_and(|w| w.applied < self.watermark) {
            let next = self.waiting.remove(0);
            self.pass(next.applied);
            self.apply(next);
        }
        self.pass(self.watermark);
    }

    /// Does what is due up to and including `until`.
    fn pass(&mut self, until: i64) {
        loop {
            let close = self.trees.iter().filter(|t| t.open).map(|t| t.last + self.params.window_ms + 1).min();
            let due = [self.tick_end, self.next_decay, close].into_iter().flatten().min();
            let Some(due) = due.filter(|d| *d <= until) else { return };
            if self.tick_end == Some(due) {
                self.tick_end = None;
                self.flush(due);
            }
            if self.next_decay == Some(due) {
                self.next_decay = Some(due + self.params.decay_tick_ms);
                self.fall(due);
            }
            if close == Some(due) {
                self.close(due);
            }
        }
    }

    fn apply(&mut self, waiting: Waiting) {
        let Waiting { applied: now, late, event } = waiting;
        let topic = event.topic() as usize;
        if self.tick_end.is_none() {
            self.tick_end = Some((now.div_euclid(self.params.tick_ms) + 1) * self.params.tick_ms);
            self.known = self.customers.len();
        }
        let decay_ms = self.params.decay_tick_ms;
        self.next_decay.get_or_insert((now.div_euclid(decay_ms) + 1) * decay_ms);
        if !self.seen_ids.insert((event.topic(), event.id.clone())) {
            self.run.totals.duplicates[topic] += 1;
            return;
        }
        if let What::Refund { order, product, amount } = &event.what
            && let Err(reason) = self.refund(&event, order, product, *amount, now)
        {
            self.run.totals.refunds_rejected += 1;
            self.run.rejects.push((event.id.clone(), reason.to_owned()));
            return;
        }
        self.run.totals.applied[topic] += 1;
        self.run.totals.late[topic] += u64::from(late);
        self.customers.entry(event.who.clone()).or_default();
        match &event.what {
            What::Follow { followee, follows } => self.follow(&event, followee, *follows),
            What::Mention(said) => self.mention(&event, said, now),
            What::Review { product, category, rating, verified, helpful, incentivised } => {
                self.add(&event.who, now, Amount::Content, 1.0);
                self.add(&event.who, now, Amount::Helpful, *helpful as f64);
                self.add(&event.who, now, Amount::Reviews, 1.0);
                self.add(&event.who, now, Amount::Verified, f64::from(u8::from(*verified)));
                self.add(&event.who, now, Amount::Positive, [0.0, 0.0, 0.0, 0.5, 1.0][*rating as usize - 1]);
                self.add(&event.who, now, Amount::Negative, [1.0, 0.5, 0.0, 0.0, 0.0][*rating as usize - 1]);
                let recommends = *rating >= 4 && !incentivised;
                self.add(&event.who, now, Amount::Advocacy, if recommends { 0.25 } else { 0.0 });
                self.active(&event.who, category, now);
                self.touch(&event.who, "reviewed", &event);
                let adopts = self.params.review_adopts.then_some((category.as_str(), None));
                self.act(&event, product, !incentivised && *rating > 2, adopts, now);
            }
            What::Purchase { order, product, category, amount, code } => {
                self.add(&event.who, now, Amount::Positive, 0.5);
                let repeats = self.remembered(&event.who, product, now).is_some();
                self.add(&event.who, now, Amount::Repeats, f64::from(u8::from(repeats)));
                self.active(&event.who, category, now);
                self.touch(&event.who, "purchased", &event);
                self.customer(&event.who).own += amount;
                self.act(&event, product, true, Some((category, code.as_deref())), now);
                let adoption = self.remembered(&event.who, product, now).expect("just adopted");
                let line = Line { order: order.clone(), left: *amount };
                self.adoptions[adoption].lines.push(line);
            }
            What::Refund { .. } => {}
        }
        // Cascades are published with the revenue of the event itself.
        self.announce(&event);
    }

    fn follow(&mut self, event: &Event, followee: &str, follows: bool) {
        self.customers.entry(followee.to_owned()).or_default();
        let found = self.edges.iter().position(|e| e.follower == event.who && e.followee == followee);
        match (found, follows) {
            (None, true) => {
                self.edges.push(Edge { follower: event.who.clone(), followee: followee.to_owned(), at: event.at });
            }
            (Some(i), false) => drop(self.edges.remove(i)),
            _ => return, // nothing happened
        }
        self.touch(followee, if follows { "followed" } else { "unfollowed" }, event);
    }

    fn mention(&mut self, event: &Event, said: &Said, now: i64) {
        let who = &event.who;
        let impressions = said.impressions.or(said.audience).unwrap_or(0) as f64;
        self.add(who, now, Amount::Content, 1.0 + libm::log(1.0 + impressions) / 10.0);
        self.add(who, now, Amount::Interactions, (said.likes + said.comments + said.shares) as f64);
        self.add(who, now, Amount::Impressions, impressions);
        if let Some(category) = &said.category {
            self.active(who, category, now);
        }
        let sentiment = said.sentiment.unwrap_or(0.0);
        self.add(who, now, Amount::Positive, sentiment.max(0.0));
        self.add(who, now, Amount::Negative, (-sentiment).max(0.0));
        let recommends = sentiment > 0.3 && !said.sponsored;
        self.add(who, now, Amount::Advocacy, if recommends { 0.25 } else { 0.0 });
        let layers = &self.params.layers;
        let own = layers.macro_audience_by_platform.iter().find(|(name, _)| *name == said.platform);
        let threshold = own.map_or(layers.macro_audience, |(_, audience)| *audience);
        let customer = self.customer(who);
        customer.audience = customer.audience.max(said.audience.unwrap_or(0));
        customer.macro_audience |= said.audience.is_some_and(|audience| audience >= threshold);
        if let Some(code) = &said.code {
            // The first to name a code owns it; if that was paid for, nobody earns by it.
            self.codes.entry(code.clone()).or_insert((!said.sponsored).then(|| who.clone()));
        }
        self.touch(who, "mentioned", event);
        if let Some(product) = &said.product {
            self.act(event, product, !said.sponsored && sentiment >= -0.3, None, now);
        }
    }

    fn customer(&mut self, who: &str) -> &mut Customer {
        self.customers.entry(who.to_owned()).or_default()
    }

    fn add(&mut self, who: &str, now: i64, amount: Amount, by: f64) {
        if by != 0.0 {
            self.customer(who).amounts.push((amount, now, by));
        }
    }

    fn active(&mut self, who: &str, category: &str, now: i64) {
        self.customer(who).activity.push((category.to_owned(), now));
    }

    fn touch(&mut self, who: &str, kind: &'static str, event: &Event) {
        self.touched.insert(who.to_owned(), (kind, event.id.clone(), event.at));
    }

    fn publish(&mut self, seen: Seen) {
        self.run.seen.push(seen);
    }

    /// The figures that are sums over the history.
    fn sum_up(&mut self) {
        let totals = &mut self.run.totals;
        totals.customers = self.customers.len() as u64;
        totals.edges = self.edges.len() as u64;
        totals.products = self.products.len() as u64;
        totals.buffered = self.waiting.len() as u64;
        totals.score_changes = self.run.seen.iter().filter(|s| matches!(s, Seen::Score(_))).count() as u64;
        for adoption in &self.adoptions {
            let share = |shares: &[(String, i64)]| shares.iter().map(|s| s.1).sum::<i64>();
            let earned =
                |shares: &[(String, i64)]| shares.iter().map(|s| credit::earned(adoption.revenue(), s.1)).sum::<i64>();
            totals.withdrawn += u64::from(adoption.withdrawn);
            totals.adoptions += u64::from(!adoption.withdrawn);
            totals.credit_direct.0 += share(&adoption.direct);
            totals.credit_indirect.0 += share(&adoption.indirect);
            totals.credit_organic.0 += i64::from(!adoption.withdrawn) * 1_000_000_000 - share(&adoption.direct);
            totals.revenue.0 += adoption.revenue();
            totals.revenue_direct.0 += earned(&adoption.direct);
            totals.revenue_indirect.0 += earned(&adoption.indirect);
            totals.revenue_organic.0 += adoption.revenue() - earned(&adoption.direct);
        }
        totals.cascades_open = self.trees.iter().filter(|t| t.open && t.detected).count() as u64;
        for published in self.customers.values().filter_map(|c| c.published) {
            totals.layers[published.layer as usize] += 1;
        }
    }
}
