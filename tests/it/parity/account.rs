//! Accounts through both APIs.

use axum::http::Method;
use serde_json::{Value, json};

use super::{graphql_refusal, rest_refusal};
use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};
use crate::support::{PASSWORD, TestApp};

const USER: &str = "databaseId username fullName email emailVerified timeZone role isActive createdAt updatedAt";

/// A GraphQL user in the format of REST, which omits null fields except names.
fn to_rest_format(user: &Value) -> Value {
    let mut words = json!({ "id": user["databaseId"], "username": user["username"], "full_name": user["fullName"] });
    if user["email"].is_string() {
        let moment = |name: &str| json!(user[name].as_str().unwrap().replace("+00:00", "Z"));
        words["email"] = user["email"].clone();
        words["email_verified"] = user["emailVerified"].clone();
        words["time_zone"] = user["timeZone"].clone();
        words["role"] = json!(user["role"].as_str().unwrap().to_lowercase());
        words["is_active"] = user["isActive"].clone();
        words["created_at"] = moment("createdAt");
        words["updated_at"] = moment("updatedAt");
    }
    words
}

async fn mutate(person: &Person<'_>, field: &str, arguments: &str) -> Answer {
    let document = format!("mutation {{ {field}({arguments}) {{ user {{ {USER} }} userErrors {{ code message }} }} }}");
    person.graphql(&document, json!({})).await
}

/// Checks that both APIs had the same result for equivalent users, or the same refusal.
#[track_caller]
fn expect_alike(by_graphql: &Answer, field: &str, by_rest: &Answer, user: impl Fn(&Answer) -> Value) {
    let refusal = graphql_refusal(by_graphql, field);
    assert_eq!(refusal, rest_refusal(by_rest), "{} {}", by_graphql.text, by_rest.text);
    if refusal.is_none() {
        let mut one = to_rest_format(&by_graphql.data()[field]["user"]);
        let mut other = user(by_rest);
        for user in [&mut one, &mut other] {
            let words = user.as_object_mut().unwrap();
            assert!(words.remove("id").is_some());
            // E-mail addresses and usernames are unique, so they differ.
            for name in ["email", "username"] {
                let text = words
                    .get(name)
                    .and_then(Value::as_str)
                    .map(|text| text.replace("rest", "graphql"));
                words.insert(name.to_owned(), json!(text));
            }
        }
        assert_eq!(one, other);
    }
}

#[tokio::test]
async fn registration_has_the_same_results_in_both_apis() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    app.member().await;
    for (graphql, rest) in [
        (
            r#"email: "graphql@example.com", password: "Password123""#,
            json!({ "email": "rest@example.com", "password": "Password123" }),
        ),
        (
            r#"email: "graphql2@example.com", password: "Password123", username: "graphql", fullName: " Ann ""#,
            json!({ "email": "rest2@example.com", "password": "Password123", "username": "rest", "full_name": " Ann " }),
        ),
        (
            r#"email: "graphql@example.com", password: "Password123""#,
            json!({ "email": "graphql@example.com", "password": "Password123" }),
        ),
        (
            r#"email: "new@example.com", password: "weak""#,
            json!({ "email": "new@example.com", "password": "weak" }),
        ),
        (
            r#"email: "nobody", password: "Password123""#,
            json!({ "email": "nobody", "password": "Password123" }),
        ),
    ] {
        let by_graphql = mutate(&nobody, "register", &format!("input: {{ {graphql} }}")).await;
        let by_rest = nobody.rest(Method::POST, "/auth/register", rest).await;
        expect_alike(&by_graphql, "register", &by_rest, |answer| answer.at("/user").clone());
    }
}

#[tokio::test]
async fn login_and_logout_have_the_same_results_in_both_apis() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let ann = app.member().await;
    for (password, name) in [
        (PASSWORD, ann.name.as_str()),
        ("Wrong12345", &ann.name),
        (PASSWORD, "stranger"),
    ] {
        let arguments = format!("input: {{ username: \"{name}\", password: \"{password}\" }}");
        let by_graphql = mutate(&nobody, "login", &arguments).await;
        let login = json!({ "username": name, "password": password });
        let by_rest = nobody.rest(Method::POST, "/auth/login", login).await;
        expect_alike(&by_graphql, "login", &by_rest, |answer| answer.at("/user").clone());
    }
    let by_graphql = mutate(&nobody, "refresh", "refreshToken: \"none\"").await;
    let by_rest = nobody
        .rest(Method::POST, "/auth/refresh", json!({ "refresh_token": "none" }))
        .await;
    expect_alike(&by_graphql, "refresh", &by_rest, |answer| answer.at("/user").clone());

    // Each API accepts and revokes tokens of the other.
    let bob = app.member().await;
    assert_eq!(ann.rest(Method::POST, "/auth/logout", Value::Null).await.status, 204);
    bob.graphql("mutation { logout { userErrors { code } } }", json!({}))
        .await
        .data();
    for person in [&ann, &bob] {
        let by_graphql = person.graphql("{ viewer { id } }", json!({})).await;
        let by_rest = person.rest(Method::GET, "/auth/me", Value::Null).await;
        assert_eq!(graphql_refusal(&by_graphql, "viewer"), rest_refusal(&by_rest));
        assert_eq!(by_rest.status, 401);
    }
}

