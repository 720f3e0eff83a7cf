//! A backup is taken, and restored, while clients write.

use super::cluster::Cluster;

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_backup_fails_no_request() {
    let cluster = Cluster::start().await;
    let mut trial = cluster.under_load().await;
    cluster.sandbox(0).run("backup during.tar.gz").await.printed();
    trial.until_recovered(&cluster).await;
    let failures = trial.reckon("a backup is taken", &cluster).await;
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_restore_keeps_what_was_acknowledged_before_the_backup_and_after_the_restore() {
    let cluster = Cluster::start().await;
    let mut trial = cluster.under_load().await;
    let before = trial.load.acknowledged();
    cluster.sandbox(0).run("backup during.tar.gz").await.printed();
    trial.load.until_acknowledged(100).await;
    cluster.sandbox(0).run("restore during.tar.gz --force").await.printed();
    // A response may arrive after the restore to a write that was committed before it.
    let begun = trial.load.begun();
    trial.forget(begun.filter(|title| before.iter().all(|write| write.title != *title)));
    trial.until_recovered(&cluster).await;
    trial.reckon("a backup is restored", &cluster).await;
}
