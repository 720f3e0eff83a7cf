//! Every root field and every route refuses somebody. A new one without a case in `noun` fails with its name.

use std::collections::BTreeSet;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::graphql::{post, send};
use crate::noun::{self, Field, Ids, Route};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::CONTENT_TYPE;
use crate::support::person::Person;

fn fields() -> impl Iterator<Item = &'static Field> {
    noun::ALL.iter().flat_map(|noun| noun.fields)
}

fn routes() -> impl Iterator<Item = &'static Route> {
    noun::ALL.iter().flat_map(|noun| noun.routes)
}

/// Whether a case is for this route.
fn is_for(case: &str, method: &Method, route: &str) -> bool {
    let (name, path) = case.split_once(' ').unwrap();
    method == name && shape(path) == shape(route)
}

/// The segments of a path, with `{}` for each parameter of a route and its value in a case.
fn shape(path: &str) -> Vec<&str> {
    path.split('/')
        .map(|segment| match segment.chars().next() {
            Some(first) if first == '{' || first.is_uppercase() => "{}",
            _ => segment,
        })
        .collect()
}

/// The root fields of the schema, with their operation type.
async fn root_fields(app: &TestApp) -> Vec<(&'static str, String)> {
    let answer = app
        .anonymous()
        .graphql(
            "{ __schema { queryType { fields { name } } mutationType { fields { name } }
                subscriptionType { fields { name } } } }",
            json!({}),
        )
        .await;
    let mut fields = Vec::new();
    for (operation, root) in [
        ("query", "queryType"),
        ("mutation", "mutationType"),
        ("subscription", "subscriptionType"),
    ] {
        for field in answer.data()["__schema"][root]["fields"].as_array().unwrap() {
            fields.push((operation, field["name"].as_str().unwrap().to_owned()));
        }
    }
    fields
}

async fn subscribe(person: &Person<'_>, document: &str) -> Answer {
    let request = post(person).header("accept", "text/event-stream");
    let mut answer = send(person, request, json!({ "query": document }).to_string()).await;
    let data = answer.text.lines().find_map(|line| line.strip_prefix("data: "));
    answer.body = serde_json::from_str(data.unwrap()).unwrap();
    answer
}

/// The error code of a field. A query returns null for data that the caller may not see.
fn refusal(answer: &Answer, field: &str) -> String {
    if answer.body.get("errors").is_some() {
        return answer.error_code().to_owned();
    }
    match &answer.data()[field] {
        Value::Null => "NOT_FOUND".to_owned(),
        payload => payload["userErrors"][0]["code"]
            .as_str()
            .or_else(|| payload["results"][0]["userErrors"][0]["code"].as_str())
            .unwrap_or("nothing")
            .to_owned(),
    }
}

fn status_of(code: &str) -> u16 {
    match code {
        "UNAUTHENTICATED" | "INVALID_CREDENTIALS" => 401,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "INVALID" => 422,
        other => panic!("no status is known for {other}"),
    }
}

#[tokio::test]
async fn every_root_field_refuses_somebody_without_writing() {
    let app = TestApp::start().await;
    let (owner, assignee, stranger, nobody) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.anonymous(),
    );
    let ids = Ids::create(noun::ALL, &owner, &assignee).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for (operation, field) in root_fields(&app).await {
        let Some((_, rest, refusals)) = fields().find(|(name, ..)| *name == field) else {
            panic!("the field {field} has no case in tests/it/noun: who is refused, and how?");
        };
        let selection = if operation == "mutation" && !rest.ends_with('}') {
            "{ userErrors { code } }"
        } else {
            ""
        };
        let document = ids.in_graphql(&format!("{operation} {{ {field}{rest} {selection} }}"));
        for (who, person, code) in [("nobody", &nobody, refusals.0), ("a stranger", &stranger, refusals.1)] {
            let Some(code) = code else { continue };
            let answer = if operation == "subscription" {
                subscribe(person, &document).await
            } else {
                person.graphql(&document, json!({})).await
            };
            assert_eq!(refusal(&answer, &field), code, "{field} by {who}: {}", answer.text);
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn every_route_refuses_somebody_without_writing() {
    let app = TestApp::start().await;
    let (owner, assignee, stranger, nobody) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.anonymous(),
    );
    let ids = Ids::create(noun::ALL, &owner, &assignee).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for (method, route) in taskwire::rest::route_names() {
        let Some((case, body, refusals)) = routes().find(|(case, ..)| is_for(case, &method, &route)) else {
            panic!("{method} {route} has no case in tests/it/noun: who is refused, and how?");
        };
        let (_, path) = case.split_once(' ').unwrap();
        let content_type = if body.starts_with("--") {
            CONTENT_TYPE
        } else if body.starts_with(['{', '[']) {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        for (who, person, code) in [("nobody", &nobody, refusals.0), ("a stranger", &stranger, refusals.1)] {
            let Some(code) = code else { continue };
            let request = person
                .request(method.clone(), &ids.in_rest(path))
                .header("content-type", content_type);
            let answer = person.send(request.body(ids.in_rest(body).into()).unwrap()).await;
            // Bulk requests refuse each task separately.
            let (status, given) = match answer.body.pointer("/results/0/code") {
                Some(code) => (status_of(code.as_str().unwrap()), code.as_str().unwrap()),
                None => (answer.problem().0, answer.problem().1),
            };
            assert_eq!(
                (status, given),
                (status_of(code), code),
                "{method} {route} by {who}: {}",
                answer.text
            );
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn every_case_names_an_existing_field_or_route() {
    let app = TestApp::start().await;
    let existing: BTreeSet<String> = root_fields(&app).await.into_iter().map(|(_, field)| field).collect();
    for (field, ..) in fields() {
        assert!(existing.contains(*field), "there is no field {field} any more");
    }
    let existing = taskwire::rest::route_names();
    for (case, ..) in routes() {
        assert!(
            existing.iter().any(|(method, route)| is_for(case, method, route)),
            "there is no {case} any more"
        );
    }
}
