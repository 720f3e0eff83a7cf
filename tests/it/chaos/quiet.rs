//! A PostgreSQL cluster in which nobody writes any more. In a busy one, later transactions hide what events wait for.

use axum::http::Method;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::json;

use crate::support::TestApp;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::postgres::PostgresServer;
use crate::support::process::until;

const EVENTS: &str = "subscription($after: String) { taskEvents(after: $after) { type } }";

#[tokio::test]
#[ignore = "needs a separate PostgreSQL; `cargo xtask chaos` runs it"]
async fn events_of_a_write_during_which_another_one_ended_wait_for_no_later_write() {
    if !is_postgres() {
        return;
    }
    let postgres = PostgresServer::start(&["autovacuum=off"]).await;
    let database = TestDatabase::at(postgres.url());
    let app = TestApp::start_with(&[("DATABASE_URL", database.url())]).await;
    app.app.domain().migrate_up(None).await.unwrap();
    let ann = app.member().await;
    let mut tasks = Vec::new();
    for title in ["First", "Second"] {
        tasks.push(ann.creates_task(json!({ "title": title })).await);
    }
    let start = ann.event_cursor().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    socket.subscribe("1", EVENTS, json!({ "after": start })).await;

    let connection = database.connect().await;
    let lock = connection.begin().await.unwrap();
    let second = format!("SELECT id FROM tasks WHERE id = {} FOR UPDATE", tasks[1]);
    lock.execute_unprepared(&second).await.unwrap();
    let change = json!({ "task_ids": tasks, "priority": "low" });
    let bulk = ann.rest(Method::PATCH, "/api/v1/tasks/bulk", change);
    let meanwhile = async {
        // The bulk write has locked the first task, so it has its transaction id.
        until("the bulk write to wait for the second task", async || {
            let waiting = "SELECT COUNT(*) AS number FROM pg_locks WHERE NOT granted";
            (database.number(waiting).await > 0).then_some(())
        })
        .await;
        ann.creates_task(json!({ "title": "Third" })).await;
        lock.rollback().await.unwrap();
    };
    let (changed, ()) = tokio::join!(bulk, meanwhile);
    assert_eq!(changed.status, 200, "{}", changed.text);
    for expected in ["CREATED", "UPDATED", "UPDATED"] {
        assert_eq!(socket.data("1").await["taskEvents"]["type"], expected);
    }
}
