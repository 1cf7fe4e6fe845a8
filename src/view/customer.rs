//! The latest published state of every customer, and the leaderboards over them.

use super::board::{Board, Place, Rank};
use super::delta::ScoreChanged;
use crate::event::{Cause, CauseKind, CreditHeld, Factor, FactorPoints, Layer, Points, Time, TotalValue};
use hashbrown::{HashMap, HashTable};
use std::mem;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Changes remembered of a customer.
pub const RECENT_MAX: usize = 8;

/// The latest published state of a customer: fields of its last score change, and its last few changes in short.
#[derive(Clone, Debug)]
pub struct Customer {
    pub id: Arc<str>,
    pub sequence: u32,
    pub score: Points,
    pub previous_score: Points,
    pub layer: Layer,
    pub previous_layer: Layer,
    /// −100..=100.
    pub polarity: i8,
    pub super_connector: bool,
    pub critic: bool,
    /// 0..=1000.
    pub percentile: u16,
    pub factors: [FactorPoints; 7],
    pub categories: Box<[CategoryStanding]>,
    /// Categories of the trait `expert:<category>`.
    pub experts: Box<[Arc<str>]>,
    pub value: TotalValue,
    pub credit: CreditHeld,
    pub followers: u32,
    pub audience: u64,
    pub cause: Cause,
    pub at: Time,
    /// The last changes, oldest first, the latest included; at most [`RECENT_MAX`].
    pub recent: Box<[Recent]>,
}

/// A customer's standing in one category.
#[derive(Clone, Debug)]
pub struct CategoryStanding {
    pub category: Arc<str>,
    pub score: Points,
    /// Decayed, in adoptions.
    pub credit: f64,
}

/// A change in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    pub at: Time,
    pub score: Points,
    pub previous_score: Points,
    pub layer: Layer,
    /// `None`: decay.
    pub cause: Option<CauseKind>,
}

/// All customers by id, and the boards. A customer's slot is its index in `all`.
#[derive(Default)]
pub(super) struct Customers {
    #[expect(clippy::vec_box, reason = "growth moves and over-allocates pointers instead of states")]
    all: Vec<Box<Customer>>,
    by_id: HashTable<u32>,
    boards: [Board; 5],
    categories: HashMap<Arc<str>, Board>,
}

/// Where a customer stood before the epoch; `None` for one who is new.
struct Before {
    slot: u32,
    stood: Option<(Layer, [i64; 5], Box<[CategoryStanding]>)>,
}

impl Customers {
    /// Takes over the changes of one epoch, in order. The boards move once per customer, however often it changed.
    pub fn apply<'a>(&mut self, changes: impl Iterator<Item = &'a ScoreChanged>) {
        let mut touched = HashMap::<u32, Before>::new();
        for changed in changes {
            let categories = self.standings(changed);
            if let Some(slot) = self.slot(&changed.customer) {
                let customer = &mut self.all[slot as usize];
                let (layer, measures) = (customer.layer, measures(customer));
                let standings = customer.take(changed, categories);
                touched.entry(slot).or_insert(Before { slot, stood: Some((layer, measures, standings)) });
            } else {
                let slot = self.insert(Customer::new(changed, categories));
                touched.insert(slot, Before { slot, stood: None });
            }
        }
        for before in touched.into_values() {
            self.rerank(before);
        }
    }

    /// The customer with this id.
    pub fn one(&self, id: &str) -> Option<&Customer> {
        self.slot(id).map(|slot| &*self.all[slot as usize])
    }

    /// The first by rank, or in a category.
    pub fn top(&self, rank: Rank, category: Option<&str>, layer: Option<Layer>, limit: usize) -> Vec<Customer> {
        let board = match category {
            Some(category) => self.categories.get(category),
            None => Some(&self.boards[rank as usize]),
        };
        let slots = board.map(|board| board.top(layer, limit)).unwrap_or_default();
        slots.into_iter().map(|slot| (*self.all[slot as usize]).clone()).collect()
    }

    fn slot(&self, id: &str) -> Option<u32> {
        self.by_id.find(xxh3_64(id.as_bytes()), |&slot| *self.all[slot as usize].id == *id).copied()
    }

    fn insert(&mut self, customer: Customer) -> u32 {
        let slot = self.all.len() as u32;
        let hash = xxh3_64(customer.id.as_bytes());
        self.all.push(Box::new(customer));
        let all = &self.all;
        self.by_id.insert_unique(hash, slot, |&slot| xxh3_64(all[slot as usize].id.as_bytes()));
        slot
    }

    /// The category standings of a change, with names shared by all customers.
    fn standings(&mut self, changed: &ScoreChanged) -> Box<[CategoryStanding]> {
        let named = changed.categories.iter().zip(&changed.change.categories);
        named
            .map(|(name, standing)| {
                if !self.categories.contains_key(name) {
                    self.categories.insert(name.clone(), Board::default());
                }
                let category =
                    self.categories.get_key_value(name).map_or_else(|| name.clone(), |(shared, _)| shared.clone());
                CategoryStanding { category, score: standing.score, credit: standing.credit }
            })
            .collect()
    }

    /// Moves a customer on all boards from where it stood to where it stands.
    fn rerank(&mut self, before: Before) {
        let slot = before.slot;
        let customer = &self.all[slot as usize];
        let tie = xxh3_64(customer.id.as_bytes()) as u32;
        let place = |measure| Place { measure, tie, slot };
        let now = measures(customer);
        for rank in Rank::ALL {
            let stood = before.stood.as_ref().map(|(layer, measures, _)| (*layer, place(measures[rank as usize])));
            self.boards[rank as usize].shift(stood, Some((customer.layer, place(now[rank as usize]))));
        }
        let (layer_before, old) = match &before.stood {
            Some((layer, _, standings)) => (*layer, &standings[..]),
            None => (customer.layer, &[][..]),
        };
        let find = |standings: &[CategoryStanding], name: &str| {
            standings.iter().find(|standing| *standing.category == *name).map(measure_in_category)
        };
        for standing in &customer.categories {
            let stood = find(old, &standing.category).map(|measure| (layer_before, place(measure)));
            let stands = Some((customer.layer, place(measure_in_category(standing))));
            self.categories.entry(standing.category.clone()).or_default().shift(stood, stands);
        }
        for standing in old.iter().filter(|standing| find(&customer.categories, &standing.category).is_none()) {
            let stood = Some((layer_before, place(measure_in_category(standing))));
            self.categories.entry(standing.category.clone()).or_default().shift(stood, None);
        }
    }
}

