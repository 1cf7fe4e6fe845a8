//! `bellwether run`: the pipeline against Kafka, with HTTP and metrics around it, until a signal or a failure.

use super::pipeline::Pipeline;
use super::report::EpochReport;
use super::topics::check_topics;
use crate::config::Config;
use crate::engine::Totals;
use crate::event::{Time, Topic};
use crate::failure::Failure;
use crate::http::{self, Health, Phase, Server};
use crate::metrics::{EpochFigures, Metrics};
use crate::view::View;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::net::SocketAddr;
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
    let service = Service::start(config, stop, |report, _| {
        tracing::debug!(epoch = report.epoch, outputs = report.outputs, lag = report.lag(), "committed");
    })?;
    tracing::info!(address = %format!("http://{}/", service.address()), "console and API");
    service.wait()
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

/// A running pipeline with the server that shows what it commits.
pub struct Service {
    pipeline: Pipeline,
    server: Server,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    started: Instant,
}

impl Service {
    /// Binds the address first, so that a taken port is found before anything is written; then starts the pipeline.
    /// `observe` is called after each epoch, on the commit thread.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the address cannot be bound.
    pub fn start(
        config: Config,
        stop: Arc<AtomicBool>,
        mut observe: impl FnMut(&EpochReport, &Totals) + Send + 'static,
    ) -> Result<Service, Failure> {
        let limits = config.runtime.limits;
        let view = Arc::new(View::new(limits.view_cascades, limits.view_tree));
        let metrics = Arc::new(Metrics::new(&config.encode_options().model));
        let health = Arc::new(Health::default());
        let http = config.runtime.http.clone();
        let server =
            http::start(&http.listen, http.token, Arc::clone(&view), Arc::clone(&metrics), Arc::clone(&health))?;
        let (recorder, phase) = (Arc::clone(&metrics), Arc::clone(&health));
        let pipeline = Pipeline::start(config, Arc::clone(&view), stop, move |report, totals| {
            if report.restored {
                phase.set(Phase::Restoring);
                recorder.resume(&report.score_histogram, totals);
            } else {
                record(&recorder, report, totals);
            }
            observe(report, totals);
        })?;
        Ok(Service { pipeline, server, view, metrics, health, started: Instant::now() })
    }

    /// Where the server listens, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What readers see.
    #[must_use]
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Whether the pipeline ended, by itself or because it was asked to.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.pipeline.is_finished()
    }

    /// Moves the health on; to be called now and then. Restoring ends when the pipeline goes live.
    pub fn look(&self) {
        if self.pipeline.is_stopping() {
            self.health.set(Phase::Stopping);
        } else if self.pipeline.is_live() && self.health.phase() != Phase::Ready {
            if self.health.phase() == Phase::Restoring {
                self.metrics.restored(self.started.elapsed());
            }
            self.health.set(Phase::Ready);
        }
    }

    /// Waits for the end; once asked to stop, not longer than [`SHUTDOWN`].
    ///
    /// # Errors
    /// What ended the pipeline.
    pub fn wait(self) -> Result<(), Failure> {
        let mut asked = None;
        while !self.pipeline.is_finished() {
            self.look();
            if self.pipeline.is_stopping() && asked.is_none() {
                tracing::info!("stopping: the epoch is finished and committed first");
            }
            if self.pipeline.is_stopping() && asked.get_or_insert_with(Instant::now).elapsed() > SHUTDOWN {
                return Err(Failure::Other(format!(
                    "the pipeline did not end within {SHUTDOWN:?}; a restart resumes from the journal"
                )));
            }
            std::thread::sleep(LOOK);
        }
        self.health.set(Phase::Stopping);
        self.server.stop();
        self.pipeline.join()?;
        tracing::info!("stopped; everything read is committed");
        Ok(())
    }
}

/// Hands an epoch to the metrics, whose nouns are not the runtime's.
fn record(metrics: &Metrics, report: &EpochReport, totals: &Totals) {
    let latency = |topic: Topic| report.latency[topic as usize].map(|latency| (topic, latency.as_secs_f64()));
    let latencies: Vec<_> = Topic::ALL.into_iter().filter_map(latency).collect();
    let lags: Vec<_> = report.lags.iter().map(|(slot, lag)| (slot.topic, slot.partition, *lag)).collect();
    let figures = EpochFigures {
        consumed: report.records,
        rejected: &report.rejects,
        latencies: &latencies,
        watermark_lag_seconds: (report.watermark > Time::MIN).then_some(report.watermark_lag.as_secs_f64()),
        consumer_lag: &lags,
        epoch: report.epoch_time,
        commit: report.commit_time,
        outputs: report.figures.clone(),
        score_histogram: report.score_histogram,
    };
    metrics.observe(&figures, totals);
}
