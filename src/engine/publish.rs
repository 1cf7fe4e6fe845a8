//! When a customer or a cascade is looked at, and what is published of it.

use super::score;
use super::{Effects, Engine};
use crate::event::{
    CascadeChange, CascadeJoin, CascadeStatus, CategoryScore, Cause, CauseKind, CreditHeld, CustomerId, FactorPoints,
    Output, Points, Position, ProductId, ScoreChange, Time, TotalValue,
};
use compact_str::CompactString;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The event on which customers are touched.
#[derive(Clone, Debug)]
pub struct Occasion {
    pub at: Time,
    pub event_id: CompactString,
    pub position: Position,
}

/// A customer to be looked at when the tick ends, and why.
#[derive(Clone, Copy, Debug)]
struct Touched {
    customer: CustomerId,
    occasion: u32,
    kind: CauseKind,
}

/// When a tree may have to close; ordered as closings are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Closing {
    at: Time,
    /// Hash of product, root and start.
    tree: u64,
    product: u32,
}

/// What is due, and when.
#[derive(Debug)]
pub struct Agenda {
    /// Events of the running tick.
    occasions: Vec<Occasion>,
    touched: Vec<Touched>,
    tick_end: Time,
    /// Multiple of the decay tick → customers whose score may have fallen by a step then.
    decay: BTreeMap<i64, Vec<CustomerId>>,
    closings: BinaryHeap<Reverse<Closing>>,
    /// Product at which the next sweep goes on, and the decay tick of the last.
    swept: usize,
    swept_at: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        Agenda {
            occasions: Vec::new(),
            touched: Vec::new(),
            tick_end: Time(i64::MAX),
            decay: BTreeMap::new(),
            closings: BinaryHeap::new(),
            swept: 0,
            swept_at: 0,
        }
    }
}

impl Agenda {
    /// Notes the event that is being applied, in the tick that ends at `tick_end`; returns its number in the tick.
    pub fn begin(&mut self, occasion: Occasion, tick_end: Time) -> u32 {
        self.tick_end = tick_end;
        self.occasions.push(occasion);
        (self.occasions.len() - 1) as u32
    }

    /// The next instant at which something is due.
    fn next(&self, decay_tick_ms: i64) -> Time {
        let decay = self.decay.first_key_value().map_or(i64::MAX, |(tick, _)| tick * decay_tick_ms);
        let closing = self.closings.peek().map_or(i64::MAX, |Reverse(closing)| closing.at.0);
        Time(self.tick_end.0.min(decay).min(closing))
    }
}

impl Engine {
    /// Marks a customer to be looked at when the tick ends; the last mark names the cause.
    pub(super) fn touch(&mut self, customer: CustomerId, kind: CauseKind, occasion: u32) {
        let touched = Touched { customer, occasion, kind };
        let list = &mut self.agenda.touched;
        let state = &mut self.customers[customer.0 as usize];
        match state.touched {
            0 => {
                list.push(touched);
                state.touched = list.len() as u32;
            }
            place => list[place as usize - 1] = touched,
        }
    }

    /// Does all that is due up to and including `to`, in order.
    pub(super) fn advance(&mut self, to: Time, effects: &mut Effects) {
        loop {
            let due = self.agenda.next(self.params.decay_tick_ms);
            if due > to {
                return;
            }
            if self.agenda.tick_end == due {
                self.flush(due, effects);
            }
            let tick = due.0.div_euclid(self.params.decay_tick_ms);
            if due.0 == tick * self.params.decay_tick_ms
                && let Some(customers) = self.agenda.decay.remove(&tick)
            {
                self.decayed(tick, due, customers, effects);
            }
            while let Some(&Reverse(closing)) = self.agenda.closings.peek().filter(|c| c.0.at == due) {
                self.agenda.closings.pop();
                self.close(closing, effects);
            }
        }
    }

