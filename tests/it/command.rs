//! The command line, run as the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::Sandbox;

/// Nothing listens on this privileged port.
const DEAD: &str = "127.0.0.1:1";
const COUNT_USERS: &str = "SELECT COUNT(*) AS number FROM users";
const COUNT_TASKS: &str = "SELECT COUNT(*) AS number FROM tasks";

#[tokio::test]
async fn schema_prints_the_committed_file() {
    let output = Sandbox::bare().run("schema").await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let kept = fs::read_to_string(file).unwrap();
    assert!(output.printed() == kept, "run `cargo xtask schema` to regenerate it");
}

#[tokio::test]
async fn documents_are_checked_without_a_database() {
    let sandbox = Sandbox::bare().with("DATABASE_URL", &format!("postgres://{DEAD}/none"));
    let lines = [
        json!("query A { viewer { id } } query B($n: Int = 5) { tasks(first: $n) { nodes { id } } }"),
        json!({ "query": "query($n: Int, $f: TaskFilter = {status: {in: DONE}}) { tasks(first: $n, filter: $f) { totalCount } }",
                "variables": { "n": 5.0 } }),
        json!({ "query": "query($n: Int!) { tasks(first: $n) { totalCount } }", "variables": { "n": "many" } }),
        json!("{ viewer { colour } }"),
        json!("{ viewer"),
        json!("{ a ".repeat(40)),
    ];
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    fs::write(sandbox.path().join("documents.jsonl"), text).unwrap();
    let output = sandbox.run("documents check documents.jsonl").await;
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("4 of 6 documents are not valid"),
        "{}",
        output.stderr
    );
    let verdicts: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let operations = &verdicts[0]["operations"];
    assert_eq!(
        (&operations[0]["name"], &operations[1]["name"]),
        (&json!("A"), &json!("B"))
    );
    assert!(
        operations[1]["cost"].as_u64() > operations[0]["cost"].as_u64(),
        "{operations}"
    );
    assert_eq!(
        verdicts[1]["variables"],
        json!({ "n": 5, "f": { "status": { "in": ["DONE"] } } })
    );
    for (verdict, code) in verdicts[2..].iter().zip([
        "BAD_USER_INPUT",
        "GRAPHQL_VALIDATION_FAILED",
        "GRAPHQL_PARSE_FAILED",
        "LIMIT_EXCEEDED",
    ]) {
        assert_eq!(
            (&verdict["valid"], &verdict["errors"][0]["code"]),
            (&json!(false), &json!(code))
        );
    }
    assert_eq!(
        verdicts[3]["errors"][0]["locations"],
        json!([{ "line": 1, "column": 12 }])
    );
}

#[tokio::test]
async fn manifests_of_persisted_operations_are_checked() {
    let sandbox = Sandbox::bare();
    let apollo = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
        { "id": "a1", "name": "A", "type": "query", "body": "query A { viewer { id } }" },
    ] });
    let relay = json!({ "r1": "query R { viewer { id } }", "r2": "query S { viewer { username } }" });
    for (manifest, ids) in [(apollo, vec!["a1"]), (relay, vec!["r1", "r2"])] {
        fs::write(
            sandbox.path().join("manifest.json"),
            serde_json::to_string_pretty(&manifest).unwrap(),
        )
        .unwrap();
        let output = sandbox.run("documents check manifest.json").await;
        let verdicts: Vec<Value> = output
            .printed()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let checked: Vec<&str> = verdicts.iter().map(|verdict| verdict["id"].as_str().unwrap()).collect();
        assert_eq!(checked, ids);
        assert!(verdicts.iter().all(|verdict| verdict["valid"] == true), "{verdicts:?}");
    }
}

