//! `taskwire serve`.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::app::App;
use crate::config::Config;
use crate::domain::Dependencies;
use crate::http::{open_files, server};
use crate::telemetry;

pub(super) async fn run() -> anyhow::Result<()> {
    // First: the system ignores a signal without a handler if this is process 1, as in a container.
    let mut stop = Box::pin(server::stop_signal());
    let mut config = Config::load()?;
    config.http.check_exposure(config.environment)?;
    open_files::raise_limit();
    let limits = config.http.connections.limits(&config.database, open_files::limit())?;
    config.http.connections.max = Some(limits.total);
    let traces = telemetry::start(&config.log, config.otlp_endpoint.as_deref())?;
    for unknown in &config.unknown {
        tracing::warn!("{unknown}");
    }
    if config.http.is_exposed_development(config.environment) {
        tracing::warn!(
            "UNSAFE_DEVELOPMENT_ON_NETWORK is true: this development server, whose administrator has a known password, \
             listens on {}",
            config.http.host
        );
    }
    let started = tokio::select! {
        started = start(config) => Some(started?),
        () = &mut stop => None,
    };
    let served = if let Some((app, listener)) = started {
        app.serve(listener, stop).await
    } else {
        tracing::info!("stopped before the server listened");
        Ok(())
    };
    if let Some(traces) = traces {
        traces.stop().await;
    }
    served
}

/// Does everything before the first connection.
async fn start(config: Config) -> anyhow::Result<(App, TcpListener)> {
    let metrics = telemetry::start_metrics()?;
    // On the heap: the future of connecting is large, and would stay on the stack while the server runs.
    let app = Box::pin(App::open(config, Dependencies::default()))
        .await?
        .with_metrics(metrics);
    app.prepare().await?;
    let listener = server::bind(&app.config().http).await?;
    // Not before: a server whose port is taken would claim jobs and end.
    app.start_background();
    tracing::info!("{}", announcement(listener.local_addr()?, app.config().graphql.ide));
    Ok((app, listener))
}

fn announcement(address: SocketAddr, ide: bool) -> String {
    let listening = format!("listening on http://{address}");
    if ide {
        format!("{listening}, GraphiQL is at http://{}/graphql", reachable(address))
    } else {
        listening
    }
}

/// A browser on this machine cannot open the unspecified address, such as `0.0.0.0`.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_has_the_url_of_graphiql_if_it_is_enabled() {
        let local = SocketAddr::from(([127, 0, 0, 1], 8000));
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 8000));
        assert_eq!(announcement(local, false), "listening on http://127.0.0.1:8000");
        assert_eq!(
            announcement(everywhere, true),
            "listening on http://0.0.0.0:8000, GraphiQL is at http://127.0.0.1:8000/graphql"
        );
    }
}
