//! A small market without chance: communities that follow each other and buy alike, in order of event time.

use std::fmt::Write;

/// One event, as a producer sends it.
pub struct Event {
    pub topic: &'static str,
    pub key: String,
    pub value: String,
    pub at: i64,
}

/// Beginning of the stream: 2024-01-01.
const START: i64 = 1_704_067_200_000;

/// A splitmix64 sequence: the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// `count` events over about thirty days.
pub fn events(seed: u64, count: usize) -> Vec<Event> {
    const CUSTOMERS: u64 = 800;
    let mut dice = Dice(seed);
    let step = 30 * 86_400_000 / count as u64;
    let mut orders: Vec<(u64, u64, usize)> = Vec::new();
    let mut events = Vec::with_capacity(count);
    for number in 0..count {
        let at = START + (number as u64 * step + dice.below(step.max(1))) as i64;
        // The square favours small numbers: some are followed, and bought from, far more than others.
        let customer = dice.below(CUSTOMERS);
        let followed = dice.below(CUSTOMERS) * dice.below(CUSTOMERS) / CUSTOMERS;
        let product = dice.below(60) * dice.below(60) / 60;
        let head = format!("\"event_id\":\"e{number}\",\"occurred_at\":{at}");
        let mut value = String::from("{");
        let kind = if number < count / 4 { dice.below(2) } else { 1 + dice.below(9) };
        let topic = match kind {
            0 | 1 if customer != followed => {
                let action = if dice.below(20) == 0 { "unfollow" } else { "follow" };
                let _ = write!(
                    value,
                    "{head},\"follower_id\":\"c{customer}\",\"followee_id\":\"c{followed}\",\"action\":\"{action}\"}}"
                );
                "social.follows"
            }
            2 => {
                let sentiment = dice.below(20) as f64 / 10.0 - 1.0;
                let _ = write!(
                    value,
                    "{head},\"author_id\":\"c{customer}\",\"platform\":\"instagram\",\"product_id\":\"p{product}\",\
                     \"category\":\"k{}\",\"sentiment\":{sentiment},\"impressions\":{},\"likes\":{}}}",
                    product % 5,
                    dice.below(5000),
                    dice.below(50)
                );
                "social.mentions"
            }
            3 => {
                let _ = write!(
                    value,
                    "{head},\"customer_id\":\"c{customer}\",\"product_id\":\"p{product}\",\"category\":\"k{}\",\
                     \"rating\":{},\"verified\":true,\"helpful_votes\":{}}}",
                    product % 5,
                    1 + dice.below(5),
                    dice.below(4)
                );
                "commerce.reviews"
            }
            4 if !orders.is_empty() => {
                let (customer, product, order) = orders.swap_remove(dice.below(orders.len() as u64) as usize);
                let _ = write!(
                    value,
                    "{head},\"kind\":\"refund\",\"customer_id\":\"c{customer}\",\"order_id\":\"o{order}\",\
                     \"product_id\":\"p{product}\",\"category\":\"k{}\",\"amount\":\"5.00\",\"currency\":\"EUR\"}}",
                    product % 5
                );
                "commerce.purchases"
            }
            _ => {
                orders.push((customer, product, number));
                let _ = write!(
                    value,
                    "{head},\"customer_id\":\"c{customer}\",\"order_id\":\"o{number}\",\"product_id\":\"p{product}\",\
                     \"category\":\"k{}\",\"amount\":\"{}.99\",\"currency\":\"EUR\"}}",
                    product % 5,
                    5 + dice.below(90)
                );
                "commerce.purchases"
            }
        };
        events.push(Event { topic, key: format!("c{customer}"), value, at });
    }
    events
}
