//! The HTTP interface: what the view holds, as JSON; health; metrics; the console. Read-only.
//!
//! Answers are computed on the server's own small runtime, from one read lock of the view each. That blocks a worker
//! for as long as an epoch is published, which is milliseconds; the data path runs on threads of its own.

mod answers;
mod gate;
mod openapi;
mod problem;
mod routes;
mod stream;

pub use answers::*;
pub use problem::Problem;
pub use routes::{ROUTES, Route};
pub use stream::Lagged;

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::view::View;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Answers that are being written when the server is told to stop get this long.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How far the pipeline is, as far as `/readyz` is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing has been committed or restored yet.
    Starting,
    /// History is being stepped through again.
    Restoring,
    /// Epochs are being committed.
    Ready,
    /// The last epoch is being finished.
    Stopping,
}

/// The handle through which the pipeline tells its phase. Starts at `Starting`.
#[derive(Debug, Default)]
pub struct Health {
    phase: AtomicU8,
}

impl Health {
    pub fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Restoring,
            2 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }
}

/// What the routes answer from.
pub struct Api {
    view: Arc<View>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    gate: Arc<gate::Gate>,
    streams: Arc<Semaphore>,
    /// Turns true when the server is to stop; ends the streams, which would otherwise hold it up.
    stop: watch::Receiver<bool>,
}

impl Api {
    /// With a `token`, everything but `/livez` and `/readyz` requires it.
    #[must_use]
    pub fn new(
        token: Option<&str>,
        view: Arc<View>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        stop: watch::Receiver<bool>,
    ) -> Api {
        Api {
            view,
            metrics,
            health,
            gate: Arc::new(gate::Gate::new(token)),
            streams: Arc::new(Semaphore::new(stream::STREAMS_MAX)),
            stop,
        }
    }
}

/// Serves until `stop` turns true and the answers under way are written.
pub async fn serve(listener: tokio::net::TcpListener, api: Api) -> std::io::Result<()> {
    let mut stop = api.stop.clone();
    let stopped = async move {
        // An error means that whoever could have stopped the server is gone: that stops it too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, routes::router(Arc::new(api))).with_graceful_shutdown(stopped).await
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Binds `listen` (port 0: any free port) and serves on threads of its own.
///
/// # Errors
/// `Usage` if the address cannot be bound, or is not loopback and there is no token.
pub fn start(
    listen: &str,
    token: Option<String>,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
) -> Result<Server, Failure> {
    let usage = |error: std::io::Error| Failure::Usage(format!("http.listen = {listen:?}: {error}"));
    let listener = TcpListener::bind(listen).map_err(usage)?;
    let address = listener.local_addr().map_err(usage)?;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(Failure::Usage(format!("http.listen = {listen:?}: a token is required for anything but loopback")));
    }
    listener.set_nonblocking(true).map_err(usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("http")
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start the http threads: {error}")))?;
    let (stop, stopped) = watch::channel(false);
    let api = Api::new(token.as_deref(), view, metrics, health, stopped.clone());
    let run = move || {
        runtime.block_on(async {
            let serving = async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                serve(listener, api).await
            };
            tokio::select! {
                ended = serving => if let Err(error) = ended {
                    tracing::error!(%error, "the http server ended");
                },
                () = overdue(stopped) => tracing::warn!("http connections were cut off at the end"),
            }
        });
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new()
        .name("http".into())
        .spawn(run)
        .map_err(|error| Failure::Other(format!("cannot start the http thread: {error}")))?;
    Ok(Server { address, stop, thread: Some(thread) })
}

/// Ends when the server should have stopped by now.
async fn overdue(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
    tokio::time::sleep(STOP_WITHIN).await;
}

impl Server {
    /// Where the server listens, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the streams, lets answers under way finish for a moment, and returns when the server has stopped.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, which has been reported then.
            let _ = thread.join();
        }
    }
}
