//! Servers that share a database, under load, during a fault.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::load::{Load, serves};
use super::reckoning::{Contents, Reckoning, Row, report};
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::port::free_port;
use crate::support::process::{Sandbox, Server, client, read, until};
use crate::support::{PASSWORD, SECRET_KEY};

/// Tasks that exist before the load, which updates them.
const TASKS: usize = 20;
/// Writes that are acknowledged before the fault, and again after it.
const WRITES: usize = 100;
/// Limit of the recovery time on an idle machine.
const RECOVERS_WITHIN: Duration = Duration::from_secs(10);
/// Larger than any file of a test.
const LARGE_KIBIBYTES: u32 = 1024 * 1024;
/// Interval between reads of readiness and metrics.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The default scrape timeout of Prometheus.
const SCRAPE_LIMIT: Duration = Duration::from_secs(10);

/// Alerts, each with its metric and threshold. The time that the condition must hold is ignored.
const ALERTS: [(&str, &str, f64); 6] = [
    ("TaskwireErrorRate", "taskwire_http_requests_total{status=5", 0.0),
    (
        "TaskwireGraphqlErrorRate",
        "taskwire_graphql_operations_total{outcome=error",
        0.0,
    ),
    (
        "TaskwireStatementFailures",
        "taskwire_database_statement_failures_total",
        0.0,
    ),
    ("TaskwireEventLag", "taskwire_live_lag_seconds", 10.0),
    ("TaskwireDatabaseSilent", "taskwire_database_silence_seconds", 10.0),
    ("TaskwirePasswordQueue", "taskwire_password_queue", 64.0),
];

/// Servers that keep their addresses when they restart: two with PostgreSQL, one with SQLite.
pub struct Cluster {
    pub database: TestDatabase,
    sandboxes: Vec<Sandbox>,
    nodes: Vec<Option<Server>>,
}

impl Cluster {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::over(TestDatabase::create().await, settings).await
    }

    pub async fn over(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        Self::build(database, |_| settings).await
    }

    /// `settings` are for the first server only.
    pub async fn start_with_first(settings: &[(&str, &str)]) -> Self {
        let of = |number| if number == 0 { settings } else { &[] };
        Self::build(TestDatabase::create().await, of).await
    }

    async fn build<'a>(database: TestDatabase, settings: impl Fn(usize) -> &'a [(&'a str, &'a str)]) -> Self {
        let count = if is_postgres() { 2 } else { 1 };
        let mut cluster = Self {
            sandboxes: (0..count).map(|number| sandbox(&database, settings(number))).collect(),
            database,
            nodes: Vec::new(),
        };
        // One after the other: the first may create the tables.
        for sandbox in &cluster.sandboxes {
            cluster.nodes.push(Some(sandbox.serve().await));
        }
        cluster
    }

    pub fn sandbox(&self, number: usize) -> &Sandbox {
        &self.sandboxes[number]
    }

    pub fn node(&self, number: usize) -> &Server {
        self.nodes[number].as_ref().unwrap()
    }

    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().flatten().map(|node| node.address.clone()).collect()
    }

    /// Ends a server without a shutdown, as a power cut does.
    pub async fn kill(&mut self, number: usize) {
        self.nodes[number].take().unwrap().kill().await;
    }

    /// Sends SIGTERM to a server, and waits until it has ended.
    pub async fn stop(&mut self, number: usize) {
        self.nodes[number].take().unwrap().stop().await;
    }

    /// Restarts a server at the same address.
    pub async fn run(&mut self, number: usize) {
        self.nodes[number] = Some(self.sandboxes[number].serve().await);
    }

    /// Restarts a server whose disk can be filled.
    pub async fn run_limited(&mut self, number: usize) {
        self.kill(number).await;
        self.nodes[number] = Some(self.sandboxes[number].serve_limited(LARGE_KIBIBYTES).await);
    }

    /// Starts load on the servers, and waits until writes succeed.
    pub async fn under_load(&self) -> Trial {
        self.under_load_through(self.addresses()).await
    }

    /// Starts load on these addresses of proxies, and waits until writes succeed.
    pub async fn under_load_through(&self, addresses: Vec<String>) -> Trial {
        let node = self.node(0);
        let token = node.registers("ann@example.com", PASSWORD).await;
        let mut tasks = Vec::new();
        for number in 0..TASKS {
            let title = json!({ "title": format!("Task {number}") });
            let created = node.rest(&token, Method::POST, "/api/v1/tasks", title).await;
            tasks.push(created.at("/id").as_i64().unwrap());
        }
        let first = Contents::read(&self.database).await.events();
        let load = Load::start(addresses, &token, tasks).await;
        load.until_acknowledged(WRITES).await;
        let shown = Arc::default();
        let watching = self.addresses().into_iter().map(|address| {
            let shown = Arc::clone(&shown);
            tokio::spawn(look(address, shown))
        });
        Trial {
            token,
            load,
            first,
            watching: watching.collect(),
            shown,
            forgotten: Vec::new(),
            ended: None,
        }
    }
}

