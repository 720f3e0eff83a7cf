//! Backups: taken under load, restored into another database, and refused if they are invalid.

mod archive;
mod eviction;
mod load;
mod refusal;
mod session;
mod update;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::http::Method;
use serde_json::{Value, json};

use self::archive::Opened;
use self::load::Load;
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::process::{Sandbox, Server, read};

/// Tasks that are acknowledged before the backup begins.
const BEFORE: usize = 60;
const EVENTS: &str = "subscription($after: String) { taskEvents(after: $after) { cursor } }";

/// A server with its database.
struct Site {
    database: TestDatabase,
    sandbox: Sandbox,
}

impl Site {
    async fn new() -> Self {
        Self::over(TestDatabase::create().await)
    }

    fn over(database: TestDatabase) -> Self {
        let sandbox = Sandbox::over(&database);
        Self { database, sandbox }
    }

    async fn count(&self, table: &str) -> i64 {
        self.database
            .number(&format!("SELECT COUNT(*) AS number FROM {table}"))
            .await
    }

    /// Takes a backup. Returns its path.
    async fn back_up(&self) -> PathBuf {
        let file = self.sandbox.path().join("backup.tar.gz");
        self.sandbox.run(&format!("backup {}", file.display())).await.printed();
        file
    }

    /// The number of files in the storage.
    fn stored(&self) -> usize {
        files_under(&self.sandbox.path().join("uploads")).len()
    }
}

/// The paths of all files in a folder, which may not exist.
fn files_under(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] })
        .collect()
}

async fn create_task(server: &Server, token: &str, title: &str) -> i64 {
    let answer = server
        .rest(token, Method::POST, "/api/v1/tasks", json!({ "title": title }))
        .await;
    answer.at("/id").as_i64().unwrap()
}

async fn attach(server: &Server, token: &str, task: i64, content: &str) -> i64 {
    let form = Form::default().file("file", "note.txt", content.as_bytes()).end();
    let request = server
        .request(token, Method::POST, &format!("/api/v1/tasks/{task}/files"))
        .header("content-type", CONTENT_TYPE)
        .body(form);
    let answer = read(request).await.unwrap();
    answer.at("/id").as_i64().unwrap()
}

async fn content_of(server: &Server, token: &str, file: i64) -> String {
    let request = server.request(token, Method::GET, &format!("/api/v1/files/{file}"));
    request.send().await.unwrap().text().await.unwrap()
}

async fn event_cursor(server: &Server, token: &str) -> Value {
    let answer = server.graphql(token, "{ eventCursor }", json!({})).await;
    answer.data()["eventCursor"].clone()
}

#[tokio::test]
async fn a_backup_under_load_contains_every_write_acknowledged_before_it_began() {
    let old = Site::new().await;
    let server = old.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let load = Load::begin(&server.url(""), &token);
    let before = load.until_acknowledged(BEFORE).await;
    let file = old.back_up().await;
    let at_the_end = load.until_acknowledged(before.len() + 20).await;
    let all = load.end().await;
    assert!(all.len() >= at_the_end.len(), "writers went on");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let new = Site::over(TestDatabase::create_empty().await);
    let output = new.sandbox.run(&format!("restore {}", file.display())).await;
    let printed = output.printed();
    assert!(
        printed.starts_with(&format!("Restored {} of ", file.display())),
        "{printed}"
    );
    let restored = new.sandbox.serve().await;
    let token = token_of(&restored).await;
    for (task, (title, file)) in &before {
        let answer = restored
            .rest(&token, Method::GET, &format!("/api/v1/tasks/{task}"), Value::Null)
            .await;
        assert_eq!(answer.at("/title"), title.as_str());
        assert_eq!(&content_of(&restored, &token, *file).await, title);
    }
    // Later writes are complete: each task with its events, each file with its bytes.
    let tasks = new.count("tasks").await;
    assert!(tasks >= i64::try_from(before.len()).unwrap() && tasks <= i64::try_from(all.len()).unwrap());
    assert_eq!(
        new.count("tasks").await + new.count("attachments").await,
        new.count("task_events").await
    );
    assert_eq!(usize::try_from(new.count("attachments").await).unwrap(), new.stored());
    // New rows get higher ids than restored ones.
    let highest = new
        .database
        .number("SELECT CAST(MAX(id) AS BIGINT) AS number FROM tasks")
        .await;
    let new_task = create_task(&restored, &token, "Afterwards").await;
    assert!(new_task > highest, "{new_task} after {highest}");
    let file = attach(&restored, &token, new_task, "Afterwards").await;
    assert_eq!(content_of(&restored, &token, file).await, "Afterwards");
    let out_of_order = "SELECT COUNT(*) AS number FROM task_events AS a JOIN task_events AS b \
        ON a.task_id = b.task_id AND a.id < b.id AND a.transaction_id > b.transaction_id";
    assert_eq!(new.database.number(out_of_order).await, 0);
}

