//! The forest of one product: who adopted after whom, with the measures of each tree kept as it grows.
//!
//! Only trees of two and more exist here: an adoption that nobody followed costs nothing. A tree lives until no adoption joined it
//! for the window, so memory follows the adoptions in the window.

use crate::event::{CategoryId, CustomerId, Money, Time};
use hashbrown::HashMap;

/// A customer's place in a tree.
#[derive(Clone, Debug)]
struct Node {
    customer: CustomerId,
    parent: Option<u32>,
    depth: u32,
    at: Time,
    /// Nodes in the subtree, this one included, and the sum of their distances from here.
    size: u64,
    below: u64,
}

/// One cascade.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Hash of product, root and start.
    pub id: u64,
    pub category: CategoryId,
    pub started_at: Time,
    pub last_adoption_at: Time,
    pub revenue: Money,
    pub withdrawn: u32,
    pub depth: u32,
    /// Size at which the next change is published; the first is the detection.
    pub publish_at: u32,
    pub detected: bool,
    /// Customers at each depth.
    breadth: Vec<u32>,
    /// Sum of distances over ordered pairs (the Wiener index, twice).
    distances: u128,
    nodes: Vec<Node>,
}

/// A member of a tree, for readers.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub customer: CustomerId,
    pub parent: Option<CustomerId>,
    pub depth: u32,
    pub at: Time,
}

impl Tree {
    /// A tree of its root alone.
    pub fn new(id: u64, root: CustomerId, category: CategoryId, at: Time, revenue: Money, publish_at: u32) -> Tree {
        Tree {
            id,
            category,
            started_at: at,
            last_adoption_at: at,
            revenue,
            withdrawn: 0,
            depth: 0,
            publish_at,
            detected: false,
            breadth: vec![1],
            distances: 0,
            nodes: vec![Node { customer: root, parent: None, depth: 0, at, size: 1, below: 0 }],
        }
    }

    pub fn root(&self) -> CustomerId {
        self.nodes[0].customer
    }

    pub fn size(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Largest number of customers at one depth.
    pub fn breadth(&self) -> u32 {
        self.breadth.iter().copied().max().unwrap_or(0)
    }

    /// Structural virality: mean distance over all pairs (Goel, Anderson, Hofman, Watts 2016); 0 for a root alone.
    pub fn virality(&self) -> f64 {
        let n = self.nodes.len() as f64;
        if n < 2.0 { 0.0 } else { self.distances as f64 / (n * (n - 1.0)) }
    }

    /// Hangs `customer` below node `parent` in O(depth), and returns its node.
    fn attach(&mut self, customer: CustomerId, parent: u32, at: Time) -> u32 {
        // Distances from the parent to everybody: walk up, adding each ancestor's other branches at their distance.
        let (mut total, mut steps, mut v) = (u128::from(self.nodes[parent as usize].below), 0, parent);
        while let Some(u) = self.nodes[v as usize].parent {
            steps += 1;
            let (node, up) = (&self.nodes[v as usize], &self.nodes[u as usize]);
            total += u128::from(up.below - (node.below + node.size)) + steps * u128::from(up.size - node.size);
            v = u;
        }
        self.distances += 2 * (total + self.nodes.len() as u128);
        let (mut up, mut distance) = (Some(parent), 1);
        while let Some(v) = up {
            let node = &mut self.nodes[v as usize];
            node.size += 1;
            node.below += distance;
            distance += 1;
            up = node.parent;
        }
        let depth = self.nodes[parent as usize].depth + 1;
        self.depth = self.depth.max(depth);
        if self.breadth.len() <= depth as usize {
            self.breadth.push(0);
        }
        self.breadth[depth as usize] += 1;
        self.nodes.push(Node { customer, parent: Some(parent), depth, at, size: 1, below: 0 });
        // A late adoption joins at its own time, but does not shorten the life of the tree.
        self.last_adoption_at = self.last_adoption_at.max(at);
        self.size() - 1
    }

    fn member(&self, node: &Node) -> Member {
        let parent = node.parent.map(|parent| self.nodes[parent as usize].customer);
        Member { customer: node.customer, parent, depth: node.depth, at: node.at }
    }

    /// All members in the order of their joining, the root first.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        self.nodes.iter().map(|node| self.member(node))
    }

