//! Products: who acted on them lately, who adopted, and the cascades that run through them. Never looks into a customer:
//! what it needs of the actor travels with the touch.

use super::cascade::{Forest, Tree};
use super::credit::{self, Candidate, Share};
use super::customers::Edge;
use super::names::Names;
use super::params::Params;
use super::people::{Adoption, OrderLine, People, Shares, Voice};
use crate::event::{CategoryId, Credit, CustomerId, DAY_MS, EngineReason, Money, Time};
use xxhash_rust::xxh3::xxh3_64;

/// One product's state.
#[derive(Debug, Default)]
pub struct Product {
    /// Somebody acted on it: an applied event, not only a waiting one, named it.
    pub seen: bool,
    pub people: People,
    pub forest: Option<Box<Forest>>,
    /// Decayed count of adoptions, valid at `adoptions_at`.
    adoptions: f64,
    adoptions_at: Time,
}

/// An action on a product, with what the product needs of the actor.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'a> {
    pub actor: CustomerId,
    /// The action's own time.
    pub at: Time,
    /// When it is applied; later than `at` if it was late.
    pub now: Time,
    pub voice: Voice,
    /// The actor's conversion rate before this action.
    pub beta: f64,
    /// The actor's followees, in the order of the follows.
    pub followees: &'a [Edge],
    /// Set if the action can adopt.
    pub adopting: Option<Adopting>,
    /// Hash of the product's id.
    pub product: u64,
}

/// What an adopting action says.
#[derive(Clone, Copy, Debug)]
pub struct Adopting {
    pub category: CategoryId,
    /// τ of the category, in ms.
    pub tau_ms: i64,
    /// Hash of the order id and the amount; `None` for a review.
    pub order: Option<(u64, Money)>,
    /// Owner of the referral code used.
    pub referrer: Option<CustomerId>,
    /// Customers known at the last tick: those among whom the product's adoptions happen.
    pub population: u64,
}

/// What a touch or a refund means for others. Reused: `clear` first.
#[derive(Debug, Default)]
pub struct Outcome {
    /// A first adoption; `direct` and `indirect` are its shares.
    pub adopted: bool,
    /// The product was adopted before and is remembered.
    pub repeated: bool,
    /// A refund ended an adoption whose credit was given at this time, in this category; `direct` and `indirect` are the
    /// shares to take back.
    pub withdrawn: Option<(Time, CategoryId)>,
    pub direct: Vec<Share>,
    pub indirect: Vec<Share>,
    /// Change of influenced revenue per creditor; the flag is true for direct ones.
    pub revenue: Vec<(CustomerId, Money, bool)>,
    /// Indirect credit dropped to keep the list short.
    pub truncated: Credit,
    /// The tree that the adopter joined.
    pub joined: Option<u64>,
    /// The adopter's parent stood too deep: the adopter joined no tree.
    pub too_deep: bool,
    /// More candidates earned credit than are kept.
    pub too_many: bool,
}

impl Outcome {
    fn clear(&mut self) {
        let Outcome { direct, indirect, revenue, .. } = std::mem::take(self);
        (self.direct, self.indirect, self.revenue) = (direct, indirect, revenue);
        self.direct.clear();
        self.indirect.clear();
        self.revenue.clear();
    }

    /// Notes what each creditor earns more when the revenue of the adoption goes from `from` to `to`.
    fn revenue_moves(&mut self, shares: Option<&Shares>, from: Money, to: Money) {
        let Some(shares) = shares else { return };
        let moved = |share: &Share| Money(share.credit.of(to).0 - share.credit.of(from).0);
        self.revenue.extend(shares.direct.iter().map(|share| (share.customer, moved(share), true)));
        self.revenue.extend(shares.indirect.iter().map(|share| (share.customer, moved(share), false)));
    }
}

impl Product {
    /// Takes an action in. Exposure is judged against what others did strictly before; the action itself is noted last.
    pub fn touch(&mut self, touch: &Touch<'_>, names: &Names, params: &Params, outcome: &mut Outcome) {
        outcome.clear();
        if let Some(adopting) = &touch.adopting {
            let remembered = |people: &People| {
                people.find(touch.actor).is_some_and(|p| p.adoption_at(touch.at, params.adoption_memory_ms).is_some())
            };
            if remembered(&self.people) {
                outcome.repeated = true;
                self.repeat(touch, adopting, outcome);
            } else {
                outcome.adopted = true;
                self.adopt(touch, adopting, names, params, outcome);
            }
        }
        self.people.act(touch.actor, touch.at, touch.voice, touch.beta);
    }

