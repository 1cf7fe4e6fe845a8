//! What readers may see: published after commit, once per epoch, with `as_of`.
//!
//! **Invariant: a reader sees whole epochs.** Everything lies behind one lock. [`View::publish`] applies an epoch under
//! the write lock, and every query answers from one read lock, so an answer is the state after some epoch, named by
//! its `as_of`, never half of one. Two queries may see two epochs. While an epoch is published readers wait, and while a
//! query runs the publisher waits: queries are bounded (at most `limit` rows, no scan of all customers), copy what they
//! return and hold no guard across an await, so both waits are short. The stream is sent after the lock is released:
//! whoever hears of a change finds it when asking.
//!
//! The engine knows far more than is kept here; a customer costs about 300 bytes, and five orders of the leaderboard
//! some 25 bytes each, only for customers who have something to be ordered by.

mod board;
mod cascades;
mod customer;
mod delta;

pub use board::Rank;
pub use cascades::{Cascade, Node};
pub use customer::{CategoryStanding, Customer, RECENT_MAX, Recent};
pub use delta::{CascadeChanged, Change, Delta, ScoreChanged};

use crate::engine::Totals;
use crate::event::{Layer, Time};
use cascades::Cascades;
use customer::Customers;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};
use tokio::sync::broadcast;

/// Changes that a reader of the stream may be behind before it loses the oldest of them.
pub const STREAM_BACKLOG: usize = 4096;

/// The instant that an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    pub epoch: u64,
    pub watermark: Time,
}

/// A change as the stream's readers get it.
#[derive(Clone, Debug)]
pub struct Streamed {
    pub as_of: AsOf,
    /// Place among the changes of its epoch, from 0.
    pub index: u32,
    pub change: Change,
}

/// How often a bound of the view was hit since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Cascades forgotten because there were more than are kept.
    pub cascades: u64,
    /// Customers left out of a cascade's tree.
    pub tree: u64,
    /// Changes that slow readers of the stream did not get.
    pub stream: u64,
}

/// Shared between the data path (one writer) and HTTP (many readers).
pub struct View {
    published: RwLock<Published>,
    stream: broadcast::Sender<Streamed>,
    stream_missed: AtomicU64,
}

struct Published {
    as_of: AsOf,
    totals: Totals,
    customers: Customers,
    cascades: Cascades,
}

impl View {
    /// `cascades` bounds the cascades that are kept, `tree` the customers kept of each one's tree.
    #[must_use]
    pub fn new(cascades: usize, tree: usize) -> View {
        View {
            published: RwLock::new(Published {
                as_of: AsOf { epoch: 0, watermark: Time::MIN },
                totals: Totals::default(),
                customers: Customers::default(),
                cascades: Cascades::new(cascades, tree),
            }),
            stream: broadcast::channel(STREAM_BACKLOG).0,
            stream_missed: AtomicU64::new(0),
        }
    }

    /// Makes an epoch visible. `totals` are the engine's at its end. Never waits for readers of the stream.
    pub fn publish(&self, delta: Delta, totals: &Totals, as_of: AsOf) {
        {
            let mut published = self.published.write().expect("nothing panics while it publishes");
            let published = &mut *published;
            let scores = delta.changes.iter().filter_map(|change| match change {
                Change::Score(score) => Some(&**score),
                Change::Cascade(_) => None,
            });
            published.customers.apply(scores);
            published.cascades.apply(&delta);
            published.totals.clone_from(totals);
            published.as_of = as_of;
        }
        if self.stream.receiver_count() == 0 {
            return;
        }
        for (index, change) in delta.changes.into_iter().enumerate() {
            // An error only says that the last reader has just left.
            let _ = self.stream.send(Streamed { as_of, index: index as u32, change });
        }
    }

    /// The newest epoch that readers see; epoch 0 before the first.
    #[must_use]
    pub fn as_of(&self) -> AsOf {
        self.read().as_of
    }

    /// The engine's counts at the end of that epoch.
    #[must_use]
    pub fn totals(&self) -> (AsOf, Totals) {
        let published = self.read();
        (published.as_of, published.totals.clone())
    }

    /// The latest published state of a customer; `None` if no score was ever published for that id.
    #[must_use]
    pub fn customer(&self, id: &str) -> (AsOf, Option<Customer>) {
        let published = self.read();
        (published.as_of, published.customers.one(id).cloned())
    }

    /// The first `limit` customers by `rank`, best first, ties in an order that depends on ids only. With a `category`, by
    /// the credit earned in it (which orders category scores too) whatever `rank` says. Costs O(limit · log n).
    #[must_use]
    pub fn leaderboard(
        &self,
        rank: Rank,
        category: Option<&str>,
        layer: Option<Layer>,
        limit: usize,
    ) -> (AsOf, Vec<Customer>) {
        let published = self.read();
        (published.as_of, published.customers.top(rank, category, layer, limit))
    }

    /// Cascades without their trees: open ones first, then the closed, each with the latest change first.
    /// `open` keeps only the open (`true`) or the closed (`false`). Scans at most the cascades that are kept.
    #[must_use]
    pub fn cascades(&self, open: Option<bool>, limit: usize) -> (AsOf, Vec<Arc<CascadeChanged>>) {
        let published = self.read();
        (published.as_of, published.cascades.latest(open, limit))
    }

    /// A cascade with its tree; `None` if it was never detected or is no longer kept.
    #[must_use]
    pub fn cascade(&self, id: u64) -> (AsOf, Option<Cascade>) {
        let published = self.read();
        (published.as_of, published.cascades.one(id))
    }

    /// All changes from now on. A receiver that falls [`STREAM_BACKLOG`] changes behind loses the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Streamed> {
        self.stream.subscribe()
    }

    /// Counts changes that a slow reader of the stream did not get.
    pub fn missed(&self, changes: u64) {
        self.stream_missed.fetch_add(changes, Ordering::Relaxed);
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        let published = self.read();
        Limits {
            cascades: published.cascades.forgotten,
            tree: published.cascades.left_out,
            stream: self.stream_missed.load(Ordering::Relaxed),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().expect("nothing panics while it publishes")
    }
}
