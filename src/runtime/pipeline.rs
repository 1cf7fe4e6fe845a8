//! The threads of the loop that the parent module states, and how they end.

use super::backfill::Backfill;
use super::epoch::{Epoch, Intake, Stepper};
use super::gather::{Piece, Pressure, gather};
use super::kafka::{BrokerError, LogProbe, Sink, Source, read_journal};
use super::progress::{Now, Pace, Progress};
use super::report::EpochReport;
use super::restore::Restore;
use crate::config::Config;
use crate::engine::Totals;
use crate::event::Chunk;
use crate::failure::Failure;
use crate::view::View;
use crate::wire::{Decoder, Outbox};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{JoinHandle, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// A running pipeline. Dropping it does not stop it.
pub struct Pipeline {
    stop: Arc<AtomicBool>,
    live: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Failure>>,
}

/// Pieces between ingest and engine.
const PIECES: usize = 16;

/// Epochs between engine and commit.
const EPOCHS: usize = 1;

/// An epoch may grow to so many times `max_records` while an earlier one waits to be committed.
const GROWTH: usize = 4;

/// How often the ends of the log are asked for. Must stay well below [`super::progress::SETTLE`].
const PROBE_EVERY: Duration = Duration::from_millis(100);

impl Pipeline {
    /// Starts the data path on threads of its own: fences, restores, goes live. The topics must have been checked. Readers of `view` see every
    /// committed epoch; `observe` is called after each commit, on the commit thread. Setting `stop` finishes the
    /// epoch, commits it and ends.
    pub fn start(
        config: Config,
        view: Arc<View>,
        stop: Arc<AtomicBool>,
        observe: impl FnMut(&EpochReport, &Totals) + Send + 'static,
    ) -> Result<Pipeline, Failure> {
        let flag = Arc::clone(&stop);
        let live = Arc::new(AtomicBool::new(false));
        let turned_live = Arc::clone(&live);
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || run(&config, &view, &flag, &turned_live, observe))
            .map_err(|error| Failure::Other(format!("cannot start the engine's thread: {error}")))?;
        Ok(Pipeline { stop, live, thread })
    }

    /// Asks for an orderly end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether history is restored and new epochs are being committed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// Whether it ended, by itself or because it was asked to.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end.
    pub fn join(self) -> Result<(), Failure> {
        self.thread.join().unwrap_or_else(|_| Err(Failure::Other("the data path panicked".into())))
    }
}

fn run(
    config: &Config,
    view: &View,
    stop: &AtomicBool,
    is_live: &AtomicBool,
    mut observe: impl FnMut(&EpochReport, &Totals) + Send,
) -> Result<(), Failure> {
    let (kafka, topics) = (&config.runtime.kafka, &config.runtime.topics);
    let decoder = Decoder::new(&config.decode).map_err(Failure::Usage)?;
    let source = Source::open(kafka, topics)?;
    let sink = Sink::open(kafka, topics, source.group()?)?;
    let probe = LogProbe::open(kafka, topics, source.slots())?;
    let starts = probe.starts()?;
    let pace = Pace {
        disorder_ms: config.engine.disorder_ms,
        tick_ms: config.engine.tick_ms,
        live_within: config.runtime.epoch.live_within,
        idle_after: config.runtime.epoch.idle_after,
    };
    let mut progress = Progress::new(pace, source.slots(), &starts, &probe.ends()?, Now::read());
    let journal = read_journal(kafka, topics)?;
    let stepper = if journal.is_empty() {
        let mut stepper = Stepper::new(config, source.slots(), starts);
        let (outbox, entry) = stepper.beginning();
        sink.commit(&outbox, &entry.ends)?;
        stepper
    } else {
        let begun = Instant::now();
        let restore = Restore { config, source: &source, decoder: &decoder, starts: &starts, stop };
        let restored = restore.run(&journal, &mut progress, |mut epoch| {
            epoch.report.restored = true;
            publish(view, epoch, &mut observe);
        })?;
        let Some(stepper) = restored else { return Ok(()) };
        tracing::info!(epochs = journal.len(), seconds = begun.elapsed().as_secs_f64(), "restored");
        stepper
    };
    drop(journal);
    source.assign(stepper.ends())?;
    is_live.store(true, Ordering::Release);
    live(config, Live { source, sink, probe, decoder }, stepper, progress, view, stop, observe)
}

