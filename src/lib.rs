//! Bellwether finds the customers whom other customers follow into buying, while it happens.
//!
//! # Bird's-eye view
//!
//! Order the events first, then apply them to a pure state machine. Everything else follows.
//!
//! ```text
//!  Kafka ──► ingest ──────► engine ─────────────────────► commit ──────► view ──► HTTP
//!            poll, decode,   progress decides the          outputs +      whole
//!            reject          watermark; Engine::step;      journal +      epochs,
//!                            encode                        offsets, one   as_of
//!                                                          transaction
//! ```
//!
//! | room | holds |
//! |---|---|
//! | [`event`] | the nouns: times, money, positions, events, score changes. No JSON, no IO |
//! | [`wire`] | bytes ↔ nouns: schemas in and out, rejects with reasons, digests |
//! | [`engine`] | the state machine: order, graph, exposure, credit, cascades, scores. Pure |
//! | [`runtime`] | IO: the epoch loop, progress (the data path's only wall clock), Kafka, files |
//! | [`view`] | what readers may see: published after commit, once per epoch |
//! | [`http`], [`metrics`] | the API, the console, Prometheus |
//! | [`config`] | two TOML files and the environment → typed options, all errors at once |
//! | [`simulate`] | a market with planted truth: what the product is measured on |
//! | [`demo`] | all of it in one process |
//!
//! # The path of one event
//!
//! 1. `runtime::kafka` polls a record from one of the four input topics: its position and its bytes.
//! 2. [`wire::Decoder::decode`] checks it. A hostile one becomes a reject, with a reason, its bytes untouched. A good one
//!    is appended to a [`event::Chunk`]: numbers, and spans into the record's own text.
//! 3. At the end of an epoch (time or size, whichever comes first) `runtime::progress` decides the watermark from
//!    the event times seen in each partition.
//! 4. [`engine::Engine::step`] interns the ids and puts the event into the reorder buffer. Once the watermark has passed it, the event
//!    is applied in the total order: the customer acts, the product is touched (who exposed the actor? is it an
//!    adoption? who is credited? which cascade does it join?), the creditors are credited.
//! 5. When the event's tick of 100 ms ends, everyone whom it touched is scored. A score that moved by a point, or a new layer, is
//!    an [`event::ScoreChange`] that names the factors and the event that caused it.
//! 6. [`wire::Encoder`] writes it as a record on `influence.score-changes` and one on `influence.scores`, and chains their
//!    bytes into the digest.
//! 7. Outputs, the epoch's journal record and the consumed offsets are committed to Kafka in one transaction.
//! 8. Only then does the [`view::View`] show it to readers, and the stream push it to those who listen.
//!
//! # What always holds
//!
//! **Invariant: same log, same bytes.** The engine reads no clock, draws no random number, walks no hash map whose order could
//! be seen and uses `libm` instead of the platform's transcendentals.
//!
//! **Invariant: batches do not matter.** `step(a ++ b)` equals `step(a); step(b)`: nothing depends on where an epoch ends.
//!
//! **Invariant: arrival does not matter.** The total order is (event time, topic rank, hash of the id, hash of the value); neither the order
//! between partitions nor their number changes a result. What was late is judged against the journalled watermark.
//!
//! **Invariant: credit is conserved.** Direct credit + organic = adoptions and credited + organic revenue = revenue, to the last
//! billionth and ten-thousandth, after any sequence of events and refunds.
//!
//! **Invariant: nothing vanishes.** Every input record is applied, counted as a repeat, or stands in the rejects topic with a
//! reason.
//!
//! **Invariant: an epoch is all or nothing.** Its outputs, its journal record and its offsets become visible together, and
//! readers of the view see whole epochs only.
//!
//! **Invariant: every change explains itself.** The points of the factors add up to the score exactly, `previous_score` is the score
//! before, and `sequence` has no gaps.
//!
//! The import rules that keep the rooms apart are tests: see `tests/tidy.rs`.
#![forbid(unsafe_code)]

pub mod config;
pub mod demo;
pub mod engine;
pub mod event;
pub mod failure;
pub mod http;
pub mod metrics;
pub mod runtime;
pub mod simulate;
pub mod view;
pub mod wire;
