//! GraphQL over HTTP: media types, methods, status codes, and refusals before execution.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use super::{JSON, SPECIFIED, ask, get, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

/// The introspection query of `GraphiQL`.
const INTROSPECTION: &str = include_str!("introspection.graphql");

#[tokio::test]
async fn the_media_type_is_the_one_the_client_accepts() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (accept, given) in [
        (SPECIFIED, SPECIFIED),
        ("application/json", JSON),
        ("*/*", JSON),
        (
            "application/graphql-response+json; charset=utf-8, application/json;q=0.9",
            SPECIFIED,
        ),
        ("application/graphql-response+json;q=0, application/json", JSON),
    ] {
        let answer = ask(&nobody, accept, "{ __typename }").await;
        assert_eq!(
            answer.header("content-type"),
            format!("{given}; charset=utf-8"),
            "{accept}"
        );
        assert_eq!(
            (answer.status.as_u16(), answer.data()),
            (200, &json!({ "__typename": "Query" }))
        );
    }
}

#[tokio::test]
async fn a_request_error_has_no_data_and_its_status_depends_on_the_media_type() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ colour }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { task(id: $id) { id } }", "BAD_USER_INPUT"),
        ("{ task(id: 1, colour: 2) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ tasks(first: \"many\") { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "query A { __typename } query B { __typename }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ ...a } fragment a on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        refused(&ask(&nobody, SPECIFIED, document).await, 400, code);
        refused(&ask(&nobody, JSON, document).await, 200, code);
    }
    // An operation that was executed has `data` and status 200, even if a field failed.
    for accept in [SPECIFIED, JSON] {
        let answer = ask(&nobody, accept, "{ viewer { id } }").await;
        assert_eq!((answer.status.as_u16(), answer.error_code()), (200, "UNAUTHENTICATED"));
        assert_eq!(answer.at("/data"), &Value::Null);
    }
}

#[tokio::test]
async fn a_body_that_is_no_graphql_request_is_400_in_both_media_types() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for body in [
        "",
        "{",
        "\"{ __typename }\"",
        "{}",
        r#"{"query": null}"#,
        r#"{"query": 5}"#,
        r#"{"query": ""}"#,
        r#"{"query": "{ __typename }", "variables": "x"}"#,
        r#"{"query": "{ __typename }", "operationName": 1}"#,
        r#"{"query": "{ __typename }", "extensions": []}"#,
        r#"["{ __typename }", null, [], {}]"#,
        "[]",
        "5",
    ] {
        for accept in [SPECIFIED, JSON] {
            let answer = send(&nobody, post(&nobody).header("accept", accept), body).await;
            refused(&answer, 400, "BAD_REQUEST");
        }
    }
    for body in [
        r#"{"query": "{ __typename }", "variables": null, "operationName": null, "extensions": null}"#,
        r#"{"query": "query A { __typename } query B { b: __typename }", "operationName": "A", "something": 1}"#,
    ] {
        let answer = send(&nobody, post(&nobody), body).await;
        assert_eq!(answer.data(), &json!({ "__typename": "Query" }));
    }
}

#[tokio::test]
async fn a_query_may_come_by_get_and_a_mutation_may_not() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "Read me" })).await;
    let variables = format!(
        "%7B%22id%22%3A%22{}%22%7D",
        crate::support::person::global_id("Task", id)
    );
    let query = "query%20T(%24id%3AID!)%7Btask(id%3A%24id)%7Btitle%7D%7D";
    let answer = get(
        &ann,
        &format!("/graphql?query={query}&variables={variables}&operationName=T"),
        JSON,
    )
    .await;
    assert_eq!(answer.data()["task"]["title"], "Read me");

    let before = app.footprint().await;
    for mutation in [
        "mutation%7Blogout%7Bsuccess%7D%7D",
        "query%20A%7B__typename%7Dmutation%20B%7Blogout%7Bsuccess%7D%7D&operationName=B",
    ] {
        let answer = get(&ann, &format!("/graphql?query={mutation}"), SPECIFIED).await;
        refused(&answer, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), "POST");
    }
    assert_eq!(app.footprint().await, before);
    refused(&get(&ann, "/graphql", JSON).await, 400, "BAD_REQUEST");
    refused(
        &get(&ann, "/graphql?query=%7B__typename%7D&variables=x", JSON).await,
        400,
        "BAD_REQUEST",
    );
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(&ann, ann.request(method, "/graphql"), "").await;
        refused(&answer, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), "GET, POST");
    }
}

