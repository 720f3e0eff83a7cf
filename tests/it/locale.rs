//! A database whose locale has other pairs of capital and small letters.

use axum::http::Method;
use serde_json::json;

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_username_with_a_capital_i_signs_in_to_a_turkish_database() {
    if !is_postgres() {
        // SQLite has no locale.
        return;
    }
    let neighbour = TestDatabase::create_empty().await;
    let url = format!("{}_turkish", neighbour.url());
    let (_, name) = url.rsplit_once('/').unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'");
    neighbour.execute(&create).await;
    let app = TestApp::start_with(&[("DATABASE_URL", &url)]).await;
    app.app.domain().migrate_up(None).await.unwrap();
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
