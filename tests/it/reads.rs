//! Read statements: they end with their request or at their time limit, and no user blocks the reads of others.

use std::time::Duration;

use axum::http::Method;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::task::unconstrained;
use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::database::is_postgres;
use crate::support::person::Person;
use crate::support::process::until;

const SLOW: &str = "{ notifications { totalCount } }";
const LIST: &str = "{ tasks { nodes { title } } }";

/// A connection that is busy in this many checks in a row runs the slow statement; all others are fast.
const CHECKS: usize = 20;
/// A cancelled statement ends within this time, long before its own limit.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How long a test waits to see that something does not happen.
const TOO_LONG: Duration = Duration::from_secs(20);

/// Lets reads from a table take a minute or forever.
async fn slow_down(app: &TestApp, table: &str) {
    let view = if is_postgres() {
        format!("CREATE VIEW {table} AS SELECT * FROM quick_{table} WHERE (SELECT pg_sleep(60)::text) IS NOT NULL")
    } else {
        // Endless whichever table the query plan starts with.
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

async fn under_way(app: &TestApp) {
    let mut checks = 0;
    until("the slow statement to run", async || {
        checks = if used(app) > 0 { checks + 1 } else { 0 };
        (checks >= CHECKS).then_some(())
    })
    .await;
}

/// Sends a request and cancels it once its statement runs.
async fn sends_and_cancels(app: &TestApp, request: impl Future<Output = Answer>) {
    tokio::select! {
        answer = request => panic!("the slow statement was answered: {}", answer.text),
        () = under_way(app) => {}
    }
}

/// Waits until no connection is busy, in the pool and in the database server.
async fn idle(app: &TestApp) {
    let ended = until("every statement to have ended", async || (used(app) == 0).then_some(()));
    timeout(ENDS_WITHIN, ended).await.unwrap();
    if is_postgres() {
        let running = "SELECT COUNT(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
        assert_eq!(app.database.number(running).await, 0);
    }
}

/// Requests more lists at once than there are connections.
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
async fn a_cancelled_statement_ends_and_its_connection_is_reused() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    slow_down(&app, "notifications").await;
    for _ in 0..5 {
        let mut slow: FuturesUnordered<_> = (0..8).map(|_| ann.graphql(SLOW, json!({}))).collect();
        sends_and_cancels(&app, async { slow.next().await.unwrap() }).await;
        drop(slow);
        let path = "/api/v1/tasks";
        let answer = timeout(TOO_LONG, ann.rest(Method::GET, path, Value::Null)).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    idle(&app).await;
    everybody_reads(&app, &[&ann, &bob]).await;
}

#[tokio::test]
async fn a_batched_lookup_ends_with_its_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "T" })).await;
    slow_down(&app, "task_events").await;
    let slow = ann.graphql("{ tasks { nodes { history { nodes { type } } } } }", json!({}));
    sends_and_cancels(&app, slow).await;
    idle(&app).await;
    everybody_reads(&app, &[&ann]).await;
}

#[tokio::test]
async fn a_statement_ends_at_its_time_limit() {
    let app = TestApp::start_with(&[("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    slow_down(&app, "notifications").await;
    let answer = timeout(TOO_LONG, ann.graphql(SLOW, json!({}))).await.unwrap();
    assert_eq!(answer.error_code(), "UNAVAILABLE", "{}", answer.text);
    idle(&app).await;
    everybody_reads(&app, &[&ann]).await;
}

#[tokio::test]
async fn other_users_are_answered_while_one_user_attacks() {
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
        answer = attack.next() => panic!("an attacker was answered before the other user: {}", answer.unwrap().text),
        () = bystander => {}
    }
}

#[tokio::test]
async fn sessions_are_checked_while_several_users_attack() {
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
        answer = attack.next() => panic!("an attacker was answered before the other user: {}", answer.unwrap().text),
        () = bystander => {}
    }
}

#[tokio::test]
async fn sessions_of_very_many_requests_are_checked_at_once() {
    // SQLite binds fewer values in one statement.
    const REQUESTS: usize = 33_000;

    let app = TestApp::start().await;
    let ann = app.member().await;
    let (sessions, token) = (app.app.domain().sessions(), ann.access_token.as_deref());
    // All requests wait before the first check begins.
    let checks = (0..REQUESTS).map(|_| sessions.authenticate(token));
    for identity in unconstrained(join_all(checks)).await {
        let user = identity.unwrap().actor.user_id();
        assert_eq!(user.map(|user| user.0), Some(ann.id));
    }
}