    /// A further purchase or review of an adopter: revenue follows the shares of the adoption.
    fn repeat(&mut self, touch: &Touch<'_>, adopting: &Adopting, outcome: &mut Outcome) {
        let person = self.people.find_mut(touch.actor).expect("a repeat has an adoption");
        person.renew(touch.at);
        let adoption = person.adoption_at_mut(touch.at, i64::MAX).expect("a repeat has an adoption");
        let Some((order, amount)) = adopting.order else { return };
        match adoption.orders.iter_mut().find(|line| line.order == order) {
            Some(line) => line.left.0 += amount.0,
            None => adoption.orders.push(OrderLine { order, left: amount }),
        }
        let from = adoption.revenue;
        adoption.revenue.0 += amount.0;
        outcome.revenue_moves(adoption.shares.as_deref(), from, adoption.revenue);
        self.tree_earns(touch.actor, amount);
    }

    fn adopt(&mut self, touch: &Touch<'_>, adopting: &Adopting, names: &Names, params: &Params, outcome: &mut Outcome) {
        let candidates = self.candidates(touch, adopting, names, params);
        let mu = self.background(touch.at, params) / adopting.population.max(1) as f64;
        let direct = &mut outcome.direct;
        credit::direct_shares(&candidates, mu, adopting.tau_ms, adopting.referrer, params, direct);
        outcome.too_many = direct.len() > params.max_credited;
        direct.truncate(params.max_credited);
        let damping = Credit((params.hop_damping * Credit::ONE.0 as f64) as i64);
        for share in &outcome.direct {
            let person = self.people.find(share.customer);
            let Some(up) = person.and_then(|p| p.adoption_at(touch.at, params.adoption_memory_ms)) else { continue };
            let Some(shares) = &up.shares else { continue };
            credit::pass_up(&shares.direct, share.credit, damping, &mut outcome.indirect);
            credit::pass_up(&shares.indirect, share.credit, damping, &mut outcome.indirect);
        }
        outcome.indirect.retain(|share| share.customer != touch.actor);
        let hash = |customer: CustomerId| names.hash(customer.0);
        outcome.truncated = credit::truncate(&mut outcome.indirect, params.max_ancestors, hash);

        let amount = adopting.order.map_or(Money(0), |(_, amount)| amount);
        let shares = (!outcome.direct.is_empty())
            .then(|| Box::new(Shares { direct: outcome.direct[..].into(), indirect: outcome.indirect[..].into() }));
        outcome.revenue_moves(shares.as_deref(), Money(0), amount);
        self.hang(touch, adopting.category, &candidates, amount, params, outcome);
        self.adoptions += 1.0;
        let person = self.people.act(touch.actor, touch.at, touch.voice, touch.beta);
        let adoption = Adoption {
            since: touch.now,
            category: adopting.category,
            revenue: amount,
            orders: adopting.order.map(|(order, left)| OrderLine { order, left }).into_iter().collect(),
            by_purchase: adopting.order.is_some(),
            shares,
        };
        person.adopt(touch.at, adoption);
    }

