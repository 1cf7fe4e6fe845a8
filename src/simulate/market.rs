//! The market at work: takes what is due from the schedule, lets it happen and says so in events.

use super::Options;
use super::demand::{Demand, Shock};
use super::dice::Dice;
use super::event::{PLATFORMS, SimBody, SimEvent, SimMention};
use super::graph::Graph;
use super::persuasion::{Influencer, Persuasion};
use super::rings::Rings;
use super::schedule::{Schedule, What};
use super::truth::{Counts, Truth, money};
use super::world::World;
use crate::event::{DAY_MS, Money, Time};

/// Share of follows that are older than the market.
const FOLLOWED_BEFORE: f64 = 0.85;
/// How far an event may be dated before its neighbours, and how late it may be repeated.
const DISORDER_MS: u64 = 2_000;
/// Share of the persuaded who use the influencer's code.
const CODE_USED: f64 = 0.3;
/// Mean days between two posts of a sponsored account.
const SPONSOR_PAUSE_DAYS: f64 = 2.0;

/// An iterator over the events of a market, in event-time order but for the configured disorder. Memory is for the
/// customers, the graph and what is planned, never for all events.
#[derive(Debug)]
pub struct Market {
    options: Options,
    dice: Dice,
    world: World,
    graph: Graph,
    demand: Demand,
    persuasion: Persuasion,
    rings: Rings,
    sponsors: Vec<u32>,
    schedule: Schedule,
    end: i64,
    follows_planned: u64,
    numbered: u64,
    orders: u64,
    counts: Counts,
    cents: i64,
    cents_refunded: i64,
}

impl Market {
    /// Draws the world and plans its beginnings. `options` must make sense: see [`Options::check`].
    pub(super) fn draw(options: &Options) -> Self {
        let mut dice = Dice::new(options.seed, 1);
        let world = World::draw(options, &mut dice);
        let demand = Demand::draw(options, &world, &mut dice);
        let rings = Rings::draw(options, &mut dice);
        let graph = Graph::draw(options, &world.communities, rings.rings(), &mut Dice::new(options.seed, 2));
        let persuasion = Persuasion::draw(options, &graph, &rings, &mut dice);
        let mut by_audience: Vec<u32> = (0..options.customers).collect();
        by_audience.sort_by_key(|c| std::cmp::Reverse(graph.audience(*c)));
        by_audience.retain(|c| !persuasion.influencers.iter().take(1_000).any(|i| i.customer == *c) && !rings.has(*c));
        let sponsors: Vec<u32> = by_audience.into_iter().take(options.sponsors as usize).collect();

        let start = options.start.0;
        let end = start + i64::from(options.days) * DAY_MS;
        let first = start - i64::from(options.lead_days) * DAY_MS;
        let mut schedule = Schedule::new(first, end, options.follows + options.purchases);
        let mut dice = Dice::new(options.seed, 3);
        persuasion.begin(start, &mut schedule, &mut dice);
        rings.begin(start, &mut schedule, &mut dice);
        for sponsor in 0..sponsors.len() as u32 {
            schedule.plan(start + pause(SPONSOR_PAUSE_DAYS, &mut dice), What::Sponsored { sponsor });
        }
        Market {
            options: options.clone(),
            dice,
            world,
            graph,
            demand,
            persuasion,
            rings,
            sponsors,
            schedule,
            end,
            follows_planned: 0,
            numbered: 0,
            orders: 0,
            counts: Counts::default(),
            cents: 0,
            cents_refunded: 0,
        }
    }

    /// Plans what nobody asked for in the next slot: follows of the graph and everyday demand. False at the end.
    fn open_slot(&mut self) -> bool {
        let Some((from, to)) = self.schedule.upcoming() else { return false };
        let length = (to - from) as u64;
        let follows = self.follows_due(to).saturating_sub(self.follows_planned);
        for _ in 0..follows {
            self.schedule.plan(from + self.dice.below(length) as i64, What::Follow);
        }
        self.follows_planned += follows;
        self.demand.turn_to(from, to);
        // What the persuaded bought is part of the total: everyday demand fills up the rest.
        for _ in self.counts.purchases..self.demand.due(to) {
            self.schedule.plan(from + self.dice.below(length) as i64, What::Demand);
        }
        self.schedule.open();
        true
    }