    /// Looks at everybody touched in the tick that ends at `end`.
    fn flush(&mut self, end: Time, effects: &mut Effects) {
        self.agenda.tick_end = Time(i64::MAX);
        let mut touched = std::mem::take(&mut self.agenda.touched);
        let occasions = std::mem::take(&mut self.agenda.occasions);
        touched.sort_by(|a, b| self.by_name(a.customer, b.customer));
        let first = effects.outputs.len();
        for &Touched { customer, occasion, kind } in &touched {
            self.customers[customer.0 as usize].touched = 0;
            let cause = || {
                let Occasion { at, event_id, position } = &occasions[occasion as usize];
                (Cause::Event { kind, event_id: event_id.clone(), position: *position }, *at)
            };
            self.look_at(customer, end, true, cause, effects);
        }
        self.count_published(first, effects);
        touched.clear();
        (self.agenda.touched, self.agenda.occasions) = (touched, occasions);
        self.agenda.occasions.clear();
        self.sweep(end);
    }

    /// Looks at those whose score may have fallen by a step.
    fn decayed(&mut self, tick: i64, now: Time, mut customers: Vec<CustomerId>, effects: &mut Effects) {
        customers.retain(|c| self.customers[c.0 as usize].decay_due == tick);
        customers.sort_by(|&a, &b| self.by_name(a, b));
        customers.dedup();
        let first = effects.outputs.len();
        for customer in customers {
            let state = &mut self.customers[customer.0 as usize];
            state.decay_due = i64::MAX;
            // Touched customers are looked at when their tick ends; a fall is published now all the same.
            self.look_at(customer, now, false, || (Cause::Decay, now), effects);
        }
        self.count_published(first, effects);
        self.sweep(now);
    }

    /// The order in which a flush publishes: by the hash of the id, then by the id.
    fn by_name(&self, a: CustomerId, b: CustomerId) -> std::cmp::Ordering {
        let names = &self.customer_names;
        names.hash(a.0).cmp(&names.hash(b.0)).then_with(|| names.name(a.0).cmp(names.name(b.0)))
    }

    /// Scores a customer at `now`, publishes if the score moved by a step or the layer of one who was touched changed, and plans
    /// the next look. By itself a score is only published when it fell by a step: when it is looked at before must not show.
    fn look_at(
        &mut self,
        customer: CustomerId,
        now: Time,
        touched: bool,
        cause: impl FnOnce() -> (Cause, Time),
        effects: &mut Effects,
    ) {
        let params = &self.params;
        let state = &mut self.customers[customer.0 as usize];
        state.settle(now, &self.decay);
        let amounts = score::factor_amounts(state);
        let (points, score) = score::score(&amounts, params);
        let layer = score::layer(state, &points, &params.layers);
        let held = state.published;
        let moved = score.0.abs_diff(held.score.0) >= params.step.0;
        if moved || (touched && layer != held.layer) {
            let hash = |category: crate::event::CategoryId| self.category_names.hash(u32::from(category.0));
            let standings = score::standings(state, params, hash);
            let (cause, at) = cause();
            effects.outputs.push(Output::Score(Box::new(ScoreChange {
                customer,
                sequence: held.sequence + 1,
                score,
                previous_score: held.score,
                layer,
                previous_layer: held.layer,
                traits: score::traits(state, &standings, &params.layers),
                polarity: score::polarity(&state.amounts),
                percentile: self.published.below(score),
                factors: std::array::from_fn(|i| FactorPoints { points: points[i], previous: held.points[i] }),
                categories: standings
                    .into_iter()
                    .map(|(category, score, credit)| CategoryScore { category, score, credit })
                    .collect(),
                value: TotalValue {
                    own: state.own,
                    influenced_direct: state.influenced_direct,
                    influenced_indirect: state.influenced_indirect,
                },
                credit: CreditHeld { direct: state.direct, indirect: state.indirect },
                followers: state.followers,
                audience: state.audience,
                cause,
                at,
            })));
            state.published = super::customers::Published { sequence: held.sequence + 1, score, points, layer };
            self.totals.score_changes += 1;
            self.totals.layers[layer as usize] += 1;
            if held.sequence > 0 {
                self.totals.layers[held.layer as usize] -= 1;
            }
        }
        let published = state.published.score;
        if published.0 >= params.step.0 {
            let floor = Points(published.0 - params.step.0);
            let due = now.plus(score::stays_above(&amounts, score, floor, params));
            let tick = due.0.div_euclid(params.decay_tick_ms).max(now.0.div_euclid(params.decay_tick_ms) + 1);
            if tick < state.decay_due && !(amounts[..6].iter().all(|&amount| amount == 0.0)) {
                state.decay_due = tick;
                self.agenda.decay.entry(tick).or_default().push(customer);
            }
        }
    }

