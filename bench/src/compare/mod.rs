//! Compares Taskwire with its peers and with the floors, in one run on one machine.
//!
//! | module | purpose |
//! |---|---|
//! | [`data`] | databases and test users |
//! | [`servers`] | starts all servers |
//! | [`workload`] | requests, in each server's schema |
//! | [`verify`] | fails if responses differ |
//! | [`load`], [`floor`] | load generators: HTTP and pgbench |
//! | [`report`], [`goal`], [`machine`], [`plot`] | results |

mod data;
mod floor;
mod goal;
mod load;
mod machine;
mod plot;
mod report;
mod servers;
mod verify;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::time::interval;

use self::data::{Databases, World};
use self::load::{Prepared, Round};
use self::machine::RunEnvironment;
use self::report::{Figure, Report};
use self::servers::{POOL, Servers};
use self::verify::Answers;
pub(crate) use self::workload::Workload;
use self::workload::{Contestant, requests};

/// Interval of memory samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct Plan {
    /// Folder with `psql` and `pgbench`
    #[arg(long)]
    programs: PathBuf,
    /// Folder with the peers and their installed packages
    #[arg(long, default_value = "bench/peers")]
    pub(crate) peers: PathBuf,
    /// Folder for the results
    #[arg(long)]
    out: PathBuf,
    /// Number of users
    #[arg(long, default_value_t = 1_000)]
    users: u32,
    /// Number of tasks
    #[arg(long, default_value_t = 200_000)]
    tasks: u32,
    /// Number of users who send requests in turn, at least 1
    #[arg(long, default_value_t = 100, value_parser = at_least_one)]
    people: usize,
    /// Connections of the load generator, at least 1
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    connections: usize,
    /// Rounds, at least 1; results are medians over them
    #[arg(long, default_value_t = 3, value_parser = at_least_one)]
    rounds: usize,
    /// Length of a round in seconds, 1 to 600
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Length of the warm-up round in seconds, 1 to 600
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    warm_up_seconds: u64,
    /// Workloads to run, separated by commas; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Workload>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("use a number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

impl Plan {
    fn workloads(&self) -> Vec<Workload> {
        let is_wanted = |workload: &Workload| self.only.is_empty() || self.only.contains(workload);
        Workload::ALL.into_iter().filter(is_wanted).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("users", self.users.to_string()),
            ("tasks", self.tasks.to_string()),
            ("people who ask", self.people.to_string()),
            ("connections", self.connections.to_string()),
            ("rounds", self.rounds.to_string()),
            ("seconds a round", self.seconds.to_string()),
            ("seconds of warming up", self.warm_up_seconds.to_string()),
            ("connections of each server to its database", POOL.to_owned()),
            ("processes of each server", "1".to_owned()),
        ]
    }
}

/// Measures all servers and writes `peers.json`, `peers.md` and `peers.svg`.
pub(crate) async fn run(binary: &Path, database: &str, plan: &Plan) -> anyhow::Result<()> {
    let binary = std::path::absolute(binary)?;
    let databases = Databases::new(&plan.programs, database)?;
    println!("creating {} users and {} tasks, three times", plan.users, plan.tasks);
    databases.fill(&binary, plan.users, plan.tasks).await?;
    let servers = Servers::start(&binary, &databases, &plan.peers).await?;
    let taskwire = servers.server(Contestant::Taskwire).context("Taskwire does not run")?;
    let world = World::sign_in(&databases, taskwire, plan.people).await?;
    verify::tokens_are_checked(&servers, &world).await?;
    databases.settle().await?;
    let run = Run {
        plan,
        databases: &databases,
        servers: &servers,
        world: &world,
    };

    let mut report = Report {
        surroundings: RunEnvironment::collect(&binary, &databases, plan).await?,
        users_on_a_page: 0.0,
        bytes: BTreeMap::new(),
        figures: Vec::new(),
        peaks: BTreeMap::new(),
    };
    for workload in plan.workloads() {
        println!("{}", workload.name());
        let answers = verify::same_answers(&servers, workload, &world).await?;
        if workload == Workload::OwnList {
            report.users_on_a_page = answers.users;
            println!("  a page shows {:.1} different users", answers.users);
        }
        report.bytes.insert(workload, answers.bytes);
        report.figures.extend(run.workload(workload, answers).await?);
    }
    report.peaks = servers.peaks().await?;
    write(&plan.out, &report).await
}

