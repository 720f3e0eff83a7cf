//! Users through GraphQL: who sees what of whom, and what changes.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};
use crate::support::{PASSWORD, TestApp};

const NAMES: &str = "query($id: ID!) { user(id: $id) { databaseId username fullName } }";
const ACCOUNT: &str = "query($id: ID!) { user(id: $id) { username email role isActive createdAt updatedAt } }";
const UPDATE: &str = "mutation($id: ID!, $input: UserUpdateInput!) {
    userUpdate(id: $id, input: $input) { user { username fullName email } userErrors { code field message } } }";

async fn update(person: &Person<'_>, id: &str, input: Value) -> Answer {
    person.graphql(UPDATE, json!({ "id": id, "input": input })).await
}

#[tokio::test]
async fn everybody_signed_in_sees_names_and_only_oneself_and_admins_the_account() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let variables = json!({ "id": ann.global_id() });
    for person in [&ann, &bob, &boss] {
        let answer = person.graphql(NAMES, variables.clone()).await;
        assert_eq!(
            answer.data()["user"],
            json!({ "databaseId": ann.id, "username": ann.name, "fullName": null })
        );
    }
    for person in [&ann, &boss] {
        let answer = person.graphql(ACCOUNT, variables.clone()).await;
        assert_eq!(answer.data()["user"]["email"], format!("{}@example.com", ann.name));
        assert_eq!(answer.data()["user"]["role"], "USER");
    }
    // Only the fields that are hidden are missing; the rest of the answer stands.
    let answer = bob.graphql(ACCOUNT, variables).await;
    assert_eq!(answer.error_code(), "FORBIDDEN");
    assert_eq!(
        answer.at("/data/user"),
        &json!({ "username": ann.name, "email": null, "role": null, "isActive": null, "createdAt": null, "updatedAt": null })
    );
    assert_eq!(answer.at("/errors/0/path"), &json!(["user", "email"]));
}

#[tokio::test]
async fn an_account_stays_hidden_on_every_way_to_it() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    ann.creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    let answer = bob
        .graphql(
            "{ tasks { nodes { owner { username email } assignee { email } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        answer.at("/data/tasks/nodes/0"),
        &json!({ "owner": { "username": ann.name, "email": null }, "assignee": { "email": format!("{}@example.com", bob.name) } })
    );
    assert_eq!(answer.at("/errors").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_user_is_null() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = ann.graphql(NAMES, json!({ "id": global_id("User", 999_999) })).await;
    assert_eq!(answer.data()["user"], Value::Null);
    let answer = ann.graphql(NAMES, json!({ "id": global_id("Task", 1) })).await;
    assert_eq!(answer.error_code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn names_change_by_absent_null_and_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let me = ann.global_id();
    let user = async |input: Value| update(&ann, &me, input).await.data()["userUpdate"]["user"].clone();
    let email = format!("{}@example.com", ann.name);
    assert_eq!(
        user(json!({ "fullName": " Ann Example " })).await,
        json!({ "username": ann.name, "fullName": "Ann Example", "email": email })
    );
    assert_eq!(
        user(json!({ "username": "Ann.1", "email": "NEW@example.com", "currentPassword": PASSWORD })).await,
        json!({ "username": "Ann.1", "fullName": "Ann Example", "email": "new@example.com" })
    );
    assert_eq!(
        user(json!({ "fullName": null, "username": null })).await,
        json!({ "username": null, "fullName": null, "email": "new@example.com" })
    );
    assert_eq!(
        user(json!({})).await,
        json!({ "username": null, "fullName": null, "email": "new@example.com" })
    );
}

#[tokio::test]
async fn a_change_that_is_not_acceptable_or_not_allowed_changes_nothing() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    app.advance(chrono::TimeDelta::minutes(1));
    let before = app.footprint().await;
    let me = ann.global_id();
    for (input, code, field) in [
        (json!({ "email": null }), "INVALID", "input.email"),
        (json!({ "email": "nobody" }), "INVALID", "input.email"),
        (json!({ "username": "a" }), "INVALID", "input.username"),
        (
            json!({ "username": bob.name.to_uppercase() }),
            "TAKEN",
            "input.username",
        ),
        (
            json!({ "email": format!("{}@EXAMPLE.com", bob.name), "currentPassword": PASSWORD }),
            "TAKEN",
            "input.email",
        ),
    ] {
        let error = update(&ann, &me, input).await.user_error("userUpdate");
        assert_eq!((error.0.as_str(), error.1.as_str()), (code, field));
    }
    let error = update(&ann, &bob.global_id(), json!({ "fullName": "Bob" }))
        .await
        .user_error("userUpdate");
    assert_eq!(error.0, "FORBIDDEN");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_admin_changes_names_roles_and_activity() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let id = json!({ "id": ann.global_id() });
    let answer = update(&boss, &ann.global_id(), json!({ "fullName": "Ann" })).await;
    assert_eq!(answer.data()["userUpdate"]["user"]["fullName"], "Ann");
    let promote = "mutation($id: ID!) { userSetRole(id: $id, role: ADMIN) { user { role } userErrors { code } } }";
    assert_eq!(
        boss.graphql(promote, id.clone()).await.data()["userSetRole"]["user"]["role"],
        "ADMIN"
    );
    ann.graphql("{ users { totalCount } }", json!({})).await.data();

    let set_active = "mutation($id: ID!, $active: Boolean!) { userSetActive(id: $id, isActive: $active) { user { isActive } userErrors { code } } }";
    for active in [false, true] {
        let answer = boss
            .graphql(set_active, json!({ "id": ann.global_id(), "active": active }))
            .await;
        assert_eq!(answer.data()["userSetActive"]["user"]["isActive"], active);
    }
    // Whoever was let in again signs in again.
    assert_eq!(
        ann.graphql("{ viewer { id } }", json!({})).await.error_code(),
        "UNAUTHENTICATED"
    );
    let login = "mutation($input: LoginInput!) { login(input: $input) { user { role } userErrors { code } } }";
    let answer = ann
        .graphql(
            login,
            json!({ "input": { "username": ann.name, "password": PASSWORD } }),
        )
        .await;
    assert_eq!(answer.data()["login"]["user"]["role"], "ADMIN");
}

#[tokio::test]
async fn the_list_of_users_is_paged_for_admins() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let page = "query($after: String) { users(first: 2, after: $after) { totalCount nodes { databaseId email } pageInfo { hasNextPage endCursor } } }";
    let first = boss.graphql(page, json!({})).await;
    let first = &first.data()["users"];
    assert_eq!(
        (&first["totalCount"], &first["pageInfo"]["hasNextPage"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(first["nodes"][1]["databaseId"], ann.id);
    let second = boss
        .graphql(page, json!({ "after": first["pageInfo"]["endCursor"] }))
        .await;
    let second = &second.data()["users"];
    assert_eq!(
        second["nodes"],
        json!([{ "databaseId": bob.id, "email": format!("{}@example.com", bob.name) }])
    );
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    assert_eq!(ann.graphql(page, json!({})).await.error_code(), "FORBIDDEN");
}
