//! The servers: each is a separate process that runs for the whole comparison.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use tokio::process::Command;

use super::data::Databases;
use super::workload::Contestant;
use crate::server::{Output, SECRET_KEY, Server};

/// Database connections of each server: the default of Taskwire.
pub(super) const POOL: &str = "10";

/// Settings of Taskwire: production, with enabled limits that are too high to be reached.
pub(super) const SETTINGS: [(&str, &str); 6] = [
    ("APP_ENV", "production"),
    ("DATABASE_MAX_CONNECTIONS", POOL),
    ("GRAPHQL_POINTS_PER_MINUTE", "2000000000"),
    ("RATE_LIMIT_PER_MINUTE", "2000000000"),
    ("RATE_LIMIT_STRICT_PER_MINUTE", "2000000000"),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "600"),
];

pub(crate) struct Servers {
    servers: BTreeMap<Contestant, Server>,
}

impl Servers {
    /// Starts Taskwire, the peers and the constant server.
    pub(crate) async fn start(binary: &Path, databases: &Databases, peers: &Path) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        let taskwire = Server::taskwire(binary, &databases.taskwire(), &SETTINGS, Output::Logged).await?;
        servers.insert(Contestant::Taskwire, taskwire);
        for (contestant, script) in [
            (Contestant::Mercurius, "mercurius.js"),
            (Contestant::PostGraphile, "postgraphile.js"),
            (Contestant::Yoga, "yoga.js"),
        ] {
            let server = Server::other(|port| node(peers, script, &databases.peers(), port))
                .await
                .with_context(|| format!("cannot start {}", contestant.name()))?;
            servers.insert(contestant, server);
        }
        let here = std::env::current_exe()?;
        let constant = Server::other(|port| {
            let mut command = Command::new(here);
            command.args(["constant", "--port", &port.to_string()]);
            command
        })
        .await?;
        servers.insert(Contestant::Axum, constant);
        Ok(Self { servers })
    }

    pub(crate) fn server(&self, contestant: Contestant) -> Option<&Server> {
        self.servers.get(&contestant)
    }

    /// The server, unless it returns constants.
    pub(crate) fn peer(&self, contestant: Contestant) -> Option<&Server> {
        self.server(contestant).filter(|_| contestant != Contestant::Axum)
    }

    /// Peak memory of each server in bytes.
    pub(crate) async fn peaks(&self) -> anyhow::Result<BTreeMap<Contestant, u64>> {
        let mut peaks = BTreeMap::new();
        for (contestant, server) in &self.servers {
            peaks.insert(*contestant, server.peak_memory().await?);
        }
        Ok(peaks)
    }
}

fn node(folder: &Path, script: &str, database: &str, port: u16) -> Command {
    let mut command = Command::new("node");
    command
        .arg(script)
        .current_dir(folder)
        .env("NODE_ENV", "production")
        .env("GRAPHILE_ENV", "production")
        .env("PORT", port.to_string())
        .env("DATABASE_URL", database)
        .env("DATABASE_MAX_CONNECTIONS", POOL)
        .env("SECRET_KEY", SECRET_KEY);
    command
}
