//! The latest cascades with their trees, bounded in number and size.

use super::delta::{CascadeChanged, Change, Delta, Join};
use crate::event::{CascadeStatus, Time};
use hashbrown::{HashMap, HashTable};
use std::collections::BTreeSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A cascade and its tree.
#[derive(Clone, Debug)]
pub struct Cascade {
    pub latest: Arc<CascadeChanged>,
    /// Parents before their children, the root first.
    pub tree: Vec<Node>,
    /// Customers who are not in `tree`: it was full, or the cascade had been forgotten when they joined.
    pub left_out: u32,
}

/// A customer in a cascade's tree.
#[derive(Clone, Debug)]
pub struct Node {
    pub customer: Arc<str>,
    /// Index of the parent in the tree; `None` for the root, or when the parent was left out.
    pub parent: Option<u32>,
    pub depth: u32,
    pub at: Time,
}

/// The cascades that are kept. When there are too many, closed ones go first, the one that changed least recently before
/// the others; an open one that was forgotten comes back, with what is left of its tree, when it changes again.
pub(super) struct Cascades {
    kept: HashMap<u64, Kept>,
    /// (open, number of the last change, cascade): the first is the next to be forgotten.
    order: BTreeSet<(bool, u64, u64)>,
    changes: u64,
    max: usize,
    tree_max: usize,
    pub forgotten: u64,
    pub left_out: u64,
}

struct Kept {
    latest: Arc<CascadeChanged>,
    place: (bool, u64, u64),
    tree: Tree,
}

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    by_customer: HashTable<u32>,
    left_out: u32,
}

impl Cascades {
    pub fn new(max: usize, tree_max: usize) -> Cascades {
        Cascades { kept: HashMap::new(), order: BTreeSet::new(), changes: 0, max, tree_max, forgotten: 0, left_out: 0 }
    }

    /// Takes over the changes and joins of one epoch.
    pub fn apply(&mut self, delta: &Delta) {
        for change in &delta.changes {
            if let Change::Cascade(changed) = change {
                self.change(changed);
            }
        }
        // Joins come after all changes: a tree is drawn only for a cascade that was detected.
        for join in &delta.joins {
            if let Some(kept) = self.kept.get_mut(&join.cascade)
                && !kept.tree.add(join, self.tree_max)
            {
                self.left_out += 1;
            }
        }
        while self.kept.len() > self.max
            && let Some((_, _, cascade)) = self.order.pop_first()
        {
            self.kept.remove(&cascade);
            self.forgotten += 1;
        }
    }

    /// Open ones first, the latest change first.
    pub fn latest(&self, open: Option<bool>, limit: usize) -> Vec<Arc<CascadeChanged>> {
        let wanted = self.order.iter().rev().filter(|(is_open, _, _)| open.is_none_or(|open| open == *is_open));
        wanted.take(limit).map(|(_, _, cascade)| self.kept[cascade].latest.clone()).collect()
    }

    pub fn one(&self, id: u64) -> Option<Cascade> {
        self.kept.get(&id).map(|kept| Cascade {
            latest: kept.latest.clone(),
            tree: kept.tree.nodes.clone(),
            // More are missing if it was forgotten for a while.
            left_out: kept.tree.left_out.max(kept.latest.change.size.saturating_sub(kept.tree.nodes.len() as u32)),
        })
    }

    fn change(&mut self, changed: &Arc<CascadeChanged>) {
        let id = changed.change.cascade;
        let place = (changed.change.status != CascadeStatus::Closed, self.changes, id);
        self.changes += 1;
        match self.kept.get_mut(&id) {
            Some(kept) => {
                self.order.remove(&kept.place);
                kept.latest = changed.clone();
                kept.place = place;
            }
            None => {
                self.kept.insert(id, Kept { latest: changed.clone(), place, tree: Tree::default() });
            }
        }
        self.order.insert(place);
    }
}

impl Tree {
    /// Adds a customer unless it is there; `false` if the tree is full.
    fn add(&mut self, join: &Join, max: usize) -> bool {
        if self.index(&join.customer).is_some() {
            return true;
        }
        if self.nodes.len() >= max {
            self.left_out += 1;
            return false;
        }
        let parent = join.parent.as_deref().and_then(|parent| self.index(parent));
        let index = self.nodes.len() as u32;
        self.nodes.push(Node { customer: join.customer.clone(), parent, depth: join.depth, at: join.at });
        let nodes = &self.nodes;
        self.by_customer.insert_unique(hash(&join.customer), index, |&node| hash(&nodes[node as usize].customer));
        true
    }

    fn index(&self, customer: &str) -> Option<u32> {
        self.by_customer.find(hash(customer), |&node| *self.nodes[node as usize].customer == *customer).copied()
    }
}

fn hash(customer: &str) -> u64 {
    xxh3_64(customer.as_bytes())
}
