//! Checks once a second that the database answers, and that what is written lasts.
//!
//! TCP tells nothing about a peer that is gone: a statement over a dead connection would wait for its time limit, or for
//! a quarter of an hour. So when one connection is silent and a new one answers, all others are given up. The name of the
//! database is resolved for every new connection.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, Connection as _, PgConnection};
use sea_orm::{ConnectionTrait as _, DbErr};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Store;
use super::durability::WriteObstacle;
use crate::config::Backend;

/// How often the database is asked.
const EVERY: Duration = Duration::from_secs(1);
/// A connection that takes longer for a constant is taken for dead when a new one answers.
const LIMIT: Duration = Duration::from_secs(3);
/// SQLite's write-ahead log is emptied when it is larger than this. It grows while somebody reads.
const MAX_WAL_BYTES: u64 = 64 * 1024 * 1024;
/// How long emptying it waits for those who read. Writers wait meanwhile.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);
/// How long to wait before it is tried again.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// When the database answered last.
#[derive(Debug)]
pub(super) struct Heartbeat {
    answered: Mutex<Instant>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            answered: Mutex::new(Instant::now()),
        }
    }
}

impl Heartbeat {
    /// For how long the database has not answered.
    pub(super) fn silence(&self) -> Duration {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn beat(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Store {
    /// Checks the database for as long as the server runs.
    pub(in crate::domain) async fn watch(self) {
        let mut turns = interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut postgres = Probe::default();
        let mut checkpoint_at = Instant::now();
        loop {
            turns.tick().await;
            match self.backend() {
                Backend::Postgres => postgres.check(&self).await,
                Backend::Sqlite => {
                    if matches!(timeout(LIMIT, self.ping()).await, Ok(Ok(()))) {
                        self.heartbeat.beat();
                    }
                    if self.is_wal_large() && Instant::now() >= checkpoint_at {
                        checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
                        self.empty_wal().await;
                    }
                }
            }
            if self.durability.obstacle().is_some() {
                self.try_to_commit().await;
            }
        }
    }

    /// Learns by a write that changes nothing whether one can be made durable again.
    async fn try_to_commit(&self) {
        let committed = async {
            let transaction = self.writer.begin().await?;
            transaction
                .execute_unprepared("UPDATE event_log SET identity = identity")
                .await?;
            transaction.commit().await
        };
        let committed: Result<(), DbErr> = committed.await;
        match committed {
            Ok(()) => self.durability.set(None),
            Err(error) => tracing::debug!("the database still cannot be written: {error}"),
        }
    }

    fn is_wal_large(&self) -> bool {
        let Some(mut path) = self.config.sqlite_path().map(std::path::PathBuf::into_os_string) else {
            return false;
        };
        path.push("-wal");
        Path::new(&path).metadata().is_ok_and(|wal| wal.len() > MAX_WAL_BYTES)
    }

    async fn empty_wal(&self) {
        let wait = CHECKPOINT_WAIT.as_millis();
        let checkpoint = format!("PRAGMA busy_timeout = {wait}; PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = self.connection.execute_unprepared(&checkpoint).await {
            tracing::debug!("the write-ahead log was not emptied: {error}");
        }
    }
}

/// Asks PostgreSQL over a connection of its own.
#[derive(Default)]
struct Probe {
    connection: Option<PgConnection>,
}

/// What the server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    /// It only lets read.
    Standby,
}

impl Probe {
    async fn check(&mut self, store: &Store) {
        let mut is_silent = false;
        if let Some(mut connection) = self.connection.take() {
            match timeout(LIMIT, role(&mut connection)).await {
                Ok(Ok(found)) => return self.note(store, connection, found),
                // When this connection has ended, the others that were idle have too.
                Ok(Err(_)) => store.forget_idle(),
                Err(_) => is_silent = true,
            }
        }
        let options = store.connection.get_postgres_connection_pool().connect_options();
        let anew = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let found = role(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, found))
        };
        match timeout(LIMIT, anew).await {
            Ok(Ok((connection, found))) => {
                if is_silent {
                    tracing::warn!("the database answers over new connections only: all others are given up");
                    store.abandon();
                }
                self.note(store, connection, found);
            }
            Ok(Err(error)) => tracing::debug!("the database cannot be reached: {error}"),
            Err(_) => tracing::debug!("the database does not answer"),
        }
    }

    fn note(&mut self, store: &Store, connection: PgConnection, role: Role) {
        store.heartbeat.beat();
        match role {
            Role::Primary => self.connection = Some(connection),
            // The next connection may lead to the primary.
            Role::Standby => {
                store.durability.set(Some(WriteObstacle::ReadOnly));
                store.abandon();
            }
        }
    }
}

async fn role(connection: &mut PgConnection) -> sqlx::Result<Role> {
    let is_standby = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(connection);
    Ok(if is_standby.await? {
        Role::Standby
    } else {
        Role::Primary
    })
}
