//! Users through REST: visibility and changes.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{expect_refusal, expect_status, get, patch};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

fn path_of(person: &Person<'_>) -> String {
    format!("/api/v1/users/{}", person.id)
}

/// The fields that all signed-in users see.
fn name_of(person: &Person<'_>) -> Value {
    json!({ "id": person.id, "username": person.name, "full_name": null })
}

/// The fields that the user and administrators see.
fn account_of(person: &Person<'_>, role: &str) -> Value {
    json!({ "id": person.id, "username": person.name, "full_name": null,
        "email": format!("{}@example.com", person.name), "email_verified": true, "time_zone": "UTC", "role": role, "is_active": true,
        "created_at": "2026-01-15T12:00:00Z", "updated_at": "2026-01-15T12:00:00Z" })
}

#[tokio::test]
async fn signed_in_users_see_names_and_only_the_user_and_admins_see_the_account() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for (person, expected) in [
        (&ann, account_of(&ann, "user")),
        (&boss, account_of(&ann, "user")),
        (&bob, name_of(&ann)),
    ] {
        let answer = expect_status(get(person, &path_of(&ann)).await, 200);
        assert_eq!(answer.body, expected, "as {} sees it", person.name);
    }
    assert_eq!(get(&ann, &path_of(&boss)).await.body, name_of(&boss));
    assert_eq!(get(&boss, "/api/v1/auth/me").await.body, account_of(&boss, "admin"));
    assert_eq!(get(&ann, "/api/v1/auth/me").await.body, account_of(&ann, "user"));
}

#[tokio::test]
async fn administrators_list_accounts() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let accounts = [
        account_of(&boss, "admin"),
        account_of(&ann, "user"),
        account_of(&bob, "user"),
    ];
    let answer = expect_status(get(&boss, "/api/v1/users").await, 200);
    assert_eq!(
        answer.body,
        json!({ "items": accounts, "total": 3, "page": 1, "per_page": 50, "pages": 1, "skip": 0, "limit": 50,
            "next_cursor": null, "pagination": { "page": 1, "per_page": 50, "total_items": 3, "total_pages": 1,
            "has_next": false, "has_prev": false } })
    );
    for (query, from, to, more) in [
        ("limit=2", 0, 2, true),
        ("skip=1&limit=1", 1, 2, true),
        ("page=2&per_page=2", 2, 3, false),
        ("skip=9", 3, 3, false),
    ] {
        let part = expect_status(get(&boss, &format!("/users/?{query}")).await, 200);
        assert_eq!(part.at("/items"), &json!(accounts[from..to]), "{query}");
        assert_eq!(
            (part.at("/total"), part.at("/next_cursor").is_string()),
            (&json!(3), more),
            "{query}"
        );
    }
    let first = get(&boss, "/api/v1/users?limit=2").await;
    let cursor = first.at("/next_cursor").as_str().unwrap();
    let second = get(&boss, &format!("/api/v1/users?limit=2&cursor={cursor}")).await;
    assert_eq!(second.at("/items"), &json!([accounts[2]]));
    assert_eq!(second.at("/next_cursor"), &Value::Null);
}

