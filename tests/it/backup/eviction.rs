//! Backups that are stopped or killed leave no files. The command of the Kubernetes job runs with another program in
//! place of `taskwire`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::Site;
use crate::packaging::{kubernetes, one_of_kind, read};
use crate::support::process::{signal, until};

/// `taskwire backup`: takes ten seconds unless it is stopped.
const PROGRAM: &str = "trap 'touch stopped; exit 1' TERM; touch begun; for step in $(seq 100); do sleep 0.1; done";

/// Sets the time of a file or folder to more than a day ago.
fn age(path: &Path) {
    File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

/// Leaves the files of a complete backup, of one that runs, and of killed ones in a new folder.
fn leave_files(backups: &Path) {
    let copy = backups.join(".taskwire-backup-old");
    fs::create_dir_all(&copy).unwrap();
    let file = |name: &str| {
        let path = backups.join(name);
        fs::write(&path, "").unwrap();
        path
    };
    file(".taskwire-backup-old/taskwire.db");
    file("taskwire-new.tar.gz.partial");
    for old in [copy, file("taskwire-old.tar.gz.partial"), file("taskwire-old.tar.gz")] {
        age(&old);
    }
}

/// The sorted names in a folder.
fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// Without those of killed backups. The old archive stays as long as there is no new one.
const LEFT: [&str; 2] = ["taskwire-new.tar.gz.partial", "taskwire-old.tar.gz"];

#[tokio::test]
async fn an_evicted_backup_is_stopped_and_the_files_of_killed_ones_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (programs, backups) = (folder.path().join("bin"), folder.path().join("backups"));
    fs::create_dir(&programs).unwrap();
    leave_files(&backups);
    // The shell runs the file `backup`.
    symlink("/bin/sh", programs.join("taskwire")).unwrap();
    fs::write(folder.path().join("backup"), PROGRAM).unwrap();

    let all = kubernetes();
    let pod = &one_of_kind(&all, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let text = |pointer: &str| container.pointer(pointer).unwrap().as_str().unwrap();
    let mut job = Command::new(text("/command/0"))
        .arg(text("/command/1"))
        .arg(text("/args/0").replace("/backups", backups.to_str().unwrap()))
        .current_dir(folder.path())
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .spawn()
        .unwrap();
    let exists = |name: &str| folder.path().join(name).exists().then_some(());
    until("the backup to begin", async || exists("begun")).await;
    signal(job.id(), "TERM");
    let status = until("the job to end", async || job.try_wait().unwrap()).await;
    assert!(!status.success(), "{status}");
    assert_eq!(exists("stopped"), Some(()), "the job did not wait for the backup");
    assert_eq!(names_in(&backups), LEFT);
}

#[test]
fn the_systemd_unit_removes_the_files_of_killed_backups() {
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    leave_files(&backups);
    let unit = read("deploy/systemd/taskwire-backup.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStartPre=-"));
    let mut words = line.unwrap().split(' ').map(|word| word.trim_matches('"'));
    let mut command = Command::new(words.next().unwrap());
    assert!(
        command
            .args(words)
            .current_dir(folder.path())
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(names_in(&backups), LEFT);
}

/// Sends SIGTERM to a command that cannot connect to its database, as soon as it has a file in the empty `folder`.
/// Checks that it removes the file.
async fn expect_no_files_after_a_stop(command: &str, archive: &Path, folder: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_taskwire"))
        .arg(command)
        .arg(archive)
        .current_dir(elsewhere.path())
        .env_clear()
        .env("DATABASE_URL", "postgres://127.0.0.1:1/none")
        .env("TMPDIR", folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the command to begin", async || {
        (!names_in(folder).is_empty()).then_some(())
    })
    .await;
    signal(process.id(), "TERM");
    let status = until("the command to end", async || process.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(1), "{status}");
    assert_eq!(names_in(folder), Vec::<OsString>::new());
}

#[tokio::test]
async fn a_backup_that_is_stopped_while_it_connects_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("backup.tar.gz");
    expect_no_files_after_a_stop("backup", &archive, folder.path()).await;
}

#[tokio::test]
async fn a_restore_that_is_stopped_before_it_is_connected_leaves_no_files() {
    let site = Site::new().await;
    let archive = site.back_up().await;
    let folder = tempfile::tempdir().unwrap();
    expect_no_files_after_a_stop("restore", &archive, folder.path()).await;
}
