//! One epoch's changes with ids as text: made where the engine's names are at hand, published later.

use super::customer::{Customer, State};
use crate::engine::{Effects, Engine};
use crate::event::{CascadeChange, CategoryId, CustomerId, Output, ProductId, ScoreChange, Time};
use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::sync::Arc;

/// What one epoch changes for readers; made on the engine's thread, published after its commit. It holds each customer
/// once, as it stands at the epoch's end, however often it changed: nobody sees what was in between, but for the history in short.
#[derive(Debug, Default)]
pub struct Delta {
    /// In the order of publishing; a customer stands where it changed first.
    pub(super) changes: Vec<Fresh>,
    pub(super) joins: Vec<Join>,
    /// Names of the categories that occur in `changes`.
    pub(super) categories: HashMap<CategoryId, CompactString>,
}

/// What is new at the end of an epoch.
#[derive(Debug)]
pub(super) enum Fresh {
    Customer(CompactString, Box<State>),
    Cascade(Arc<CascadeChanged>),
}

/// A change that readers of the stream are told of.
#[derive(Clone, Debug)]
pub enum Change {
    /// The customer's last change in the epoch.
    Score(Arc<Customer>),
    Cascade(Arc<CascadeChanged>),
}

/// A cascade change and the names in it.
#[derive(Debug)]
pub struct CascadeChanged {
    pub product: CompactString,
    pub category: CompactString,
    pub root: CompactString,
    pub change: CascadeChange,
}

/// A customer joined a cascade.
#[derive(Debug)]
pub(super) struct Join {
    pub cascade: u64,
    pub customer: CompactString,
    pub parent: Option<CompactString>,
    pub depth: u32,
    pub at: Time,
}

impl Delta {
    /// Resolves the ids of `effects`.
    #[must_use]
    pub fn new(effects: &Effects, engine: &Engine) -> Delta {
        Delta::with_names(
            effects,
            |customer| engine.customer_name(customer).into(),
            |product| engine.product_name(product).into(),
            |category| engine.category_name(category).into(),
        )
    }

    /// The same with names from elsewhere. For tests that have no engine.
    pub fn with_names(
        effects: &Effects,
        customer: impl Fn(CustomerId) -> CompactString,
        product: impl Fn(ProductId) -> CompactString,
        category: impl Fn(CategoryId) -> CompactString,
    ) -> Delta {
        let mut delta = Delta { changes: Vec::with_capacity(effects.outputs.len()), ..Delta::default() };
        let mut seen = HashMap::with_capacity(effects.outputs.len());
        for output in &effects.outputs {
            match output {
                Output::Score(change) => {
                    let standings = change.categories.iter().map(|standing| standing.category);
                    for id in standings.chain(change.traits.experts.iter().copied()) {
                        delta.categories.entry(id).or_insert_with(|| category(id));
                    }
                    delta.score(change, seen.entry(change.customer), &customer);
                }
                Output::Cascade(change) => delta.changes.push(Fresh::Cascade(Arc::new(CascadeChanged {
                    product: product(change.product),
                    category: category(change.category),
                    root: customer(change.root),
                    change: (**change).clone(),
                }))),
            }
        }
        let joins = effects.joins.iter().map(|join| Join {
            cascade: join.cascade,
            customer: customer(join.customer),
            parent: join.parent.map(&customer),
            depth: join.depth,
            at: join.at,
        });
        delta.joins.extend(joins);
        delta
    }

    fn score<S>(
        &mut self,
        change: &ScoreChange,
        place: Entry<'_, CustomerId, usize, S>,
        name: impl Fn(CustomerId) -> CompactString,
    ) where
        S: std::hash::BuildHasher,
    {
        let mut state = Box::new(State::new(change));
        match place {
            Entry::Occupied(place) => {
                if let Fresh::Customer(_, before) = &mut self.changes[*place.get()] {
                    state.follow(before);
                    *before = state;
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.changes.len());
                self.changes.push(Fresh::Customer(name(change.customer), state));
            }
        }
    }
}
