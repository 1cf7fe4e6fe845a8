//! A leaderboard: the best by one measure, exactly, without ordering all the others.

use crate::event::Layer;
use compact_str::CompactString;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

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

/// Where a customer ranks by one measure: higher is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Height {
    pub measure: i64,
    /// Hash of the id: breaks ties alike in every process.
    pub tie: u64,
}

/// A customer's place on a board.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub height: Height,
    pub id: CompactString,
}

/// The best customers by one measure, apart for each layer. Customers whose measure is zero or less are left out.
#[derive(Debug)]
pub(super) struct Board {
    layers: [Tops; 4],
}

/// Everybody of one layer who stands above `floor`, at most `max`. **Invariant:** except while it is being filled, nobody above `floor` is missing, so the
/// list is exact as far as it goes. It grows again by itself from below only by a fill.
#[derive(Debug)]
struct Tops {
    places: BTreeSet<Place>,
    /// The best who was ever dropped; `None` if all are here.
    floor: Option<Height>,
    /// While it is being filled: nobody above this is missing.
    filling: Option<Height>,
    max: usize,
}

impl Board {
    /// A board that keeps `max` places for each layer.
    pub fn new(max: usize) -> Board {
        Board { layers: [(); 4].map(|()| Tops { places: BTreeSet::new(), floor: None, filling: None, max }) }
    }

    /// Moves a customer from where it stood to where it stands now.
    pub fn shift(&mut self, id: &CompactString, before: Option<(Layer, Height)>, now: Option<(Layer, Height)>) {
        let ranked = |stand: Option<(Layer, Height)>| stand.filter(|(_, height)| height.measure > 0);
        let (before, now) = (ranked(before), ranked(now));
        if before == now {
            return;
        }
        if let Some((layer, height)) = before {
            self.layers[layer as usize].leave(height, id);
        }
        if let Some((layer, height)) = now {
            self.layers[layer as usize].enter(height, id);
        }
    }

    /// The best, best first, and whether these are all that were asked for: after many have left a board, it may know fewer.
    pub fn top(&self, layer: Option<Layer>, limit: usize) -> (Vec<&Place>, bool) {
        let tops: Vec<&Tops> = asked(layer).map(|layer| &self.layers[layer as usize]).collect();
        let bound = tops.iter().filter_map(|tops| tops.floor.max(tops.filling)).max();
        let above = |place: &&Place| bound.is_none_or(|bound| place.height > bound);
        let mut queues: Vec<_> = tops.iter().map(|tops| tops.places.iter().rev().take_while(above)).collect();
        let mut heads: Vec<Option<&Place>> = queues.iter_mut().map(Iterator::next).collect();
        let mut best = Vec::with_capacity(limit.min(64));
        while best.len() < limit {
            let Some(first) = (0..heads.len()).max_by_key(|&queue| heads[queue]) else { break };
            let Some(place) = heads[first] else { break };
            best.push(place);
            heads[first] = queues[first].next();
        }
        let whole = bound.is_none() || best.len() == limit;
        (best, whole)
    }

    /// Starts to fill: until the end of it, everybody who moves gets a place.
    pub fn begin_fill(&mut self, layer: Option<Layer>) {
        for layer in asked(layer) {
            let tops = &mut self.layers[layer as usize];
            tops.filling = tops.floor.take();
        }
    }

    /// Ends it with the best of all, who stand where `stand` says by now.
    pub fn end_fill(&mut self, shortlist: Shortlist, stand: impl Fn(&str) -> Option<(Layer, Height)>) {
        for layer in asked(shortlist.layer) {
            let tops = &mut self.layers[layer as usize];
            tops.filling = None;
            tops.raise(shortlist.dropped[layer as usize]);
        }
        for Reverse(place) in shortlist.best.into_iter().flatten() {
            if let Some((layer, height)) = stand(&place.id).filter(|(_, height)| height.measure > 0) {
                self.layers[layer as usize].enter(height, &place.id);
            }
        }
    }
}

impl Tops {
    fn leave(&mut self, height: Height, id: &CompactString) {
        if self.floor.is_none_or(|floor| height > floor) {
            self.places.remove(&Place { height, id: id.clone() });
        }
    }

    fn enter(&mut self, height: Height, id: &CompactString) {
        if self.floor.is_some_and(|floor| height <= floor) {
            return;
        }
        self.places.insert(Place { height, id: id.clone() });
        if self.places.len() > self.max {
            let dropped = self.places.pop_first().map(|place| place.height);
            self.raise(dropped);
        }
    }

    /// Raises the floor, and drops who does not stand above it.
    fn raise(&mut self, floor: Option<Height>) {
        self.floor = self.floor.max(floor);
        while self.places.first().is_some_and(|place| Some(place.height) <= self.floor) {
            self.places.pop_first();
        }
    }
}

/// The best of the customers that it was shown.
pub(super) struct Shortlist {
    layer: Option<Layer>,
    best: [BinaryHeap<Reverse<Place>>; 4],
    dropped: [Option<Height>; 4],
    max: usize,
}

