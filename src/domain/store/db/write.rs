//! Writes, in a transaction or as one statement, and the signals that follow a commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{ConnectionTrait as _, DbErr, QueryResult, QueryTrait, RuntimeErr, Statement};
use tracing::Instrument as _;

use super::durability::Durability;
use super::writer::Transaction;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::live::Bus;
use crate::domain::store::idempotency::Claim;
use crate::domain::store::{SHUT_DOWN, Store, idempotency};

impl Store {
    /// Begins a write. Dropping the transaction rolls it back.
    pub(in crate::domain) async fn begin(&self) -> Result<WriteTransaction> {
        self.durability.check()?;
        Ok(WriteTransaction {
            transaction: self.writer.begin().await?,
            durability: Arc::clone(&self.durability),
            claim: idempotency::current(),
            task: OnceLock::new(),
            bus: self.bus.clone(),
            is_event: AtomicBool::new(false),
            is_work: AtomicBool::new(false),
            sends_mail: self.sends_mail,
        })
    }

    /// Runs one auto-committed statement that appends an event, which saves three round trips. It completes even if the
    /// caller is cancelled, because subscribers wait for the event.
    pub(in crate::domain::store) async fn write_at_once(
        &self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, AtOnceError> {
        let (writer, bus) = (self.writer.clone(), self.bus.clone());
        let writing = async move {
            let rows = writer.at_once(&statement).await?;
            bus.announce();
            Ok(rows)
        };
        detached(writing).await.map_err(AtOnceError)
    }
}

/// Error of an auto-committed statement.
#[derive(Debug)]
pub(in crate::domain::store) struct AtOnceError(pub(in crate::domain::store) DbErr);

impl From<AtOnceError> for Error {
    /// If the result of the commit is unknown, the error must not invite a retry.
    fn from(AtOnceError(error): AtOnceError) -> Self {
        if is_undone(&error) {
            error.into()
        } else {
            Self::internal(error)
        }
    }
}

/// Whether the statement certainly changed nothing: it was never sent, or the database reported a failure. If the
/// database closes a connection, it may have committed before.
fn is_undone(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
    };
    let code = cause.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| !code.starts_with(SHUT_DOWN))
}

/// Runs to completion even if the caller is cancelled.
async fn detached<T: Send + 'static>(
    writing: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    let written = tokio::spawn(writing.in_current_span()).await;
    written.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

pub(in crate::domain) struct WriteTransaction {
    transaction: Transaction,
    durability: Arc<Durability>,
    /// Claim of the idempotency key, if the request has one.
    claim: Option<Arc<Claim>>,
    /// The first task that the write changes.
    task: OnceLock<TaskId>,
    bus: Bus,
    is_event: AtomicBool,
    is_work: AtomicBool,
    /// Whether notifications are also sent by email.
    pub(in crate::domain::store) sends_mail: bool,
}

impl WriteTransaction {
    /// The same transaction, which does not record the idempotency key of the request.
    pub(in crate::domain) fn without_key(self) -> Self {
        Self { claim: None, ..self }
    }

    pub(in crate::domain) fn connection(&self) -> &Transaction {
        &self.transaction
    }

    /// Runs a statement.
    pub(in crate::domain::store) async fn execute(&self, query: impl QueryTrait) -> Result<()> {
        self.count_affected(query).await.map(drop)
    }

    /// Runs a statement and returns the number of rows that it affected.
    pub(in crate::domain::store) async fn count_affected(&self, query: impl QueryTrait) -> Result<u64> {
        let statement = query.into_query();
        Ok(self.transaction.execute(&statement).await?.rows_affected())
    }

    /// Wakes live subscribers after the commit.
    pub(in crate::domain::store) fn announce(&self) {
        self.is_event.store(true, Ordering::Relaxed);
    }

    /// Records the changed task, and wakes live subscribers after the commit.
    pub(in crate::domain::store) fn announce_change(&self, task: TaskId) {
        self.task.get_or_init(|| task);
        self.announce();
    }

    /// Wakes the job workers of this server after the commit.
    pub(in crate::domain::store) fn announce_work(&self) {
        self.is_work.store(true, Ordering::Relaxed);
    }

    /// Commits, even if the caller is cancelled. If the commit fails, its result is unknown, so the error must not
    /// invite a retry.
    pub(in crate::domain) async fn commit(self) -> Result<()> {
        // Writes to a deleted file are lost.
        self.durability.check()?;
        if let Some(claim) = &self.claim
            && !idempotency::mark_written(&self, claim, self.task.get().copied()).await?
        {
            return Err(Error::internal(anyhow::anyhow!(
                "another attempt has taken over the idempotency key of this write"
            )));
        }
        let Self {
            transaction,
            bus,
            is_event,
            is_work,
            ..
        } = self;
        let writing = async move {
            transaction.commit().await?;
            if is_work.into_inner() {
                bus.announce_work();
            }
            if is_event.into_inner() {
                bus.announce();
            }
            Ok(())
        };
        detached(writing).await.map_err(Error::internal)
    }
}
