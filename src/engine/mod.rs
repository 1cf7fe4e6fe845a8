//! The deterministic engine: events in, score changes and cascades out. Pure: no clock, no IO, no randomness.
//!
//! # What is computed
//!
//! **Order.** Records wait in the reorder buffer until the watermark passes them, then they are applied in the total order
//! (event time, topic rank, hash of `event_id`, hash of the value). A record behind the watermark by at most the allowed
//! lateness is applied at the watermark, while its own time still decides what it was exposed to; beyond that it is
//! rejected. A repeated (topic, `event_id`) inside the horizon is counted and dropped. What is due at an instant precedes
//! the records of that instant: first the flush of the tick that ends there, then decay, then cascades that close.
//!
//! **Follow.** `follow` adds an edge at the event's time unless there is one; `unfollow` removes it. The followee is touched if
//! an edge came or went.
//!
//! **Signals of the actor** (decayed amounts; H is the half-life of the factor):
//!
//! | event | content | engagement | credibility | affinity | advocacy |
//! |---|---|---|---|---|---|
//! | mention | 1 + ln(1 + impressions)/10 | interactions += likes + comments + shares; impressions += impressions | activity of its category, if named, += 1 | sentiment > 0: positive += s; < 0: negative −= s | sentiment > 0.3 and not sponsored: 0.25 |
//! | review | 1 | | helpful += votes; reviews += 1; verified += 1 if so; activity += 1 | rating 5: positive += 1; 4: positive += 0.5; 2: negative += 0.5; 1: negative += 1 | rating ≥ 4 and not incentivised: 0.25 |
//! | purchase | | | activity += 1 | positive += 0.5; repeats += 1 if the product was adopted before | |
//! | an adoption by purchase used a code of this customer | | | | | 1 |
//!
//! Impressions of a mention that tells none: the author's followers, if told, else 0.
//! Factor amounts: persuasion = direct credit + `indirect_weight`·indirect credit; advocacy and content as they stand;
//! engagement = interactions/(impressions + 100); credibility = ln(1 + helpful) + verified/(reviews + 3) + (largest
//! category activity)/(sum of category activities + 5); affinity = max(0, positive + repeats − negative); reach =
//! ln(1 + max(followers, audience)), which does not decay. Points = weight·(1 − 2^(−amount/half)), rounded half up to
//! hundredths; the score is their sum. Polarity = (positive − negative)/(positive + negative + 1).
//! A category's score is 100·(1 − 2^(−credit/`category_half`)), its credit counted like persuasion. At most 8 categories are kept per
//! customer; a ninth displaces the one with the least activity + credit.
//!
//! **Exposure.** When x acts on p at t: every followee v of x, in the order of the follows, whose latest action on p strictly
//! before t (of the last two distinct action times that are kept; of one instant, the last applied counts) lies at t_v ≥ t − W
//! and not before the follow. Sponsored and incentivised actions earn nothing. Actions with rating ≤ 2 or sentiment < −0.3 are
//! negative: they dissuade and earn no adoption credit. Either hides an earlier sincere one.
//!
//! **Adoption.** A purchase, or a review if `review_adopts`, of a customer who has no remembered adoption of the product: one
//! is forgotten when more than `adoption_memory_ms` passed since the customer's last adopting action on it.
//!
//! **Credit.** share(v) = β_v·k(Δ) / (μ + Σ β·k), the rest is organic. β_v = (conversions + β0·m)/(exposures + m) as it stood
//! before v's action, where an action that can earn opens one exposure per follower and a credited adoption is a conversion
//! (a withdrawal takes the conversion back, not the exposure).
//! k(Δ) = exp(−Δ/τ)/τ per day; `Equal` takes k = 1/W and β0 for all; `LastTouch` k = 1/W for the smallest Δ (ties: smallest
//! id hash) and nobody else. μ = the product's decayed count of adoptions · ln 2/half-life, per customer known at the last
//! tick, before this adoption. The owner of a used referral code (who named it first, and is not the buyer; a code first named
//! in a sponsored mention has no owner) is a candidate as if followed since ever, with k = 0 if it did not act sincerely in the
//! window, and gets at least `referral_floor`, the rest being scaled down to fit.
//! Shares are floored to billionths; at most `max_credited` are kept, largest first, what is cut off being organic.
//! Indirect: each credited w whose adoption of p is remembered passes its own stored direct and indirect shares up, times share(w)·δ; at
//! most `max_ancestors` are kept, largest first, those below a thousandth dropped; nobody earns indirectly from their own adoption.
//! Revenue of an adoption (its purchases, repeats included, less refunds) is earned by the same shares, floored to
//! ten-thousandths of the total. When every order line of an adoption by purchase is refunded in full, the adoption is withdrawn
//! and all credit taken back, decayed amounts as far as they have not decayed (never below zero).
//! A refund of a line that is not remembered is rejected, and so is one of more than is left of it.
//!
//! **Cascades.** An adopter with credit given hangs below the candidate with the largest share (ties: smallest Δ, then
//! smallest id hash). A parent that is in no tree becomes the root of one, whether or not it adopted: the tree starts with the
//! root's exposing action, and the root's remembered revenue counts. A tree closes when nobody joined it for longer than W.
//! A change names as its cause the adoption that made the tree grow.
//!
//! **Layers.** `core_advocate` before `macro_influencer` (a mention once told an audience that reaches its platform's
//! threshold) before `micro_influencer` before `member`. A layer held is left `hysteresis` points below where it begins, the repeats of
//! a core advocate at 80 %.
//!
//! **Publishing.** Customers touched in a tick are scored at its end, and published if the score moved by `step` since it was
//! last published, or the layer changed. A score that falls by itself is published at the first multiple of
//! `decay_tick_ms` at which it fell by a step; the layer is looked at only then, too. The cause is the last touch of the tick: an
//! event touches its actor, then direct, then indirect creditors, then the owner of the code used. Changes of one flush are
//! ordered by the hash of the customer's id. Percentile: share of published scores that are lower, before the flush.
//!
//! **Evidence** is not here yet: e-values and the placebo will live in a room `evidence`, fed from the same touch, beside credit
//! and never mixed with it. Until then no output carries a figure for it.

