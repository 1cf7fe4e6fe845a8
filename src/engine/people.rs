//! Who acted on a product lately: an index by customer over a dense list, 56 bytes a person.

use super::credit::Share;
use crate::event::{CategoryId, CustomerId, Money, Time};
use hashbrown::HashTable;
use smallvec::SmallVec;

/// What an action said, as far as those whom it exposed are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Can earn credit.
    Sincere,
    /// Sponsored or incentivised: exposes, earns nothing.
    Paid,
    /// Rating ≤ 2 or sentiment < −0.3: dissuades, earns nothing.
    Negative,
}

/// One customer's recent actions on the product and, if remembered, the adoption.
#[derive(Debug)]
pub struct Person {
    pub customer: CustomerId,
    last_voice: Voice,
    before_voice: Voice,
    last_at: Time,
    last_beta: f64,
    /// The latest action strictly before the last; `Time::MIN` if there is none.
    before_at: Time,
    before_beta: f64,
    /// The last adopting action, from which the memory of the adoption runs.
    adopted_at: Time,
    adoption: Option<Box<Adoption>>,
}

/// A remembered adoption, with all that a refund must take back.
#[derive(Debug)]
pub struct Adoption {
    /// When its credit was given.
    pub since: Time,
    /// Category in which its credit was given.
    pub category: CategoryId,
    /// Purchases of this customer on this product less refunds.
    pub revenue: Money,
    /// Order lines not fully refunded: one as a rule, none for an adoption by review.
    pub orders: SmallVec<[OrderLine; 1]>,
    /// A purchase made it (refunding all order lines withdraws it), not a review.
    pub by_purchase: bool,
    /// Direct and indirect creditors; `None` if it was organic.
    pub shares: Option<Box<Shares>>,
}

/// A purchase that may still be refunded.
#[derive(Clone, Copy, Debug)]
pub struct OrderLine {
    /// Hash of the order id.
    pub order: u64,
    pub left: Money,
}

/// Who earned what of an adoption.
#[derive(Debug, Default)]
pub struct Shares {
    pub direct: Box<[Share]>,
    pub indirect: Box<[Share]>,
}

impl Person {
    /// The latest action strictly before `at`: its time, voice and the actor's conversion rate then.
    pub fn action_before(&self, at: Time) -> Option<(Time, Voice, f64)> {
        if self.last_at < at {
            Some((self.last_at, self.last_voice, self.last_beta))
        } else if self.before_at > Time::MIN && self.before_at < at {
            Some((self.before_at, self.before_voice, self.before_beta))
        } else {
            None
        }
    }

    /// Notes an action. At the time of a known one it takes its place; one older than both known ones is not kept.
    fn acted(&mut self, at: Time, voice: Voice, beta: f64) {
        if at > self.last_at {
            (self.before_at, self.before_voice, self.before_beta) = (self.last_at, self.last_voice, self.last_beta);
            (self.last_at, self.last_voice, self.last_beta) = (at, voice, beta);
        } else if at == self.last_at {
            (self.last_voice, self.last_beta) = (voice, beta);
        } else if at >= self.before_at {
            (self.before_at, self.before_voice, self.before_beta) = (at, voice, beta);
        }
    }

    /// The adoption, unless its memory passed before `at`.
    pub fn adoption_at(&self, at: Time, memory_ms: i64) -> Option<&Adoption> {
        self.adoption.as_deref().filter(|_| at.since(self.adopted_at) <= memory_ms)
    }

    /// The same, to be changed.
    pub fn adoption_at_mut(&mut self, at: Time, memory_ms: i64) -> Option<&mut Box<Adoption>> {
        self.adoption.as_mut().filter(|_| at.since(self.adopted_at) <= memory_ms)
    }

    /// A first adopting action at `at`.
    pub fn adopt(&mut self, at: Time, adoption: Adoption) {
        self.adoption = Some(Box::new(adoption));
        self.adopted_at = at;
    }

    /// A further adopting action: memory runs from the latest.
    pub fn renew(&mut self, at: Time) {
        self.adopted_at = self.adopted_at.max(at);
    }

    /// Ends the adoption.
    pub fn withdraw(&mut self) -> Option<Box<Adoption>> {
        self.adoption.take()
    }

    /// When nothing of the person matters any more.
    fn expires(&self, window_ms: i64, memory_ms: i64) -> Time {
        let exposure = self.last_at.plus(window_ms);
        if self.adoption.is_some() { exposure.max(self.adopted_at.plus(memory_ms)) } else { exposure }
    }
}