    /// Counts what a flush published into the distribution, once all of it has been ranked against what was before.
    fn count_published(&mut self, first: usize, effects: &Effects) {
        for output in &effects.outputs[first..] {
            if let Output::Score(change) = output {
                let from = (change.sequence > 1).then_some(change.previous_score);
                self.published.shift(from, change.score);
            }
        }
    }

    /// An adopter joined a tree: publishes a detection or a doubling, and plans the tree's closing.
    pub(super) fn joined(
        &mut self,
        product: ProductId,
        tree: u64,
        at: Time,
        (kind, occasion): (CauseKind, u32),
        effects: &mut Effects,
    ) {
        let forest = self.products[product.0 as usize].forest.as_mut().expect("a joined tree stands in a forest");
        let tree = forest.tree_mut(tree).expect("a joined tree stands");
        let size = tree.size();
        if size == 2 {
            let at = tree.last_adoption_at.plus(self.params.window_ms + 1);
            self.agenda.closings.push(Reverse(Closing { at, tree: tree.id, product: product.0 }));
        }
        let join = |member: super::cascade::Member| CascadeJoin {
            cascade: tree.id,
            customer: member.customer,
            parent: member.parent,
            depth: member.depth,
            at: member.at,
        };
        if tree.detected {
            effects.joins.push(join(tree.newest()));
        } else if size >= tree.publish_at {
            effects.joins.extend(tree.members().map(join));
        }
        if size < tree.publish_at {
            return;
        }
        let status = if tree.detected { CascadeStatus::Grew } else { CascadeStatus::Detected };
        if !tree.detected {
            self.totals.cascades_detected += 1;
            self.totals.cascades_open += 1;
        }
        tree.detected = true;
        tree.publish_at *= 2;
        let Occasion { event_id, position, .. } = self.agenda.occasions[occasion as usize].clone();
        let cause = Cause::Event { kind, event_id, position };
        effects.outputs.push(Output::Cascade(Box::new(change(tree, product, status, cause, at))));
    }

    /// Closes a tree that nobody joined for the window; one that grew since is looked at again when its window ends.
    fn close(&mut self, closing: Closing, effects: &mut Effects) {
        let product = ProductId(closing.product);
        let Some(forest) = self.products[closing.product as usize].forest.as_mut() else { return };
        let Some(tree) = forest.tree(closing.tree) else { return };
        let at = tree.last_adoption_at.plus(self.params.window_ms + 1);
        if at > closing.at {
            self.agenda.closings.push(Reverse(Closing { at, ..closing }));
            return;
        }
        let tree = forest.fell(closing.tree).expect("looked up just now");
        if tree.detected {
            self.totals.cascades_open -= 1;
            let closed = change(&tree, product, CascadeStatus::Closed, Cause::Decay, closing.at);
            effects.outputs.push(Output::Cascade(Box::new(closed)));
        }
    }

    /// Forgets what is over, some products per decay tick, all of them within an eighth of the window.
    fn sweep(&mut self, now: Time) {
        let tick = now.0.div_euclid(self.params.decay_tick_ms);
        let ticks = tick.saturating_sub(self.agenda.swept_at);
        if ticks <= 0 || self.products.is_empty() {
            return;
        }
        self.agenda.swept_at = tick;
        let round = (self.params.window_ms / 8 / self.params.decay_tick_ms).max(1);
        let share = (self.products.len() as i64 / round + 1).saturating_mul(ticks);
        for _ in 0..share.min(self.products.len() as i64) {
            self.agenda.swept = (self.agenda.swept + 1) % self.products.len();
            self.products[self.agenda.swept].sweep(now, &self.params);
        }
    }
}

fn change(
    tree: &super::cascade::Tree,
    product: ProductId,
    status: CascadeStatus,
    cause: Cause,
    at: Time,
) -> CascadeChange {
    CascadeChange {
        cascade: tree.id,
        product,
        category: tree.category,
        status,
        root: tree.root(),
        size: tree.size(),
        depth: tree.depth,
        breadth: tree.breadth(),
        virality: tree.virality(),
        revenue: tree.revenue,
        withdrawn: tree.withdrawn,
        started_at: tree.started_at,
        last_adoption_at: tree.last_adoption_at,
        cause,
        at,
    }
}
