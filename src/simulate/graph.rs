//! Who follows whom, and from when on.

use super::Options;
use super::dice::{Dice, Scatter};
use super::world::Communities;

/// Share of follows inside the follower's community.
const INSIDE: f64 = 0.8;
/// Draws of a followee before a follower takes anybody.
const PATIENCE: u32 = 12;

/// A follow graph whose edges come one after another: the edge's number is its place in time.
#[derive(Debug)]
pub struct Graph {
    /// Follower and followee, in the order in which the follows happen.
    edges: Vec<(u32, u32)>,
    /// Numbers of the edges towards each customer.
    towards: Vec<u32>,
    starts: Vec<u32>,
    /// Edges that exist by now.
    followed: u32,
    ended: Vec<u64>,
}

impl Graph {
    /// Draws `options.follows` edges: followees by a heavy-tailed wish to follow, followers by a heavy-tailed fame, mostly
    /// inside communities. `rings` are complete among themselves.
    #[must_use]
    pub fn draw(options: &Options, communities: &Communities, rings: &[Vec<u32>], dice: &mut Dice) -> Self {
        let customers = options.customers as usize;
        let mut edges = Vec::with_capacity(options.follows as usize);
        for ring in rings {
            for follower in ring {
                edges.extend(ring.iter().filter(|mate| *mate != follower).map(|mate| (*follower, *mate)));
            }
        }
        edges.truncate(options.follows as usize);
        let mut mates: Vec<(u32, u32)> = edges.clone();
        mates.sort_unstable();
        let most = (customers / 4).max(1) as f64;
        let mean = options.follows as f64 / customers as f64;
        let wishes: Vec<f64> = (0..customers).map(|_| dice.pareto(1.7).min(most / mean.max(1.0))).collect();
        let share = (options.follows as usize - edges.len()) as f64 / wishes.iter().sum::<f64>();
        // The customers that somebody follows already, marked with the follower's number + 1.
        let mut seen = vec![0u32; customers];
        let stars = Scatter::new(customers, 7);
        let mut wished = 0.0;
        let planted = edges.len();
        let mut mate = 0;
        for follower in 0..customers as u32 {
            seen[follower as usize] = follower + 1;
            while mate < mates.len() && mates[mate].0 == follower {
                seen[mates[mate].1 as usize] = follower + 1;
                mate += 1;
            }
            wished += wishes[follower as usize] * share;
            let until = planted
                + if follower as usize + 1 == customers { options.follows as usize - planted } else { wished as usize };
            let (from, to) = communities.members(communities.of(follower));
            let mut misses = 0;
            while edges.len() < until.min(options.follows as usize) {
                let followee = if misses > PATIENCE {
                    dice.index(customers) as u32
                } else if dice.chance(INSIDE) {
                    from + dice.famous((to - from) as usize) as u32
                } else {
                    stars.place(dice.famous(customers))
                };
                if seen[followee as usize] == follower + 1 {
                    misses += 1;
                    if misses > 4 * PATIENCE {
                        break;
                    }
                    continue;
                }
                misses = 0;
                seen[followee as usize] = follower + 1;
                edges.push((follower, followee));
            }
        }
        dice.shuffle(&mut edges);
        Graph::index(customers, edges)
    }

    fn index(customers: usize, edges: Vec<(u32, u32)>) -> Self {
        let mut starts = vec![0u32; customers + 1];
        for (_, followee) in &edges {
            starts[*followee as usize + 1] += 1;
        }
        for i in 0..customers {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut towards = vec![0; edges.len()];
        for (number, (_, followee)) in edges.iter().enumerate() {
            let place = &mut next[*followee as usize];
            towards[*place as usize] = number as u32;
            *place += 1;
        }
        let ended = vec![0; edges.len().div_ceil(64)];
        Graph { edges, towards, starts, followed: 0, ended }
    }

    /// Edges in all, now or later.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Lets the next follow happen: its number, follower and followee.
    pub fn follow(&mut self) -> Option<(u32, u32, u32)> {
        let (follower, followee) = *self.edges.get(self.followed as usize)?;
        self.followed += 1;
        Some((self.followed - 1, follower, followee))
    }

    /// Ends the follow of this number.
    pub fn unfollow(&mut self, edge: u32) -> (u32, u32) {
        self.ended[edge as usize / 64] |= 1 << (edge % 64);
        self.edges[edge as usize]
    }

    /// Followers that a customer will have had at the end, those who left included.
    #[must_use]
    pub fn audience(&self, customer: u32) -> u32 {
        self.starts[customer as usize + 1] - self.starts[customer as usize]
    }

    /// Those who follow the customer now.
    pub fn followers(&self, customer: u32) -> impl Iterator<Item = u32> + '_ {
        let range = self.starts[customer as usize] as usize..self.starts[customer as usize + 1] as usize;
        self.towards[range]
            .iter()
            .filter(|edge| **edge < self.followed && self.ended[**edge as usize / 64] >> (**edge % 64) & 1 == 0)
            .map(|edge| self.edges[*edge as usize].0)
    }
}
