//! Users through GraphQL: visibility and changes.

use serde_json::{Value, json};
use taskwire::domain::actor::Actor;

use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::person::{Person, global_id};
use crate::support::{PASSWORD, TestApp, before_migration};

const NAMES: &str = "query($id: ID!) { user(id: $id) { databaseId username fullName } }";
const ACCOUNT: &str = "query($id: ID!) { user(id: $id) { username email role isActive createdAt updatedAt } }";
const UPDATE: &str = "mutation($id: ID!, $input: UserUpdateInput!) {
    userUpdate(id: $id, input: $input) { user { username fullName email } userErrors { code field message } } }";

async fn update(person: &Person<'_>, id: &str, input: Value) -> Answer {
    person.graphql(UPDATE, json!({ "id": id, "input": input })).await
}

#[tokio::test]
async fn signed_in_users_see_names_and_only_the_user_and_admins_see_the_account() {
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
    // Hidden fields are null, without an error.
    let answer = bob.graphql(ACCOUNT, variables).await;
    assert_eq!(
        answer.data()["user"],
        json!({ "username": ann.name, "email": null, "role": null, "isActive": null, "createdAt": null, "updatedAt": null })
    );
}

#[tokio::test]
async fn an_account_is_hidden_on_every_path() {
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
        answer.data()["tasks"]["nodes"][0],
        json!({ "owner": { "username": ann.name, "email": null }, "assignee": { "email": format!("{}@example.com", bob.name) } })
    );
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
async fn an_update_of_names_distinguishes_absent_null_and_value() {
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
async fn an_unacceptable_or_forbidden_change_writes_nothing() {
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
    let other = format!("{{ user(id: \"{}\") {{ email }} }}", boss.global_id());
    let answer = ann.graphql(&other, json!({})).await;
    assert!(answer.data()["user"]["email"].is_string(), "{}", answer.text);

    let set_active = "mutation($id: ID!, $active: Boolean!) { userSetActive(id: $id, isActive: $active) { user { isActive } userErrors { code } } }";
    for active in [false, true] {
        let answer = boss
            .graphql(set_active, json!({ "id": ann.global_id(), "active": active }))
            .await;
        assert_eq!(answer.data()["userSetActive"]["user"]["isActive"], active);
    }
    // A reactivated user must sign in again.
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
    // Members see the same users as over REST, but only their own account.
    let answer = ann.graphql(page, json!({})).await;
    let own = json!({ "databaseId": ann.id, "email": format!("{}@example.com", ann.name) });
    assert_eq!(answer.data()["users"]["totalCount"], 3);
    assert_eq!(
        answer.data()["users"]["nodes"],
        json!([{ "databaseId": boss.id, "email": null }, own])
    );
}

const PEOPLE: &str = "query($search: String, $first: Int) { people(search: $search, first: $first) { displayName } }";

/// Display names that a search finds.
async fn people(person: &Person<'_>, variables: Value) -> Vec<String> {
    let answer = person.graphql(PEOPLE, variables).await;
    let found = answer.data()["people"].as_array().unwrap().iter();
    found
        .map(|user| user["displayName"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_a_name_first_and_then_by_any_part() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    for (username, full_name) in [
        (Some("zoe"), Some("Ännchen Öztürk")),
        (Some("chen"), Some("Li Chen")),
        (Some("nobody.else"), None),
        (None, Some("100% Example_Person")),
        (None, None),
    ] {
        let someone = app.member().await;
        let input = json!({ "username": username, "fullName": full_name });
        let answer = update(&boss, &someone.global_id(), input).await;
        assert_eq!(answer.data()["userUpdate"]["userErrors"], json!([]));
    }
    for (search, expected) in [
        ("chen", vec!["Li Chen", "Ännchen Öztürk"]),
        ("CHEN", vec!["Li Chen", "Ännchen Öztürk"]),
        (" li ", vec!["Li Chen"]),
        ("zoe", vec!["Ännchen Öztürk"]),
        ("ÄNN", vec!["Ännchen Öztürk"]),
        ("öztürk", vec!["Ännchen Öztürk"]),
        ("body.e", vec!["nobody.else"]),
        // There are no wildcards.
        ("0% e", vec!["100% Example_Person"]),
        ("e_p", vec!["100% Example_Person"]),
        ("1_0", vec![]),
        ("%", vec!["100% Example_Person"]),
        ("user 7", vec![]),
        ("li chen\nchen", vec![]),
        ("\0", vec![]),
        ("' OR 1=1 --", vec![]),
    ] {
        assert_eq!(people(&ann, json!({ "search": search })).await, expected, "{search:?}");
    }
    let all = people(&ann, json!({})).await;
    assert_eq!(all.len(), 7);
    assert_eq!(all[0], "100% Example_Person");
    assert!(all.iter().any(|name| name == "User 7"), "{all:?}");
    assert_eq!(people(&ann, json!({ "first": 2 })).await, all[..2]);
    assert_eq!(people(&ann, json!({ "first": 2, "search": "" })).await, all[..2]);

    // A user who cannot be assigned is not offered.
    let set_active = "mutation($id: ID!) { userSetActive(id: $id, isActive: false) { userErrors { code } } }";
    let chen = "{ people(search: \"li chen\") { id } }";
    let id = boss.graphql(chen, json!({})).await.data()["people"][0]["id"].clone();
    boss.graphql(set_active, json!({ "id": id })).await.data();
    assert_eq!(people(&boss, json!({ "search": "chen" })).await, ["Ännchen Öztürk"]);
}

#[tokio::test]
async fn a_search_for_people_has_limits() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (variables, message) in [
        (json!({ "first": 101 }), "first is 101; 0 to 100 are allowed"),
        (json!({ "first": -1 }), "first is -1; 0 to 100 are allowed"),
        (
            json!({ "search": "x".repeat(256) }),
            "search has 256 characters; up to 255 are allowed",
        ),
    ] {
        let answer = ann.graphql(PEOPLE, variables).await;
        assert_eq!(
            (answer.error_code(), answer.error_message()),
            ("BAD_USER_INPUT", message)
        );
    }
    assert_eq!(people(&ann, json!({ "first": 0 })).await, Vec::<String>::new());
    assert_eq!(
        people(&ann, json!({ "search": "ü".repeat(255) })).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn users_from_before_the_search_are_found_too() {
    let database = TestDatabase::create_empty().await;
    let app = before_migration(&database, "m20261128_000015_name_key").await;
    database
        .execute(
            "INSERT INTO users (created_at, updated_at, email, username, full_name, password_hash, role, is_active) VALUES \
             ('2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'a@example.com', 'Zoe', 'ÄNNCHEN Öztürk', 'x', 'user', true)",
        )
        .await;
    app.domain().migrate_up(None).await.unwrap();
    for search in ["ännchen", "zoe", "ÖZ"] {
        let found = app
            .domain()
            .users()
            .search(&Actor::System, Some(search), 20)
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{search}");
    }
}