#[tokio::test]
async fn members_list_names_and_their_own_account() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let answer = expect_status(get(&ann, "/api/v1/users").await, 200);
    assert_eq!(
        answer.at("/items"),
        &json!([name_of(&boss), account_of(&ann, "user"), name_of(&bob)])
    );
    assert_eq!(answer.at("/total"), 3);
    for hidden in ["password", "argon2", &format!("{}@example.com", bob.name)] {
        assert!(!answer.text.contains(hidden), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_update_of_names_distinguishes_absent_null_and_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    app.advance(TimeDelta::minutes(1));
    let names = async |change: Value| {
        let user = expect_status(patch(&ann, &path_of(&ann), change).await, 200).body;
        json!([user["username"], user["full_name"], user["email"]])
    };
    let email = format!("{}@example.com", ann.name);
    let before = app.footprint().await;
    for nothing in [
        json!({}),
        json!({ "email": email, "username": ann.name, "full_name": null }),
    ] {
        assert_eq!(names(nothing).await, json!([ann.name, null, email]));
    }
    assert_eq!(app.footprint().await, before, "nothing was written");
    assert_eq!(
        names(json!({ "full_name": " Ann Example " })).await,
        json!([ann.name, "Ann Example", email])
    );
    assert_eq!(
        names(json!({ "username": "Ann.1", "email": "NEW@example.com", "current_password": PASSWORD })).await,
        json!(["Ann.1", "Ann Example", "new@example.com"])
    );
    assert_eq!(
        names(json!({})).await,
        json!(["Ann.1", "Ann Example", "new@example.com"])
    );
    assert_eq!(
        names(json!({ "full_name": null, "username": null })).await,
        json!([null, null, "new@example.com"])
    );
    let me = get(&ann, "/api/v1/auth/me").await;
    assert_eq!(
        (me.at("/email"), me.at("/created_at"), me.at("/updated_at")),
        (
            &json!("new@example.com"),
            &json!("2026-01-15T12:00:00Z"),
            &json!("2026-01-15T12:01:00Z")
        )
    );
}

#[tokio::test]
async fn an_unacceptable_change_writes_nothing() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    let address = "is not an address such as name@example.com";
    for (change, refusal, allowed) in [
        (
            json!({ "email": null }),
            (422, "INVALID", "email"),
            "email cannot be null",
        ),
        (json!({ "email": "nobody" }), (422, "INVALID", "email"), address),
        (json!({ "username": "a" }), (422, "INVALID", "username"), "3 to 50"),
        (
            json!({ "full_name": "x".repeat(256) }),
            (422, "INVALID", "full_name"),
            "1 to 255 are allowed",
        ),
        (
            json!({ "full_name": "Ann", "username": bob.name.to_uppercase() }),
            (409, "TAKEN", "username"),
            "already taken",
        ),
        (
            json!({ "full_name": "Ann", "email": format!("{}@EXAMPLE.com", bob.name) }),
            (409, "TAKEN", "email"),
            "already taken",
        ),
        (json!({ "role": null }), (422, "INVALID", "role"), "role cannot be null"),
        (
            json!({ "role": "owner" }),
            (422, "INVALID", "role"),
            "'owner' is not allowed; use one of user, admin",
        ),
        (
            json!({ "is_active": "no" }),
            (422, "INVALID", "is_active"),
            "expected a boolean",
        ),
        (json!({ "id": 1 }), (422, "INVALID", "id"), "unknown field `id`"),
        (
            json!({ "password": "Different456" }),
            (422, "INVALID", "password"),
            "unknown field `password`",
        ),
    ] {
        let answer: Answer = patch(&boss, &path_of(&ann), change).await;
        expect_refusal(&answer, refusal, allowed);
    }
    assert_eq!(app.footprint().await, before);
    assert_eq!(get(&boss, &path_of(&ann)).await.body, account_of(&ann, "user"));
}

#[tokio::test]
async fn an_empty_full_name_is_stored_as_null() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for empty in ["", "  "] {
        expect_status(patch(&ann, &path_of(&ann), json!({ "full_name": "Ann" })).await, 200);
        let answer = expect_status(patch(&ann, &path_of(&ann), json!({ "full_name": empty })).await, 200);
        assert_eq!(answer.at("/full_name"), &Value::Null);
        assert_eq!(get(&ann, "/users/me").await.body, answer.body);
    }
    let account = json!({ "email": "bob@example.com", "password": PASSWORD, "full_name": "" });
    let answer = super::post(&app.anonymous(), "/auth/register", account).await;
    assert_eq!(expect_status(answer, 201).at("/full_name"), &Value::Null);
}
