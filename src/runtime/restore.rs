//! Restoring: the journal says what every epoch read and how far event time went, so that stepping through it again
//! gives the engine that was lost. Outputs are computed, compared by digest, and thrown away.
//!
//! Reading runs ahead of the epoch being restored, because a fetch does not stop at its end: every record goes to the
//! intake of the epoch whose range it lies in. Partitions that run too far ahead are paused.

use super::epoch::{Epoch, Intake, Stepper};
use super::gather::Piece;
use super::kafka::{Slot, Source};
use super::progress::{Now, Progress};
use crate::config::Config;
use crate::event::Chunk;
use crate::failure::Failure;
use crate::wire::{Decoder, JournalEntry, Outbox, RawRecord};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the journal asks for: the ranges of every epoch, by slot.
struct Plan {
    /// `ends[n]` are the ends of the n-th journalled epoch; `ends[0]` is where the history begins.
    ends: Vec<Vec<i64>>,
    /// By slot: the epoch whose range the next record lies in.
    cursor: Vec<usize>,
}

impl Plan {
    /// Errors name what no longer fits: another model, a partition that is gone, a log that no longer reaches back.
    fn new(config: &Config, slots: &[Slot], starts: &[i64], entries: &[JournalEntry]) -> Result<Plan, Failure> {
        if let Some(other) = entries.iter().find(|entry| entry.model != config.fingerprint) {
            return Err(Failure::Usage(format!(
                "the journal was written under model {}, the configuration is model {}. Either restore the engine \
                 configuration of that model, or begin a history of its own: give [kafka] group and transactional_id \
                 new names and the output topics other names, and the input is scored again from its beginning",
                other.model, config.fingerprint
            )));
        }
        let mut ends: Vec<Vec<i64>> = Vec::with_capacity(entries.len());
        for entry in entries {
            // A partition that was added since begins at 0.
            let mut row = ends.last().cloned().unwrap_or_else(|| vec![0; slots.len()]);
            for (topic, partition, end) in &entry.ends {
                let slot = slots.iter().position(|slot| slot.topic == *topic && slot.partition == *partition);
                let slot = slot.ok_or_else(|| {
                    let name = &config.runtime.topics.inputs[*topic as usize];
                    Failure::Input(format!("epoch {} read partition {partition} of {name}, which is gone", entry.epoch))
                })?;
                row[slot] = *end;
            }
            ends.push(row);
        }
        let (first, last) = (&ends[0], &ends[ends.len() - 1]);
        for (number, slot) in slots.iter().enumerate() {
            if starts[number] > first[number] && last[number] > first[number] {
                return Err(Failure::Input(format!(
                    "partition {} of {} begins at offset {}, but the history begins at {}: the log no longer reaches \
                     back to it. Lengthen the topic's retention; to begin anew, give [kafka] group, transactional_id \
                     and the output topics new names",
                    slot.partition, config.runtime.topics.inputs[slot.topic as usize], starts[number], first[number]
                )));
            }
        }
        let cursor = vec![1; slots.len()];
        Ok(Plan { ends, cursor })
    }

    /// The epoch that a record belongs to; `None` behind the last.
    fn epoch_of(&mut self, slot: usize, offset: i64) -> Option<usize> {
        let cursor = &mut self.cursor[slot];
        while *cursor < self.ends.len() && self.ends[*cursor][slot] <= offset {
            *cursor += 1;
        }
        (*cursor < self.ends.len()).then_some(*cursor)
    }
}

/// Brings `stepper` to the end of the journal and returns what `seen` was told of each epoch's end.
pub struct Restore<'a> {
    pub config: &'a Config,
    pub source: &'a Source,
    pub decoder: &'a Decoder,
    /// Oldest offsets in the log, by slot.
    pub starts: &'a [i64],
    pub stop: &'a AtomicBool,
}

/// No record for this long, while some are missing, means that they are not there.
const SILENCE: Duration = Duration::from_secs(60);

