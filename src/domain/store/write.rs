//! Writing: in a transaction, or by one statement that is a transaction by itself; and who is told of it afterwards.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbErr, QueryResult, RuntimeErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait as _,
};
use tokio::sync::OwnedMutexGuard;

use super::{SHUT_DOWN, Store};
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::live::Bus;
use crate::domain::statistics::Cache;

impl Store {
    /// Begins a write. Dropping the transaction undoes it.
    pub(in crate::domain) async fn begin(&self) -> Result<WriteTransaction> {
        let turn = match &self.writer {
            Some(writer) => Some(Arc::clone(writer).lock_owned().await),
            None => None,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: turn.is_some().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await?;
        Ok(WriteTransaction {
            transaction,
            turn,
            news: self.news(),
            sends_mail: self.sends_mail,
        })
    }

    /// Writes by one statement that is a transaction by itself, which saves three round trips. A task of these users
    /// is changed by it.
    pub(super) async fn write_at_once(
        &self,
        statement: Statement,
        audience: &BTreeSet<UserId>,
    ) -> Result<Vec<QueryResult>, AtOnceError> {
        // All rows are read, for the commit comes behind them.
        let rows = self.connection.query_all_raw(statement).await.map_err(AtOnceError)?;
        let news = self.news();
        news.announce_change(audience);
        news.tell().await;
        Ok(rows)
    }

    fn news(&self) -> News {
        News {
            bus: self.bus.clone(),
            is_event: AtomicBool::new(false),
            is_work: AtomicBool::new(false),
            statistics: Arc::clone(&self.statistics),
            changed: Mutex::default(),
        }
    }
}

/// Why a statement that is a transaction by itself failed.
#[derive(Debug)]
pub(super) struct AtOnceError(pub(super) DbErr);

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

/// A write that has begun.
#[derive(Debug)]
pub(in crate::domain) struct WriteTransaction {
    // Dropped first: the transaction ends before the next writer has its turn.
    transaction: DatabaseTransaction,
    turn: Option<OwnedMutexGuard<()>>,
    news: News,
    sends_mail: bool,
}

impl WriteTransaction {
    /// For reading what the transaction sees.
    pub(in crate::domain) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Whether each notification is sent by mail as well.
    pub(super) fn sends_mail(&self) -> bool {
        self.sends_mail
    }

    /// Others wait for what is written: they are woken after the commit.
    pub(super) fn announce(&self) {
        self.news.announce();
    }

    /// A task of theirs was changed: others wait for that, and what is remembered of their tasks is not true any
    /// more after the commit.
    pub(super) fn announce_change(&self, audience: &BTreeSet<UserId>) {
        self.news.announce_change(audience);
    }

    /// A job was queued: whoever runs them here is woken after the commit.
    pub(super) fn announce_work(&self) {
        self.news.is_work.store(true, Ordering::Relaxed);
    }

    /// Makes the write last. When that fails, nobody knows whether it does, so the error is never one that
    /// invites to try again.
    pub(in crate::domain) async fn commit(self) -> Result<()> {
        self.transaction.commit().await.map_err(Error::internal)?;
        // The next writer need not wait for what follows.
        drop(self.turn);
        self.news.tell().await;
        Ok(())
    }
}

/// What others are to be told once a write lasts.
#[derive(Debug)]
struct News {
    bus: Bus,
    is_event: AtomicBool,
    is_work: AtomicBool,
    statistics: Arc<Cache>,
    /// Who sees the tasks that were changed, or saw them before.
    changed: Mutex<BTreeSet<UserId>>,
}

impl News {
    fn announce(&self) {
        self.is_event.store(true, Ordering::Relaxed);
    }

    fn announce_change(&self, audience: &BTreeSet<UserId>) {
        self.announce();
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.extend(audience);
    }

    async fn tell(self) {
        if self.is_work.into_inner() {
            self.bus.announce_work();
        }
        if self.is_event.into_inner() {
            self.bus.announce();
        }
        let changed = self.changed.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.statistics.forget(&changed).await;
    }
}
