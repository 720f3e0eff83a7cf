//! Assignment of tasks through REST.

use serde_json::{Value, json};

use super::{create_task_at, expect_refusal, expect_status, get, patch, post, put, whole};
use crate::support::TestApp;

#[tokio::test]
async fn a_task_is_assigned_and_unassigned() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let path = create_task_at(&ann, json!({ "title": "T" })).await;
    assert_eq!(get(&bob, &path).await.problem().0, 404);

    let assign = format!("{path}/assign");
    let answer = expect_status(post(&ann, &assign, json!({ "assignee_id": bob.id })).await, 200);
    assert_eq!(
        (answer.at("/assignee_id"), answer.at("/assignee"), answer.at("/version")),
        (
            &json!(bob.id),
            &json!({ "id": bob.id, "username": bob.name, "full_name": null }),
            &json!(2)
        )
    );
    assert_eq!(
        expect_status(get(&bob, &path).await, 200).at("/version"),
        answer.at("/version")
    );
    // Assigning the present assignee changes nothing.
    let again = expect_status(post(&ann, &assign, json!({ "assignee_id": bob.id })).await, 200);
    assert_eq!(again.at("/version"), 2);

    let answer = expect_status(post(&ann, &assign, json!({ "assignee_id": null })).await, 200);
    assert_eq!(
        (answer.at("/assignee_id"), answer.at("/assignee"), answer.at("/version")),
        (&Value::Null, &Value::Null, &json!(3))
    );
    assert_eq!(get(&bob, &path).await.problem().0, 404);
}

#[tokio::test]
async fn an_assignee_works_on_a_task_and_cannot_see_it_after_handing_it_back() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let path = create_task_at(&ann, json!({ "title": "T", "assignee_id": bob.id })).await;
    let answer = patch(&bob, &path, json!({ "title": "By Bob", "assignee_id": bob.id })).await;
    assert_eq!(expect_status(answer, 200).at("/title"), "By Bob");
    let answer = post(&bob, &format!("{path}/assign"), json!({ "assignee_id": null })).await;
    assert_eq!(expect_status(answer, 200).at("/assignee"), &Value::Null);
    assert_eq!(get(&bob, &path).await.problem().0, 404);
}

#[tokio::test]
async fn an_assignee_cannot_assign_others_by_any_route() {
    let app = TestApp::start().await;
    let (ann, bob, cat) = (app.member().await, app.member().await, app.member().await);
    let path = create_task_at(&ann, json!({ "title": "T", "assignee_id": bob.id })).await;
    let before = app.footprint().await;
    let change = json!({ "title": "Other", "assignee_id": cat.id });
    for answer in [
        post(&bob, &format!("{path}/assign"), json!({ "assignee_id": cat.id })).await,
        patch(&bob, &path, change.clone()).await,
        put(&bob, &path, whole(change)).await,
    ] {
        expect_refusal(
            &answer,
            (403, "FORBIDDEN", ""),
            "An assignee may only unassign themselves; the owner or an administrator assigns",
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_administrator_assigns_any_task() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let path = create_task_at(&ann, json!({ "title": "T" })).await;
    let answer = post(&boss, &format!("{path}/assign"), json!({ "assignee_id": bob.id })).await;
    let answer = expect_status(answer, 200);
    assert_eq!(
        (answer.at("/assignee_id"), answer.at("/owner_id")),
        (&json!(bob.id), &json!(ann.id))
    );
}

#[tokio::test]
async fn only_existing_active_users_can_be_assigned() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let path = create_task_at(&ann, json!({ "title": "T" })).await;
    let account = format!("/api/v1/users/{}", bob.id);
    expect_status(patch(&boss, &account, json!({ "is_active": false })).await, 200);
    let before = app.footprint().await;
    for id in [bob.id, 999_999, 0, -1] {
        let answer = post(&ann, &format!("{path}/assign"), json!({ "assignee_id": id })).await;
        let message = format!("there is no active user {id}");
        expect_refusal(&answer, (422, "INVALID", "assignee_id"), &message);
    }
    assert_eq!(app.footprint().await, before);
}
