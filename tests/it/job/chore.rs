//! Recurring cleanup jobs.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

async fn trashes(person: &Person<'_>, task: i64) {
    let answer = person
        .rest(Method::DELETE, &format!("/tasks/{task}"), Value::Null)
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
}

#[tokio::test]
async fn a_task_is_purged_after_thirty_days_in_the_trash_with_an_event_and_without_its_files() {
    let app = TestApp::start_with(&[("TRASH_RETENTION_DAYS", "30")]).await;
    let ann = app.member().await;
    let old = ann.creates_task(json!({ "title": "Old" })).await;
    ann.keeps(Some(old), "a.txt", b"text").await;
    let restored = ann.creates_task(json!({ "title": "Restored" })).await;
    let kept = ann.creates_task(json!({ "title": "Kept" })).await;
    let young = ann.creates_task(json!({ "title": "Young" })).await;
    trashes(&ann, old).await;
    trashes(&ann, restored).await;
    let restore = format!("/tasks/{restored}/restore");
    ann.rest(Method::POST, &restore, Value::Null).await;
    app.advance(TimeDelta::minutes(1));
    trashes(&ann, young).await;
    app.run_until_idle().await;
    app.advance(TimeDelta::days(30) - TimeDelta::minutes(2));
    app.run_until_idle().await;
    assert_eq!((app.count("tasks").await, app.stored_files().len()), (4, 1));
    app.advance(TimeDelta::minutes(1));
    // The cleanup runs once an hour.
    app.run_until_idle().await;
    app.database
        .execute("UPDATE jobs SET run_at = '2026-01-01 00:00:00+00:00' WHERE kind = 'purge_trash'")
        .await;
    app.run_until_idle().await;
    assert_eq!((app.count("tasks").await, app.stored_files().len()), (3, 0));
    let event = app.events(old).await.pop().unwrap();
    assert_eq!(
        (event.kind.as_str(), event.actor_id, event.audience),
        ("PURGED", None, json!([ann.id]))
    );
    for task in [restored, kept, young] {
        assert_ne!(app.events(task).await.pop().unwrap().kind, "PURGED");
    }
    // The job for a second attempt to remove the files is deleted too.
    assert_eq!(app.jobs("remove_files").await, []);
}

#[tokio::test]
async fn files_of_a_purged_task_that_cannot_be_removed_are_tried_again() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    ann.keeps(Some(task), "a.txt", b"text").await;
    let path = app.stored_files().pop().unwrap();
    // A directory that is not empty replaces the file.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let inside = Path::new(&path).join("something");
    File::create(&inside).unwrap();
    let answer = ann
        .rest(Method::DELETE, &format!("/tasks/{task}/force"), Value::Null)
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    app.advance(TimeDelta::minutes(2));
    app.run_until_idle().await;
    let job = &app.jobs("remove_files").await[0];
    assert!(
        job.attempts == 1 && job.last_error.is_some() && job.finished_at.is_none(),
        "{job:?}"
    );
    std::fs::remove_file(inside).unwrap();
    std::fs::remove_dir(&path).unwrap();
    File::create(&path).unwrap();
    app.advance(TimeDelta::minutes(1));
    app.run_until_idle().await;
    assert_eq!(app.stored_files(), [""; 0]);
    assert!(app.jobs("remove_files").await[0].finished_at.is_some());
}

/// Puts a file into the storage without a row, with this time of the last change.
fn leaves(app: &TestApp, path: &str, moment: DateTime<Utc>) {
    let path = app.files().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let since_epoch = Duration::from_secs(u64::try_from(moment.timestamp()).unwrap());
    File::create(path)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + since_epoch)
        .unwrap();
}

