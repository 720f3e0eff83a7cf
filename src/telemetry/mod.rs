//! Logs (text or JSON), metrics for Prometheus, and traces if a collector is set.

pub mod context;
pub mod metric;
pub(crate) mod timings;
pub(crate) mod trace;

pub use self::trace::Traces;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::metric::{Kind, Metric};
use crate::config::{LogConfig, LogFormat};

/// Starts logs on standard error, and traces to `collector` if it is given. Within one process, only the first call has
/// an effect. Must be called within a Tokio runtime.
pub fn start(config: &LogConfig, collector: Option<&str>) -> anyhow::Result<Option<Traces>> {
    let level = config.level.as_str();
    // At `info` the drivers log details that are only useful to debug the drivers themselves.
    let filter = EnvFilter::new(format!(
        "{level},sqlx=warn,sea_orm=warn,sea_orm_migration=warn,{}=off",
        trace::TARGET
    ));
    let traces = collector.map(Traces::start).transpose()?;
    let lines = match config.format {
        LogFormat::Json => layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed(),
        LogFormat::Text => {
            let text = layer().with_target(false).with_writer(std::io::stderr);
            // Colours only on a terminal, and not if NO_COLOR is set.
            let text = if std::io::stderr().is_terminal() {
                text
            } else {
                text.with_ansi(false)
            };
            text.with_filter(filter).boxed()
        }
    };
    let sent = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(trace::TARGET, LevelFilter::INFO))
            .boxed()
    });
    // A list: with an `Option` that is `None` as layer, every span would still be created.
    let layers: Vec<_> = std::iter::once(lines).chain(sent).collect();
    let started = tracing_subscriber::registry().with(layers).try_init();
    if let Err(error) = started {
        tracing::debug!("logs were started before: {error}");
    }
    Ok(traces)
}

/// Installs the recorder of metrics, and returns the handle that renders them. Fails on the second call in a process.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for metric in metric::all() {
        if let Kind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    let handle = builder
        .install_recorder()
        .context("cannot record metrics for /metrics")?;
    for Metric {
        name,
        kind,
        starts_at_zero,
        about,
    } in metric::all()
    {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, about),
            Kind::Gauge => metrics::describe_gauge!(name, about),
            Kind::Histogram(_) => metrics::describe_histogram!(name, about),
        }
        match kind {
            Kind::Counter if starts_at_zero => metrics::counter!(name).absolute(0),
            Kind::Gauge if starts_at_zero => metrics::gauge!(name).set(0.0),
            Kind::Histogram(_) if starts_at_zero => drop(metrics::histogram!(name)),
            Kind::Counter | Kind::Gauge | Kind::Histogram(_) => {}
        }
    }
    Ok(handle)
}
