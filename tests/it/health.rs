//! Health endpoints, for probes, monitors and people.

use axum::http::Method;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};
use taskwire::app::App;
use taskwire::domain::Dependencies;

use crate::support::answer::Answer;
use crate::support::database::{OLDEST_TRANSACTION, TestDatabase, is_postgres};
use crate::support::person::Person;
use crate::support::process::{Sandbox, Server, read, until};
use crate::support::redis::{PASSWORD, RedisServer};
use crate::support::role::Role;
use crate::support::{TestApp, config};

const DETAILED: [&str; 3] = ["/health/detailed", "/monitoring/health", "/ops/health"];

async fn get(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::GET, path, Value::Null).await
}

/// The status of each component.
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
async fn every_component_has_a_status_and_a_duration_on_every_path() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for path in DETAILED {
        for path in [path.to_owned(), format!("{path}/"), format!("/api/v1{path}")] {
            let answer = get(&nobody, &path).await;
            // The disk belongs to the machine.
            let almost_full = answer.at("/checks/storage")["reason"] == "the disk is almost full";
            let storage = if almost_full { "degraded" } else { "healthy" };
            assert_eq!(
                (answer.status.as_u16(), answer.at("/status")),
                (200, &json!(storage)),
                "{path}"
            );
            let expected = json!({
                "database": "healthy", "migrations": "healthy", "redis": "disabled", "storage": storage, "live": "healthy",
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
async fn an_unreachable_redis_degrades_health_and_does_not_fail_it() {
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
    let (of_redis, of_database) = (answer.at("/dependencies/redis"), answer.at("/dependencies/database"));
    let reason = answer.at("/checks/redis/reason");
    assert_eq!(of_redis, &json!({ "status": "degraded", "error": reason }));
    assert_eq!(
        of_database,
        &json!({ "status": "healthy" }),
        "without a problem there is no error"
    );
    assert_eq!(get(&nobody, "/readyz").await.status, 200);
    // No infrastructure details are shown.
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
    until("Redis to be healthy", async || {
        (statuses(&get(&nobody, "/ops/health").await)["redis"] == "healthy").then_some(())
    })
    .await;
}

#[tokio::test]
async fn pending_migrations_and_an_unreachable_database_fail_readiness_but_not_liveness() {
    let database = TestDatabase::create_empty().await;
    let app = App::open(config(&database, &[]), Dependencies::default())
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
    assert_eq!(app.domain().statements(), before, "liveness runs no statement");
    assert_eq!(ask("/readyz").await.status, 503);
    let answer = ask("/health/detailed").await;
    assert_eq!(
        (answer.status.as_u16(), statuses(&answer)["database"].as_str()),
        (503, Some("unhealthy"))
    );
}

/// During an update both versions run, and the newer one has migrated.
#[tokio::test]
async fn a_newer_version_of_the_database_does_not_fail_readiness() {
    let app = TestApp::start().await;
    app.database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_wonders', 0)")
        .await;
    for path in ["/readyz", "/health", "/health/detailed"] {
        let answer = get(&app.anonymous(), path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_stopping_server_is_alive_and_not_ready() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    app.app.begin_shutdown();
    assert_eq!(get(&nobody, "/livez").await.status, 200);
    for path in ["/readyz", "/health", "/health/detailed"] {
        assert_eq!(get(&nobody, path).await.status, 503, "{path}");
    }
}

#[tokio::test]
async fn health_requests_are_not_rate_limited() {
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
async fn unwritable_file_storage_degrades_health() {
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

/// The status of live delivery.
async fn live(server: &Server) -> Value {
    let answer = read(server.request("", Method::GET, "/health/detailed")).await.unwrap();
    answer.at("/checks/live").clone()
}

/// A transaction in another database of the cluster delays events. Health names it as long as it does.
async fn names_the_oldest_transaction(sandbox: &Sandbox, sees_age: bool) {
    let neighbour = TestDatabase::create_empty().await;
    let elsewhere = neighbour.connect().await;
    let name = format!("report {} {sees_age}", std::process::id());
    let server = sandbox.serve().await;
    let email = format!("ann{sees_age}@example.com");
    let token = server.registers(&email, crate::support::PASSWORD).await;
    let mut socket = server.socket_of(&token).await;
    let events = "subscription { taskEvents { type } }";
    socket.subscribe("1", events, json!({})).await;
    until("the subscription", async || {
        (live(&server).await["subscribers"] == 1).then_some(())
    })
    .await;

    let _oldest = OLDEST_TRANSACTION.lock().await;
    let open = elsewhere.begin().await.unwrap();
    let named = format!("SET LOCAL application_name = '{name}'; SELECT pg_current_xact_id()");
    open.execute_unprepared(&named).await.unwrap();
    let create = "mutation { taskCreate(input: { title: \"T\" }) { task { id } } }";
    server.graphql(&token, create, json!({})).await.data();
    // Other tests open short transactions in the same cluster.
    let found = until("the transaction to be named", async || {
        let found = live(&server).await;
        (found["oldest_transaction"]["name"] == name.as_str()).then_some(found)
    })
    .await;
    assert_eq!(
        (&found["status"], &found["reason"]),
        (
            &json!("degraded"),
            &json!("events wait for an older transaction of the database's cluster to end")
        )
    );
    let oldest = &found["oldest_transaction"];
    assert!(
        oldest["process"].as_i64().is_some_and(|process| process > 0),
        "{oldest}"
    );
    assert_eq!(
        oldest["seconds"].as_i64().is_some_and(|age| age >= 5),
        sees_age,
        "{oldest}"
    );
    // The path is public, so it does not show whose transaction it is.
    assert!(oldest.get("user").is_none(), "{oldest}");

    open.commit().await.unwrap();
    assert_eq!(socket.data("1").await["taskEvents"]["type"], "CREATED");
    until("live delivery to be healthy", async || {
        let found = live(&server).await;
        (found["status"] == "healthy" && found.get("oldest_transaction").is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_oldest_transaction_is_named_while_it_delays_events() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    names_the_oldest_transaction(&Sandbox::over(&database), true).await;
    // A database role without extra rights cannot see the age of other transactions.
    let user = Role::create(&database).await;
    user.grant_everything(&database).await;
    let sandbox = Sandbox::over(&database).with("DATABASE_URL", user.url());
    names_the_oldest_transaction(&sandbox, false).await;
    user.remove(&database).await;
}
