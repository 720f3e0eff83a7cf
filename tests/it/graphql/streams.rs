//! Subscriptions over HTTP: server-sent events and multipart streams.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::request::Builder;
use axum::http::response::Parts;
use axum::http::{HeaderMap, Method};
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::{JSON, SPECIFIED, ask, get, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};

/// Maximum wait for an event; reached only if the event is lost.
const PATIENCE: Duration = Duration::from_secs(30);

const EVENTS: &str = "text/event-stream";
/// The `Accept` header of Apollo Client.
const PARTS: &str =
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9";
const STREAMS: [&str; 2] = [EVENTS, PARTS];

const WATCH: &str = "subscription { taskEvents { type task { title } } }";
const RESUME: &str = "subscription($after: String) { taskEvents(after: $after) { cursor task { title } } }";

const CREATED: &str = r#"{"data":{"taskEvents":{"type":"CREATED","task":{"title":"First"}}}}"#;

/// A streamed response.
struct Stream {
    head: Parts,
    body: BodyDataStream,
}

impl Stream {
    async fn open(app: &TestApp, request: Builder, body: impl Into<Body>) -> Self {
        let request = request.body(body.into()).unwrap();
        let (head, body) = app.router().oneshot(request).await.unwrap().into_parts();
        assert_eq!(head.status, 200);
        Self {
            head,
            body: body.into_data_stream(),
        }
    }

    /// Opens a stream and reads its first frame.
    async fn watch(app: &TestApp, person: &Person<'_>, accept: &str, query: &str, variables: Value) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut stream = Self::open(app, post(person).header("accept", accept), body).await;
        let opening = stream.frame().await;
        assert!(opening == ":\n\n" || opening.ends_with("{}\r\n--graphql"), "{opening}");
        stream
    }

    async fn next(&mut self) -> Option<String> {
        let frame = timeout(PATIENCE, self.body.next()).await.expect("a frame arrives");
        frame.map(|frame| String::from_utf8(frame.unwrap().to_vec()).unwrap())
    }

    async fn frame(&mut self) -> String {
        self.next().await.expect("the stream continues")
    }

    /// The result in the next frame, in either protocol.
    async fn answer(&mut self) -> Value {
        let frame = self.frame().await;
        let json = frame.lines().find_map(|line| {
            let data = line.strip_prefix("data: ");
            data.or_else(|| line.starts_with('{').then_some(line))
        });
        let mut answer: Value = serde_json::from_str(json.unwrap_or_else(|| panic!("{frame}"))).unwrap();
        match answer.get_mut("payload") {
            Some(payload) if !payload.is_null() => payload.take(),
            _ => answer,
        }
    }

    /// Checks that the next frame is the last and has this error code.
    async fn ends_with(&mut self, code: &str) {
        let frame = self.frame().await;
        let id = self.head.headers["x-request-id"].to_str().unwrap();
        let extensions = json!({ "code": code, "requestId": id }).to_string();
        assert!(frame.contains(&extensions), "{frame}");
        let (begin, end) = if self.content_type().starts_with(EVENTS) {
            ("event: next\ndata: {\"errors\":[{", "}]}\n\nevent: complete\ndata:\n\n")
        } else {
            let begin = "\r\nContent-Type: application/json\r\n\r\n{\"payload\":null,\"errors\":[{";
            (begin, "}]}\r\n--graphql--\r\n")
        };
        assert!(frame.starts_with(begin) && frame.ends_with(end), "{frame}");
        assert_eq!(self.next().await, None);
    }

    fn content_type(&self) -> &str {
        header(&self.head.headers, "content-type")
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A result as a complete stream of one event.
fn single(answer: &str) -> String {
    format!("event: next\ndata: {answer}\n\nevent: complete\ndata:\n\n")
}

fn url(query: &str) -> String {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("/graphql?query={query}")
}

#[tokio::test]
async fn server_sent_events_follow_the_graphql_sse_protocol() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let by_post = post(&ann)
        .header("accept", EVENTS)
        .header("accept-encoding", "gzip, br");
    let by_get = ann.request(Method::GET, &url(WATCH)).header("accept", EVENTS);
    for (request, body) in [
        (by_post, json!({ "query": WATCH }).to_string()),
        (by_get, String::new()),
    ] {
        let mut stream = Stream::open(&app, request, body).await;
        for (name, value) in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
            ("vary", "Accept"),
            ("content-encoding", ""),
        ] {
            assert_eq!(header(&stream.head.headers, name), value, "{name}");
        }
        assert_eq!(stream.frame().await, ":\n\n");
        ann.creates_task(json!({ "title": "First" })).await;
        assert_eq!(stream.frame().await, format!("event: next\ndata: {CREATED}\n\n"));
    }
}

