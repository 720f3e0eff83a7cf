//! The schema of the database: migrating it up and down.
//!
//! All steps of one command are one transaction, which holds a lock: several servers may start at
//! once, and one of them migrates.

use migration::{MigrationStatus, Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::domain::error::{Error, Result};
use crate::domain::store::Store;

/// Any number that no other user of the same database takes for a lock of its own.
const MIGRATION_LOCK: i64 = 0x7461_736b_7769_7265;

/// One migration, and whether it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name; names sort by age.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

impl Store {
    /// Every migration, the oldest first. Changes nothing.
    /// Fails when the database has one that a newer version made.
    pub(in crate::domain) async fn migrations(&self) -> Result<Vec<MigrationState>> {
        states(&self.reader).await
    }

    /// Applies what is pending; `steps` limits how many.
    pub(in crate::domain) async fn migrate_up(&self, steps: Option<u32>) -> Result<()> {
        if self.migrations().await?.iter().all(|migration| migration.applied) {
            return Ok(());
        }
        let transaction = self.lock_schema().await?;
        Migrator::up(&transaction, steps).await?;
        Ok(transaction.commit().await?)
    }

    /// Undoes the newest `steps` migrations, or all of them.
    pub(in crate::domain) async fn migrate_down(&self, steps: Option<u32>) -> Result<()> {
        self.migrations().await?;
        let transaction = self.lock_schema().await?;
        Migrator::down(&transaction, steps).await?;
        Ok(transaction.commit().await?)
    }

    /// Drops every table of ours and makes them anew, empty. Tables of others stay.
    pub(in crate::domain) async fn migrate_fresh(&self) -> Result<()> {
        self.migrations().await?;
        let transaction = self.lock_schema().await?;
        Migrator::down(&transaction, None).await?;
        Migrator::up(&transaction, None).await?;
        Ok(transaction.commit().await?)
    }

    /// A transaction that no other migration runs beside.
    pub(in crate::domain::store) async fn lock_schema(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // Waiting for another server's migration, or building an index, may take longer than a request may.
            transaction
                .execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }
}

/// Every migration that this version knows, the oldest first.
pub(in crate::domain::store) async fn states(connection: &impl ConnectionTrait) -> Result<Vec<MigrationState>> {
    let migrations = Migrator::get_migration_with_status_read_only(connection).await;
    // The library has this error for nothing else here.
    if let Err(DbErr::Custom(complaint)) = &migrations {
        let unknown = complaint.split('\'').nth(1).unwrap_or(complaint);
        return Err(Error::internal(anyhow::anyhow!(
            "the database was used by a newer version of taskwire, whose migration {unknown} this one ({}) does not \
             know: run the newer version, or restore a backup from before",
            env!("CARGO_PKG_VERSION")
        )));
    }
    Ok(migrations?
        .iter()
        .map(|migration| MigrationState {
            name: migration.name().to_owned(),
            applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}
