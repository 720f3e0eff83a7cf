//! The clock of a server jumps by an hour, and back.

use std::fs;
use std::path::Path;

use super::cluster::Cluster;
use super::{FREEZE, lasts};

/// What Debian's package `faketime` installs, by architecture.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

async fn jumps(by: &str, fault: &str) {
    let library = LIBRARIES.iter().find(|library| Path::new(library).exists());
    let library = library.expect("libfaketime is installed; `cargo xtask chaos` installs it");
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    fs::write(&offset, "+0").unwrap();
    let settings = [
        ("LD_PRELOAD", *library),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Timers go on: only the time of day jumps.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let cluster = Cluster::start_with_first(&settings).await;
    let mut trial = cluster.under_load().await;
    fs::write(&offset, by).unwrap();
    trial.load.until_acknowledged(100).await;
    lasts(FREEZE / 4).await;
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
