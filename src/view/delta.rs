//! One epoch's changes with ids as text: made where the engine's names are at hand, published later.

use crate::engine::{Effects, Engine};
use crate::event::{CascadeChange, CategoryId, CustomerId, Output, ProductId, ScoreChange, Time};
use hashbrown::HashMap;
use std::sync::Arc;

/// What one epoch changes for readers; made on the engine's thread, published after its commit.
#[derive(Debug, Default)]
pub struct Delta {
    /// In the order of publishing.
    pub(super) changes: Vec<Change>,
    pub(super) joins: Vec<Join>,
}

/// A change that readers are told of.
#[derive(Clone, Debug)]
pub enum Change {
    Score(Arc<ScoreChanged>),
    Cascade(Arc<CascadeChanged>),
}

/// A score change and the names in it.
#[derive(Debug)]
pub struct ScoreChanged {
    pub customer: Arc<str>,
    /// Names of `change.categories`, in their order.
    pub categories: Box<[Arc<str>]>,
    /// Names of `change.traits.experts`, in their order.
    pub experts: Box<[Arc<str>]>,
    pub change: ScoreChange,
}

/// A cascade change and the names in it.
#[derive(Debug)]
pub struct CascadeChanged {
    pub product: Arc<str>,
    pub category: Arc<str>,
    pub root: Arc<str>,
    pub change: CascadeChange,
}

/// A customer joined a cascade.
#[derive(Debug)]
pub(super) struct Join {
    pub cascade: u64,
    pub customer: Arc<str>,
    pub parent: Option<Arc<str>>,
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

    /// The same with names from elsewhere, each asked for once. For tests that have no engine.
    pub fn with_names(
        effects: &Effects,
        customer: impl Fn(CustomerId) -> Arc<str>,
        product: impl Fn(ProductId) -> Arc<str>,
        category: impl Fn(CategoryId) -> Arc<str>,
    ) -> Delta {
        let mut customers = HashMap::<CustomerId, Arc<str>>::new();
        let mut products = HashMap::<ProductId, Arc<str>>::new();
        let mut categories = HashMap::<CategoryId, Arc<str>>::new();
        let mut customer = |id| customers.entry(id).or_insert_with(|| customer(id)).clone();
        let mut product = |id| products.entry(id).or_insert_with(|| product(id)).clone();
        let mut category = |id| categories.entry(id).or_insert_with(|| category(id)).clone();

        let changes = effects
            .outputs
            .iter()
            .map(|output| match output {
                Output::Score(change) => Change::Score(Arc::new(ScoreChanged {
                    customer: customer(change.customer),
                    categories: change.categories.iter().map(|standing| category(standing.category)).collect(),
                    experts: change.traits.experts.iter().map(|&expert| category(expert)).collect(),
                    change: (**change).clone(),
                })),
                Output::Cascade(change) => Change::Cascade(Arc::new(CascadeChanged {
                    product: product(change.product),
                    category: category(change.category),
                    root: customer(change.root),
                    change: (**change).clone(),
                })),
            })
            .collect();
        let joins = effects
            .joins
            .iter()
            .map(|join| Join {
                cascade: join.cascade,
                customer: customer(join.customer),
                parent: join.parent.map(&mut customer),
                depth: join.depth,
                at: join.at,
            })
            .collect();
        Delta { changes, joins }
    }
}
