//! PostgreSQL: dumps by `pg_dump`, and restores through a staging schema.

use std::path::Path;

use migration::TABLES;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::{self, PgConnection};
use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, IsolationLevel, RuntimeErr, Statement, TransactionOptions,
    TransactionTrait as _,
};
use secrecy::ExposeSecret as _;

use super::program::{Program, environment};
use super::script::{failed, load, quoted};
use super::{Contents, Renewal, Staged, contents, renew};
use crate::domain::error::{Error, Result};
use crate::domain::store::Store;
use crate::domain::store::admin::one;

/// The staging schema. Only restores use it.
const STAGING: &str = "taskwire_restore";
/// Advisory lock: one restore runs at a time.
const RESTORE_LOCK: i64 = 0x7461_736b_7265_7374;
/// The migration library's table.
const MIGRATIONS: &str = "seaql_migrations";

/// Exports a snapshot to `pg_dump`, so that writes and live delivery continue meanwhile.
pub(super) async fn dump(store: &Store, file: &Path) -> Result<Contents> {
    let options = TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    let snapshot = store.connection.begin_with_options(options).await?;
    snapshot
        .execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        .await?;
    let contents = contents(&snapshot).await?;
    let server: i32 = one(&snapshot, "SELECT current_setting('server_version_num')::int4 / 10000").await?;
    let schema: String = one(&snapshot, "SELECT current_schema()::text").await?;
    let name: String = one(&snapshot, "SELECT pg_export_snapshot()").await?;

    let program = Program::find("pg_dump", u32::try_from(server).unwrap_or_default()).await?;
    let mut command = program.command();
    command
        .args(["--format=custom", "--compress=0", "--data-only", "--no-password"])
        .arg(format!("--snapshot={name}"));
    let tables = tables_in(&snapshot, &schema).await?;
    for table in tables.iter().filter(|table| *table != MIGRATIONS) {
        command.arg(format!("--table={}.{}", quoted(&schema), quoted(table)));
    }
    let url = environment(store.config.url.expose_secret()).map_err(Error::internal)?;
    command.arg("--file").arg(file).envs(url);
    program.run(&mut command).await?;
    snapshot.rollback().await?;
    Ok(Contents {
        pg_dump: Some(program.major),
        ..contents
    })
}

/// Creates the tables of the dump's migration in the staging schema, loads the rows, and applies later migrations.
pub(super) async fn stage(store: &Store, dump: &Path, renewal: &Renewal<'_>) -> Result<Staged> {
    let program = Program::find("pg_restore", renewal.pg_dump.unwrap_or_default()).await?;
    let pool = store.connection.get_postgres_connection_pool();
    let mut connection = pool.acquire().await.map_err(failed)?.detach();
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(RESTORE_LOCK)
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if !locked {
        return Err(Error::invalid("restore", "another restore of this database is running"));
    }
    match fill(store, &program, dump, &mut connection, renewal).await {
        Ok(()) => Ok(Staged::Schema(connection)),
        Err(error) => {
            discard(store, connection).await;
            Err(error)
        }
    }
}

async fn fill(
    store: &Store,
    program: &Program,
    dump: &Path,
    connection: &mut PgConnection,
    renewal: &Renewal<'_>,
) -> Result<()> {
    // Created outside of the staging schema: dropping that would drop the extension too.
    store
        .connection
        .execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        .await?;
    drop_staging(store).await?;
    let schema = quoted(STAGING);
    let create = format!("CREATE SCHEMA {schema}");
    store.connection.execute_unprepared(&create).await?;
    let usual: String = one(&store.connection, "SELECT current_setting('search_path')").await?;
    let search_path = format!("{schema}, {usual}");

    let staging = store.alone(Some(search_path.clone())).await?;
    let filled = async {
        staging.migrate_up(Some(renewal.migrations)).await?;
        // The dump brings this row.
        staging.connection.execute_unprepared("DELETE FROM event_log").await?;
        for setting in [
            format!("SET search_path = {search_path}"),
            "SET statement_timeout = 0".to_owned(),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(setting))
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
        }
        load(program, dump, connection).await?;
        staging.migrate_up(None).await?;
        renew(&staging, renewal).await
    };
    let filled = filled.await;
    staging.close().await?;
    filled
}

