//! The clock of a server jumps by an hour, and back.

use std::fs;

use tokio::time::sleep;

use super::FREEZE;
use super::cluster::Cluster;

#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
fn library() -> String {
    std::env::var("TASKWIRE_TEST_FAKETIME")
        .expect("TASKWIRE_TEST_FAKETIME names libfaketime; `cargo xtask chaos` installs and names it")
}

async fn jumps(by: &str, fault: &str) {
    let library = library();
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    fs::write(&offset, "+0").unwrap();
    let settings = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Only the time of day jumps; timers continue.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let cluster = Cluster::start_with_first(&settings).await;
    let mut trial = cluster.under_load().await;
    fs::write(&offset, by).unwrap();
    trial.load.until_acknowledged(100).await;
    sleep(FREEZE / 4).await;
    fs::write(&offset, "+0").unwrap();
    trial.until_recovered(&cluster).await;
    let failures = trial.reckon(fault, &cluster).await;
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test]
#[ignore = "needs libfaketime; `cargo xtask chaos` runs it"]
async fn a_clock_an_hour_ahead_fails_nothing() {
    jumps("+1h", "a server's clock jumps 1 h ahead and back").await;
}

#[tokio::test]
#[ignore = "needs libfaketime; `cargo xtask chaos` runs it"]
async fn a_clock_an_hour_behind_fails_nothing() {
    jumps("-1h", "a server's clock jumps 1 h back and ahead").await;
}
