//! Rate limits: clients have a budget of points per minute.

use std::slice;

use axum::http::Method;
use axum::http::request::Builder;
use chrono::TimeDelta;
use serde_json::json;

use super::{SPECIFIED, ask, post, refused, send};
use crate::support::form::Form;
use crate::support::{PASSWORD, TestApp};

const LIMITED: [(&str, &str); 2] = [("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "100")];
const BUDGET: &str = "{ rateLimit { limit cost remaining used resetAt } }";

#[tokio::test]
async fn an_operation_is_charged_to_the_clients_own_budget() {
    let app = TestApp::start_with(&LIMITED).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let page = "{ tasks(first: 60) { nodes { id } } rateLimit { limit cost remaining used resetAt } }";
    let answer = ask(&ann, SPECIFIED, page).await;
    let cost = answer.data()["rateLimit"]["cost"].as_i64().unwrap();
    assert!((60..80).contains(&cost), "{cost}");
    let left = 100 - cost;
    assert_eq!(
        answer.data()["rateLimit"],
        json!({ "limit": 100, "cost": cost, "remaining": left, "used": cost, "resetAt": "2026-01-15T12:01:00+00:00" })
    );
    let answer = ask(&ann, SPECIFIED, page).await;
    refused(&answer, 429, "RATE_LIMITED");
    assert_eq!(answer.at("/errors/0/extensions/retryAfter"), 60);
    assert_eq!(answer.header("retry-after"), "60");
    assert!(
        answer.error_message().contains(&format!("{left} of 100 points left")),
        "{}",
        answer.text
    );
    // A refusal costs nothing, and other users have their own budget.
    let budget = ask(&ann, SPECIFIED, BUDGET).await.data()["rateLimit"].clone();
    let small = budget["cost"].as_i64().unwrap();
    assert_eq!(budget["remaining"], left - small);
    assert_eq!(ask(&bob, SPECIFIED, page).await.data()["rateLimit"]["remaining"], left);
    assert_eq!(
        ask(&app.anonymous(), SPECIFIED, BUDGET).await.data()["rateLimit"]["remaining"],
        100 - small
    );

    app.advance(TimeDelta::seconds(60));
    assert_eq!(ask(&ann, SPECIFIED, page).await.data()["rateLimit"]["remaining"], left);
}

#[tokio::test]
async fn the_cost_can_be_queried() {
    let app = TestApp::start_with(&LIMITED).await;
    let ann = app.member().await;
    let body = json!({ "query": "{ tasks(first: 10) { nodes { id } } }" }).to_string();
    let answer = send(&ann, post(&ann).header("graphql-cost", "1"), body.as_str()).await;
    let cost = answer.at("/extensions/cost/requested").as_i64().unwrap();
    assert_eq!(
        answer.at("/extensions/cost"),
        &json!({ "requested": cost, "limit": 100, "remaining": 100 - cost, "resetAt": "2026-01-15T12:01:00Z" })
    );
    let answer = send(&ann, post(&ann), body).await;
    assert!(answer.body.get("extensions").is_none(), "{}", answer.text);
}

#[tokio::test]
async fn the_cost_is_in_a_response_only_if_its_request_asks() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true")]).await;
    let ann = app.member().await;
    let query = json!({ "query": "{ __typename }" });
    let create = json!({ "query": "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }" });
    let batch = json!([query, create]);
    let [query, create, batch] = [query, create, batch].map(|body| body.to_string());
    let form = |operations: &str| Form::default().text("operations", operations).text("map", "{}").end();
    for asks in [false, true] {
        let key = format!("key-{asks}");
        let with_key = || post(&ann).header("idempotency-key", key.as_str());
        let requests: [(&str, Builder, Vec<u8>); 8] = [
            ("query", post(&ann), query.clone().into()),
            (
                "GET",
                ann.request(Method::GET, "/graphql?query=%7B__typename%7D"),
                Vec::new(),
            ),
            ("batch", post(&ann), batch.clone().into()),
            ("form", ann.form(), form(&query)),
            ("form with a batch", ann.form(), form(&batch)),
            ("mutation", post(&ann), create.clone().into()),
            ("mutation with a key", with_key(), create.clone().into()),
            ("stored response", with_key(), create.clone().into()),
        ];
        for (what, request, body) in requests {
            let request = if asks {
                request.header("graphql-cost", "1")
            } else {
                request
            };
            let answer = ann.send(request.body(body.into()).unwrap()).await;
            let replayed = if what == "stored response" { "true" } else { "" };
            assert_eq!(answer.header("idempotency-replayed"), replayed, "{what}");
            let one = slice::from_ref(&answer.body);
            for response in answer.body.as_array().map_or(one, Vec::as_slice) {
                assert!(response["data"].is_object(), "{what}: {}", answer.text);
                let is_shown = response.pointer("/extensions/cost/requested").is_some();
                assert_eq!(is_shown, asks, "{what}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn signing_in_draws_on_a_stricter_tier() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_STRICT_PER_MINUTE", "3")]).await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let login = format!(
        "mutation {{ login(input: {{username: \"{}\", password: \"{PASSWORD}\"}}) {{ user {{ id }} }} }}",
        ann.name
    );
    for _ in 0..3 {
        assert!(ask(&nobody, SPECIFIED, &login).await.data()["login"]["user"].is_object());
    }
    let checked = app.app.domain().password_checks();
    refused(&ask(&nobody, SPECIFIED, &login).await, 429, "RATE_LIMITED");
    assert_eq!(app.app.domain().password_checks(), checked, "no password was checked");
    assert_eq!(ask(&nobody, SPECIFIED, "{ __typename }").await.status, 200);
}

#[tokio::test]
async fn without_limits_there_is_no_budget() {
    let app = TestApp::start().await;
    let answer = ask(&app.anonymous(), SPECIFIED, BUDGET).await;
    assert_eq!(answer.data(), &json!({ "rateLimit": null }));
}