#[tokio::test]
async fn a_restore_under_a_running_server_replaces_all_data_and_closes_subscriptions() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let kept = create_task(&server, &token, "Kept").await;
    let noted = attach(&server, &token, kept, "Kept too").await;
    let file = site.back_up().await;
    let gone = create_task(&server, &token, "Gone").await;
    attach(&server, &token, gone, "Gone too").await;
    let (first, last) = (event_cursor(&server, &token).await, server.socket_of(&token).await);
    let mut socket = last;
    socket.subscribe("1", EVENTS, json!({ "after": first })).await;

    let restore = format!("restore {}", file.display());
    let refused = site.sandbox.run(&restore).await;
    assert!(
        refused.complaint().contains("the database is not empty: with --force"),
        "{refused:?}"
    );
    assert_eq!((site.count("tasks").await, site.stored()), (2, 2));
    site.sandbox.run(&format!("{restore} --force")).await.printed();

    assert_eq!(socket.closed().await.0, 1012);
    let titles = server
        .graphql(&token, "{ tasks(first: 5) { nodes { title } } }", json!({}))
        .await;
    assert_eq!(titles.data()["tasks"]["nodes"], json!([{ "title": "Kept" }]));
    assert_eq!(content_of(&server, &token, noted).await, "Kept too");
    // Sessions are those of the backup; old cursors are invalid.
    let mut socket = server.socket_of(&token).await;
    socket.subscribe("1", EVENTS, json!({ "after": first })).await;
    assert_eq!(socket.error_code("1").await, "RESYNC_REQUIRED");
    // After a new cursor, events are delivered.
    let start = event_cursor(&server, &token).await;
    socket.subscribe("2", EVENTS, json!({ "after": start })).await;
    let new_task = create_task(&server, &token, "New").await;
    assert!(new_task > kept);
    assert_ne!(socket.data("2").await["taskEvents"]["cursor"], start);
    let history =
        "query($id: Int!) { tasks(first: 1) { nodes { databaseId history(first: $id) { nodes { type } } } } }";
    let events = server.graphql(&token, history, json!({ "id": 5 })).await;
    assert_eq!(
        events.data()["tasks"]["nodes"][0]["history"]["nodes"][0]["type"],
        "CREATED"
    );
    server.stop().await;
}

/// After a restore, new events have the numbers of old events, whose responses may still be cached for subscribers.
#[tokio::test]
async fn an_event_after_a_restore_is_not_confused_with_the_old_one_of_the_same_number() {
    const TITLES: &str = "subscription($after: String) { taskEvents(after: $after) { task { title } } }";
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    create_task(&server, &token, "Kept").await;
    let file = site.back_up().await;
    let follow = async |title: &str| {
        let start = event_cursor(&server, &token).await;
        let mut socket = server.socket_of(&token).await;
        socket.subscribe("1", TITLES, json!({ "after": start })).await;
        create_task(&server, &token, title).await;
        let event = socket.data("1").await;
        assert_eq!(event["taskEvents"]["task"]["title"], title);
        socket
    };
    let mut old = follow("Gone").await;
    site.sandbox
        .run(&format!("restore {} --force", file.display()))
        .await
        .printed();
    assert_eq!(old.closed().await.0, 1012);
    follow("New").await;
    server.stop().await;
}