impl Shortlist {
    pub fn new(layer: Option<Layer>, max: usize) -> Shortlist {
        Shortlist { layer, best: Default::default(), dropped: [None; 4], max }
    }

    pub fn show(&mut self, id: &CompactString, layer: Layer, height: Height) {
        if height.measure <= 0 || self.layer.is_some_and(|asked| asked != layer) {
            return;
        }
        let (best, dropped) = (&mut self.best[layer as usize], &mut self.dropped[layer as usize]);
        if best.len() == self.max && best.peek().is_some_and(|Reverse(worst)| height <= worst.height) {
            *dropped = (*dropped).max(Some(height));
            return;
        }
        best.push(Reverse(Place { height, id: id.clone() }));
        if best.len() > self.max {
            let worst = best.pop().map(|Reverse(place)| place.height);
            *dropped = (*dropped).max(worst);
        }
    }
}

fn asked(layer: Option<Layer>) -> impl Iterator<Item = Layer> {
    Layer::ALL.into_iter().filter(move |&candidate| layer.is_none_or(|layer| layer == candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(measure: i64) -> Height {
        Height { measure, tie: measure as u64 * 7 }
    }

    fn move_to(board: &mut Board, id: &str, before: Option<(Layer, i64)>, now: Option<(Layer, i64)>) {
        let at = |stand: Option<(Layer, i64)>| stand.map(|(layer, measure)| (layer, height(measure)));
        board.shift(&id.into(), at(before), at(now));
    }

    fn ids(board: &Board, layer: Option<Layer>, limit: usize) -> (Vec<&str>, bool) {
        let (places, whole) = board.top(layer, limit);
        (places.into_iter().map(|place| place.id.as_str()).collect(), whole)
    }

    #[test]
    fn best_first_over_all_layers_and_in_one() {
        let mut board = Board::new(10);
        let layers = [("a", Layer::Member), ("b", Layer::CoreAdvocate), ("c", Layer::Member), ("d", Layer::Member)];
        for ((id, layer), measure) in layers.into_iter().zip(1..) {
            move_to(&mut board, id, None, Some((layer, measure)));
        }
        assert_eq!(ids(&board, None, 10), (vec!["d", "c", "b", "a"], true));
        assert_eq!(ids(&board, None, 2), (vec!["d", "c"], true));
        assert_eq!(ids(&board, Some(Layer::Member), 3), (vec!["d", "c", "a"], true));
        assert_eq!(ids(&board, Some(Layer::MacroInfluencer), 2), (vec![], true));
    }

    #[test]
    fn a_customer_stands_in_one_place_and_leaves_at_zero() {
        let mut board = Board::new(10);
        move_to(&mut board, "a", None, Some((Layer::Member, 5)));
        move_to(&mut board, "a", Some((Layer::Member, 5)), Some((Layer::MicroInfluencer, 5)));
        assert_eq!(ids(&board, None, 10), (vec!["a"], true));
        assert_eq!(ids(&board, Some(Layer::Member), 10), (vec![], true));
        move_to(&mut board, "a", Some((Layer::MicroInfluencer, 5)), Some((Layer::MicroInfluencer, 0)));
        assert_eq!(ids(&board, None, 10), (vec![], true));
    }

    #[test]
    fn what_is_told_is_exact_and_a_fill_brings_the_rest() {
        let mut board = Board::new(3);
        let member = |measure| Some((Layer::Member, measure));
        for (id, measure) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)] {
            move_to(&mut board, id, None, member(measure));
        }
        move_to(&mut board, "x", None, Some((Layer::CoreAdvocate, 1)));
        assert_eq!(ids(&board, None, 3), (vec!["e", "d", "c"], true));
        assert_eq!(ids(&board, None, 4), (vec!["e", "d", "c"], false), "nobody knows whether x is next");
        move_to(&mut board, "e", member(5), member(1));
        move_to(&mut board, "a", member(1), member(2));
        assert_eq!(ids(&board, None, 3), (vec!["d", "c"], false));

        board.begin_fill(Some(Layer::Member));
        let mut shortlist = Shortlist::new(Some(Layer::Member), 3);
        for (id, measure) in [("a", 2), ("b", 2), ("c", 3), ("d", 4), ("e", 1)] {
            shortlist.show(&id.into(), Layer::Member, height(measure));
        }
        // While the others were looked at, d fell far below those who did not make the shortlist.
        move_to(&mut board, "d", member(4), member(1));
        assert_eq!(ids(&board, None, 2).0, ["c"], "still exact");
        board.end_fill(shortlist, |id| {
            Some((Layer::Member, height(i64::from([2, 2, 3, 1, 1][usize::from(id.as_bytes()[0] - b'a')]))))
        });
        let (best, whole) = ids(&board, Some(Layer::Member), 3);
        assert_eq!((best[0], whole), ("c", false), "a or b was dropped, so what stands below is unknown");
        assert!(!best.contains(&"d"));
    }
}
