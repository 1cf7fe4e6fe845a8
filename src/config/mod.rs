//! `config/*.toml` + environment → typed options; all errors at once, before any socket opens.
//!
//! [`Config::load`] is pure but for the files it names: the environment is an argument. What is not in a file has the
//! default, and the shipped files hold exactly the defaults, compiled in, so that commands work in any directory.

mod check;
mod engine;
mod reader;
mod runtime;

pub use check::{CheckArgs, check_command};
pub use reader::{Setting, Source};

use crate::engine::Params;
use crate::failure::Failure;
use crate::wire::{DecodeOptions, EncodeOptions};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `config/runtime.toml` as shipped: the defaults with their explanations.
pub const SHIPPED_RUNTIME: &str = include_str!("../../config/runtime.toml");
/// `config/engine.toml` as shipped.
pub const SHIPPED_ENGINE: &str = include_str!("../../config/engine.toml");

/// Read when `--config` is not given and the file exists.
const DEFAULT_PATH: &str = "config/runtime.toml";
/// How files that are compiled in are called in messages.
const SHIPPED: &str = "(shipped)";

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, or the environment variable, that it is wrong in.
    pub file: String,
    /// The key's path: `score.persuasion.weight`; empty if it is about the file.
    pub path: String,
    /// What was found and what is allowed. Never a secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{}: {}{separator}{}", self.file, self.path, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Everything that a command needs, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub engine: Params,
    pub decode: DecodeOptions,
    /// Hash of everything that changes history (engine.toml's meaning, not its comments), 16 hex digits.
    pub fingerprint: String,
    pub runtime: Runtime,
}

impl Config {
    /// Reads the runtime file `path` and the engine file that it names. Without a path: `config/runtime.toml` if there is
    /// one, else the defaults. `environment` overrides runtime settings.
    ///
    /// # Errors
    /// Everything that is wrong, in both files and the environment.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Vec<ConfigError>> {
        Config::inspect(path, environment).map(|(config, _)| config)
    }

    /// [`Config::load`] with this process's environment and errors as one text for people.
    ///
    /// # Errors
    /// [`Failure::Usage`] with one line for each thing that is wrong.
    pub fn load_or_fail(path: Option<&Path>) -> Result<Config, Failure> {
        Config::load(path, process_environment()).map_err(|errors| Failure::Usage(listed(&errors)))
    }

    /// [`Config::load`] that also tells every effective setting with its source: those of the runtime, then the engine's.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn inspect(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Config, Vec<Setting>), Vec<ConfigError>> {
        let default_path = Path::new(DEFAULT_PATH);
        let path = path.or_else(|| default_path.is_file().then_some(default_path));
        let directory = path.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let (name, text) = match path {
            None => (SHIPPED.to_owned(), Ok(SHIPPED_RUNTIME.to_owned())),
            Some(path) => (path.display().to_string(), std::fs::read_to_string(path)),
        };
        let (text, mut errors) = text_or_error(&name, text);
        let (runtime, engine_path, mut found) =
            runtime::read(&name, &text, &directory, runtime::overrides(environment));
        errors.append(&mut found.errors);

        let (name, text) = match engine_path.filter(|_| path.is_some()) {
            None => (SHIPPED.to_owned(), Ok(SHIPPED_ENGINE.to_owned())),
            Some(path) => (path.display().to_string(), std::fs::read_to_string(path)),
        };
        let (text, mut unreadable) = text_or_error(&name, text);
        errors.append(&mut unreadable);
        let (engine, decode, mut engine_found) = engine::read(&name, &text);
        errors.append(&mut engine_found.errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let fingerprint = engine::fingerprint(&engine_found.settings);
        let mut settings = found.settings;
        settings.append(&mut engine_found.settings);
        Ok((Config { engine, decode, fingerprint, runtime }, settings))
    }

    /// What encoding depends on.
    #[must_use]
    pub fn encode_options(&self) -> EncodeOptions {
        EncodeOptions {
            model: format!("rules-{}", self.fingerprint),
            source: "bellwether".to_owned(),
            currency: self.decode.reporting_currency.clone(),
            input_topics: self.runtime.topics.inputs.clone(),
        }
    }
}

impl Default for Config {
    /// The shipped files.
    fn default() -> Self {
        let (engine, decode, found) = engine::read(SHIPPED, SHIPPED_ENGINE);
        let (runtime, _, _) = runtime::read(SHIPPED, SHIPPED_RUNTIME, Path::new(""), Default::default());
        Config { engine, decode, fingerprint: engine::fingerprint(&found.settings), runtime }
    }
}

/// `runtime.toml`: where and how, never what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    pub kafka: Kafka,
    pub topics: Topics,
    pub epoch: Epoch,
    pub http: Http,
    pub limits: Limits,
    pub snapshot_directory: PathBuf,
}

/// The broker connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Kafka {
    pub brokers: String,
    /// Consumer group, which also names the shard.
    pub group: String,
    pub transactional_id: String,
    /// Properties passed through to librdkafka, in order.
    pub client: Vec<(String, String)>,
}

/// Broker names of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// By [`crate::event::Topic`].
    pub inputs: [String; 4],
    /// By [`crate::wire::OutTopic`].
    pub outputs: [String; 6],
}

/// When an epoch ends: at the first of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub max: Duration,
    pub max_records: usize,
    /// The watermark may follow the wall clock when the newest event is this close to it.
    pub live_within: Duration,
    /// When all partitions are read to their end and nothing came for this long, everything read is released.
    pub idle_after: Duration,
}

/// The HTTP server.
#[derive(Clone, PartialEq, Eq)]
pub struct Http {
    /// `127.0.0.1:8080`; anything but loopback needs a token.
    pub listen: String,
    pub token: Option<String>,
}

/// Named limits of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that may be ahead of the watermark before fetching pauses the partitions that run ahead.
    pub reorder_records: usize,
    /// Cascades kept for readers.
    pub view_cascades: usize,
    /// Customers of one cascade's tree kept for readers.
    pub view_tree: usize,
}

impl fmt::Debug for Kafka {
    /// Secrets among the client's properties are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let visible = |(name, value): &(String, String)| {
            let value = if runtime::is_secret(name) { "(secret)" } else { value };
            format!("{name}={value}")
        };
        f.debug_struct("Kafka")
            .field("brokers", &self.brokers)
            .field("group", &self.group)
            .field("transactional_id", &self.transactional_id)
            .field("client", &self.client.iter().map(visible).collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Debug for Http {
    /// The token is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "(secret)");
        f.debug_struct("Http").field("listen", &self.listen).field("token", &token).finish()
    }
}

/// This process's environment; variables that are not Unicode cannot be ours.
fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn text_or_error(name: &str, text: std::io::Result<String>) -> (String, Vec<ConfigError>) {
    match text {
        Ok(text) => (text, Vec::new()),
        Err(error) => {
            let message = format!("cannot be read: {error}");
            (String::new(), vec![ConfigError { file: name.to_owned(), path: String::new(), message }])
        }
    }
}

/// One line for each error, under a heading with their number.
fn listed(errors: &[ConfigError]) -> String {
    let noun = if errors.len() == 1 { "error" } else { "errors" };
    let lines: String = errors.iter().map(|error| format!("\n  {error}")).collect();
    format!("{} {noun} in the configuration:{lines}", errors.len())
}