mod apply;
mod cascade;
mod credit;
mod customers;
mod names;
mod order;
mod params;
mod people;
mod percentile;
mod products;
mod publish;
mod score;

pub use params::{Attribution, FactorParams, LayerParams, Params};

use crate::event::{
    Batch, CascadeJoin, CategoryId, Chunk, Credit, CustomerId, EngineReason, Money, Output, ProductId, Record,
    Rejected, Time,
};
use customers::{Customer, Decay};
use names::Names;
use order::{Horizon, Key, ReorderBuffer};
use percentile::Distribution;
use products::{Outcome, Product};
use publish::Agenda;

/// What one step brought about, in order. Reused between steps: the engine only appends.
#[derive(Debug, Default)]
pub struct Effects {
    pub outputs: Vec<Output>,
    pub rejects: Vec<Rejected>,
    /// For readers that draw trees; not published.
    pub joins: Vec<CascadeJoin>,
}

impl Effects {
    /// Empties all lists and keeps their memory.
    pub fn clear(&mut self) {
        self.outputs.clear();
        self.rejects.clear();
        self.joins.clear();
    }
}

/// Cumulative counts since the beginning of the log. Per topic in [`crate::event::Topic`] order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub applied: [u64; 4],
    pub duplicates: [u64; 4],
    /// Behind the watermark but applied.
    pub late: [u64; 4],
    pub too_late: [u64; 4],
    pub refunds_rejected: u64,
    /// Customers seen in any applied event.
    pub customers: u64,
    pub edges: u64,
    pub products: u64,
    /// Adoptions net of withdrawals; equals direct + organic credit.
    pub adoptions: u64,
    pub withdrawn: u64,
    pub credit_direct: Credit,
    pub credit_indirect: Credit,
    pub credit_organic: Credit,
    pub credit_truncated: Credit,
    /// Revenue net of refunds; equals credited + organic.
    pub revenue: Money,
    pub revenue_direct: Money,
    pub revenue_indirect: Money,
    pub revenue_organic: Money,
    pub cascades_detected: u64,
    /// Detected and not closed.
    pub cascades_open: u64,
    pub score_changes: u64,
    /// Customers by [`crate::event::Layer`], among those published.
    pub layers: [u64; 4],
    /// Records waiting for the watermark.
    pub buffered: u64,
    pub limit_followees: u64,
    pub limit_dedupe: u64,
    pub limit_credited: u64,
    pub limit_depth: u64,
    pub limit_categories: u64,
    pub limit_codes: u64,
}

/// The state machine. One per shard, used from one thread.
#[derive(Debug)]
pub struct Engine {
    params: Params,
    decay: Decay,
    /// τ by category number, filled as categories are met.
    tau_ms: Vec<i64>,
    customer_names: Names,
    product_names: Names,
    category_names: Names,
    customers: Vec<Customer>,
    products: Vec<Product>,
    codes: apply::Codes,
    waiting: ReorderBuffer,
    horizon: Horizon,
    watermark: Time,
    /// Event-time tick of the last applied event, and the customers known when it began.
    tick: i64,
    population: u64,
    agenda: Agenda,
    published: Distribution,
    totals: Totals,
    released: Vec<(Key, u32)>,
    outcome: Outcome,
}

