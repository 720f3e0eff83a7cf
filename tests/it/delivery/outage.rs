//! Subscribers miss no event when the database is unreachable for a while.

use sea_orm::{ConnectionTrait as _, Database};

use super::{Watcher, actor, create, head_after, next, retitle};
use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::process::until;

#[tokio::test]
async fn subscriptions_outlive_an_outage_of_the_database() {
    if !is_postgres() {
        // SQLite runs inside of the server, so there is no connection that could break.
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (who, task) = (actor(&app, &ann).await, create(&app, &ann, "T").await);
    let from = head_after(&app, &who, task).await;
    let watcher = Watcher::of(&app, &ann).await;
    let mut stream = watcher.everything(&app, Some(&from)).await;
    let domain = app.app.domain();
    retitle(domain, &who, task, "Before").await;
    assert_eq!(next(&mut stream).await.event.task.task.version, 2);

    let (server, name) = app.database.url().rsplit_once('/').unwrap();
    let other = Database::connect(format!("{server}/postgres")).await.unwrap();
    let switch = async |connections: &str| {
        let alter = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}");
        other.execute_unprepared(&alter).await.unwrap();
    };
    switch("false").await;
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    other.execute_unprepared(&end).await.unwrap();
    assert!(domain.ping().await.is_err(), "the database is unreachable");
    switch("true").await;
    until("the database to answer", async || domain.ping().await.ok()).await;

    for version in 3..=10 {
        retitle(domain, &who, task, &format!("{version}")).await;
        assert_eq!(next(&mut stream).await.event.task.task.version, version);
    }
}

#[tokio::test]
async fn requests_do_not_notice_that_idle_connections_were_ended() {
    if !is_postgres() {
        // SQLite has no server that could end connections.
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (who, task) = (actor(&app, &ann).await, create(&app, &ann, "T").await);
    let tasks = app.app.domain().tasks();
    let at_once = async || {
        let reads = (0..5).map(|_| tasks.find(&who, task));
        futures_util::future::join_all(reads).await
    };
    assert!(at_once().await.iter().all(Result::is_ok));
    let (server, name) = app.database.url().rsplit_once('/').unwrap();
    let other = Database::connect(format!("{server}/postgres")).await.unwrap();
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    // Several rounds, because it is random which request meets an ended connection.
    for _ in 0..5 {
        other.execute_unprepared(&end).await.unwrap();
        for found in at_once().await {
            assert_eq!(found.unwrap().unwrap().id, task);
        }
    }
}