/// Drops the live tables and moves the staged ones to their schema. Running servers see them with their next statement.
pub(super) async fn replace(store: &Store, lock: PgConnection) -> Result<()> {
    let replaced = swap(store).await;
    discard(store, lock).await;
    replaced
}

async fn swap(store: &Store) -> Result<()> {
    let transaction = store.lock_schema().await?;
    let connection = &transaction;
    let schema: String = one(connection, "SELECT current_schema()::text").await?;
    let in_schema = |table: &String| format!("{}.{}", quoted(&schema), quoted(table));
    let old = tables_in(connection, &schema).await?;
    if !old.is_empty() {
        let old = old.iter().map(in_schema).collect::<Vec<String>>().join(", ");
        // From here on no session can begin.
        connection.execute_unprepared(&format!("LOCK TABLE {old}")).await?;
        continue_session_ids(connection).await?;
        let dropped = connection.execute_unprepared(&format!("DROP TABLE {old}")).await;
        dropped.map_err(|error| dependent_objects(&error).unwrap_or_else(|| error.into()))?;
    }
    for table in tables_in(connection, STAGING).await? {
        let place = format!(
            "ALTER TABLE {}.{} SET SCHEMA {}",
            quoted(STAGING),
            quoted(&table),
            quoted(&schema)
        );
        connection.execute_unprepared(&place).await?;
    }
    Ok(transaction.commit().await?)
}

/// Access tokens hold ids of the replaced sessions, so the ids of new sessions continue after them.
async fn continue_session_ids(connection: &impl ConnectionTrait) -> Result<()> {
    // Null without the table.
    let live = "SELECT pg_get_serial_sequence(to_regclass(quote_ident(current_schema()) || '.sessions')::text, 'id')";
    let Some(live) = one::<Option<String>>(connection, live).await? else {
        return Ok(());
    };
    let staged = format!("SELECT pg_get_serial_sequence('{STAGING}.sessions', 'id')");
    let staged: String = one(connection, &staged).await?;
    let advance = format!(
        "SELECT setval('{staged}', GREATEST(staged.last_value, live.last_value)) \
         FROM {staged} AS staged, {live} AS live"
    );
    connection.execute_unprepared(&advance).await?;
    Ok(())
}

/// The error for objects of others, such as views, that depend on our tables.
fn dependent_objects(error: &DbErr) -> Option<Error> {
    const DEPENDENT_OBJECTS: &str = "2BP01";

    let DbErr::Exec(RuntimeErr::SqlxError(cause)) = error else {
        return None;
    };
    let cause = cause.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    let detail = cause.detail().filter(|_| cause.code() == DEPENDENT_OBJECTS)?;
    Some(Error::invalid(
        "database",
        format!("the tables cannot be replaced, because other objects depend on them: {detail}"),
    ))
}

/// Drops the staging schema and releases the lock.
pub(super) async fn discard(store: &Store, lock: PgConnection) {
    if let Err(error) = drop_staging(store).await {
        tracing::warn!("the schema {STAGING} was left behind: {:?}", error.cause());
    }
    // The lock ends with the connection, even if closing fails.
    drop(sqlx::Connection::close(lock).await);
}

async fn drop_staging(store: &Store) -> Result<()> {
    let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(STAGING));
    store.connection.execute_unprepared(&drop).await?;
    Ok(())
}

/// Our tables in this schema, ordered so that referenced tables come first. That of the migrations is the last.
async fn tables_in(connection: &impl ConnectionTrait, schema: &str) -> Result<Vec<String>> {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [schema.into()]);
    let rows = connection.query_all_raw(statement).await?;
    let names = rows.iter().map(|row| row.try_get_by_index(0));
    let there = names.collect::<Result<Vec<String>, DbErr>>()?;
    let ours = TABLES.iter().copied().chain([MIGRATIONS]).map(str::to_owned);
    Ok(ours.filter(|table| there.contains(table)).collect())
}
