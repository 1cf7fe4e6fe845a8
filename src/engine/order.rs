//! The reorder buffer and the dedupe horizon: from records in order of arrival to events in their total order.

use crate::event::{CategoryId, CustomerId, Money, Origin, Position, ProductId, Time, Topic};
use compact_str::CompactString;
use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// The total order: event time, topic rank, hash of the id, hash of the value. Only a repeated record ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Event time, or the watermark at arrival if the record was late.
    pub at: Time,
    rank: Topic,
    id: u64,
    value: u64,
}

impl Key {
    /// The place of a record whose id hashes to `id`.
    pub fn new(at: Time, rank: Topic, id: u128, value: &str) -> Key {
        Key { at, rank, id: id as u64, value: xxh3_64(value.as_bytes()) }
    }
}

/// Hash by which a repeated event is known: ids need only be unique within their topic.
pub fn identity(topic: Topic, event_id: &str) -> u128 {
    xxh3_128_with_seed(event_id.as_bytes(), topic as u64)
}

/// An event with its ids interned, waiting for the watermark.
#[derive(Debug)]
pub struct Waiting {
    /// The event's own time: decides exposure even if the record was late.
    pub at: Time,
    pub identity: u128,
    pub position: Position,
    pub event_id: CompactString,
    pub action: Action,
}

/// What happened, by numbers.
#[derive(Debug)]
pub enum Action {
    Follow { follower: CustomerId, followee: CustomerId },
    Unfollow { follower: CustomerId, followee: CustomerId },
    Mention(Box<MentionOf>),
    Review(ReviewOf),
    Purchase(PurchaseOf),
    Refund(Box<RefundOf>),
}

#[derive(Debug)]
pub struct MentionOf {
    pub author: CustomerId,
    pub product: Option<ProductId>,
    pub category: Option<CategoryId>,
    pub sentiment: f64,
    pub audience: Option<u64>,
    /// Whether the audience reaches the macro threshold of the mention's platform.
    pub macro_audience: bool,
    pub impressions: u64,
    pub interactions: u64,
    pub referral_code: Option<CompactString>,
    pub sponsored: bool,
}

#[derive(Debug)]
pub struct ReviewOf {
    pub customer: CustomerId,
    pub product: ProductId,
    pub category: CategoryId,
    pub rating: u8,
    pub verified: bool,
    pub incentivised: bool,
    pub helpful_votes: u64,
}

#[derive(Debug)]
pub struct PurchaseOf {
    pub customer: CustomerId,
    pub product: ProductId,
    pub category: CategoryId,
    /// Hash of the order id.
    pub order: u64,
    pub amount: Money,
    pub referral_code: Option<CompactString>,
}

#[derive(Debug)]
pub struct RefundOf {
    pub customer: CustomerId,
    pub product: ProductId,
    pub order: u64,
    pub amount: Money,
    /// The original value and origin, should the order turn out to be unknown.
    pub value: Box<str>,
    pub origin: Option<Box<Origin>>,
}

/// Holds records until the watermark passes them. Bounded by the runtime, which pauses what runs ahead.
#[derive(Debug, Default)]
pub struct ReorderBuffer {
    /// Sorted up to `sorted`, then in order of arrival.
    queue: Vec<(Key, u32)>,
    slots: Vec<Option<Waiting>>,
    free: Vec<u32>,
}

impl ReorderBuffer {
    pub fn push(&mut self, key: Key, waiting: Waiting) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(waiting);
                slot
            }
            None => {
                self.slots.push(Some(waiting));
                (self.slots.len() - 1) as u32
            }
        };
        self.queue.push((key, slot));
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Moves the keys of everything before `watermark` to `released`, in order; [`ReorderBuffer::take`] gives the events.
    pub fn release(&mut self, watermark: Time, released: &mut Vec<(Key, u32)>) {
        // What waited is sorted already and partitions arrive nearly in order: a run-adaptive merge sort is almost linear here.
        self.queue.sort();
        let due = self.queue.partition_point(|(key, _)| key.at < watermark);
        released.extend(self.queue.drain(..due));
    }

    /// The event of a released key; its slot is free afterwards.
    pub fn take(&mut self, slot: u32) -> Waiting {
        self.free.push(slot);
        self.slots[slot as usize].take().expect("a released slot is taken once")
    }
}

/// Remembers the identities of events for at least `horizon_ms` of event time, at most twice that.
///
/// Two generations: the older is forgotten as a whole when the younger is full or spans the horizon. What a full generation
/// forgets early is counted by the caller.
#[derive(Debug)]
pub struct Horizon {
    horizon_ms: i64,
    max: usize,
    young: HashTable<u128>,
    old: HashTable<u128>,
    young_since: Time,
}

impl Horizon {
    pub fn new(horizon_ms: i64, max: usize) -> Self {
        Horizon { horizon_ms, max, young: HashTable::new(), old: HashTable::new(), young_since: Time::MIN }
    }

    /// Whether `identity` is new at `at`; it is remembered from now on. Sets `overflow` if memory, not time, ended a generation.
    pub fn admit(&mut self, identity: u128, at: Time, overflow: &mut u64) -> bool {
        if self.young_since == Time::MIN {
            self.young_since = at;
        }
        let full = self.young.len() >= self.max;
        if full || at.since(self.young_since) >= self.horizon_ms {
            *overflow += u64::from(full);
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            self.young_since = at;
        }
        let hash = identity as u64;
        if self.old.find(hash, |&known| known == identity).is_some() {
            return false;
        }
        match self.young.entry(hash, |&known| known == identity, |&known| known as u64) {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(identity);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_known_for_a_horizon_and_forgotten_after_two() {
        let (mut horizon, mut overflow) = (Horizon::new(100, 1000), 0);
        assert!(horizon.admit(1, Time(0), &mut overflow));
        assert!(!horizon.admit(1, Time(99), &mut overflow));
        assert!(horizon.admit(2, Time(100), &mut overflow), "starts the second generation");
        assert!(!horizon.admit(1, Time(199), &mut overflow));
        assert!(horizon.admit(3, Time(200), &mut overflow), "forgets the first generation");
        assert!(horizon.admit(1, Time(201), &mut overflow));
        assert_eq!(overflow, 0);
    }

    #[test]
    fn memory_is_bounded_and_the_limit_is_counted() {
        let (mut horizon, mut overflow) = (Horizon::new(i64::MAX, 10), 0);
        for id in 0..100 {
            horizon.admit(id, Time(0), &mut overflow);
        }
        assert_eq!(overflow, 9);
        assert!(horizon.young.len() + horizon.old.len() <= 20);
    }
}
