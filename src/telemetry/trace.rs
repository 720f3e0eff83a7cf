//! Traces by OTLP: a span for each request, GraphQL operation, use case and statement.
//!
//! Spans have the separate target [`TARGET`], which is enabled only while traces are sent. So they cost nothing
//! otherwise, and the log never shows them. Batches are sent in the background; if the collector is down, only spans
//! are lost.
//!
//! Statements are sent without their bound values.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub(crate) const TARGET: &str = "taskwire::span";

/// The name of the service in collectors.
const SERVICE: &str = "taskwire";
/// Longest time to send one batch, and to send the remaining spans at shutdown.
const PATIENCE: Duration = Duration::from_secs(5);
/// In bytes. Longer statements only have more columns or rows.
const MAX_STATEMENT: usize = 2_000;

/// Creates the spans of statements. Unset while no traces are sent.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Sends traces in the background until [`Self::stop`].
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to this collector, by HTTP. Must be called within a Tokio runtime. It does not connect yet, so it succeeds
    /// even if the collector is down.
    pub(super) fn start(endpoint: &str) -> anyhow::Result<Self> {
        // The HTTP client has no cryptography provider. If the process has one already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut url = url::Url::parse(endpoint).context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
        let headers = credentials(&url).map(|value| ("authorization".to_owned(), value));
        // Credentials are sent in the header, so the URL must not contain them.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", url.as_str().trim_end_matches('/')))
            .with_headers(headers.into_iter().collect())
            .with_timeout(PATIENCE)
            .build()
            .context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
        let exporter = LoggingExporter {
            exporter,
            has_failed: AtomicBool::new(false),
        };
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .build();
        // A second server in one process uses the tracer of the first.
        let _ = TRACER.set(provider.tracer(SERVICE));
        Ok(Self(provider))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer(SERVICE)
    }

    /// Sends the remaining spans, for at most five seconds.
    pub async fn stop(self) {
        let stopping = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE));
        match tokio::time::timeout(PATIENCE, stopping).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!("the last traces were not sent: {error}"),
            Ok(Err(_)) | Err(_) => tracing::warn!("the last traces were not sent in time"),
        }
    }
}

/// The `Authorization` header for the user and password of a URL.
fn credentials(url: &url::Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let pair = format!(
        "{}:{}",
        decoded(url.username()),
        decoded(url.password().unwrap_or_default())
    );
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

/// Logs once when sending starts to fail, and once when it works again.
struct LoggingExporter {
    exporter: SpanExporter,
    has_failed: AtomicBool,
}

impl fmt::Debug for LoggingExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggingExporter").finish_non_exhaustive()
    }
}

impl opentelemetry_sdk::trace::SpanExporter for LoggingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        // The client's error is not logged: it may contain the URL with its credentials.
        if self.has_failed.swap(sent.is_err(), Ordering::Relaxed) != sent.is_err() {
            if sent.is_err() {
                tracing::warn!("traces cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT; they are lost until it answers");
            } else {
                tracing::info!("traces are sent again");
            }
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The span of a request. `parent` is the client's span, if the request named one.
pub(crate) fn request(method: &Method, route: &str, parent: Option<&SpanContext>) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = ?SpanKind::Server,
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if let Some(parent) = parent
        && !span.is_disabled()
    {
        // It fails only for a span that is disabled.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent.clone()));
    }
    span
}

pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The trace of a request: that of `parent`, or a new one. `None` without a parent while no traces are sent.
pub(crate) fn id(span: &Span, parent: Option<&SpanContext>) -> Option<TraceId> {
    if let Some(parent) = parent {
        return Some(parent.trace_id());
    }
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id())
}

/// The client's span from the W3C header `traceparent`; `None` if the header is absent or invalid.
pub(crate) fn parent_in(headers: &HeaderMap) -> Option<SpanContext> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // Later versions may have more parts after these; version 00 has none.
    let is_readable = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2);
    if !is_readable {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let state = headers.get("tracestate").and_then(|state| state.to_str().ok());
    let state = state.and_then(|state| state.parse().ok()).unwrap_or(TraceState::NONE);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, state);
    context.is_valid().then_some(context)
}

/// The part of a statement that is shown in traces and logs.
pub(crate) fn shortened(statement: &str) -> &str {
    &statement[..statement.floor_char_boundary(MAX_STATEMENT)]
}

/// Adds a statement that has just ended to the current span. Without one it is not sent: background work belongs to no
/// trace.
pub(crate) fn statement(text: &str, engine: &'static str, elapsed: Duration, has_failed: bool) {
    let Some(tracer) = TRACER.get() else { return };
    let parent = Span::current().context();
    if !parent.span().span_context().is_sampled() {
        return;
    }
    let end = now();
    let name = operation_of(text).to_owned();
    let shown = shortened(text).to_owned();
    let builder = tracer
        .span_builder(name)
        .with_kind(SpanKind::Client)
        .with_start_time(end.checked_sub(elapsed).unwrap_or(end))
        .with_attributes([
            KeyValue::new("db.system.name", engine),
            KeyValue::new("db.query.text", shown),
        ]);
    let mut span = tracer.build_with_context(builder, &parent);
    if has_failed {
        opentelemetry::trace::Span::set_status(&mut span, Status::error("the statement failed"));
    }
    opentelemetry::trace::Span::end_with_timestamp(&mut span, end);
}

/// The first keyword of a statement, or the write within a `WITH`. The text has no values.
fn operation_of(text: &str) -> &str {
    const WRITES: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

    match text.split_whitespace().next() {
        Some("WITH") => WRITES
            .into_iter()
            .find(|write| text.contains(write))
            .unwrap_or("SELECT"),
        other => other.unwrap_or("SQL"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans have the time of this machine, like the spans of other services"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn parent(value: &str) -> Option<SpanContext> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", value.parse().unwrap());
        parent_in(&headers)
    }

    #[test]
    fn a_parent_has_the_format_of_the_standard() {
        let sampled = parent(&format!("00-{TRACE}-{PARENT}-01")).unwrap();
        assert_eq!(sampled.trace_id().to_string(), TRACE);
        assert_eq!(sampled.span_id().to_string(), PARENT);
        assert!(sampled.is_sampled() && sampled.is_remote());
        assert!(!parent(&format!("00-{TRACE}-{PARENT}-00")).unwrap().is_sampled());
        assert!(parent(&format!("cc-{TRACE}-{PARENT}-01-more")).is_some());
    }

    #[test]
    fn an_invalid_parent_is_ignored() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "nonsense".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
        ] {
            assert!(parent(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn credentials_of_a_collector_go_into_a_header() {
        let url = |text| url::Url::parse(text).unwrap();
        assert_eq!(credentials(&url("http://collector:4318")), None);
        let header = credentials(&url("https://me:p%40ss@collector")).unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("me:p@ss")));
    }
}
