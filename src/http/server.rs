//! Listening, and stopping without cutting anybody off.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::App;

/// How long it may take to give back jobs and to close the database, when the time for all else is over.
const CLOSING: Duration = Duration::from_secs(5);

/// Listens where the settings say. Fails with one line when the address is taken.
pub async fn bind(app: &App) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(app.config().http.host, app.config().http.port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (SERVER_HOST and SERVER_PORT)"))
}

/// Serves until `stop` resolves. Then readiness fails while connections are still accepted, for as long as load balancers
/// need to notice; after that running requests may finish. The settings give both times.
pub async fn serve(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (begun, shutdown_began) = oneshot::channel::<()>();
    let stopping = app.clone();
    let listener = listener.tap_io(|connection| {
        // An answer is written whole; waiting for more to send with it would only make it late.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY cannot be set: {error}");
        }
    });
    let service = app.router().into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        stopping.begin_drain();
        let drain = stopping.config().http.shutdown_drain;
        if !drain.is_zero() {
            tracing::info!(
                "shutting down: not ready from now on, connections are accepted for {} s",
                drain.as_secs()
            );
            stopping.domain().live().drain(drain).await;
        }
        stopping.begin_shutdown();
        tracing::info!("shutting down: running requests may finish");
        // The receiver is gone only when serving has ended already.
        let _ = begun.send(());
    });
    let bound = app.config().http.shutdown_timeout;
    tokio::select! {
        served = async {
            serving.await?;
            // Their connections are not among those that serving waits for.
            app.graphql().websockets_closed().await;
            app.domain().jobs().drained().await;
            std::io::Result::Ok(())
        } => served.context("serving failed")?,
        () = async {
            // Without a shutdown the sender is dropped with `serving`, which ends the other branch.
            if shutdown_began.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(bound).await;
        } => tracing::warn!("requests still running after {} s were cut off; jobs are given back", bound.as_secs()),
    }
    let closing = async {
        app.domain().jobs().give_back().await;
        app.domain().clone().close().await
    };
    if timeout(CLOSING, closing).await.is_err() {
        tracing::warn!(
            "jobs and database connections were not given back within {} s",
            CLOSING.as_secs()
        );
    }
    Ok(())
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