#[tokio::test]
async fn after_a_restore_notifications_continue_from_a_new_cursor_only() {
    const NOTIFIED: &str =
        "subscription($after: String) { notificationReceived(after: $after) { cursor notification { taskTitle } } }";
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let ann = server.registers("ann@example.com", PASSWORD).await;
    let bob = server.registers("bob@example.com", PASSWORD).await;
    let viewer = server.graphql(&bob, "{ viewer { id } eventCursor }", json!({})).await;
    let (bobs_id, start) = (&viewer.data()["viewer"]["id"], &viewer.data()["eventCursor"]);
    let hands_over = async |title: &str| {
        let create = "mutation($title: String!, $to: ID!) { taskCreate(input: {title: $title, assigneeId: $to}) { userErrors { message } } }";
        let answer = server
            .graphql(&ann, create, json!({ "title": title, "to": bobs_id }))
            .await;
        assert_eq!(answer.data()["taskCreate"]["userErrors"], json!([]));
    };
    let listen = async |after: &Value| {
        let mut socket = server.socket_of(&bob).await;
        socket.subscribe("1", NOTIFIED, json!({ "after": after })).await;
        socket
    };
    hands_over("Kept").await;
    let mut socket = listen(start).await;
    let kept = socket.data("1").await["notificationReceived"].clone();
    assert_eq!(kept["notification"]["taskTitle"], "Kept");
    let file = site.back_up().await;
    hands_over("Gone").await;
    site.sandbox
        .run(&format!("restore {} --force", file.display()))
        .await
        .printed();
    assert_eq!(socket.closed().await.0, 1012);
    let mut socket = listen(&kept["cursor"]).await;
    assert_eq!(socket.error_code("1").await, "RESYNC_REQUIRED");
    // Restored notifications are before the new cursor.
    let start = json!(event_cursor(&server, &bob).await);
    let mut socket = listen(&start).await;
    hands_over("New").await;
    let new = socket.data("1").await["notificationReceived"].clone();
    assert_eq!(new["notification"]["taskTitle"], "New");
    server.stop().await;
}

#[tokio::test]
async fn a_log_with_higher_transaction_numbers_continues() {
    let old = Site::new().await;
    let server = old.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    for number in 0..3 {
        create_task(&server, &token, &format!("Task {number}")).await;
    }
    server.stop().await;
    if is_postgres() {
        let further = "UPDATE task_events SET transaction_id = transaction_id + 1000000000000 - 2 * id";
        old.database.execute(further).await;
        let notice = "INSERT INTO due_notices (transaction_id, task_id, user_id, kind, due_date, occurred_at)
            SELECT 1000000000000, 1, owner_id, 'OVERDUE', created_at, created_at FROM tasks WHERE id = 1";
        old.database.execute(notice).await;
    }
    let file = old.back_up().await;
    let new = Site::over(TestDatabase::create_empty().await);
    new.sandbox.run(&format!("restore {}", file.display())).await.printed();
    for (table, column) in [
        ("task_events", "transaction_id"),
        ("account_changes", "transaction_id"),
        ("due_notices", "transaction_id"),
        ("notifications", "log_transaction_id"),
    ] {
        let ahead = format!("SELECT COUNT(*) AS number FROM {table} WHERE {column} > 0");
        assert_eq!(new.database.number(&ahead).await, 0, "{table}");
    }
    let server = new.sandbox.serve().await;
    let token = token_of(&server).await;
    let start = event_cursor(&server, &token).await;
    let mut socket = server.socket_of(&token).await;
    socket.subscribe("1", EVENTS, json!({ "after": start })).await;
    create_task(&server, &token, "Next").await;
    let next = socket.data("1").await["taskEvents"]["cursor"].clone();
    assert_eq!(event_cursor(&server, &token).await, next);
    // Restored events are read in their order.
    let order = "SELECT MAX(transaction_id) - MIN(transaction_id) AS number FROM task_events WHERE task_id <= 3";
    assert_eq!(new.database.number(order).await, 0);
}

