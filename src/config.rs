//! `config/*.toml` + environment → typed options; all errors at once, before any socket opens.

use crate::engine::Params;
use crate::wire::DecodeOptions;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a command needs, validated.
#[derive(Clone, Debug)]
pub struct Config {
    pub engine: Params,
    pub decode: DecodeOptions,
    /// Hash of everything that changes history (engine.toml's meaning, not its comments), 16 hex digits.
    pub fingerprint: String,
    pub runtime: Runtime,
}

/// `runtime.toml`: where and how, never what.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub kafka: Kafka,
    pub topics: Topics,
    pub epoch: Epoch,
    pub http: Http,
    pub limits: Limits,
    pub snapshot_directory: PathBuf,
}

/// The broker connection.
#[derive(Clone, Debug)]
pub struct Kafka {
    pub brokers: String,
    /// Consumer group, which also names the shard.
    pub group: String,
    pub transactional_id: String,
    /// Properties passed through to librdkafka, in order.
    pub client: Vec<(String, String)>,
}

/// Broker names of all topics.
#[derive(Clone, Debug)]
pub struct Topics {
    /// By [`crate::event::Topic`].
    pub inputs: [String; 4],
    /// By [`crate::wire::OutTopic`].
    pub outputs: [String; 6],
}

/// When an epoch ends: at the first of the two.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    pub max: Duration,
    pub max_records: usize,
    /// The watermark may follow the wall clock when the newest event is this close to it.
    pub live_within: Duration,
    /// When all partitions are read to their end and nothing came for this long, everything read is released.
    pub idle_after: Duration,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct Http {
    /// `127.0.0.1:8080`; anything but loopback needs a token.
    pub listen: String,
    pub token: Option<String>,
}

/// Named limits of the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records that may be ahead of the watermark before fetching pauses the partitions that run ahead.
    pub reorder_records: usize,
    /// Cascades kept for readers.
    pub view_cascades: usize,
    /// Customers of one cascade's tree kept for readers.
    pub view_tree: usize,
}