#[tokio::test]
async fn config_shows_effective_values_and_hides_secrets() {
    let sandbox = Sandbox::bare()
        .with("DATABASE_URL", "postgresql+asyncpg://me:hunter2@db/tasks")
        .with("SECRET_KEY", "hunter2-hunter2-hunter2")
        .with("REDIS_URL", "redis://:hunter2@cache/0")
        .with("SMTP_URL", "smtp://me:hunter2@mail.example.com:587")
        .with("SERVER_PORT", "9000");
    fs::write(
        sandbox.path().join(".env"),
        "SERVER_PORT=7000\nJWT_ISSUER=from-the-file # ours\n",
    )
    .unwrap();
    let output = sandbox.run("config").await;
    let printed = output.printed();
    for line in [
        "DATABASE_URL=postgres://me:***@db/tasks",
        "SECRET_KEY=***",
        "REDIS_URL=redis://:***@cache/0",
        "SMTP_URL=smtp://me:***@mail.example.com:587",
        "SERVER_PORT=9000",
        "JWT_ISSUER=from-the-file",
        "LOG_LEVEL=info",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[tokio::test]
async fn a_setting_with_a_wrong_name_is_reported_at_the_start_and_by_doctor() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("SECERT_KEY", "hunter2");
    fs::write(
        sandbox.path().join(".env"),
        "SMTP_ULR=smtp://hunter2@mail\nPOSTGRES_DB=tasks\n",
    )
    .unwrap();
    let doctor = sandbox.run("doctor").await;
    let printed = doctor.printed();
    let log = sandbox.serve().await.stop().await;
    for warning in [
        "SMTP_ULR in .env is not a setting; did you mean SMTP_URL?",
        "POSTGRES_DB in .env is not a setting",
        "SECERT_KEY in the environment is not a setting; did you mean SECRET_KEY?",
    ] {
        let line = format!("warn    settings: {warning}");
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
        assert!(log.contains(warning), "{warning} in {log}");
    }
    assert!(
        !printed.contains("hunter2") && !log.contains("hunter2"),
        "{printed}\n{log}"
    );
}

#[tokio::test]
async fn secrets_come_from_files_and_are_not_shown() {
    let sandbox = Sandbox::bare()
        .with("DATABASE_URL_FILE", "database")
        .with("REDIS_URL_FILE", "missing");
    fs::write(sandbox.path().join("database"), "postgres://me:hunter2@db/tasks\n").unwrap();
    let output = sandbox.run("config").await;
    let start = "REDIS_URL_FILE is \"missing\"; allowed: the path of a text file with the value (No such file";
    assert!(output.complaint().starts_with(start), "{output:?}");
    let output = sandbox.run_with("config", &[("REDIS_URL_FILE", "")]).await;
    let printed = output.printed();
    assert!(
        printed.contains("\nDATABASE_URL=postgres://me:***@db/tasks\n"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[tokio::test]
async fn a_wrong_setting_stops_every_command_in_one_line() {
    let sandbox = Sandbox::bare()
        .with("SERVER_PORT", "80000")
        .with("DATABASE_URL", "sqlite::memory:");
    for command in [
        "",
        "serve",
        "config",
        "migrate status",
        "seed",
        "user promote ann@example.com",
    ] {
        assert_eq!(
            sandbox.run(command).await.complaint(),
            "SERVER_PORT is \"80000\"; allowed: a whole number from 0 to 65535",
            "{command}"
        );
    }
    let broken = Sandbox::bare().with("DATABASE_URL", "postgres://me:hunter2@db:port/tasks");
    let output = broken.run("migrate up").await;
    assert!(
        output
            .complaint()
            .starts_with("DATABASE_URL is \"postgres://me:***@db:port/tasks\"; allowed: sqlite://path"),
        "{output:?}"
    );
    fs::write(broken.path().join(".env"), "SECRET_KEY='hunter2\n").unwrap();
    let output = broken.run("config").await;
    assert!(
        output.complaint().starts_with(".env line 1 is \"SECRET_KEY=***\""),
        "{output:?}"
    );
}

#[tokio::test]
async fn production_does_not_start_with_unsafe_settings() {
    let sandbox = Sandbox::bare().with("APP_ENV", "production").with("SERVER_PORT", "0");
    let strong = ("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a");
    for (settings, start) in [
        (vec![], "SECRET_KEY is not set; allowed: 32 or more random characters"),
        (
            vec![("SECRET_KEY", "your-secret-key-change-me-in-production-0123")],
            "SECRET_KEY is \"***\"; allowed: 32 or more random characters",
        ),
        (
            vec![strong, ("CORS_ORIGINS", "*")],
            "CORS_ORIGINS is \"*\"; allowed: in production, the origins by name",
        ),
        (
            vec![strong, ("TRUSTED_PROXIES", "0.0.0.0/0")],
            "TRUSTED_PROXIES is \"0.0.0.0/0\"; allowed: in production, the addresses or networks of your own proxies",
        ),
        (
            vec![strong, ("DATABASE_URL", "sqlite::memory:")],
            "DATABASE_URL is \"sqlite::memory:\"; allowed: a SQLite file or PostgreSQL",
        ),
    ] {
        let output = sandbox.run_with("", &settings).await;
        assert!(output.complaint().starts_with(start), "{output:?}");
    }
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0, "nothing was created");
}

#[tokio::test]
async fn production_does_not_replace_a_database_that_is_missing() {
    let sandbox = Sandbox::bare()
        .with("APP_ENV", "production")
        .with("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a")
        .with("SERVER_HOST", "127.0.0.1")
        .with("SERVER_PORT", "0");
    let expected = "the file taskwire.db of DATABASE_URL does not exist; check that its disk is mounted. \
        If this is a new installation, run `taskwire migrate up` once to create it";
    for command in [
        "serve",
        "migrate status",
        "migrate fresh --yes",
        "seed",
        "user promote ada",
    ] {
        assert_eq!(sandbox.run(command).await.complaint(), expected, "{command}");
    }
    let doctor = sandbox.run("doctor").await;
    let line = format!("FAILED  database: {expected}\n");
    assert!(doctor.stdout.contains(&line), "{doctor:?}");
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0, "nothing was created");

    sandbox.run("migrate up").await.printed();
    sandbox.serve().await.stop().await;
    sandbox.run("backup tasks.tar.gz").await.printed();
    let database = sandbox.path().join("taskwire.db");
    fs::remove_file(&database).unwrap();
    assert_eq!(sandbox.run("").await.complaint(), expected);
    sandbox.run("restore tasks.tar.gz").await.printed();
    sandbox.serve().await.stop().await;
    fs::remove_file(&database).unwrap();
    sandbox.run("user create --email ada@example.com").await.printed();
    sandbox.serve().await.stop().await;
}

#[tokio::test]
async fn a_development_server_that_other_machines_can_reach_does_not_start() {
    let sandbox = Sandbox::bare().with("SERVER_HOST", "0.0.0.0").with("SERVER_PORT", "0");
    let expected = "SERVER_HOST is \"0.0.0.0\"; allowed: in development, a loopback address such as \
        SERVER_HOST=127.0.0.1; to listen on a network, set APP_ENV=production and a SECRET_KEY \
        (`taskwire config init --production` prints both)";
    assert_eq!(sandbox.run("serve").await.complaint(), expected);
    let output = sandbox.run("doctor").await;
    let line = format!("FAILED  settings: {expected}\n");
    assert!(output.stdout.starts_with(&line), "{output:?}");
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0, "nothing was created");

    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("SERVER_HOST", "0.0.0.0")
        .with("UNSAFE_DEVELOPMENT_ON_NETWORK", "true");
    let server = sandbox.serve().await;
    server.until_logged("UNSAFE_DEVELOPMENT_ON_NETWORK is true").await;
}

#[tokio::test]
async fn config_init_writes_settings_for_each_environment() {
    let sandbox = Sandbox::bare();
    let written = async |arguments: &str, file: &str| {
        sandbox
            .run(&format!("config init {arguments} --out {file}"))
            .await
            .printed();
        let path = sandbox.path().join(file);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        fs::read_to_string(path).unwrap()
    };
    let development = written("", "development.env").await;
    assert!(development.contains("\nAPP_ENV=development\n") && development.contains("\nSECRET_KEY=\n"));

    let production = written("--production", ".env").await;
    let shown = sandbox.run("config").await;
    let shown: Vec<&str> = shown.printed().lines().collect();
    assert!(
        shown.contains(&"APP_ENV=production") && shown.contains(&"SECRET_KEY=***"),
        "{shown:?}"
    );
    assert!(production.contains("# Origins of browser apps"), "{production}");
    let printed = sandbox.run("config init --production").await;
    assert_ne!(printed.printed(), production, "each has its own key");

    let again = sandbox.run("config init --production --out .env").await;
    assert_eq!(again.complaint(), ".env exists already; --force replaces it");
    assert_eq!(fs::read_to_string(sandbox.path().join(".env")).unwrap(), production);
    assert_ne!(written("--production --force", ".env").await, production);
    let nowhere = sandbox.run("config init --out no/where/.env").await;
    assert!(
        nowhere.complaint().starts_with("cannot write no/where/.env: "),
        "{nowhere:?}"
    );
    assert_eq!(
        fs::read_dir(sandbox.path()).unwrap().count(),
        2,
        "no temporary file is left"
    );
}

#[tokio::test]
async fn an_invalid_command_line_exits_with_2_and_names_the_help() {
    for command in ["dance", "migrate fresh", "user create", "seed --users many"] {
        let output = Sandbox::bare().run(command).await;
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains("--help"), "{output:?}");
    }
    assert!(Sandbox::bare().run("--help").await.printed().contains("Commands:"));
}

