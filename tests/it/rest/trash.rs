//! The trash and permanent deletion through REST.

use serde_json::{Value, json};

use super::{create_task, delete, expect_refusal, expect_status, get, patch, post, put, whole};
use crate::support::TestApp;

#[tokio::test]
async fn a_deleted_task_is_invisible_until_it_is_restored() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = create_task(
        &ann,
        json!({ "title": "T", "status": "done", "assignee_id": ann.id, "tags": ["a"] }),
    )
    .await;
    let path = format!("/api/v1/tasks/{}", created["id"]);
    let answer = delete(&ann, &path).await;
    assert_eq!(expect_status(answer, 204).text, "");

    let before = app.footprint().await;
    for answer in [
        get(&ann, &path).await,
        patch(&ann, &path, json!({ "title": "Other" })).await,
        put(&ann, &path, whole(json!({ "title": "Other" }))).await,
        delete(&ann, &path).await,
        post(&ann, &format!("{path}/assign"), json!({ "assignee_id": null })).await,
        post(&ann, &format!("{path}/transition"), json!({ "target_status": "todo" })).await,
        post(&ann, &format!("{path}/tags"), json!(["b"])).await,
        delete(&ann, &format!("{path}/tags/a")).await,
    ] {
        let message = format!("There is no task with the id {}", created["id"]);
        expect_refusal(&answer, (404, "NOT_FOUND", ""), &message);
    }
    assert_eq!(app.footprint().await, before);
    let list = get(&ann, "/api/v1/tasks").await;
    assert_eq!((list.at("/total"), list.at("/items")), (&json!(0), &json!([])));
    assert_eq!(get(&ann, "/api/v1/tasks/statistics").await.at("/total"), 0);

    let restored = expect_status(post(&ann, &format!("{path}/restore"), Value::Null).await, 200);
    let mut expected = created;
    expected["version"] = json!(3);
    assert_eq!(restored.body, expected, "a restored task is unchanged");
    assert_eq!(expect_status(get(&ann, &path).await, 200).body, expected);
    assert_eq!(get(&ann, "/api/v1/tasks").await.at("/total"), 1);
}

#[tokio::test]
async fn a_task_outside_of_the_trash_cannot_be_restored() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = create_task(&ann, json!({ "title": "T" })).await;
    let before = app.footprint().await;
    let answer = post(&ann, &format!("/api/v1/tasks/{}/restore", created["id"]), Value::Null).await;
    expect_refusal(&answer, (404, "NOT_FOUND", ""), "There is no task with the id");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_task_is_deleted_permanently_from_the_trash_or_directly() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for trashed in [true, false] {
        let created = create_task(&ann, json!({ "title": "T", "tags": ["a"] })).await;
        let path = format!("/api/v1/tasks/{}", created["id"]);
        if trashed {
            expect_status(delete(&ann, &path).await, 204);
        }
        let answer = delete(&ann, &format!("{path}/force")).await;
        assert_eq!(expect_status(answer, 204).text, "");
        for answer in [
            get(&ann, &path).await,
            post(&ann, &format!("{path}/restore"), Value::Null).await,
            delete(&ann, &format!("{path}/force")).await,
        ] {
            assert_eq!(answer.problem(), (404, "NOT_FOUND", ""));
        }
    }
    for table in ["tasks", "task_tags"] {
        let count = format!("SELECT COUNT(*) AS number FROM {table}");
        assert_eq!(app.database.number(&count).await, 0, "{table}");
    }
    let purged = "SELECT COUNT(*) AS number FROM task_events WHERE type = 'PURGED'";
    assert_eq!(app.database.number(purged).await, 2, "the log outlives the task");
}

#[tokio::test]
async fn an_assignee_and_an_administrator_may_delete_and_restore_too() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for person in [&bob, &boss] {
        let created = create_task(&ann, json!({ "title": "T", "assignee_id": bob.id })).await;
        let path = format!("/api/v1/tasks/{}", created["id"]);
        expect_status(delete(person, &path).await, 204);
        expect_status(post(person, &format!("{path}/restore"), Value::Null).await, 200);
        expect_status(delete(person, &format!("{path}/force")).await, 204);
    }
}
