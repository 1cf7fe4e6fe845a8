//! IO: the loop from the log to committed outputs, and everything around it that touches a clock, a socket or a signal.
//!
//! # The loop
//!
//! 1. *Ingest thread*: poll, decode, keep rejects; hand on in pieces ([`gather`](gather::gather)).
//! 2. *Engine thread*: collect pieces until the epoch ends, by time or by records, whichever is first.
//! 3. Decide how far event time goes ([`Progress::watermark`]). No records and no progress: no epoch.
//! 4. Step the engine, encode outputs and rejects, describe the epoch in a journal record ([`epoch::Stepper::step`]).
//! 5. Too many records wait for the watermark: pause the partitions that run ahead.
//! 6. *Commit thread*: begin a transaction, produce everything, add the offsets, commit. Meanwhile the engine is at the
//!    next epoch, and at most two epochs wait.
//! 7. Only then readers see the epoch, and the observer is told of it.
//!
//! A failure in any thread ends all: threads end when a neighbour's channel closes, so that what was computed before is
//! still committed, and nothing after. A restart begins with fencing and [`restore`].
//!
//! **Invariant:** outputs, journal record and offsets of an epoch become visible together or not at all.
//! **Invariant:** a watermark or range that shaped an output is in the journal record of the same transaction.

mod backfill;
mod epoch;
pub mod files;
mod gather;
pub mod kafka;
mod pipeline;
pub mod progress;
mod report;
mod restore;
mod run;
mod topics;

pub use kafka::{EmbeddedBroker, Publisher};
pub use pipeline::Pipeline;
pub use progress::Progress;
pub use report::EpochReport;
pub use run::{RunArgs, Service, on_signals, run_command};
pub use topics::{TopicsArgs, check_topics, create_topics, topics_command};