#[tokio::test]
async fn parts_follow_the_protocol_of_apollo_client() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let by_post = post(&ann).header("accept", PARTS).header("accept-encoding", "gzip, br");
    let by_get = ann
        .request(Method::GET, &url(WATCH))
        .header("accept", "multipart/mixed");
    for (request, body) in [
        (by_post, json!({ "query": WATCH }).to_string()),
        (by_get, String::new()),
    ] {
        let mut stream = Stream::open(&app, request, body).await;
        for (name, value) in [
            (
                "content-type",
                r#"multipart/mixed;boundary="graphql";subscriptionSpec=1.0"#,
            ),
            ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
            ("content-encoding", ""),
        ] {
            assert_eq!(header(&stream.head.headers, name), value, "{name}");
        }
        // Each part is sent with the delimiter that follows it.
        let part = |json: &str| format!("\r\nContent-Type: application/json\r\n\r\n{json}\r\n--graphql");
        assert_eq!(stream.frame().await, format!("\r\n--graphql{}", part("{}")));
        ann.creates_task(json!({ "title": "First" })).await;
        let payload = format!(r#"{{"payload":{CREATED}}}"#);
        assert_eq!(stream.frame().await, part(&payload));
    }
}

#[tokio::test]
async fn a_stream_resumes_after_a_cursor() {
    let app = TestApp::start().await;
    for accept in STREAMS {
        // A new user, without pending events.
        let ann = app.member().await;
        let mut stream = Stream::watch(&app, &ann, accept, RESUME, json!({})).await;
        ann.creates_task(json!({ "title": "Seen" })).await;
        let after = stream.answer().await["data"]["taskEvents"]["cursor"].clone();
        drop(stream);
        ann.creates_task(json!({ "title": "Missed" })).await;
        let mut stream = Stream::watch(&app, &ann, accept, RESUME, json!({ "after": after })).await;
        ann.creates_task(json!({ "title": "Live" })).await;
        for title in ["Missed", "Live"] {
            assert_eq!(stream.answer().await["data"]["taskEvents"]["task"]["title"], title);
        }
    }
}

