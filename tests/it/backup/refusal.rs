//! Backups and restores that are refused, and change nothing.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::archive::Opened;
use super::{Site, attach, create_task, left_beside};
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::Sandbox;

/// A site with a task, a file and a backup of both.
async fn with_backup() -> (Site, std::path::PathBuf) {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let task = create_task(&server, &token, "T").await;
    attach(&server, &token, task, "content").await;
    server.stop().await;
    let file = site.back_up().await;
    (site, file)
}

#[tokio::test]
async fn a_damaged_archive_is_refused_before_anything_changes() {
    let (site, file) = with_backup().await;
    let opened = Opened::read(&file);
    let bytes = fs::read(&file).unwrap();
    let target = Site::over(TestDatabase::create_empty().await);
    let broken = target.sandbox.path().join("broken.tar.gz");
    let restore = format!("restore {} --force", broken.display());
    let refused = async |what: &str, complaint: &str| {
        let output = target.sandbox.run(&restore).await;
        assert!(output.complaint().contains(complaint), "{what}: {output:?}");
        assert_eq!(target.stored(), 0, "{what}");
        let left: Vec<_> = fs::read_dir(target.sandbox.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["broken.tar.gz"], "{what}");
    };

    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&broken, &bytes[..length]).unwrap();
        refused(&format!("{length} bytes"), "the backup is damaged").await;
    }
    fs::write(&broken, "nothing of the kind").unwrap();
    refused("a text", "the backup is damaged").await;
    for position in [bytes.len() / 3, bytes.len() - 6] {
        let mut bytes = bytes.clone();
        bytes[position] ^= 1;
        fs::write(&broken, &bytes).unwrap();
        refused("a bit", "the backup is damaged").await;
    }

    let change = |change: &dyn Fn(&mut Opened)| {
        let mut opened = opened.clone();
        change(&mut opened);
        opened.write(&broken);
    };
    change(&|opened| *opened.entries[1].1.last_mut().unwrap() ^= 1);
    refused("the database", "was changed after it was written").await;
    change(&|opened| opened.entries[2].1 = b"CONTENT".to_vec());
    refused("a file", "was changed after it was written").await;
    change(&|opened| drop(opened.entries.remove(2)));
    refused("a file that is not there", "files of its manifest are not in it").await;
    change(&|opened| drop(opened.entries.pop()));
    refused("no end", "it breaks off").await;
    for path in ["../../evil", "/tmp/evil", "files/ab/../../evil"] {
        change(&|opened| opened.entries.insert(2, (path.to_owned(), b"x".to_vec())));
        refused(path, "which is not in its manifest").await;
        let name = json!(path.trim_start_matches("files/"));
        opened.clone().claiming("/files/0/name", name).write(&broken);
        refused(path, "it names files that no Taskwire server writes").await;
    }
    opened.clone().claiming("/format", json!(2)).write(&broken);
    refused("format", "the backup has the format 2").await;
    // 64 MiB of zeros are 64 KiB in the archive.
    opened.write_with(&broken, 64);
    refused("a long rest", "it holds more than its manifest names").await;
    drop(site);
}

#[tokio::test]
async fn a_backup_is_restored_only_to_the_same_engine_and_no_older_version() {
    let (site, file) = with_backup().await;
    let opened = Opened::read(&file);
    let other = site.sandbox.path().join("other.tar.gz");
    let restore = format!("restore {} --force", other.display());

    let (engine, database) = if is_postgres() {
        ("sqlite", "database.sqlite")
    } else {
        ("postgres", "database.dump")
    };
    let mut changed = opened
        .clone()
        .claiming("/engine", json!(engine))
        .claiming("/database/name", json!(database));
    changed.entries[1].0 = database.to_owned();
    changed.write(&other);
    let output = site.sandbox.run(&restore).await;
    assert!(
        output.complaint().contains("restore it to the same kind of database"),
        "{output:?}"
    );

    opened
        .claiming("/migration", json!("m29991231_000001_wonders"))
        .write(&other);
    let output = site.sandbox.run(&restore).await;
    assert!(
        output
            .complaint()
            .contains("whose migration m29991231_000001_wonders this version"),
        "{output:?}"
    );
    assert_eq!((site.count("tasks").await, site.stored()), (1, 1));
}

#[tokio::test]
async fn an_older_server_does_not_change_the_schema_of_a_newer_one() {
    let (site, file) = with_backup().await;
    site.database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_wonders', 0)")
        .await;
    for command in [
        "serve".to_owned(),
        "migrate up".to_owned(),
        "migrate fresh --yes".to_owned(),
        "user promote ann@example.com".to_owned(),
        format!("backup {} --force", file.display()),
        format!("restore {} --force", file.display()),
    ] {
        let output = site.sandbox.run(&command).await;
        assert_eq!(output.code, Some(1), "{output:?}");
        let complaints: Vec<&str> = output
            .stderr
            .lines()
            .filter(|line| line.contains("taskwire: "))
            .collect();
        let [complaint] = complaints[..] else {
            panic!("{command}: {output:?}")
        };
        assert!(
            complaint.contains("used by a newer version of taskwire, whose migration m29991231_000001_wonders"),
            "{command}: {complaint}"
        );
    }
    assert_eq!((site.count("tasks").await, site.stored()), (1, 1));
}