    fn follows_due(&self, at: i64) -> u64 {
        let start = self.options.start.0;
        let all = self.graph.len() as f64;
        let lead = f64::from(self.options.lead_days) * DAY_MS as f64;
        if at < start {
            return ((1.0 - (start - at) as f64 / lead) * FOLLOWED_BEFORE * all) as u64;
        }
        if at >= self.end {
            return self.graph.len() as u64;
        }
        let passed = (at - start) as f64 / (self.end - start) as f64;
        ((FOLLOWED_BEFORE + (1.0 - FOLLOWED_BEFORE) * passed) * all) as u64
    }

    /// Lets one thing happen. `None` if it came to nothing after all.
    fn happen(&mut self, at: i64, what: What) -> Option<SimEvent> {
        match what {
            What::Follow => {
                let (edge, follower, followee) = self.graph.follow()?;
                if self.dice.chance(self.options.unfollow_rate) {
                    let ends = at + 3_600_000 + pause(20.0, &mut self.dice);
                    self.schedule.plan(ends, What::Unfollow(edge));
                }
                self.counts.follows += 1;
                Some(self.event(at, SimBody::Follow { follower, followee, follows: true }))
            }
            What::Unfollow(edge) => {
                let (follower, followee) = self.graph.unfollow(edge);
                self.counts.unfollows += 1;
                Some(self.event(at, SimBody::Follow { follower, followee, follows: false }))
            }
            What::Demand => {
                let customer = self.demand.buyer(&mut self.dice);
                let product = self.demand.choice(customer, at, &self.world, &mut self.dice);
                self.purchase(at, customer, product, None)
            }
            What::Influence { influencer } => self.influence(at, influencer),
            What::Persuaded { customer, product, influencer, hop } => {
                self.persuaded(at, customer, product, influencer, hop)
            }
            What::Review { customer, product } => {
                let incentivised = self.dice.chance(self.options.incentive_rate);
                let rating = if incentivised { 5 } else { rating(&mut self.dice) };
                let helpful = self.dice.exponential(1.5) as u32;
                Some(self.review(at, customer, product, rating, true, helpful, incentivised))
            }
            What::Mention { customer, product } => {
                let sentiment = sentiment(&mut self.dice);
                Some(self.mention(at, customer, product, sentiment, None, false))
            }
            What::Sponsored { sponsor } => {
                self.schedule.plan(at + pause(SPONSOR_PAUSE_DAYS, &mut self.dice), What::Sponsored { sponsor });
                let product = self.dice.below(u64::from(self.options.products)) as u32;
                let sentiment = 60 + self.dice.below(40) as i8;
                Some(self.mention(at, self.sponsors[sponsor as usize], product, sentiment, None, true))
            }
            What::Campaign { ring } => {
                let product = self.dice.below(u64::from(self.options.products)) as u32;
                self.rings.campaign(ring, product, at, self.end, &mut self.schedule, &mut self.dice);
                None
            }
            What::FakeReview { customer, product } => {
                let helpful = self.dice.below(4) as u32;
                Some(self.review(at, customer, product, 5, false, helpful, false))
            }
            What::Refund { customer, product, order, cents } => {
                self.counts.refunds += 1;
                self.cents_refunded += cents;
                let category = self.world.catalogue.category(product);
                Some(self.event(at, SimBody::Refund { customer, order, product, category, cents }))
            }
            What::Repeat(event) => {
                self.counts.duplicates += 1;
                Some(*event)
            }
        }
    }

