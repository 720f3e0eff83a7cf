//! A database whose locale has another order, and other pairs of capital and small letters.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::{PASSWORD, TestApp};

/// A server with a Turkish database, where there is one.
async fn turkish() -> Option<TestApp> {
    let database = TestDatabase::create_turkish().await?;
    let app = TestApp::on(database, &[]).await;
    app.app.domain().migrate_up(None).await.unwrap();
    Some(app)
}

#[tokio::test]
async fn a_username_with_a_capital_i_signs_in_to_a_turkish_database() {
    let Some(app) = turkish().await else { return };
    let nobody = app.anonymous();
    let account = json!({ "email": "ian@example.com", "username": "IAN", "password": PASSWORD });
    let registered = nobody.rest(Method::POST, "/api/v1/auth/register", account).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    for name in ["IAN", "Ian", "ian@example.com", "IAN@EXAMPLE.COM"] {
        let login = json!({ "username": name, "password": PASSWORD });
        let answer = nobody.rest(Method::POST, "/api/v1/auth/login", login).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_names_of_files_are_sorted_as_on_sqlite() {
    let Some(app) = turkish().await else { return };
    let ann = app.member().await;
    for name in ["b.txt", "\u{e4}.txt", "a.txt", "B.txt", "a.txt"] {
        let stored = ann.posts_file("/api/v1/upload", name, b"text").await;
        assert_eq!(stored.status, 201, "{}", stored.text);
    }
    let names = ann.rest(Method::GET, "/api/v1/files", Value::Null).await;
    assert_eq!(
        names.body,
        json!({ "files": ["B.txt", "a.txt", "b.txt", "\u{e4}.txt"] })
    );
}
