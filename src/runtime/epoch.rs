//! One epoch: what was read goes through the engine and comes out as an outbox with its journal record. The same code
//! serves the live pipeline and restoring, which is why a restored engine cannot differ.

use super::gather::{Piece, Refused};
use super::kafka::Slot;
use super::report::EpochReport;
use crate::config::Config;
use crate::engine::{Effects, Engine, Totals};
use crate::event::{Batch, Chunk, Time, Topic};
use crate::metrics::OutputFigures;
use crate::view::{AsOf, Delta};
use crate::wire::{Encoder, JournalEntry, Outbox, Reason};
use std::time::Instant;

/// What was read for one epoch.
#[derive(Debug, Default)]
pub struct Intake {
    pub chunks: Vec<Chunk>,
    refused: Vec<Refused>,
    /// Slot and next offset, in order of reading.
    reached: Vec<(usize, i64)>,
    oldest_ms: [Option<i64>; 4],
    records: usize,
    /// When the first piece came.
    begun: Option<Instant>,
}

impl Intake {
    pub fn add(&mut self, piece: Piece) {
        self.begun.get_or_insert_with(Instant::now);
        self.records += piece.len();
        self.reached.extend(piece.marks.iter().map(|mark| (mark.slot, mark.next)));
        self.refused.extend(piece.refused);
        for (mine, theirs) in self.oldest_ms.iter_mut().zip(piece.oldest_ms) {
            *mine = [*mine, theirs].into_iter().flatten().min();
        }
        self.chunks.push(piece.chunk);
    }

    /// Records, refused ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}

/// An epoch that was computed and is to be committed.
pub struct Epoch {
    /// Outputs, rejects, and the journal record last.
    pub outbox: Outbox,
    pub entry: JournalEntry,
    /// Offsets (next to read) that moved.
    pub moved: Vec<(Topic, i32, i64)>,
    /// For readers, after the commit.
    pub delta: Delta,
    pub totals: Totals,
    pub report: EpochReport,
}

impl Epoch {
    #[must_use]
    pub fn as_of(&self) -> AsOf {
        AsOf { epoch: self.entry.epoch, watermark: self.entry.watermark }
    }
}

/// The engine with its encoder, and what the journal says of them.
pub struct Stepper {
    engine: Engine,
    encoder: Encoder,
    effects: Effects,
    slots: Vec<Slot>,
    /// Next offset to read, by slot.
    ends: Vec<i64>,
    epoch: u64,
    outputs: u64,
    model: String,
}

impl Stepper {
    /// A history that begins at `starts`.
    #[must_use]
    pub fn new(config: &Config, slots: &[Slot], starts: Vec<i64>) -> Stepper {
        Stepper {
            engine: Engine::new(config.engine.clone()),
            encoder: Encoder::new(config.encode_options()),
            effects: Effects::default(),
            slots: slots.to_vec(),
            ends: starts,
            epoch: 0,
            outputs: 0,
            model: config.fingerprint.clone(),
        }
    }

    /// The journal's first record: where the history begins. It has no outputs.
    #[must_use]
    pub fn beginning(&mut self) -> (Outbox, JournalEntry) {
        let entry = self.entry();
        let mut outbox = Outbox::default();
        self.encoder.journal(&entry, &mut outbox);
        (outbox, entry)
    }

    /// Whether a step to `watermark` without records would change nothing, so that no epoch is needed.
    #[must_use]
    pub fn is_idle(&self, intake: &Intake, watermark: Time) -> bool {
        intake.is_empty() && watermark <= self.engine.watermark()
    }

    /// Applies an epoch. Its outputs do not depend on the order in which its records came.
    pub fn step(&mut self, intake: &mut Intake, watermark: Time, mut outbox: Outbox) -> Epoch {
        let begun = Instant::now();
        self.effects.clear();
        self.engine.step(&Batch { chunks: &intake.chunks, watermark }, &mut self.effects);
        intake.refused.sort_by_key(|refused| refused.position);
        self.effects.rejects.sort_by_key(|rejected| rejected.position);

        let encoding = Instant::now();
        outbox.clear();
        self.encoder.outputs(&self.effects.outputs, &self.engine, &mut outbox);
        for refused in &intake.refused {
            self.encoder.reject(&refused.raw(), &refused.reject, &mut outbox);
        }
        for rejected in &self.effects.rejects {
            self.encoder.engine_reject(rejected, &mut outbox);
        }
        self.epoch += 1;
        self.outputs += outbox.len() as u64;
        let moved = self.advance(&intake.reached);
        let entry = self.entry();
        let mut report = self.report(intake, &entry, outbox.len() as u64);
        self.encoder.journal(&entry, &mut outbox);
        report.encode_time = encoding.elapsed();
        report.step_time = begun.elapsed();
        Epoch {
            outbox,
            entry,
            moved,
            delta: Delta::new(&self.effects, &self.engine),
            totals: self.engine.totals().clone(),
            report,
        }
    }

    /// Records that wait for the watermark.
    #[must_use]
    pub fn buffered(&self) -> u64 {
        self.engine.totals().buffered
    }

    /// Next offset to read, by slot.
    #[must_use]
    pub fn ends(&self) -> &[i64] {
        &self.ends
    }

    #[must_use]
    pub fn watermark(&self) -> Time {
        self.engine.watermark()
    }

    fn advance(&mut self, reached: &[(usize, i64)]) -> Vec<(Topic, i32, i64)> {
        let before = self.ends.clone();
        for (slot, next) in reached {
            self.ends[*slot] = self.ends[*slot].max(*next);
        }
        let moved = |slot: &usize| self.ends[*slot] != before[*slot];
        (0..self.ends.len()).filter(moved).map(|slot| self.end(slot)).collect()
    }

    fn end(&self, slot: usize) -> (Topic, i32, i64) {
        (self.slots[slot].topic, self.slots[slot].partition, self.ends[slot])
    }

    fn entry(&self) -> JournalEntry {
        JournalEntry {
            epoch: self.epoch,
            ends: (0..self.slots.len()).map(|slot| self.end(slot)).collect(),
            watermark: self.engine.watermark(),
            digest: self.encoder.digest(),
            outputs: self.outputs,
            model: self.model.clone(),
        }
    }

    fn report(&self, intake: &Intake, entry: &JournalEntry, outputs: u64) -> EpochReport {
        let mut report = EpochReport {
            epoch: entry.epoch,
            watermark: entry.watermark,
            outputs,
            oldest_ms: intake.oldest_ms,
            begun: intake.begun,
            figures: OutputFigures::new(&self.effects, &self.engine),
            score_histogram: self.engine.score_histogram(),
            ..EpochReport::default()
        };
        for chunk in &intake.chunks {
            for record in &chunk.records {
                report.records[record.position.topic as usize] += 1;
            }
        }
        for refused in &intake.refused {
            report.records[refused.position.topic as usize] += 1;
            report.reject(refused.position.topic, refused.reject.reason);
        }
        for rejected in &self.effects.rejects {
            report.reject(rejected.position.topic, Reason::from(rejected.reason).name());
        }
        report
    }
}