    /// An influencer buys, posts or reviews, and followers are persuaded by it.
    fn influence(&mut self, at: i64, number: u32) -> Option<SimEvent> {
        let product = self.persuasion.act(number, at, &self.world.catalogue, &mut self.schedule, &mut self.dice);
        let influencer = &mut self.persuasion.influencers[number as usize];
        let (customer, code) = (influencer.customer, influencer.code.then_some(influencer.customer));
        let announces = code.is_some() && !influencer.announced;
        influencer.announced |= announces;
        let kind = self.dice.unit();
        let event = if self.options.posts && (announces || kind < 0.45) {
            let sentiment = 70 + self.dice.below(30) as i8;
            Some(self.mention(at, customer, product, sentiment, code, false))
        } else if self.options.posts && kind < 0.7 {
            let rating = if self.dice.chance(0.8) { 5 } else { 4 };
            let helpful = 3 + self.dice.exponential(6.0) as u32;
            Some(self.review(at, customer, product, rating, true, helpful, false))
        } else {
            self.purchase(at, customer, product, None)
        };
        if event.is_some() {
            self.expose(customer, product, number, 0, at);
        }
        event
    }

    fn persuaded(&mut self, at: i64, customer: u32, product: u32, influencer: u32, hop: u8) -> Option<SimEvent> {
        if self.persuasion.has_bought(customer, product) {
            return None;
        }
        let planted = &self.persuasion.influencers[influencer as usize];
        let code = (hop == 1 && planted.announced).then_some(planted.customer);
        let code = code.filter(|_| self.dice.chance(CODE_USED));
        let event = self.purchase(at, customer, product, code)?;
        let planted = &mut self.persuasion.influencers[influencer as usize];
        if hop == 1 {
            planted.caused += 1;
        } else {
            planted.caused_onward += 1;
        }
        self.expose(customer, product, influencer, hop, at);
        Some(event)
    }

    fn expose(&mut self, actor: u32, product: u32, influencer: u32, hop: u8, at: i64) {
        let (graph, schedule, dice) = (&self.graph, &mut self.schedule, &mut self.dice);
        self.persuasion.expose(actor, product, influencer, hop, at, graph, schedule, dice);
    }

    /// `None` once all purchases of the market are made.
    fn purchase(&mut self, at: i64, customer: u32, product: u32, code: Option<u32>) -> Option<SimEvent> {
        if self.counts.purchases >= self.options.purchases {
            return None;
        }
        self.counts.purchases += 1;
        self.persuasion.buys(customer, product);
        // A tenth up or down: offers, sizes, colours.
        let cents = self.world.catalogue.cents(product) * (900 + self.dice.below(201) as i64) / 1_000;
        self.cents += cents;
        self.orders += 1;
        let (order, dice) = (self.orders, &mut self.dice);
        if dice.chance(self.options.refund_rate) {
            let cents = if dice.chance(0.7) { cents } else { (cents * (20 + dice.below(60) as i64) / 100).max(1) };
            let after = DAY_MS + (dice.unit() * 13.0 * DAY_MS as f64) as i64;
            self.schedule.plan(at + after, What::Refund { customer, product, order, cents });
        }
        if self.options.posts && !self.rings.has(customer) {
            if dice.chance(self.options.review_rate) {
                let after = DAY_MS / 2 + pause(4.0, dice);
                self.schedule.plan(at + after, What::Review { customer, product });
            }
            if dice.chance(self.options.mention_rate) {
                let after = pause(1.0, dice);
                self.schedule.plan(at + after, What::Mention { customer, product });
            }
        }
        let category = self.world.catalogue.category(product);
        Some(self.event(at, SimBody::Purchase { customer, order, product, category, cents, code }))
    }

    #[allow(clippy::too_many_arguments)]
    fn review(
        &mut self,
        at: i64,
        customer: u32,
        product: u32,
        rating: u8,
        verified: bool,
        helpful: u32,
        incentivised: bool,
    ) -> SimEvent {
        self.counts.reviews += 1;
        let category = self.world.catalogue.category(product);
        self.event(at, SimBody::Review { customer, product, category, rating, verified, helpful, incentivised })
    }

