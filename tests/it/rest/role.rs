//! Changes of accounts by administrators, and their limits.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{create_task, create_task_at, delete, expect_refusal, expect_status, get, patch, post};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::database::is_postgres;
use crate::support::person::Person;

const LAST_ADMIN: &str =
    "This is the last active administrator: give another account the role of an administrator first";

fn path_of(person: &Person<'_>) -> String {
    format!("/api/v1/users/{}", person.id)
}

#[tokio::test]
async fn only_administrators_change_roles_deactivate_or_delete() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    let only_admins = "Only an administrator may do this";
    for change in [
        json!({ "role": "admin" }),
        json!({ "is_active": false }),
        // The request is refused as a whole.
        json!({ "full_name": "Ann", "role": "admin" }),
    ] {
        let answer = patch(&ann, &path_of(&ann), change).await;
        expect_refusal(&answer, (403, "FORBIDDEN", ""), only_admins);
    }
    for other in [&bob, &boss] {
        let answer = patch(&ann, &path_of(other), json!({ "full_name": "Mine" })).await;
        let allowed = "Only the account's own user or an administrator may do this";
        expect_refusal(&answer, (403, "FORBIDDEN", ""), allowed);
        let answer = patch(&ann, &path_of(other), json!({ "role": "user" })).await;
        expect_refusal(&answer, (403, "FORBIDDEN", ""), only_admins);
    }
    for person in [&ann, &bob, &boss] {
        let answer = delete(&ann, &path_of(person)).await;
        expect_refusal(&answer, (403, "FORBIDDEN", ""), only_admins);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_administrator_changes_names_roles_and_activity_at_once() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    assert_eq!(get(&ann, "/api/v1/tasks/admin/all").await.problem().0, 403);
    let answer = patch(&boss, &path_of(&ann), json!({ "full_name": "Ann", "role": "admin" })).await;
    let answer = expect_status(answer, 200);
    assert_eq!(
        (answer.at("/full_name"), answer.at("/role")),
        (&json!("Ann"), &json!("admin"))
    );
    // It takes effect with the next request, also with existing tokens.
    expect_status(get(&ann, "/api/v1/tasks/admin/all").await, 200);
    expect_status(patch(&boss, &path_of(&ann), json!({ "role": "user" })).await, 200);
    assert_eq!(get(&ann, "/api/v1/tasks/admin/all").await.problem().0, 403);

    let answer = patch(&boss, &path_of(&ann), json!({ "is_active": false })).await;
    assert_eq!(expect_status(answer, 200).at("/is_active"), &json!(false));
    assert_eq!(get(&ann, "/api/v1/auth/me").await.problem().0, 401);
    assert_eq!(get(&boss, &path_of(&ann)).await.at("/is_active"), &json!(false));
    let answer = patch(&boss, &path_of(&ann), json!({ "is_active": true })).await;
    assert_eq!(expect_status(answer, 200).at("/is_active"), &json!(true));
}

#[tokio::test]
async fn the_last_active_administrator_stays() {
    let app = TestApp::start().await;
    let (boss, retired) = (app.admin().await, app.admin().await);
    // An inactive administrator does not count.
    expect_status(
        patch(&boss, &path_of(&retired), json!({ "is_active": false })).await,
        200,
    );
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for change in [
        json!({ "role": "user" }),
        json!({ "is_active": false }),
        json!({ "full_name": "Boss", "role": "user", "is_active": false }),
    ] {
        let answer = patch(&boss, &path_of(&boss), change).await;
        expect_refusal(&answer, (403, "FORBIDDEN", ""), LAST_ADMIN);
    }
    let answer = delete(&boss, &path_of(&boss)).await;
    expect_refusal(&answer, (403, "FORBIDDEN", ""), LAST_ADMIN);
    assert_eq!(app.footprint().await, before);
    assert_eq!(get(&boss, "/api/v1/auth/me").await.at("/role"), "admin");
    // Changes that keep an active administrator are allowed.
    let change = json!({ "role": "admin", "is_active": true, "full_name": "Boss" });
    expect_status(patch(&boss, &path_of(&boss), change).await, 200);
    expect_status(delete(&boss, &path_of(&retired)).await, 204);
}

#[tokio::test]
async fn an_administrator_may_leave_if_another_is_active() {
    let app = TestApp::start().await;
    for step in ["demote", "deactivate", "delete"] {
        let (boss, other) = (app.admin().await, app.admin().await);
        let answer = match step {
            "demote" => patch(&boss, &path_of(&boss), json!({ "role": "user" })).await,
            "deactivate" => patch(&boss, &path_of(&boss), json!({ "is_active": false })).await,
            _ => delete(&boss, &path_of(&boss)).await,
        };
        assert!(answer.status.is_success(), "{step}: {}", answer.text);
        let status = if step == "demote" { 403 } else { 401 };
        assert_eq!(
            get(&boss, "/api/v1/tasks/admin/all").await.problem().0,
            status,
            "{step}"
        );
        expect_status(get(&other, "/api/v1/tasks/admin/all").await, 200);
    }
}

