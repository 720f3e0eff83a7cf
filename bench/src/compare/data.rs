//! Test data from `taskwire seed`, equal for all servers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::people::{graphql, text};
use crate::server::Server;

/// Password of all users.
pub(super) const PASSWORD: &str = "Compare-123";
/// Maximum wait for background jobs.
const PATIENCE: Duration = Duration::from_mins(5);
/// Concurrent sign-ins.
const AT_ONCE: usize = 2;

/// One database for Taskwire, and one copy each for the peers and pgbench, because they write.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    programs: PathBuf,
    server: String,
}

impl Databases {
    /// Uses the database server of this URL.
    pub(crate) fn new(programs: &Path, database: &str) -> anyhow::Result<Self> {
        let (server, _) = database.rsplit_once('/').context("the database has no name")?;
        Ok(Self {
            programs: programs.to_owned(),
            server: server.to_owned(),
        })
    }

    pub(crate) fn taskwire(&self) -> String {
        format!("{}/taskwire", self.server)
    }

    pub(crate) fn peers(&self) -> String {
        format!("{}/peers", self.server)
    }

    pub(crate) fn floor(&self) -> String {
        format!("{}/floor", self.server)
    }

    pub(crate) fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        // Some systems install client programs in another folder than the server.
        Command::new(if path.is_file() { path } else { name.into() })
    }

    /// Creates and fills the databases. The first user becomes an administrator.
    pub(crate) async fn fill(&self, binary: &Path, users: u32, tasks: u32) -> anyhow::Result<()> {
        let postgres = format!("{}/postgres", self.server);
        self.run(&postgres, "CREATE DATABASE taskwire").await?;
        for args in [
            vec!["migrate".to_owned(), "up".to_owned()],
            [
                "seed",
                "--users",
                &users.to_string(),
                "--tasks",
                &tasks.to_string(),
                "--password",
                PASSWORD,
            ]
            .map(str::to_owned)
            .to_vec(),
        ] {
            let status = Command::new(binary)
                .args(&args)
                .env("DATABASE_URL", self.taskwire())
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .status()
                .await
                .with_context(|| format!("cannot start {}", binary.display()))?;
            ensure!(status.success(), "`taskwire {}` failed", args.join(" "));
        }
        self.run(
            &self.taskwire(),
            "UPDATE users SET role = 'admin' WHERE id = (SELECT min(id) FROM users)",
        )
        .await?;
        for copy in ["peers", "floor"] {
            self.run(&postgres, &format!("CREATE DATABASE {copy} TEMPLATE taskwire"))
                .await?;
        }
        self.run(&self.peers(), include_str!("../../sql/peers.sql")).await?;
        for database in [self.taskwire(), self.peers(), self.floor()] {
            self.run(&database, "VACUUM ANALYZE").await?;
        }
        Ok(())
    }

    /// Waits until Taskwire has finished its one-time work on imported rows, such as reminders of due dates.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        const BUSY: &str = "SELECT count(*) FROM jobs WHERE finished_at IS NULL AND NOT is_dead \
            AND (run_at <= now() OR locked_until > now())";
        let begun = Instant::now();
        while self.run(&self.taskwire(), BUSY).await? != "0" {
            ensure!(
                begun.elapsed() < PATIENCE,
                "Taskwire's jobs were not done within {} s",
                PATIENCE.as_secs()
            );
            sleep(Duration::from_millis(500)).await;
        }
        self.run(&self.taskwire(), "VACUUM ANALYZE").await?;
        Ok(())
    }

    /// Runs statements with psql and returns the output.
    pub(crate) async fn run(&self, database: &str, statements: &str) -> anyhow::Result<String> {
        let mut psql = self
            .program("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database])
            .env("PGOPTIONS", "--client-min-messages=warning")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start psql")?;
        let mut input = psql.stdin.take().context("psql has no standard input")?;
        input.write_all(statements.as_bytes()).await?;
        drop(input);
        let output = psql.wait_with_output().await?;
        ensure!(output.status.success(), "psql failed");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// A signed-in user.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) global: String,
    pub(super) number: i64,
    /// The newest tasks of the user.
    pub(super) tasks: Vec<Task>,
}

/// Both ids of a task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) global: String,
    pub(super) number: i64,
}

/// The users who send requests, and the ranges of ids.
#[derive(Debug)]
pub(crate) struct World {
    pub(super) people: Vec<Person>,
    pub(super) administrator: Person,
    /// First and last user id.
    pub(super) users: (String, String),
    /// First and last task id.
    pub(super) tasks: (String, String),
}

impl World {
    /// Signs in `people` users at Taskwire, spread over all users. The peers accept their tokens too.
    pub(crate) async fn sign_in(databases: &Databases, taskwire: &Server, people: usize) -> anyhow::Result<Self> {
        let pick = format!(
            "SELECT lower(username) FROM (SELECT username, role, row_number() OVER (ORDER BY id) AS n, \
             count(*) OVER () AS total FROM users) AS u WHERE role = 'admin' OR n % greatest(total / {people}, 1) = 0 \
             ORDER BY role, n LIMIT {people} + 1"
        );
        let names = databases.run(&databases.taskwire(), &pick).await?;
        let client = reqwest::Client::new();
        let url = taskwire.http("/graphql");
        let mut people: Vec<Person> = stream::iter(names.lines())
            .map(|name| sign_in(&client, &url, name))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        ensure!(people.len() > 1, "there are too few users");
        let administrator = people.remove(0);
        Ok(Self {
            people,
            administrator,
            users: ends(databases, "users").await?,
            tasks: ends(databases, "tasks").await?,
        })
    }
}

async fn ends(databases: &Databases, table: &str) -> anyhow::Result<(String, String)> {
    let row = databases
        .run(&databases.taskwire(), &format!("SELECT min(id), max(id) FROM {table}"))
        .await?;
    let (first, last) = row.split_once('|').context("psql printed no ids")?;
    Ok((first.to_owned(), last.to_owned()))
}

async fn sign_in(client: &reqwest::Client, url: &str, name: &str) -> anyhow::Result<Person> {
    const LOGIN: &str = "mutation($name: String!, $password: String!) { \
        login(input: {username: $name, password: $password}) { accessToken } }";
    const SELF: &str = "{ viewer { id databaseId ownedTasks(first: 50) { nodes { id databaseId } } } }";

    let account = json!({ "name": name, "password": PASSWORD });
    let data = graphql(client, url, None, LOGIN, account).await?;
    let token = text(&data["login"]["accessToken"])?;
    let data = graphql(client, url, Some(&token), SELF, json!({})).await?;
    let viewer = &data["viewer"];
    let nodes = viewer["ownedTasks"]["nodes"].as_array();
    let tasks = nodes.into_iter().flatten().map(|task| {
        Ok(Task {
            global: text(&task["id"])?,
            number: number(task)?,
        })
    });
    Ok(Person {
        name: name.to_owned(),
        token,
        global: text(&viewer["id"])?,
        number: number(viewer)?,
        tasks: tasks.collect::<anyhow::Result<_>>()?,
    })
}

fn number(node: &Value) -> anyhow::Result<i64> {
    node["databaseId"]
        .as_i64()
        .context("the server's answer lacks a number")
}