/// The people of one product.
#[derive(Debug, Default)]
pub struct People {
    index: HashTable<u32>,
    list: Vec<Person>,
    /// Nobody expires before.
    sweep_at: Time,
}

/// Numbers are dense: multiplication by an odd constant spreads them (Knuth, TAOCP 6.4); the high bits index the table.
fn spread(customer: CustomerId) -> u64 {
    u64::from(customer.0).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

impl People {
    pub fn find(&self, customer: CustomerId) -> Option<&Person> {
        let at = *self.index.find(spread(customer), |&at| self.list[at as usize].customer == customer)?;
        Some(&self.list[at as usize])
    }

    pub fn find_mut(&mut self, customer: CustomerId) -> Option<&mut Person> {
        let at = *self.index.find(spread(customer), |&at| self.list[at as usize].customer == customer)?;
        Some(&mut self.list[at as usize])
    }

    /// Notes an action and returns the actor's entry.
    pub fn act(&mut self, customer: CustomerId, at: Time, voice: Voice, beta: f64) -> &mut Person {
        let People { index, list, .. } = self;
        let found = index.find(spread(customer), |&i| list[i as usize].customer == customer).copied();
        let i = match found {
            Some(i) => {
                list[i as usize].acted(at, voice, beta);
                i
            }
            None => {
                let i = list.len() as u32;
                list.push(Person {
                    customer,
                    last_voice: voice,
                    before_voice: voice,
                    last_at: at,
                    last_beta: beta,
                    before_at: Time::MIN,
                    before_beta: 0.0,
                    adopted_at: Time::MIN,
                    adoption: None,
                });
                index.insert_unique(spread(customer), i, |&i| spread(list[i as usize].customer));
                i
            }
        };
        &mut list[i as usize]
    }

    /// Forgets who neither exposes nor is remembered at `now`.
    pub fn sweep(&mut self, now: Time, window_ms: i64, memory_ms: i64) {
        if now <= self.sweep_at {
            return;
        }
        let before = self.list.len();
        // Whoever comes from now on matters for the window at least.
        let mut next = now.plus(window_ms);
        self.list.retain(|person| {
            let expires = person.expires(window_ms, memory_ms);
            if expires >= now {
                next = next.min(expires);
            }
            expires >= now
        });
        self.sweep_at = next;
        if self.list.len() == before {
            return;
        }
        // Room for as many again: what was needed in a burst is given back after it.
        self.list.shrink_to(self.list.len() * 2);
        self.index.clear();
        self.index.shrink_to(self.list.len() * 2, |_| unreachable!("the index is empty"));
        for (i, person) in self.list.iter().enumerate() {
            self.index.insert_unique(spread(person.customer), i as u32, |&i| spread(self.list[i as usize].customer));
        }
    }

    /// Heap bytes held.
    pub fn bytes(&self) -> usize {
        let adoption = |adoption: &Adoption| {
            let shares = adoption
                .shares
                .as_deref()
                .map_or(0, |s| size_of::<Shares>() + (s.direct.len() + s.indirect.len()) * size_of::<Share>());
            let spilled = if adoption.orders.spilled() { adoption.orders.capacity() } else { 0 };
            size_of::<Adoption>() + spilled * size_of::<OrderLine>() + shares
        };
        let adoptions: usize = self.list.iter().filter_map(|p| p.adoption.as_deref()).map(adoption).sum();
        self.index.allocation_size() + self.list.capacity() * size_of::<Person>() + adoptions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_action_times_are_known() {
        let mut people = People::default();
        let who = CustomerId(9);
        assert!(people.find(who).is_none());
        people.act(who, Time(10), Voice::Sincere, 0.1);
        people.act(who, Time(20), Voice::Paid, 0.2);
        let person = people.find(who).expect("acted");
        assert_eq!(person.action_before(Time(21)), Some((Time(20), Voice::Paid, 0.2)));
        assert_eq!(person.action_before(Time(20)), Some((Time(10), Voice::Sincere, 0.1)), "strictly before");
        assert_eq!(person.action_before(Time(10)), None);
    }

    #[test]
    fn a_sweep_forgets_what_is_over_and_keeps_the_rest() {
        let mut people = People::default();
        for i in 0..100 {
            people.act(CustomerId(i), Time(i64::from(i)), Voice::Sincere, 0.0);
        }
        people.sweep(Time(149), 99, 1000);
        assert_eq!(people.list.len(), 50);
        assert!(people.find(CustomerId(49)).is_none() && people.find(CustomerId(50)).is_some());
    }
}