#[tokio::test]
async fn a_restore_that_fails_in_the_middle_changes_nothing() {
    let (source, file) = with_backup().await;
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    let token = server.registers("bob@example.com", PASSWORD).await;
    create_task(&server, &token, "Mine").await;
    // The storage accepts no files.
    fs::write(site.sandbox.path().join("uploads"), "in the way").unwrap();
    let restore = format!("restore {} --force", file.display());
    let output = site.sandbox.run(&restore).await;
    assert!(output.complaint().contains("the storage of files failed"), "{output:?}");
    fs::remove_file(site.sandbox.path().join("uploads")).unwrap();
    // A table accepts no rows: the restore removes the file that it has written.
    let (refuse, allow) = if is_postgres() {
        (
            "CREATE VIEW in_the_way AS SELECT * FROM task_tags",
            "DROP VIEW in_the_way",
        )
    } else {
        (
            "CREATE TRIGGER in_the_way BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'in_the_way'); END",
            "DROP TRIGGER in_the_way",
        )
    };
    site.database.execute(refuse).await;
    let output = site.sandbox.run(&restore).await;
    assert!(output.complaint().contains("in_the_way"), "{output:?}");
    assert_eq!((site.count("tasks").await, site.stored()), (1, 0));
    let tasks = server
        .graphql(&token, "{ tasks(first: 5) { nodes { title } } }", json!({}))
        .await;
    assert_eq!(tasks.data()["tasks"]["nodes"], json!([{ "title": "Mine" }]));
    if is_postgres() {
        let schemas = "SELECT COUNT(*) AS number FROM pg_namespace WHERE nspname = 'taskwire_restore'";
        assert_eq!(site.database.number(schemas).await, 0);
    }
    site.database.execute(allow).await;
    site.sandbox.run(&restore).await.printed();
    assert_eq!((site.count("tasks").await, site.stored()), (1, 1));
    drop(source);
}

#[tokio::test]
async fn a_backup_is_complete_or_does_not_exist() {
    let (site, file) = with_backup().await;
    let before = fs::read(&file).unwrap();
    let backup = |file: &Path| format!("backup {}", file.display());
    let output = site.sandbox.run(&backup(&file)).await;
    assert!(
        output.complaint().ends_with("exists already; --force replaces it"),
        "{output:?}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
    site.sandbox.run(&format!("{} --force", backup(&file))).await.printed();
    assert_ne!(fs::read(&file).unwrap(), before);
    assert_eq!(left_beside(&file), ["backup.tar.gz"]);

    let output = site.sandbox.run(&backup(site.sandbox.path())).await;
    assert!(
        output.complaint().ends_with("is a directory; name a file in it"),
        "{output:?}"
    );
    let output = site
        .sandbox
        .run(&backup(&site.sandbox.path().join("no/such/folder.tar.gz")))
        .await;
    assert!(output.complaint().starts_with("cannot write "), "{output:?}");
    // A limit of the file size has the effect of a full disk.
    let full = site.sandbox.path().join("full.tar.gz");
    // SQLite needs 32 KiB to open a database.
    let limit = if is_postgres() { 1 } else { 64 };
    let output = site.sandbox.run_limited(&backup(&full), limit).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    assert_eq!(left_beside(&full), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_database_no_backup_is_created() {
    let sandbox = Sandbox::bare();
    let backup = "backup x.tar.gz";
    let output = sandbox.run(backup).await;
    assert!(output.complaint().contains("taskwire.db does not exist"), "{output:?}");
    let memory = [("DATABASE_URL", "sqlite::memory:")];
    let output = sandbox.run_with(backup, &memory).await;
    assert!(output.complaint().contains("a database in memory"), "{output:?}");
    let output = sandbox.run_with("restore x.tar.gz", &memory).await;
    assert!(output.complaint().contains("a database in memory"), "{output:?}");
    let output = sandbox.run("restore x.tar.gz").await;
    assert!(output.complaint().starts_with("cannot read x.tar.gz: "), "{output:?}");
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0);

    let empty = Site::over(TestDatabase::create_empty().await);
    let output = empty.sandbox.run("migrate status").await;
    output.printed();
    let output = empty.sandbox.run(backup).await;
    assert!(
        output
            .complaint()
            .contains("has no tables: there is nothing to back up"),
        "{output:?}"
    );
}
