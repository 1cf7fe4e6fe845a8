//! What readers may see: published after commit, once per epoch, with `as_of`.
//!
//! Customers are entries of a [`DashMap`]: its locks are sharded, so that a look-up by id waits for the one entry that is
//! being written in its shard and never for an epoch as a whole. Leaderboards and cascades are behind one lock, `index`, which
//! [`View::publish`] holds while it takes an epoch over. What follows for readers:
//!
//! - **A customer's entry is atomic.** It is replaced whole; nobody sees half of a change.
//! - **An answer may be newer than its `as_of`, never older.** `as_of` moves on after all of the epoch's entries are in, and
//!   a look-up reads it before the entry. During a publication two look-ups may see one customer after the epoch and
//!   another before it.
//! - **Leaderboards and cascades are whole epochs**, exactly those of their `as_of`: they are answered under `index`. A publication
//!   waits for the answers under way, which are bounded (`limit` rows) and copy what they return.
//! - **A leaderboard is exact.** A board keeps the best only; when so many have fallen that a reader asks for more than it
//!   knows, that reader fills it from all customers, beside publications (see [`View::leaderboard`]). While nobody reads, as in a backfill, that
//!   costs nothing.
//! - **What the stream tells is there when asked for**: it is sent at the end, to whoever subscribed before, and each customer once per epoch.
//!
//! No guard outlives a call, so none is held across an await.

mod board;
mod cascades;
mod customer;
mod delta;
mod leaders;

pub use board::Rank;
pub use cascades::{Cascade, Node};
pub use customer::{CategoryStanding, Customer, RECENT_MAX, Recent, State};
pub use delta::{CascadeChanged, Change, Delta};

use crate::engine::Totals;
use crate::event::{CategoryId, Layer, Time};
use board::Shortlist;
use cascades::Cascades;
use compact_str::CompactString;
use dashmap::DashMap;
use delta::Fresh;
use hashbrown::{DefaultHashBuilder, HashMap};
use leaders::{KEPT_MAX, Leaders, Measure};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use tokio::sync::broadcast;

/// Parts of the customers' map that are locked apart. A fill holds one for as long as it looks through it: with tens of
/// millions of customers, some milliseconds.
const SHARDS: usize = 256;
/// A fill is repeated if as many as a board's slack fell while it ran; not for ever.
const FILLS_MAX: usize = 3;
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
    customers: DashMap<CompactString, Box<State>, DefaultHashBuilder>,
    /// Names of the categories in the customers' states.
    categories: RwLock<HashMap<CategoryId, CompactString>>,
    latest: RwLock<(AsOf, Totals)>,
    index: RwLock<Index>,
    /// Held by the reader who fills a board.
    filling: Mutex<()>,
    stream: broadcast::Sender<Streamed>,
    stream_missed: AtomicU64,
    cascades_forgotten: AtomicU64,
    tree_left_out: AtomicU64,
}

struct Index {
    leaders: Leaders,
    cascades: Cascades,
}

/// Why a lock of the view cannot be poisoned.
const UNPOISONED: &str = "nothing panics while it holds a lock of the view";

impl View {
    /// `cascades` bounds the cascades that are kept, `tree` the customers kept of each one's tree.
    #[must_use]
    pub fn new(cascades: usize, tree: usize) -> View {
        View {
            customers: DashMap::with_hasher_and_shard_amount(DefaultHashBuilder::default(), SHARDS),
            categories: RwLock::default(),
            latest: RwLock::new((AsOf { epoch: 0, watermark: Time::MIN }, Totals::default())),
            index: RwLock::new(Index { leaders: Leaders::new(), cascades: Cascades::new(cascades, tree) }),
            filling: Mutex::new(()),
            stream: broadcast::channel(STREAM_BACKLOG).0,
            stream_missed: AtomicU64::new(0),
            cascades_forgotten: AtomicU64::new(0),
            tree_left_out: AtomicU64::new(0),
        }
    }

    /// Makes an epoch visible. `totals` are the engine's at its end. Never waits for readers of the stream.
    pub fn publish(&self, delta: Delta, totals: &Totals, as_of: AsOf) {
        let watched = self.stream.receiver_count() > 0;
        let mut told = Vec::new();
        self.name(delta.categories);
        {
            let mut index = self.index.write().expect(UNPOISONED);
            let Index { leaders, cascades } = &mut *index;
            for fresh in delta.changes {
                match fresh {
                    Fresh::Customer(id, state) => {
                        if watched {
                            let customer = Customer::new(&id, (*state).clone(), |category| self.category(category));
                            told.push(Change::Score(Arc::new(customer)));
                        }
                        self.enter(id, state, leaders);
                    }
                    Fresh::Cascade(changed) => {
                        cascades.change(&changed);
                        if watched {
                            told.push(Change::Cascade(changed));
                        }
                    }
                }
            }
            cascades.join(&delta.joins);
            self.cascades_forgotten.store(cascades.forgotten, Ordering::Relaxed);
            self.tree_left_out.store(cascades.left_out, Ordering::Relaxed);
            *self.latest.write().expect(UNPOISONED) = (as_of, totals.clone());
        }
        for (index, change) in (0..).zip(told) {
            // An error only says that the last reader has just left.
            let _ = self.stream.send(Streamed { as_of, index, change });
        }
    }

    /// The newest epoch that readers see; epoch 0 before the first.
    #[must_use]
    pub fn as_of(&self) -> AsOf {
        self.latest.read().expect(UNPOISONED).0
    }

    /// The engine's counts at the end of that epoch.
    #[must_use]
    pub fn totals(&self) -> (AsOf, Totals) {
        self.latest.read().expect(UNPOISONED).clone()
    }