#[tokio::test]
async fn requests_that_browsers_send_without_a_preflight_are_not_executed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let body = json!({ "query": "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }" }).to_string();
    for content_type in [
        Some("text/plain"),
        Some("text/plain; charset=application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("application/graphql"),
        None,
    ] {
        let request = ann.request(Method::POST, "/graphql");
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        let answer = send(&ann, request, body.as_str()).await;
        refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
        assert!(answer.error_message().contains("application/json"), "{}", answer.text);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_body_or_document_that_is_too_large_is_refused() {
    let app = TestApp::start_with(&[("BODY_LIMIT_BYTES", "200000")]).await;
    let nobody = app.anonymous();
    let body = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(200_000)) }).to_string();
    refused(&send(&nobody, post(&nobody), body).await, 413, "LIMIT_EXCEEDED");
    let answer = ask(&nobody, SPECIFIED, &format!("{{ __typename }} #{}", "x".repeat(70_000))).await;
    refused(&answer, 400, "LIMIT_EXCEEDED");
    assert!(
        answer.error_message().contains("up to 65536 are allowed"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn the_introspection_of_graphiql_passes_and_can_be_switched_off() {
    let app = TestApp::start().await;
    let answer = ask(&app.anonymous(), SPECIFIED, INTROSPECTION).await;
    assert_eq!(answer.data()["__schema"]["queryType"]["name"], "Query");

    let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", "false")]).await;
    let answer = ask(&app.anonymous(), SPECIFIED, INTROSPECTION).await;
    assert!(!answer.text.contains("TaskCreateInput"), "{}", answer.text);
}

#[tokio::test]
async fn production_has_neither_ide_nor_introspection_nor_suggestions() {
    let production = [("APP_ENV", "production"), ("CORS_ORIGINS", "https://app.example.com")];
    let app = TestApp::start_with(&production).await;
    let nobody = app.anonymous();
    let answer = ask(&nobody, SPECIFIED, "{ viewr { id } }").await;
    refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED");
    assert!(!answer.error_message().contains("Did you mean"), "{}", answer.text);
    let answer = ask(&nobody, SPECIFIED, INTROSPECTION).await;
    assert!(!answer.text.contains("TaskCreateInput"), "{}", answer.text);
    for path in [
        "/graphql",
        "/playground",
        "/assets/graphiql/start.js",
        "/assets/playground/start.js",
    ] {
        let answer = get(&nobody, path, "text/html").await;
        assert!(!answer.header("content-type").contains("text/html"), "{path}");
        assert!(answer.status.is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn a_browser_gets_the_ides_under_a_strict_policy() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (path, name) in [
        ("/", "GraphiQL"),
        ("/graphql", "GraphiQL"),
        ("/playground", "GraphQL Playground"),
        ("/playground/", "GraphQL Playground"),
    ] {
        let answer = get(&nobody, path, "text/html,application/xhtml+xml,*/*;q=0.8").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{policy}");
        assert!(!answer.text.contains("://"), "the page loads from this server only");
        assert!(answer.text.contains(&format!("<title>Taskwire {name}</title>")));
        for file in answer.text.split("/assets/").skip(1) {
            let name = file.split('"').next().unwrap();
            let asset = get(&nobody, &format!("/assets/{name}"), "*/*").await;
            assert_eq!(asset.status, 200, "{name}");
        }
    }
    let app = TestApp::start_with(&[("GRAPHQL_IDE", "false")]).await;
    let answer = get(&app.anonymous(), "/graphql", "text/html").await;
    refused(&answer, 400, "BAD_REQUEST");
    let index = get(&app.anonymous(), "/", "text/html").await;
    assert_eq!(index.at("/docs"), "/docs", "without an editor, facts");
    for path in ["/playground", "/assets/playground/start.js"] {
        assert_eq!(get(&app.anonymous(), path, "text/html").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_request_id_and_without_its_cause() {
    let app = TestApp::start().await;
    let broken = axum::Router::new().route(
        "/broken",
        axum::routing::get(async || -> String { panic!("a secret cause") }),
    );
    let router = taskwire::app::with_middleware(broken, app.app.state());
    let request = app
        .anonymous()
        .request(Method::GET, "/broken")
        .header("x-request-id", "abc-1");
    let response = tower::ServiceExt::oneshot(router, request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let answer = Answer::read(response).await;
    assert_eq!(answer.problem(), (500, "INTERNAL", ""));
    assert_eq!(answer.at("/error/request_id"), "abc-1");
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn every_response_has_the_security_headers_and_a_request_id() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for answer in [
        ask(&nobody, JSON, "{ __typename }").await,
        ask(&nobody, JSON, "{").await,
        get(&nobody, "/api/v1/tasks", JSON).await,
        get(&nobody, "/nowhere", JSON).await,
        get(&nobody, "/livez", JSON).await,
    ] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn preflight_responses_follow_the_settings() {
    let preflight = async |app: &TestApp, origin: &str| {
        let nobody = app.anonymous();
        let request = nobody
            .request(Method::OPTIONS, "/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type");
        send(&nobody, request, "").await
    };
    let app = TestApp::start().await;
    let answer = preflight(&app, "http://localhost:5173").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (200, "*")
    );
    // In browsers, `*` does not include Authorization.
    let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
    assert!(headers.contains("authorization"), "{headers}");

    let app = TestApp::start_with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let answer = preflight(&app, "https://app.example.com").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    let answer = preflight(&app, "https://evil.example.com").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn without_introspection_the_schema_is_for_signed_in_users_only() {
    let expected = std::fs::read_to_string("schema.graphql").unwrap();
    for (introspection, anonymous) in [("true", 200), ("false", 401)] {
        let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", introspection)]).await;
        let (ann, nobody) = (app.member().await, app.anonymous());
        let read = async |person: &Person<'_>| {
            let request = person.request(Method::GET, "/schema.graphql");
            person.send(request.body(Body::empty()).unwrap()).await
        };
        let answer = read(&ann).await;
        assert_eq!((answer.status.as_u16(), answer.text.trim()), (200, expected.trim()));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let answer = read(&nobody).await;
        assert_eq!(answer.status, anonymous, "{}", answer.text);
        if anonymous == 401 {
            assert_eq!(answer.error_code(), "UNAUTHENTICATED");
        }
        let forged = nobody.with_token(&app, "not.a.token");
        assert_eq!(read(&forged).await.status, anonymous);
    }
}
