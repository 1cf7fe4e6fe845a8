//! One event against the state, in the fixed order customers → products → customers.

use super::customers::Customer;
use super::order::{Action, MentionOf, PurchaseOf, RefundOf, ReviewOf, Waiting};
use super::people::Voice;
use super::products::{Adopting, Touch};
use super::publish::Occasion;
use super::{Effects, Engine};
use crate::event::{
    Body, CategoryId, CauseKind, Chunk, Credit, CustomerId, EngineReason, Factor, Money, ProductId, Record, Rejected,
    Time,
};
use compact_str::CompactString;
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Referral codes and whose they are.
pub type Codes = HashMap<CompactString, Owner, hashbrown::DefaultHashBuilder>;

/// Who registered a referral code first.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    customer: CustomerId,
    /// Registered in a sponsored mention: earns nothing.
    paid: bool,
}

/// Most referral codes kept; a code beyond is not registered, and counted.
const MAX_CODES: usize = 1_000_000;

/// All categories beyond the first 65,535 share this number.
const LAST_CATEGORY: u32 = u16::MAX as u32;

impl Engine {
    /// A record's ids as numbers.
    pub(super) fn intern(&mut self, chunk: &Chunk, record: &Record) -> Action {
        let text = |span| chunk.text(span);
        match &record.body {
            &Body::Follow { follower, followee, follows } => {
                let (follower, followee) = (self.customer(text(follower)), self.customer(text(followee)));
                if follows { Action::Follow { follower, followee } } else { Action::Unfollow { follower, followee } }
            }
            Body::Mention(mention) => Action::Mention(Box::new(MentionOf {
                author: self.customer(text(mention.author)),
                product: mention.product.map(|product| self.product(text(product))),
                category: mention.category.map(|category| self.category(text(category))),
                sentiment: mention.sentiment.unwrap_or(0.0),
                audience: mention.author_followers,
                macro_audience: mention.author_followers.is_some_and(|audience| {
                    let layers = &self.params.layers;
                    let platform = text(mention.platform);
                    let own = layers.macro_audience_by_platform.iter().find(|(name, _)| name == platform);
                    audience >= own.map_or(layers.macro_audience, |&(_, threshold)| threshold)
                }),
                impressions: mention.impressions.or(mention.author_followers).unwrap_or(0),
                interactions: mention.likes.saturating_add(mention.comments).saturating_add(mention.shares),
                referral_code: mention.referral_code.map(|code| text(code).into()),
                sponsored: mention.sponsored,
            })),
            Body::Review(review) => Action::Review(ReviewOf {
                customer: self.customer(text(review.customer)),
                product: self.product(text(review.product)),
                category: self.category(text(review.category)),
                rating: review.rating,
                verified: review.verified,
                incentivised: review.incentivised,
                helpful_votes: review.helpful_votes,
            }),
            Body::Purchase(purchase) => Action::Purchase(PurchaseOf {
                customer: self.customer(text(purchase.customer)),
                product: self.product(text(purchase.product)),
                category: self.category(text(purchase.category)),
                order: xxh3_64(text(purchase.order).as_bytes()),
                amount: purchase.amount,
                referral_code: purchase.referral_code.map(|code| text(code).into()),
            }),
            Body::Refund(refund) => Action::Refund(Box::new(RefundOf {
                customer: self.customer(text(refund.customer)),
                product: self.product(text(refund.product)),
                order: xxh3_64(text(refund.order).as_bytes()),
                amount: refund.amount,
                value: text(record.value).into(),
                origin: record.origin.map(|i| Box::new(chunk.origins[i as usize].clone())),
            })),
        }
    }

    fn customer(&mut self, id: &str) -> CustomerId {
        let number = self.customer_names.intern(id);
        if number as usize == self.customers.len() {
            self.customers.push(Customer::default());
        }
        CustomerId(number)
    }

    fn product(&mut self, id: &str) -> ProductId {
        let number = self.product_names.intern(id);
        if number as usize == self.products.len() {
            self.products.push(super::Product::default());
        }
        ProductId(number)
    }

    fn category(&mut self, name: &str) -> CategoryId {
        let number = self.category_names.intern(name).min(LAST_CATEGORY);
        self.totals.limit_categories += u64::from(number == LAST_CATEGORY);
        if number as usize == self.tau_ms.len() {
            let own = self.params.tau_by_category_ms.iter().find(|(category, _)| category == name);
            self.tau_ms.push(own.map_or(self.params.tau_ms, |&(_, tau_ms)| tau_ms));
        }
        CategoryId(number as u16)
    }

