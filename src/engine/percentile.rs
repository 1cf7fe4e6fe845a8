//! The distribution of published scores: insert, remove and rank in O(log B), exact.
//!
//! Published scores are integers of hundredths, so a Fenwick tree (Fenwick 1994) over all of them needs no sketch.

use crate::event::Points;

const BUCKETS: usize = 10_001;

/// Counts of published scores.
#[derive(Debug)]
pub struct Distribution {
    /// 1-based Fenwick tree.
    tree: Vec<u32>,
    count: u32,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution { tree: vec![0; BUCKETS + 1], count: 0 }
    }
}

impl Distribution {
    /// Moves one customer from `from` (`None`: not counted so far) to `to`.
    pub fn shift(&mut self, from: Option<Points>, to: Points) {
        match from {
            Some(from) => self.add(from, u32::MAX),
            None => self.count += 1,
        }
        self.add(to, 1);
    }

    /// Tenths of a percent of all counted customers that stand below `points`; 0 if there are none.
    pub fn below(&self, points: Points) -> u16 {
        if self.count == 0 {
            return 0;
        }
        (u64::from(self.rank(points)) * 1000 / u64::from(self.count)) as u16
    }

    /// How many stand at each whole point 0..=100, hundredths cut off.
    pub fn histogram(&self) -> [u64; 101] {
        std::array::from_fn(|point| {
            let next = if point == 100 { self.count } else { self.rank(Points((point as u16 + 1) * 100)) };
            u64::from(next - self.rank(Points(point as u16 * 100)))
        })
    }

    /// How many stand strictly below `points`.
    fn rank(&self, points: Points) -> u32 {
        let (mut i, mut sum) = (points.0 as usize, 0u32);
        while i > 0 {
            sum = sum.wrapping_add(self.tree[i]);
            i &= i - 1;
        }
        sum
    }

    /// Adds `change` modulo 2^32 (`u32::MAX` takes one away) at `points`.
    fn add(&mut self, points: Points, change: u32) {
        let mut i = points.0 as usize + 1;
        while i <= BUCKETS {
            self.tree[i] = self.tree[i].wrapping_add(change);
            i += i & i.wrapping_neg();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_brute_force(moves in prop::collection::vec((0usize..20, 0u16..=10_000), 1..200), probe in 0u16..=10_000) {
            let (mut distribution, mut scores) = (Distribution::default(), [None; 20]);
            for (who, to) in moves {
                distribution.shift(scores[who], Points(to));
                scores[who] = Some(Points(to));
            }
            let all: Vec<Points> = scores.iter().flatten().copied().collect();
            let lower = all.iter().filter(|&&s| s < Points(probe)).count();
            prop_assert_eq!(usize::from(distribution.below(Points(probe))), lower * 1000 / all.len());
            let histogram = distribution.histogram();
            for (point, &n) in histogram.iter().enumerate() {
                prop_assert_eq!(n as usize, all.iter().filter(|s| usize::from(s.0 / 100) == point).count());
            }
        }
    }
}
