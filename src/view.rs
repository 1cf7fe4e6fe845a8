//! What readers may see: published after commit, once per epoch, with `as_of`. Hides DashMap.

use crate::engine::{Effects, Engine};
use crate::event::Time;

/// The instant that an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    pub epoch: u64,
    pub watermark: Time,
}

/// What one epoch changes for readers, with ids as text; made on the engine's thread, published after its commit.
#[derive(Debug, Default)]
pub struct Delta {}

impl Delta {
    /// Resolves the ids of `effects`.
    #[must_use]
    pub fn new(_effects: &Effects, _engine: &Engine) -> Delta {
        Delta {}
    }
}

/// Shared between the data path (one writer) and HTTP (many readers).
pub struct View {}

impl View {
    /// `cascades` and `tree` bound what is kept.
    #[must_use]
    pub fn new(_cascades: usize, _tree: usize) -> View {
        View {}
    }

    /// Makes an epoch visible. `totals` are the engine's at its end.
    pub fn publish(&self, _delta: Delta, _totals: &crate::engine::Totals, _as_of: AsOf) {}
}