#[tokio::test]
async fn migrations_go_up_and_down_and_their_state_can_be_seen() {
    let database = TestDatabase::create_empty().await;
    let sandbox = Sandbox::over(&database);
    let states = async |expected: &str| {
        let status = sandbox.run("migrate status").await;
        let states: Vec<&str> = status
            .printed()
            .lines()
            .map(|line| line.split_once("  ").unwrap().0)
            .collect();
        assert!(states.iter().all(|state| *state == expected), "{states:?}");
        states.len()
    };
    let count = states("pending").await;

    let first = sandbox.run("migrate up --steps 1").await;
    assert_eq!(first.printed().lines().count(), 1, "{first:?}");
    assert!(first.printed().starts_with("applied  m"), "{first:?}");
    let rest = sandbox.run("migrate up").await;
    assert_eq!(rest.printed().lines().count(), count - 1, "{rest:?}");
    states("applied").await;
    assert_eq!(sandbox.run("migrate up").await.printed(), "There was nothing to do\n");

    sandbox.run("user create --email ann@example.com").await.printed();
    assert_eq!(
        sandbox.run("migrate fresh --yes").await.printed(),
        "The database is empty, and its tables are up to date\n"
    );
    assert_eq!(database.number(COUNT_USERS).await, 0);

    let last = sandbox.run("migrate down").await;
    assert_eq!(last.printed().lines().count(), 1, "{last:?}");
    assert!(last.printed().starts_with("pending  m"), "{last:?}");
    sandbox.run("migrate down --all").await.printed();
    states("pending").await;
}

