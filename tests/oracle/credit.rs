//! Exposure, adoption, credit, refunds.

use super::{Action, Adoption, Oracle, hash};
use crate::common::event::Event;
use bellwether::engine::Attribution;
use bellwether::event::DAY_MS;

pub const ONE: i64 = 1_000_000_000;

/// Somebody who may earn a share of an adoption.
pub struct Candidate {
    pub who: String,
    /// Time since the exposing action; none for the owner of a code who did not act.
    pub delta: Option<i64>,
    weight: f64,
    share: f64,
}

/// What a share earns of an amount, rounded towards zero.
pub fn earned(amount: i64, share: i64) -> i64 {
    (i128::from(amount) * i128::from(share) / i128::from(ONE)) as i64
}

impl Oracle {
    /// `event.who` acts on a product. `adopts` is the category and the referral code of an adopting action.
    pub fn act(&mut self, event: &Event, product: &str, earns: bool, adopts: Option<(&str, Option<&str>)>, now: i64) {
        self.products.insert(product.to_owned());
        if let Some((category, code)) = adopts {
            match self.remembered(&event.who, product, now) {
                Some(adoption) => self.adoptions[adoption].last_action = now,
                None => self.adopt(event, product, category, code, now),
            }
        }
        let followers = self.edges.iter().filter(|e| e.followee == event.who).count() as f64;
        let (prior, strength) = (self.params.beta_prior, self.params.beta_strength);
        let actor = self.customer(&event.who);
        let beta = (actor.conversions + prior * strength) / (actor.exposures + strength);
        if earns {
            actor.exposures += followers;
        }
        let (who, product) = (event.who.clone(), product.to_owned());
        self.actions.push(Action { who, product, at: event.at, beta, earns });
    }

    /// The adoption that a customer is remembered for.
    pub fn remembered(&self, who: &str, product: &str, now: i64) -> Option<usize> {
        let memory = self.params.adoption_memory_ms;
        self.adoptions
            .iter()
            .position(|a| a.who == who && a.product == product && !a.withdrawn && now - a.last_action <= memory)
    }

    /// The last action on `product` strictly before `at`, of the last two distinct times.
    fn latest_action(&self, who: &str, product: &str, at: i64) -> Option<&Action> {
        let mine = || self.actions.iter().filter(|a| a.who == who && a.product == product);
        let mut times: Vec<i64> = mine().map(|a| a.at).collect();
        times.sort_unstable();
        times.dedup();
        let time = *times.iter().rev().take(2).find(|t| **t < at)?;
        mine().rfind(|a| a.at == time)
    }

    fn weight(&self, action: &Action, at: i64, category: &str) -> f64 {
        let days = |ms: i64| ms as f64 / DAY_MS as f64;
        match self.params.attribution {
            Attribution::TimeDecayed => {
                let own = self.params.tau_by_category_ms.iter().find(|(name, _)| name == category);
                let tau = days(own.map_or(self.params.tau_ms, |(_, tau)| *tau));
                action.beta * libm::exp(-days(at - action.at) / tau) / tau
            }
            Attribution::Equal => self.params.beta_prior / days(self.params.window_ms),
            Attribution::LastTouch => action.beta / days(self.params.window_ms),
        }
    }

    fn candidates(&self, event: &Event, product: &str, category: &str, owner: Option<&str>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut followees: Vec<(&str, i64)> =
            self.edges.iter().filter(|e| e.follower == event.who).map(|e| (e.followee.as_str(), e.at)).collect();
        if let Some(owner) = owner.filter(|o| !followees.iter().any(|(v, _)| v == o)) {
            followees.push((owner, i64::MIN));
        }
        for (followee, followed_at) in followees {
            let since = if Some(followee) == owner { i64::MIN } else { followed_at };
            let exposing = self
                .latest_action(followee, product, event.at)
                .filter(|a| a.at >= event.at - self.params.window_ms && a.at >= since && a.earns);
            let weight = exposing.map_or(0.0, |a| self.weight(a, event.at, category));
            if exposing.is_some() || Some(followee) == owner {
                let delta = exposing.map(|a| event.at - a.at);
                candidates.push(Candidate { who: followee.to_owned(), delta, weight, share: 0.0 });
            }
        }
        if self.params.attribution == Attribution::LastTouch {
            let last = candidates.iter().filter(|c| c.delta.is_some()).min_by_key(|c| (c.delta, hash(&c.who)));
            let last = last.map(|c| c.who.clone());
            candidates.iter_mut().filter(|c| Some(&c.who) != last.as_ref()).for_each(|c| c.weight = 0.0);
        }
        candidates
    }

