//! The demo's memory of what happened, so that a cause can be told as a story.

use crate::event::{DAY_MS, Time};
use crate::simulate::{SimBody, SimEvent};
use std::collections::{HashMap, HashSet};

/// How long an action may be ago to be named as what somebody followed: the engine's window.
const WINDOW_MS: i64 = 14 * DAY_MS;

/// All events so far, by number.
#[derive(Debug, Default)]
pub struct Past {
    events: Vec<SimEvent>,
}

/// Somebody bought what somebody else had acted on before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Followed<'a> {
    pub purchase: &'a SimEvent,
    pub before: &'a SimEvent,
}

impl Past {
    /// Repeats are left out: they have the number of the first.
    pub fn push(&mut self, event: SimEvent) {
        if event.number == self.events.len() as u64 + 1 {
            self.events.push(event);
        }
    }

    /// The event with the `event_id` `id`.
    #[must_use]
    pub fn event(&self, id: &str) -> Option<&SimEvent> {
        let number: usize = id.strip_prefix('e')?.parse().ok()?;
        self.events.get(number.checked_sub(1)?)
    }

    /// What `customer` did last about the product of `purchase`, before it and within the window.
    #[must_use]
    pub fn led_to<'a>(&'a self, customer: u32, purchase: &'a SimEvent) -> Option<Followed<'a>> {
        let product = product(purchase)?;
        let led = |event: &&SimEvent| {
            event.customer() == customer
                && self::product(event) == Some(product)
                && event.at < purchase.at
                && purchase.at.since(event.at) <= WINDOW_MS
        };
        self.events.iter().rev().find(led).map(|before| Followed { purchase, before })
    }

    /// The last purchase up to `until` by a follower of `customer` of something that `customer` had acted on.
    #[must_use]
    pub fn last_followed(&self, customer: u32, until: Time) -> Option<Followed<'_>> {
        let mut followers = HashSet::new();
        let mut acted: HashMap<u32, &SimEvent> = HashMap::new();
        let mut last = None;
        for event in self.events.iter().filter(|event| event.at <= until) {
            match &event.body {
                SimBody::Follow { follower, followee, follows } if *followee == customer => {
                    if *follows {
                        followers.insert(*follower);
                    } else {
                        followers.remove(follower);
                    }
                }
                _ if event.customer() == customer => {
                    if let Some(product) = product(event) {
                        acted.insert(product, event);
                    }
                }
                SimBody::Purchase { customer: buyer, product, .. } if followers.contains(buyer) => {
                    let recent = |before: &&&SimEvent| event.at.since(before.at) <= WINDOW_MS;
                    if let Some(before) = acted.get(product).filter(recent) {
                        last = Some(Followed { purchase: event, before });
                    }
                }
                _ => {}
            }
        }
        last
    }
}

/// The product that somebody acted on: refunds and follows are no such actions.
fn product(event: &SimEvent) -> Option<u32> {
    match &event.body {
        SimBody::Mention(mention) => Some(mention.product),
        SimBody::Review { product, .. } | SimBody::Purchase { product, .. } => Some(*product),
        SimBody::Follow { .. } | SimBody::Refund { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purchase(number: u64, at: i64, customer: u32, product: u32) -> SimEvent {
        let body = SimBody::Purchase { customer, order: number, product, category: 0, cents: 100, code: None };
        SimEvent { number, at: Time(at), body }
    }

    fn follow(number: u64, follower: u32, followee: u32) -> SimEvent {
        SimEvent { number, at: Time(0), body: SimBody::Follow { follower, followee, follows: true } }
    }

    #[test]
    fn the_last_follower_who_bought_after_is_found() {
        let mut past = Past::default();
        for event in [
            follow(1, 7, 3),
            purchase(2, 10, 3, 5),
            purchase(3, 20, 7, 5),
            purchase(4, 30, 8, 5),
            purchase(5, 40, 7, 6),
            purchase(5, 40, 7, 6),
        ] {
            past.push(event);
        }
        let followed = past.last_followed(3, Time(100)).expect("customer 7 followed");
        assert_eq!((followed.purchase.number, followed.before.number), (3, 2));
        assert_eq!(past.last_followed(3, Time(15)), None);
        let stranger = past.event("e4").expect("it happened");
        assert_eq!(past.led_to(3, stranger).map(|followed| followed.before.number), Some(2));
        assert_eq!(past.event("e6"), None, "a repeat has no number of its own");
    }
}
