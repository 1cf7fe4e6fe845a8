//! The boards of all measures and categories.

use super::board::{Board, Height, Place, Rank};
use super::customer::State;
use crate::event::{CategoryId, Layer};
use compact_str::CompactString;
use xxhash_rust::xxh3::xxh3_64;

/// Customers that a board keeps for each layer. What is beyond the longest answer is slack: so many must leave a board's top before it has to be
/// filled anew.
pub(super) const KEPT_MAX: usize = 4096;

/// What a board is ordered by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    By(Rank),
    In(CategoryId),
}

impl Measure {
    /// Where a customer stands.
    pub fn stand(self, id: &str, state: &State) -> (Layer, Height) {
        let measure = match self {
            Measure::By(rank) => state.measure(rank),
            Measure::In(category) => state.measure_in(category),
        };
        (state.layer, Height { measure, tie: tie(id) })
    }
}

fn tie(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

/// All boards.
pub(super) struct Leaders {
    ranks: [Board; 5],
    /// By [`CategoryId`].
    categories: Vec<Board>,
}

impl Leaders {
    pub fn new() -> Leaders {
        Leaders { ranks: Rank::ALL.map(|_| Board::new(KEPT_MAX)), categories: Vec::new() }
    }

    pub fn board_mut(&mut self, measure: Measure) -> &mut Board {
        match measure {
            Measure::By(rank) => &mut self.ranks[rank as usize],
            Measure::In(category) => {
                let index = usize::from(category.0);
                if index >= self.categories.len() {
                    self.categories.resize_with(index + 1, || Board::new(KEPT_MAX));
                }
                &mut self.categories[index]
            }
        }
    }

    pub fn top(&self, measure: Measure, layer: Option<Layer>, limit: usize) -> (Vec<&Place>, bool) {
        let board = match measure {
            Measure::By(rank) => Some(&self.ranks[rank as usize]),
            Measure::In(category) => self.categories.get(usize::from(category.0)),
        };
        board.map_or((Vec::new(), true), |board| board.top(layer, limit))
    }

    /// Moves a customer on all boards.
    pub fn shift(&mut self, id: &CompactString, before: Option<&State>, now: &State) {
        let tie = tie(id);
        for (rank, board) in Rank::ALL.into_iter().zip(&mut self.ranks) {
            let stand = |state: &State| (state.layer, Height { measure: state.measure(rank), tie });
            board.shift(id, before.map(stand), Some(stand(now)));
        }
        let stand = |state: &State, category| (state.layer, Height { measure: state.measure_in(category), tie });
        for category in now.standings.iter().map(|standing| standing.category) {
            let stood = before.map(|before| stand(before, category));
            self.board_mut(Measure::In(category)).shift(id, stood, Some(stand(now, category)));
        }
        let Some(before) = before else { return };
        let stays = |category| now.standings.iter().any(|standing| standing.category == category);
        for category in before.standings.iter().map(|standing| standing.category).filter(|&category| !stays(category)) {
            self.board_mut(Measure::In(category)).shift(id, Some(stand(before, category)), None);
        }
    }
}
