//! File contents through the domain API: reads, ranges, and removal after failed uploads.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use taskwire::domain::actor::{Actor, Role, SignedIn};
use taskwire::domain::attachment::{Attachment, Attachments};
use taskwire::domain::error::{Code, Error};
use taskwire::domain::id::{AttachmentId, SessionId, TaskId, UserId};
use taskwire::domain::local_time::DEFAULT_TIME_ZONE;
use tokio::sync::oneshot;

use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::process::until;

const CONTENT: &[u8] = b"0123456789";

fn actor(person: &Person<'_>) -> Actor {
    Actor::User(SignedIn {
        id: UserId(person.id),
        role: Role::User,
        session: SessionId(1),
        time_zone: DEFAULT_TIME_ZONE,
        users: None,
    })
}

fn files(app: &TestApp) -> Attachments<'_> {
    app.app.domain().attachments()
}

async fn keep(app: &TestApp, person: &Person<'_>) -> Attachment {
    let content = stream::iter(CONTENT.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))));
    files(app).upload(&actor(person), None, "a.txt", content).await.unwrap()
}

async fn nothing_is_left(app: &TestApp) {
    app.expect_stored_files(0).await;
    let rows = "SELECT COUNT(*) AS number FROM attachments WHERE task_id IS NULL";
    assert_eq!(app.database.number(rows).await, 0);
}

#[tokio::test]
async fn a_file_is_read_whole_or_in_part_by_users_who_can_see_it() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let file = keep(&app, &ann).await;
    for (range, expected) in [(0..10, CONTENT), (0..1, &CONTENT[..1]), (7..10, &CONTENT[7..])] {
        let found = files(&app).get(&actor(&ann), file.id).await.unwrap();
        assert_eq!(found.attachment, file);
        let bytes = found.read(range).await.unwrap();
        let pieces: Vec<Bytes> = bytes.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), expected);
    }
    for range in [5..5, 9..11, 10..11, 0..u64::MAX] {
        let found = files(&app).get(&actor(&ann), file.id).await.unwrap();
        let refused = found.read(range).await;
        assert_eq!(refused.err().unwrap().code(), Code::BadUserInput);
    }
    for (actor, id) in [(actor(&eve), file.id), (actor(&ann), AttachmentId(999))] {
        let refused = files(&app).get(&actor, id).await;
        assert_eq!(refused.err().unwrap().code(), Code::NotFound);
    }
    // A row without its bytes is a server error.
    for path in app.stored_files() {
        std::fs::remove_file(path).unwrap();
    }
    let found = files(&app).get(&actor(&ann), file.id).await.unwrap();
    let failed = found.read(0..10).await;
    assert_eq!(failed.err().unwrap().code(), Code::Internal);
}

#[tokio::test]
async fn an_interrupted_upload_is_removed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let begin = || stream::iter([Ok(Bytes::from(vec![b'x'; 1024 * 1024]))]);
    let error = || Error::BadInput {
        field: "file",
        message: "the connection broke".to_owned(),
    };
    let broken = begin().chain(stream::iter([Err(error())]));
    let refused = files(&app).upload(&actor(&ann), None, "a.txt", broken).await;
    assert_eq!(refused.unwrap_err().to_string(), "the connection broke");
    nothing_is_left(&app).await;
    // Cancels the upload during the content and at any time after it.
    let stalled = begin().chain(stream::pending());
    let who = actor(&ann);
    let upload = files(&app).upload(&who, None, "a.txt", stalled);
    let waited = tokio::time::timeout(Duration::from_millis(100), upload).await;
    assert!(waited.is_err());
    nothing_is_left(&app).await;
    for moment in 0..40 {
        let upload = files(&app).upload(&who, None, "a.txt", begin());
        // The file is complete or removed: never a row without bytes, or bytes without a row.
        drop(tokio::time::timeout(Duration::from_micros(moment * 250), upload).await);
        until("rows and objects to agree", async || {
            let rows = app.database.number("SELECT COUNT(*) AS number FROM attachments").await;
            (usize::try_from(rows).unwrap() == app.stored_files().len()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_whose_row_cannot_be_written_is_removed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    app.database
        .execute("ALTER TABLE attachments RENAME COLUMN sha256 TO digest")
        .await;
    let answer = ann.uploads(None, "a.txt", CONTENT).await;
    assert_eq!(answer.error_code(), "INTERNAL");
    app.database
        .execute("ALTER TABLE attachments RENAME COLUMN digest TO sha256")
        .await;
    nothing_is_left(&app).await;
    ann.keeps(Some(task), "a.txt", CONTENT).await;
}

#[tokio::test]
async fn a_file_of_an_account_that_ends_during_the_upload_is_refused_and_removed() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    for (is_for_task, method, change) in [
        (false, Method::DELETE, Value::Null),
        (false, Method::PATCH, json!({ "is_active": false })),
        (true, Method::PATCH, json!({ "is_active": false })),
    ] {
        let bob = app.member().await;
        let task = ann
            .creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
            .await;
        let task = is_for_task.then(|| TaskId(i32::try_from(task).unwrap()));
        let (sender, receiver) = oneshot::channel::<Bytes>();
        let content = stream::once(async move { Ok::<_, Error>(receiver.await.unwrap()) });
        let who = actor(&bob);
        let ending = async {
            let ended = boss.rest(method, &format!("/api/v1/users/{}", bob.id), change).await;
            assert!(ended.status.is_success(), "{}", ended.text);
            sender.send(Bytes::from_static(CONTENT)).unwrap();
        };
        let upload = files(&app).upload(&who, task, "a.txt", content);
        let (refused, ()) = tokio::join!(upload, ending);
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
        nothing_is_left(&app).await;
        let rows = "SELECT COUNT(*) AS number FROM attachments";
        assert_eq!(app.database.number(rows).await, 0);
    }
}

#[tokio::test]
async fn a_storage_that_fails_leaves_no_row() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    std::fs::write(app.files().join("in-the-way"), "").unwrap();
    let settings = [(
        "UPLOAD_DIR",
        app.files().join("in-the-way/uploads").display().to_string(),
    )];
    let broken = TestApp::start_with(&[(settings[0].0, settings[0].1.as_str())]).await;
    let bob = broken.member().await;
    let before = broken.footprint().await;
    let answer = bob.uploads(None, "a.txt", CONTENT).await;
    assert_eq!(answer.error_code(), "INTERNAL");
    assert!(!answer.text.contains("in-the-way"), "{}", answer.text);
    assert_eq!(broken.footprint().await, before);
    ann.keeps(None, "a.txt", CONTENT).await;
}

/// The tasks of a deleted user can be more than SQLite binds values in a statement.
#[tokio::test]
async fn files_of_any_number_of_tasks_are_found_at_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    ann.keeps(Some(task), "a.txt", CONTENT).await;
    let ids: Vec<TaskId> = (1..=40_000).map(TaskId).collect();
    let found = files(&app).of_tasks(&actor(&ann), &ids).await.unwrap();
    let names: Vec<(i64, &str)> = found
        .iter()
        .flat_map(|(task, files)| files.iter().map(|file| (i64::from(task.0), file.filename.as_str())))
        .collect();
    assert_eq!(names, [(task, "a.txt")]);
}
