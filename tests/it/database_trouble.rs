//! Database problems: a write-ahead log that readers hold, read-only mode, and connections that cannot be opened.

use std::path::PathBuf;

use axum::http::Method;
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::support::answer::Answer;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, Server, read, until};
use crate::support::role::Role;
use crate::support::{PASSWORD, TestApp};

const TASKS: &str = "/api/v1/tasks";
/// The server truncates a write-ahead log above this size.
const WAL_LIMIT: u64 = 64 * 1024 * 1024;

async fn create(server: &Server, token: &str) -> Answer {
    server.rest(token, Method::POST, TASKS, json!({ "title": "T" })).await
}

#[tokio::test]
async fn a_write_ahead_log_held_by_a_long_reader_is_truncated_when_the_reader_ends() {
    if is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let wal = PathBuf::from(format!("{}-wal", database.url().trim_start_matches("sqlite:")));
    let size = || wal.metadata().unwrap().len();

    let connection = database.connect().await;
    let reader = connection.begin().await.unwrap();
    let count = Statement::from_string(reader.get_database_backend(), "SELECT COUNT(*) FROM users");
    reader.query_one_raw(count).await.unwrap();
    database
        .execute("CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(72000000))")
        .await;
    assert!(size() > WAL_LIMIT, "{}", size());
    // Writers do not wait for the reader.
    for _ in 0..3 {
        let created = create(&server, &token).await;
        assert_eq!(created.status, 201, "{}", created.text);
    }
    assert!(size() > WAL_LIMIT, "the reader needs it: {}", size());
    reader.rollback().await.unwrap();
    // No writes from here on.
    until("the log to be emptied", async || {
        (size() < WAL_LIMIT / 64).then_some(())
    })
    .await;

    let created = create(&server, &token).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM tasks").await, 4);
}

/// Whether `/readyz` reports a read-only database.
async fn is_read_only(server: &Server) -> bool {
    let answer = read(server.request("", Method::GET, "/readyz")).await.unwrap();
    answer.status == 503 && answer.at("/reason") == "the database is read-only"
}

async fn until_read_only(server: &Server) {
    until("the server to be unready", async || {
        is_read_only(server).await.then_some(())
    })
    .await;
}

/// Both APIs refuse writes as retryable; reads still work.
async fn is_refused(server: &Server, token: &str, task: &Value) {
    let path = format!("{TASKS}/{task}");
    for _ in 0..3 {
        let refused = server
            .rest(token, Method::PATCH, &path, json!({ "title": "Changed" }))
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.at("/error/code")),
            (503, &json!("UNAVAILABLE")),
            "{}",
            refused.text
        );
        assert_ne!(refused.header("retry-after"), "");
        let mutation = "mutation { taskCreate(input: { title: \"T\" }) { task { id } } }";
        let refused = server.graphql(token, mutation, json!({})).await;
        let code = &refused.body["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAVAILABLE", "{}", refused.text);
        let listed = server.rest(token, Method::GET, TASKS, Value::Null).await;
        assert_eq!(listed.status, 200, "{}", listed.text);
    }
}

/// A setting of a database or role applies to new connections only, also when it is reset.
async fn becomes_read_only(subject: &str, database: &TestDatabase, sandbox: &Sandbox, notices_by_writing: bool) {
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let created = create(&server, &token).await;
    let task = created.at("/id");

    let read_only = format!("ALTER {subject} SET default_transaction_read_only = on");
    database.execute(&read_only).await;
    let end_connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.execute(end_connections).await;
    if notices_by_writing {
        is_refused(&server, &token, task).await;
        until_read_only(&server).await;
    } else {
        until_read_only(&server).await;
        is_refused(&server, &token, task).await;
    }
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM tasks").await, 1);

    let writable = format!("ALTER {subject} RESET default_transaction_read_only");
    database.execute(&format!("BEGIN READ WRITE; {writable}; COMMIT")).await;
    until("the server to be ready again", async || {
        let answer = read(server.request("", Method::GET, "/readyz")).await.unwrap();
        answer.status.is_success().then_some(())
    })
    .await;
    let created = create(&server, &token).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM tasks").await, 2);
}

#[tokio::test]
async fn a_database_that_becomes_read_only_is_noticed_without_a_write_and_recovers() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let name = database.url().rsplit_once('/').unwrap().1;
    let sandbox = Sandbox::over(&database);
    becomes_read_only(&format!("DATABASE {name}"), &database, &sandbox, false).await;
}

#[tokio::test]
async fn a_role_that_becomes_read_only_is_noticed_by_the_first_write_and_recovers() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let user = Role::create(&database).await;
    user.grant_everything(&database).await;
    let sandbox = Sandbox::over(&database).with("DATABASE_URL", user.url());
    becomes_read_only(&format!("ROLE {}", user.sql_name()), &database, &sandbox, true).await;
    user.remove(&database).await;
}

#[tokio::test]
async fn a_write_for_which_no_connection_can_be_opened_may_be_sent_again() {
    if !is_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let role = Role::create(&app.database).await;
    role.grant_everything(&app.database).await;
    let node = app.second_node_with(&[("DATABASE_URL", role.url())]).await;
    let there = ann.with_token(&node, ann.access_token.as_deref().unwrap());
    // Opens a connection for reads, which stays usable.
    assert_eq!(there.titles("first: 1").await, ["T"]);
    let set = async |login: &str| {
        let alter = format!("ALTER ROLE {} {login}", role.sql_name());
        app.database.execute(&alter).await;
    };
    set("NOLOGIN").await;
    for (method, path) in [
        (Method::POST, TASKS.to_owned()),
        (Method::PATCH, format!("{TASKS}/{task}")),
    ] {
        let refused = there.rest(method, &path, json!({ "title": "U" })).await;
        assert_eq!(refused.problem(), (503, "UNAVAILABLE", ""), "{}", refused.text);
        assert_ne!(refused.header("retry-after"), "");
    }
    set("LOGIN").await;
    there.creates_task(json!({ "title": "U" })).await;
    role.remove(&app.database).await;
}

#[tokio::test]
async fn the_database_may_have_an_ipv6_address() {
    if !is_postgres() {
        return;
    }
    // Fails on a machine without IPv6.
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        return;
    };
    let app = TestApp::start().await;
    let mut url = Url::parse(app.database.url()).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    url.set_host(Some("[::1]")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let node = app.second_node_with(&[("DATABASE_URL", url.as_str())]).await;
    let ann = app.member().await;
    let there = ann.with_token(&node, ann.access_token.as_deref().unwrap());
    there.creates_task(json!({ "title": "T" })).await;
}
