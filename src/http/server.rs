//! Listening, and stopping without cutting anybody off.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Connections;
use crate::config::HttpConfig;
use crate::state::AppState;

/// How long it may take to give back jobs and to close the database, when the time for all else is over.
const CLOSING: Duration = Duration::from_secs(5);
/// The wait after a connection could not be accepted for want of files or memory.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// One in this many failures in a row is logged.
const LOGGED_FAILURES: u32 = 100;

/// Listens where the settings say. Fails with one line when the address is taken.
pub async fn bind(config: &HttpConfig) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (SERVER_HOST and SERVER_PORT)"))
}

/// Serves until `stop` resolves. Then readiness fails while connections are still accepted, for as long as load balancers
/// need to notice; after that running requests may finish. The settings give both times.
/// Last, it waits for `sockets_closed`: a connection that became a WebSocket is no request any more.
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
    accept_waiting(&listener, &connections, &stops, &mut open);
    drop(listener);
    state.begin_shutdown();
    stopping.send_replace(true);
    tracing::info!("shutting down: running requests may finish");
    let finishing = async {
        while open.join_next().await.is_some() {}
        // A connection that became a WebSocket has left those.
        sockets_closed.await;
        state.domain().jobs().drained().await;
    };
    let bound = state.config().http.shutdown_timeout;
    if timeout(bound, finishing).await.is_err() {
        tracing::warn!(
            "requests still running after {} s were cut off; jobs are given back",
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
            "jobs and database connections were not given back within {} s",
            CLOSING.as_secs()
        );
    }
    Ok(())
}

/// Waits until the server is to stop, and then as long as load balancers need to notice.
async fn drain(state: &AppState, stop: impl Future<Output = ()>) {
    stop.await;
    state.begin_drain();
    let time = state.config().http.shutdown_drain;
    if !time.is_zero() {
        tracing::info!(
            "shutting down: not ready from now on, connections are accepted for {} s",
            time.as_secs()
        );
        state.domain().live().drain(time).await;
    }
}

/// Accepts connections, each of which is served by a task. Does not end.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    stops: &watch::Receiver<bool>,
    open: &mut JoinSet<()>,
) {
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                if let Some(serving) = connections.accept(stream, peer, stops.clone()) {
                    open.spawn(serving);
                }
            }
            // The client was quicker to leave.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                if failures % LOGGED_FAILURES == 0 {
                    tracing::error!("a connection cannot be accepted: {error}");
                }
                failures += 1;
                // The process has too many files open. At once would be too often: the connection still waits.
                connections.make_room();
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Accepts the connections that the system has established already: it would reset them with the listener.
fn accept_waiting(
    listener: &TcpListener,
    connections: &Connections,
    stops: &watch::Receiver<bool>,
    open: &mut JoinSet<()>,
) {
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        if let Some(serving) = connections.accept(stream, peer, stops.clone()) {
            open.spawn(serving);
        }
    }
}

/// Whether only this one connection cannot be accepted.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Resolves when the process is asked to stop: Ctrl-C, or SIGTERM.
pub async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("cannot listen for Ctrl-C: {error}");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate() => {}
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(error) => {
            tracing::warn!("cannot listen for SIGTERM: {error}");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending::<()>().await;
}
