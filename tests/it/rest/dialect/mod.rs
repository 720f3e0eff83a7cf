//! Dialects: every route of each older API follows its contract. Some files have one API, the others one topic for all
//! APIs.

mod access;
mod accounts;
mod canonical;
mod choice;
mod defaults;
mod due_bounds;
mod due_dates;
mod due_days;
mod files;
mod operations;
mod search;
mod sign_in;
mod skip_limit;
mod tags_files;
mod updates;
mod validation;
mod workflow;

use axum::http::Method;
use serde_json::{Value, json};

use super::expect_status;
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;

/// One dialect of each older API.
const APIS: [&str; 5] = ["skip-limit", "accounts", "due-dates", "tags-files", "workflow"];
/// A password that every dialect accepts.
const PASSWORD: &str = "Password123";
/// Parameters that no API has.
const UNKNOWN: &str = "surprise=1&cursor_=2";

async fn serve(dialect: &str) -> TestApp {
    TestApp::start_with(&[("REST_DIALECT", dialect)]).await
}

/// Registers and signs in as the contract says; returns the client with its token.
async fn enter<'a>(app: &'a TestApp, prefix: &str, account: Value, login: Value) -> Person<'a> {
    let nobody = app.anonymous();
    let answer = nobody
        .rest(Method::POST, &format!("{prefix}/auth/register"), account)
        .await;
    expect_status(answer, 201);
    let answer = nobody.rest(Method::POST, &format!("{prefix}/auth/login"), login).await;
    let answer = expect_status(answer, 200);
    assert_eq!(answer.at("/token_type"), "bearer");
    nobody.with_token(app, answer.at("/access_token").as_str().unwrap())
}

async fn send(person: &Person<'_>, method: Method, path: &str, body: Value, status: u16) -> Answer {
    expect_status(person.rest(method, path, body).await, status)
}

/// Sends a request in the dialect of its header; a null body sends none.
async fn send_in(dialect: &str, person: &Person<'_>, method: Method, path: &str, body: Value, status: u16) -> Answer {
    let request = person
        .request(method, path)
        .header("x-rest-dialect", dialect)
        .header("content-type", "application/json");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    expect_status(person.send(request.body(body.into()).unwrap()).await, status)
}

async fn upload(person: &Person<'_>, path: &str, name: &str, content: &[u8]) -> Answer {
    let form = Form::default()
        .text("note", "ignored")
        .file("file", name, content)
        .text("more", "ignored too");
    let request = person.request(Method::POST, path).header("content-type", CONTENT_TYPE);
    person.send(request.body(form.end().into()).unwrap()).await
}

async fn send_malformed(person: &Person<'_>, path: &str) -> Answer {
    let request = person
        .request(Method::POST, path)
        .header("content-type", "application/json");
    person
        .send(request.body("{\"title\": ".to_owned().into()).unwrap())
        .await
}

/// Checks that an object has these members of these types: `int`, `number`, `text`, `bool`, `object`, `list`, `time`,
/// `day`; with a trailing `?` also null.
#[track_caller]
fn expect_members(object: &Value, members: &str) {
    for member in members.split(' ') {
        let (name, kind) = member.split_once(':').unwrap();
        let value = object.get(name).unwrap_or_else(|| panic!("no {name} in {object}"));
        let is_kind = match kind.trim_end_matches('?') {
            "int" => value.is_i64(),
            "number" => value.is_number(),
            "text" => value.is_string(),
            "bool" => value.is_boolean(),
            "object" => value.is_object(),
            "list" => value.is_array(),
            "time" => value
                .as_str()
                .is_some_and(|text| text.ends_with('Z') && text.contains('T')),
            "day" => value.as_str().is_some_and(|text| text.len() == 10),
            other => panic!("{other} is no type"),
        };
        assert!(
            is_kind || (kind.ends_with('?') && value.is_null()),
            "{name} is {value}, not {kind}"
        );
    }
}

/// Checks that an object has exactly these members. For types, see [`expect_members`].
#[track_caller]
fn expect_only(object: &Value, members: &str) {
    expect_members(object, members);
    let count = members.split(' ').count();
    assert_eq!(
        object.as_object().unwrap().len(),
        count,
        "{object} has more than {members}"
    );
}

/// Checks an item of the validation error list.
#[track_caller]
fn expect_violation(item: &Value, kind: &str, loc: Value) {
    expect_members(item, "type:text loc:list msg:text");
    assert_eq!(
        json!([item["type"], item["loc"]]),
        Value::Array(vec![kind.into(), loc]),
        "{item}"
    );
}

/// The titles of rows, joined by commas.
#[track_caller]
fn titles(rows: &Value) -> String {
    let rows = rows.as_array().unwrap_or_else(|| panic!("{rows} is no list"));
    let titles: Vec<&str> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    titles.join(",")
}

/// Creates tasks, a second apart.
async fn create_tasks(app: &TestApp, person: &Person<'_>, path: &str, tasks: &[Value]) -> Vec<Value> {
    let mut created = Vec::new();
    for task in tasks {
        app.advance(chrono::TimeDelta::seconds(1));
        created.push(send(person, Method::POST, path, task.clone(), 201).await.body);
    }
    created
}