async fn token_of(server: &Server) -> String {
    let login = server.login("ann@example.com", PASSWORD).await;
    login.at("/access_token").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_older_schema_is_restored_and_brought_up_to_date() {
    let old = Site::over(TestDatabase::create_empty().await);
    let states = old.sandbox.run("migrate status").await;
    let names: Vec<&str> = states.printed().lines().collect();
    old.sandbox
        .run(&format!("migrate up --steps {}", names.len() - 1))
        .await
        .printed();
    let file = old.back_up().await;
    let newest = Opened::read(&file).manifest()["migration"].clone();
    assert!(names[names.len() - 2].ends_with(newest.as_str().unwrap()), "{newest}");

    let new = Site::over(TestDatabase::create_empty().await);
    new.sandbox.run(&format!("restore {}", file.display())).await.printed();
    let status = new.sandbox.run("migrate status").await;
    assert!(
        status.printed().lines().all(|line| line.starts_with("applied")),
        "{status:?}"
    );
    let server = new.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    create_task(&server, &token, "It works").await;
}

#[tokio::test]
async fn a_file_that_was_deleted_meanwhile_is_left_out_and_a_lost_one_is_reported() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let task = create_task(&server, &token, "T").await;
    for content in ["one", "two"] {
        attach(&server, &token, task, content).await;
    }
    let lost = files_under(&site.sandbox.path().join("uploads")).remove(0);
    fs::remove_file(lost).unwrap();
    let file = site.sandbox.path().join("backup.tar.gz");
    let command = format!("backup {}", file.display());
    let output = site.sandbox.run(&command).await;
    assert!(
        output
            .complaint()
            .contains("the storage does not have the file 'note.txt'"),
        "{output:?}"
    );
    assert_eq!(left_beside(&file), Vec::<String>::new());
    let output = site.sandbox.run(&format!("{command} --without-lost-files")).await;
    assert!(
        output
            .printed()
            .contains("and 1 file; WITHOUT 1 file missing from the storage"),
        "{output:?}"
    );

    // A lost file counts as deleted: its row is not restored either.
    let new = Site::over(TestDatabase::create_empty().await);
    let output = new.sandbox.run(&format!("restore {}", file.display())).await;
    assert!(
        output
            .printed()
            .contains("left out 1 file that the backup does not contain"),
        "{output:?}"
    );
    assert_eq!((new.count("attachments").await, new.stored()), (1, 1));
}

/// Files beside `file` that begin with its name or with `.taskwire`.
fn left_beside(file: &Path) -> Vec<String> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let entries = fs::read_dir(file.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|other| other.starts_with(name) || other.starts_with(".taskwire"))
        .collect()
}

#[tokio::test]
async fn the_archive_can_be_read_with_other_programs() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let task = create_task(&server, &token, "T").await;
    attach(&server, &token, task, "content").await;
    let opened = Opened::read(&site.back_up().await);
    let manifest = opened.manifest();
    let engine = if is_postgres() { "postgres" } else { "sqlite" };
    assert_eq!((&manifest["format"], &manifest["engine"]), (&json!(1), &json!(engine)));
    let names: Vec<&str> = opened.entries.iter().map(|(name, _)| name.as_str()).collect();
    let database = if is_postgres() {
        "database.dump"
    } else {
        "database.sqlite"
    };
    let file = format!("files/{}", manifest["files"][0]["name"].as_str().unwrap());
    assert_eq!(names, ["manifest.json", database, file.as_str(), "end.json"]);
    assert_eq!(opened.entries[2].1, b"content");
    let start: &[u8] = if is_postgres() { b"PGDMP" } else { b"SQLite format 3\0" };
    assert!(opened.entries[1].1.starts_with(start));
}