    /// Applies one event at `now`, all that is due before it being done.
    pub(super) fn apply(&mut self, now: Time, event: Waiting, effects: &mut Effects) {
        let topic = event.position.topic as usize;
        if !self.horizon.admit(event.identity, now, &mut self.totals.limit_dedupe) {
            self.totals.duplicates[topic] += 1;
            return;
        }
        let tick = now.0.div_euclid(self.params.tick_ms);
        if tick != self.tick {
            (self.tick, self.population) = (tick, self.totals.customers);
        }
        let occasion = Occasion { at: event.at, event_id: event.event_id, position: event.position };
        let occasion = self.agenda.begin(occasion, Time((tick + 1) * self.params.tick_ms));
        let at = event.at;
        match event.action {
            Action::Follow { follower, followee } => self.follow(at, now, follower, followee, occasion),
            Action::Unfollow { follower, followee } => {
                self.meet(follower, now);
                self.meet(followee, now);
                if self.customers[follower.0 as usize].unfollow(followee) {
                    self.customers[followee.0 as usize].followers -= 1;
                    self.totals.edges -= 1;
                    self.touch(followee, CauseKind::Unfollowed, occasion);
                }
            }
            Action::Mention(mention) => self.mention(at, now, *mention, occasion, effects),
            Action::Review(review) => self.review(at, now, &review, occasion, effects),
            Action::Purchase(purchase) => self.purchase(at, now, &purchase, occasion, effects),
            Action::Refund(refund) => {
                if let Err((reason, refund)) = self.refund(at, now, refund, occasion) {
                    self.totals.refunds_rejected += 1;
                    let RefundOf { value, origin, .. } = *refund;
                    effects.rejects.push(Rejected { position: event.position, reason, value, origin });
                    return;
                }
            }
        }
        self.totals.applied[topic] += 1;
    }

    /// The customer's state with its amounts at `now`; counted when seen for the first time.
    fn meet(&mut self, customer: CustomerId, now: Time) -> &mut Customer {
        let state = &mut self.customers[customer.0 as usize];
        self.totals.customers += u64::from(!state.seen);
        state.seen = true;
        state.settle(now, &self.decay);
        state
    }

    fn follow(&mut self, at: Time, now: Time, follower: CustomerId, followee: CustomerId, occasion: u32) {
        self.meet(followee, now);
        let max = self.params.max_followees;
        match self.meet(follower, now).follow(followee, at, max) {
            Ok(true) => {
                self.customers[followee.0 as usize].followers += 1;
                self.totals.edges += 1;
                self.touch(followee, CauseKind::Followed, occasion);
            }
            Ok(false) => {}
            Err(super::customers::LimitHit) => self.totals.limit_followees += 1,
        }
    }

    fn mention(&mut self, at: Time, now: Time, mention: MentionOf, occasion: u32, effects: &mut Effects) {
        let MentionOf { author, sentiment, impressions, .. } = mention;
        let amounts = &mut self.meet(author, now).amounts;
        amounts.content += 1.0 + libm::log1p(impressions as f64) / 10.0;
        amounts.interactions += mention.interactions as f64;
        amounts.impressions += impressions as f64;
        amounts.positive += sentiment.max(0.0);
        amounts.negative += (-sentiment).max(0.0);
        if sentiment > 0.3 && !mention.sponsored {
            amounts.advocacy += RECOMMENDATION;
        }
        self.active_in(author, mention.category);
        let state = &mut self.customers[author.0 as usize];
        state.audience = state.audience.max(mention.audience.unwrap_or(0));
        state.macro_audience |= mention.macro_audience;
        self.touch(author, CauseKind::Mentioned, occasion);
        if let Some(code) = mention.referral_code {
            if self.codes.len() < MAX_CODES || self.codes.contains_key(&code) {
                self.codes.entry(code).or_insert(Owner { customer: author, paid: mention.sponsored });
            } else {
                self.totals.limit_codes += 1;
            }
        }
        if let Some(product) = mention.product {
            let voice = voice(sentiment < -0.3, mention.sponsored);
            self.act(at, now, author, product, voice, None, occasion, effects);
        }
    }