#[tokio::test]
async fn only_old_orphaned_files_are_removed() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "10080")]).await;
    let ann = app.member().await;
    app.run_until_idle().await;
    let now = app.app.domain().clock().now() + TimeDelta::days(1);
    let (old, young) = (now - TimeDelta::minutes(61), now - TimeDelta::minutes(59));
    let orphans = [
        "ab/ab00000000000000000000000000000a",
        // An incomplete upload, because its server died.
        "ab/ab00000000000000000000000000000c#1",
    ];
    let others = [
        ("ab/ab00000000000000000000000000000b", young),
        ("ab/ab00000000000000000000000000000d#1", young),
        // Not a file of the server.
        ("notes.txt", old),
        ("ab/notes.txt", old),
        ("cd/ab00000000000000000000000000000a", old),
        ("ab/deep/ab00000000000000000000000000000a", old),
    ];
    for orphan in orphans {
        leaves(&app, orphan, old);
    }
    for (other, moment) in others {
        leaves(&app, other, moment);
    }
    // A database without any attachments may be the wrong one, so nothing is removed.
    app.advance(TimeDelta::days(1));
    app.run_until_idle().await;
    assert_eq!(app.stored_files().len(), 8);
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let kept = ann.keeps(Some(task), "a.txt", b"text").await;
    trashes(&ann, task).await;
    app.database
        .execute("UPDATE jobs SET run_at = '2026-01-01 00:00:00+00:00' WHERE kind = 'remove_orphans'")
        .await;
    app.run_until_idle().await;
    let left = app.stored_files();
    assert_eq!(left.len(), 7, "{left:?}");
    for orphan in orphans {
        assert!(
            !left.contains(&app.files().join(orphan).display().to_string()),
            "{orphan}"
        );
    }
    ann.rest(Method::POST, &format!("/tasks/{task}/restore"), Value::Null)
        .await;
    let url = format!("/files/{}", kept["databaseId"]);
    assert_eq!(ann.rest(Method::GET, &url, Value::Null).await.text, "text");
}

#[tokio::test]
async fn expired_sessions_are_deleted_and_an_active_one_keeps_its_start() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let refresh = "mutation($token: String!) { refresh(refreshToken: $token) { accessToken refreshToken } }";
    let sessions = "{ sessions { id createdAt } }";
    let before = ann.graphql(sessions, json!({})).await.data()["sessions"].clone();
    let mut refresh_token = ann.refresh_token.clone();
    let mut access_token = String::new();
    for _ in 0..4 {
        app.advance(TimeDelta::days(3));
        let answer = app
            .anonymous()
            .graphql(refresh, json!({ "token": refresh_token }))
            .await;
        refresh_token = answer.data()["refresh"]["refreshToken"].as_str().unwrap().to_owned();
        access_token = answer.data()["refresh"]["accessToken"].as_str().unwrap().to_owned();
    }
    assert_eq!(app.count("sessions").await, 6);
    app.run_until_idle().await;
    // Bob's session has expired, and so has Ann's second of five tokens. Her first one is kept: it has the session's start.
    assert_eq!(app.count("sessions").await, 4);
    assert_eq!(app.count(&format!("sessions WHERE user_id = {}", bob.id)).await, 0);
    let ann = ann.with_token(&app, &access_token);
    assert_eq!(ann.graphql(sessions, json!({})).await.data()["sessions"], before);
    // Reuse of a spent token still ends the session.
    ann.graphql("mutation { logout { userErrors { code } } }", json!({}))
        .await
        .data();
    app.advance(TimeDelta::hours(1));
    app.run_until_idle().await;
    assert_eq!(app.count("sessions").await, 0);
}

#[tokio::test]
async fn idempotency_keys_and_old_events_are_deleted() {
    let app = TestApp::start_with(&[("EVENT_RETENTION_DAYS", "10")]).await;
    let ann = app.member().await;
    let create = json!({ "query": "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }" });
    let request = ann
        .request(Method::POST, "/graphql")
        .header("content-type", "application/json")
        .header("idempotency-key", "once");
    ann.send(request.body(create.to_string().into()).unwrap()).await.data();
    app.advance(TimeDelta::hours(23));
    app.run_until_idle().await;
    assert_eq!(
        (app.count("idempotency_keys").await, app.count("task_events").await),
        (1, 1)
    );
    app.advance(TimeDelta::hours(2));
    app.run_until_idle().await;
    assert_eq!(
        (app.count("idempotency_keys").await, app.count("task_events").await),
        (0, 1)
    );
    app.advance(TimeDelta::days(10));
    app.run_until_idle().await;
    assert_eq!(app.count("task_events").await, 0);
}

#[tokio::test]
async fn the_files_of_a_deleted_account_are_removed() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    ann.keeps(None, "own.txt", b"own").await;
    let delete = "mutation($id: ID!) { userDelete(id: $id) { userErrors { code } } }";
    let id = global_id("User", i64::from(ann.id));
    boss.graphql(delete, json!({ "id": id })).await.data();
    assert_eq!(app.stored_files(), [""; 0]);
    assert_eq!(app.jobs("remove_files").await, []);
}
