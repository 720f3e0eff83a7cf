//! The user cache: servers never show a user older than the one in the database.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const OWNERS: &str = "{ tasks { nodes { owner { fullName email } } } }";

/// The full name of the first task's owner, over GraphQL and REST.
async fn owner(person: &Person<'_>) -> [Value; 2] {
    let graphql = person.graphql(OWNERS, json!({})).await;
    let rest = person.rest(Method::GET, "/tasks", Value::Null).await;
    [
        graphql.data()["tasks"]["nodes"][0]["owner"]["fullName"].clone(),
        rest.at("/items/0/owner/full_name").clone(),
    ]
}

async fn rename(person: &Person<'_>, user: &Person<'_>, name: &str) {
    let mutation = "mutation($id: ID!, $name: String!) { userUpdate(id: $id, input: {fullName: $name}) { user { fullName } userErrors { code } } }";
    let variables = json!({ "id": user.global_id(), "name": name });
    let renamed = person.graphql(mutation, variables).await;
    assert_eq!(renamed.data()["userUpdate"]["user"]["fullName"], name);
}

#[tokio::test]
async fn a_new_name_is_shown_at_once_on_every_server_and_transport() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let served = other.listen().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let there = bob.with_token(&other, bob.access_token.as_deref().unwrap());
    let task = ann
        .creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    app.database.settled().await;
    let cursor = bob.graphql("{ eventCursor }", json!({})).await;
    let mut socket = served.socket_of(&bob).await;
    socket
        .subscribe(
            "live",
            "subscription($after: String) { taskEvents(after: $after) { task { owner { fullName } } } }",
            json!({ "after": cursor.data()["eventCursor"] }),
        )
        .await;
    for (number, name) in ["One", "Two", "Three"].into_iter().enumerate() {
        let (changed_by, changed_here) = if number == 1 { (&boss, false) } else { (&ann, true) };
        rename(changed_by, &ann, name).await;
        for person in [&there, &bob, &ann] {
            assert_eq!(owner(person).await, [json!(name), json!(name)], "of {}", person.name);
        }
        let over_socket = socket.answer(OWNERS).await;
        assert_eq!(over_socket["tasks"]["nodes"][0]["owner"]["fullName"], name);
        let writer = if changed_here { &ann } else { &bob };
        writer
            .graphql(
                "mutation($id: ID!, $title: String!) { taskUpdate(id: $id, input: {title: $title}) { userErrors { code } } }",
                json!({ "id": global_id("Task", task), "title": name }),
            )
            .await;
        let event = socket.data("live").await;
        assert_eq!(event["taskEvents"]["task"]["owner"]["fullName"], name);
    }
}

#[tokio::test]
async fn a_mutation_returns_the_name_that_it_has_set() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    owner(&ann).await;
    let both = ann
        .graphql(
            "mutation($user: ID!, $task: ID!) {
               userUpdate(id: $user, input: {fullName: \"New\"}) { user { fullName } }
               taskUpdate(id: $task, input: {title: \"U\"}) { task { owner { fullName } } } }",
            json!({ "user": ann.global_id(), "task": global_id("Task", task) }),
        )
        .await;
    assert_eq!(both.data()["taskUpdate"]["task"]["owner"]["fullName"], "New");
}

#[tokio::test]
async fn a_cached_user_shows_each_actor_only_visible_fields() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    let email = json!(format!("{}@example.com", ann.name));
    for _ in 0..2 {
        for (person, expected) in [(&boss, &email), (&bob, &Value::Null), (&ann, &email)] {
            let seen = person.graphql(OWNERS, json!({})).await;
            assert_eq!(seen.data()["tasks"]["nodes"][0]["owner"]["email"], *expected);
        }
    }
}

#[tokio::test]
async fn role_and_state_of_an_account_are_never_stale() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let there = boss.with_token(&other, boss.access_token.as_deref().unwrap());
    let account = async || {
        let query = "query($id: ID!) { user(id: $id) { role isActive timeZone } }";
        let seen = there.graphql(query, json!({ "id": ann.global_id() })).await;
        seen.data()["user"].clone()
    };
    let mut expected = json!({ "role": "USER", "isActive": true, "timeZone": "UTC" });
    assert_eq!(account().await, expected);
    for (mutation, field, value) in [
        ("userSetRole(id: $id, role: ADMIN)", "role", json!("ADMIN")),
        (
            "userUpdate(id: $id, input: {timeZone: \"Asia/Tokyo\"})",
            "timeZone",
            json!("Asia/Tokyo"),
        ),
        ("userSetActive(id: $id, isActive: false)", "isActive", json!(false)),
    ] {
        let document = format!("mutation($id: ID!) {{ {mutation} {{ userErrors {{ code }} }} }}");
        boss.graphql(&document, json!({ "id": ann.global_id() })).await;
        expected[field] = value;
        assert_eq!(account().await, expected, "after {mutation}");
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone_at_once_on_every_server() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let there = bob.with_token(&other, bob.access_token.as_deref().unwrap());
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    let actor = async || {
        let query = "{ tasks { nodes { history { nodes { actor { id } } } } } }";
        let seen = there.graphql(query, json!({})).await;
        seen.at("/data/tasks/nodes/0/history/nodes/0/actor").clone()
    };
    assert_eq!(actor().await, json!({ "id": ann.global_id() }));
    let deleted = boss
        .graphql(
            "mutation($id: ID!, $heir: ID!) { userDelete(id: $id, transferTo: $heir) { userErrors { code } } }",
            json!({ "id": ann.global_id(), "heir": bob.global_id() }),
        )
        .await;
    assert_eq!(deleted.at("/data/userDelete/userErrors"), &json!([]));
    assert_eq!(actor().await, Value::Null);
}