#[tokio::test]
async fn accounts_are_created_promoted_given_a_password_and_deactivated() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let created = sandbox
        .run("user create --admin --email Boss@Example.com --username boss --password Sesame123")
        .await;
    assert_eq!(
        created.printed(),
        "Created the administrator boss@example.com (boss, id 1)\n"
    );
    let created = sandbox.run("user create --email ann@example.com").await;
    let lines: Vec<&str> = created.printed().lines().collect();
    let [created, password, warning] = lines[..] else {
        panic!("{created:?}")
    };
    assert_eq!(
        (created, warning),
        ("Created the user ann@example.com (id 2)", "It is not shown again")
    );
    let password = password.strip_prefix("The password is ").unwrap();

    let server = sandbox.serve().await;
    assert_eq!(
        database.number(COUNT_USERS).await,
        2,
        "there is an administrator already"
    );
    assert_eq!(server.login("BOSS", "Sesame123").await.at("/user/role"), "admin");
    let ann = server.login("ann@example.com", password).await;
    assert_eq!(ann.at("/user/role"), "user");
    let token = ann.at("/access_token").as_str().unwrap();
    let status = async |path: &str| server.rest(token, Method::GET, path, Value::Null).await.status.as_u16();
    assert_eq!(status("/api/v1/tasks/admin/all").await, 403);

    // Each change takes effect at once on a running server, also for tokens issued before.
    let promoted = sandbox.run("user promote ann@example.com").await;
    assert_eq!(promoted.printed(), "ann@example.com (id 2) is an administrator now\n");
    assert_eq!(status("/api/v1/tasks/admin/all").await, 200);
    let reset = sandbox
        .run("user reset-password ann@example.com --password Sesame456")
        .await;
    assert_eq!(
        reset.printed(),
        "ann@example.com (id 2) has a new password, and is signed out everywhere\n"
    );
    assert_eq!(status("/api/v1/auth/me").await, 401);
    assert_eq!(server.login("ann@example.com", password).await.status, 401);
    assert_eq!(server.login("ann@example.com", "Sesame456").await.status, 200);
    let deactivated = sandbox.run("user deactivate BOSS").await;
    assert_eq!(
        deactivated.printed(),
        "boss@example.com (boss, id 1) is deactivated, and signed out everywhere\n"
    );
    assert_eq!(server.login("boss", "Sesame123").await.status, 403);
}

