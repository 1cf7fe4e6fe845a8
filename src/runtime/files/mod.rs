//! `bellwether replay`: files through the engine, without a broker.
//!
//! ```text
//! files ─► source (decompress, lines) ─► reading (merge by event time, decode) ═► step ─► encode ─► sinks
//! ```
//!
//! Reading has a thread of its own; the double arrow is a short bounded queue. The outputs are those of a run on Kafka over
//! the same events, byte for byte in keys and values; a position is (topic, number of the file, number of the line).

mod lines;
mod progress;
mod reading;
mod sinks;
mod source;
mod summary;

use crate::config::Config;
use crate::engine::{Effects, Engine};
use crate::event::{Batch, Time};
use crate::failure::Failure;
use crate::runtime::progress::Now;
use crate::wire::{Decoder, Encoder, Outbox, Reason};
use progress::Progress;
use reading::{Portion, Reading};
use sinks::Sinks;
use source::SourceFile;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use summary::Summary;

/// Portions that may wait for the engine.
const QUEUE: usize = 4;

/// Flags of `bellwether replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// NDJSON files, plain, .gz or .zst (told by their first bytes); `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Write one <topic>.ndjson per output topic and summary.json here, instead of all lines to stdout
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Runtime file; it names the engine file [default: config/runtime.toml if it exists, else what is compiled in]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs a replay to its end.
///
/// # Errors
/// [`Failure::Usage`] for the configuration, [`Failure::Input`] for a file that cannot be read, [`Failure::Other`] for
/// an output that cannot be written.
pub fn replay_command(args: &ReplayArgs) -> Result<(), Failure> {
    let config = Config::load_or_fail(args.config.as_deref())?;
    if args.files.iter().filter(|name| *name == "-").count() > 1 {
        return Err(Failure::Usage("the standard input can be read only once".to_owned()));
    }
    let read = Arc::new(AtomicU64::new(0));
    let opened: Vec<_> = args.files.iter().map(|name| SourceFile::open(name, &read)).collect::<Result<_, _>>()?;
    let total: Option<u64> = opened.iter().map(|(_, size)| *size).sum();
    let files = opened.into_iter().map(|(file, _)| file).collect();

    let names = &config.runtime.topics.outputs;
    let sinks = match &args.out {
        Some(directory) => {
            let unusable = |e| Failure::Other(format!("cannot write to {}: {e}", directory.display()));
            Sinks::directory(directory, names).map_err(unusable)?
        }
        None => Sinks::stdout(names),
    };
    let outcome = replay(&config, files, sinks, Progress::new(read, total));
    let summary = match outcome {
        Err(Stop::Failure(failure)) => return Err(failure),
        // Whoever reads our output has seen enough (`| head`).
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe && args.out.is_none() => return Ok(()),
        Err(Stop::Output(error)) => return Err(Failure::Other(format!("cannot write the outputs: {error}"))),
        Ok(summary) => summary,
    };
    if let Some(directory) = &args.out {
        let path = directory.join("summary.json");
        let written = std::fs::write(&path, format!("{:#}\n", summary.json()));
        written.map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?;
    }
    eprint!("{}", summary.table());
    if summary.is_unreadable() {
        return Err(Failure::Input("no line of the input is an event of a known topic".into()));
    }
    Ok(())
}

enum Stop {
    Failure(Failure),
    Output(io::Error),
}

fn replay(config: &Config, files: Vec<SourceFile>, sinks: Sinks, progress: Progress) -> Result<Summary, Stop> {
    let decoder = Decoder::new(&config.decode).map_err(|error| Stop::Failure(Failure::Usage(error)))?;
    let reading = Reading {
        decoder,
        names: config.runtime.topics.inputs.clone(),
        disorder_ms: config.engine.disorder_ms.into_iter().max().unwrap_or(0),
        tick_ms: config.engine.tick_ms,
        begun: Now::read().wall,
    };
    let (sender, portions) = crossbeam_channel::bounded::<Portion>(QUEUE);
    thread::scope(|scope| {
        let reader = scope.spawn(move || reading.run(files, |portion| sender.send(portion).is_ok()));
        let mut replay = Replay::new(config, sinks, progress);
        let stepped = portions.iter().try_for_each(|portion| replay.step(&portion));
        // The reader ends when nobody takes its portions.
        drop(portions);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        stepped.map_err(Stop::Output)?;
        read.map_err(Stop::Failure)?;
        replay.finish().map_err(Stop::Output)
    })
}

struct Replay {
    engine: Engine,
    encoder: Encoder,
    effects: Effects,
    outbox: Outbox,
    sinks: Sinks,
    progress: Progress,
    summary: Summary,
}

impl Replay {
    fn new(config: &Config, sinks: Sinks, progress: Progress) -> Replay {
        let options = config.encode_options();
        let summary =
            Summary { model: options.model.clone(), currency: options.currency.clone(), ..Summary::default() };
        Replay {
            engine: Engine::new(config.engine.clone()),
            encoder: Encoder::new(options),
            effects: Effects::default(),
            outbox: Outbox::default(),
            sinks,
            progress,
            summary,
        }
    }

    fn step(&mut self, portion: &Portion) -> io::Result<()> {
        self.effects.clear();
        self.outbox.clear();
        for rejected in &portion.rejected {
            let reason = rejected.reject.reason;
            match rejected.raw() {
                Some(raw) => {
                    self.encoder.reject(&raw, &rejected.reject, &mut self.outbox);
                    *self.summary.rejected[raw.position.topic as usize].entry(reason).or_default() += 1;
                }
                None => {
                    self.sinks.reject(rejected)?;
                    *self.summary.lines_rejected.entry(reason).or_default() += 1;
                }
            }
        }
        let batch = Batch { chunks: std::slice::from_ref(&portion.chunk), watermark: portion.watermark };
        self.engine.step(&batch, &mut self.effects);
        self.encoder.outputs(&self.effects.outputs, &self.engine, &mut self.outbox);
        for rejected in &self.effects.rejects {
            self.encoder.engine_reject(rejected, &mut self.outbox);
            let reasons = &mut self.summary.rejected[rejected.position.topic as usize];
            *reasons.entry(Reason::from(rejected.reason).name()).or_default() += 1;
        }
        for (sum, read) in self.summary.read.iter_mut().zip(portion.read) {
            *sum += read;
        }
        if portion.newest != Time::MIN {
            self.summary.newest = Some(portion.newest);
        }
        self.progress.at(self.summary.events(), portion.newest);
        self.sinks.write(&self.outbox)
    }

    fn finish(mut self) -> io::Result<Summary> {
        self.sinks.finish()?;
        self.summary.elapsed = self.progress.finish();
        self.summary.totals = self.engine.totals().clone();
        self.summary.digest = self.encoder.digest();
        Ok(self.summary)
    }
}
