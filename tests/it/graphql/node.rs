//! Objects by global id.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

/// The types of `Node`, each with its article, as a message lists them.
async fn node_types(person: &Person<'_>) -> String {
    let query = r#"{ __type(name: "Node") { possibleTypes { name } } }"#;
    let answer = person.graphql(query, json!({})).await;
    let types = answer.data()["__type"]["possibleTypes"].as_array().unwrap().iter();
    let names = types.map(|kind| {
        let name = kind["name"].as_str().unwrap();
        let article = if name.starts_with('A') { "an" } else { "a" };
        format!("{article} {name}")
    });
    let names: Vec<String> = names.collect();
    let (last, others) = names.split_last().unwrap();
    format!("{} or {last}", others.join(", "))
}

#[tokio::test]
async fn visible_tasks_and_users_are_found_in_request_order() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = |number| global_id("Task", number);
    let (own, foreign, trashed) = (
        ann.creates_task(json!({ "title": "Own" })).await,
        bob.creates_task(json!({ "title": "Bob's" })).await,
        ann.creates_task(json!({ "title": "Trashed" })).await,
    );
    ann.changes_task("taskDelete", trashed, "").await;
    let ids = [
        bob.global_id(),
        task(own),
        task(foreign),
        task(trashed),
        global_id("User", 999_999),
        task(own),
    ];
    let query =
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Task { title } ... on User { username } } }";
    let before = app.app.domain().statements();
    let answer = ann.graphql(query, json!({ "ids": ids })).await;
    assert_eq!(app.app.domain().statements() - before, 3, "the session, tasks, users");
    let found = json!({ "__typename": "Task", "id": task(own), "title": "Own" });
    assert_eq!(
        answer.data()["nodes"],
        json!([{ "__typename": "User", "id": bob.global_id(), "username": bob.name }, found, null, null, null, found])
    );
    let query = "query($id: ID!) { node(id: $id) { id ... on Task { title } ... on User { username email } } }";
    let answer = ann.graphql(query, json!({ "id": task(own) })).await;
    assert_eq!(answer.data()["node"], json!({ "id": task(own), "title": "Own" }));
    for hidden in [task(foreign), task(trashed), global_id("User", 999_999)] {
        let answer = ann.graphql(query, json!({ "id": hidden })).await;
        assert_eq!(answer.data()["node"], Value::Null);
    }
    // Hidden fields of an account are hidden here too.
    let answer = ann.graphql(query, json!({ "id": bob.global_id() })).await;
    assert_eq!(
        answer.data()["node"],
        json!({ "id": bob.global_id(), "username": bob.name, "email": null })
    );
}

#[tokio::test]
async fn an_invalid_id_is_refused_with_what_is_allowed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let types = node_types(&ann).await;
    for id in ["7".to_owned(), String::new(), global_id("Tag", 1)] {
        let answer = ann
            .graphql("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
            .await;
        assert_eq!(answer.error_code(), "BAD_USER_INPUT");
        let message = format!("id: '{id}' is not the id of {types}; use an id that this server gave, unchanged");
        assert_eq!(answer.error_message(), message);
    }
    let ids: Vec<String> = (0..101).map(|number| global_id("User", number)).collect();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let answer = ann.graphql(nodes, json!({ "ids": ids })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
    assert_eq!(answer.error_message(), "ids: 101 ids were given; up to 100 are allowed");
    assert_eq!(
        ann.graphql(nodes, json!({ "ids": [] })).await.data()["nodes"],
        json!([])
    );
}
