//! Checks once a second that the database answers and that writes are durable.
//!
//! TCP does not report a dead peer: a statement would wait for its time limit, or for 15 minutes. If one connection is
//! silent and a new one answers, all others are dropped. Every new connection resolves the host name again.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait as _;
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::durability::WriteObstacle;
use crate::config::Backend;
use crate::domain::store::{SHUT_DOWN, Store};

/// Interval of the checks.
const EVERY: Duration = Duration::from_secs(1);
/// A connection that takes longer for a trivial query is dead if a new one answers.
const LIMIT: Duration = Duration::from_secs(3);
/// SQLite's write-ahead log is truncated above this size. It grows during long reads.
const MAX_WAL_BYTES: u64 = 64 * 1024 * 1024;
/// A truncation waits this long for readers. Writers wait meanwhile.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);
/// Minimum time between two truncations.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum Outage {
    Refused,
    TooManyClients,
    Authentication,
    Starting,
    Silent,
}

impl Outage {
    /// The text is safe to publish.
    pub(in crate::domain::store) fn reason(self) -> &'static str {
        match self {
            Self::Refused => "the database refuses connections: nothing listens at its address",
            Self::TooManyClients => "the database has too many clients",
            Self::Authentication => "the database refuses our user name or password",
            Self::Starting => "the database starts, stops or recovers",
            Self::Silent => "the database does not answer",
        }
    }

    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => Self::Refused,
            sqlx::Error::Database(error) => match error.code().as_deref() {
                Some("53300") => Self::TooManyClients,
                Some("28000" | "28P01" | "3D000") => Self::Authentication,
                Some(code) if code.starts_with(SHUT_DOWN) => Self::Starting,
                _ => Self::Silent,
            },
            _ => Self::Silent,
        }
    }
}

#[derive(Debug)]
pub(in crate::domain::store) struct Heartbeat {
    answered: Mutex<Instant>,
    outage: Mutex<Option<Outage>>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            answered: Mutex::new(Instant::now()),
            outage: Mutex::default(),
        }
    }
}

impl Heartbeat {
    /// Time since the last answer.
    pub(in crate::domain::store) fn silence(&self) -> Duration {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    pub(in crate::domain::store) fn outage(&self) -> Option<Outage> {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.set_outage(None);
    }

    fn set_outage(&self, found: Option<Outage>) {
        let mut known = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == found {
            return;
        }
        if let Some(outage) = found {
            tracing::error!("the database cannot be used: {}", outage.reason());
        } else {
            tracing::info!("the database answers again");
        }
        *known = found;
    }
}

impl Store {
    /// Runs until it is dropped.
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
                        self.truncate_wal().await;
                    }
                }
            }
            if self.durability.obstacle().is_some() {
                self.try_to_commit().await;
            }
        }
    }

    /// Tests with a write that changes no data whether commits succeed again. Uses a new connection, because one that
    /// began read-only stays read-only.
    async fn try_to_commit(&self) {
        self.writer.connections().forget_idle();
        let committed = async {
            let transaction = self.writer.begin().await?;
            transaction.change_nothing().await?;
            transaction.commit().await
        };
        match committed.await {
            Ok(()) => self.durability.set(None),
            Err(error) => tracing::debug!("the database still cannot be written: {error}"),
        }
    }

    fn is_wal_large(&self) -> bool {
        let wal = self.config.wal_path().and_then(|wal| wal.metadata().ok());
        wal.is_some_and(|wal| wal.len() > MAX_WAL_BYTES)
    }

    async fn truncate_wal(&self) {
        let wait = CHECKPOINT_WAIT.as_millis();
        let checkpoint = format!("PRAGMA busy_timeout = {wait}; PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = self.connection.execute_unprepared(&checkpoint).await {
            tracing::debug!("the write-ahead log was not emptied: {error}");
        }
    }
}

/// Checks PostgreSQL on a separate connection.
#[derive(Default)]
struct Probe {
    connection: Option<PgConnection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    /// Read-only by a setting of the database or its user.
    ReadOnly,
    /// Read-only because it replicates another server.
    Standby,
}

impl Probe {
    async fn check(&mut self, store: &Store) {
        let mut is_silent = false;
        if let Some(mut connection) = self.connection.take() {
            match timeout(LIMIT, role(&mut connection)).await {
                Ok(Ok(found)) => return self.note(store, connection, found),
                // If this connection was closed, other idle ones probably were too.
                Ok(Err(_)) => store.forget_idle(),
                Err(_) => is_silent = true,
            }
        }
        let options = store.connection.get_postgres_connection_pool().connect_options();
        let reconnect = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let found = role(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, found))
        };
        match timeout(LIMIT, reconnect).await {
            Ok(Ok((connection, found))) => {
                if is_silent {
                    tracing::warn!("the database answers over new connections only: all old connections are closed");
                    store.abandon();
                }
                self.note(store, connection, found);
            }
            Ok(Err(error)) => store.heartbeat.set_outage(Some(Outage::of(&error))),
            Err(_) => store.heartbeat.set_outage(Some(Outage::Silent)),
        }
    }

    fn note(&mut self, store: &Store, connection: PgConnection, role: Role) {
        store.heartbeat.beat();
        match role {
            Role::Primary => self.connection = Some(connection),
            // The setting applies to new connections only, so the next check needs a new one.
            Role::ReadOnly => store.durability.set(Some(WriteObstacle::ReadOnly)),
            // The next connection may lead to the primary.
            Role::Standby => {
                store.durability.set(Some(WriteObstacle::ReadOnly));
                store.abandon();
            }
        }
    }
}

async fn role(connection: &mut PgConnection) -> sqlx::Result<Role> {
    let found = sqlx::query_as("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean");
    Ok(match found.fetch_one(connection).await? {
        (true, _) => Role::Standby,
        (false, true) => Role::ReadOnly,
        (false, false) => Role::Primary,
    })
}
