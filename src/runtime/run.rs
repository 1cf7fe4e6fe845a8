//! `bellwether run`: the pipeline against Kafka until a signal, or a failure.

use super::pipeline::Pipeline;
use super::topics::check_topics;
use crate::config::Config;
use crate::failure::Failure;
use crate::view::View;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// `bellwether run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// Runtime file; it names the engine file [default: config/runtime.toml if it exists, else what is compiled in]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// An orderly end takes at most this; what is not committed by then is computed again after the next start.
const SHUTDOWN: Duration = Duration::from_secs(45);

/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Runs `bellwether run`.
///
/// # Errors
/// [`Failure::Usage`] for the configuration or the topics, [`Failure::Input`] for a log that cannot be read,
/// [`Failure::Fenced`], [`Failure::Digest`], and [`Failure::Other`] for a broker that cannot be reached.
pub fn run_command(args: &RunArgs) -> Result<(), Failure> {
    let config = Config::load_or_fail(args.config.as_deref())?;
    let stop = on_signals()?;
    check_topics(&config)?;
    let view = Arc::new(View::new(config.runtime.limits.view_cascades, config.runtime.limits.view_tree));
    // HTTP and metrics hang on here: readers on `view`, the recorder in the observer.
    let pipeline = Pipeline::start(config, view, stop, |report, _totals| {
        tracing::debug!(epoch = report.epoch, outputs = report.outputs, lag = report.lag(), "committed");
    })?;
    wait(pipeline, SHUTDOWN)
}

/// Set by the first SIGTERM or SIGINT; the second exits at once.
pub fn on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // The order matters: the exit must see the flag before this signal sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::Other(format!("cannot listen for signals: {error}")))?;
    }
    Ok(stop)
}

/// Waits for the end; once asked to stop, not longer than `limit`.
fn wait(pipeline: Pipeline, limit: Duration) -> Result<(), Failure> {
    let mut asked = None;
    while !pipeline.is_finished() {
        if pipeline.is_stopping() && asked.get_or_insert_with(Instant::now).elapsed() > limit {
            return Err(Failure::Other(format!(
                "the pipeline did not end within {limit:?}; a restart resumes from the journal"
            )));
        }
        std::thread::sleep(LOOK);
    }
    pipeline.join()
}