#[tokio::test]
async fn an_impossible_change_of_an_account_is_reported_in_one_line() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    sandbox
        .run("user create --admin --email boss@example.com --password Sesame123")
        .await
        .printed();
    for (command, part) in [
        (
            "user promote nobody",
            "there is no user with the e-mail address or username 'nobody'",
        ),
        ("user deactivate boss@example.com", "last"),
        ("user create --email BOSS@example.com", "taken"),
        ("user create --email boss", "email"),
        ("user create --email a@example.com --password short", "password"),
    ] {
        let output = sandbox.run(command).await;
        assert!(output.complaint().contains(part), "{output:?}");
        assert!(!output.complaint().contains("short\""), "{output:?}");
    }
    assert_eq!(database.number(COUNT_USERS).await, 1);
}

#[tokio::test]
async fn a_database_in_a_missing_folder_is_reported_in_one_line() {
    let sandbox = Sandbox::bare().with("DATABASE_URL", "sqlite:///no/where/tasks.db");
    let expected = "the folder no/where of DATABASE_URL does not exist: create it, \
        or write four slashes for a path from the root: sqlite:////no/where/tasks.db";
    for (command, key) in [("", "k".repeat(40)), ("", String::new()), ("migrate up", String::new())] {
        let output = sandbox.run_with(command, &[("SECRET_KEY", &key)]).await;
        assert_eq!(output.complaint(), expected, "{command}");
    }
    let output = sandbox.run("doctor").await;
    let line = format!("FAILED  database: {expected}\n");
    assert!(output.stdout.contains(&line), "{output:?}");

    let sandbox = Sandbox::bare().with("DATABASE_URL", "sqlite:////no/where/tasks.db");
    let output = sandbox.run("migrate up").await;
    assert_eq!(
        output.complaint(),
        "the folder /no/where of DATABASE_URL does not exist: create it"
    );
}

#[tokio::test]
async fn connecting_to_postgres_is_retried_as_configured() {
    let sandbox = Sandbox::bare().with("DATABASE_URL", &format!("postgres://me:hunter2@{DEAD}/tasks"));
    let output = sandbox
        .run_with("migrate status", &[("DATABASE_CONNECT_RETRIES", "0")])
        .await;
    let complaint = output.complaint();
    let expected =
        format!("cannot connect to the database of DATABASE_URL (postgres://me:***@{DEAD}/tasks) after 1 attempt: ");
    assert!(complaint.starts_with(&expected), "{complaint}");

    for command in ["", "migrate up"] {
        let output = sandbox.run_with(command, &[("DATABASE_CONNECT_RETRIES", "1")]).await;
        assert_eq!(output.code, Some(1), "{output:?}");
        let count = |text: &str| output.stderr.lines().filter(|line| line.contains(text)).count();
        assert_eq!(count("cannot connect to the database yet"), 1, "{output:?}");
        assert_eq!(count("after 2 attempts: "), 1, "{output:?}");
        assert!(!output.stderr.contains("hunter2"), "{output:?}");
    }
}