impl Restore<'_> {
    /// Steps through all of `entries`. `seen` gets every epoch, to publish it to readers. Returns `None` if stopped.
    pub fn run(
        &self,
        entries: &[JournalEntry],
        progress: &mut Progress,
        mut seen: impl FnMut(Epoch),
    ) -> Result<Option<Stepper>, Failure> {
        let mut plan = Plan::new(self.config, self.source.slots(), self.starts, entries)?;
        let mut stepper = Stepper::new(self.config, self.source.slots(), plan.ends[0].clone());
        self.source.assign(&plan.ends[0])?;
        let mut ahead = Ahead { limit: self.config.runtime.limits.reorder_records, ..Ahead::default() };
        let (mut outbox, mut told) = (Outbox::default(), Instant::now());
        for (number, entry) in entries.iter().enumerate().skip(1) {
            if !self.read(number, &mut plan, &mut ahead)? {
                return Ok(None);
            }
            let pieces = ahead.take();
            let mut intake = Intake::default();
            for piece in pieces {
                for mark in &piece.marks {
                    progress.read(mark.slot, mark.newest, mark.next, Now::read());
                }
                intake.add(piece);
            }
            let mut epoch = stepper.step(&mut intake, entry.watermark, outbox);
            compare(&epoch.entry, entry)?;
            outbox = std::mem::take(&mut epoch.outbox);
            seen(epoch);
            ahead.spare.append(&mut intake.chunks);
            if told.elapsed() > super::backfill::TELL_EVERY {
                told = Instant::now();
                tracing::info!(epoch = entry.epoch, of = entries[entries.len() - 1].epoch, "restoring");
            }
        }
        progress.resume(stepper.watermark());
        self.source.pause(&ahead.paused, false)?;
        Ok(Some(stepper))
    }

    /// Reads until epoch `number` is complete; false if stopped.
    fn read(&self, number: usize, plan: &mut Plan, ahead: &mut Ahead) -> Result<bool, Failure> {
        let (begins, ends) = (plan.ends[number - 1].clone(), plan.ends[number].clone());
        let mut heard = Instant::now();
        ahead.reached.resize(ends.len(), i64::MIN);
        let missing = |ahead: &Ahead| {
            (0..ends.len()).find(|slot| ends[*slot] > begins[*slot] && ahead.reached[*slot] < ends[*slot])
        };
        while let Some(slot) = missing(ahead) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let came = self.source.poll(Duration::from_millis(100), |slot, raw| {
                ahead.reached[slot] = raw.position.offset + 1;
                if let Some(epoch) = plan.epoch_of(slot, raw.position.offset) {
                    ahead.put(epoch - number, self.decoder, slot, raw);
                }
            })?;
            match came {
                Some(()) => heard = Instant::now(),
                None if heard.elapsed() > SILENCE => {
                    let lost = self.source.slots()[slot];
                    return Err(Failure::Input(format!(
                        "epoch {number} read {}/{} up to offset {}, but the log gives nothing behind {}",
                        self.config.runtime.topics.inputs[lost.topic as usize],
                        lost.partition,
                        ends[slot],
                        ahead.reached[slot]
                    )));
                }
                None => {}
            }
            ahead.bound(self.source, |slot| plan.cursor[slot] > number)?;
        }
        ahead.open(1);
        Ok(true)
    }
}

/// Records read, by epoch, the one being restored first.
#[derive(Default)]
struct Ahead {
    epochs: VecDeque<Vec<Piece>>,
    /// Next offset by slot.
    reached: Vec<i64>,
    records: usize,
    limit: usize,
    paused: Vec<usize>,
    /// Chunks to use again.
    spare: Vec<Chunk>,
}

impl Ahead {
    fn open(&mut self, count: usize) {
        while self.epochs.len() < count {
            self.epochs.push_back(Vec::new());
        }
    }

    fn put(&mut self, epoch: usize, decoder: &Decoder, slot: usize, raw: &RawRecord<'_>) {
        self.open(epoch + 1);
        let pieces = &mut self.epochs[epoch];
        if pieces.last().is_none_or(Piece::is_full) {
            pieces.push(Piece::around(self.spare.pop().unwrap_or_default()));
        }
        if let Some(piece) = pieces.last_mut() {
            piece.take(decoder, slot, raw);
        }
        self.records += 1;
    }

