//! Health, the external service, documentation, CORS and refusals in all dialects.

use axum::Router;
use axum::http::{Method, header};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{APIS, expect_members, send, send_in, serve};
use crate::support::TestApp;

#[tokio::test]
async fn the_health_of_tags_files_is_ok() {
    for dialect in ["tags-files", "tags-files-paged"] {
        let app = serve(dialect).await;
        let nobody = app.anonymous();
        for path in ["/health", "/health/?_ts=1"] {
            let health = send(&nobody, Method::GET, path, Value::Null, 200).await;
            let given = (health.at("/status"), health.at("/database"));
            assert_eq!(given, (&json!("ok"), &json!("healthy")), "{dialect}");
        }
        app.app.begin_shutdown();
        let health = send(&nobody, Method::GET, "/health", Value::Null, 503).await;
        assert_eq!(health.at("/status"), "unhealthy", "{dialect}");
    }
}

#[tokio::test]
async fn the_external_response_has_the_members_of_the_old_api() {
    const REPOSITORY: &str =
        r#"{ "source": "S", "full_name": "ann/tasks", "stargazers_count": 5, "description": "D" }"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let service = Router::new().route(
        "/",
        get(async || ([(header::CONTENT_TYPE, "application/json")], REPOSITORY)),
    );
    tokio::spawn(async move { axum::serve(listener, service).await });
    let app = TestApp::start_with(&[("REST_DIALECT", "skip-limit"), ("EXTERNAL_URL", url.as_str())]).await;
    let answer = send(&app.anonymous(), Method::GET, "/async/external", Value::Null, 200).await;
    let given = ["source", "repository", "stars", "description"].map(|name| answer.body[name].clone());
    assert_eq!(given, [json!("S"), json!("ann/tasks"), json!(5), json!("D")]);
}

#[tokio::test]
async fn index_and_documentation_are_at_the_paths_of_the_old_apis() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for dialect in APIS {
        let index = send_in(dialect, &nobody, Method::GET, "/", Value::Null, 200).await;
        expect_members(
            &index.body,
            "message:text version:text status:text docs:text redoc:text health:text",
        );
        for prefix in ["", "/api/v1"] {
            for page in ["/docs", "/redoc", "/openapi.json"] {
                let path = format!("{prefix}{page}");
                send_in(dialect, &nobody, Method::GET, &path, Value::Null, 200).await;
            }
        }
    }
}

#[tokio::test]
async fn browsers_may_send_the_headers_of_the_front_ends() {
    for (dialect, path, method, headers) in [
        ("skip-limit", "/api/v1/tasks", "PATCH", "authorization,x-rest-dialect"),
        ("accounts", "/api/v1/tasks/1", "PUT", "authorization,content-type"),
        ("due-dates", "/tasks/1", "DELETE", "authorization,x-rest-dialect"),
        (
            "tags-files-paged",
            "/health?_ts=1",
            "GET",
            "cache-control,pragma,expires",
        ),
    ] {
        let app = serve(dialect).await;
        let nobody = app.anonymous();
        let request = nobody
            .request(Method::OPTIONS, path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers);
        let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
        assert_eq!(answer.status, 200, "{dialect}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-headers"), headers);
        assert!(answer.header("access-control-allow-methods").contains(method));
        // Tokens are in a header, so requests need no credentials.
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn browsers_may_read_the_refusal_of_a_dialect() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let request = nobody
        .request(Method::GET, "/tasks")
        .header("origin", "https://app.example.com")
        .header("x-rest-dialect", "none");
    let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
    let given = (answer.status.as_u16(), answer.header("access-control-allow-origin"));
    assert_eq!(given, (400, "*"));
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_the_error_of_the_old_api() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (dialect, pointer, unknown, wrong) in [
        ("skip-limit", "/error/code", "NOT_FOUND", "METHOD_NOT_ALLOWED"),
        ("accounts", "/error/code", "NOT_FOUND", "METHOD_NOT_ALLOWED"),
        ("due-dates", "/error/code", "NOT_FOUND", "METHOD_NOT_ALLOWED"),
        ("tags-files", "/error", "Not Found", "Method Not Allowed"),
        ("workflow", "/error/code", "NOT_FOUND", "METHOD_NOT_ALLOWED"),
    ] {
        for (method, path, status, error) in [
            (Method::GET, "/nowhere", 404, unknown),
            (Method::DELETE, "/tasks", 405, wrong),
        ] {
            let answer = send_in(dialect, &ann, method, path, Value::Null, status).await;
            assert_eq!(answer.at(pointer), error, "{dialect}");
            expect_members(&answer.body, "detail:text");
            let allowed = answer.header("allow");
            assert_eq!(allowed.contains("POST"), status == 405, "{dialect}: {allowed}");
        }
    }
}

#[tokio::test]
async fn a_used_up_rate_limit_has_the_error_of_the_old_api() {
    let limited = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_PER_MINUTE", "1")];
    let app = TestApp::start_with(&limited).await;
    for (dialect, pointer, error) in [
        ("skip-limit", "/error/code", "RATE_LIMIT_EXCEEDED"),
        (
            "due-dates",
            "/detail",
            "The limit of 1 requests of this kind per minute is used up; try again in 60 s",
        ),
        ("tags-files", "/error", "Rate limit exceeded: 1 per 1 minute"),
    ] {
        let ann = app.member().await;
        send_in(dialect, &ann, Method::GET, "/tasks/", Value::Null, 200).await;
        let answer = send_in(dialect, &ann, Method::GET, "/tasks/", Value::Null, 429).await;
        assert_eq!(answer.at(pointer), error, "{dialect}");
        expect_members(&answer.body, "detail:text");
        let headers = ["x-ratelimit-limit", "x-ratelimit-remaining", "retry-after"];
        assert_eq!(headers.map(|name| answer.header(name)), ["1", "0", "60"], "{dialect}");
        assert!(answer.header("x-ratelimit-reset").parse::<i64>().is_ok(), "{dialect}");
    }
}
