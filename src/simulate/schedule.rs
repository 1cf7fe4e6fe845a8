//! Time order without a heap: the market's time is cut into slots; what is to happen later waits, unsorted, in its slot, and
//! a slot is sorted when its time comes.

use super::event::SimEvent;

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum What {
    /// The next follow of the graph.
    Follow,
    /// The follow with this number ends.
    Unfollow(u32),
    /// Somebody buys by taste and popularity.
    Demand,
    /// A planted influencer acts.
    Influence {
        influencer: u32,
    },
    /// Somebody who was persuaded buys.
    Persuaded {
        customer: u32,
        product: u32,
        influencer: u32,
        hop: u8,
    },
    /// A buyer reviews what they bought.
    Review {
        customer: u32,
        product: u32,
    },
    /// A buyer posts about what they bought.
    Mention {
        customer: u32,
        product: u32,
    },
    /// A paid post of a sponsored account.
    Sponsored {
        sponsor: u32,
    },
    /// A ring of fake reviewers sets out.
    Campaign {
        ring: u32,
    },
    FakeReview {
        customer: u32,
        product: u32,
    },
    Refund {
        customer: u32,
        product: u32,
        order: u64,
        cents: i64,
    },
    /// The log repeats an event.
    Repeat(Box<SimEvent>),
}

#[derive(Clone, Debug)]
struct Entry {
    at: i64,
    /// Breaks ties, so that the order is a function of the seed alone.
    number: u64,
    what: What,
}

/// The market's calendar, from `start` to `end` (epoch ms); what falls outside is forgotten.
#[derive(Debug)]
pub struct Schedule {
    start: i64,
    end: i64,
    slot_ms: i64,
    slots: Vec<Vec<Entry>>,
    /// Slots opened so far.
    opened: usize,
    /// The open slot, latest first.
    open: Vec<Entry>,
    numbered: u64,
}

impl Schedule {
    /// Slots are made to hold a few hundred of the expected events.
    #[must_use]
    pub fn new(start: i64, end: i64, expected_events: u64) -> Self {
        let slots = (expected_events / 400).clamp(64, 100_000) as i64;
        let slot_ms = ((end - start) / slots + 1).clamp(1_000, 3_600_000);
        let slots = ((end - start) / slot_ms + 1) as usize;
        Schedule { start, end, slot_ms, slots: vec![Vec::new(); slots], opened: 0, open: Vec::new(), numbered: 0 }
    }

    /// Plans `what` for the time `at`. Returns false if that is after the end.
    pub fn plan(&mut self, at: i64, what: What) -> bool {
        if at >= self.end {
            return false;
        }
        let at = at.max(self.start);
        let slot = ((at - self.start) / self.slot_ms) as usize;
        self.numbered += 1;
        let entry = Entry { at, number: self.numbered, what };
        if slot < self.opened {
            let place = self.open.partition_point(|e| (e.at, e.number) > (entry.at, entry.number));
            self.open.insert(place, entry);
        } else {
            self.slots[slot].push(entry);
        }
        true
    }

    /// What comes next in the open slot.
    pub fn pop(&mut self) -> Option<(i64, What)> {
        self.open.pop().map(|e| (e.at, e.what))
    }

    /// The time of the slot that opens next, from and to; `None` at the end.
    #[must_use]
    pub fn upcoming(&self) -> Option<(i64, i64)> {
        let from = self.start + self.opened as i64 * self.slot_ms;
        (self.opened < self.slots.len() && from < self.end).then(|| (from, (from + self.slot_ms).min(self.end)))
    }

    /// Opens the next slot with all that was planned for it.
    pub fn open(&mut self) {
        self.open = std::mem::take(&mut self.slots[self.opened]);
        self.open.sort_unstable_by_key(|e| std::cmp::Reverse((e.at, e.number)));
        self.opened += 1;
    }
}
