//! Live subscriptions under load.
//!
//! First, every user has several connections, and their tasks change at a steady rate: each event is for a few
//! connections. Then all connections belong to one administrator: each event is for all.

mod report;
mod socket;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::report::Report;
use self::socket::{Ledger, Socket};
use crate::figures::quantile;
use crate::people::{self, Person};
use crate::server::{Output, Server};

/// Connections to open concurrently.
const AT_ONCE: usize = 64;
/// Maximum wait for sent events.
const PATIENCE: Duration = Duration::from_secs(30);
/// Number of consecutive events for all connections.
const BROADCASTS: u32 = 20;
/// Maximum concurrent changes.
const MAX_UNDER_WAY: usize = 64;

#[derive(Args)]
pub(crate) struct Plan {
    /// Number of subscriptions, each on a separate connection
    #[arg(long, default_value_t = 1_000)]
    subscriptions: usize,
    /// Connections of each user
    #[arg(long, default_value_t = 10)]
    per_person: usize,
    /// Events to deliver per second, over all subscriptions
    #[arg(long, default_value_t = 1_000)]
    deliveries_per_second: usize,
    /// Duration in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// File for the result as JSON; none by default
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

/// Measures, prints a table row, and writes the result to `out`.
pub(crate) async fn run(binary: &Path, database: &str, plan: &Plan) -> anyhow::Result<()> {
    let server = start(binary, database, plan.subscriptions).await?;
    let client = reqwest::Client::new();
    let url = server.http("/graphql");
    let count = plan.subscriptions.div_ceil(plan.per_person).max(1);
    println!("registering {count} people");
    let people = people::register(&client, &url, count).await?;
    let before = server.memory().await?;

    println!("opening {} subscriptions", plan.subscriptions);
    let sockets = open(&server, &people, plan).await?;
    let memory = server.memory().await?.saturating_sub(before);
    println!("changing tasks for {} s", plan.seconds);
    let changes = change(&client, &url, &people, plan).await?;
    let steady = settle(sockets, &changes).await?;
    let peak = server.memory().await?;

    println!("one event for all, {BROADCASTS} times");
    let administrator = people::administrator(&client, &url).await?;
    let broadcasts = broadcast(&server, &client, &url, &administrator, plan).await?;
    let report = Report::new(plan.subscriptions, memory, peak, &steady, &broadcasts);
    println!("\n{}\n{}", Report::HEADING, report.row());
    if let Some(out) = &plan.out {
        tokio::fs::write(out, serde_json::to_vec_pretty(&report)?)
            .await
            .with_context(|| format!("cannot write {}", out.display()))?;
    }
    report.judge()
}

/// Starts the server without rate limits and with enough connection slots.
async fn start(binary: &Path, database: &str, connections: usize) -> anyhow::Result<Server> {
    let room = (connections + 100).to_string();
    let settings = [
        ("RATE_LIMIT_ENABLED", "false"),
        ("LOG_LEVEL", "warn"),
        ("LIVE_MAX_CONNECTIONS", &room),
        ("LIVE_MAX_CONNECTIONS_PER_USER", &room),
        // Every connection is anonymous before `connection_init`.
        ("LIVE_MAX_ANONYMOUS_CONNECTIONS", &room),
        ("LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS", &room),
        ("MAX_CONNECTIONS_PER_ADDRESS", &room),
    ];
    Server::taskwire(binary, database, &settings, Output::Shown).await
}

/// Opens all connections and waits until each is subscribed.
async fn open(server: &Server, people: &[Person], plan: &Plan) -> anyhow::Result<Vec<Socket>> {
    let url = server.websocket();
    stream::iter(0..plan.subscriptions)
        .map(|number| {
            let (person, url) = (people[number / plan.per_person].clone(), url.clone());
            async move { Socket::open(&url, &person.token, Some(person.task)).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Number of changes of each user's task. Its version starts at 1.
type Changes = Vec<(String, u32)>;

/// Changes the tasks of all users in turn, at the requested rate of deliveries.
async fn change(client: &reqwest::Client, url: &str, people: &[Person], plan: &Plan) -> anyhow::Result<Changes> {
    let per_second = (plan.deliveries_per_second / plan.per_person).max(1);
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let counts: Arc<Vec<AtomicU64>> = Arc::new(people.iter().map(|_| AtomicU64::new(0)).collect());
    let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let end = Instant::now() + Duration::from_secs(plan.seconds);
    let mut writes = tokio::task::JoinSet::new();
    for number in 0.. {
        ticks.tick().await;
        if Instant::now() >= end {
            break;
        }
        let permit = Arc::clone(&under_way).acquire_owned().await?;
        let index = number % people.len();
        let (client, url, person, counts) = (
            client.clone(),
            url.to_owned(),
            people[index].clone(),
            Arc::clone(&counts),
        );
        writes.spawn(async move {
            let done = retitle(&client, &url, &person, number).await;
            if done.is_ok() {
                counts[index].fetch_add(1, Ordering::Relaxed);
            }
            drop(permit);
            done
        });
    }
    while let Some(write) = writes.join_next().await {
        write??;
    }
    people
        .iter()
        .zip(counts.iter())
        .map(|(person, count)| Ok((person.task.clone(), u32::try_from(count.load(Ordering::Relaxed))?)))
        .collect()
}

async fn retitle(client: &reqwest::Client, url: &str, person: &Person, number: usize) -> anyhow::Result<()> {
    const UPDATE: &str = "mutation($id: ID!, $title: String!) { taskUpdate(id: $id, input: {title: $title}) { userErrors { message } } }";

    let variables = json!({ "id": person.task, "title": format!("Change {number}") });
    people::graphql(client, url, Some(&person.token), UPDATE, variables).await?;
    Ok(())
}

/// Results of one phase.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) leaked: u64,
    /// From the change to its arrival, in milliseconds, sorted.
    pub(crate) latencies: Vec<f64>,
}

/// Waits until all expected events have arrived, and closes the connections.
async fn settle(sockets: Vec<Socket>, changes: &Changes) -> anyhow::Result<Outcome> {
    let expected: u64 = sockets.iter().map(|socket| u64::from(due(socket, changes))).sum();
    let end = Instant::now() + PATIENCE;
    while sockets.iter().map(Socket::received).sum::<u64>() < expected && Instant::now() < end {
        sleep(Duration::from_millis(50)).await;
    }
    let mut outcome = Outcome {
        expected,
        ..Outcome::default()
    };
    for socket in sockets {
        let due = due(&socket, changes);
        outcome.add(socket.close().await?, due);
    }
    outcome.latencies.sort_by(f64::total_cmp);
    Ok(outcome)
}

fn due(socket: &Socket, changes: &Changes) -> u32 {
    let task = socket.task.as_deref();
    let of_task = changes.iter().find(|(changed, _)| Some(changed.as_str()) == task);
    of_task.map_or(0, |(_, count)| *count)
}

impl Outcome {
    fn add(&mut self, mut ledger: Ledger, due: u32) {
        self.latencies.append(&mut ledger.latencies);
        self.leaked += ledger.foreign;
        self.delivered += u64::try_from(ledger.versions.len()).unwrap_or(u64::MAX);
        let in_order = ledger.versions.is_sorted();
        ledger.versions.sort_unstable();
        let all = ledger.versions.len();
        ledger.versions.dedup();
        let distinct = ledger.versions.len();
        // Events out of order count as one duplicate.
        self.doubled += u64::try_from(all - distinct).unwrap_or(u64::MAX) + u64::from(!in_order);
        self.lost += u64::from(due).saturating_sub(u64::try_from(distinct).unwrap_or(u64::MAX));
    }
}

/// Time until an event reached the last connection, in milliseconds, sorted.
async fn broadcast(
    server: &Server,
    client: &reqwest::Client,
    url: &str,
    administrator: &Person,
    plan: &Plan,
) -> anyhow::Result<Vec<f64>> {
    let address = server.websocket();
    let sockets: Vec<Socket> = stream::iter(0..plan.subscriptions)
        .map(|_| Socket::open(&address, &administrator.token, None))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut slowest = Vec::new();
    for round in 1..=BROADCASTS {
        let begun = Instant::now();
        retitle(client, url, administrator, usize::try_from(round)?).await?;
        while sockets.iter().any(|socket| socket.received() < u64::from(round)) {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "an event did not reach every connection");
            sleep(Duration::from_millis(5)).await;
        }
        let last = sockets.iter().map(Socket::latest_milliseconds).fold(0.0, f64::max);
        slowest.push(last);
    }
    for socket in sockets {
        socket.close().await?;
    }
    slowest.sort_by(f64::total_cmp);
    println!(
        "the last of all had it after {:.0} ms (median)",
        quantile(&slowest, 0.5)
    );
    Ok(slowest)
}