    fn adopt(&mut self, event: &Event, product: &str, category: &str, code: Option<&str>, now: i64) {
        let owner = code.and_then(|c| self.codes.get(c)?.clone()).filter(|o| *o != event.who);
        let half_life = self.params.background_half_life_ms;
        let count: f64 =
            self.adoptions.iter().filter(|a| a.product == product).map(|a| super::decay(now - a.at, half_life)).sum();
        let half_life_days = half_life as f64 / DAY_MS as f64;
        let background = count * std::f64::consts::LN_2 / half_life_days / self.known.max(1) as f64;

        let mut candidates = self.candidates(event, product, category, owner.as_deref());
        let total = background + candidates.iter().map(|c| c.weight).sum::<f64>();
        if total > 0.0 {
            candidates.iter_mut().for_each(|c| c.share = c.weight / total);
        }
        if let Some(owner) = &owner {
            let floor = self.params.referral_floor;
            let share = candidates.iter().find(|c| c.who == *owner).map_or(0.0, |c| c.share);
            if share < floor {
                for c in &mut candidates {
                    c.share = if c.who == *owner { floor } else { c.share * (1.0 - floor) / (1.0 - share) };
                }
            }
            self.add(owner, now, super::Amount::Advocacy, 1.0);
        }
        for candidate in &candidates {
            self.near(candidate.share * ONE as f64, 1e-3);
        }
        let whole = |c: &Candidate| (c.share * ONE as f64).floor() as i64;
        candidates.retain(|c| whole(c) > 0);
        candidates.sort_by_key(|c| (std::cmp::Reverse(whole(c)), c.delta.unwrap_or(i64::MAX), hash(&c.who)));
        self.run.totals.limit_credited += u64::from(candidates.len() > self.params.max_credited);
        candidates.truncate(self.params.max_credited);
        let direct: Vec<(String, i64)> = candidates.iter().map(|c| (c.who.clone(), whole(c))).collect();
        let indirect = self.passed_up(product, &direct, &event.who, now);
        for (who, _) in &direct {
            self.customer(who).conversions += 1.0;
        }
        for (who, _) in direct.iter().chain(&indirect) {
            self.touch(who, "credited", event);
        }
        if let Some(owner) = &owner {
            self.touch(owner, "referred", event);
        }
        let tree = self.join(event, product, category, &candidates, now);
        self.adoptions.push(Adoption {
            who: event.who.clone(),
            product: product.to_owned(),
            category: category.to_owned(),
            at: now,
            by_purchase: matches!(event.what, crate::common::event::What::Purchase { .. }),
            last_action: now,
            withdrawn: false,
            direct,
            indirect,
            lines: Vec::new(),
            tree,
        });
    }

    /// Indirect shares: what those credited were credited for by others, damped.
    fn passed_up(&mut self, product: &str, direct: &[(String, i64)], adopter: &str, now: i64) -> Vec<(String, i64)> {
        let mut sums: Vec<(String, i64)> = Vec::new();
        let floor = |whole: i64, part: f64| earned(whole, (part * ONE as f64) as i64);
        for (who, share) in direct {
            let Some(earlier) = self.remembered(who, product, now) else { continue };
            let earlier = &self.adoptions[earlier];
            for (ancestor, stored) in earlier.direct.iter().chain(&earlier.indirect) {
                if ancestor == adopter {
                    continue; // nobody earns from their own adoption
                }
                let passed = floor(earned(*stored, *share), self.params.hop_damping);
                match sums.iter_mut().find(|s| s.0 == *ancestor) {
                    Some(sum) => sum.1 += passed,
                    None => sums.push((ancestor.clone(), passed)),
                }
            }
        }
        let total = |sums: &[(String, i64)]| sums.iter().map(|s| s.1).sum::<i64>();
        let before = total(&sums);
        sums.retain(|s| s.1 >= ONE / 1000);
        sums.sort_by_key(|s| (std::cmp::Reverse(s.1), hash(&s.0)));
        sums.truncate(self.params.max_ancestors);
        self.run.totals.credit_truncated.0 += before - total(&sums);
        sums
    }

    pub fn refund(
        &mut self,
        event: &Event,
        order: &str,
        product: &str,
        amount: i64,
        now: i64,
    ) -> Result<(), &'static str> {
        let adoption = self.remembered(&event.who, product, now).ok_or("UnknownOrder")?;
        let adoption = &mut self.adoptions[adoption];
        let line = adoption.lines.iter_mut().find(|l| l.order == order).ok_or("UnknownOrder")?;
        if amount > line.left {
            return Err("RefundExceedsOrder");
        }
        line.left -= amount;
        let mut taken_from = Vec::new();
        if adoption.by_purchase && adoption.revenue() == 0 {
            adoption.withdrawn = true;
            for (who, _) in &adoption.direct {
                self.customers.get_mut(who).expect("credited customers are known").conversions -= 1.0;
            }
            taken_from.extend(adoption.direct.drain(..).chain(adoption.indirect.drain(..)));
            if let Some(tree) = adoption.tree {
                self.trees[tree].withdrawn += 1;
            }
        }
        self.customer(&event.who).own -= amount;
        self.touch(&event.who, "refunded", event);
        for (who, _) in taken_from {
            self.touch(&who, "credit_taken_back", event);
        }
        Ok(())
    }
}
