//! `cargo xtask chaos`: all fault tests on both databases, and a table of the results.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::install::{self, Package};
use crate::process::workspace_root;
use crate::servers::{Durability, Servers};
use crate::test;

/// Where Debian's package puts the library that changes a program's clock.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

const HEADER: &str = "\
| fault | database | writes acknowledged | missing | doubled | torn | events lost | repeated | out of order | failed attempts | answers lost | recovery | shown by readiness and alerts |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// Runs the tests of faults one at a time; with `filter`, only those whose path begins with it.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    install::provide(missing)?;
    let servers = Servers::start(Durability::Careless)?;
    let folder = workspace_root().join("target/chaos");
    fs::create_dir_all(&folder)?;
    let rows = folder.join("rows");
    if rows.exists() {
        fs::remove_file(&rows)?;
    }
    let filter = format!("chaos::{}", filter.unwrap_or_default());
    let args = ["--test=it", &filter, "--", "--include-ignored", "--test-threads=1"].map(str::to_owned);
    let faketime = faketime().context("libfaketime is missing")?;
    let settings = [
        ("TASKWIRE_CHAOS_REPORT", rows.as_os_str()),
        (
            "TASKWIRE_TEST_POSTGRES_PROGRAMS",
            servers.postgres_programs().as_os_str(),
        ),
        ("TASKWIRE_TEST_FAKETIME", OsStr::new(faketime)),
    ];
    let reports = test::on_both(&servers, "chaos", &args, &settings)?;
    let table = folder.join("report.md");
    let found = fs::read_to_string(&rows).context("no fault test ran")?;
    fs::write(&table, format!("{HEADER}{found}"))?;
    println!("xtask: the table is in {}", table.display());
    test::conclude(&reports)
}

fn faketime() -> Option<&'static str> {
    FAKETIME.into_iter().find(|library| Path::new(library).exists())
}

fn missing() -> Vec<&'static Package> {
    let mut missing = Vec::new();
    if which::which("caddy").is_err() {
        missing.push(&install::CADDY);
    }
    // Not every search path contains it.
    if which::which("nginx").is_err() && !fs::exists("/usr/sbin/nginx").unwrap_or_default() {
        missing.push(&install::NGINX);
    }
    if faketime().is_none() {
        missing.push(&install::FAKETIME);
    }
    missing
}