    /// The latest published state of a customer, of this epoch or a newer one; `None` if no score was ever published for that id.
    #[must_use]
    pub fn customer(&self, id: &str) -> (AsOf, Option<Customer>) {
        (self.as_of(), self.entry(id))
    }

    /// The first `limit` customers by `rank`, best first, ties in an order that depends on ids only. With a `category`, by
    /// the credit earned in it (which orders category scores too) whatever `rank` says. At most 4096 rows.
    ///
    /// Costs some microseconds a row, unless thousands have fallen from the top since the last answer: then all customers are looked
    /// through. Call it where that may block.
    #[must_use]
    pub fn leaderboard(
        &self,
        rank: Rank,
        category: Option<&str>,
        layer: Option<Layer>,
        limit: usize,
    ) -> (AsOf, Vec<Customer>) {
        let measure = match category {
            None => Measure::By(rank),
            Some(name) => match self.category_named(name) {
                Some(category) => Measure::In(category),
                None => return (self.as_of(), Vec::new()),
            },
        };
        let limit = limit.min(KEPT_MAX);
        for _ in 0..FILLS_MAX {
            if let Some(answer) = self.top(measure, layer, limit, true) {
                return answer;
            }
            let _alone = self.filling.lock().expect(UNPOISONED);
            // Whoever filled it while this one waited may have done so for both.
            if let Some(answer) = self.top(measure, layer, limit, true) {
                return answer;
            }
            self.fill(measure, layer);
        }
        self.top(measure, layer, limit, false).unwrap_or_else(|| (self.as_of(), Vec::new()))
    }

    /// Cascades without their trees: open ones first, then the closed, each with the latest change first.
    /// `open` keeps only the open (`true`) or the closed (`false`). Scans at most the cascades that are kept.
    #[must_use]
    pub fn cascades(&self, open: Option<bool>, limit: usize) -> (AsOf, Vec<Arc<CascadeChanged>>) {
        let index = self.read();
        (self.as_of(), index.cascades.latest(open, limit))
    }

    /// A cascade with its tree; `None` if it was never detected or is no longer kept.
    #[must_use]
    pub fn cascade(&self, id: u64) -> (AsOf, Option<Cascade>) {
        let index = self.read();
        (self.as_of(), index.cascades.one(id))
    }

    /// All changes from the next epoch on, each customer's last one of an epoch. A receiver that falls [`STREAM_BACKLOG`] changes behind loses the oldest and is told so.
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
        Limits {
            cascades: self.cascades_forgotten.load(Ordering::Relaxed),
            tree: self.tree_left_out.load(Ordering::Relaxed),
            stream: self.stream_missed.load(Ordering::Relaxed),
        }
    }

    /// Replaces or adds a customer's entry.
    fn enter(&self, id: CompactString, mut state: Box<State>, leaders: &mut Leaders) {
        if let Some(mut entry) = self.customers.get_mut(&id) {
            state.follow(&entry);
            leaders.shift(&id, Some(&entry), &state);
            let before = mem::replace(entry.value_mut(), state);
            drop(entry);
            drop(before);
        } else {
            leaders.shift(&id, None, &state);
            self.customers.insert(id, state);
        }
    }

    /// The rows of a leaderboard; `None` if it must be `whole` and the board does not know that many.
    fn top(&self, measure: Measure, layer: Option<Layer>, limit: usize, whole: bool) -> Option<(AsOf, Vec<Customer>)> {
        let index = self.read();
        let (places, complete) = index.leaders.top(measure, layer, limit);
        let rows = |places: Vec<&board::Place>| places.into_iter().filter_map(|place| self.entry(&place.id)).collect();
        (complete || !whole).then(|| (self.as_of(), rows(places)))
    }

    /// Looks through all customers for the best, while publications go on: from the beginning to the end of it, those who move
    /// are kept by the board itself, whatever their place.
    fn fill(&self, measure: Measure, layer: Option<Layer>) {
        self.index.write().expect(UNPOISONED).leaders.board_mut(measure).begin_fill(layer);
        let mut shortlist = Shortlist::new(layer, KEPT_MAX);
        for entry in &self.customers {
            let (layer, height) = measure.stand(entry.key(), entry.value());
            shortlist.show(entry.key(), layer, height);
        }
        let mut index = self.index.write().expect(UNPOISONED);
        let stand = |id: &str| self.customers.get(id).map(|entry| measure.stand(id, &entry));
        index.leaders.board_mut(measure).end_fill(shortlist, stand);
    }

    fn entry(&self, id: &str) -> Option<Customer> {
        // The guard ends with this statement.
        let state = self.customers.get(id).map(|entry| State::clone(&entry))?;
        Some(Customer::new(id, state, |category| self.category(category)))
    }

    /// Makes the names of new categories known; before any state that needs them.
    fn name(&self, categories: HashMap<CategoryId, CompactString>) {
        let known = self.categories.read().expect(UNPOISONED);
        if categories.keys().all(|category| known.contains_key(category)) {
            return;
        }
        drop(known);
        self.categories.write().expect(UNPOISONED).extend(categories);
    }

    fn category(&self, category: CategoryId) -> CompactString {
        self.categories.read().expect(UNPOISONED).get(&category).cloned().unwrap_or_default()
    }

    fn category_named(&self, name: &str) -> Option<CategoryId> {
        let categories = self.categories.read().expect(UNPOISONED);
        categories.iter().find(|(_, known)| *known == name).map(|(&category, _)| category)
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect(UNPOISONED)
    }
}

#[cfg(test)]
mod tests;
