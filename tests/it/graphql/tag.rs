//! The list of all tags.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const TAGS: &str = "query($first: Int, $after: String, $last: Int, $before: String) {
    tags(first: $first, after: $after, last: $last, before: $before) {
      totalCount nodes { name taskCount } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn tags(person: &Person<'_>, page: Value) -> Value {
    person.graphql(TAGS, page).await.data()["tags"].clone()
}

fn names(page: &Value) -> Vec<(&str, i64)> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|tag| (tag["name"].as_str().unwrap(), tag["taskCount"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn tags_are_counted_over_visible_tasks() {
    let app = TestApp::start().await;
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    ann.creates_task(json!({ "title": "T", "tags": ["b", "a"] })).await;
    ann.creates_task(json!({ "title": "T", "tags": ["b"], "assigneeId": bob.global_id() }))
        .await;
    bob.creates_task(json!({ "title": "T", "tags": ["b", "zoo"] })).await;
    let trashed = ann.creates_task(json!({ "title": "T", "tags": ["b", "gone"] })).await;
    ann.changes_task("taskDelete", trashed, "").await;
    for (person, expected) in [
        (&ann, vec![("a", 1), ("b", 2)]),
        (&bob, vec![("b", 2), ("zoo", 1)]),
        (&boss, vec![("a", 1), ("b", 3), ("zoo", 1)]),
        (&eve, vec![]),
    ] {
        let page = tags(person, json!({})).await;
        assert_eq!(
            (names(&page), &page["totalCount"]),
            (expected.clone(), &json!(expected.len()))
        );
    }
}

#[tokio::test]
async fn tags_are_paged_both_ways_in_alphabetical_order() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "T", "tags": ["d", "ä", "b", "c-2", "c"] }))
        .await;
    let first = tags(&ann, json!({ "first": 2 })).await;
    assert_eq!(
        (names(&first), &first["totalCount"]),
        (vec![("b", 1), ("c", 1)], &json!(5))
    );
    assert_eq!(
        (&first["pageInfo"]["hasPreviousPage"], &first["pageInfo"]["hasNextPage"]),
        (&json!(false), &json!(true))
    );
    let rest = tags(&ann, json!({ "first": 9, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(names(&rest), [("c-2", 1), ("d", 1), ("ä", 1)]);
    assert_eq!(
        (&rest["pageInfo"]["hasPreviousPage"], &rest["pageInfo"]["hasNextPage"]),
        (&json!(true), &json!(false))
    );
    let back = tags(&ann, json!({ "last": 1, "before": rest["pageInfo"]["startCursor"] })).await;
    assert_eq!(names(&back), [("c", 1)]);
    assert_eq!(
        (&back["pageInfo"]["hasPreviousPage"], &back["pageInfo"]["hasNextPage"]),
        (&json!(true), &json!(true))
    );
    let answer = ann.graphql(TAGS, json!({ "after": "7" })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert!(
        answer.error_message().starts_with("after is not a cursor"),
        "{}",
        answer.text
    );
}

/// A task's tags, read in every way: single, in a list, in a list with users, over REST, and by filter.
async fn every_way(person: &Person<'_>, id: i64) -> Vec<Value> {
    let query = "query($id: ID!, $tag: [String!]!) {
        task(id: $id) { tags }
        plain: tasks { nodes { tags } }
        full: tasks { nodes { tags owner { username } } }
        filtered: tasks(filter: { tag: { all: $tag } }) { totalCount } }";
    let path = format!("/api/v1/tasks/{id}");
    let alone = person.rest(Method::GET, &path, Value::Null).await.at("/tags").clone();
    let listed = person.rest(Method::GET, "/api/v1/tasks", Value::Null).await;
    let variables = json!({ "id": global_id("Task", id), "tag": alone });
    let answer = person.graphql(query, variables).await;
    let data = answer.data();
    assert_eq!(data["filtered"]["totalCount"], 1, "{alone}");
    vec![
        alone,
        listed.at("/items/0/tags").clone(),
        data["task"]["tags"].clone(),
        data["plain"]["nodes"][0]["tags"].clone(),
        data["full"]["nodes"][0]["tags"].clone(),
    ]
}

#[tokio::test]
async fn every_way_to_read_a_task_shows_the_same_tags_after_each_change() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann
        .creates_task(json!({ "title": "T", "tags": ["b", "a c", "ä"] }))
        .await;
    let path = format!("/api/v1/tasks/{id}");
    let tags = format!("{path}/tags");
    for (method, path, body, expected) in [
        (Method::GET, path.clone(), Value::Null, json!(["a c", "b", "ä"])),
        (
            Method::POST,
            tags.clone(),
            json!(["0", "b"]),
            json!(["0", "a c", "b", "ä"]),
        ),
        (
            Method::DELETE,
            format!("{tags}/b"),
            Value::Null,
            json!(["0", "a c", "ä"]),
        ),
        (
            Method::PATCH,
            path.clone(),
            json!({ "title": "U" }),
            json!(["0", "a c", "ä"]),
        ),
        (Method::PATCH, path.clone(), json!({ "tags": ["z"] }), json!(["z"])),
        (Method::PATCH, path.clone(), json!({ "tags": null }), json!([])),
    ] {
        ann.rest(method.clone(), &path, body).await;
        let shown = every_way(&ann, id).await;
        assert!(shown.iter().all(|tags| *tags == expected), "{method} {path}: {shown:?}");
    }
}
