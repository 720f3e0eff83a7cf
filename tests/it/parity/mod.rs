//! The same request through REST and GraphQL has the same data, refusal and events.

mod account;
mod bulk;
mod file;

use axum::http::Method;
use serde_json::{Value, json};

use crate::noun::task::{COMMON, rest_fields, to_rest};
use crate::noun::{self, Caller, Ids, Pairs};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::event::Event;
use crate::support::person::{Person, global_id};

/// Events of a task, without its id.
async fn events(app: &TestApp, task: i64) -> Vec<Event> {
    let mut events = app.events(task).await;
    for event in &mut events {
        assert_eq!(event.task.as_object_mut().unwrap().remove("id"), Some(json!(task)));
    }
    events
}

async fn mutate(person: &Person<'_>, mutation: &str, pairs: &Pairs, ids: &Ids) -> Answer {
    let Pairs { payload, selection, .. } = pairs;
    let mutation = ids.in_graphql(mutation);
    let document = format!("mutation {{ {mutation} {{ {payload} {{ {selection} }} userErrors {{ code message }} }} }}");
    person.graphql(&document, json!({})).await
}

/// Sends a REST request of method, path and body.
async fn call(person: &Person<'_>, request: &str, ids: &Ids) -> Answer {
    let request = ids.in_rest(request);
    let mut parts = request.splitn(3, ' ');
    let method: Method = parts.next().unwrap().parse().unwrap();
    let path = format!("/api/v1{}", parts.next().unwrap());
    let body = parts.next().map(|body| serde_json::from_str(body).unwrap());
    person.rest(method, &path, body.unwrap_or_default()).await
}

/// The root field of a mutation with its arguments.
fn field_of(mutation: &str) -> &str {
    mutation.split('(').next().unwrap_or_default()
}

/// Error code and message of a refusal; `None` on success.
fn graphql_refusal(answer: &Answer, field: &str) -> Option<(String, String)> {
    let error = if answer.body.get("errors").is_some() {
        return Some((answer.error_code().to_owned(), answer.error_message().to_owned()));
    } else {
        &answer.data()[field]["userErrors"][0]
    };
    Some((
        error["code"].as_str()?.to_owned(),
        error["message"].as_str()?.to_owned(),
    ))
}

/// The comparable fields of a REST body: of the resource, or of each one of a list.
fn comparable_body(pairs: &Pairs, body: &Value) -> Value {
    match body["items"].as_array() {
        Some(items) => items.iter().map(pairs.rest_fields).collect(),
        None => (pairs.rest_fields)(body),
    }
}

fn rest_refusal(answer: &Answer) -> Option<(String, String)> {
    (!answer.status.is_success()).then(|| (answer.problem().1.to_owned(), answer.detail().to_owned()))
}

