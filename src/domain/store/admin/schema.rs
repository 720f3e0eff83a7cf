//! Applies and reverts migrations.
//!
//! Each command is one transaction that holds a lock. Several servers may start at once; one of them migrates.

use migration::{MigrationStatus, Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::domain::error::{Error, Result};
use crate::domain::store::Store;

/// Advisory lock. Any number that no other application uses in the database.
const MIGRATION_LOCK: i64 = 0x7461_736b_7769_7265;

/// State of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Name; names sort by age.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

impl Store {
    /// Every migration, oldest first. Fails if a newer version applied a migration that is unknown here.
    pub(in crate::domain) async fn migrations(&self) -> Result<Vec<MigrationState>> {
        states(&self.reader).await
    }

    /// Number of this version's migrations that are not applied. 0 if a newer version has applied more, because those
    /// follow ours: servers of this version continue until they are replaced.
    pub(in crate::domain) async fn pending_migrations(&self) -> Result<usize> {
        let migrations = match Migrator::get_migration_with_status_read_only(&self.reader).await {
            Err(error) if unknown_in(&error).is_some() => return Ok(0),
            migrations => migrations?,
        };
        let pending = migrations
            .iter()
            .filter(|migration| migration.status() != MigrationStatus::Applied);
        Ok(pending.count())
    }

    /// Applies pending migrations, at most `steps`.
    pub(in crate::domain) async fn migrate_up(&self, steps: Option<u32>) -> Result<()> {
        if self.migrations().await?.iter().all(|migration| migration.applied) {
            return Ok(());
        }
        let transaction = self.lock_schema().await?;
        Migrator::up(&transaction, steps).await?;
        Ok(transaction.commit().await?)
    }

    /// Reverts the newest `steps` migrations, or all of them.
    pub(in crate::domain) async fn migrate_down(&self, steps: Option<u32>) -> Result<()> {
        self.migrations().await?;
        let transaction = self.lock_schema().await?;
        Migrator::down(&transaction, steps).await?;
        Ok(transaction.commit().await?)
    }

    /// Drops all our tables and creates them again, empty. Other tables remain.
    pub(in crate::domain) async fn migrate_fresh(&self) -> Result<()> {
        self.migrations().await?;
        let transaction = self.lock_schema().await?;
        Migrator::down(&transaction, None).await?;
        Migrator::up(&transaction, None).await?;
        Ok(transaction.commit().await?)
    }

    /// A transaction that excludes other migrations.
    pub(in crate::domain::store) async fn lock_schema(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // Waiting for another migration, or building an index, may exceed the limit for requests.
            transaction
                .execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
            // Statements of running servers queue behind a request to lock a table, and one reader, such as a backup, may
            // hold its lock for hours.
            transaction.execute_unprepared("SET LOCAL lock_timeout = '30s'").await?;
        }
        Ok(transaction)
    }
}

/// Every migration that this version knows, oldest first.
pub(in crate::domain::store) async fn states(connection: &impl ConnectionTrait) -> Result<Vec<MigrationState>> {
    let migrations = Migrator::get_migration_with_status_read_only(connection).await;
    if let Some(unknown) = migrations.as_ref().err().and_then(unknown_in) {
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

/// The name of a migration that a newer version applied. The library uses this error only for that.
fn unknown_in(error: &DbErr) -> Option<&str> {
    match error {
        DbErr::Custom(message) => Some(message.split('\'').nth(1).unwrap_or(message)),
        _ => None,
    }
}