fn sandbox(database: &TestDatabase, settings: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = Sandbox::over(database)
        .with("SERVER_PORT", &free_port().to_string())
        .with("SECRET_KEY", SECRET_KEY)
        // The clock may be wrong by an hour.
        .with("ACCESS_TOKEN_EXPIRE_MINUTES", "1440")
        // Another server takes over an idempotency key of a dead server a few seconds after this timeout.
        .with("REQUEST_TIMEOUT_SECONDS", "5");
    for (name, value) in settings {
        sandbox = sandbox.with(name, value);
    }
    sandbox
}

/// Servers under load, from before a fault until after it.
pub struct Trial {
    pub token: String,
    pub load: Load,
    /// Index of the first event of the load.
    first: usize,
    watching: Vec<JoinHandle<()>>,
    shown: Arc<Mutex<BTreeSet<String>>>,
    /// Titles of acknowledged writes that a restore reverts: those between a backup and its restore.
    forgotten: Vec<String>,
    ended: Option<Duration>,
}

impl Trial {
    /// Call it when the fault is over: waits until each server answers reads and writes.
    pub async fn until_recovered(&mut self, cluster: &Cluster) {
        let began = Instant::now();
        for address in cluster.addresses() {
            until("a server to answer again", async || {
                serves(&address, &self.token).await.then_some(())
            })
            .await;
        }
        let took = began.elapsed();
        if report().is_some() {
            assert!(took < RECOVERS_WITHIN, "recovered after {took:?}");
        }
        self.ended = Some(took);
    }

    /// Ignores writes with these titles, which a restore may have reverted.
    pub fn forget(&mut self, titles: impl IntoIterator<Item = String>) {
        self.forgotten.extend(titles);
    }

    /// Waits for more writes, ends the load, and compares everything. Returns the causes of failed attempts.
    pub async fn reckon(mut self, fault: &str, cluster: &Cluster) -> Vec<String> {
        self.load.until_acknowledged(WRITES).await;
        self.load.finish().await;
        for watching in &self.watching {
            watching.abort();
        }
        cluster.database.settled().await;
        let contents = Contents::read(&cluster.database).await;
        let mut acknowledged = self.load.acknowledged();
        acknowledged.retain(|write| !self.forgotten.contains(&write.title));
        let failures = self.load.failures();
        let unanswered = self.load.unanswered();
        let mut reckoning = contents.reckon(&acknowledged);
        let received = self.load.received(contents.last()).await;
        contents.reckon_events(&mut reckoning, self.first, &received);
        Row {
            fault,
            acknowledged: acknowledged.len(),
            reckoning: &reckoning,
            failures: failures.len(),
            unanswered,
            recovery: self.ended.unwrap_or_default(),
            shown: &self.shown.lock().unwrap(),
        }
        .write();
        assert_eq!(reckoning, Reckoning::default(), "{failures:?}");
        failures
    }
}

/// Collects the reasons of `/readyz`, and the alerts whose condition is true.
async fn look(address: String, shown: Arc<Mutex<BTreeSet<String>>>) {
    let client = client();
    let get = async |path: &str| {
        let request = client.get(format!("http://{address}{path}"));
        read(request.timeout(SCRAPE_LIMIT)).await.ok()
    };
    let note = |what: &str| shown.lock().unwrap().insert(what.to_owned());
    let mut before: Option<String> = None;
    loop {
        match get("/readyz").await {
            Some(answer) if !answer.status.is_success() => {
                let reason = answer.body["reason"].as_str().unwrap_or("not ready");
                note(&format!("readyz: {reason}"));
            }
            _ => {}
        }
        match get("/metrics").await {
            None => {
                note("TaskwireDown");
            }
            Some(answer) => {
                if value(&answer.text, "taskwire_ready") == 0.0 {
                    note("TaskwireNotReady");
                }
                if answer.text.contains("taskwire_redis_up 0") {
                    note("TaskwireRedisAway");
                }
                for (alert, metric, above) in ALERTS {
                    let old = match &before {
                        Some(text) if metric.contains("_total") => value(text, metric),
                        _ => 0.0,
                    };
                    if value(&answer.text, metric) - old > above {
                        note(alert);
                    }
                }
                before.get_or_insert(answer.text);
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The sum of a metric's samples. `metric` may end with `{` and a label with the start of its value.
fn value(metrics: &str, metric: &str) -> f64 {
    let (name, label) = metric.split_once('{').unwrap_or((metric, ""));
    let (label, begins) = label.split_once('=').unwrap_or_default();
    let label = format!("{label}=\"{begins}");
    let samples = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, sample) = rest.rsplit_once(' ')?;
        let is_of_metric = labels.is_empty() || labels.starts_with('{');
        (is_of_metric && (begins.is_empty() || labels.contains(&label))).then(|| sample.parse::<f64>().ok())?
    });
    samples.sum()
}
