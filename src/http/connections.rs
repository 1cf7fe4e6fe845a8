//! Connections: at most so many at once, and none that only dawdles.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Sockets open at once: streams, requests, browsers that keep theirs. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// A connection that has not sent the whole head of its next request by then is closed, be it slow on purpose or idle.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// After a failed accept: mostly the process is out of file descriptors, and some will be closed.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Serves until `stopped` and then until the answers under way are written.
pub(super) async fn serve(listener: TcpListener, router: Router, head_within: Duration, stopped: impl Future) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_within);
    tokio::pin!(stopped);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, socket) = tokio::select! {
            accepted = accepted => accepted,
            _ = &mut stopped => break,
        };
        let Ok((socket, _)) = socket else {
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            let _permit = permit;
            // An error says that the peer left or sent nonsense; its request was answered if it was one.
            let _ = connection.await;
        });
    }
    drop(listener);
    open.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::io::{Read, Write};

    /// A client that begins a request and does not end it is cut off; one that sends nothing, too.
    #[test]
    fn dawdlers_are_cut_off() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "here\n"));
        runtime.spawn(serve(listener, router, Duration::from_millis(50), std::future::pending::<()>()));
        for begun in [&b""[..], b"GET / HTTP/1.1\r\nhost: x\r\nx-slow:"] {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            socket.write_all(begun).unwrap();
            let mut answer = String::new();
            // Returns at all because the server closes the connection.
            socket.read_to_string(&mut answer).unwrap();
            assert!(!answer.contains("200"), "{answer}");
        }
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("here\n"), "{answer}");
    }
}