/// What the threads take with them.
struct Live {
    source: Source,
    sink: Sink,
    probe: LogProbe,
    decoder: Decoder,
}

fn live(
    config: &Config,
    live: Live,
    stepper: Stepper,
    progress: Progress,
    view: &View,
    stop: &AtomicBool,
    observe: impl FnMut(&EpochReport, &Totals) + Send,
) -> Result<(), Failure> {
    let Live { source, sink, probe, decoder } = live;
    let ends: Vec<AtomicI64> = source.slots().iter().map(|_| AtomicI64::new(-1)).collect();
    let pressure = Pressure::default();
    let (piece_in, pieces) = bounded(PIECES);
    let (chunk_in, chunks) = bounded(4 * PIECES);
    let (epoch_in, epochs) = bounded(EPOCHS);
    let (outbox_in, outboxes) = bounded(EPOCHS + 1);
    tracing::info!(partitions = source.slots().len(), "live");
    std::thread::scope(|scope| {
        let (ends, pressure) = (&ends, &pressure);
        let _all = EndsAll(stop);
        let ingest =
            thread(scope, "ingest", stop, move || gather(&source, &decoder, &piece_in, &chunks, pressure, stop))?;
        let commit = thread(scope, "commit", stop, move || commit(&sink, &epochs, &outbox_in, view, observe))?;
        let probing = thread(scope, "probe", stop, move || watch_ends(&probe, ends, stop))?;
        let wiring = Wiring { pieces, spent: chunk_in, epochs: epoch_in, outboxes, ends, pressure };
        epochs_until_closed(config, stepper, progress, wiring);
        stop.store(true, Ordering::Relaxed);
        // What could not be committed says most, then what could not be read.
        [joined(commit), joined(ingest), joined(probing)].into_iter().collect::<Result<(), Failure>>()
    })
}

type Running<'scope> = ScopedJoinHandle<'scope, Result<(), BrokerError>>;

/// Starts a thread of the data path.
fn thread<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    stop: &'scope AtomicBool,
    work: impl FnOnce() -> Result<(), BrokerError> + Send + 'scope,
) -> Result<Running<'scope>, Failure> {
    let guarded = move || {
        let _all = EndsAll(stop);
        work()
    };
    std::thread::Builder::new()
        .name(name.into())
        .spawn_scoped(scope, guarded)
        .map_err(|error| Failure::Other(format!("cannot start the {name} thread: {error}")))
}

/// Held by every thread of the data path: whichever ends, and however, the others end too. A closed channel alone is not
/// enough, since a thread with nothing to hand on never finds out.
struct EndsAll<'a>(&'a AtomicBool);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn joined(thread: Running<'_>) -> Result<(), Failure> {
    match thread.join() {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::Other("a thread of the data path panicked".into())),
    }
}

/// The engine thread's ends of the channels, and what it shares.
struct Wiring<'a> {
    pieces: Receiver<Piece>,
    spent: Sender<Chunk>,
    epochs: Sender<Epoch>,
    outboxes: Receiver<Outbox>,
    ends: &'a [AtomicI64],
    pressure: &'a Pressure,
}