impl Customer {
    fn new(changed: &ScoreChanged, categories: Box<[CategoryStanding]>) -> Customer {
        let change = &changed.change;
        let mut customer = Customer {
            id: changed.customer.clone(),
            sequence: 0,
            score: change.score,
            previous_score: change.previous_score,
            layer: change.layer,
            previous_layer: change.previous_layer,
            polarity: 0,
            super_connector: false,
            critic: false,
            percentile: 0,
            factors: [FactorPoints::default(); 7],
            categories: Box::default(),
            experts: Box::default(),
            value: TotalValue::default(),
            credit: CreditHeld::default(),
            followers: 0,
            audience: 0,
            cause: Cause::Decay,
            at: change.at,
            recent: Box::default(),
        };
        customer.take(changed, categories);
        customer
    }

    /// Takes over a change; returns the category standings that it replaced.
    fn take(&mut self, changed: &ScoreChanged, categories: Box<[CategoryStanding]>) -> Box<[CategoryStanding]> {
        let change = &changed.change;
        self.sequence = change.sequence;
        self.score = change.score;
        self.previous_score = change.previous_score;
        self.layer = change.layer;
        self.previous_layer = change.previous_layer;
        self.polarity = change.polarity;
        self.super_connector = change.traits.super_connector;
        self.critic = change.traits.critic;
        self.percentile = change.percentile;
        self.factors = change.factors;
        self.experts.clone_from(&changed.experts);
        self.value = change.value;
        self.credit = change.credit;
        self.followers = change.followers;
        self.audience = change.audience;
        self.cause.clone_from(&change.cause);
        self.at = change.at;
        // Exactly as long as needed: most customers change once or twice, and a spare entry each would be gigabytes.
        let mut recent = mem::take(&mut self.recent).into_vec();
        if recent.len() == RECENT_MAX {
            recent.remove(0);
        }
        recent.reserve_exact(1);
        recent.push(Recent {
            at: change.at,
            score: change.score,
            previous_score: change.previous_score,
            layer: change.layer,
            cause: match &change.cause {
                Cause::Event { kind, .. } => Some(*kind),
                Cause::Decay => None,
            },
        });
        self.recent = recent.into_boxed_slice();
        mem::replace(&mut self.categories, categories)
    }
}

/// By [`Rank`], in its order.
fn measures(customer: &Customer) -> [i64; 5] {
    Rank::ALL.map(|rank| match rank {
        Rank::Score => i64::from(customer.score.0),
        Rank::Persuasion => i64::from(customer.factors[Factor::Persuasion as usize].points.0),
        Rank::Credit => customer.credit.direct.0 + customer.credit.indirect.0,
        Rank::InfluencedValue => customer.value.influenced_direct.0 + customer.value.influenced_indirect.0,
        Rank::Followers => i64::from(customer.followers),
    })
}

/// Billionths of decayed credit: orders like the category score, but finer.
fn measure_in_category(standing: &CategoryStanding) -> i64 {
    (standing.credit * 1e9) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A customer with a 12-byte id, a 36-byte event id, one category and two changes: 400 bytes at most.
    #[test]
    fn an_ordinary_customer_fits_400_bytes() {
        let heap = (16 + 12) + 40 + mem::size_of::<CategoryStanding>() + 2 * mem::size_of::<Recent>();
        let index = 8 + 6;
        let total = mem::size_of::<Customer>() + heap + index;
        assert!(total <= 400, "{total} bytes, {} of them the struct", mem::size_of::<Customer>());
    }
}
