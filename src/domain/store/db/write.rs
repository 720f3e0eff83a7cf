//! Writing: in a transaction, or by one statement that is a transaction by itself; and who is told of it afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement};
use tracing::Instrument as _;

use super::durability::Durability;
use super::writer::Transaction;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::live::Bus;
use crate::domain::store::idempotency::Claim;
use crate::domain::store::{SHUT_DOWN, Store, idempotency};

impl Store {
    /// Begins a write. Dropping the transaction undoes it.
    pub(in crate::domain) async fn begin(&self) -> Result<WriteTransaction> {
        self.durability.check()?;
        Ok(WriteTransaction {
            transaction: self.writer.begin().await?,
            durability: Arc::clone(&self.durability),
            claim: idempotency::current(),
            task: OnceLock::new(),
            news: self.news(),
            sends_mail: self.sends_mail,
        })
    }

    /// Writes by one statement that is a transaction by itself, which saves three round trips. It appends an event. It
    /// goes on when the caller goes away: others wait for what was committed.
    pub(in crate::domain::store) async fn write_at_once(
        &self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, AtOnceError> {
        let (writer, news) = (self.writer.clone(), self.news());
        news.announce();
        let writing = async move {
            let rows = writer.at_once(&statement).await?;
            news.tell();
            Ok(rows)
        };
        to_the_end(writing).await.map_err(AtOnceError)
    }

    fn news(&self) -> News {
        News {
            bus: self.bus.clone(),
            is_event: AtomicBool::new(false),
            is_work: AtomicBool::new(false),
        }
    }
}

/// Why a statement that is a transaction by itself failed.
#[derive(Debug)]
pub(in crate::domain::store) struct AtOnceError(pub(in crate::domain::store) DbErr);

impl From<AtOnceError> for Error {
    /// Where nobody knows whether it was committed, the error is never one that invites to try again.
    fn from(AtOnceError(error): AtOnceError) -> Self {
        if is_undone(&error) {
            error.into()
        } else {
            Self::internal(error)
        }
    }
}

/// Whether the statement is certain to have changed nothing: it was never sent, or the database says so. When the
/// database ends a connection, it may do so after the commit.
fn is_undone(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    let code = cause.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| !code.starts_with(SHUT_DOWN))
}

/// Runs to its end, whether or not the caller waits for it.
async fn to_the_end<T: Send + 'static>(
    writing: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    let written = tokio::spawn(writing.in_current_span()).await;
    written.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

/// A write that has begun.
#[derive(Debug)]
pub(in crate::domain) struct WriteTransaction {
    transaction: Transaction,
    durability: Arc<Durability>,
    /// The idempotency key that it is written under.
    claim: Option<Arc<Claim>>,
    /// The first task that it changes.
    task: OnceLock<TaskId>,
    news: News,
    sends_mail: bool,
}

impl WriteTransaction {
    /// For reading what the transaction sees.
    pub(in crate::domain) fn connection(&self) -> &Transaction {
        &self.transaction
    }

    /// Whether each notification is sent by mail as well.
    pub(in crate::domain::store) fn sends_mail(&self) -> bool {
        self.sends_mail
    }

    /// Others wait for what is written: they are woken after the commit.
    pub(in crate::domain::store) fn announce(&self) {
        self.news.announce();
    }

    /// A task was changed: others wait for that.
    pub(in crate::domain::store) fn announce_change(&self, task: TaskId) {
        self.task.get_or_init(|| task);
        self.announce();
    }

    /// A job was queued: whoever runs them here is woken after the commit.
    pub(in crate::domain::store) fn announce_work(&self) {
        self.news.is_work.store(true, Ordering::Relaxed);
    }

    /// Makes the write last, even when the caller goes away. When that fails, nobody knows whether it does, so the error
    /// is never one that invites to try again.
    pub(in crate::domain) async fn commit(self) -> Result<()> {
        // Of a file that is gone nothing lasts.
        self.durability.check()?;
        if let Some(claim) = &self.claim
            && !idempotency::mark_written(&self.transaction, claim, self.task.get().copied()).await?
        {
            return Err(Error::internal(anyhow::anyhow!(
                "another attempt has taken over the idempotency key of this write"
            )));
        }
        let (transaction, news) = (self.transaction, self.news);
        let writing = async move {
            transaction.commit().await?;
            news.tell();
            Ok(())
        };
        to_the_end(writing).await.map_err(Error::internal)
    }
}

/// What others are to be told once a write lasts.
#[derive(Debug)]
struct News {
    bus: Bus,
    is_event: AtomicBool,
    is_work: AtomicBool,
}

impl News {
    fn announce(&self) {
        self.is_event.store(true, Ordering::Relaxed);
    }

    fn tell(self) {
        if self.is_work.into_inner() {
            self.bus.announce_work();
        }
        if self.is_event.into_inner() {
            self.bus.announce();
        }
    }
}