#[tokio::test]
async fn the_stream_has_the_accepted_media_type_and_events_are_preferred() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (accept, content_type) in [
        ("text/event-stream, multipart/mixed", EVENTS),
        ("multipart/mixed, text/event-stream", EVENTS),
        ("application/json, text/event-stream;q=0.1", EVENTS),
        (
            "multipart/mixed;subscriptionSpec=1.0, text/event-stream;q=0.5",
            "multipart/mixed",
        ),
        ("multipart/mixed", "multipart/mixed"),
    ] {
        let stream = Stream::watch(&app, &ann, accept, WATCH, json!({})).await;
        assert!(stream.content_type().starts_with(content_type), "{accept}");
    }
    for accept in [
        SPECIFIED,
        JSON,
        "*/*",
        "multipart/mixed;subscriptionSpec=2.0",
        "text/event-stream;q=0",
    ] {
        for answer in [ask(&ann, accept, WATCH).await, get(&ann, &url(WATCH), accept).await] {
            refused(&answer, 406, "NOT_ACCEPTABLE");
            assert!(answer.error_message().contains("multipart/mixed"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_subscription_in_a_batch_does_not_keep_the_others_from_running() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let batch = json!([{ "query": WATCH }, { "query": "{ __typename }" }]).to_string();
    let answer = send(&ann, post(&ann).header("accept", EVENTS), batch).await;
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.at("/0/errors/0/extensions/code"), "BAD_REQUEST");
    assert_eq!(answer.at("/1/data/__typename"), "Query");
    assert_eq!(app.app.domain().live().connections(), 0);
}

#[tokio::test]
async fn a_query_or_mutation_is_a_stream_of_one_event_if_only_events_are_accepted() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "{ __typename }";
    for answer in [ask(&ann, EVENTS, query).await, get(&ann, &url(query), EVENTS).await] {
        assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
        assert_eq!(answer.text, single(r#"{"data":{"__typename":"Query"}}"#));
    }
    let mutation = r#"mutation { taskCreate(input: { title: "T" }) { task { title } } }"#;
    let expected = single(r#"{"data":{"taskCreate":{"task":{"title":"T"}}}}"#);
    for replayed in ["", "true"] {
        let request = post(&ann).header("accept", EVENTS).header("idempotency-key", "once");
        let answer = send(&ann, request, json!({ "query": mutation }).to_string()).await;
        assert_eq!(
            (answer.text.as_str(), answer.header("idempotency-replayed")),
            (expected.as_str(), replayed)
        );
    }
    let by_get = get(&ann, &url(mutation), EVENTS).await;
    refused(&by_get, 405, "METHOD_NOT_ALLOWED");
    // JSON is preferred if accepted, and multipart is for subscriptions only.
    for accept in [
        "application/json, text/event-stream, multipart/mixed",
        "multipart/mixed",
    ] {
        let answer = ask(&ann, accept, query).await;
        assert_eq!(answer.data(), &json!({ "__typename": "Query" }), "{accept}");
    }
}

#[tokio::test]
async fn errors_of_a_document_are_events_and_errors_of_a_request_are_not() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = global_id("Task", 404);
    for (document, code) in [
        ("{ colour }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { colour }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription($id: ID!) { taskStatusChanged(taskId: $id) { type } }".to_owned(),
            "BAD_USER_INPUT",
        ),
        (
            "subscription { taskEvents(after: \"x\") { type } }".to_owned(),
            "BAD_USER_INPUT",
        ),
        (
            format!("subscription {{ taskStatusChanged(taskId: \"{task}\") {{ type }} }}"),
            "NOT_FOUND",
        ),
        (
            "subscription { a: taskEvents { type } b: taskEvents { type } }".to_owned(),
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        let answer = ask(&ann, EVENTS, &document).await;
        assert_eq!(
            answer.header("content-type"),
            "text/event-stream; charset=utf-8",
            "{document}"
        );
        let errors = only_event(&answer);
        assert_eq!(errors["errors"][0]["extensions"]["code"], code, "{}", answer.text);
        assert_eq!(
            errors["errors"][0]["extensions"]["requestId"],
            answer.header("x-request-id")
        );
        assert!(errors.get("data").is_none(), "{}", answer.text);
        // Clients of multipart streams accept JSON, and get the error as for a query.
        refused(&ask(&ann, PARTS, &document).await, 400, code);
    }
    refused(&ask(&ann, EVENTS, "subscription {").await, 400, "GRAPHQL_PARSE_FAILED");
    refused(
        &send(&ann, post(&ann).header("accept", EVENTS), "{").await,
        400,
        "BAD_REQUEST",
    );
    refused(&get(&ann, "/graphql", EVENTS).await, 400, "BAD_REQUEST");
    assert_eq!(app.app.domain().live().connections(), 0);
}

/// The result of a stream with one event.
#[track_caller]
fn only_event(answer: &Answer) -> Value {
    let answer = answer.text.strip_prefix("event: next\ndata: ").unwrap();
    serde_json::from_str(answer.strip_suffix("\n\nevent: complete\ndata:\n\n").unwrap()).unwrap()
}

#[tokio::test]
async fn nobody_subscribes_without_signing_in() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let answer = ask(&nobody, EVENTS, WATCH).await;
    assert_eq!(
        only_event(&answer)["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    refused(&ask(&nobody, PARTS, WATCH).await, 400, "UNAUTHENTICATED");
    assert_eq!(app.app.domain().live().connections(), 0);
}

#[tokio::test]
async fn a_subscription_costs_points() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "20")]).await;
    let ann = app.member().await;
    let document = "subscription { notificationReceived { cursor } }";
    let _stream = Stream::watch(&app, &ann, EVENTS, document, json!({})).await;
    let mut answers = Vec::new();
    while answers.last().is_none_or(|answer: &Answer| answer.status == 200) {
        answers.push(
            ask(
                &ann,
                EVENTS,
                "subscription { taskStatusChanged(taskId: \"x\") { type } }",
            )
            .await,
        );
        assert!(answers.len() < 20);
    }
    let answer = answers.pop().unwrap();
    refused(&answer, 429, "RATE_LIMITED");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn streams_count_for_the_connection_limit() {
    let limits = [("LIVE_MAX_CONNECTIONS_PER_USER", "1"), ("LIVE_MAX_CONNECTIONS", "2")];
    let app = TestApp::start_with(&limits).await;
    let (ann, bob, cleo) = (app.member().await, app.member().await, app.member().await);
    let first = Stream::watch(&app, &ann, EVENTS, WATCH, json!({})).await;
    for accept in STREAMS {
        refused(&ask(&ann, accept, WATCH).await, 429, "LIMIT_EXCEEDED");
    }
    let _second = Stream::watch(&app, &bob, PARTS, WATCH, json!({})).await;
    for accept in STREAMS {
        refused(&ask(&cleo, accept, WATCH).await, 503, "UNAVAILABLE");
    }
    drop(first);
    Stream::watch(&app, &cleo, EVENTS, WATCH, json!({})).await;
}

#[tokio::test]
async fn signing_out_ends_the_stream() {
    let app = TestApp::start().await;
    for accept in STREAMS {
        let ann = app.member().await;
        let mut stream = Stream::watch(&app, &ann, accept, WATCH, json!({})).await;
        ann.graphql("mutation { logout { success } }", json!({})).await.data();
        stream.ends_with("UNAUTHENTICATED").await;
    }
}

#[tokio::test]
async fn the_stream_ends_with_the_access_token() {
    let app = TestApp::start().await;
    let people = [app.member().await, app.member().await];
    app.advance(TimeDelta::minutes(30) - TimeDelta::milliseconds(500));
    for (accept, person) in STREAMS.iter().zip(&people) {
        let mut stream = Stream::watch(&app, person, accept, WATCH, json!({})).await;
        stream.ends_with("UNAUTHENTICATED").await;
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so_on_every_stream() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut streams = Vec::new();
    for accept in STREAMS {
        streams.push(Stream::watch(&app, &ann, accept, WATCH, json!({})).await);
    }
    app.app.begin_shutdown();
    for stream in &mut streams {
        stream.ends_with("UNAVAILABLE").await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_others_are_not() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = global_id("Task", ann.creates_task(json!({ "title": "T" })).await);
    let document = "subscription($id: ID!) { taskEvents(filter: { taskIds: [$id], types: [UPDATED] }) { type } }";
    let mut slow = Vec::new();
    for accept in STREAMS {
        slow.push(Stream::watch(&app, &ann, accept, document, json!({ "id": task })).await);
    }
    let mut quick = Stream::watch(&app, &ann, EVENTS, document, json!({ "id": task })).await;
    for number in 0..260 {
        let update = "mutation($id: ID!, $title: String) { taskUpdate(id: $id, input: { title: $title }) { userErrors { message } } }";
        let answer = ann
            .graphql(update, json!({ "id": task, "title": number.to_string() }))
            .await;
        assert_eq!(answer.data()["taskUpdate"]["userErrors"], json!([]));
        assert_eq!(quick.answer().await["data"]["taskEvents"]["type"], "UPDATED");
    }
    for stream in &mut slow {
        stream.ends_with("UNAVAILABLE").await;
    }
}

#[tokio::test]
async fn a_disconnected_client_frees_its_resources() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let connections = || app.app.domain().live().connections();
    for accept in STREAMS {
        let mut stream = Stream::watch(&app, &ann, accept, WATCH, json!({})).await;
        assert_eq!(connections(), 1);
        ann.creates_task(json!({ "title": "First" })).await;
        stream.answer().await;
        drop(stream);
        assert_eq!(connections(), 0);
        // A stream that ended by itself does so too.
        let stream = Stream::watch(&app, &ann, accept, WATCH, json!({})).await;
        let unread = Stream::open(
            &app,
            post(&ann).header("accept", accept),
            json!({ "query": WATCH }).to_string(),
        );
        let unread = unread.await;
        assert_eq!(connections(), 2);
        drop((stream, unread));
        assert_eq!(connections(), 0);
    }
}

#[tokio::test]
async fn a_stream_is_not_bound_by_the_time_limit_of_requests() {
    let app = TestApp::start_with(&[("REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    for accept in STREAMS {
        let mut stream = Stream::watch(&app, &ann, accept, WATCH, json!({})).await;
        let nothing = timeout(Duration::from_millis(1_500), stream.body.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");
        ann.creates_task(json!({ "title": "First" })).await;
        assert_eq!(stream.answer().await["data"]["taskEvents"]["task"]["title"], "First");
    }
}

#[tokio::test]
async fn notifications_resume_in_either_protocol() {
    const NOTIFIED: &str = "subscription($after: String) { notificationReceived(after: $after) {
        cursor unreadCount notification { taskTitle } } }";

    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let place = bob.graphql("{ eventCursor }", json!({})).await;
    let hands_over = async |title: &str| {
        let input = json!({ "title": title, "assigneeId": bob.global_id() });
        ann.creates_task(input).await
    };
    let mut titles = vec!["One", "Two"];
    for title in &titles {
        hands_over(title).await;
    }
    for (accept, new) in STREAMS.into_iter().zip(["Three", "Four"]) {
        let mut after = place.data()["eventCursor"].clone();
        for title in &titles {
            // The connection breaks after each notification.
            let mut stream = Stream::watch(&app, &bob, accept, NOTIFIED, json!({ "after": after })).await;
            let answer = stream.answer().await;
            let received = &answer["data"]["notificationReceived"];
            assert_eq!(
                (&received["notification"]["taskTitle"], &received["unreadCount"]),
                (&json!(title), &json!(titles.len()))
            );
            after = received["cursor"].clone();
        }
        let mut stream = Stream::watch(&app, &bob, accept, NOTIFIED, json!({ "after": after })).await;
        hands_over(new).await;
        let answer = stream.answer().await;
        assert_eq!(answer["data"]["notificationReceived"]["notification"]["taskTitle"], new);
        titles.push(new);
    }
}
