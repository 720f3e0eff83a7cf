//! Logs: one line a request and what went wrong in between, as text or JSON. And metrics, for Prometheus.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};
use crate::domain::{job, live};

/// Sends the process's logs to standard error. Once a process; a second call changes nothing.
pub fn start(config: &LogConfig) {
    let level = config.level.as_str();
    // The drivers say at `info` what concerns only whoever debugs them.
    let filter = EnvFilter::new(format!("{level},sqlx=warn,sea_orm=warn,sea_orm_migration=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format {
        LogFormat::Json => registry
            .with(
                layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
        LogFormat::Text => {
            let text = layer().with_target(false).with_writer(std::io::stderr);
            // Colours are for a terminal; in a file they would be noise.
            let text = if std::io::stderr().is_terminal() {
                text
            } else {
                text.with_ansi(false)
            };
            registry.with(text).try_init()
        }
    };
    if let Err(error) = started {
        tracing::debug!("logs were started before: {error}");
    }
}

/// Counts from now on what the process does, and gives what shows it. Fails when it counts already.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .install_recorder()
        .context("cannot count for /metrics")?;
    for (name, what) in live::GAUGES.into_iter().chain(job::GAUGES) {
        metrics::describe_gauge!(name, what);
        metrics::gauge!(name).set(0.0);
    }
    for (name, what) in live::COUNTERS {
        metrics::describe_counter!(name, what);
        metrics::counter!(name).absolute(0);
    }
    // With labels, these begin when there is something to count.
    for (name, what) in job::COUNTERS {
        metrics::describe_counter!(name, what);
    }
    for (name, what) in job::HISTOGRAMS {
        metrics::describe_histogram!(name, metrics::Unit::Seconds, what);
    }
    Ok(handle)
}
