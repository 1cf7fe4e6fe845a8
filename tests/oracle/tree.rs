//! Cascades as lists of nodes.

use super::credit::Candidate;
use super::{Oracle, hash};
use crate::common::event::Event;
use crate::common::run::{Cascade, Seen};
use bellwether::event::Topic;
use xxhash_rust::xxh3::xxh3_64;

struct Node {
    who: String,
    parent: Option<usize>,
    depth: u32,
}

pub struct Tree {
    product: String,
    category: String,
    nodes: Vec<Node>,
    pub started: i64,
    pub last: i64,
    pub open: bool,
    pub detected: bool,
    /// Size at which it is published next.
    next_size: usize,
    pub withdrawn: u32,
}

impl Tree {
    /// Hash of product, root and start: what closes at one instant is published in its order.
    fn id(&self) -> u64 {
        let parts = [hash(&self.product), hash(&self.nodes[0].who), self.started as u64];
        xxh3_64(&parts.map(u64::to_le_bytes).concat())
    }

    fn breadth(&self) -> u32 {
        let at_depth = |depth| self.nodes.iter().filter(|n| n.depth == depth).count() as u32;
        (0..=self.depth()).map(at_depth).max().unwrap_or(0)
    }

    fn depth(&self) -> u32 {
        self.nodes.iter().map(|n| n.depth).max().unwrap_or(0)
    }

    /// Edges between two nodes.
    fn distance(&self, mut a: usize, mut b: usize) -> u32 {
        let mut edges = 0;
        while a != b {
            let deeper = if self.nodes[a].depth >= self.nodes[b].depth { &mut a } else { &mut b };
            *deeper = self.nodes[*deeper].parent.expect("two nodes of a tree meet at its root");
            edges += 1;
        }
        edges
    }

    fn virality(&self) -> f64 {
        let pairs = || (0..self.nodes.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs().map(|(a, b)| f64::from(self.distance(a, b))).sum::<f64>() / pairs().count().max(1) as f64
    }
}

impl Oracle {
    fn tree_of(&self, who: &str, product: &str) -> Option<usize> {
        self.trees.iter().position(|t| t.open && t.product == product && t.nodes.iter().any(|n| n.who == who))
    }

    /// Hangs an adopter below the best candidate (they come best first). Answers the tree that the adoption belongs to.
    pub fn join(
        &mut self,
        event: &Event,
        product: &str,
        category: &str,
        credited: &[Candidate],
        now: i64,
    ) -> Option<usize> {
        if let Some(tree) = self.tree_of(&event.who, product) {
            return Some(tree); // stays where it hangs
        }
        let parent = &credited.first()?.who;
        let tree = self.tree_of(parent, product).unwrap_or_else(|| {
            self.trees.push(Tree {
                product: product.to_owned(),
                category: category.to_owned(),
                nodes: vec![Node { who: parent.clone(), parent: None, depth: 0 }],
                started: event.at - credited[0].delta.unwrap_or(0),
                last: now,
                open: true,
                detected: false,
                next_size: self.params.cascade_size as usize,
                withdrawn: 0,
            });
            let tree = self.trees.len() - 1;
            if let Some(own) = self.remembered(parent, product, now) {
                self.adoptions[own].tree = Some(tree);
            }
            tree
        });
        let nodes = &mut self.trees[tree].nodes;
        let index = nodes.iter().position(|n| n.who == *parent).expect("the parent is in its tree");
        let depth = nodes[index].depth + 1;
        if depth > self.params.cascade_max_depth {
            self.run.totals.limit_depth += 1;
            return None;
        }
        nodes.push(Node { who: event.who.clone(), parent: Some(index), depth });
        self.trees[tree].last = now;
        Some(tree)
    }

    /// Publishes the cascade that an event brought over its next size.
    pub fn announce(&mut self, event: &Event) {
        for tree in 0..self.trees.len() {
            let t = &mut self.trees[tree];
            if t.open && t.nodes.len() >= t.next_size {
                let status = if t.detected { "grew" } else { "detected" };
                t.next_size = t.nodes.len() * 2;
                self.run.totals.cascades_detected += u64::from(!t.detected);
                t.detected = true;
                let kind = if event.topic() == Topic::Purchases { "purchased" } else { "reviewed" };
                self.publish_cascade(tree, status, format!("{kind} {}", event.id), event.at);
            }
        }
    }

    pub fn close(&mut self, at: i64) {
        let mut order: Vec<usize> = (0..self.trees.len()).collect();
        order.sort_by_key(|tree| self.trees[*tree].id());
        for tree in order {
            let t = &mut self.trees[tree];
            if t.open && t.last + self.params.window_ms < at {
                if t.detected {
                    self.publish_cascade(tree, "closed", "decay".to_owned(), at);
                }
                self.trees[tree].open = false;
            }
        }
    }

    fn publish_cascade(&mut self, tree: usize, status: &'static str, cause: String, at: i64) {
        let t = &self.trees[tree];
        let revenue = self.adoptions.iter().filter(|a| a.tree == Some(tree)).map(super::Adoption::revenue).sum();
        let cascade = Cascade {
            product: t.product.clone(),
            category: t.category.clone(),
            status,
            root: t.nodes[0].who.clone(),
            size: t.nodes.len() as u32,
            depth: t.depth(),
            breadth: t.breadth(),
            virality: t.virality(),
            revenue,
            withdrawn: t.withdrawn,
            started_at: t.started,
            last_adoption_at: t.last,
            cause,
            at,
        };
        self.publish(Seen::Cascade(cascade));
    }
}
