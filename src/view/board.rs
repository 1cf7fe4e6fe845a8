//! Ordered indexes: the first customers by some measure, without looking at the others.

use crate::event::Layer;
use std::collections::BTreeSet;

/// What a leaderboard may be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rank {
    /// The score.
    Score,
    /// Points of the persuasion factor.
    Persuasion,
    /// Direct and indirect credit held, never decayed.
    Credit,
    /// Revenue of others that is credited to the customer.
    InfluencedValue,
    /// Followers in the graph.
    Followers,
}

impl Rank {
    pub const ALL: [Rank; 5] = [Rank::Score, Rank::Persuasion, Rank::Credit, Rank::InfluencedValue, Rank::Followers];

    /// The value of `by` in a query.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rank::Score => "score",
            Rank::Persuasion => "persuasion",
            Rank::Credit => "credit",
            Rank::InfluencedValue => "influenced_value",
            Rank::Followers => "followers",
        }
    }
}

/// A customer's place: larger is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub measure: i64,
    /// Hash of the id: breaks ties alike in every process.
    pub tie: u32,
    /// Number of the customer in the view.
    pub slot: u32,
}

/// Customers ordered by one measure, apart for each layer, so that a filter by layer costs nothing. Customers whose measure
/// is zero or less are left out: on most boards that is nearly everybody.
#[derive(Debug, Default)]
pub(super) struct Board {
    layers: [BTreeSet<Place>; 4],
}

impl Board {
    /// Moves a customer from where it stood to where it stands now.
    pub fn shift(&mut self, before: Option<(Layer, Place)>, now: Option<(Layer, Place)>) {
        let ranked = |place: Option<(Layer, Place)>| place.filter(|(_, place)| place.measure > 0);
        let (before, now) = (ranked(before), ranked(now));
        if before == now {
            return;
        }
        if let Some((layer, place)) = before {
            let stood = self.layers[layer as usize].remove(&place);
            debug_assert!(stood, "a customer leaves the place where it was put");
        }
        if let Some((layer, place)) = now {
            self.layers[layer as usize].insert(place);
        }
    }

    /// Slots of the best `limit`, best first.
    pub fn top(&self, layer: Option<Layer>, limit: usize) -> Vec<u32> {
        let wanted = |candidate: Layer| layer.is_none_or(|layer| layer == candidate);
        let mut queues: Vec<_> = Layer::ALL
            .into_iter()
            .filter(|&layer| wanted(layer))
            .map(|layer| {
                let mut places = self.layers[layer as usize].iter().rev();
                (places.next(), places)
            })
            .collect();
        let mut slots = Vec::with_capacity(limit.min(64));
        while slots.len() < limit {
            let Some((next, places)) = queues.iter_mut().max_by_key(|(next, _)| *next) else { break };
            let Some(place) = *next else { break };
            slots.push(place.slot);
            *next = places.next();
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(measure: i64, slot: u32) -> Place {
        Place { measure, tie: slot * 7, slot }
    }

    #[test]
    fn best_first_over_all_layers_and_in_one() {
        let mut board = Board::default();
        for (slot, layer) in [(1, Layer::Member), (2, Layer::CoreAdvocate), (3, Layer::Member), (4, Layer::Member)] {
            board.shift(None, Some((layer, place(i64::from(slot) * 10, slot))));
        }
        assert_eq!(board.top(None, 10), [4, 3, 2, 1]);
        assert_eq!(board.top(None, 2), [4, 3]);
        assert_eq!(board.top(Some(Layer::Member), 2), [4, 3]);
        assert_eq!(board.top(Some(Layer::MacroInfluencer), 2), [0u32; 0]);
    }

    #[test]
    fn a_customer_stands_in_one_place_and_leaves_at_zero() {
        let mut board = Board::default();
        let at = |layer, measure| Some((layer, place(measure, 1)));
        board.shift(None, at(Layer::Member, 5));
        board.shift(at(Layer::Member, 5), at(Layer::MicroInfluencer, 5));
        assert_eq!(board.top(None, 10), [1]);
        assert_eq!(board.top(Some(Layer::Member), 10), [0u32; 0]);
        board.shift(at(Layer::MicroInfluencer, 5), at(Layer::MicroInfluencer, 0));
        assert_eq!(board.top(None, 10), [0u32; 0]);
    }
}