async fn write(folder: &Path, report: &Report) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    for (name, content) in [
        ("peers.json", serde_json::to_string_pretty(report)? + "\n"),
        ("peers.md", report.markdown()),
        ("peers.svg", plot::svg(report)),
    ] {
        let path = folder.join(name);
        tokio::fs::write(&path, content)
            .await
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

struct Run<'a> {
    plan: &'a Plan,
    databases: &'a Databases,
    servers: &'a Servers,
    world: &'a World,
}

/// A server in one workload, with its requests and results.
struct Entry {
    contestant: Contestant,
    requests: Arc<[Prepared]>,
    rounds: Vec<Round>,
    memory: Option<u64>,
}

impl Run<'_> {
    /// Runs all rounds of a workload. The servers alternate, so that drift of the machine affects all of them.
    async fn workload(&self, workload: Workload, answers: Answers) -> anyhow::Result<Vec<Figure>> {
        let mut entries = Vec::new();
        for &contestant in workload.contestants() {
            entries.push(Entry {
                contestant,
                requests: self.requests(contestant, workload, answers)?,
                rounds: Vec::new(),
                memory: None,
            });
        }
        let warm_up = Duration::from_secs(self.plan.warm_up_seconds);
        let length = Duration::from_secs(self.plan.seconds);
        for entry in &mut entries {
            self.round(workload, entry, warm_up).await?;
            entry.rounds.clear();
            entry.memory = None;
        }
        for number in 0..self.plan.rounds {
            // Each round starts with another server.
            let count = entries.len();
            for offset in 0..count {
                self.round(workload, &mut entries[(number + offset) % count], length)
                    .await?;
            }
        }
        let figures = entries
            .iter()
            .map(|entry| Figure::new(workload, entry.contestant, &entry.rounds, entry.memory));
        let figures: Vec<Figure> = figures.collect();
        for figure in &figures {
            println!(
                "  {:<18}{:>10}/s  p50 {:.1} ms, p99 {:.1} ms",
                figure.contestant.name(),
                report::thousands(figure.rate),
                figure.p50_ms,
                figure.p99_ms
            );
        }
        Ok(figures)
    }

    fn requests(
        &self,
        contestant: Contestant,
        workload: Workload,
        answers: Answers,
    ) -> anyhow::Result<Arc<[Prepared]>> {
        let all = match contestant {
            Contestant::Postgres => Vec::new(),
            Contestant::Axum => {
                // It gets Taskwire's request, so that it reads a body of the same size.
                let theirs = requests(Contestant::Taskwire, workload, self.world)?;
                theirs
                    .into_iter()
                    .map(|request| request.to(format!("/{}", answers.bytes)))
                    .collect()
            }
            _ => requests(contestant, workload, self.world)?,
        };
        Ok(all.into())
    }

    async fn round(&self, workload: Workload, entry: &mut Entry, length: Duration) -> anyhow::Result<()> {
        let connections = workload.connections(self.plan.connections);
        let label = || format!("{}, {}", entry.contestant.name(), workload.name());
        let Some(server) = self.servers.server(entry.contestant) else {
            let round = floor::run(self.databases, self.world, workload, connections, length)
                .await
                .with_context(label)?;
            entry.rounds.push(round);
            return Ok(());
        };
        let (address, requests) = (server.address(), Arc::clone(&entry.requests));
        let mut load = tokio::task::spawn_blocking(move || load::run(address, &requests, connections, length));
        let mut samples = interval(SAMPLE_EVERY);
        let round = loop {
            tokio::select! {
                done = &mut load => break done?.with_context(label)?,
                _ = samples.tick() => entry.memory = entry.memory.max(Some(server.memory().await?)),
            }
        };
        entry.rounds.push(round);
        Ok(())
    }
}
