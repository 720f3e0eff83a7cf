//! `clientKey`: a task that is created once, however often it is sent.

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const CREATE: &str = "mutation($input: TaskCreateInput!) { payload: taskCreate(input: $input) {
    task { id databaseId title clientKey version deletedAt tags } cursor userErrors { code field message } } }";

async fn create(person: &Person<'_>, input: Value) -> Value {
    let answer = person.graphql(CREATE, json!({ "input": input })).await;
    answer.data()["payload"].clone()
}

#[tokio::test]
async fn the_same_key_gives_the_same_task_unchanged_and_without_an_event() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    // With tags or an assignee a task is written in another way than without.
    for (key, more) in [("k-1", json!({})), ("k-2", json!({ "tags": ["t"] }))] {
        let mut input = json!({ "title": "First", "clientKey": key });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let first = create(&ann, input.clone()).await;
        assert_eq!(first["task"]["clientKey"], key);
        assert!(first["cursor"].is_string(), "{first}");
        input["title"] = json!("Second");
        let before = app.footprint().await;
        let second = create(&ann, input.clone()).await;
        assert_eq!(
            second,
            json!({ "task": first["task"], "cursor": null, "userErrors": [] })
        );
        assert_eq!(app.footprint().await, before);
        // It is returned as it is now, also from the trash.
        let delete = "mutation($id: ID!) { taskDelete(id: $id) { userErrors { code } } }";
        ann.graphql(delete, json!({ "id": first["task"]["id"] })).await.data();
        let third = create(&ann, input.clone()).await;
        assert_eq!(third["task"]["id"], first["task"]["id"]);
        assert!(third["task"]["deletedAt"].is_string(), "{third}");
        // The key of another user is another key.
        let of_bob = create(&bob, input.clone()).await;
        assert_ne!(of_bob["task"]["id"], first["task"]["id"]);
        // What is deleted for good has freed its key.
        let purge = "mutation($id: ID!) { taskPurge(id: $id) { userErrors { code } } }";
        ann.graphql(purge, json!({ "id": first["task"]["id"] })).await.data();
        let fourth = create(&ann, input).await;
        assert_eq!(fourth["task"]["title"], "Second");
        assert_ne!(fourth["task"]["id"], first["task"]["id"]);
    }
}

#[tokio::test]
async fn creates_at_the_same_time_on_two_nodes_make_one_task() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let there = ann.with_token(&other, ann.access_token.as_deref().unwrap());
    for round in 0..5 {
        for more in [json!({}), json!({ "tags": ["t"] })] {
            let mut input = json!({ "title": "T", "clientKey": format!("{round}{more}").replace(' ', "") });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let both = (0..6).map(|number| create(if number % 2 == 0 { &ann } else { &there }, input.clone()));
            let made = join_all(both).await;
            let with_event = made.iter().filter(|payload| payload["cursor"].is_string()).count();
            assert_eq!(with_event, 1, "{made:?}");
            assert!(
                made.iter().all(|payload| payload["task"] == made[0]["task"]),
                "{made:?}"
            );
            let task = made[0]["task"]["databaseId"].as_i64().unwrap();
            assert_eq!(app.events(task).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn both_apis_have_one_set_of_keys() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = json!({ "title": "T", "client_key": "k" });
    let first = ann.rest(Method::POST, "/api/v1/tasks", body.clone()).await;
    assert_eq!((first.status.as_u16(), first.at("/client_key")), (201, &json!("k")));
    let second = ann.rest(Method::POST, "/api/v1/tasks", body).await;
    assert_eq!((second.status.as_u16(), &second.body), (200, &first.body));
    assert_eq!(second.header("location"), first.header("location"));
    let by_graphql = create(&ann, json!({ "title": "Other", "clientKey": "k" })).await;
    assert_eq!(by_graphql["task"]["databaseId"], first.body["id"]);
    assert_eq!(by_graphql["task"]["title"], "T");
}

#[tokio::test]
async fn a_key_that_is_no_key_is_refused_with_its_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    for key in ["", "a b", "ü", "x\ny", &"x".repeat(256)] {
        let payload = create(&ann, json!({ "title": "T", "clientKey": key })).await;
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&payload["task"], &error["code"], &error["field"]),
            (&Value::Null, &json!("INVALID"), &json!(["input", "clientKey"]))
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("1 to 255 visible ASCII characters"), "{message}");
        let body = json!({ "title": "T", "client_key": key });
        let answer = ann.rest(Method::POST, "/tasks", body).await;
        assert_eq!(answer.problem().0, 422, "{}", answer.text);
    }
    assert_eq!(app.footprint().await, before);
    let longest = create(&ann, json!({ "title": "T", "clientKey": "x".repeat(255) })).await;
    assert_eq!(longest["userErrors"], json!([]));
}

#[tokio::test]
async fn whoever_inherits_a_task_inherits_no_key() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let of_ann = create(&ann, json!({ "title": "Ann's", "clientKey": "k" })).await;
    let of_bob = create(&bob, json!({ "title": "Bob's", "clientKey": "k" })).await;
    let delete = "mutation($id: ID!, $to: ID) { userDelete(id: $id, transferTo: $to) { userErrors { message } } }";
    let answer = boss
        .graphql(delete, json!({ "id": ann.global_id(), "to": bob.global_id() }))
        .await;
    assert_eq!(answer.data()["userDelete"]["userErrors"], json!([]));
    let task = "query($id: ID!) { task(id: $id) { clientKey history { nodes { changes { field } } } } }";
    let inherited = bob.graphql(task, json!({ "id": of_ann["task"]["id"] })).await;
    assert_eq!(
        inherited.data()["task"],
        json!({ "clientKey": null, "history": { "nodes": [{ "changes": [] }, { "changes": [{ "field": "owner" }] }] } })
    );
    let again = create(&bob, json!({ "title": "Again", "clientKey": "k" })).await;
    assert_eq!(again["task"]["id"], of_bob["task"]["id"]);
}

#[tokio::test]
async fn an_event_shows_the_key_to_find_the_row_by() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let made = create(&ann, json!({ "title": "T", "clientKey": "k" })).await;
    let history = "query($id: ID!) { taskHistory(id: $id) { nodes { task { clientKey } } } }";
    let id = global_id("Task", made["task"]["databaseId"].as_i64().unwrap());
    let answer = ann.graphql(history, json!({ "id": id })).await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/task/clientKey"), "k");
}