/// Without an order of the locks, each would wait for the other.
#[tokio::test]
async fn of_two_administrators_who_demote_each_other_at_the_same_time_one_stays() {
    let app = TestApp::start().await;
    let (one, other) = (app.admin().await, app.admin().await);
    let (path_of_one, path_of_other) = (path_of(&one), path_of(&other));
    for _ in 0..5 {
        let (first, second) = tokio::join!(
            patch(&one, &path_of_other, json!({ "role": "user" })),
            patch(&other, &path_of_one, json!({ "role": "user" })),
        );
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{} {}", first.text, second.text);
        let (winner, loser) = if first.status == 200 {
            (&one, &path_of_other)
        } else {
            (&other, &path_of_one)
        };
        expect_status(patch(winner, loser, json!({ "role": "admin" })).await, 200);
    }
}

#[tokio::test]
async fn a_refused_deletion_waits_for_no_task_of_the_account() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "T" })).await;
    let connection = app.database.connect().await;
    let lock = connection.begin().await.unwrap();
    lock.execute_unprepared("UPDATE tasks SET title = title").await.unwrap();
    let refused = timeout(Duration::from_secs(5), delete(&ann, &path_of(&ann))).await;
    lock.rollback().await.unwrap();
    assert_eq!(refused.unwrap().problem(), (403, "FORBIDDEN", ""));
}

/// Sends two requests one after the other, each of which waits for a lock, while another transaction has locked a user.
async fn while_locked(
    app: &TestApp,
    user: &Person<'_>,
    first: impl Future<Output = Answer>,
    second: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    let connection = app.database.connect().await;
    let lock = connection.begin().await.unwrap();
    let row = format!("SELECT id FROM users WHERE id = {} FOR UPDATE", user.id);
    lock.execute_unprepared(&row).await.unwrap();
    let second = async {
        app.database.until_waiting(1).await;
        second.await
    };
    let release = async {
        app.database.until_waiting(2).await;
        lock.rollback().await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, release);
    (first, second)
}

#[tokio::test]
async fn a_user_is_deleted_while_a_task_of_the_user_changes() {
    if !is_postgres() {
        // SQLite has one writer at a time.
        return;
    }
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let task = create_task_at(&ann, json!({ "title": "Ann's", "assignee_id": bob.id })).await;
    let path = format!("{}?transfer_to={}", path_of(&ann), bob.id);
    // The owner is notified of the change.
    let change = patch(&bob, &task, json!({ "status": "in_progress" }));
    let (deleted, changed) = Box::pin(while_locked(&app, &ann, delete(&boss, &path), change)).await;
    expect_status(deleted, 204);
    expect_status(changed, 200);
    let task = get(&bob, &task).await;
    assert_eq!(
        (task.at("/owner_id"), task.at("/status")),
        (&json!(bob.id), &json!("in_progress"))
    );
}

#[tokio::test]
async fn a_user_is_deleted_while_an_administrator_assigns_a_new_task_to_the_user() {
    if !is_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let (boss, chief, ann) = (app.admin().await, app.admin().await, app.member().await);
    let task = json!({ "title": "Chief's", "assignee_id": ann.id });
    let create = post(&chief, "/api/v1/tasks", task);
    let (created, deleted) = Box::pin(while_locked(&app, &ann, create, delete(&boss, &path_of(&ann)))).await;
    let created = expect_status(created, 201);
    expect_status(deleted, 204);
    let task = get(&chief, created.header("location")).await;
    assert_eq!(
        (task.at("/assignee_id"), task.at("/version")),
        (&Value::Null, &json!(2))
    );
}

#[tokio::test]
async fn a_deleted_users_tasks_are_deleted_and_others_are_unassigned() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let owned = create_task(&ann, json!({ "title": "Ann's", "assignee_id": bob.id })).await;
    let assigned = create_task(&bob, json!({ "title": "Bob's", "assignee_id": ann.id })).await;
    let answer = delete(&boss, &path_of(&ann)).await;
    assert_eq!(expect_status(answer, 204).text, "");
    assert_eq!(get(&boss, &path_of(&ann)).await.problem(), (404, "NOT_FOUND", ""));
    assert_eq!(get(&ann, "/api/v1/auth/me").await.problem().0, 401);
    assert_eq!(
        get(&boss, &format!("/api/v1/tasks/{}", owned["id"])).await.problem().0,
        404
    );
    let left = get(&bob, &format!("/api/v1/tasks/{}", assigned["id"])).await;
    assert_eq!(
        (left.at("/assignee_id"), left.at("/assignee"), left.at("/version")),
        (&Value::Null, &Value::Null, &json!(2))
    );
}

#[tokio::test]
async fn a_deleted_users_tasks_are_transferred_on_request() {
    let app = TestApp::start().await;
    let (boss, ann, bob) = (app.admin().await, app.member().await, app.member().await);
    let owned = create_task(&ann, json!({ "title": "Ann's", "assignee_id": ann.id })).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for heir in [ann.id, 999_999, 0] {
        let answer = delete(&boss, &format!("{}?transfer_to={heir}", path_of(&ann))).await;
        let allowed = format!("there is no other active user {heir}");
        expect_refusal(&answer, (422, "INVALID", "transfer_to"), &allowed);
    }
    assert_eq!(app.footprint().await, before);
    let answer = delete(&boss, &format!("{}?transfer_to={}", path_of(&ann), bob.id)).await;
    expect_status(answer, 204);
    let task = expect_status(get(&bob, &format!("/api/v1/tasks/{}", owned["id"])).await, 200);
    assert_eq!(
        (
            task.at("/owner_id"),
            task.at("/owner/username"),
            task.at("/assignee_id")
        ),
        (&json!(bob.id), &json!(bob.name), &Value::Null)
    );
}
