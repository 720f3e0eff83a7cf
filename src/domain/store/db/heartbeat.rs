//! Checks once a second that the database answers, and that what is written lasts.
//!
//! TCP tells nothing about a peer that is gone: a statement over a dead connection would wait for its time limit, or for
//! a quarter of an hour. So when one connection is silent and a new one answers, all others are given up. The name of the
//! database is resolved for every new connection.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait as _;
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::durability::WriteObstacle;
use crate::config::Backend;
use crate::domain::store::{SHUT_DOWN, Store};

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

/// Why the database cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum Outage {
    /// Nobody listens at its address.
    Refused,
    /// It has no connection left for us.
    TooManyClients,
    /// It does not accept our name or password.
    Authentication,
    /// It starts, stops or recovers.
    Starting,
    /// It does not answer.
    Silent,
}

impl Outage {
    /// In words that may be shown to anybody.
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

/// When the database answered last, and why it does not now.
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
    /// For how long the database has not answered.
    pub(in crate::domain::store) fn silence(&self) -> Duration {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Why the database cannot be used.
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

    /// Learns by a write that changes nothing whether one can be made durable again. Over a new connection: one that was
    /// read-only when it began stays so.
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
    /// It only lets read, by a setting for the database or for its user.
    ReadOnly,
    /// It only lets read, because it follows another server.
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
            Ok(Err(error)) => store.heartbeat.set_outage(Some(Outage::of(&error))),
            Err(_) => store.heartbeat.set_outage(Some(Outage::Silent)),
        }
    }

    fn note(&mut self, store: &Store, connection: PgConnection, role: Role) {
        store.heartbeat.beat();
        match role {
            Role::Primary => self.connection = Some(connection),
            // The setting counts for connections that begin after it, so the next check needs another one.
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