#[derive(Debug, PartialEq, FromQueryResult)]
struct Seeded {
    id: i32,
    title: String,
    description: Option<String>,
    status: i16,
    priority: i16,
    owner_id: i32,
    assignee_id: Option<i32>,
    created_at: DateTime<Utc>,
    due_date: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

#[derive(Debug, PartialEq, FromQueryResult)]
struct SeededUser {
    id: i32,
    email: String,
    username: Option<String>,
    full_name: Option<String>,
    role: String,
}

#[derive(Debug, PartialEq, FromQueryResult)]
struct SeededEvent {
    task_id: i32,
    audience: Value,
    tags: String,
}

type SeededRows = (Vec<SeededUser>, Vec<Seeded>, Vec<SeededEvent>);

/// All seeded rows except password hashes, and the creation time of the first task.
async fn seeded(database: &TestDatabase) -> (SeededRows, DateTime<Utc>) {
    let users = database.rows("SELECT * FROM users ORDER BY id").await;
    let tasks: Vec<Seeded> = database.rows("SELECT * FROM tasks ORDER BY id").await;
    let list = if is_postgres() { "string_agg" } else { "group_concat" };
    let sql = format!(
        "SELECT task_id, audience, coalesce((SELECT {list}(name, ',' ORDER BY name) FROM tags JOIN task_tags \
         ON task_tags.tag_id = tags.id WHERE task_tags.task_id = task_events.task_id), '') AS tags \
         FROM task_events WHERE type = 'CREATED' ORDER BY task_id"
    );
    let start = tasks.first().unwrap().created_at;
    ((users, tasks, database.rows(&sql).await), start)
}

#[tokio::test]
async fn seed_creates_the_same_rows_everywhere_and_says_how_to_log_in() {
    let (first, second) = (TestDatabase::create_empty().await, TestDatabase::create().await);
    let sandbox = Sandbox::over(&first);
    let output = sandbox.run("seed --users 5 --tasks 50").await;
    let printed = output.printed();
    assert!(printed.starts_with("Seeded 5 users and 50 tasks in "), "{printed}");
    Sandbox::over(&second).run("seed --users 5 --tasks 50").await.printed();
    let (rows, start) = seeded(&first).await;
    let (mut others, other_start) = seeded(&second).await;
    // If midnight has passed in between, all times are exactly one day later.
    let later = other_start - start;
    assert!(later == TimeDelta::zero() || later == TimeDelta::days(1), "{later}");
    for task in &mut others.1 {
        task.created_at -= later;
        task.due_date = task.due_date.map(|due| due - later);
        task.completed_at = task.completed_at.map(|completed| completed - later);
    }
    assert_eq!(rows, others);

    let (users, tasks, events) = rows;
    assert_eq!((users.len(), tasks.len(), events.len()), (5, 50, 50));
    if is_postgres() {
        // Seeding drops the search index and creates it again.
        let indexes = "SELECT COUNT(*) AS number FROM pg_indexes WHERE indexname = 'tasks_search'";
        assert_eq!(first.number(indexes).await, 1);
    }
    let unassigned = tasks.iter().filter(|task| task.assignee_id.is_none()).count();
    assert!((7..=18).contains(&unassigned), "about a quarter of 50 is {unassigned}");

    let server = sandbox.serve().await;
    let (_, login) = printed.trim().split_once("Log in as ").unwrap();
    let (name, password) = login.split_once(" with the password ").unwrap();
    let answer = server.login(name, password).await;
    let token = answer.at("/access_token").as_str().unwrap();
    // Search finds a task of the first user by its title and by its reference.
    let task = tasks
        .iter()
        .find(|task| task.owner_id == 1 && task.description.is_some())
        .unwrap();
    let reference = task.description.as_ref().unwrap().lines().last().unwrap();
    for text in [task.title.to_uppercase().as_str(), reference] {
        let query = "query($text: String!) { tasks(first: 100, filter: { search: $text }) { nodes { databaseId } } }";
        let answer = server.graphql(token, query, json!({ "text": text })).await;
        let found = answer.data()["tasks"]["nodes"].as_array().unwrap();
        assert!(found.contains(&json!({ "databaseId": task.id })), "{text}: {found:?}");
    }
}

#[tokio::test]
async fn seed_is_all_or_nothing() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    sandbox.run("seed --users 5 --tasks 50").await.printed();
    let output = sandbox.run("seed --users 7 --tasks 20").await;
    let complaint = output.complaint();
    assert!(
        complaint.contains("this database was seeded before. Nothing was written"),
        "{complaint}"
    );
    assert_eq!(
        (database.number(COUNT_USERS).await, database.number(COUNT_TASKS).await),
        (5, 50)
    );

    // The username of the third user is taken: the first two are not created either.
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let third = "user create --email user3@example.com --password";
    sandbox.run(&format!("{third} {PASSWORD}")).await.printed();
    sandbox.run("seed --users 5 --tasks 50").await.complaint();
    assert_eq!(
        (database.number(COUNT_USERS).await, database.number(COUNT_TASKS).await),
        (1, 0)
    );
    let output = sandbox.run("seed --users 0").await;
    assert!(output.complaint().contains("1 to "), "{output:?}");
}