    fn review(&mut self, at: Time, now: Time, review: &ReviewOf, occasion: u32, effects: &mut Effects) {
        let &ReviewOf { customer, product, category, rating, .. } = review;
        let amounts = &mut self.meet(customer, now).amounts;
        amounts.content += 1.0;
        amounts.helpful += review.helpful_votes as f64;
        amounts.reviews += 1.0;
        amounts.verified += f64::from(u8::from(review.verified));
        match rating {
            5 => amounts.positive += 1.0,
            4 => amounts.positive += 0.5,
            2 => amounts.negative += 0.5,
            1 => amounts.negative += 1.0,
            _ => {}
        }
        if rating >= 4 && !review.incentivised {
            amounts.advocacy += RECOMMENDATION;
        }
        self.active_in(customer, Some(category));
        self.touch(customer, CauseKind::Reviewed, occasion);
        let adopting = self.params.review_adopts.then(|| self.adopting(category, None, None));
        let voice = voice(rating <= 2, review.incentivised);
        self.act(at, now, customer, product, voice, adopting, occasion, effects);
    }

    fn purchase(&mut self, at: Time, now: Time, purchase: &PurchaseOf, occasion: u32, effects: &mut Effects) {
        let &PurchaseOf { customer, product, category, order, amount, .. } = purchase;
        let state = self.meet(customer, now);
        state.amounts.positive += 0.5;
        state.own.0 += amount.0;
        self.totals.revenue.0 += amount.0;
        self.totals.revenue_organic.0 += amount.0;
        self.active_in(customer, Some(category));
        self.touch(customer, CauseKind::Purchased, occasion);
        let owner = purchase.referral_code.as_ref().and_then(|code| self.codes.get(code));
        let referrer = owner.filter(|owner| !owner.paid && owner.customer != customer).map(|owner| owner.customer);
        let adopting = Some(self.adopting(category, Some((order, amount)), referrer));
        self.act(at, now, customer, product, Voice::Sincere, adopting, occasion, effects);
        if self.outcome.repeated {
            self.customers[customer.0 as usize].amounts.repeats += 1.0;
        } else if let Some(referrer) = referrer {
            self.meet(referrer, now).amounts.advocacy += 1.0;
            self.touch(referrer, CauseKind::Referred, occasion);
        }
    }

    fn refund(
        &mut self,
        at: Time,
        now: Time,
        refund: Box<RefundOf>,
        occasion: u32,
    ) -> Result<(), (EngineReason, Box<RefundOf>)> {
        let RefundOf { customer, product, order, amount, .. } = *refund;
        let state = &mut self.products[product.0 as usize];
        if let Err(reason) = state.refund(customer, order, amount, at, &self.params, &mut self.outcome) {
            return Err((reason, refund));
        }
        self.meet(customer, now).own.0 -= amount.0;
        self.totals.revenue.0 -= amount.0;
        self.totals.revenue_organic.0 -= amount.0;
        self.touch(customer, CauseKind::Refunded, occasion);
        if let Some((given_at, category)) = self.outcome.withdrawn {
            let left = self.decay.left(Factor::Persuasion, now.since(given_at));
            self.give(now, category, -1, left, CauseKind::CreditTakenBack, occasion);
            self.totals.withdrawn += 1;
        }
        self.pay();
        Ok(())
    }

    fn adopting(&self, category: CategoryId, order: Option<(u64, Money)>, referrer: Option<CustomerId>) -> Adopting {
        let tau_ms = self.tau_ms[category.0 as usize];
        Adopting { category, tau_ms, order, referrer, population: self.population }
    }

    /// Notes activity in a category.
    fn active_in(&mut self, customer: CustomerId, category: Option<CategoryId>) {
        if let Some(category) = category {
            let hash = |category: CategoryId| self.category_names.hash(u32::from(category.0));
            self.customers[customer.0 as usize].standing(category, hash).activity += 1.0;
        }
    }

