//! Listening and graceful shutdown.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Connections;
use crate::config::HttpConfig;
use crate::state::AppState;

/// Time limit for returning jobs and closing the database, after the shutdown timeout.
const CLOSING: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted for lack of files or memory, and the longest wait for evicted ones.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// One of this many failures in a row is logged.
const LOGGED_FAILURES: u32 = 100;

/// Listens on the configured address. Fails with a one-line error if it is in use.
pub async fn bind(config: &HttpConfig) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (SERVER_HOST and SERVER_PORT)"))
}

/// Serves until `stop` resolves. Then readiness fails, while connections are still accepted until load balancers
/// notice. After that, running requests may finish. The settings limit both times. Last, it waits for `sockets_closed`,
/// because a WebSocket is no longer a request.
pub async fn serve(
    state: AppState,
    router: Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    sockets_closed: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let connections = Connections::new(router, state.config())?;
    let (stopping, stops) = watch::channel(false);
    let mut open = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &connections, &stops, &mut open) => {}
        () = drain(&state, stop) => {}
    }
    // These are already established: closing the listener would reset them.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        connections.accept(stream, peer, &stops, &mut open);
    }
    drop(listener);
    state.begin_shutdown();
    stopping.send_replace(true);
    tracing::info!("shutting down: running requests may finish");
    let finishing = async {
        while open.join_next().await.is_some() {}
        // WebSockets are no longer among them.
        sockets_closed.await;
        state.domain().jobs().drained().await;
    };
    let bound = state.config().http.shutdown_timeout;
    if timeout(bound, finishing).await.is_err() {
        tracing::warn!(
            "requests still running after {} s were aborted; jobs are released",
            bound.as_secs()
        );
        open.abort_all();
    }
    let closing = async {
        state.domain().jobs().give_back().await;
        state.domain().clone().close().await
    };
    if timeout(CLOSING, closing).await.is_err() {
        tracing::warn!(
            "jobs and database connections were not released within {} s",
            CLOSING.as_secs()
        );
    }
    Ok(())
}

/// Waits for `stop`, and then until load balancers notice.
async fn drain(state: &AppState, stop: impl Future<Output = ()>) {
    stop.await;
    state.begin_drain();
    let time = state.config().http.shutdown_drain;
    if !time.is_zero() {
        tracing::info!(
            "shutting down: /readyz fails from now on; connections are accepted for {} s more",
            time.as_secs()
        );
        state.domain().live().drain(time).await;
    }
}

/// Accepts connections and serves each in a task. Never returns.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    stops: &watch::Receiver<bool>,
    open: &mut JoinSet<()>,
) {
    let mut failures = 0;
    loop {
        // On a busy machine, connections can arrive faster than the tasks of evicted ones end and close their files.
        while connections.slots.are_many_closing() {
            if !matches!(timeout(AFTER_FAILURE, open.join_next()).await, Ok(Some(_))) {
                break;
            }
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                connections.accept(stream, peer, stops, open);
            }
            // The client has disconnected.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                if failures % LOGGED_FAILURES == 0 {
                    tracing::error!("a connection cannot be accepted: {error}");
                }
                failures += 1;
                // Too many open files. The connection still waits, so an immediate retry would fail too.
                connections.slots.make_room();
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whether only this connection failed.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Resolves on Ctrl-C or SIGTERM. From the call on, these signals no longer end the process, even if the future is not
/// polled yet.
pub fn stop_signal() -> impl Future<Output = ()> {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let signals = signals.into_iter().filter_map(|signal| {
        signal
            .inspect_err(|error| tracing::warn!("cannot listen for Ctrl-C or SIGTERM: {error}"))
            .ok()
    });
    let mut signals: Vec<Signal> = signals.collect();
    poll_fn(move |cx| {
        let has_arrived = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if has_arrived { Poll::Ready(()) } else { Poll::Pending }
    })
}
