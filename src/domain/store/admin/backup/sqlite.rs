//! SQLite: dumps by `VACUUM INTO`, and restores row by row through a connection.

use std::path::Path;

use migration::TABLES;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::{Contents, Renewal, Staged, contents, renew};
use crate::domain::error::{Error, Result};
use crate::domain::store::Store;
use crate::domain::store::admin::one;

/// The name under which the restoring connection attaches the file.
const BACKUP: &str = "backup";

/// One snapshot; writes continue meanwhile.
pub(super) async fn dump(store: &Store, file: &Path) -> Result<Contents> {
    store.connection.execute_raw(with_path("VACUUM INTO ?", file)?).await?;
    let copy = store.of_file(file).await?;
    let contents = contents(&copy.connection).await;
    copy.close().await?;
    contents
}

/// The dump is a database file already; only migrations are missing.
pub(super) async fn stage(store: &Store, file: &Path, renewal: &Renewal<'_>) -> Result<Staged> {
    let copy = store.of_file(file).await?;
    let staged = async {
        copy.migrate_up(None).await?;
        renew(&copy, renewal).await
    };
    let staged = staged.await;
    copy.close().await?;
    staged.map(|()| Staged::File(file.to_owned()))
}

/// Copies rows in one transaction and keeps the file. Processes that have the old file open would go on writing to it
/// after a replacement, and lose these writes.
pub(super) async fn replace(store: &Store, file: &Path) -> Result<()> {
    // Otherwise a table that is missing here would resolve to that of the backup.
    store.migrate_up(None).await?;
    let store = store.alone(None).await?;
    let attach = format!("ATTACH DATABASE ? AS {BACKUP}");
    store.connection.execute_raw(with_path(&attach, file)?).await?;
    let copied = copy_rows(&store).await;
    store.close().await?;
    copied
}

async fn copy_rows(store: &Store) -> Result<()> {
    let transaction = store.begin().await?;
    let connection = transaction.connection();
    let newest = "SELECT COALESCE(MAX(seq), 0) FROM main.sqlite_sequence WHERE name = 'sessions'";
    let newest_session: i64 = one(connection, newest).await?;
    for table in TABLES.iter().rev() {
        connection
            .execute_unprepared(&format!("DELETE FROM main.{table}"))
            .await?;
    }
    for table in TABLES {
        let sql = format!("SELECT group_concat('\"' || name || '\"') FROM pragma_table_info('{table}', 'main')");
        let columns: String = one(connection, &sql).await?;
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM {BACKUP}.{table}");
        connection.execute_unprepared(&copy).await?;
    }
    let names: Vec<String> = TABLES.iter().map(|table| format!("'{table}'")).collect();
    let names = names.join(", ");
    for sequences in [
        format!("DELETE FROM main.sqlite_sequence WHERE name IN ({names})"),
        format!(
            "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, seq FROM {BACKUP}.sqlite_sequence \
             WHERE name IN ({names})"
        ),
        // Access tokens hold ids of the replaced sessions.
        format!("UPDATE main.sqlite_sequence SET seq = MAX(seq, {newest_session}) WHERE name = 'sessions'"),
    ] {
        connection.execute_unprepared(&sequences).await?;
    }
    transaction.commit().await
}

/// Binds the path as the only value.
fn with_path(sql: &str, file: &Path) -> Result<Statement> {
    let path = file
        .to_str()
        .ok_or_else(|| Error::internal(anyhow::anyhow!("the path {} is not UTF-8", file.display())))?;
    Ok(Statement::from_sql_and_values(DbBackend::Sqlite, sql, [path.into()]))
}
