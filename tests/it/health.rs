//! How the server says whether it is well: to probes, to monitors and to people.

use axum::http::Method;
use serde_json::{Value, json};
use taskwire::app::App;
use taskwire::domain::Surroundings;

use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::person::Person;
use crate::support::process::until;
use crate::support::redis::{PASSWORD, RedisServer};
use crate::support::{TestApp, config};

const DETAILED: [&str; 3] = ["/health/detailed", "/monitoring/health", "/ops/health"];

async fn get(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::GET, path, Value::Null).await
}

/// How each part stands.
fn statuses(answer: &Answer) -> Value {
    let checks = answer.at("/checks").as_object().unwrap();
    checks
        .iter()
        .map(|(name, check)| {
            assert!(
                check["latency_ms"].as_f64().is_some_and(|ms| ms >= 0.0),
                "{}",
                answer.text
            );
            (name.clone(), check["status"].clone())
        })
        .collect()
}

#[tokio::test]
async fn every_part_is_told_with_how_long_it_took_under_every_name() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for path in DETAILED {
        for path in [path.to_owned(), format!("{path}/"), format!("/api/v1{path}")] {
            let answer = get(&nobody, &path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.at("/status")),
                (200, &json!("healthy")),
                "{path}"
            );
            let expected = json!({
                "database": "healthy", "migrations": "healthy", "redis": "disabled", "storage": "healthy", "live": "healthy",
            });
            assert_eq!(statuses(&answer), expected, "{path}");
            assert_eq!(answer.at("/checks/migrations/pending"), 0);
        }
    }
    for path in [
        "/health/",
        "/api/v1/health",
        "/livez/",
        "/readyz/",
        "/metrics/",
        "/ops/metrics",
        "/monitoring/metrics/",
    ] {
        assert_eq!(get(&nobody, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_redis_that_is_away_degrades_and_does_not_fail() {
    let mut redis = RedisServer::start().await;
    let app = TestApp::start_with(&[("REDIS_URL", &redis.url())]).await;
    let nobody = app.anonymous();
    assert_eq!(statuses(&get(&nobody, "/ops/health").await)["redis"], "healthy");
    redis.kill();
    let answer = get(&nobody, "/ops/health").await;
    assert_eq!(
        (answer.status.as_u16(), answer.at("/status")),
        (200, &json!("degraded"))
    );
    assert_eq!(statuses(&answer)["redis"], "degraded");
    assert_eq!(get(&nobody, "/readyz").await.status, 200);
    // Nothing leads to what the server stands on.
    for secret in [
        PASSWORD,
        "127.0.0.1",
        "redis://",
        app.database.url(),
        app.files().to_str().unwrap(),
    ] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    redis.run().await;
    until("Redis to be well again", async || {
        (get(&nobody, "/ops/health").await.at("/status") == "healthy").then_some(())
    })
    .await;
}

#[tokio::test]
async fn pending_migrations_and_a_database_that_is_away_keep_requests_out_and_the_process_alive() {
    let database = TestDatabase::create_empty().await;
    let app = App::open(config(&database, &[]), Surroundings::default())
        .await
        .unwrap();
    let ask = async |path: &str| {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(app.router(), request).await.unwrap();
        Answer::read(answer).await
    };
    for path in ["/readyz", "/health"] {
        let answer = ask(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.at("/reason")),
            (503, &json!("migrations are pending"))
        );
    }
    let answer = ask("/health/detailed").await;
    assert_eq!(
        (answer.status.as_u16(), answer.at("/status")),
        (503, &json!("unhealthy"))
    );
    assert_eq!(statuses(&answer)["migrations"], "unhealthy");
    assert_eq!(statuses(&answer)["database"], "healthy");
    app.prepare().await.unwrap();
    assert_eq!(ask("/readyz").await.status, 200);
    assert_eq!(ask("/ops/health").await.status, 200);

    app.domain().clone().close().await.unwrap();
    let before = app.domain().statements();
    assert_eq!(ask("/livez").await.status, 200);
    assert_eq!(app.domain().statements(), before, "liveness asks nobody");
    assert_eq!(ask("/readyz").await.status, 503);
    let answer = ask("/health/detailed").await;
    assert_eq!(
        (answer.status.as_u16(), statuses(&answer)["database"].as_str()),
        (503, Some("unhealthy"))
    );
}

#[tokio::test]
async fn a_server_that_stops_is_alive_and_not_ready() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    app.app.begin_shutdown();
    assert_eq!(get(&nobody, "/livez").await.status, 200);
    for path in ["/readyz", "/health", "/health/detailed"] {
        assert_eq!(get(&nobody, path).await.status, 503, "{path}");
    }
}

#[tokio::test]
async fn whoever_watches_is_not_limited() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_PER_MINUTE", "1")]).await;
    let nobody = app.anonymous();
    for path in DETAILED
        .into_iter()
        .chain(["/metrics", "/ops/metrics", "/api/v1/monitoring/metrics"])
    {
        for _ in 0..3 {
            let answer = get(&nobody, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-ratelimit-limit")),
                (200, ""),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn files_that_cannot_be_kept_degrade() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    // There is a file where the directory should be.
    let app = TestApp::start_with(&[("UPLOAD_DIR", file.join("below").to_str().unwrap())]).await;
    let answer = get(&app.anonymous(), "/ops/health").await;
    assert_eq!(
        (answer.status.as_u16(), answer.at("/status")),
        (200, &json!("degraded"))
    );
    assert_eq!(statuses(&answer)["storage"], "degraded");
}
