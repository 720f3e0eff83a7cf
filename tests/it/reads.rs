//! Statements that read: none outlives its request or its time, and no user keeps the others from reading.

use std::time::Duration;

use axum::http::Method;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::database::is_postgres;
use crate::support::person::Person;
use crate::support::process::until;

const SLOW: &str = "{ notifications { totalCount } }";
const LIST: &str = "{ tasks { nodes { title } } }";

/// A connection that is at work in so many looks in a row runs the slow statement: every other is quick.
const LOOKS: usize = 20;
/// A statement that is given up ends within this time: long before its own limit.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// What must not happen does not happen within this time.
const TOO_LONG: Duration = Duration::from_secs(20);

/// From now on reading from a table takes a minute, or forever.
async fn slow_down(app: &TestApp, table: &str) {
    let view = if is_postgres() {
        format!("CREATE VIEW {table} AS SELECT * FROM quick_{table} WHERE (SELECT pg_sleep(60)::text) IS NOT NULL")
    } else {
        // Whichever of the two the plan begins with, it never ends.
        format!(
            "CREATE VIEW {table} AS \
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) \
             SELECT quick_{table}.* FROM (SELECT COUNT(*) FROM numbers) CROSS JOIN quick_{table} \
             WHERE (SELECT COUNT(*) FROM numbers) > 0"
        )
    };
    app.database
        .execute(&format!("ALTER TABLE {table} RENAME TO quick_{table}; {view}"))
        .await;
}

fn used(app: &TestApp) -> usize {
    app.app.domain().pools().read.used
}

/// Waits until the slow statement runs.
async fn under_way(app: &TestApp) {
    let mut looks = 0;
    until("the slow statement to run", async || {
        looks = if used(app) > 0 { looks + 1 } else { 0 };
        (looks >= LOOKS).then_some(())
    })
    .await;
}

/// Sends a request and gives it up once its statement runs.
async fn gives_up(app: &TestApp, request: impl Future<Output = Answer>) {
    tokio::select! {
        answer = request => panic!("the slow statement was answered: {}", answer.text),
        () = under_way(app) => {}
    }
}

/// Waits until no connection is at work, neither here nor in the database server.
async fn idle(app: &TestApp) {
    let ended = until("every statement to have ended", async || (used(app) == 0).then_some(()));
    timeout(ENDS_WITHIN, ended).await.unwrap();
    if is_postgres() {
        let running = "SELECT COUNT(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
        assert_eq!(app.database.number(running).await, 0);
    }
}

/// More lists at once than there are connections.
async fn everybody_reads(app: &TestApp, people: &[&Person<'_>]) {
    let lists: FuturesUnordered<_> = (0..20)
        .map(|request| people[request % people.len()].graphql(LIST, json!({})))
        .collect();
    let answers: Vec<Answer> = timeout(TOO_LONG, lists.collect()).await.unwrap();
    for answer in answers {
        answer.data();
    }
    idle(app).await;
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_and_its_connection_is_used_again() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    slow_down(&app, "notifications").await;
    for _ in 0..5 {
        let mut slow: FuturesUnordered<_> = (0..8).map(|_| ann.graphql(SLOW, json!({}))).collect();
        gives_up(&app, async { slow.next().await.unwrap() }).await;
        drop(slow);
        let path = "/api/v1/tasks";
        let answer = timeout(TOO_LONG, ann.rest(Method::GET, path, Value::Null)).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    idle(&app).await;
    everybody_reads(&app, &[&ann, &bob]).await;
}

#[tokio::test]
async fn a_batched_look_up_ends_with_its_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "T" })).await;
    slow_down(&app, "task_events").await;
    let slow = ann.graphql("{ tasks { nodes { history { nodes { type } } } } }", json!({}));
    gives_up(&app, slow).await;
    idle(&app).await;
    everybody_reads(&app, &[&ann]).await;
}

#[tokio::test]
async fn a_statement_that_passes_its_time_ends() {
    let app = TestApp::start_with(&[("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    slow_down(&app, "notifications").await;
    let answer = timeout(TOO_LONG, ann.graphql(SLOW, json!({}))).await.unwrap();
    assert_eq!(answer.error_code(), "UNAVAILABLE", "{}", answer.text);
    idle(&app).await;
    everybody_reads(&app, &[&ann]).await;
}

#[tokio::test]
async fn a_bystander_is_answered_while_one_user_attacks() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    slow_down(&app, "notifications").await;
    let mut attack: FuturesUnordered<_> = (0..8).map(|_| ann.graphql(SLOW, json!({}))).collect();
    let bystander = async {
        under_way(&app).await;
        for _ in 0..20 {
            bob.graphql(LIST, json!({})).await.data();
        }
        let pool = app.app.domain().pools().read;
        assert!(pool.used > 0 && pool.used * 2 <= pool.max, "{pool:?}");
    };
    tokio::select! {
        answer = attack.next() => panic!("an attacker was answered before the bystander: {}", answer.unwrap().text),
        () = bystander => {}
    }
}

#[tokio::test]
async fn a_session_is_looked_up_while_several_users_attack() {
    let app = TestApp::start().await;
    let attackers = [app.member().await, app.member().await, app.member().await];
    let bob = app.member().await;
    slow_down(&app, "notifications").await;
    let mut attack: FuturesUnordered<_> = (0..24)
        .map(|request| attackers[request % attackers.len()].graphql(SLOW, json!({})))
        .collect();
    let bystander = async {
        under_way(&app).await;
        for _ in 0..20 {
            let answer = bob.graphql("{ __typename }", json!({})).await;
            assert_eq!(answer.data()["__typename"], "Query");
        }
    };
    tokio::select! {
        answer = attack.next() => panic!("an attacker was answered before the bystander: {}", answer.unwrap().text),
        () = bystander => {}
    }
}
