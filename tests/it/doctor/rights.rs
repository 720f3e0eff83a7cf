//! Rights of a PostgreSQL user on each table, and of this user on the SQLite file.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use super::{fails, finding, has_line};
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{CommandOutput, Sandbox};
use crate::support::role::Role;

/// The statements that grant the missing rights.
fn grants(output: &CommandOutput) -> &str {
    finding(output, "rights").1.split_once("grants them with: ").unwrap().1
}

/// Runs doctor as a user. The check fails with all of these words, and the statements that it prints fix it.
async fn check_printed_grants(database: &TestDatabase, user: &Role, words: &[&str]) {
    let sandbox = Sandbox::over(database).with("DATABASE_URL", user.url());
    let output = fails(&sandbox, "rights", words).await;
    for depending in ["tables", "writing", "jobs"] {
        assert!(!has_line(&output, depending), "{output:?}");
    }
    database.execute(grants(&output)).await;
    let output = sandbox.run("doctor").await;
    assert_eq!(finding(&output, "rights").0, "ok", "{output:?}");
}

#[tokio::test]
async fn missing_rights_are_named_with_the_statements_that_grant_them() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let user = Role::create(&database).await;
    let name = user.sql_name();
    let all = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE account_changes, attachments, ";
    check_printed_grants(
        &database,
        &user,
        &[all, "GRANT SELECT ON TABLE seaql_migrations TO ", name],
    )
    .await;
    let output = Sandbox::over(&database)
        .with("DATABASE_URL", user.url())
        .run("doctor")
        .await;
    for subject in ["tables", "writing", "jobs"] {
        assert_eq!(finding(&output, subject).0, "ok", "{output:?}");
    }

    database
        .execute(&format!("REVOKE DELETE ON tags, tasks FROM {name}"))
        .await;
    database
        .execute(&format!("REVOKE INSERT, UPDATE ON jobs FROM {name}"))
        .await;
    let some = format!("GRANT DELETE ON TABLE tags, tasks TO {name}; GRANT INSERT, UPDATE ON TABLE jobs TO {name};");
    check_printed_grants(&database, &user, &[&some]).await;

    // As in a database of an older version.
    database
        .execute(
            "ALTER TABLE tags ALTER id DROP IDENTITY; CREATE SEQUENCE numbers OWNED BY tags.id; \
             ALTER TABLE tags ALTER id SET DEFAULT nextval('numbers')",
        )
        .await;
    check_printed_grants(&database, &user, &["GRANT USAGE ON SEQUENCE numbers TO"]).await;

    database.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC").await;
    check_printed_grants(&database, &user, &["GRANT USAGE ON SCHEMA public TO"]).await;
    user.remove(&database).await;

    let database = TestDatabase::create_empty().await;
    let user = Role::create(&database).await;
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let sandbox = Sandbox::over(&database).with("DATABASE_URL", user.url());
    let words = ["GRANT CREATE ON SCHEMA public TO", "GRANT CREATE ON DATABASE taskwire_"];
    let output = fails(&sandbox, "rights", &words).await;
    database.execute(grants(&output)).await;
    fails(&sandbox, "tables", &["migrations pending"]).await;
    sandbox.run("migrate up").await.printed();
    let output = sandbox.run("doctor").await;
    assert_eq!(output.code, Some(0), "{output:?}");
    user.remove(&database).await;
}

/// The binary without root's right to ignore permissions.
fn without_override() -> Command {
    let binary = env!("CARGO_BIN_EXE_taskwire");
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return Command::new(binary);
    }
    let mut program = Command::new("setpriv");
    let rights = "-dac_override,-dac_read_search";
    program.args(["--bounding-set", rights, "--inh-caps", rights, binary]);
    program
}

#[tokio::test]
async fn a_file_or_folder_that_cannot_be_written_is_named() {
    if is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let file = Path::new(database.url().trim_start_matches("sqlite:"));
    let wal = file.with_extension("db-wal");
    fs::write(&wal, "").unwrap();
    let sandbox = Sandbox::over(&database);
    for (path, mode) in [
        (file, 0o444),
        (file, 0o000),
        (&wal, 0o444),
        (file.parent().unwrap(), 0o555),
    ] {
        let kept = fs::metadata(path).unwrap().permissions();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let output = sandbox.run_in(without_override(), "doctor").await;
        fs::set_permissions(path, kept).unwrap();
        let (verdict, text) = finding(&output, "database");
        assert_eq!((output.code, verdict), (Some(1), "FAILED"), "{output:?}");
        assert!(
            text.contains(&format!(" {} cannot be ", path.display())) && text.contains("Permission denied"),
            "{text}"
        );
    }
    let output = sandbox.run_in(without_override(), "doctor").await;
    assert_eq!(finding(&output, "writing").0, "ok", "{output:?}");

    let sandbox = Sandbox::over(&database).with("DATABASE_URL", &format!("{}?mode=ro", database.url()));
    fails(
        &sandbox,
        "writing",
        &[file.to_str().unwrap(), "is read-only; remove mode=ro"],
    )
    .await;
}

#[tokio::test]
async fn a_read_only_database_is_reported_as_such() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let user = Role::create(&database).await;
    user.grant_everything(&database).await;
    let name = user.sql_name();
    database
        .execute(&format!("ALTER ROLE {name} SET default_transaction_read_only = on"))
        .await;
    let sandbox = Sandbox::over(&database).with("DATABASE_URL", user.url());
    fails(
        &sandbox,
        "writing",
        &["it is read-only", "default_transaction_read_only"],
    )
    .await;
    user.remove(&database).await;
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_reported() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let user = Role::create(&database).await;
    let name = user.sql_name();
    database.execute(&format!("ALTER ROLE {name} CONNECTION LIMIT 0")).await;
    let sandbox = Sandbox::over(&database).with("DATABASE_URL", user.url());
    fails(&sandbox, "database", &["too many connections for role"]).await;
    user.remove(&database).await;
}