/// Steps 2 to 5 of the loop, until ingest or commit ends.
fn epochs_until_closed(config: &Config, mut stepper: Stepper, mut progress: Progress, wiring: Wiring<'_>) {
    let limits = config.runtime.limits;
    let mut backfill = Backfill::new(Instant::now());
    let mut intake = Intake::default();
    let (mut reading, mut pressed) = (true, false);
    while reading {
        reading = collect(config, &wiring.pieces, &wiring.epochs, &mut intake, &mut progress);
        let now = Now::read();
        progress.extend(wiring.ends.iter().map(|end| end.load(Ordering::Relaxed)), now);
        let watermark = progress.watermark(now);
        let records = intake.len() as u64;
        if !stepper.is_idle(&intake, watermark) {
            let outbox = wiring.outboxes.try_recv().unwrap_or_default();
            let mut epoch = stepper.step(&mut intake, watermark, outbox);
            epoch.report.lags = progress.lags().collect();
            epoch.report.watermark_lag = Duration::from_millis(now.wall.since(epoch.entry.watermark).max(0) as u64);
            backfill.tell(records, epoch.report.lag(), now.instant);
            if wiring.epochs.send(epoch).is_err() {
                return;
            }
        }
        for chunk in std::mem::take(&mut intake).chunks {
            // A full channel has enough of them.
            let _ = wiring.spent.try_send(chunk);
        }
        let buffered = stepper.buffered() as usize;
        pressed = buffered > if pressed { limits.reorder_records / 2 } else { limits.reorder_records };
        wiring.pressure.set(if pressed { progress.ahead() } else { Vec::new() });
    }
}

/// Takes pieces until the epoch is over; false when none will come any more. While committing cannot keep up, the epoch goes on,
/// so that each transaction carries more.
fn collect(
    config: &Config,
    pieces: &Receiver<Piece>,
    epochs: &Sender<Epoch>,
    intake: &mut Intake,
    progress: &mut Progress,
) -> bool {
    let deadline = Instant::now() + config.runtime.epoch.max;
    let (enough, most) = (config.runtime.epoch.max_records, GROWTH * config.runtime.epoch.max_records);
    while intake.len() < if epochs.is_full() { most } else { enough } {
        match pieces.recv_deadline(deadline) {
            Ok(piece) => {
                let now = Now::read();
                for mark in &piece.marks {
                    progress.read(mark.slot, mark.newest, mark.next, now);
                }
                if let Some(positions) = &piece.positions {
                    progress.passed(positions);
                }
                intake.add(piece);
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// Steps 6 and 7 of the loop.
fn commit(
    sink: &Sink,
    epochs: &Receiver<Epoch>,
    spent: &Sender<Outbox>,
    view: &View,
    mut observe: impl FnMut(&EpochReport, &Totals),
) -> Result<(), BrokerError> {
    for mut epoch in epochs {
        let begun = Instant::now();
        sink.commit(&epoch.outbox, &epoch.moved)?;
        epoch.report.committed(begun.elapsed(), Now::read().wall);
        let _ = spent.try_send(std::mem::take(&mut epoch.outbox));
        publish(view, epoch, &mut observe);
    }
    Ok(())
}

fn publish(view: &View, epoch: Epoch, observe: &mut impl FnMut(&EpochReport, &Totals)) {
    let as_of = epoch.as_of();
    view.publish(epoch.delta, &epoch.totals, as_of);
    observe(&epoch.report, &epoch.totals);
}

/// Keeps the known ends of the log fresh. Not knowing them any more ends the pipeline.
fn watch_ends(probe: &LogProbe, ends: &[AtomicI64], stop: &AtomicBool) -> Result<(), BrokerError> {
    while !stop.load(Ordering::Relaxed) {
        match probe.ends() {
            Ok(all) => all.into_iter().zip(ends).for_each(|(fresh, end)| end.store(fresh, Ordering::Relaxed)),
            // A broker that restarts: the ends known so far stand, and what must be written decides when to give up.
            Err(BrokerError::Unanswered(why)) => tracing::warn!(why, "the broker does not answer, asking on"),
            Err(error) => return Err(error),
        }
        std::thread::sleep(PROBE_EVERY);
    }
    Ok(())
}