    fn take(&mut self) -> Vec<Piece> {
        let pieces = self.epochs.pop_front().unwrap_or_default();
        self.records -= pieces.iter().map(Piece::len).sum::<usize>();
        pieces
    }

    /// Pauses slots that are `done` with the current epoch while too much is held; those that it waits for never are.
    fn bound(&mut self, source: &Source, done: impl Fn(usize) -> bool) -> Result<(), Failure> {
        if self.records > self.limit {
            let more: Vec<_> =
                (0..self.reached.len()).filter(|slot| done(*slot) && !self.paused.contains(slot)).collect();
            source.pause(&more, true)?;
            self.paused.extend(more);
        }
        let needed: Vec<_> = if self.records < self.limit / 2 {
            std::mem::take(&mut self.paused)
        } else {
            self.paused.extract_if(.., |slot| !done(*slot)).collect()
        };
        Ok(source.pause(&needed, false)?)
    }
}

fn compare(now: &JournalEntry, then: &JournalEntry) -> Result<(), Failure> {
    if now.digest == then.digest && now.watermark == then.watermark && now.outputs == then.outputs {
        return Ok(());
    }
    Err(Failure::Digest(format!(
        "epoch {} was committed with {} outputs, digest {:032x}+{:032x}, watermark {}; restored it has {} outputs, digest \
         {:032x}+{:032x}, watermark {}. The input changed, or this program computes differently; nothing was written",
        then.epoch,
        then.outputs,
        then.digest.chain,
        then.digest.rejects,
        then.watermark.0,
        now.outputs,
        now.digest.chain,
        now.digest.rejects,
        now.watermark.0
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Time, Topic};
    use crate::wire::Digest;

    const SLOTS: [Slot; 2] =
        [Slot { topic: Topic::Follows, partition: 0 }, Slot { topic: Topic::Follows, partition: 1 }];

    fn entry(config: &Config, epoch: u64, ends: &[(i32, i64)]) -> JournalEntry {
        let ends = ends.iter().map(|&(partition, end)| (Topic::Follows, partition, end)).collect();
        let model = config.fingerprint.clone();
        JournalEntry { epoch, ends, watermark: Time::MIN, digest: Digest::default(), outputs: 0, model }
    }

    #[test]
    fn every_record_goes_to_the_epoch_that_read_it() {
        let config = Config::default();
        // The second partition came later, and the second epoch did not read the first partition.
        let entries = [
            entry(&config, 0, &[(0, 5)]),
            entry(&config, 1, &[(0, 8)]),
            entry(&config, 2, &[(1, 3)]),
            entry(&config, 3, &[(0, 9), (1, 4)]),
        ];
        let mut plan = Plan::new(&config, &SLOTS, &[5, 0], &entries).ok().unwrap();
        let mut epochs = |slot, offsets: &[i64]| offsets.iter().map(|o| plan.epoch_of(slot, *o)).collect::<Vec<_>>();
        assert_eq!(epochs(0, &[5, 7, 8, 9]), [Some(1), Some(1), Some(3), None]);
        assert_eq!(epochs(1, &[0, 2, 3, 4]), [Some(2), Some(2), Some(3), None]);
    }

    #[test]
    fn what_no_longer_fits_has_its_own_exit_code() {
        let config = Config::default();
        let entries = [entry(&config, 0, &[(0, 5)]), entry(&config, 1, &[(0, 8)])];
        let code = |slots: &[Slot], starts: &[i64], entries: &[JournalEntry]| {
            Plan::new(&config, slots, starts, entries).err().map(|failure| failure.exit_code())
        };
        assert_eq!(code(&SLOTS, &[5, 0], &entries), None);
        assert_eq!(code(&SLOTS, &[6, 0], &entries), Some(3), "the log begins too late");
        assert_eq!(code(&SLOTS, &[5, 7], &entries), None, "of the other partition nothing was read");
        assert_eq!(code(&SLOTS[1..], &[0], &entries), Some(3), "a partition is gone");
        let other = JournalEntry { model: "other".into(), ..entries[1].clone() };
        assert_eq!(code(&SLOTS, &[5, 0], &[entries[0].clone(), other]), Some(2), "another model");
    }
}
