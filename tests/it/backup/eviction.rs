//! The command of the Kubernetes job, with another program in place of `taskwire`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::packaging::{kubernetes, one_of_kind};
use crate::support::process::{signal, until};

/// `taskwire backup`: takes ten seconds unless it is stopped.
const PROGRAM: &str = "trap 'touch stopped; exit 1' TERM; touch begun; for step in $(seq 100); do sleep 0.1; done";

/// Makes a file or folder older than a day.
fn age(path: &Path) {
    File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[tokio::test]
async fn an_evicted_backup_is_stopped_and_the_files_of_killed_ones_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (programs, backups) = (folder.path().join("bin"), folder.path().join("backups"));
    let copy = backups.join(".taskwire-backup-old");
    for path in [&programs, &copy] {
        fs::create_dir_all(path).unwrap();
    }
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
    let mut left: Vec<_> = fs::read_dir(&backups)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    // Without a new archive, the old one stays.
    assert_eq!(left, ["taskwire-new.tar.gz.partial", "taskwire-old.tar.gz"]);
}
