//! Traces, with and without a collector.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, Server, read, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector that records the spans that it receives.
#[derive(Clone, Default)]
struct Collector {
    sent: Arc<Mutex<Vec<ResourceSpans>>>,
    authorization: Arc<Mutex<String>>,
}

impl Collector {
    /// Returns a running collector and its address.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let routes = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        let sent = self.sent.lock().unwrap();
        let scopes = sent.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn ours(&self) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| hex::encode(&span.trace_id) == TRACE);
        spans
    }
}

async fn receive(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    if let Some(value) = headers.get("authorization") {
        value
            .to_str()
            .unwrap()
            .clone_into(&mut collector.authorization.lock().unwrap());
    }
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    collector.sent.lock().unwrap().extend(request.resource_spans);
}

fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(AnyValue::StringValue(text)) => text,
        Some(AnyValue::IntValue(number)) => number.to_string(),
        other => panic!("{name} is {other:?} in {span:?}"),
    }
}

#[track_caller]
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among {names:?}"))
}

/// Names of the ancestor spans, nearest first.
fn around<'a>(spans: &'a [Span], inner: &Span) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut parent = &inner.parent_span_id;
    while let Some(span) = spans.iter().find(|span| span.span_id == *parent) {
        names.push(span.name.as_str());
        parent = &span.parent_span_id;
    }
    names
}

async fn traced(server: &Server, token: &str, method: Method, path: &str, body: &Value) {
    let request = server
        .request(token, method, path)
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .json(body);
    let answer = read(request).await.unwrap();
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test]
async fn a_trace_contains_request_use_case_and_statement() {
    let (collector, address) = Collector::start().await;
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://me:hunter2@{address}/"))
        .with("LOG_FORMAT", "json");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    traced(
        &server,
        &token,
        Method::POST,
        "/api/v1/tasks",
        &json!({ "title": "hushhush" }),
    )
    .await;
    database.forget_users().await;
    let list = json!({ "query": "query Page { tasks { nodes { title owner { username } } } }" });
    traced(&server, &token, Method::POST, "/graphql", &list).await;
    // Remaining spans are exported on shutdown.
    let log = server.stop().await;

    let spans = collector.ours();
    let request = named(&spans, "POST /tasks");
    assert_eq!(hex::encode(&request.parent_span_id), PARENT);
    assert_eq!(
        ["http.request.method", "http.route", "http.response.status_code"].map(|name| attribute(request, name)),
        ["POST", "/tasks", "201"]
    );
    assert_eq!(around(&spans, named(&spans, "task.create")), ["POST /tasks"]);
    let insert = named(&spans, "INSERT");
    assert_eq!(around(&spans, insert), ["task.create", "POST /tasks"]);
    assert!(attribute(insert, "db.query.text").contains("INTO"), "{insert:?}");
    assert!(insert.end_time_unix_nano > insert.start_time_unix_nano);

    let operation = named(&spans, "query Page");
    assert_eq!(around(&spans, operation), ["POST /graphql"]);
    assert_eq!(attribute(operation, "graphql.operation.name"), "Page");
    let statements = spans.iter().filter(|span| span.name == "SELECT");
    let of_operation = statements
        .filter(|span| around(&spans, span).contains(&"query Page"))
        .count();
    assert!(of_operation >= 2, "the list and what a loader reads for it");

    let resource = collector.sent.lock().unwrap()[0].resource.clone().unwrap();
    let service = resource
        .attributes
        .iter()
        .find(|attribute| attribute.key == "service.name");
    let service = service.and_then(|found| found.value.clone()?.value);
    assert_eq!(service, Some(AnyValue::StringValue("taskwire".to_owned())));
    assert!(collector.authorization.lock().unwrap().starts_with("Basic "));
    for secret in ["hushhush", PASSWORD, "hunter2", &token] {
        assert!(
            !format!("{:?}", collector.spans()).contains(secret),
            "{secret} was sent"
        );
        assert!(!log.contains(secret), "{secret} was logged");
    }
    let line = log
        .lines()
        .find(|line| line.contains("\"path\":\"/api/v1/tasks\""))
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(line).unwrap()["trace_id"],
        TRACE,
        "{line}"
    );
    // A request without a trace starts one.
    let line = log.lines().find(|line| line.contains("/auth/register")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let registered = collector.spans();
    let registered = named(&registered, "POST /auth/register");
    assert_eq!(line["trace_id"], hex::encode(&registered.trace_id));
}

#[tokio::test]
async fn unsampled_requests_are_not_exported() {
    let (collector, address) = Collector::start().await;
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"));
    let server = sandbox.serve().await;
    for sampled in ["00", "01"] {
        let request = server
            .request("", Method::GET, "/livez")
            .header("traceparent", format!("00-{TRACE}-{PARENT}-{sampled}"));
        assert_eq!(read(request).await.unwrap().status, 200);
    }
    server.stop().await;
    assert_eq!(collector.ours().len(), 1);
}

#[tokio::test]
async fn an_unreachable_collector_loses_traces_only() {
    let database = TestDatabase::create().await;
    // The operating system accepts the connection, but nothing answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for address in [silent.local_addr().unwrap(), refusing] {
        let sandbox = Sandbox::over(&database).with("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"));
        let server = sandbox.serve().await;
        let began = std::time::Instant::now();
        for _ in 0..100 {
            let answer = server.rest("", Method::GET, "/livez", Value::Null).await;
            assert_eq!(answer.status, 200);
        }
        assert!(began.elapsed().as_secs() < 5, "requests waited for the collector");
        if address == refusing {
            server.until_logged("traces cannot be sent").await;
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn without_a_collector_an_incoming_trace_id_is_still_logged() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_FORMAT", "json");
    let server = sandbox.serve().await;
    for value in [format!("00-{TRACE}-{PARENT}-01"), "nonsense".to_owned()] {
        let request = server.request("", Method::GET, "/livez").header("traceparent", value);
        assert_eq!(read(request).await.unwrap().status, 200);
    }
    until("both requests to be logged", async || {
        (server.log().matches("\"path\":\"/livez\"").count() == 2).then_some(())
    })
    .await;
    let log = server.stop().await;
    assert_eq!(log.matches(TRACE).count(), 1, "{log}");
    assert_eq!(log.matches("trace_id").count(), 1, "{log}");
}