    /// Followees who acted sincerely within the window before the touch, after the follow; and the owner of the code used.
    fn candidates(&self, touch: &Touch<'_>, adopting: &Adopting, names: &Names, params: &Params) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut consider = |customer: CustomerId, since: Time| {
            let Some(person) = self.people.find(customer) else { return };
            let Some((at, voice, beta)) = person.action_before(touch.at) else { return };
            let lag = touch.at.since(at);
            if lag <= params.window_ms && since <= at && voice == Voice::Sincere {
                let hash = names.hash(customer.0);
                candidates.push(Candidate { customer, hash, lag_ms: Some(lag), beta });
            }
        };
        for edge in touch.followees {
            consider(edge.followee, edge.since());
        }
        if let Some(referrer) = adopting.referrer
            && !candidates.iter().any(|candidate| candidate.customer == referrer)
        {
            let consider_referrer = || {
                let (at, voice, beta) = self.people.find(referrer)?.action_before(touch.at)?;
                let lag = touch.at.since(at);
                (lag <= params.window_ms && voice == Voice::Sincere).then_some((Some(lag), beta))
            };
            let (lag_ms, beta) = consider_referrer().unwrap_or((None, 0.0));
            candidates.push(Candidate { customer: referrer, hash: names.hash(referrer.0), lag_ms, beta });
        }
        candidates
    }

    /// Adoptions per day that the product has of its own, before the one at `at`; brings the decayed count to `at`.
    fn background(&mut self, at: Time, params: &Params) -> f64 {
        let ms = at.since(self.adoptions_at);
        if ms > 0 {
            self.adoptions *= libm::exp2(-(ms as f64) / params.background_half_life_ms as f64);
            self.adoptions_at = at;
        }
        self.adoptions * std::f64::consts::LN_2 * DAY_MS as f64 / params.background_half_life_ms as f64
    }

    /// Puts the adopter below the candidate with the largest share.
    fn hang(
        &mut self,
        touch: &Touch<'_>,
        category: CategoryId,
        candidates: &[Candidate],
        amount: Money,
        params: &Params,
        outcome: &mut Outcome,
    ) {
        let place = self.forest.as_ref().and_then(|forest| forest.depth_of(touch.actor));
        if place.is_some() {
            // Others followed the actor before it adopted: it stays where it stands.
            self.tree_earns(touch.actor, amount);
            return;
        }
        let Some(parent) = outcome.direct.first().map(|share| share.customer) else { return };
        let candidate = candidates.iter().find(|c| c.customer == parent).expect("a share comes from a candidate");
        let forest = self.forest.get_or_insert_default();
        match forest.depth_of(parent) {
            Some(depth) if depth + 1 > params.cascade_max_depth => {
                outcome.too_deep = true;
                return;
            }
            Some(_) => {}
            None => {
                let at = touch.at.plus(-candidate.lag_ms.unwrap_or(0));
                let mut seed = [0u8; 24];
                seed[..8].copy_from_slice(&touch.product.to_le_bytes());
                seed[8..16].copy_from_slice(&candidate.hash.to_le_bytes());
                seed[16..].copy_from_slice(&at.0.to_le_bytes());
                let adoption =
                    self.people.find(parent).and_then(|p| p.adoption_at(touch.at, params.adoption_memory_ms));
                let revenue = adoption.map_or(Money(0), |adoption| adoption.revenue);
                forest.plant(Tree::new(xxh3_64(&seed), parent, category, at, revenue, params.cascade_size));
            }
        }
        let tree = forest.join(touch.actor, parent, touch.at);
        tree.revenue.0 += amount.0;
        outcome.joined = Some(tree.id);
    }

    fn tree_earns(&mut self, customer: CustomerId, amount: Money) {
        if let Some(tree) = self.forest.as_mut().and_then(|forest| forest.tree_of(customer)) {
            tree.revenue.0 += amount.0;
        }
    }

    /// Takes `amount` of an order line back; when no line is left of an adoption by purchase, the adoption is withdrawn.
    pub fn refund(
        &mut self,
        customer: CustomerId,
        order: u64,
        amount: Money,
        at: Time,
        params: &Params,
        outcome: &mut Outcome,
    ) -> Result<(), EngineReason> {
        outcome.clear();
        let unknown = EngineReason::UnknownOrder;
        let person = self.people.find_mut(customer).ok_or(unknown)?;
        let adoption = person.adoption_at_mut(at, params.adoption_memory_ms).ok_or(unknown)?;
        let line = adoption.orders.iter().position(|line| line.order == order).ok_or(unknown)?;
        if amount > adoption.orders[line].left {
            return Err(EngineReason::RefundExceedsOrder);
        }
        adoption.orders[line].left.0 -= amount.0;
        let from = adoption.revenue;
        adoption.revenue.0 -= amount.0;
        outcome.revenue_moves(adoption.shares.as_deref(), from, adoption.revenue);
        if adoption.by_purchase && adoption.orders.iter().all(|line| line.left.0 == 0) {
            outcome.withdrawn = Some((adoption.since, adoption.category));
            if let Some(shares) = person.withdraw().and_then(|adoption| adoption.shares) {
                outcome.direct.extend_from_slice(&shares.direct);
                outcome.indirect.extend_from_slice(&shares.indirect);
            }
        }
        if let Some(tree) = self.forest.as_mut().and_then(|forest| forest.tree_of(customer)) {
            tree.revenue.0 -= amount.0;
            tree.withdrawn += u32::from(outcome.withdrawn.is_some());
        }
        Ok(())
    }

    /// Forgets what is over at `now`, even for a record that is as late as it may be: when a sweep comes must not show.
    pub fn sweep(&mut self, now: Time, params: &Params) {
        let now = now.plus(-params.lateness_ms);
        self.people.sweep(now, params.window_ms, params.adoption_memory_ms);
        if self.forest.as_ref().is_some_and(|forest| forest.is_empty()) {
            self.forest = None;
        }
    }

    /// Heap bytes held.
    pub fn bytes(&self) -> usize {
        self.people.bytes() + self.forest.as_ref().map_or(0, |forest| forest.bytes())
    }
}