    /// The actor touches the product, and whoever persuaded the actor is credited. `meet` came before.
    #[expect(clippy::too_many_arguments, reason = "one call per kind of action; a struct would only repeat the names")]
    fn act(
        &mut self,
        at: Time,
        now: Time,
        actor: CustomerId,
        product: ProductId,
        voice: Voice,
        adopting: Option<Adopting>,
        occasion: u32,
        effects: &mut Effects,
    ) {
        let state = &mut self.customers[actor.0 as usize];
        let beta = state.conversion_rate(self.params.beta_prior, self.params.beta_strength);
        if voice == Voice::Sincere {
            state.exposures += u64::from(state.followers);
        }
        let product_hash = self.product_names.hash(product.0);
        let touch = Touch { actor, at, now, voice, beta, followees: &state.followees, adopting, product: product_hash };
        let place = &mut self.products[product.0 as usize];
        self.totals.products += u64::from(!place.seen);
        place.seen = true;
        place.touch(&touch, &self.customer_names, &self.params, &mut self.outcome);
        if self.outcome.adopted {
            let category = adopting.expect("only an adopting action adopts").category;
            self.give(now, category, 1, 1.0, CauseKind::Credited, occasion);
            self.totals.limit_credited += u64::from(self.outcome.too_many);
            self.totals.limit_depth += u64::from(self.outcome.too_deep);
            self.totals.credit_truncated.0 += self.outcome.truncated.0;
        }
        self.pay();
        if let Some(tree) = self.outcome.joined {
            let bought = adopting.is_some_and(|adopting| adopting.order.is_some());
            let kind = if bought { CauseKind::Purchased } else { CauseKind::Reviewed };
            self.joined(product, tree, at, (kind, occasion), effects);
        }
    }

    /// Gives the shares of the outcome's adoption to its creditors (`sign` 1), or takes them back (−1), of which `left` is not
    /// decayed yet.
    fn give(&mut self, now: Time, category: CategoryId, sign: i64, left: f64, kind: CauseKind, occasion: u32) {
        let outcome = std::mem::take(&mut self.outcome);
        let (mut direct, mut indirect) = (0, 0);
        for share in &outcome.direct {
            direct += share.credit.0;
            let state = self.meet(share.customer, now);
            state.direct.0 += sign * share.credit.0;
            state.conversions = state.conversions.wrapping_add_signed(sign as i32);
            self.persuaded(share.customer, category, sign as f64 * left * share.credit.adoptions());
            self.touch(share.customer, kind, occasion);
        }
        for share in &outcome.indirect {
            indirect += share.credit.0;
            self.meet(share.customer, now).indirect.0 += sign * share.credit.0;
            let weight = self.params.indirect_weight;
            self.persuaded(share.customer, category, sign as f64 * left * weight * share.credit.adoptions());
            self.touch(share.customer, kind, occasion);
        }
        let totals = &mut self.totals;
        totals.adoptions = totals.adoptions.wrapping_add_signed(sign);
        totals.credit_direct.0 += sign * direct;
        totals.credit_indirect.0 += sign * indirect;
        totals.credit_organic.0 += sign * (Credit::ONE.0 - direct);
        self.outcome = outcome;
    }

    /// Moves the decayed credit of a customer, overall and in the category; never below zero.
    fn persuaded(&mut self, customer: CustomerId, category: CategoryId, adoptions: f64) {
        let hash = |category: CategoryId| self.category_names.hash(u32::from(category.0));
        let state = &mut self.customers[customer.0 as usize];
        state.amounts.persuasion = (state.amounts.persuasion + adoptions).max(0.0);
        let standing = if adoptions > 0.0 { Some(state.standing(category, hash)) } else { state.standing_in(category) };
        if let Some(standing) = standing {
            standing.credit = (standing.credit + adoptions).max(0.0);
        }
    }

    /// Moves influenced revenue as the outcome says, out of or back into the organic rest.
    fn pay(&mut self) {
        for &(customer, Money(moved), direct) in &self.outcome.revenue {
            let state = &mut self.customers[customer.0 as usize];
            if direct {
                state.influenced_direct.0 += moved;
                self.totals.revenue_direct.0 += moved;
                self.totals.revenue_organic.0 -= moved;
            } else {
                state.influenced_indirect.0 += moved;
                self.totals.revenue_indirect.0 += moved;
            }
        }
    }
}

/// What one sincere recommendation counts for in advocacy, a converted referral counting 1.
const RECOMMENDATION: f64 = 0.25;

fn voice(negative: bool, paid: bool) -> Voice {
    match (negative, paid) {
        (true, _) => Voice::Negative,
        (false, true) => Voice::Paid,
        (false, false) => Voice::Sincere,
    }
}
