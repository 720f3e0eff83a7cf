//! Files: quotas, names, and permissions of the database files.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::person::Person;
use crate::support::process::Sandbox;

async fn keep(person: &Person<'_>, filename: &str, bytes: usize) -> Answer {
    person.posts_file("/api/v1/upload", filename, &vec![b'x'; bytes]).await
}

async fn stored(app: &TestApp) -> i64 {
    let sum = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS number FROM attachments";
    app.database.number(sum).await
}

#[tokio::test]
async fn a_user_cannot_exceed_the_quota_by_concurrent_uploads() {
    let app = TestApp::start_with(&[("UPLOAD_QUOTA_PER_USER_BYTES", "10000")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .graphql(
            "mutation { taskCreate(input: { title: \"T\" }) { task { databaseId } } }",
            json!({}),
        )
        .await;
    let task = task.data()["taskCreate"]["task"]["databaseId"].as_i64();
    let answers = join_all((0..8).map(async |number| {
        let name = format!("{number}.txt");
        if number % 2 == 0 {
            keep(&ann, &name, 3_000).await.status == StatusCode::CREATED
        } else {
            let answer = ann.uploads(task, &name, &[b'x'; 3_000]).await;
            answer.data()["attachmentUpload"]["attachment"].is_object()
        }
    }))
    .await;
    assert_eq!(answers.iter().filter(|was_stored| **was_stored).count(), 3);
    assert_eq!(stored(&app).await, 9_000);
    app.expect_stored_files(3).await;

    let refused = keep(&ann, "more.txt", 1_001).await;
    assert_eq!(refused.problem(), (507, "QUOTA_EXCEEDED", "file"));
    assert!(
        refused
            .text
            .contains("the file has 1001 bytes, and you have 9000 of 10000 bytes in use"),
        "{}",
        refused.text
    );
    let refused = ann.uploads(task, "more.txt", &[b'x'; 1_001]).await;
    let error = &refused.data()["attachmentUpload"]["userErrors"][0];
    assert_eq!(error["code"], "QUOTA_EXCEEDED");
    // Each user has their own quota, and deleted files do not count.
    assert_eq!(keep(&bob, "b.txt", 10_000).await.status, 201);
    assert_eq!(keep(&bob, "c.txt", 1).await.status, 507);
    let delete = bob.request(Method::DELETE, "/api/v1/delete/b.txt");
    let deleted = bob.send(delete.body(Body::empty()).unwrap()).await;
    assert!(deleted.status.is_success(), "{}", deleted.text);
    assert_eq!(keep(&bob, "c.txt", 10_000).await.status, 201);
}

#[tokio::test]
async fn all_users_together_cannot_exceed_the_quota_of_the_server() {
    let app = TestApp::start_with(&[("UPLOAD_QUOTA_BYTES", "10000"), ("UPLOAD_QUOTA_PER_USER_BYTES", "0")]).await;
    let people = [app.member().await, app.member().await, app.member().await];
    let answers = join_all(people.iter().map(|person| keep(person, "a.txt", 4_000))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 507).collect();
    let [refused] = refused.as_slice() else {
        panic!("{answers:?}");
    };
    assert!(
        refused.text.contains("this server has 8000 of 10000 bytes in use"),
        "{}",
        refused.text
    );
    assert_eq!(stored(&app).await, 8_000);
    app.expect_stored_files(2).await;
}

#[tokio::test]
async fn a_name_that_decodes_to_a_path_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for name in [
        "..%2f..%2fetc%2fpasswd.txt",
        "a%2Fb.txt",
        "a%5Cb.txt",
        "a\u{1}b.txt",
        "a\u{7f}b.txt",
    ] {
        let refused = keep(&ann, name, 3).await;
        // A form with control characters in its headers is malformed as a whole.
        let expected = if name.contains(char::is_control) { 400 } else { 422 };
        assert_eq!(refused.status, expected, "{name}: {}", refused.text);
    }
    app.expect_stored_files(0).await;
}

/// PostgreSQL cannot store U+0000 in text.
#[tokio::test]
async fn a_name_with_a_nul_is_not_found() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (method, path) in [
        (Method::GET, "/api/v1/download/a%00b.txt"),
        (Method::DELETE, "/api/v1/delete/a%00b.txt"),
        (Method::GET, "/download/%00"),
    ] {
        let request = ann.request(method, path).body(Body::empty());
        let answer = ann.send(request.unwrap()).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn only_the_user_who_runs_the_server_can_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;

    if is_postgres() {
        return;
    }
    let database = TestDatabase::create_empty().await;
    let path = database.url().trim_start_matches("sqlite:").to_owned();
    let server = Sandbox::over(&database).serve().await;
    server.registers("ann@example.com", crate::support::PASSWORD).await;
    for file in [path.clone(), format!("{path}-wal"), format!("{path}-shm")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