    fn mention(
        &mut self,
        at: i64,
        author: u32,
        product: u32,
        sentiment: i8,
        code: Option<u32>,
        sponsored: bool,
    ) -> SimEvent {
        self.counts.mentions += 1;
        let dice = &mut self.dice;
        let audience = u64::from(self.graph.audience(author));
        // A platform's audience is larger than the brand's part of it; who is paid has far more of it.
        let author_followers = audience * if sponsored { 400 } else { 6 } + dice.below(80);
        let impressions = (author_followers as f64 * (0.1 + 0.4 * dice.unit())) as u64 + dice.below(20);
        // Engagement falls with the size of the audience.
        let rate = if sponsored { 0.015 } else { 0.06 } * (0.5 + dice.unit());
        let likes = (impressions as f64 * rate) as u64;
        let mention = SimMention {
            author,
            product,
            category: self.world.catalogue.category(product),
            platform: dice.below(PLATFORMS.len() as u64) as u8,
            sentiment,
            author_followers,
            impressions,
            likes,
            comments: likes / 8,
            shares: likes / 15,
            code,
            sponsored,
        };
        self.event(at, SimBody::Mention(Box::new(mention)))
    }

    /// Dates and numbers an event, now and then a little early or twice, as logs do.
    fn event(&mut self, at: i64, body: SimBody) -> SimEvent {
        self.numbered += 1;
        let early = if self.dice.chance(self.options.disorder_rate) { 1 + self.dice.below(DISORDER_MS) } else { 0 };
        self.counts.out_of_order += u64::from(early > 0);
        let event = SimEvent { number: self.numbered, at: Time(at - early as i64), body };
        if self.dice.chance(self.options.duplicate_rate) {
            let again = at + self.dice.below(DISORDER_MS - early + 1) as i64;
            self.schedule.plan(again, What::Repeat(Box::new(event.clone())));
        }
        event
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    #[must_use]
    pub fn influencers(&self) -> &[Influencer] {
        &self.persuasion.influencers
    }

    #[must_use]
    pub fn rings(&self) -> &Rings {
        &self.rings
    }

    /// Authors of sponsored posts.
    #[must_use]
    pub fn sponsors(&self) -> &[u32] {
        &self.sponsors
    }

    #[must_use]
    pub fn shocks(&self) -> &[Shock] {
        self.demand.shocks()
    }

    /// Events so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bought and refunded so far.
    #[must_use]
    pub fn money(&self) -> (Money, Money) {
        (money(self.cents), money(self.cents_refunded))
    }

    /// What was planted and what came of it so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth::of(self)
    }
}

impl Iterator for Market {
    type Item = SimEvent;

    fn next(&mut self) -> Option<SimEvent> {
        loop {
            while let Some((at, what)) = self.schedule.pop() {
                if let Some(event) = self.happen(at, what) {
                    return Some(event);
                }
            }
            if !self.open_slot() {
                return None;
            }
        }
    }
}

fn pause(mean_days: f64, dice: &mut Dice) -> i64 {
    (dice.exponential(mean_days) * DAY_MS as f64) as i64
}

/// Most people are pleased, some are angry, few are in between.
fn rating(dice: &mut Dice) -> u8 {
    const BELOW: [(f64, u8); 4] = [(0.07, 1), (0.11, 2), (0.19, 3), (0.45, 4)];
    let u = dice.unit();
    BELOW.iter().find(|(below, _)| u < *below).map_or(5, |(_, rating)| *rating)
}

/// In hundredths; one post in eight complains.
fn sentiment(dice: &mut Dice) -> i8 {
    if dice.chance(0.125) { -30 - dice.below(70) as i8 } else { 10 + dice.below(90) as i8 }
}