/// Heap bytes held, by what holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateBytes {
    pub customers: usize,
    pub edges: usize,
    pub products: usize,
    pub names: usize,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Engine {
            decay: Decay::new(&params),
            horizon: Horizon::new(params.dedupe_horizon_ms, params.dedupe_max),
            params,
            tau_ms: Vec::new(),
            customer_names: Names::default(),
            product_names: Names::default(),
            category_names: Names::default(),
            customers: Vec::new(),
            products: Vec::new(),
            codes: apply::Codes::default(),
            waiting: ReorderBuffer::default(),
            watermark: Time::MIN,
            tick: i64::MIN,
            population: 0,
            agenda: Agenda::default(),
            published: Distribution::default(),
            totals: Totals::default(),
            released: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Takes the records in, applies all that the watermark passed, and appends what follows from it to `effects`.
    pub fn step(&mut self, batch: &Batch<'_>, effects: &mut Effects) {
        for chunk in batch.chunks {
            for record in &chunk.records {
                self.arrive(chunk, record, effects);
            }
        }
        if batch.watermark > self.watermark {
            self.watermark = batch.watermark;
            let mut released = std::mem::take(&mut self.released);
            self.waiting.release(self.watermark, &mut released);
            for &(key, slot) in &released {
                self.advance(key.at, effects);
                let event = self.waiting.take(slot);
                self.apply(key.at, event, effects);
            }
            released.clear();
            self.released = released;
            self.advance(self.watermark, effects);
        }
        self.totals.buffered = self.waiting.len() as u64;
    }

    /// Puts a record into the reorder buffer, at the watermark if it is late, or rejects it.
    fn arrive(&mut self, chunk: &Chunk, record: &Record, effects: &mut Effects) {
        let topic = record.position.topic;
        let late = self.watermark > Time::MIN && record.at < self.watermark;
        if late && self.watermark.since(record.at) > self.params.lateness_ms {
            self.totals.too_late[topic as usize] += 1;
            effects.rejects.push(Rejected {
                position: record.position,
                reason: EngineReason::TooLate,
                value: chunk.text(record.value).into(),
                origin: record.origin.map(|i| Box::new(chunk.origins[i as usize].clone())),
            });
            return;
        }
        self.totals.late[topic as usize] += u64::from(late);
        let identity = order::identity(topic, chunk.text(record.event_id));
        let at = if late { self.watermark } else { record.at };
        let key = Key::new(at, topic, identity, chunk.text(record.value));
        let waiting = order::Waiting {
            at: record.at,
            identity,
            position: record.position,
            event_id: chunk.text(record.event_id).into(),
            action: self.intern(chunk, record),
        };
        self.waiting.push(key, waiting);
    }

    /// Everything before this has been applied.
    #[must_use]
    pub fn watermark(&self) -> Time {
        self.watermark
    }

    /// Counts since the beginning.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The id of a customer that occurred in an output.
    #[must_use]
    pub fn customer_name(&self, customer: CustomerId) -> &str {
        self.customer_names.name(customer.0)
    }

    /// The id of a product that occurred in an output.
    #[must_use]
    pub fn product_name(&self, product: ProductId) -> &str {
        self.product_names.name(product.0)
    }

    /// The name of a category that occurred in an output.
    #[must_use]
    pub fn category_name(&self, category: CategoryId) -> &str {
        self.category_names.name(u32::from(category.0))
    }

    /// Published score distribution: how many customers stand at each whole point 0..=100.
    #[must_use]
    pub fn score_histogram(&self) -> [u64; 101] {
        self.published.histogram()
    }

    /// Heap bytes held now; walks all state.
    #[must_use]
    pub fn state_bytes(&self) -> StateBytes {
        let mut bytes = StateBytes {
            customers: self.customers.capacity() * size_of::<Customer>(),
            products: self.products.iter().map(Product::bytes).sum::<usize>()
                + self.products.capacity() * size_of::<Product>(),
            names: self.customer_names.bytes() + self.product_names.bytes(),
            ..StateBytes::default()
        };
        for customer in &self.customers {
            let (edges, other) = customer.heap_bytes();
            bytes.edges += edges;
            bytes.customers += other;
        }
        bytes
    }
}
