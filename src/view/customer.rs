//! The latest published state of a customer: as it is kept, and as readers get it.

use super::board::Rank;
use crate::event::{
    CategoryId, Cause, CauseKind, CreditHeld, Factor, FactorPoints, Layer, Points, ScoreChange, Time, TotalValue,
};
use compact_str::CompactString;
use std::mem;

/// Changes remembered of a customer, the latest included.
pub const RECENT_MAX: usize = 8;

/// A customer as readers get it: a copy, with names.
#[derive(Clone, Debug)]
pub struct Customer {
    pub id: CompactString,
    pub state: State,
    /// Best first.
    pub categories: Vec<CategoryStanding>,
    /// Categories of the trait `expert:<category>`.
    pub experts: Vec<CompactString>,
}

/// A customer's standing in one category.
#[derive(Clone, Debug)]
pub struct CategoryStanding {
    pub category: CompactString,
    pub score: Points,
    /// Decayed, in adoptions.
    pub credit: f64,
}

/// Fields of a customer's last score change, and its last few changes in short. There are millions of these, so
/// categories are numbers here.
#[derive(Clone, Debug)]
pub struct State {
    pub sequence: u32,
    pub score: Points,
    pub previous_score: Points,
    pub layer: Layer,
    pub previous_layer: Layer,
    /// −100..=100.
    pub polarity: i8,
    pub super_connector: bool,
    pub critic: bool,
    /// 0..=1000.
    pub percentile: u16,
    pub factors: [FactorPoints; 7],
    pub value: TotalValue,
    pub credit: CreditHeld,
    pub followers: u32,
    pub audience: u64,
    pub cause: Cause,
    pub at: Time,
    pub(super) standings: Box<[Standing]>,
    pub(super) expert_in: Box<[CategoryId]>,
    /// The changes before the last one, oldest first; one fewer than [`RECENT_MAX`] at most.
    pub(super) earlier: Box<[Recent]>,
}

/// [`CategoryStanding`] as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    pub credit: f64,
    pub category: CategoryId,
    pub score: Points,
}

/// A change in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    pub at: Time,
    pub score: Points,
    pub previous_score: Points,
    pub layer: Layer,
    /// `None`: decay.
    pub cause: Option<CauseKind>,
}

impl Customer {
    pub(super) fn new(id: &str, state: State, name: impl Fn(CategoryId) -> CompactString) -> Customer {
        let standing = |standing: &Standing| CategoryStanding {
            category: name(standing.category),
            score: standing.score,
            credit: standing.credit,
        };
        Customer {
            id: id.into(),
            categories: state.standings.iter().map(standing).collect(),
            experts: state.expert_in.iter().map(|&category| name(category)).collect(),
            state,
        }
    }
}

impl State {
    /// The state after a customer's first change.
    pub(super) fn new(change: &ScoreChange) -> State {
        let standings = change.categories.iter().map(|standing| Standing {
            credit: standing.credit,
            category: standing.category,
            score: standing.score,
        });
        State {
            sequence: change.sequence,
            score: change.score,
            previous_score: change.previous_score,
            layer: change.layer,
            previous_layer: change.previous_layer,
            polarity: change.polarity,
            super_connector: change.traits.super_connector,
            critic: change.traits.critic,
            percentile: change.percentile,
            factors: change.factors,
            value: change.value,
            credit: change.credit,
            followers: change.followers,
            audience: change.audience,
            cause: change.cause.clone(),
            at: change.at,
            standings: standings.collect(),
            expert_in: change.traits.experts.as_slice().into(),
            earlier: Box::default(),
        }
    }

    /// Appends this state's history to that of `before`, which came before all of it.
    pub(super) fn follow(&mut self, before: &State) {
        let history = [&before.earlier[..], &[before.last()], &self.earlier].concat();
        // Exactly as long as needed: most customers change once or twice, and a spare entry each would be gigabytes.
        self.earlier = history[history.len().saturating_sub(RECENT_MAX - 1)..].into();
    }

    /// The last changes, newest first; at most [`RECENT_MAX`].
    pub fn recent(&self) -> impl Iterator<Item = Recent> {
        [self.last()].into_iter().chain(self.earlier.iter().rev().copied())
    }

    fn last(&self) -> Recent {
        let cause = match &self.cause {
            Cause::Event { kind, .. } => Some(*kind),
            Cause::Decay => None,
        };
        Recent { at: self.at, score: self.score, previous_score: self.previous_score, layer: self.layer, cause }
    }

    /// What a leaderboard by `rank` compares.
    pub(super) fn measure(&self, rank: Rank) -> i64 {
        match rank {
            Rank::Score => i64::from(self.score.0),
            Rank::Persuasion => i64::from(self.factors[Factor::Persuasion as usize].points.0),
            Rank::Credit => self.credit.direct.0 + self.credit.indirect.0,
            Rank::InfluencedValue => self.value.influenced_direct.0 + self.value.influenced_indirect.0,
            Rank::Followers => i64::from(self.followers),
        }
    }

    /// What a leaderboard of `category` compares; 0 for one in which the customer has no standing.
    pub(super) fn measure_in(&self, category: CategoryId) -> i64 {
        self.standings.iter().find(|standing| standing.category == category).map_or(0, |standing| standing.measure())
    }

    /// Bytes of an ordinary customer in the map: two changes, one category, an id that fits the map's entry.
    #[must_use]
    pub const fn ordinary_bytes() -> usize {
        // The map is between half full and seven eighths full.
        let entry = (mem::size_of::<CompactString>() + mem::size_of::<Box<State>>() + 1) * 3 / 2;
        let (event_id, heap) = (40, mem::size_of::<Standing>() + mem::size_of::<Recent>());
        entry + mem::size_of::<State>() + event_id + heap
    }
}

impl Standing {
    /// Billionths of decayed credit: orders like the category score, but finer.
    pub fn measure(&self) -> i64 {
        (self.credit * 1e9) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_customer_fits_400_bytes() {
        let bytes = State::ordinary_bytes();
        assert!(bytes <= 400, "{bytes} bytes, {} of them the state", mem::size_of::<State>());
    }
}