    /// The member that joined last.
    pub fn newest(&self) -> Member {
        self.member(&self.nodes[self.nodes.len() - 1])
    }
}

/// The live trees of one product.
#[derive(Debug, Default)]
pub struct Forest {
    trees: HashMap<u64, Tree>,
    /// Customer → (tree, node).
    places: HashMap<CustomerId, (u64, u32)>,
}

impl Forest {
    /// The tree in which `customer` stands.
    pub fn tree_of(&mut self, customer: CustomerId) -> Option<&mut Tree> {
        let (tree, _) = self.places.get(&customer)?;
        self.trees.get_mut(tree)
    }

    /// Depth of `customer` in its tree.
    pub fn depth_of(&self, customer: CustomerId) -> Option<u32> {
        let (tree, node) = self.places.get(&customer)?;
        Some(self.trees[tree].nodes[*node as usize].depth)
    }

    /// Adds a tree of its root alone.
    pub fn plant(&mut self, tree: Tree) {
        self.places.insert(tree.root(), (tree.id, 0));
        self.trees.insert(tree.id, tree);
    }

    /// Hangs `customer` below `parent`, who must stand in a tree, and returns that tree.
    pub fn join(&mut self, customer: CustomerId, parent: CustomerId, at: Time) -> &mut Tree {
        let (id, parent) = self.places[&parent];
        let tree = self.trees.get_mut(&id).expect("a place names a live tree");
        self.places.insert(customer, (id, tree.attach(customer, parent, at)));
        tree
    }

    pub fn tree_mut(&mut self, id: u64) -> Option<&mut Tree> {
        self.trees.get_mut(&id)
    }

    pub fn tree(&self, id: u64) -> Option<&Tree> {
        self.trees.get(&id)
    }

    /// Removes a tree and all places in it.
    pub fn fell(&mut self, id: u64) -> Option<Tree> {
        let tree = self.trees.remove(&id)?;
        for node in &tree.nodes {
            self.places.remove(&node.customer);
        }
        Some(tree)
    }

    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Heap bytes held.
    pub fn bytes(&self) -> usize {
        let trees: usize = self.trees.values().map(|tree| tree.nodes.capacity() * size_of::<Node>()).sum();
        trees + self.trees.allocation_size() + self.places.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree() -> Tree {
        Tree::new(1, CustomerId(0), CategoryId(0), Time(0), Money(0), 5)
    }

    proptest! {
        /// Against all pairs of nodes, each pair's distance by walking to the common ancestor.
        #[test]
        fn measures_equal_brute_force(parents in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
            let (mut tree, mut parent_of) = (tree(), vec![usize::MAX]);
            for (i, parent) in parents.iter().enumerate() {
                let parent = parent.index(i + 1);
                tree.attach(CustomerId(i as u32 + 1), parent as u32, Time(0));
                parent_of.push(parent);
            }
            let path = |mut v: usize| { let mut path = vec![v]; while parent_of[v] != usize::MAX { v = parent_of[v]; path.push(v); } path };
            let n = parent_of.len();
            let mut sum = 0;
            for a in 0..n {
                for b in 0..n {
                    let (up_a, up_b) = (path(a), path(b));
                    let common = up_a.iter().rev().zip(up_b.iter().rev()).take_while(|(x, y)| x == y).count();
                    sum += up_a.len() + up_b.len() - 2 * common;
                }
            }
            prop_assert_eq!(tree.virality(), sum as f64 / (n * (n - 1)) as f64);
            let depths: Vec<usize> = (0..n).map(|v| path(v).len() - 1).collect();
            prop_assert_eq!(tree.depth as usize, *depths.iter().max().expect("a root"));
            let widest = (0..n).map(|d| depths.iter().filter(|&&x| x == d).count()).max();
            prop_assert_eq!(tree.breadth() as usize, widest.expect("a root"));
        }
    }

    #[test]
    fn a_felled_tree_leaves_no_place() {
        let mut forest = Forest::default();
        forest.plant(tree());
        forest.join(CustomerId(1), CustomerId(0), Time(5));
        assert_eq!(forest.depth_of(CustomerId(1)), Some(1));
        assert_eq!(forest.fell(1).map(|tree| tree.size()), Some(2));
        assert!(forest.is_empty() && forest.places.is_empty());
    }
}
