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
async fn a_repeated_key_returns_the_same_task_unchanged_and_without_an_event() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    // Tasks with tags or an assignee are written by other statements.
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
        // The present state is returned, also from the trash.
        let delete = "mutation($id: ID!) { taskDelete(id: $id) { userErrors { code } } }";
        ann.graphql(delete, json!({ "id": first["task"]["id"] })).await.data();
        let third = create(&ann, input.clone()).await;
        assert_eq!(third["task"]["id"], first["task"]["id"]);
        assert!(third["task"]["deletedAt"].is_string(), "{third}");
        // Keys are per user.
        let of_bob = create(&bob, input.clone()).await;
        assert_ne!(of_bob["task"]["id"], first["task"]["id"]);
        // Permanent deletion frees the key.
        let purge = "mutation($id: ID!) { taskPurge(id: $id) { userErrors { code } } }";
        ann.graphql(purge, json!({ "id": first["task"]["id"] })).await.data();
        let fourth = create(&ann, input).await;
        assert_eq!(fourth["task"]["title"], "Second");
        assert_ne!(fourth["task"]["id"], first["task"]["id"]);
    }
}

#[tokio::test]
async fn concurrent_creates_on_two_nodes_create_one_task() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let there = ann.with_token(&other, ann.access_token.as_deref().unwrap());
    for round in 0..5 {
        for more in [json!({}), json!({ "tags": ["t"] })] {
            let mut input = json!({ "title": "T", "clientKey": format!("{round}{more}").replace(' ', "") });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let both = (0..6).map(|number| create(if number % 2 == 0 { &ann } else { &there }, input.clone()));
            let created = join_all(both).await;
            let with_event = created.iter().filter(|payload| payload["cursor"].is_string()).count();
            assert_eq!(with_event, 1, "{created:?}");
            assert!(
                created.iter().all(|payload| payload["task"] == created[0]["task"]),
                "{created:?}"
            );
            let task = created[0]["task"]["databaseId"].as_i64().unwrap();
            assert_eq!(app.events(task).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn both_apis_share_the_keys() {
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
async fn an_invalid_key_is_refused_with_its_value() {
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
async fn a_transferred_task_loses_its_key() {
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
async fn an_event_has_the_key_so_that_clients_can_match_it() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = create(&ann, json!({ "title": "T", "clientKey": "k" })).await;
    let history = "query($id: ID!) { taskHistory(id: $id) { nodes { task { clientKey } } } }";
    let id = global_id("Task", created["task"]["databaseId"].as_i64().unwrap());
    let answer = ann.graphql(history, json!({ "id": id })).await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/task/clientKey"), "k");
}

#[tokio::test]
async fn a_repeated_key_finds_a_task_whose_assignee_was_deactivated_meanwhile() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let mut input = json!({ "title": "T", "clientKey": "k", "assigneeId": bob.global_id() });
    let first = create(&ann, input.clone()).await;
    assert!(first["cursor"].is_string(), "{first}");
    let deactivate = "mutation($id: ID!) { userSetActive(id: $id, isActive: false) { userErrors { code } } }";
    let answer = boss.graphql(deactivate, json!({ "id": bob.global_id() })).await;
    assert_eq!(answer.data()["userSetActive"]["userErrors"], json!([]));
    let second = create(&ann, input.clone()).await;
    assert_eq!(
        second,
        json!({ "task": first["task"], "cursor": null, "userErrors": [] })
    );
    // A new task cannot have this assignee.
    input["clientKey"] = json!("other");
    let third = create(&ann, input).await;
    assert_eq!(
        (&third["task"], &third["userErrors"][0]["code"]),
        (&Value::Null, &json!("INVALID"))
    );
}