#[tokio::test]
async fn every_viewer_reads_the_same_account_in_both_apis() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for person in [&ann, &bob, &boss] {
        let query = format!("query($id: ID!) {{ user(id: $id) {{ {USER} }} viewer {{ {USER} }} }}");
        let by_graphql = person.graphql(&query, json!({ "id": ann.global_id() })).await;
        // A hidden field is null in GraphQL and absent in REST.
        let user = &by_graphql.at("/data")["user"];
        let by_rest = person
            .rest(Method::GET, &format!("/users/{}", ann.id), Value::Null)
            .await;
        assert_eq!(to_rest_format(user), by_rest.body);
        let viewer = &by_graphql.at("/data")["viewer"];
        let me = person.rest(Method::GET, "/auth/me", Value::Null).await;
        assert_eq!(to_rest_format(viewer), me.body);
    }
    let query = format!("{{ users {{ totalCount nodes {{ {USER} }} }} }}");
    for person in [&ann, &bob, &boss] {
        let by_graphql = person.graphql(&query, json!({})).await;
        let by_rest = person.rest(Method::GET, "/users", Value::Null).await;
        let nodes = by_graphql.data()["users"]["nodes"].as_array().unwrap().iter();
        assert_eq!(
            json!(nodes.map(to_rest_format).collect::<Vec<_>>()),
            *by_rest.at("/items")
        );
        assert_eq!(by_graphql.data()["users"]["totalCount"], *by_rest.at("/total"));
    }
}

#[tokio::test]
async fn account_changes_and_deletions_have_the_same_results_in_both_apis() {
    let app = TestApp::start().await;
    let (bob, boss) = (app.member().await, app.admin().await);
    for (by_boss, graphql, rest) in [
        (
            true,
            r#"{fullName: "New", username: null}"#,
            json!({ "full_name": "New", "username": null }),
        ),
        (true, "{}", json!({})),
        (false, r#"{fullName: "New"}"#, json!({ "full_name": "New" })),
        (true, r#"{email: "nobody"}"#, json!({ "email": "nobody" })),
        (true, r#"{username: "TAKEN"}"#, json!({ "username": "TAKEN" })),
    ] {
        let (one, other) = (app.member().await, app.member().await);
        let person = if by_boss { &boss } else { &bob };
        let arguments = format!("id: \"{}\", input: {graphql}", one.global_id()).replace("TAKEN", &bob.name);
        let by_graphql = mutate(person, "userUpdate", &arguments).await;
        let rest: Value = serde_json::from_str(&rest.to_string().replace("TAKEN", &bob.name)).unwrap();
        let by_rest = person.rest(Method::PATCH, &format!("/users/{}", other.id), rest).await;
        expect_alike(&by_graphql, "userUpdate", &by_rest, |answer| {
            let mut user = answer.body.clone();
            for name in ["username", "email"] {
                if let Some(text) = user[name].as_str() {
                    user[name] = json!(text.replace(&other.name, &one.name));
                }
            }
            user
        });
    }
    let document = |id: &str| format!("mutation {{ userDelete(id: \"{id}\") {{ userErrors {{ code message }} }} }}");
    let (one, other) = (app.member().await, app.member().await);
    for person in [&bob, &boss] {
        let by_graphql = person.graphql(&document(&one.global_id()), json!({})).await;
        let by_rest = person
            .rest(Method::DELETE, &format!("/users/{}", other.id), Value::Null)
            .await;
        assert_eq!(graphql_refusal(&by_graphql, "userDelete"), rest_refusal(&by_rest));
    }
    for id in [one.id, other.id] {
        let query = "query($id: ID!) { user(id: $id) { id } }";
        let gone = boss.graphql(query, json!({ "id": global_id("User", id.into()) })).await;
        assert_eq!(gone.data()["user"], Value::Null);
    }
}
