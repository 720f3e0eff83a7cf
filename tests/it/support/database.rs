//! A separate database for every test, copied from a template that is migrated once.
//!
//! `TASKWIRE_TEST_DATABASE` selects the engine: `sqlite` (the default) or `postgres`, with the server of
//! `TASKWIRE_TEST_DATABASE_URL`. `cargo xtask test` sets both. A server that does not answer fails the tests.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, FromQueryResult, Statement};
use taskwire::config::Config;
use taskwire::domain::{Dependencies, Domain};
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell};

use super::process::until;

/// For tests that wait until their transaction is the oldest of the cluster: two of them would wait for each other.
pub static OLDEST_TRANSACTION: Mutex<()> = Mutex::const_new(());

#[derive(Clone)]
pub struct TestDatabase {
    url: String,
    /// Removed with the last clone.
    _content: Option<Arc<Content>>,
}

enum Content {
    File { _folder: TempDir },
    Database { name: String },
}

enum Template {
    File(TempDir),
    Database { server: String, name: String },
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
/// PostgreSQL cannot copy a template twice at the same time.
static COPYING: Mutex<()> = Mutex::const_new(());
/// The PostgreSQL databases of tests that have ended. The next tests drop them: all of a run would take 9 GB.
static FINISHED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
static COUNT: AtomicU32 = AtomicU32::new(0);

pub fn is_postgres() -> bool {
    postgres_server().is_some()
}

#[expect(clippy::disallowed_methods, reason = "the tests' own two settings, not the server's")]
fn postgres_server() -> Option<String> {
    match std::env::var("TASKWIRE_TEST_DATABASE").as_deref() {
        Err(_) | Ok("sqlite") => None,
        Ok("postgres") => Some(
            std::env::var("TASKWIRE_TEST_DATABASE_URL")
                .expect("TASKWIRE_TEST_DATABASE_URL names the PostgreSQL server; `cargo xtask test` starts one"),
        ),
        Ok(other) => panic!("TASKWIRE_TEST_DATABASE is '{other}'; allowed: sqlite, postgres"),
    }
}

/// The Redis that tests share.
#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
pub fn redis_url() -> String {
    std::env::var("TASKWIRE_TEST_REDIS_URL")
        .expect("TASKWIRE_TEST_REDIS_URL names the Redis server; `cargo xtask test` starts one")
}

impl TestDatabase {
    /// A migrated database without any rows.
    pub async fn create() -> Self {
        let template = TEMPLATE.get_or_init(Template::create).await;
        let _one_at_a_time = COPYING.lock().await;
        match template {
            Template::File(folder) => {
                let database = Self::file();
                std::fs::copy(file_in(folder), database.path()).unwrap();
                database
            }
            Template::Database { server, name } => Self::on(server, &format!("TEMPLATE {name}")).await,
        }
    }

    /// A database without any tables.
    pub async fn create_empty() -> Self {
        match postgres_server() {
            None => Self::file(),
            Some(server) => Self::with_options(&server, "").await,
        }
    }

    /// A database without any tables, and with Turkish rules for letters; `None` where there is no such database: on
    /// SQLite and before PostgreSQL 15.
    pub async fn create_turkish() -> Option<Self> {
        let server = postgres_server()?;
        let version = Self::at(server.clone());
        let version = version.number("SELECT current_setting('server_version_num')::bigint AS number");
        if version.await < 150_000 {
            return None;
        }
        let options = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'";
        Some(Self::with_options(&server, options).await)
    }

    async fn with_options(server: &str, options: &str) -> Self {
        let _one_at_a_time = COPYING.lock().await;
        Self::on(server, options).await
    }

    pub fn at(url: String) -> Self {
        Self { url, _content: None }
    }

    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite:{}", file_in(&folder).display()),
            _content: Some(Arc::new(Content::File { _folder: folder })),
        }
    }

    async fn on(server: &str, options: &str) -> Self {
        drop_finished(server).await;
        let name = format!("taskwire_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(server, &format!("CREATE DATABASE {name} {options}")).await;
        Self {
            url: with_database(server, &name),
            _content: Some(Arc::new(Content::Database { name })),
        }
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(self.url.trim_start_matches("sqlite:"))
    }

    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// The column `number` of the first row.
    pub async fn number(&self, sql: &str) -> i64 {
        self.rows::<Number>(sql).await.first().unwrap().number
    }

    /// Waits until no older transaction delays events. Transactions of other tests in the same cluster do.
    pub async fn settled(&self) {
        if is_postgres() {
            let unsettled = "SELECT COUNT(*) AS number FROM task_events \
                             WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
            until("the event log to be settled", async || {
                (self.number(unsettled).await == 0).then_some(())
            })
            .await;
        }
    }

    /// PostgreSQL: waits until this many statements wait for locks.
    pub async fn until_waiting(&self, statements: i64) {
        let waiting = "SELECT COUNT(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("statements to wait for locks", async || {
            (self.number(waiting).await == statements).then_some(())
        })
        .await;
    }

    /// Invalidates the users that servers have cached.
    pub async fn forget_users(&self) {
        self.execute("UPDATE event_log SET users_stamp = users_stamp + 1").await;
    }

    /// Bypasses the server.
    pub async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }

    pub async fn rows<T: FromQueryResult>(&self, sql: &str) -> Vec<T> {
        let connection = self.connect().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = T::find_by_statement(statement).all(&connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Self::Database { name } = self {
            FINISHED.lock().unwrap().push(std::mem::take(name));
        }
    }
}

#[derive(FromQueryResult)]
struct Number {
    number: i64,
}

impl Template {
    async fn create() -> Self {
        let template = match postgres_server() {
            None => Self::File(tempfile::tempdir().unwrap()),
            Some(server) => {
                let name = format!("taskwire_template_{}", process::id());
                execute(&server, &format!("CREATE DATABASE {name}")).await;
                Self::Database { server, name }
            }
        };
        let url = match &template {
            Self::File(folder) => format!("sqlite:{}", file_in(folder).display()),
            Self::Database { server, name } => with_database(server, name),
        };
        migrate(&url).await;
        template
    }
}

async fn migrate(url: &str) {
    let vars = [("DATABASE_URL".to_owned(), url.to_owned())].into();
    let config = Config::from_vars(&vars).unwrap();
    let key = taskwire::domain::token::SigningKey::Secret(Vec::new());
    let domain = Domain::open(&config, &key, Dependencies::default()).await.unwrap();
    domain.migrate_up(None).await.unwrap();
    domain.close().await.unwrap();
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("taskwire.db")
}

fn with_database(server: &str, name: &str) -> String {
    let (host, _) = server.rsplit_once('/').unwrap();
    format!("{host}/{name}")
}

/// Servers that a test has killed may still be connected.
async fn drop_finished(server: &str) {
    let finished = std::mem::take(&mut *FINISHED.lock().unwrap());
    if finished.is_empty() {
        return;
    }
    let connection = connect(server).await;
    for name in finished {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        if connection.execute_unprepared(&drop).await.is_err() {
            FINISHED.lock().unwrap().push(name);
        }
    }
    connection.close().await.unwrap();
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.expect("the database of the tests answers")
}

async fn execute(url: &str, sql: &str) {
    let connection = connect(url).await;
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}
