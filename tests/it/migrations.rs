//! Migrations: up, down and fresh.

use std::collections::BTreeSet;

use axum::http::Method;
use sea_orm::FromQueryResult;
use serde_json::{Value, json};
use taskwire::app::App;
use taskwire::domain::Dependencies;
use taskwire::domain::actor::Actor;

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::{TestApp, config};

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

/// Our tables, columns and indexes, without those that the database adds by itself.
async fn objects(database: &TestDatabase) -> Vec<String> {
    let sql = if is_postgres() {
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') \
         AND relname NOT LIKE 'seaql%' \
         UNION ALL SELECT table_name || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE 'seaql%' ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'seaql%' \
         UNION ALL SELECT sqlite_master.name || '.' || pragma.name FROM sqlite_master, pragma_table_info(sqlite_master.name) AS pragma \
         WHERE sqlite_master.type = 'table' AND sqlite_master.name NOT LIKE 'sqlite_%' \
               AND sqlite_master.name NOT LIKE 'seaql%' ORDER BY 1"
    };
    database
        .rows::<Name>(sql)
        .await
        .into_iter()
        .map(|row| row.name)
        .collect()
}

async fn app(database: &TestDatabase) -> App {
    App::open(config(database, &[]), Dependencies::default()).await.unwrap()
}

/// Migrations that change nothing on SQLite.
const POSTGRES_ONLY: [&str; 1] = ["m20261128_000009_tag_index"];
/// Migrations that change no table, column or index.
const ROWS_OR_DEFAULTS: [&str; 2] = ["m20261201_000020_sigma", "m20261201_000021_settled_positions"];

#[tokio::test]
async fn down_reverts_each_step_of_up() {
    let database = TestDatabase::create_empty().await;
    let app = app(&database).await;
    let domain = app.domain();
    let steps = domain.migrations().await.unwrap();
    assert!(objects(&database).await.is_empty());

    let mut before = Vec::new();
    for step in steps {
        before.push(objects(&database).await);
        domain.migrate_up(Some(1)).await.unwrap();
        let name = step.name.as_str();
        let changes = !ROWS_OR_DEFAULTS.contains(&name) && (is_postgres() || !POSTGRES_ONLY.contains(&name));
        assert_eq!(
            Some(&objects(&database).await) != before.last(),
            changes,
            "{}",
            step.name
        );
    }
    assert!(
        domain
            .migrations()
            .await
            .unwrap()
            .iter()
            .all(|migration| migration.applied)
    );
    while let Some(expected) = before.pop() {
        domain.migrate_down(Some(1)).await.unwrap();
        assert_eq!(objects(&database).await, expected);
    }
    domain.migrate_up(None).await.unwrap();
    domain.migrate_up(None).await.unwrap();
}

#[tokio::test]
async fn fresh_clears_the_database_and_migrates_it() {
    let app = TestApp::start().await;
    app.member().await;
    let domain = app.app.domain();
    domain.migrate_fresh().await.unwrap();
    assert!(domain.users().is_empty(&Actor::System).await.unwrap());
    app.member().await.creates_task(json!({ "title": "It works" })).await;
}

#[tokio::test]
async fn a_backup_contains_all_tables() {
    let database = TestDatabase::create().await;
    let sql = if is_postgres() {
        "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'seaql%'"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'seaql%' \
         AND name NOT LIKE 'tasks_search%'"
    };
    let there: BTreeSet<String> = database
        .rows::<Name>(sql)
        .await
        .into_iter()
        .map(|row| row.name)
        .collect();
    let listed: BTreeSet<String> = migration::TABLES.iter().map(ToString::to_string).collect();
    assert_eq!(there, listed);
}

#[tokio::test]
async fn several_servers_that_start_at_once_migrate_once() {
    let database = TestDatabase::create_empty().await;
    let servers = [app(&database).await, app(&database).await, app(&database).await];
    let (first, second, third) = tokio::join!(servers[0].prepare(), servers[1].prepare(), servers[2].prepare());
    for prepared in [first, second, third] {
        prepared.unwrap();
    }
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM event_log").await, 1);
}

/// Reverts this migration and all later ones, and applies them again.
async fn repeat_from(app: &TestApp, name: &str) {
    let domain = app.app.domain();
    let known = domain.migrations().await.unwrap();
    let later = known.iter().rev().position(|migration| migration.name == name);
    let steps = u32::try_from(later.unwrap() + 1).unwrap();
    domain.migrate_down(Some(steps)).await.unwrap();
    domain.migrate_up(None).await.unwrap();
}

#[tokio::test]
async fn a_search_finds_tasks_and_users_of_an_older_version_whose_words_end_in_a_sigma() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let name = json!({ "full_name": "Νίκος" });
    ann.rest(Method::PATCH, &format!("/api/v1/users/{}", ann.id), name)
        .await;
    ann.creates_task(json!({ "title": "Οδός" })).await;
    for older in [
        "UPDATE tasks SET search_text = replace(search_text, 'σ', 'ς')",
        "UPDATE users SET name_key = replace(name_key, 'σ', 'ς')",
    ] {
        app.database.execute(older).await;
    }
    let found = async || {
        let query = "{ tasks(filter: { search: \"οδός\" }) { totalCount } people(search: \"νίκος\") { fullName } }";
        ann.graphql(query, json!({})).await.data().clone()
    };
    assert_eq!(found().await, json!({ "tasks": { "totalCount": 0 }, "people": [] }));
    repeat_from(&app, "m20261201_000020_sigma").await;
    assert_eq!(
        found().await,
        json!({ "tasks": { "totalCount": 1 }, "people": [{ "fullName": "Νίκος" }] })
    );
}

#[tokio::test]
async fn tasks_of_an_older_version_are_shown_with_their_tags() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for tags in [json!(["b", "a"]), json!([]), json!(["ä ö"])] {
        ann.creates_task(json!({ "title": "T", "tags": tags })).await;
    }
    repeat_from(&app, "m20261122_000008_tag_names").await;

    let list = ann.rest(Method::GET, "/api/v1/tasks?sort_order=asc", Value::Null).await;
    let tags: Vec<&Value> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| &task["tags"])
        .collect();
    assert_eq!(tags, [&json!(["a", "b"]), &json!([]), &json!(["ä ö"])]);
}