#[tokio::test]
async fn both_apis_have_the_same_results_refusals_and_events() {
    let app = TestApp::start().await;
    let (ann, bob, cat, dan) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let nobody = app.anonymous();
    for noun in noun::ALL {
        let Some(pairs) = &noun.pairs else { continue };
        for pair in pairs.cases {
            let name = format!("{:?} {} {}", pair.caller, pair.graphql, pair.rest);
            let nouns = std::slice::from_ref(noun);
            let (one, other) = (
                Ids::create(nouns, &ann, &bob).await,
                Ids::create(nouns, &ann, &bob).await,
            );
            if let Some(before) = pair.before {
                for ids in [&one, &other] {
                    let answer = mutate(&ann, before, pairs, ids).await;
                    assert_eq!(graphql_refusal(&answer, field_of(before)), None, "{name}");
                }
            }
            let person = match pair.caller {
                Caller::Owner => &ann,
                Caller::Assignee => &bob,
                Caller::Stranger => &cat,
                Caller::Admin => &dan,
                Caller::Anonymous => &nobody,
            };
            let by_graphql = mutate(person, pair.graphql, pairs, &one).await;
            let by_rest = call(person, pair.rest, &other).await;

            let field = field_of(pair.graphql);
            let refused = graphql_refusal(&by_graphql, field);
            let comparable = |refusal: Option<(String, String)>, ids: &Ids| -> Option<(String, String)> {
                let (code, mut message) = refusal?;
                for (graphql, rest) in pairs.messages {
                    message = message.replace(graphql, rest);
                }
                Some((code, ids.without(pairs.id, &message)))
            };
            assert_eq!(
                comparable(refused.clone(), &one),
                comparable(rest_refusal(&by_rest), &other),
                "{name}"
            );
            assert_eq!(
                refused.as_ref().map(|(code, _)| code.as_str()),
                pair.code,
                "{name}: {}",
                by_graphql.text
            );
            if refused.is_none() && [200, 201].contains(&by_rest.status.as_u16()) {
                let resource = &by_graphql.data()[field][pairs.payload];
                assert_eq!(
                    (pairs.to_rest)(resource),
                    comparable_body(pairs, &by_rest.body),
                    "{name}"
                );
            }
            if let (Some(left), Some(right)) = (one.number("TASK"), other.number("TASK")) {
                assert_eq!(events(&app, left).await, events(&app, right).await, "{name}");
            }
            let read = format!("GET {}", pairs.path);
            let (left, right) = (call(&dan, &read, &one).await, call(&dan, &read, &other).await);
            assert_eq!(left.status, right.status, "{name}");
            assert_eq!(
                comparable_body(pairs, &left.body),
                comparable_body(pairs, &right.body),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_task_is_created_equally_by_both_apis() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    for (graphql, rest) in [
        (json!({ "title": "Report" }), json!({ "title": "Report" })),
        (
            json!({ "title": " Report ", "description": "Long", "status": "DONE", "priority": "LOW",
                "dueDate": "2026-02-01T00:00:00Z", "assigneeId": bob.global_id(), "tags": ["B", "a"] }),
            json!({ "title": " Report ", "description": "Long", "completed": true, "priority": "low",
                "due_date": "2026-02-01", "assignee_id": bob.id, "tags": ["B", "a"] }),
        ),
    ] {
        let document =
            format!("mutation($input: TaskCreateInput!) {{ taskCreate(input: $input) {{ task {{ {COMMON} }} }} }}");
        let by_graphql = ann.graphql(&document, json!({ "input": graphql })).await;
        let by_rest = ann.rest(Method::POST, "/tasks", rest).await;
        let task = &by_graphql.data()["taskCreate"]["task"];
        assert_eq!(to_rest(task), rest_fields(&by_rest.body));
        let (one, other) = (
            task["databaseId"].as_i64().unwrap(),
            by_rest.at("/id").as_i64().unwrap(),
        );
        assert_eq!(events(&app, one).await, events(&app, other).await);
    }
}

#[tokio::test]
async fn a_task_reads_equally_and_a_foreign_one_is_not_found_in_both_apis() {
    let app = TestApp::start().await;
    let (ann, cat) = (app.member().await, app.member().await);
    let id = ann.creates_task(json!({ "title": "Report", "tags": ["a"] })).await;
    let query = format!("query($id: ID!) {{ task(id: $id) {{ {COMMON} }} }}");
    let variables = json!({ "id": global_id("Task", id) });
    let path = format!("/api/v1/tasks/{id}");

    let by_graphql = ann.graphql(&query, variables.clone()).await;
    let by_rest = ann.rest(Method::GET, &path, Value::Null).await;
    assert_eq!(to_rest(&by_graphql.data()["task"]), rest_fields(&by_rest.body));

    assert_eq!(cat.graphql(&query, variables).await.data()["task"], Value::Null);
    assert_eq!(cat.rest(Method::GET, &path, Value::Null).await.problem().0, 404);
    // It has the same error as an unknown task.
    let foreign = cat.rest(Method::GET, &path, Value::Null).await;
    let unknown = cat.rest(Method::GET, "/api/v1/tasks/999999", Value::Null).await;
    assert_eq!(
        foreign.detail().replace(&id.to_string(), "ID"),
        unknown.detail().replace("999999", "ID")
    );
}

#[tokio::test]
async fn statistics_and_lists_are_the_same_in_both_apis() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, status, tag) in [("A", "DONE", "x"), ("B", "TODO", "x"), ("C", "TODO", "y")] {
        ann.creates_task(json!({ "title": title, "status": status, "tags": [tag], "dueDate": "2026-01-01T00:00:00Z" }))
            .await;
    }
    let answer = ann
        .graphql(
            "{ taskStatistics { total completed completionRate overdue tags { tag count } } tasks { nodes { databaseId } } }",
            json!({}),
        )
        .await;
    let by_graphql = &answer.data()["taskStatistics"];
    let by_rest = ann.rest(Method::GET, "/tasks/statistics", Value::Null).await.body;
    for (name, field) in [
        ("total", "total"),
        ("completed", "completed"),
        ("completion_rate", "completionRate"),
        ("overdue", "overdue"),
        ("tags", "tags"),
    ] {
        assert_eq!(by_rest[name], by_graphql[field], "{name}");
    }
    let list = ann.rest(Method::GET, "/tasks", Value::Null).await.body;
    let ids = |tasks: &Value, key: &str| -> Vec<Value> {
        tasks.as_array().unwrap().iter().map(|task| task[key].clone()).collect()
    };
    assert_eq!(
        ids(&list["items"], "id"),
        ids(&answer.data()["tasks"]["nodes"], "databaseId")
    );
}
